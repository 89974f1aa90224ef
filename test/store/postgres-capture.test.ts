import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { CaptureRequest } from '../../src/core/capture.js';
import { newEntry } from '../../src/core/entry.js';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { stateOf } from '../../src/operations/state.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
import { HAS_POSTGRES, isKnownThere, newDatabase, urlOf } from './postgres-trail.js';
import { ACTOR, NOW } from './trail.js';

let store: AuditStore;
let app: Client;
let url: string;

const NOTHING: CaptureRequest = {
  entityType: null,
  scope: null,
  actorColumn: null,
  nameColumn: null,
  ignore: [],
  redact: [],
  keep: [],
  json: [],
  requireActor: false,
};

beforeAll(async () => {
  if (!HAS_POSTGRES) return;
  const { folder, database } = await newDatabase();
  url = urlOf(folder, database);
  const address = addressOf(url);
  await initialize({ address, schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
  store = await openPostgres({
    address,
    schema: 'daybook',
    readonly: false,
    busyTimeout: 1000,
    clock: () => NOW,
    presence: { host: 'here', pid: 1, lives: () => true },
  });
  app = new Client({ connectionString: url });
  await app.connect();
});

afterAll(async () => {
  if (!HAS_POSTGRES) return;
  await store.close();
  await app.end();
});

let tables = 0;

/** A new table with these columns, captured as asked. */
async function captured(columns: string, request: Partial<CaptureRequest> = {}): Promise<string> {
  const table = `t${++tables}`;
  await app.query(`CREATE TABLE ${table} (${columns})`);
  await store.addCaptures([table], { ...NOTHING, ...request }, ACTOR);
  return table;
}

/** What was recorded of a type, in the order of recording. */
async function entriesOf(type: string): Promise<readonly HistoryEntry[]> {
  const { entries } = await store.page({
    filter: { entity: [{ type }] },
    order: 'recorded',
    limit: 1000,
    upTo: await store.mark(),
  });
  return entries;
}

/** The same in short. */
async function told(type: string): Promise<string[]> {
  return (await entriesOf(type)).map(({ action, entity_id: id }) => `${action} ${id}`);
}

/** What runs the SQL of a case, `T` being the table. */
async function run(table: string, sql: string): Promise<void> {
  await app.query(sql.replaceAll(/\bT\b/g, table));
}

describe.skipIf(!HAS_POSTGRES)('row changes in PostgreSQL', () => {
  test('are entries of the shape that they have in SQLite', async () => {
    const table = await captured('id int PRIMARY KEY, name text, n int, secret text', {
      redact: ['secret'],
      nameColumn: 'name',
      scope: { kind: 'team', column: 'n' },
    });
    await run(table, `INSERT INTO T VALUES (1, 'a', 2, 'x')`);
    await run(table, `UPDATE T SET name = 'b', secret = 'y' WHERE id = 1`);
    await run(table, `DELETE FROM T`);
    const [created, updated, deleted] = await entriesOf(table);
    expect(created).toMatchObject({
      category: 'entity',
      action: 'create',
      actor: 'unknown',
      actor_type: 'unknown',
      scope: 'team:2',
      entity_type: table,
      entity_id: '1',
      entity_name: 'a',
      message: `${table} 1 created`,
      metadata: `{"table":"${table}"}`,
      old_values: null,
      new_values: '{"id":1,"name":"a","n":2,"secret":"[redacted]"}',
      changed_fields: null,
      recorded_at: null,
    });
    expect(updated).toMatchObject({
      action: 'update',
      message: `name, secret of ${table} 1 changed`,
      old_values: '{"id":1,"name":"a","n":2,"secret":"[redacted]"}',
      new_values: '{"id":1,"name":"b","n":2,"secret":"[redacted]"}',
      changed_fields: '["name","secret"]',
    });
    expect(deleted).toMatchObject({ action: 'delete', message: `${table} 1 deleted`, new_values: null });
    expect(deleted?.old_values).toBe(updated?.new_values);
  });

  const changes: [what: string, sql: string, expected: readonly string[]][] = [
    ['many rows', `INSERT INTO T VALUES (3, 'c'), (4, 'd')`, ['create 3', 'create 4']],
    ['many rows by UPDATE', `UPDATE T SET v = v || '!'`, ['update 1', 'update 2']],
    ['an update that changes nothing', `UPDATE T SET v = v`, []],
    ['ON CONFLICT DO UPDATE', `INSERT INTO T VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET v = 'z'`, ['update 1']],
    ['ON CONFLICT DO NOTHING', `INSERT INTO T VALUES (1, 'z') ON CONFLICT DO NOTHING`, []],
    [
      'MERGE',
      `MERGE INTO T USING (VALUES (1), (2), (9)) AS s (i) ON id = i WHEN MATCHED AND i = 1 THEN DELETE
         WHEN MATCHED THEN UPDATE SET v = 'm' WHEN NOT MATCHED THEN INSERT VALUES (i, 'n')`,
      ['delete 1', 'update 2', 'create 9'],
    ],
    ['an update of the key', `UPDATE T SET id = 7 WHERE id = 1`, ['delete 1', 'create 7']],
    ['keys that move on', `UPDATE T SET id = id + 10`, ['delete 1', 'create 11', 'delete 2', 'create 12']],
    [
      'a savepoint that is rolled back',
      `BEGIN; SAVEPOINT s; DELETE FROM T; ROLLBACK TO s; UPDATE T SET v = 'k' WHERE id = 2; COMMIT`,
      ['update 2'],
    ],
    ['a transaction that is rolled back', `BEGIN; DELETE FROM T; ROLLBACK`, []],
    [
      'replica mode',
      `SET session_replication_role = replica; DELETE FROM T WHERE id = 1; RESET session_replication_role`,
      ['delete 1'],
    ],
    ['a function', `DO $$ BEGIN UPDATE T SET v = 'f' WHERE id = 2; END $$`, ['update 2']],
    [
      'a statement with a WITH that changes',
      `WITH gone AS (DELETE FROM T WHERE id = 1 RETURNING *) INSERT INTO T SELECT 5, v FROM gone`,
      ['delete 1', 'create 5'],
    ],
    [
      'a prepared transaction',
      `BEGIN; DELETE FROM T WHERE id = 2; PREPARE TRANSACTION 'p1'; COMMIT PREPARED 'p1'`,
      ['delete 2'],
    ],
  ];
  test.each(changes.filter(isKnownThere))('are told of %s', async (_what, sql, expected) => {
    const table = await captured('id int PRIMARY KEY, v text');
    await run(table, `INSERT INTO T VALUES (1, 'a'), (2, 'b')`);
    for (const part of sql.includes('PREPARE') ? sql.split(';') : [sql]) await run(table, part);
    expect((await told(table)).slice(2).toSorted()).toEqual([...expected].toSorted());
  });

  test('tell of another key as of a pair', async () => {
    const table = await captured('id int PRIMARY KEY, v text');
    await run(table, `INSERT INTO T VALUES (1, 'a'); UPDATE T SET id = 2, v = 'b'`);
    const [, gone, come] = await entriesOf(table);
    expect(gone).toMatchObject({
      action: 'delete',
      entity_id: '1',
      message: `${table} 1 became 2`,
      metadata: `{"table":"${table}","key_changed_to":"2"}`,
      old_values: '{"id":1,"v":"a"}',
      new_values: null,
      changed_fields: null,
    });
    expect(come).toMatchObject({
      action: 'create',
      entity_id: '2',
      message: `${table} 2 was 1`,
      metadata: `{"table":"${table}","key_changed_from":"1"}`,
      old_values: null,
      new_values: '{"id":2,"v":"b"}',
    });
  });

  test('name rows by composite keys, and by texts that look like JSON', async () => {
    const pair = await captured('b text, a int, v int, PRIMARY KEY (a, b)');
    await run(pair, `INSERT INTO T VALUES ('x"', 1, 2); UPDATE T SET v = 3`);
    expect(await told(pair)).toEqual(['create [1,"x\\""]', 'update [1,"x\\""]']);
    const text = await captured('id text PRIMARY KEY');
    await run(text, `INSERT INTO T VALUES ('plain'), ('["a"]'), ('null'), ('12')`);
    expect(await told(text)).toEqual(['create plain', 'create "[\\"a\\"]"', 'create "null"', 'create 12']);
  });

  test('go with a cascade, and with COPY', async () => {
    const parent = await captured('id int PRIMARY KEY');
    const child = await captured(
      `id int PRIMARY KEY, parent int REFERENCES ${parent} ON DELETE CASCADE ON UPDATE CASCADE`,
    );
    await run(parent, `INSERT INTO T VALUES (1), (2)`);
    await run(child, `INSERT INTO T VALUES (1, 1), (2, 2)`);
    await run(parent, `UPDATE T SET id = 5 WHERE id = 1; DELETE FROM T WHERE id = 2`);
    expect((await told(child)).slice(2)).toEqual(['update 1', 'delete 2']);
    await app.query(`COPY (SELECT 41 UNION SELECT 42) TO PROGRAM 'cat > /dev/null'`);
    const { execFileSync } = await import('node:child_process');
    execFileSync('psql', ['-X', '-q', url, '-c', `\\copy ${parent} FROM STDIN`], { input: '41\n42\n' });
    expect((await told(parent)).slice(-2)).toEqual(['create 41', 'create 42']);
  });

  test('keep the values of every type, whatever the session sets', async () => {
    await app.query(`CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TYPE pair AS (a int, b text);
      CREATE DOMAIN small AS int CHECK (VALUE < 100)`);
    const columns: readonly (readonly [type: string, literal: string, json: string])[] = [
      ['bigint', '9007199254740993', '9007199254740993'],
      ['numeric', '12.3400', '"12.3400"'],
      ['numeric', `'NaN'`, '"NaN"'],
      ['float8', '0.1', '0.1'],
      ['float8', `'Infinity'`, '"Infinity"'],
      ['boolean', 'true', 'true'],
      ['text', `e'a\\nb"\\\\'`, '"a\\nb\\"\\\\"'],
      ['char(3)', `'a'`, '"a  "'],
      ['uuid', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'],
      ['timestamptz', `'2026-11-20 09:18:00.244+01'`, '"2026-11-20T08:18:00.244000Z"'],
      ['timestamptz', `'infinity'`, '"infinity"'],
      ['timestamp', `'2026-11-20 08:18'`, '"2026-11-20 08:18:00"'],
      ['date', `'2026-11-20'`, '"2026-11-20"'],
      ['interval', `'1 day 2 hours'`, '"1 day 02:00:00"'],
      ['bytea', `'\\xdead'`, '"\\\\xdead"'],
      ['int[]', `'{1,NULL,3}'`, '"{1,NULL,3}"'],
      ['int4range', `'[1,5)'`, '"[1,5)"'],
      ['mood', `'sad'`, '"sad"'],
      ['pair', `'(1,"x y")'`, '"(1,\\"x y\\")"'],
      ['pair', `'(,)'`, '"(,)"'],
      ['small', '7', '7'],
      ['jsonb', `'{"b": [1, 2.50]}'`, '{"b": [1, 2.50]}'],
      ['json', `e'{"a": 1,\\n"a": 2}'`, '{"a": 1, "a": 2}'],
      ['json', `'{"nul": "\\u0000"}'`, '"{\\"nul\\": \\"\\\\u0000\\"}"'],
      ['text', 'NULL', 'null'],
      ['pair', 'NULL', 'null'],
    ];
    const table = await captured(
      `id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (v0 * 2) STORED, v0 int, ${columns.map(([type], at) => `c${at} ${type}`).join(', ')}`,
    );
    const session = new Client({ connectionString: url });
    await session.connect();
    await session.query(`SET timezone = 'Asia/Tokyo'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'iso_8601';
      SET bytea_output = 'escape'; SET extra_float_digits = -10`);
    await session.query(
      `INSERT INTO ${table} (v0, ${columns.map((_, at) => `c${at}`).join(', ')}) VALUES (4, ${columns.map(([, literal]) => literal.replace("2026-11-20'", "20/11/2026'")).join(', ')})`,
    );
    await session.end();
    const [entry] = await entriesOf(table);
    const expected = columns.map(([, , json], at) => `"c${at}":${json}`);
    expect(entry?.new_values).toBe(`{"id":1,"twice":8,"v0":4,${expected.join(',')}}`);
  });

  test('name the fields inside documents', async () => {
    const table = await captured('id int PRIMARY KEY, data jsonb, note text', { json: ['note'] });
    await run(table, `INSERT INTO T VALUES (1, '{"a": {"b": 1, "c": [1]}, "d": 1}', '{"x": 1}')`);
    await run(table, `UPDATE T SET data = '{"a": {"b": 2, "c": [2]}, "e": null}', note = '{"x": 2}'`);
    await run(table, `UPDATE T SET data = '[]', note = 'no document'`);
    const entries = await entriesOf(table);
    expect(entries.map((entry) => entry.changed_fields)).toEqual([
      null,
      '["data.a.b","data.a.c","data.d","data.e","note.x"]',
      '["data","note"]',
    ]);
  });

  test('leave out a change of ignored columns alone, and secrets that are ignored', async () => {
    const table = await captured('id int PRIMARY KEY, v int, seen int, token text', { ignore: ['seen', 'token'] });
    await run(
      table,
      `INSERT INTO T VALUES (1, 1, 1, 'x'); UPDATE T SET seen = 2, token = 'y'; UPDATE T SET seen = 3, v = 2`,
    );
    const entries = await entriesOf(table);
    expect(entries.map((entry) => [entry.new_values, entry.changed_fields])).toEqual([
      ['{"id":1,"v":1,"seen":1}', null],
      ['{"id":1,"v":2,"seen":3}', '["v"]'],
    ]);
  });

  test('say who acts: the context, the settings of the application, a column, nobody', async () => {
    const table = await captured('id int PRIMARY KEY, by text', {
      actorColumn: 'by',
      actorSetting: 'app.actor_email',
      actorTypeSetting: 'app.actor_type',
      correlationSetting: 'app.current_migration',
    });
    const set = (name: string, value: string): string => `SELECT set_config('${name}', '${value}', true);`;
    const mail = `${set('app.actor_email', 'm@x')} ${set('app.actor_type', 'moderator')} ${set('app.current_migration', 'm7')}`;
    await run(table, `BEGIN; ${mail} INSERT INTO T VALUES (1, 'col'); COMMIT`);
    await run(
      table,
      `BEGIN; ${mail} ${set('daybook.actor', 'ines')} ${set('daybook.reason', 'why "so"')} INSERT INTO T VALUES (2, 'col'); COMMIT`,
    );
    await run(table, `INSERT INTO T VALUES (3, 'col'), (4, NULL)`);
    const entries = await entriesOf(table);
    expect(entries.map((e) => [e.actor, e.actor_type, e.correlation_id, e.metadata])).toEqual([
      ['m@x', 'moderator', 'm7', `{"table":"${table}"}`],
      ['ines', 'user', 'm7', `{"table":"${table}","reason":"why \\"so\\""}`],
      ['col', 'user', null, `{"table":"${table}"}`],
      ['unknown', 'unknown', null, `{"table":"${table}"}`],
    ]);
  });

  test('do not happen where their entry cannot be recorded', async () => {
    const table = await captured('id int PRIMARY KEY, v int', { requireActor: true });
    await expect(run(table, `INSERT INTO T VALUES (1, 1)`)).rejects.toThrow('must say who makes it');
    await run(table, `BEGIN; SELECT set_config('daybook.actor', 'ines', true); INSERT INTO T VALUES (1, 1); COMMIT`);
    await app.query(`CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep_out BEFORE INSERT ON daybook.daybook_entries FOR EACH ROW EXECUTE FUNCTION keep_out()`);
    const change = run(table, `BEGIN; SELECT set_config('daybook.actor', 'ines', true); DELETE FROM T; COMMIT`);
    await expect(change).rejects.toThrow('cannot be recorded, so the change is refused');
    await app.query('ROLLBACK; DROP TRIGGER keep_out ON daybook.daybook_entries; DROP FUNCTION keep_out');
    expect((await app.query(`SELECT count(*)::int AS n FROM ${table}`)).rows).toEqual([{ n: 1 }]);
  });

  test('must say who also where an application tells of a row itself', async () => {
    const table = await captured('id int PRIMARY KEY, v int', { requireActor: true });
    const entry = newEntry({ action: 'shown', entity_type: table, entity_id: '1' });
    const refused = { kind: 'refused', field: 'actor', message: expect.stringContaining(table) as string };
    const other = { entry: newEntry({ action: 'shown', entity_type: 'other' }), given: [] };
    await expect(store.record([other, { entry, given: [] }], { ofApplication: true })).rejects.toMatchObject(refused);
    const said = { entry: { ...entry, actor: 'u-1' }, given: ['actor'] } as const;
    expect(await store.record([other, said], { ofApplication: true })).toHaveLength(2);
    expect(await told(table)).toEqual(['shown 1']);
  });

  test.each([
    ['TRUNCATE', 'TRUNCATE T'],
    ['TRUNCATE in replica mode', 'SET session_replication_role = replica; TRUNCATE T'],
    [
      'TRUNCATE of what it refers to',
      'CREATE TABLE T_other (id int PRIMARY KEY); ALTER TABLE T ADD CONSTRAINT r FOREIGN KEY (v) REFERENCES T_other; TRUNCATE T_other CASCADE',
    ],
  ])('are refused by %s, with what to do', async (_what, sql) => {
    const table = await captured('id int PRIMARY KEY, v int');
    await expect(run(table, sql.replaceAll('T_other', `${table}_other`))).rejects.toThrow(
      `use DELETE FROM ${table}, or daybook capture remove ${table} first`,
    );
    await app.query('RESET session_replication_role');
  });

  test('are seen in partitions, also new ones, and when a row moves between them', async () => {
    const table = `t${++tables}`;
    await app.query(`CREATE TABLE ${table} (id int, p int, v int, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
      CREATE TABLE ${table}_1 PARTITION OF ${table} FOR VALUES IN (1)`);
    await store.addCaptures([table], NOTHING, ACTOR);
    await app.query(`CREATE TABLE ${table}_2 PARTITION OF ${table} FOR VALUES IN (2)`);
    await run(
      table,
      `INSERT INTO T VALUES (1, 1, 0), (2, 2, 0); UPDATE T SET p = 2 WHERE id = 1;
      SET session_replication_role = replica; UPDATE T SET v = 5 WHERE id = 2; RESET session_replication_role`,
    );
    expect(await told(table)).toEqual(['create [1,1]', 'create [2,2]', 'delete [1,1]', 'create [1,2]', 'update [2,2]']);
    await expect(app.query(`TRUNCATE ${table}_1`)).rejects.toThrow('TRUNCATE');
  });

  test('come before what triggers of the application make of them', async () => {
    const table = await captured('id int PRIMARY KEY, v int, w int');
    await app.query(`CREATE FUNCTION ${table}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.w IS NULL THEN UPDATE ${table} SET w = 1 WHERE id = NEW.id; END IF; RETURN NULL; END $$;
      CREATE TRIGGER aaa AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_f()`);
    await run(table, `INSERT INTO T VALUES (1, 1)`);
    expect(await told(table)).toEqual(['create 1', 'update 1']);
  });

  test('are recorded for a role that may do nothing but change the table', async () => {
    const table = await captured('id int PRIMARY KEY, v int');
    await app.query(`DROP ROLE IF EXISTS clerk; CREATE ROLE clerk; GRANT INSERT, UPDATE, SELECT ON ${table} TO clerk`);
    await run(table, `SET ROLE clerk; INSERT INTO T VALUES (1, 1); RESET ROLE`);
    expect(await told(table)).toEqual(['create 1']);
    const forged = run(
      table,
      `SET ROLE clerk; CREATE TEMP TABLE f (id int PRIMARY KEY);
      CREATE TRIGGER x AFTER INSERT ON f FOR EACH ROW EXECUTE FUNCTION daybook.daybook_capture('users', '{}', '{}')`,
    );
    await expect(forged).rejects.toThrow('permission denied');
    await app.query(`RESET ROLE; DROP OWNED BY clerk; DROP ROLE clerk`);
  });

  test('go on when columns come, go and get other names, and keep secrets out meanwhile', async () => {
    const table = await captured('id int PRIMARY KEY, v int, password text', { redact: ['password'] });
    await run(table, `INSERT INTO T VALUES (1, 1, 'x')`);
    await run(
      table,
      `ALTER TABLE T RENAME COLUMN password TO pw; ALTER TABLE T ADD COLUMN extra int; ALTER TABLE T DROP COLUMN v`,
    );
    await run(table, `UPDATE T SET pw = 'y', extra = 3`);
    const entries = await entriesOf(table);
    expect(entries.at(-1)?.new_values).toBe('{"id":1,"pw":"[redacted]","extra":"[redacted]"}');
    expect((await store.captures()).find((one) => one.table === table)?.problem).toBe(
      'has other columns than when it was captured (+pw, +extra, -v, -password)',
    );
  });
});

describe.skipIf(!HAS_POSTGRES)('captures in PostgreSQL', () => {
  test('are added once, listed, changed, removed, and each is an entry', async () => {
    const table = await captured('id int PRIMARY KEY, api_token text, v int', { redact: ['api_token'] });
    const again = await store.addCaptures([table], { ...NOTHING, redact: ['api_token'] }, ACTOR);
    expect(again.map(({ changed }) => changed)).toEqual([false]);
    await store.addCaptures([table], { ...NOTHING, redact: ['api_token'], ignore: ['v'] }, ACTOR);
    const [removed] = await store.removeCaptures([table], ACTOR);
    expect(removed?.changed).toBe(true);
    expect((await store.captures()).filter((one) => one.table === table)).toEqual([]);
    await run(table, `INSERT INTO T VALUES (1, 'x', 1); TRUNCATE T`);
    expect(await told(table)).toEqual([]);
    expect((await entriesOf('capture')).filter((e) => e.entity_id === table).map((e) => e.action)).toEqual([
      'capture_add',
      'capture_add',
      'capture_remove',
    ]);
  });

  test.each([
    ['no such table', 'nothing_there', {}, 'there is no table nothing_there'],
    ['a view', 'CREATE VIEW T AS SELECT 1 AS id', {}, 'is a view'],
    ['no primary key', 'CREATE TABLE T (id int)', {}, 'has no primary key'],
    ['inheritance', 'CREATE TABLE T (id int PRIMARY KEY); CREATE TABLE T_child () INHERITS (T)', {}, 'inherit from it'],
    ['a secret', 'CREATE TABLE T (id int PRIMARY KEY, password text)', {}, 'look like secrets (password)'],
    ['no such column', 'CREATE TABLE T (id int PRIMARY KEY)', { ignore: ['x'] }, 'has no column x'],
    ['a setting that is none', 'CREATE TABLE T (id int PRIMARY KEY)', { actorSetting: 'x y' }, 'has two names'],
  ])('are refused for %s', async (_what, sql, request, message) => {
    const table = sql.startsWith('CREATE') ? `t${++tables}` : sql;
    if (sql.startsWith('CREATE'))
      await app.query(sql.replaceAll('T_child', `${table}_child`).replaceAll(/\bT\b/g, table));
    await expect(store.addCaptures([table], { ...NOTHING, ...request }, ACTOR)).rejects.toThrow(message);
  });

  test('tell of triggers that are missing or disabled; a refresh puts them back, and that is a gap', async () => {
    const table = await captured('id int PRIMARY KEY');
    const problem = async (): Promise<string | null | undefined> =>
      (await store.captures()).find((one) => one.table === table)?.problem;
    expect(await problem()).toBeNull();
    await app.query(`ALTER TABLE ${table} DISABLE TRIGGER "!daybook_capture"`);
    expect(await problem()).toBe('has 1 of its 2 capture triggers disabled');
    await app.query(`DROP TRIGGER "!daybook_capture" ON ${table}`);
    expect(await problem()).toBe('lacks 1 of its 2 capture triggers, or they were changed');
    await store.refreshCaptures([table], ACTOR);
    expect(await problem()).toBeNull();
    expect((await store.captures()).find((one) => one.table === table)?.spans.map(({ ended }) => ended)).toEqual([
      'gap',
      null,
    ]);
    await app.query(`ALTER TABLE ${table} RENAME TO ${table}_new`);
    expect(await problem()).toBe(`is called ${table}_new now`);
    await store.refreshCaptures([table], ACTOR);
    const now = (await store.captures()).find((one) => one.table === `${table}_new`);
    expect([now?.problem, now?.settings.entityType, now?.spans.length]).toEqual([null, table, 2]);
  });
});

describe.skipIf(!HAS_POSTGRES)('the state of a row in PostgreSQL', () => {
  test.each([
    ['int PRIMARY KEY', '1', '1'],
    ['text PRIMARY KEY', `'["a"]'`, '"[\\"a\\"]"'],
    ['uuid PRIMARY KEY', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ])('is told of a key of %s, also where only the table knows it', async (type, key, id) => {
    const table = `t${++tables}`;
    await app.query(`CREATE TABLE ${table} (id ${type}, v numeric, at timestamptz, password text)`);
    await run(table, `INSERT INTO T VALUES (${key}, 1.50, '2026-01-01 00:00+00', 'x')`);
    await store.addCaptures([table], { ...NOTHING, redact: ['password'] }, ACTOR);
    const now = (): Promise<unknown> =>
      stateOf(store, { type: table, id }, { kind: 'now', at: '2030-01-01T00:00:00.000Z' });
    const values = `{"id":${type.startsWith('int') ? id : JSON.stringify(id.startsWith('"') ? '["a"]' : id)},"v":"1.50","at":"2026-01-01T00:00:00.000000Z","password":"[redacted]"}`;
    expect(await now()).toMatchObject({ exists: true, values });
    await run(table, `UPDATE T SET v = 2`);
    const seq = (await entriesOf(table)).at(-1)?.seq ?? 0;
    expect(await now()).toMatchObject({ exists: true, seq, values: values.replace('1.50', '2') });
    const before = { kind: 'entry', at: '2030-01-01T00:00:00.000Z', seq: seq - 1 } as const;
    expect(await stateOf(store, { type: table, id }, before)).toMatchObject({ exists: true, values });
    await run(table, `DELETE FROM T`);
    expect(await now()).toMatchObject({ exists: false, values: null });
  });

  test('is told of columns with any names', async () => {
    const table = `t${++tables}`;
    await app.query(`CREATE TABLE ${table} ("id?" int PRIMARY KEY, "is it?" text, "it's" int, "a\\b""?" int)`);
    await run(table, `INSERT INTO T VALUES (1, '?', 2, 3)`);
    await store.addCaptures([table], { ...NOTHING, redact: ["it's"] }, ACTOR);
    const now = { kind: 'now', at: '2030-01-01T00:00:00.000Z' } as const;
    const values = '{"id?":1,"is it?":"?","it\'s":"[redacted]","a\\\\b\\"?":3}';
    expect(await stateOf(store, { type: table, id: '1' }, now)).toMatchObject({ exists: true, values });
    await run(table, `UPDATE T SET "is it?" = NULL`);
    const changed = { exists: true, values: values.replace('"?"', 'null') };
    expect(await stateOf(store, { type: table, id: '1' }, now)).toMatchObject(changed);
  });
});
