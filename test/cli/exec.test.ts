import Database from 'better-sqlite3';
import { writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { cli, inTestDirectory, json, NOW, ok, trail } from '../support/cli.js';

/** A trail beside a table of users, which is captured; the connection is an application's. */
async function application(): Promise<Database.Database> {
  const path = await trail();
  const connection = new Database(path, { timeout: 0 });
  onTestFinished(() => void connection.close());
  connection.pragma('foreign_keys = OFF');
  connection.exec(`
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, author REFERENCES users (id) ON DELETE CASCADE);
    INSERT INTO users VALUES (1, 'a@x'), (2, 'b@x');
    INSERT INTO posts VALUES (10, 1);`);
  await ok(['capture', 'add', 'users']);
  return connection;
}

async function last(): Promise<Record<string, unknown>> {
  const { entries } = await json<{ entries: Record<string, unknown>[] }>(['history', '-n1', '--format', 'json']);
  return entries[0] ?? {};
}

const UPDATE = "UPDATE users SET email = 'c@x' WHERE id = 1";

describe('exec runs SQL in one transaction', () => {
  test('and says which captured tables another program has taken capture from', async () => {
    const connection = await application();
    expect(await cli(['exec', UPDATE])).toMatchObject({ stdout: expect.stringContaining('1 entry'), stderr: '' });
    connection.exec('ALTER TABLE users RENAME TO gone; CREATE TABLE users AS SELECT * FROM gone; DROP TABLE gone');
    const gap = /^captured table users .*: changes may go unrecorded until daybook capture refresh users\n$/;
    for (const format of [[], ['--format', 'json']]) {
      const { code, stdout, stderr } = await cli(['exec', UPDATE, ...format]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/1 row changed, 0 entries|"entries":0/);
      expect(stderr).toMatch(gap);
    }
  });

  test('and says what came of it', async () => {
    await application();
    expect(await cli(['exec', `${UPDATE}; INSERT INTO users VALUES (3, 'z'), (4, 'y'); SELECT 1`])).toEqual({
      code: 0,
      stdout: '3 statements, 3 rows changed, 3 entries\n',
      stderr: '',
    });
    expect(await ok(['exec', UPDATE])).toBe('1 statement, 1 row changed, 0 entries\n');
    expect(await ok(['exec', 'SELECT 1'])).toBe('1 statement, 0 rows changed, 0 entries\n');
  });

  test('as JSON', async () => {
    await application();
    expect(await ok(['exec', UPDATE, '--format', 'json'])).toBe(
      '{"dry_run":false,"statements":1,"rows":1,"entries":1,"first_seq":2,"last_seq":2}\n',
    );
    expect(await json(['exec', 'SELECT 1', '--format', 'json'])).toEqual({
      dry_run: false,
      statements: 1,
      rows: 0,
      entries: 0,
      first_seq: null,
      last_seq: null,
    });
  });

  test('from a file, and from stdin', async () => {
    await application();
    const file = inTestDirectory('change.sql');
    writeFileSync(file, `\ufeff-- a comment;\n${UPDATE};\n`);
    expect(await ok(['exec', '--file', file])).toContain('1 statement, 1 row');
    const input = "UPDATE users SET email = 'é;💥' WHERE id = 1";
    expect(await ok(['exec', '-'], { input })).toContain('1 entry');
    expect(await last()).toMatchObject({ new_values: { email: 'é;💥' } });
    expect(await ok(['exec', '--file', '-'], { input: UPDATE, terminal: true })).toContain('1 entry');
  });

  test('under the name of who runs it, and why', async () => {
    await application();
    await ok(['exec', UPDATE, '--reason', 'ticket 117', '--correlation', 'T-117']);
    expect(await last()).toMatchObject({
      actor: 'alice',
      actor_type: 'user',
      correlation_id: 'T-117',
      action: 'update',
      metadata: { reason: 'ticket 117' },
      recorded_by: null,
    });
    await ok(['exec', "UPDATE users SET email = 'd@x' WHERE id = 1", '--as', 'bob', '--as-type', 'moderator']);
    expect(await last()).toMatchObject({
      actor: 'bob',
      actor_type: 'moderator',
      correlation_id: null,
      recorded_by: 'alice@desk',
    });
  });

  test('as a migration', async () => {
    await application();
    await ok(['exec', UPDATE, '--migration', '0007_emails', '--as', 'deploy'], { env: { DAYBOOK_ACTOR_TYPE: 'bot' } });
    expect(await last()).toMatchObject({ actor: 'deploy', actor_type: 'migration', correlation_id: '0007_emails' });
  });

  test('with foreign keys off, unless they are asked for', async () => {
    const rebuild = `CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT UNIQUE);
      INSERT INTO users_new SELECT * FROM users; DROP TABLE users; ALTER TABLE users_new RENAME TO users`;
    const connection = await application();
    const posts = connection.prepare('SELECT count(*) FROM posts').pluck();
    await ok(['exec', rebuild]);
    expect(posts.get()).toBe(1);
    await ok(['exec', rebuild, '--foreign-keys', 'on']);
    expect(posts.get()).toBe(0);
  });
});

describe('exec --dry-run', () => {
  test('shows the entries as history does, and changes nothing', async () => {
    const connection = await application();
    const { code, stdout, stderr } = await cli(['exec', UPDATE, '--dry-run']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'would be 1 statement, 1 row changed, 1 entry: nothing was changed\n',
    });
    expect(stdout).toMatch(/^\S+Z info +#2 alice update users:1 email of users 1 changed\n$/);
    const screen = await cli(['exec', UPDATE, '--dry-run'], { terminal: true, columns: 100 });
    expect(screen.stdout).toContain('email of users 1 changed');
    expect(screen.stdout).toContain('actor');
    expect((await cli(['exec', UPDATE, '--dry-run', '--quiet'])).stderr).toBe('');
    expect(connection.prepare('SELECT email FROM users WHERE id = 1').pluck().get()).toBe('a@x');
    expect(await ok(['count'])).toBe('1\n');
  });

  test('as JSON', async () => {
    await application();
    const sql = "INSERT INTO users VALUES (9007199254740993, 'big')";
    const text = await ok(['exec', sql, '--dry-run', '--format', 'json']);
    expect(text).toContain('"new_values":{"id":9007199254740993,"email":"big"}');
    const { would_record: entries, ...facts } = JSON.parse(text) as { would_record: Record<string, unknown>[] };
    expect(facts).toEqual({ dry_run: true, statements: 1, rows: 1, entries: 1, first_seq: 2, last_seq: 2 });
    await ok(['exec', sql]);
    const { reverted_by: _, ...recorded } = await last();
    expect(entries).toEqual([{ ...recorded, id: expect.any(String), ts: expect.any(String) }]);
    expect(Object.keys(entries[0] ?? {})).toEqual(Object.keys(recorded));
    expect(await json(['exec', 'SELECT 1', '--dry-run', '--format', 'json'])).toMatchObject({ would_record: [] });
  });

  test('of very many says how many are shown', async () => {
    await application();
    const { stdout, stderr } = await cli([
      'exec',
      `WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1149) INSERT INTO users SELECT i, i FROM n`,
      '--dry-run',
    ]);
    expect(stdout.split('\n')).toHaveLength(1001);
    expect(stderr).toContain('1050 entries, of which the first 1000 are shown: nothing was changed');
  });

  test('of nothing prints nothing', async () => {
    await application();
    expect(await ok(['exec', 'SELECT 1', '--dry-run'])).toBe('');
  });
});

describe('exec refuses', () => {
  test.each<[string, readonly string[], number, string]>([
    ['nothing at all', [], 2, 'there is no SQL\ntry: daybook exec --file'],
    ['SQL from two places', ['SELECT 1', '--file', 'x'], 2, 'give one of them'],
    ['no statement', ['/* nothing */'], 2, 'holds no statement'],
    ['a statement that ends the transaction', ['SELECT 1;\n/**/cOmMiT'], 2, 'line 2, cOmMiT: COMMIT is refused'],
    ['an odd END', ['SELECT 1;;END'], 2, 'line 1, END: END is refused'],
    ['foreign_keys as a pragma that disagrees', ['PRAGMA foreign_keys=1'], 2, '--foreign-keys on'],
    ['a parameter', ['SELECT ?'], 2, 'it holds a parameter'],
    ['what begins with no word', ['(SELECT 1)'], 2, 'a statement begins with a word'],
    ['a savepoint that stays open', ['SAVEPOINT a'], 2, 'never released'],
    ['what belongs to the trail', ['DROP TABLE daybook_entries'], 2, 'daybook_entries belongs to the trail'],
    ['a vertical tab before COMMIT', ['SELECT 1; \vCOMMIT; SELECT nonsense'], 2, 'COMMIT is refused'],
    ['a vertical tab before a name', ['DELETE FROM  \vdaybook_retention'], 2, 'daybook_retention belongs to the trail'],
    ['a syntax error', ['SELEC 1'], 2, 'line 1, SELEC 1: near "SELEC": syntax error'],
    ['an unknown table', ['SELECT * FROM nowhere'], 2, 'no such table: nowhere'],
    ['a reason that is empty', ['SELECT 1', '--reason', ' '], 2, '--reason must not be empty'],
    ['a correlation that is empty', ['SELECT 1', '--correlation', ''], 2, '--correlation must not be empty'],
    ['a migration that is empty', ['SELECT 1', '--migration', ''], 2, '--migration must not be empty'],
    [
      'a migration with a correlation',
      ['SELECT 1', '--migration', 'a', '--correlation', 'b'],
      2,
      'cannot be used with',
    ],
    ['neither on nor off', ['SELECT 1', '--foreign-keys', 'maybe'], 2, 'Allowed choices are on, off'],
    ['a file that is not there', ['--file', '/nonexistent/a.sql'], 6, '--file /nonexistent/a.sql: the file cannot be'],
    ['a constraint', ["INSERT INTO users VALUES (3, 'a@x')"], 7, 'UNIQUE constraint failed: users.email; nothing'],
    ['a change of an entry', ["UPDATE daybook_entries SET actor = 'x'"], 7, 'entries never change'],
    [
      'a reference to nothing',
      ['DELETE FROM users WHERE id = 1'],
      7,
      'posts row 10: author 1 is not in users; nothing',
    ],
  ])('%s', async (_, words, code, message) => {
    const connection = await application();
    const before = connection.serialize();
    const result = await cli(['exec', ...words]);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(connection.serialize().equals(before)).toBe(true);
  });

  test('data that is no text', async () => {
    await application();
    expect(await cli(['exec', '-'], { input: Buffer.from([0x53, 0xff]) })).toMatchObject({ code: 6 });
    expect(await cli(['exec', '-'], { input: 'SELECT 1\0; COMMIT' })).toMatchObject({ code: 6 });
  });

  test('a database that is not there, before anything is run', async () => {
    expect(await cli(['exec', 'SELECT 1'], { db: inTestDirectory('none.db') })).toMatchObject({ code: 4 });
  });

  test('to wait for ever', async () => {
    const connection = await application();
    connection.exec('BEGIN IMMEDIATE');
    const { code, stderr } = await cli(['exec', UPDATE, '--busy-timeout', '0s']);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringContaining('is locked by another program') });
    connection.exec('ROLLBACK');
  });

  test('nothing that only looks like a statement', async () => {
    await application();
    const sql = `UPDATE users SET email = 'x; COMMIT; ' /* ; END; */ WHERE id = 1 -- ; ROLLBACK
      ; CREATE TRIGGER one AFTER INSERT ON posts BEGIN SELECT CASE WHEN 1 THEN 2 END; END
      ; CREATE TRIGGER two AFTER INSERT ON posts BEGIN UPDATE users SET email = 'commit'; END;`;
    expect(await ok(['exec', sql])).toBe('3 statements, 1 row changed, 1 entry\n');
  });
});

test('text from a database cannot touch the terminal', async () => {
  await application();
  const evil = "INSERT INTO users VALUES (3, '\u202e')";
  const dry = await cli(['exec', evil, '--dry-run', '--format', 'json'], { terminal: true });
  expect(dry.stdout).not.toContain('\u202e');
  expect(JSON.parse(dry.stdout)).toMatchObject({ would_record: [{ new_values: { email: '\u202e' } }] });
  const wrong = await cli(['exec', 'SELECT \u001b[2J'], { terminal: true });
  expect(wrong.stderr).not.toContain('\u001b[2J');
});

test('a database in rollback-journal mode is none the worse', async () => {
  const path = inTestDirectory('journal.db');
  const actor = { actor: 'test', actor_type: 'system', recorded_by: null };
  initialize({ path, alongside: false, busyTimeout: 0, clock: () => Date.parse(NOW), actor });
  const connection = new Database(path);
  connection.pragma('journal_mode = DELETE');
  connection.close();
  expect(await ok(['exec', 'CREATE TABLE a (b); INSERT INTO a VALUES (1)'], { db: path })).toContain('1 row changed');
  expect((await cli(['exec', 'INSERT INTO a VALUES (2); SELEC'], { db: path })).code).toBe(2);
  expect(await ok(['exec', 'DELETE FROM a'], { db: path })).toContain('1 row changed');
});
