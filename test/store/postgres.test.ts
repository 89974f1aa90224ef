import { describe, expect, onTestFinished, test } from 'vitest';
import type { AuditStore } from '../../src/store/audit-store.js';
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
});
