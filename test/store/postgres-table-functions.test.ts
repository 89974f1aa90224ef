import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import { initialize } from '../../src/store/postgres/index.js';
import { postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { HAS_POSTGRES } from './postgres-trail.js';
import { ACTOR, NOW } from './trail.js';

let scene: PostgresScene;

beforeAll(async () => {
  if (HAS_POSTGRES) scene = await postgresScene();
});

afterAll(async () => {
  if (HAS_POSTGRES) await scene.close();
});

async function another(): Promise<Client> {
  const client = new Client({ connectionString: scene.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Gives a table the trigger that earlier daybooks made: around the one function that all tables had in common. */
async function madeEarlier(table: string): Promise<void> {
  const { rows } = await scene.app.query<{ def: string }>(
    `SELECT pg_get_triggerdef(oid) AS def FROM pg_trigger WHERE tgrelid = '${table}'::regclass AND tgname = '!daybook_capture'`,
  );
  const def = rows[0]?.def.replace(/daybook_capture_\w+\(/, 'daybook_capture(') ?? '';
  await scene.app.query(`DROP TRIGGER "!daybook_capture" ON ${table}; ${def};
    ALTER TABLE ${table} ENABLE ALWAYS TRIGGER "!daybook_capture"; DROP FUNCTION daybook.daybook_capture_${table}()`);
}

const captureOf = async (table: string): Promise<unknown> => {
  const found = (await scene.store.captures()).find((one) => one.table === table);
  return found && [found.problem, found.outdated, found.spans.map(({ ended }) => ended)];
};

const functions = async (): Promise<readonly string[]> =>
  (
    await scene.app.query<{ name: string }>(
      `SELECT proname AS name FROM pg_proc WHERE proname LIKE 'daybook\\_capture\\_%' ORDER BY 1`,
    )
  ).rows.map(({ name }) => name);

describe.skipIf(!HAS_POSTGRES)('the function of a captured table in PostgreSQL', () => {
  test('records of every type, option and statement what the one for all tables does', async () => {
    await scene.app.query(`CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TYPE pair AS (a int, b text);
      CREATE DOMAIN small AS int CHECK (VALUE < 1000); CREATE DOMAIN smaller AS small CHECK (VALUE < 500); CREATE DOMAIN word AS text; CREATE DOMAIN doc AS jsonb;
      CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false)`);
    const values: Readonly<Record<string, readonly string[]>> = {
      smallint: ['1', '2'],
      bigint: ['9007199254740993', '0'],
      numeric: ['1.0', '1.00', `'NaN'`, '-0.0'],
      real: ['0.1', `'-0'`, '0', `'Infinity'`],
      float8: ['0.1', `'-0'`, '0', `'NaN'`],
      boolean: ['true', 'false'],
      text: [`'["a"]'`, `'null'`, `e'a\\nb"\\\\'`, `''`],
      'text COLLATE blind': [`'a'`, `'A'`],
      'varchar(9)': [`'a'`, `'b '`],
      'char(3)': [`'a'`, `'b'`],
      uuid: [`'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`],
      timestamptz: [`'2026-11-20 09:18:00.244+01'`, `'infinity'`, `'0044-03-15 00:00:00+00 BC'`],
      timestamp: [`'2026-11-20 08:18'`, `'-infinity'`],
      date: [`'2026-11-20'`, `'0044-03-15 BC'`],
      time: [`'08:18'`],
      interval: [`'1 day 2 hours'`, `'26 hours'`],
      bytea: [`'\\xdead'`, `''`],
      'int[]': [`'{1,NULL,3}'`, `'{}'`],
      'text[]': [`'{"a,b"}'`],
      int4range: [`'[1,5)'`, `'empty'`],
      money: ['12.5'],
      inet: [`'10.0.0.1/8'`],
      mood: [`'sad'`, `'glad'`],
      pair: [`'(1,"x y")'`, `'(,)'`],
      small: ['7', '8'],
      smaller: ['7', '8'],
      word: [`'w'`, `'null'`],
      doc: [`'{"a": {"b": 1}, "c": 1}'`, `'{"a": {"b": 2}}'`, `'[1]'`, `'"text"'`],
      jsonb: [`'{"b": [1, 2.50]}'`, `'{"b": [1, 2.5]}'`, `'null'`, `'1.0'`, `'1.00'`],
      json: [`e'{"a": 1,\\n"a": 2}'`, `'{"a": 1, "a": 2}'`, `'{"nul": "\\u0000"}'`, `'1'`],
    };
    const columns = Object.entries(values).map(([type], at) => `"c ${at}" ${type}`);
    const definition = `id int, "Key'2" text, twice int GENERATED ALWAYS AS (id * 2) STORED, api_token text, note text, seen int, shown jsonb, hidden pair, ${columns.join(', ')}, PRIMARY KEY ("Key'2", id)`;
    const request = {
      redact: ['api_token', 'hidden'],
      ignore: ['seen'],
      json: ['note'],
      scope: { kind: 'te"am', column: 'c 22' },
      nameColumn: 'shown',
      actorColumn: 'c 9',
      actorSetting: 'app.who',
      actorTypeSetting: 'app.kind',
      correlationSetting: 'app.what',
    };
    const own = await scene.captured(definition, undefined, request);
    const shared = await scene.captured(definition, undefined, request);
    await madeEarlier(shared);
    const changes = Object.values(values).flatMap((all, at) =>
      [...all, 'NULL'].map((one) => `UPDATE T SET "c ${at}" = ${one} WHERE id = 1`),
    );
    const long = `jsonb_object_agg(repeat('k', 70) || n, n)`;
    const statements = [
      `INSERT INTO T (id, "Key'2") VALUES (1, '"x'), (2, ''), (3, 'null')`,
      ...changes,
      `UPDATE T SET api_token = 'x', note = '{"a": 1}', seen = 1, shown = '"Anna"', hidden = '(,)'`,
      `UPDATE T SET api_token = NULL, note = '{"a": 2, "b": null}', seen = 2, shown = '{"n": 1}'`,
      `UPDATE T SET note = 'no document', seen = 3`,
      `UPDATE T SET seen = 4`,
      `UPDATE T SET "c ${Object.keys(values).indexOf('doc')}" = (SELECT ${long} FROM generate_series(1, 9) AS n)`,
      `UPDATE T SET shown = '{"n": 1.0}'`,
      `BEGIN; SELECT set_config('app.who', 'ana', true), set_config('app.kind', 'clerk', true), set_config('app.what', 'm7', true); UPDATE T SET api_token = 'y'; COMMIT`,
      `BEGIN; SELECT set_config('daybook.actor', 'ines', true), set_config('daybook.recorded_by', 'os', true), set_config('daybook.reason', e'"why"\\n', true), set_config('daybook.reverts', 'r', true), set_config('daybook.correlation_id', 'c', true); UPDATE T SET api_token = 'z'; COMMIT`,
      `UPDATE T SET id = id + 10, "c 0" = 5`,
      `INSERT INTO daybook.daybook_actors (actor, name) VALUES ('unknown', 'Nobody') ON CONFLICT DO NOTHING`,
      'DELETE FROM T',
    ];
    for (const statement of statements) {
      for (const table of [own, shared]) await scene.run(table, statement);
    }
    await scene.app.query('DELETE FROM daybook.daybook_actors');
    const recorded = async (table: string): Promise<unknown> =>
      (await scene.entriesOf(table)).map(({ seq: _seq, id: _id, ts: _ts, ...entry }) =>
        JSON.stringify(entry).replaceAll(table, 'T'),
      );
    const found = await recorded(own);
    expect(found).toEqual(await recorded(shared));
    expect((await scene.entriesOf(own)).length).toBeGreaterThan(changes.length / 2);
  });

  const ALTERED: readonly (readonly [what: string, sql: string, problem: string, row: string])[] = [
    [
      'a column that has another name',
      'ALTER TABLE T RENAME COLUMN v TO w',
      'has other columns than when it was captured (+w, -v)',
      '{"id":1,"w":"a","n":2}',
    ],
    [
      'a column that is gone',
      'ALTER TABLE T DROP COLUMN v',
      'has other columns than when it was captured (-v)',
      '{"id":1,"n":2}',
    ],
    [
      'a new column',
      `ALTER TABLE T ADD COLUMN w text DEFAULT 'z'`,
      'has other columns than when it was captured (+w)',
      '{"id":1,"v":"a","n":2,"w":"z"}',
    ],
    [
      'a column of another type',
      `ALTER TABLE T ALTER COLUMN v TYPE jsonb USING '{"a":1}'`,
      'has other types or another key than when it was captured',
      '{"id":1,"v":{"a": 1},"n":2}',
    ],
    [
      'another key',
      'ALTER TABLE T DROP CONSTRAINT T_pkey, ADD PRIMARY KEY (v)',
      'has other types or another key than when it was captured',
      '{"id":1,"v":"a","n":2}',
    ],
    ['another name', 'ALTER TABLE T RENAME TO T_new', 'is called T_new now', '{"id":1,"v":"a","n":2}'],
  ];

  test.each(ALTERED)(
    'follows %s in open sessions, and is made anew without a gap',
    async (_what, alter, problem, row) => {
      const table = await scene.captured('id int PRIMARY KEY, v text, n int', `INSERT INTO T VALUES (1, 'a', 0)`);
      const clients = [await another(), await another()];
      for (const client of clients) await client.query(`UPDATE ${table} SET n = n + 1`);
      const named = (text: string): string => text.replaceAll(/\bT(?=\b|_)/g, table);
      // In a session that has the function at work, and by another one.
      await clients[0]?.query(named(alter));
      const now = alter.includes('T_new') ? `${table}_new` : table;
      const last = async (): Promise<unknown> => {
        const { new_values: values, message } = (await scene.entriesOf(table)).at(-1) ?? {};
        return [values, message];
      };
      for (const [at, client] of [...clients, await another()].entries()) {
        await client.query(`BEGIN ISOLATION LEVEL ${at === 1 ? 'REPEATABLE READ' : 'READ COMMITTED'}`);
        await client.query(`UPDATE ${now} SET n = ${at + 3}`);
        await client.query('COMMIT');
        const id = alter.includes('PRIMARY KEY (v)') ? 'a' : '1';
        expect(await last()).toEqual([row.replace('"n":2', `"n":${at + 3}`), `n of ${table} ${id} changed`]);
      }
      expect(await captureOf(table)).toEqual([named(problem), false, [null]]);
      expect(await scene.store.refreshCaptures([table], ACTOR)).toMatchObject([{ changed: true }]);
      expect(await captureOf(now)).toEqual([null, false, [null]]);
      await clients[1]?.query(`UPDATE ${now} SET n = 2`);
      expect((await last()) as unknown[]).toContain(row);
    },
  );

  test('has a name that no table beside it has, and goes with its table', async () => {
    const table = await scene.captured('id int PRIMARY KEY', 'INSERT INTO T VALUES (1)');
    await scene.run(table, 'ALTER TABLE T RENAME TO T_old; CREATE TABLE T (id int PRIMARY KEY, v int)');
    const request = { entityType: `${table}_2`, scope: null, actorColumn: null, nameColumn: null };
    const none = { ignore: [], redact: [], keep: [], json: [], requireActor: false };
    await scene.store.refreshCaptures([table], ACTOR);
    await scene.store.addCaptures([table], { ...request, ...none }, ACTOR);
    expect((await functions()).filter((name) => name.includes(table)).toSorted()).toEqual(
      [`daybook_capture_${table}`, `daybook_capture_${table}_old`].toSorted(),
    );
    await scene.run(table, 'UPDATE T_old SET id = 2; INSERT INTO T VALUES (1, 1); UPDATE T SET v = 2');
    expect(await scene.told(table)).toEqual(['delete 1', 'create 2']);
    expect(await scene.told(`${table}_2`)).toEqual(['create 1', 'update 1']);
    await scene.run(table, 'DROP TABLE T');
    await scene.store.removeCaptures([table], ACTOR);
    await scene.store.removeCaptures([`${table}_old`], ACTOR);
    expect((await functions()).filter((name) => name.includes(table))).toEqual([]);
    const long = 'ä'.repeat(31);
    await scene.app.query(
      `CREATE TABLE "${long}" (id int PRIMARY KEY); CREATE TABLE "${long.slice(1)}" (id int PRIMARY KEY)`,
    );
    for (const one of [long, long.slice(1)])
      await scene.store.addCaptures([one], { ...request, entityType: null, ...none }, ACTOR);
    await scene.app.query(`INSERT INTO "${long}" VALUES (1); INSERT INTO "${long.slice(1)}" VALUES (2)`);
    expect([await scene.told(long), await scene.told(long.slice(1))]).toEqual([['create 1'], ['create 2']]);
  });

  test('takes the place of the one for all tables by capture refresh, and by init, without a gap', async () => {
    const [one, other] = [await scene.captured('id int PRIMARY KEY'), await scene.captured('id int PRIMARY KEY')];
    for (const table of [one, other]) {
      await madeEarlier(table);
      await scene.run(table, 'INSERT INTO T VALUES (1)');
      expect(await captureOf(table)).toEqual([null, true, [null]]);
    }
    expect(await scene.store.refreshCaptures([one], ACTOR)).toMatchObject([{ changed: true }]);
    const options = { schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR };
    const init = (): Promise<unknown> => initialize({ address: addressOf(scene.url), ...options });
    expect(await init()).toMatchObject({ outcome: 'upgraded', repaired: [] });
    expect(await init()).toMatchObject({ outcome: 'unchanged' });
    for (const table of [one, other]) {
      expect(await captureOf(table)).toEqual([null, false, [null]]);
      expect(await functions()).toContain(`daybook_capture_${table}`);
      await scene.run(table, 'DELETE FROM T');
      expect(await scene.told(table)).toEqual(['create 1', 'delete 1']);
    }
    const refreshed = (await scene.entriesOf('capture')).findLast((entry) => entry.entity_id === other);
    expect(refreshed?.message).toBe(
      `table ${other} has triggers of an earlier daybook: its capture is as it should be again`,
    );
  });
});
