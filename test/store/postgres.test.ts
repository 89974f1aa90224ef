import { describe, expect, onTestFinished, test } from 'vitest';
import { HISTORY_FIELDS, newEntry } from '../../src/core/entry.js';
import type { NewEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import type { AuditStore, BatchOutcome, RecordRequest } from '../../src/store/audit-store.js';
import { connectionOf, grantsOf, markOf } from '../../src/store/postgres/engine/index.js';
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

  describe('many at once', () => {
    const many = (count: number, fields: (index: number) => Partial<NewEntry> = () => ({})): RecordRequest[] =>
      Array.from({ length: count }, (_, index) => {
        const given = {
          id: `n${index}`,
          ts: `2026-03-05T12:00:00.${String(index).padStart(3, '0')}Z`,
          ...fields(index),
        };
        return { entry: newEntry({ action: 'create', ...given }), given: Object.keys(given) as (keyof NewEntry)[] };
      });
    const countOf = (outcomes: readonly BatchOutcome[], outcome: string): number =>
      outcomes.filter((one) => one.outcome === outcome).length;

    test('keeps every character', async () => {
      const { store } = await postgresTrail();
      const TEXTS = [
        '',
        '\\N',
        '\\.',
        '\\',
        '\\\\',
        '\t',
        '\n',
        '\r\n',
        'a\tb\\tc',
        'ä',
        '修正',
        '🎉',
        '\b\f\v',
        "'",
        '"',
        '\u2028',
        'N',
        'x'.repeat(5000),
      ];
      const entries = many(10 * TEXTS.length, (index) => {
        const text = TEXTS[index % TEXTS.length] ?? '';
        const document = JSON.stringify({ [text]: text });
        return {
          message: text,
          entity_name: text,
          correlation_id: text,
          metadata: document,
          old_values: document,
          actor: `a${text}`,
        };
      });
      expect(countOf(await store.recordOneOfMany(entries), 'recorded')).toBe(entries.length);
      const recorded = await readAll(store, { order: 'recorded' });
      expect(recorded).toMatchObject(entries.map(({ entry }) => entry));
    });

    test('records what is new among what is there already, and nothing behind a conflict', async () => {
      const { store } = await postgresTrail();
      expect(countOf(await store.recordOneOfMany(many(150)), 'recorded')).toBe(150);
      const longer = await store.recordOneOfMany(many(300));
      expect([countOf(longer, 'skipped'), countOf(longer, 'recorded')]).toEqual([150, 150]);
      const further = many(300, (index) => ({ id: `m${index}` }));
      expect(countOf(await store.recordOneOfMany(further), 'recorded')).toBe(300);
      const twice = many(200, (index) => ({
        id: `k${index % 120}`,
        message: 'the same',
        ts: '2026-03-05T12:00:00.000Z',
      }));
      const outcomes = await store.recordOneOfMany(twice);
      expect([countOf(outcomes, 'skipped'), countOf(outcomes, 'recorded')]).toEqual([80, 120]);
      const others = many(150, (index) => (index === 120 ? { id: 'n0', message: 'another' } : { id: `o${index}` }));
      const stopped = await store.recordOneOfMany(others, { stopAtConflict: true });
      expect(stopped.map(({ outcome }) => outcome)).toEqual([...Array<string>(120).fill('recorded'), 'conflict']);
      expect((await store.extent({})).count).toBe(300 + 300 + 120 + 120);
    });

    test('has the names of the directory, where the entry is of now', async () => {
      const { trail, store } = await postgresTrail();
      await (await trail.plain()).query(`INSERT INTO daybook.daybook_actors (actor, name) VALUES ('anna', 'Anna')`);
      const now = (index: number): Partial<NewEntry> => ({ ts: null, actor: index % 2 === 0 ? 'anna' : 'bert' });
      const requests = many(150, now).map(({ entry }) => ({ entry, given: [] }));
      await store.recordOneOfMany(requests);
      expect((await store.extent({ actor: ['anna'] })).count).toBe(75);
      const names = (await readAll(store, { order: 'recorded' })).map((entry) => entry.actor_name);
      expect(names).toEqual(requests.map((_, index) => (index % 2 === 0 ? 'Anna' : null)));
    });

    test('says so where a trigger keeps one out, and records none', async () => {
      const { trail, store } = await postgresTrail();
      const owner = await trail.plain();
      await owner.query(`CREATE FUNCTION public.keep_out() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.id = 'n77' THEN RETURN NULL; END IF; RETURN NEW; END $$;
        CREATE TRIGGER keep_out BEFORE INSERT ON daybook.daybook_entries FOR EACH ROW EXECUTE FUNCTION public.keep_out()`);
      onTestFinished(async () => {
        await owner.query('DROP FUNCTION public.keep_out() CASCADE');
      });
      await expect(store.recordOneOfMany(many(150))).rejects.toMatchObject({ kind: 'failed' });
      expect((await store.extent({})).count).toBe(0);
    });

    test('needs the rights to its columns and no more, also where rows have rights of their own', async () => {
      const { trail } = await postgresTrail();
      const owner = await trail.plain();
      const role = `many_${process.pid}`;
      await owner.query(`CREATE ROLE ${role} LOGIN; ${grantsOf('daybook', role).join(' ')}`);
      onTestFinished(async () => {
        await owner.query(`ALTER TABLE daybook.daybook_entries DISABLE ROW LEVEL SECURITY;
          DROP POLICY IF EXISTS everybody ON daybook.daybook_entries; DROP OWNED BY ${role}; DROP ROLE ${role}`);
      });
      const store = await trail.open({ user: role });
      const record = async (from: string): Promise<number> =>
        countOf(await store.recordOneOfMany(many(150, (index) => ({ id: `${from}${index}` }))), 'recorded');
      expect(await record('a')).toBe(150);
      await owner.query(`ALTER TABLE daybook.daybook_entries ENABLE ROW LEVEL SECURITY;
        CREATE POLICY everybody ON daybook.daybook_entries USING (true) WITH CHECK (true)`);
      expect(await record('b')).toBe(150);
      expect(await record('c')).toBe(150);
      expect((await store.extent({})).count).toBe(450);
    });
  });
});
