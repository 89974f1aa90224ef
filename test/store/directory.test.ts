import Database from 'better-sqlite3';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ListedActor } from '../../src/core/directory.js';
import { newEntry } from '../../src/core/entry.js';
import type { Reader } from '../../src/store/sqlite/engine/readable.js';
import type { NamesTable } from '../../src/store/names.js';
import { namesInTable } from '../../src/store/sqlite/names/index.js';
import { ACTOR, sqliteTrail } from './trail.js';

const ACCOUNTS: NamesTable = { table: 'accounts', id: 'id', name: 'username', email: 'email' };

/** A database of an application, with what SQL makes in it. */
async function application(sql: string): Promise<{ file: string; connection: Database.Database }> {
  const { trail } = await sqliteTrail();
  const file = path.join(trail.directory, 'core.sqlite3');
  const connection = new Database(file);
  connection.exec(sql);
  return { file, connection };
}

const READER: Reader = {
  presence: { pid: process.pid, lives: () => true },
  interruptible: (work) => work(new AbortController().signal),
};

async function read(file: string, table: NamesTable = ACCOUNTS): Promise<ListedActor[]> {
  const all: ListedActor[] = [];
  for await (const page of namesInTable({ path: file, busyTimeout: 0 }, table, READER)) all.push(...page);
  return all;
}

describe('names in a table', () => {
  test('are texts, whatever its columns hold', async () => {
    const { file } = await application(
      `CREATE TABLE accounts (id, username, email);
       INSERT INTO accounts VALUES ('a', 'Anna', 'a@x'), (9007199254740993, 12, NULL), ('c', NULL, '')`,
    );
    expect(await read(file)).toEqual([
      { actor: 'a', name: 'Anna', email: 'a@x', place: 'row 1 of accounts' },
      { actor: '9007199254740993', name: '12', email: null, place: 'row 2 of accounts' },
      { actor: 'c', name: '', email: null, place: 'row 3 of accounts' },
    ]);
    expect((await read(file, { ...ACCOUNTS, email: null }))[0]).toMatchObject({ email: null });
  });

  test.each([
    ['by rowid', 'CREATE TABLE accounts (id TEXT PRIMARY KEY, username, email)'],
    ['with columns that are named like a rowid', 'CREATE TABLE accounts (id, username, email, rowid, oid, _rowid_)'],
    ['without a rowid', 'CREATE TABLE accounts (id TEXT PRIMARY KEY, username, email) WITHOUT ROWID'],
    ['by two keys', 'CREATE TABLE accounts (id TEXT, username, email, PRIMARY KEY (username, id)) WITHOUT ROWID'],
    [
      'in a view',
      'CREATE TABLE people (id, n, e); CREATE VIEW accounts (id, username, email) AS SELECT id, n, e FROM people',
    ],
  ])('are read whole %s, negative rowids and gaps included', async (how, sql) => {
    const { file, connection } = await application(sql);
    const table = how === 'in a view' ? 'people' : 'accounts';
    const columns = how === 'in a view' ? 'id, n, e' : 'id, username, email';
    const insert = connection.prepare(`INSERT INTO ${table} (${columns}) VALUES (?, ?, NULL)`);
    connection.transaction(() => {
      for (let n = 0; n < 2500; n++) insert.run(`u-${n}`, `name ${n}`);
    })();
    if (how === 'by rowid') {
      const least = -(2n ** 63n);
      connection.prepare('UPDATE accounts SET rowid = ? WHERE id = ?').run(least, 'u-7');
      connection.prepare('UPDATE accounts SET rowid = ? WHERE id = ?').run(-(least + 1n), 'u-8');
    }
    const found = await read(file);
    expect(new Set(found.map(({ actor }) => actor)).size).toBe(2500);
    expect(found).toHaveLength(2500);
  });

  test('without a rowid come in pages, and are told by their key', async () => {
    const { file } = await application(
      `CREATE TABLE accounts (realm, id, username, email, PRIMARY KEY (realm, id)) WITHOUT ROWID;
       INSERT INTO accounts SELECT value % 3, 'u-' || value, 'x', NULL
         FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 2500) SELECT value FROM n)`,
    );
    const pages: (readonly ListedActor[])[] = [];
    for await (const page of namesInTable({ path: file, busyTimeout: 0 }, ACCOUNTS, READER)) pages.push(page);
    expect(pages.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(pages[0]?.[0]).toMatchObject({ actor: 'u-1002', place: 'row 0, u-1002 of accounts' });
  });

  test('of an application that writes in a transaction are read beside it, as they were before', async () => {
    const { file, connection } = await application(
      `PRAGMA journal_mode = WAL; CREATE TABLE accounts (id, username, email); INSERT INTO accounts VALUES (1, 'a', NULL)`,
    );
    connection.exec("BEGIN IMMEDIATE; UPDATE accounts SET username = 'b'");
    expect((await read(file))[0]).toMatchObject({ actor: '1', name: 'a' });
    connection.exec('COMMIT');
  });

  test('in a view come in pages, in one read', async () => {
    const { file } = await application(
      `CREATE TABLE people (id, name); INSERT INTO people SELECT value, 'p' || value
         FROM (WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 2500) SELECT value FROM n);
       CREATE VIEW accounts AS SELECT id, name AS username, NULL AS email FROM people`,
    );
    const pages: (readonly ListedActor[])[] = [];
    for await (const page of namesInTable({ path: file, busyTimeout: 0 }, ACCOUNTS, READER)) pages.push(page);
    expect(pages.map(({ length }) => length)).toEqual([1000, 1000, 500]);
    expect(new Set(pages.flat().map(({ actor }) => actor)).size).toBe(2500);
  });

  test.each([
    [
      'rows',
      'SELECT value AS id, 1 AS username, NULL AS email FROM n',
      /accounts has no key .* more than 1000000 rows/,
    ],
    [
      'characters',
      'SELECT value AS id, hex(zeroblob(4000000)) AS username, NULL AS email FROM n',
      /accounts has no key .* more than 268435456 characters/,
    ],
  ])('in a view without an end are refused after so many %s', async (_what, select, message) => {
    const { file } = await application(
      `CREATE VIEW accounts AS WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n) ${select}`,
    );
    await expect(read(file)).rejects.toMatchObject({ kind: 'data', message: expect.stringMatching(message) });
  });

  test('in a view that calls what a schema should not are refused; a trail beside the table is no hindrance', async () => {
    const { trail } = await sqliteTrail();
    const app = trail.plain();
    // What CHECKs and generated columns of a trail call is harmless.
    app.exec(`CREATE TABLE accounts (id, username CHECK (json_valid(username)), email); INSERT INTO accounts VALUES (1, '"a"', NULL);
      INSERT INTO daybook_entries (action) VALUES ('there');
      CREATE VIEW trusted AS SELECT seq AS id, ts_ms AS username, metadata AS email FROM daybook_entries;
      CREATE VIEW prying AS SELECT name AS id, name AS username, NULL AS email FROM pragma_table_list`);
    expect(await read(trail.path)).toMatchObject([{ actor: '1', name: '"a"' }]);
    expect(await read(trail.path, { ...ACCOUNTS, table: 'trusted' })).toMatchObject([{ actor: '1', email: '{}' }]);
    await expect(read(trail.path, { ...ACCOUNTS, table: 'prying' })).rejects.toMatchObject({
      message: expect.stringContaining('unsafe use of virtual table') as string,
    });
  });

  test.each([
    ['no such table', { ...ACCOUNTS, table: 'people' }, 'missing', /no table "people"/],
    ['no such column', { ...ACCOUNTS, name: 'full"name' }, 'usage', /no column "full\\"name": there are id, username/],
    ['a null id', ACCOUNTS, 'data', /row 2 of accounts: id is null/],
    ['bytes', { ...ACCOUNTS, id: 'email', name: 'blobs' }, 'data', /row 1 of accounts: bytes/],
  ])('with %s are refused', async (_what, table, kind, message) => {
    const { file } = await application(
      `CREATE TABLE accounts (id, username, email, blobs);
       INSERT INTO accounts VALUES (1, 'a', 'e', x'00ff'), (NULL, 'b', 'f', x'00')`,
    );
    await expect(read(file, table)).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
  });

  test('in a file that is no database, or not there, are refused without the hint of a trail', async () => {
    const { trail } = await sqliteTrail();
    await expect(read(path.join(trail.directory, 'none'))).rejects.toMatchObject({ kind: 'missing', hint: undefined });
  });
});

describe('an import of names', () => {
  async function* list(count: number): AsyncGenerator<readonly ListedActor[]> {
    yield Array.from({ length: count }, (_, n) => ({ actor: `u-${n}`, name: 'x', email: null, place: `line ${n}` }));
  }
  const importing = { withEmail: true, audit: () => newEntry({ action: 'actors_import', ...ACTOR }) };

  test('waits for nobody while the list is read, and keeps nobody waiting', async () => {
    const { trail, store } = await sqliteTrail();
    const other = trail.plain();
    async function* slow(): AsyncGenerator<readonly ListedActor[]> {
      for await (const page of list(3)) {
        yield page;
        // Somebody writes in the middle of the list, without any patience.
        other.exec("INSERT INTO daybook_entries (action) VALUES ('meanwhile')");
      }
    }
    await expect(store.importNames(slow(), importing)).resolves.toMatchObject({ added: 3, entry: 2 });
  });

  test('that is locked out half-way has its entry, and says how to bring the rest', async () => {
    const { trail, store } = await sqliteTrail();
    const other = trail.plain();
    let batches = 0;
    // Somebody takes the lock between two batches, and keeps it for longer than the store waits.
    const watched = setInterval(() => {
      const before = other.prepare('SELECT count(*) FROM daybook_actors').pluck().get() as number;
      if (before === 0 || batches > 0) return;
      batches += 1;
      other.exec('BEGIN IMMEDIATE');
    }, 0);
    const failed = store.importNames(list(4000), importing).catch((error: unknown) => error);
    const error = await failed;
    clearInterval(watched);
    other.exec('ROLLBACK');
    expect(error).toMatchObject({ kind: 'busy', hint: '…', message: expect.stringMatching(/of 4000 names are in/) });
    expect((await store.extent({})).lastSeq).toBe(1);
    await expect(store.importNames(list(4000), importing)).resolves.toMatchObject({ read: 4000, entry: 2 });
    expect(await store.actors({ limit: 5000 })).toHaveLength(4000);
  });
});

describe('whom a text means', () => {
  test('is read from indexes alone', async () => {
    const { trail } = await sqliteTrail();
    const plan = (sql: string): string =>
      (trail.plain().prepare(`EXPLAIN QUERY PLAN ${sql}`).all('x') as { detail: string }[])
        .map(({ detail }) => detail)
        .join('\n');
    expect(plan('SELECT EXISTS (SELECT 1 FROM daybook_entries WHERE actor = ?)')).toContain('daybook_entries_by_actor');
    expect(plan('SELECT actor FROM daybook_actors WHERE name = ? ORDER BY actor')).toMatch(
      /^SEARCH daybook_actors USING COVERING INDEX daybook_actors_by_name[^\n]*$/,
    );
  });
});
