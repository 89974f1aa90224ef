import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { captured, scene } from './capture-scene.js';
import type { Scene } from './capture-scene.js';

const TEN = `CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, city TEXT, balance REAL, level INTEGER, note TEXT, active INTEGER, rank INTEGER, updated_at TEXT)`;

const EVERYTHING: Partial<CaptureRequest> = {
  scope: { kind: 'city', column: 'city' },
  actorColumn: 'level',
  nameColumn: 'name',
  ignore: ['updated_at', 'rank'],
  redact: ['balance'],
  json: ['note'],
  requireActor: true,
};

function texts({ connection }: Scene): string[] {
  return connection
    .prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'daybook_capture_*'`)
    .pluck()
    .all();
}

describe('the text of the triggers, which everybody reads who opens the database', () => {
  test.each<[string, string, Partial<CaptureRequest>, number]>([
    ['ten columns', TEN, {}, 12],
    ['ten columns with all options', TEN, EVERYTHING, 16],
    ['ten columns with a key of text and all options', TEN.replace('INTEGER PRIMARY', 'TEXT PRIMARY'), EVERYTHING, 16],
    ['three columns', 'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, rank INTEGER)', {}, 6],
    [
      '300 columns',
      `CREATE TABLE wide (id INTEGER PRIMARY KEY, ${Array.from({ length: 299 }, (_, at) => `column_${at} ${['TEXT', 'INTEGER', 'REAL', ''][at % 4]}`).join(', ')})`,
      {},
      400,
    ],
  ])('%s', async (_what, schema, request, most) => {
    const all = texts(await scene(schema, request));
    expect(all.join('').length).toBeLessThanOrEqual(most * 1024);
    expect(Math.max(...all.flatMap((text) => text.split('\n')).map((line) => line.length))).toBeLessThanOrEqual(200);
  });

  test('more columns than a compound of SQLite has parts', async () => {
    const columns = Array.from({ length: 900 }, (_, at) => `c${at}`);
    const { connection } = await scene(`CREATE TABLE wide (id INTEGER PRIMARY KEY, ${columns.join(', ')})`);
    connection.exec(`INSERT INTO wide (id, c0, c899) VALUES (1, 1, 2)`);
    connection.exec(`UPDATE wide SET c0 = '1', c450 = x'00', c899 = 2.0`);
    connection.exec(`REPLACE INTO wide (id, c450) VALUES (1, x'00')`);
    connection.exec(`DELETE FROM wide`);
    const [made, changed, replaced, gone] = captured(connection);
    expect(made?.new).toMatchObject({ id: 1, c0: 1, c450: null, c899: 2 });
    expect(Object.keys(made?.new as object)).toEqual(['id', ...columns]);
    expect(changed?.changed).toEqual(['c0', 'c450', 'c899']);
    expect(replaced?.changed).toEqual(['c0', 'c899']);
    expect(gone?.old).toEqual(replaced?.new);
  });
});

test('a value is not compared by the affinity of another column', async () => {
  const { connection } = await scene(`CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT COLLATE NOCASE, c REAL)`);
  connection.exec(`INSERT INTO t VALUES (1, '1', 'x', 1)`);
  for (const value of ['1', '1.0', `'1.0'`, `x'31'`, 'NULL']) connection.exec(`UPDATE t SET a = ${value}`);
  connection.exec(`UPDATE t SET b = 'X'`);
  expect(captured(connection).map(({ changed }) => changed)).toEqual([null, ['a'], ['a'], ['a'], ['a'], ['a'], ['b']]);
});

test('what a REPLACE changed is found whatever the columns are called', async () => {
  const names = ['id', 'plain', 'with "quotes"', String.raw`back\slash`, 'a.b[0]', '$.x', "it's", 'tab\there'];
  const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
  const { connection } = await scene(
    `CREATE TABLE odd (${quoted[0]} INTEGER PRIMARY KEY, ${quoted.slice(1).join(', ')})`,
  );
  const row = (value: string): string =>
    `(1, ${names
      .slice(1)
      .map(() => value)
      .join(', ')})`;
  connection.exec(`INSERT INTO odd VALUES ${row('1')}`);
  for (const value of ['1', '1.0', `'1'`, `'a' || char(0) || 'b'`, '0.1 + 0.2', '0.3', `x'00'`, 'NULL']) {
    connection.exec(`REPLACE INTO odd VALUES ${row(value)}`);
  }
  expect(captured(connection).map(({ changed }) => changed)).toEqual([
    null,
    ...Array.from({ length: 7 }, () => names.slice(1)),
  ]);
  connection.exec(`REPLACE INTO odd VALUES ${row(`'a' || char(0) || 'b'`)}`);
  connection.exec(`REPLACE INTO odd VALUES ${row(`'a' || char(0) || 'c'`)}`);
  // Only an old release would cut a text at NUL, and only of a name with an escape.
  expect(captured(connection).at(-1)?.changed).toEqual(expect.arrayContaining(['plain', 'a.b[0]', '$.x', "it's"]));
});

test('a computed column is recorded as everybody will read it', async () => {
  const { connection } = await scene(`CREATE TABLE t (id INTEGER PRIMARY KEY, d TEXT, v TEXT AS (json_array(d)))`);
  const read = (): unknown => connection.prepare('SELECT v FROM t').pluck().get();
  connection.exec(`INSERT INTO t (id, d) VALUES (1, json('[1]'))`);
  expect(captured(connection).at(-1)?.new).toEqual({ id: 1, d: '[1]', v: read() });
  connection.exec(`UPDATE t SET d = json('{}')`);
  expect(captured(connection).at(-1)?.new).toEqual({ id: 1, d: '{}', v: read() });
  connection.exec(`UPDATE t SET d = json('{}')`);
  expect(captured(connection)).toHaveLength(2);
});

test('a change of very many fields names the first few, and how many more', async () => {
  const { connection } = await scene(`CREATE TABLE t (id INTEGER PRIMARY KEY, d TEXT)`, { json: ['d'] });
  const document = (value: number): string =>
    JSON.stringify(Object.fromEntries(Array.from({ length: 22_000 }, (_, at) => [`key${at}`, value])));
  connection.prepare('INSERT INTO t VALUES (1, ?)').run(document(1));
  connection.prepare('UPDATE t SET d = ?').run(document(2));
  const last = captured(connection).at(-1);
  expect(last?.changed).toHaveLength(22_000);
  expect(last?.message).toMatch(/^d\.key\d+(?:, d\.key\d+){4} and 21995 more of t 1 changed$/);
});

describe('a change that an entry itself sets off has its entry as well', () => {
  /** Each entry changes rows of the table in `into`, which is captured. */
  async function chain(depth: number, recursive: string): Promise<{ tables: string[]; trail: Scene; error: string }> {
    const tables = Array.from({ length: depth }, (_, at) => `t${at}`);
    const trail = await scene(
      tables.map((table) => `CREATE TABLE ${table} (id INTEGER PRIMARY KEY, v);`).join('\n'),
      {},
      tables,
    );
    const { connection } = trail;
    connection.pragma(`recursive_triggers = ${recursive}`);
    for (const [at, table] of tables.entries()) {
      const next = tables[at + 1];
      if (next === undefined) continue;
      connection.exec(`CREATE TRIGGER entry_${at} AFTER INSERT ON daybook_entries WHEN NEW.entity_type = '${table}'
        BEGIN INSERT OR REPLACE INTO ${next} (id, v) VALUES (1, NEW.seq); END`);
    }
    let error = '';
    try {
      connection.exec('INSERT INTO t0 VALUES (1, 1)');
      connection.exec('UPDATE t0 SET v = 2');
    } catch (refused) {
      error = (refused as Error).message;
    }
    return { tables, trail, error };
  }

  test.each(['OFF', 'ON'])('one within another, recursive_triggers %s', async (recursive) => {
    const { trail, error } = await chain(2, recursive);
    expect(error).toBe('');
    expect(captured(trail.connection).map(({ action, type }) => `${action} ${type}`)).toEqual(
      recursive === 'OFF'
        ? ['create t0', 'create t1', 'update t0', 'update t1']
        : ['create t0', 'create t1', 'update t0', 'delete t1', 'create t1'],
    );
    expect(trail.connection.prepare('SELECT count(*) FROM daybook_changes').pluck().get()).toBe(0);
  });

  test('deeper than SQLite goes without recursive_triggers, the change is refused', async () => {
    const { tables, trail, error } = await chain(5, 'OFF');
    expect(error).toMatch(/^daybook: the entry of a captured change cannot be recorded/);
    for (const table of tables) {
      expect(trail.connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
    }
    expect((await chain(5, 'ON')).error).toBe('');
  });
});
