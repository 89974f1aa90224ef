import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Source, SourceRecord } from '../../src/core/import.js';
import { openSourceDatabase } from '../../src/store/sqlite/sources/source.js';
import { temporaryDirectory } from '../support/program.js';
import { damagedLedgrab, ledgrab, truncatedLedgrab } from '../support/sources.js';

interface Application {
  readonly path: string;
  readonly connection: Database.Database;
}

function application(sql: string): Application {
  const file = path.join(temporaryDirectory(), 'app.db');
  const connection = new Database(file, { timeout: 0 });
  onTestFinished(() => {
    connection.close();
  });
  connection.exec(sql);
  return { path: file, connection };
}

function open(file: string, table = 't'): Source {
  const source = openSourceDatabase({ path: file, table, busyTimeout: 50 });
  onTestFinished(() => source.close());
  return source;
}

async function all(source: Source): Promise<SourceRecord[]> {
  const records: SourceRecord[] = [];
  for await (const page of source.records()) records.push(...(page as readonly SourceRecord[]));
  return records;
}

const rowsOf = async (source: Source) => (await all(source)).map(({ values }) => values);

const fill = (count: number): string =>
  `INSERT INTO t SELECT value, 'text ' || value FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT ${count}) SELECT value FROM n);`;

describe('a table of another database', () => {
  test('is read from the first row to the last, each once, with its values as they are', async () => {
    const app = application(`CREATE TABLE t (id INTEGER PRIMARY KEY, message TEXT); ${fill(1234)}`);
    const source = open(app.path);
    expect(source.total).toBe(1234);
    const records = await all(source);
    expect(records.map(({ values }) => values['id'])).toEqual(Array.from({ length: 1234 }, (_, n) => BigInt(n + 1)));
    expect(records[0]).toEqual({ position: 'row 1', key: [1n], values: { id: 1n, message: 'text 1' } });
  });

  test('keeps whole numbers beyond 2^53, reals, bytes and null', async () => {
    const app = application(`CREATE TABLE t (a, b, c, d);
      INSERT INTO t VALUES (9007199254740993, 1.5, x'00ff', NULL)`);
    expect(await rowsOf(open(app.path))).toEqual([{ a: 9007199254740993n, b: 1.5, c: Buffer.from([0, 255]), d: null }]);
  });

  test('is read by a key beyond 2^53, and below zero', async () => {
    const app = application(`CREATE TABLE t (id INTEGER PRIMARY KEY, message TEXT);
      INSERT INTO t VALUES (9007199254740993, 'c'), (9007199254740992, 'b'), (-5, 'a')`);
    expect((await all(open(app.path))).map(({ position }) => position)).toEqual([
      'row -5',
      'row 9007199254740992',
      'row 9007199254740993',
    ]);
  });

  test('is read by its primary key where it has no rowid', async () => {
    const app = application(`CREATE TABLE t (a TEXT, b TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID;
      INSERT INTO t SELECT 'a' || value, value % 7 FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 1100) SELECT value FROM n)`);
    const records = await all(open(app.path));
    expect(new Set(records.map(({ position }) => position)).size).toBe(1100);
    expect(records[0]?.position).toBe('row 0, a1001');
  });

  test.each([
    ['rowid', '_rowid_'],
    ['RowId', '_ROWID_'],
    ['oid', 'rowid'],
  ])('may call its columns %s and %s', async (...names) => {
    const app = application(`CREATE TABLE t (${names.join(', ')}); INSERT INTO t VALUES ('x', 'y'), ('z', 'y')`);
    expect((await rowsOf(open(app.path))).map((row) => Object.values(row))).toEqual([
      ['x', 'y'],
      ['z', 'y'],
    ]);
  });

  test('may hide its rowid behind all three names where it has a primary key', async () => {
    const app = application(
      `CREATE TABLE t (rowid, oid, _rowid_, k TEXT PRIMARY KEY); INSERT INTO t VALUES (1, 2, 3, 'k')`,
    );
    expect((await all(open(app.path)))[0]?.position).toBe('row k');
    const without = application('CREATE TABLE t (rowid, oid, _rowid_)');
    expect(() => open(without.path)).toThrow(expect.objectContaining({ kind: 'usage' }));
  });

  test('whose key holds null where a page ends is refused: what stands behind would be left out', async () => {
    const app = application(`CREATE TABLE t (rowid, oid, _rowid_, a, b, PRIMARY KEY (a, b));
      INSERT INTO t (a, b) SELECT NULL, value FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 700) SELECT value FROM n)`);
    await expect(all(open(app.path))).rejects.toMatchObject({
      kind: 'data',
      message: 't: its key "a", "b" holds null',
    });
  });

  test('may have names that are hostile', async () => {
    const app = application(`CREATE TABLE "t""; DROP TABLE x" ("a"" b" TEXT, "__proto__" TEXT);
      INSERT INTO "t""; DROP TABLE x" VALUES ('1', '2')`);
    const [row] = await rowsOf(open(app.path, 't"; DROP TABLE x'));
    expect(Object.entries(row ?? {})).toEqual([
      ['a" b', '1'],
      ['__proto__', '2'],
    ]);
  });

  test('may have CHECKs and generated columns that call functions, though its schema is not trusted', async () => {
    const app =
      application(`CREATE TABLE t (id INTEGER PRIMARY KEY, a CHECK (json_valid(a)), y AS (strftime('%Y', id)));
      INSERT INTO t VALUES (2461100, '{}')`);
    expect(await rowsOf(open(app.path))).toEqual([{ id: 2461100n, a: '{}', y: '2026' }]);
  });

  test('must be there, and be a table', () => {
    const app = application('CREATE TABLE other (a); CREATE VIEW t AS SELECT a FROM other');
    expect(() => open(app.path, 'nothing')).toThrow(
      expect.objectContaining({ kind: 'missing', message: `${app.path}: no table "nothing"; its tables: other` }),
    );
    expect(() => open(app.path)).toThrow(
      expect.objectContaining({
        kind: 'usage',
        message: `${app.path}: "t" is a view, which has no key to read by; its tables: other`,
      }),
    );
  });

  test('grows while it is read: what stands behind is read too, what stands before is for the next time', async () => {
    const app = application(`CREATE TABLE t (id INTEGER PRIMARY KEY, message TEXT); ${fill(1000)}`);
    const seen: unknown[] = [];
    for await (const page of open(app.path).records()) {
      if (seen.length === 0) app.connection.exec(`INSERT INTO t VALUES (-1, 'before'), (5000, 'behind')`);
      seen.push(...page.map((record) => 'values' in record && record.values['id']));
    }
    expect(seen).toHaveLength(1001);
    expect(seen.at(-1)).toBe(5000n);
  });

  test.each(['delete', 'wal'])('does not hold up its application between pages, in mode %s', async (mode) => {
    const app = application(
      `PRAGMA journal_mode = ${mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, message TEXT); ${fill(2000)}`,
    );
    let pages = 0;
    for await (const page of open(app.path).records()) {
      // Its timeout is 0: it would fail, and not wait.
      app.connection.exec(`UPDATE t SET message = 'changed'`);
      app.connection.pragma('wal_checkpoint(TRUNCATE)');
      pages += Math.sign(page.length);
    }
    expect(pages).toBeGreaterThan(2);
  });

  test.each(['delete', 'wal'])('is not written to, in mode %s', async (mode) => {
    const app = application(
      `PRAGMA journal_mode = ${mode}; CREATE TABLE t (id INTEGER PRIMARY KEY, message TEXT); ${fill(2000)}`,
    );
    app.connection.close();
    const sum = (): string => createHash('sha256').update(readFileSync(app.path)).digest('hex');
    const before = sum();
    const source = open(app.path);
    await all(source);
    source.close();
    expect(sum()).toBe(before);
    expect(readdirSync(path.dirname(app.path)).filter((name) => mode === 'delete' && name !== 'app.db')).toEqual([]);
  });

  test('is busy where its application holds it for too long', () => {
    const app = application('CREATE TABLE t (a)');
    app.connection.exec('BEGIN EXCLUSIVE');
    expect(() => open(app.path)).toThrow(expect.objectContaining({ kind: 'busy' }));
  });

  test('that is cut off, damaged or none says so', async () => {
    const truncated = truncatedLedgrab(temporaryDirectory());
    await expect(async () => all(open(truncated, 'activity_log'))).rejects.toMatchObject({
      kind: 'data',
      message: `${truncated} cannot be read (database disk image is malformed)`,
    });
    await expect(async () => all(open(damagedLedgrab(temporaryDirectory()), 'activity_log'))).rejects.toMatchObject({
      kind: 'data',
    });
  });
});

describe('looking up a value', () => {
  const sql = `CREATE TABLE t (a); CREATE TABLE machines (id, machine_id); INSERT INTO machines VALUES ('s1', 7), (2, NULL)`;

  test('finds the text of another table, or nothing', () => {
    const find = open(application(sql).path).lookup('machines', 'id', 'machine_id');
    expect(['s1', '2', 's3'].map(find)).toEqual(['7', null, null]);
  });

  test('finds it in a view, too', () => {
    const find = open(application(`${sql}; CREATE VIEW v AS SELECT id, machine_id + 1 AS next FROM machines`).path);
    expect(find.lookup('v', 'id', 'next')('s1')).toBe('8');
  });

  test('needs the table and its columns', () => {
    const source = open(application(sql).path);
    expect(() => source.lookup('machine', 'id', 'machine_id')).toThrow(expect.objectContaining({ kind: 'usage' }));
    expect(() => source.lookup('machines', 'id', 'nr')).toThrow('has no column "nr": it has id, machine_id');
  });
});

test('a whole log of LedGrab comes in order', async () => {
  const records = await all(open(ledgrab(temporaryDirectory()), 'activity_log'));
  const seqs = records.map(({ values }) => Number(values['seq']));
  expect(seqs).toHaveLength(1000);
  expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
});
