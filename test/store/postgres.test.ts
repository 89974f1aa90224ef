import { describe, expect, onTestFinished, test } from 'vitest';
import { HISTORY_FIELDS } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { connectionOf, markOf } from '../../src/store/postgres/engine/index.js';
import { pageStatement } from '../../src/store/postgres/trail/page-statement.js';
import { columnsOf } from '../../src/store/postgres/trail/pages.js';
import { describeStore } from './conformance/index.js';
import { HAS_POSTGRES, makePostgresTrail } from './postgres-trail.js';
import type { PostgresTrail } from './postgres-trail.js';
import { readAll } from './trail.js';

/** A trail that is gone after the test, with one connection. */
async function postgresTrail(): Promise<{ readonly trail: PostgresTrail; readonly store: AuditStore }> {
  const trail = await makePostgresTrail();
  onTestFinished(() => trail.remove());
  return { trail, store: await trail.open() };
}

const insert = (action: string): string => `INSERT INTO daybook.daybook_entries (action) VALUES ('${action}')`;

describe.skipIf(!HAS_POSTGRES)('a trail in PostgreSQL', () => {
  // Each try waits for a server, some milliseconds for each question.
  describeStore('as any', makePostgresTrail, (often) => Math.ceil(often / 8));

  test('has at a mark what was committed by then, and beyond it all that came since', async () => {
    const { trail, store } = await postgresTrail();
    const [late, early] = [await trail.plain(), await trail.plain()];
    await late.query('BEGIN');
    await late.query(insert('late'));
    await early.query(insert('early'));
    const mark = await store.mark();
    const actions = async (query: Parameters<typeof readAll>[1]): Promise<string[]> =>
      (await readAll(store, { order: 'recorded', ...query })).map(({ action }) => action);
    expect(await actions({ upTo: mark })).toEqual(['early']);
    await late.query('COMMIT');
    await early.query(insert('later'));
    expect(await actions({ upTo: mark })).toEqual(['early']);
    expect(await actions({ beyond: mark })).toEqual(['late', 'later']);
    expect(await actions({})).toEqual(['late', 'early', 'later']);
  });

  test.each<Filter>([{}, { actor: ['a'] }, { reverted: false }])(
    'reads for a page of %j what it holds, and not all there is',
    async (filter) => {
      const { trail } = await postgresTrail();
      const client = await trail.plain();
      await client.query(
        `INSERT INTO daybook.daybook_entries (action, actor) SELECT 'x', 'a' FROM generate_series(1, 2000)`,
      );
      await client.query('ANALYZE daybook.daybook_entries; SET search_path = daybook');
      const query = { filter, order: 'newest', limit: 50, upTo: markOf(1, '9999999:9999999:') } as const;
      const generations = [{ generation: 1, afterSeq: 0 }];
      const page = pageStatement(generations, query, columnsOf(HISTORY_FIELDS, generations), 50);
      const plan = await connectionOf(client).rows<[string]>({ ...page, sql: `EXPLAIN ${page.sql}` });
      const lines = plan.map(([line]) => line);
      expect(lines.join('\n')).toMatch(/Index/);
      expect(lines.filter((line) => /Seq Scan|Sort|hashed/.test(line))).toEqual([]);
    },
  );
});
