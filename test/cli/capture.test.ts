import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cli, json, NOW, ok, trail } from '../support/cli.js';

/** A trail beside the tables of an application; the connection is the application's. */
async function application(): Promise<Database.Database> {
  const path = await trail();
  const connection = new Database(path, { timeout: 0 });
  onTestFinished(() => void connection.close());
  connection.exec(`
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, password_hash TEXT, updated_at TEXT);
    CREATE TABLE organizations (id TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE log (line TEXT);
    INSERT INTO users VALUES (1, 'a@x', 'h', NULL);
    INSERT INTO organizations VALUES ('o1', 'One');`);
  return connection;
}

const USERS = ['capture', 'add', 'users', '--redact', 'password_hash', '--ignore', 'updated_at'];

interface Listed {
  readonly captures: readonly Record<string, unknown>[];
}

async function listed(): Promise<readonly Record<string, unknown>[]> {
  return (await json<Listed>(['capture', 'list', '--format', 'json'])).captures;
}

async function actions(): Promise<string[]> {
  const { entries } = await json<{ entries: { action: string; entity_id: string }[] }>([
    'history',
    '--category',
    'system',
    '--oldest-first',
    '--format',
    'json',
  ]);
  return entries.map((entry) => `${entry.action} ${entry.entity_id}`);
}

describe('capture add', () => {
  test('records what it did; once more it changes nothing, with other options it changes them', async () => {
    await application();
    expect(await cli(USERS)).toEqual({ code: 0, stdout: '', stderr: 'users is captured\n' });
    expect(await cli(USERS)).toEqual({ code: 0, stdout: '', stderr: 'users is captured like that already\n' });
    await ok([...USERS, '--name-column', 'EMAIL']);
    expect(await actions()).toEqual(['capture_add users', 'capture_add users']);
    const { entries } = await json<{ entries: Record<string, unknown>[] }>(['history', '-n1', '--format', 'json']);
    expect(entries[0]).toMatchObject({
      old_values: { name_column: null },
      new_values: { name_column: 'email' },
      changed_fields: ['name_column'],
    });
  });

  test('several tables: a column counts for those that have it, and all or none are captured', async () => {
    await application();
    const all = ['capture', 'add', 'users', 'organizations', '--redact', 'password_hash'];
    expect(await cli([...all.slice(0, 4), 'log', ...all.slice(4)])).toMatchObject({ code: 7 });
    expect(await cli([...all, '--ignore', 'nothing'])).toMatchObject({
      code: 2,
      stderr: 'daybook: --ignore: none of these tables has a column nothing\n',
    });
    expect(await cli(['capture', 'add', 'organizations', 'users'])).toMatchObject({ code: 7 });
    expect(await listed()).toEqual([]);
    await ok(all);
    expect((await listed()).map(({ table, redact }) => [table, redact])).toEqual([
      ['organizations', []],
      ['users', ['password_hash']],
    ]);
  });

  test.each([
    ['no such table', ['none'], 4, 'no table none in this database'],
    ['no primary key', ['log'], 7, 'log cannot be captured: it has no primary key'],
    ['ours', ['daybook_entries'], 7, 'daybook_entries cannot be captured: it belongs to daybook'],
    ['secrets', ['users'], 7, 'users has columns that look like secrets (password_hash)'],
    ['no such column', ['organizations', '--ignore', 'nothing'], 2, '--ignore: organizations has no column nothing'],
    ['a type with a colon', ['organizations', '--entity-type', 'a:b'], 2, 'entity type "a:b"'],
    ['a scope without a column', ['organizations', '--scope', 'guild='], 2, '--scope guild='],
    ['a key that is redacted', ['organizations', '--redact', 'id'], 2, 'column id cannot be kept out'],
  ])('refuses: %s', async (_what, words, code, message) => {
    await application();
    const result = await cli(['capture', 'add', ...words]);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
    expect(await listed()).toEqual([]);
  });

  test('two tables cannot have one type', async () => {
    await application();
    await ok(['capture', 'add', 'organizations', '--entity-type', 'thing']);
    expect(await cli([...USERS, '--entity-type', 'thing'])).toMatchObject({ code: 7 });
    expect(await cli(['capture', 'add', 'users', 'organizations', '--entity-type', 'x'])).toMatchObject({ code: 2 });
  });
});

test('show goes into a document, and names a redacted change without a value', async () => {
  const connection = await application();
  connection.exec('CREATE TABLE guilds (id TEXT PRIMARY KEY, data TEXT, token TEXT)');
  await ok(['capture', 'add', 'guilds', '--json', 'data', '--redact', 'token']);
  connection.exec(`
    INSERT INTO guilds VALUES ('9007199254740993', '{"announce":{"channel":"1"},"level":3}', 'a');
    UPDATE guilds SET data = '{"announce":{"channel":"2"},"level":3}', token = 'b';
    UPDATE guilds SET data = 'no document any more';`);
  const changes = async (seq: string): Promise<string> =>
    (await ok(['show', seq])).split('\n\n').find((part) => part.startsWith('changes')) ?? '';
  expect(await changes('3')).toBe(
    'changes\n  ~ data.announce.channel: "1" → "2"\n  ~ token: "[redacted]" → "[redacted]"',
  );
  expect(await changes('4')).toContain('~ data:');
});

test('a row that would follow itself in a change of its key is refused, for its entries could not be right', async () => {
  const connection = await application();
  connection.exec(`
    CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent REFERENCES nodes ON UPDATE CASCADE);
    INSERT INTO nodes VALUES (1, 1), (2, 1)`);
  await ok(['capture', 'add', 'nodes']);
  expect(() => connection.exec('UPDATE nodes SET id = 9 WHERE id = 1')).toThrow(
    'daybook: this row of nodes refers to itself by parent, which follows id: set parent to NULL first, and again afterwards',
  );
  connection.exec('UPDATE nodes SET parent = NULL WHERE id = 1; UPDATE nodes SET id = 9 WHERE id = 1');
  expect(connection.prepare('SELECT id, parent FROM nodes ORDER BY id').raw().all()).toEqual([
    [2, 9],
    [9, null],
  ]);
  expect(await ok(['history', '--entity', 'nodes', '--columns', 'action,entity_id', '--format', 'csv'])).toBe(
    'action,entity_id\ncreate,9\ndelete,1\nupdate,2\nupdate,1\n',
  );
});

describe('capture list', () => {
  test('says nothing to list on stderr', async () => {
    await trail();
    expect(await cli(['capture', 'list'])).toEqual({ code: 0, stdout: '', stderr: 'no table is captured\n' });
  });

  test('shapes', async () => {
    await application();
    await ok([...USERS, '--require-actor']);
    expect(await listed()).toEqual([
      {
        table: 'users',
        entity_type: 'users',
        scope: null,
        actor_column: null,
        name_column: null,
        ignore: ['updated_at'],
        redact: ['password_hash'],
        keep: [],
        json: [],
        require_actor: true,
        columns: ['id', 'email', 'password_hash', 'updated_at'],
        since: NOW,
        gaps: [],
        problem: null,
        outdated: false,
      },
    ]);
    expect(await ok(['capture', 'list'])).toBe(
      `users; since ${NOW}; redacted: password_hash; ignored: updated_at; needs an actor\n`,
    );
  });

  test('has a line for each table, whatever its name holds', async () => {
    const connection = await application();
    connection.exec('CREATE TABLE "two\nlines" (id INTEGER PRIMARY KEY)');
    await ok(USERS);
    await ok(['capture', 'add', 'two\nlines']);
    const names = (await ok(['capture', 'list'])).split('\n').map((line) => line.split(';')[0]);
    expect(names.toSorted()).toEqual(['', 'two⏎lines', 'users']);
  });
});

describe('what was changed elsewhere', () => {
  test('is a problem until refresh, and a gap afterwards', async () => {
    const connection = await application();
    await ok(USERS);
    expect(await cli(['status', '--check', '--quiet'])).toMatchObject({ code: 0 });
    connection.exec('ALTER TABLE users ADD COLUMN api_token TEXT');
    const problem = 'has other columns than when it was captured (+api_token)';
    expect((await listed())[0]).toMatchObject({ problem });
    expect(await ok(['capture', 'list'])).toContain(`PROBLEM: users ${problem}`);
    const check = await cli(['status', '--check']);
    expect(check.code).toBe(3);
    expect(check.stderr).toContain(`captured table users ${problem}`);
    expect(await cli(['capture', 'refresh', 'users'])).toEqual({
      code: 0,
      stdout: '',
      stderr:
        'users is captured as it should be again\napi_token look like secrets and are redacted: see daybook capture add --help\n',
    });
    expect(await cli(['capture', 'refresh'])).toMatchObject({ code: 0, stderr: 'users is as it should be\n' });
    expect((await listed())[0]).toMatchObject({
      problem: null,
      redact: ['api_token', 'password_hash'],
      gaps: [{ from: NOW, to: NOW }],
    });
    expect(await actions()).toEqual(['capture_add users', 'capture_refresh users']);
    expect(await cli(['status', '--check'])).toMatchObject({ code: 0 });
  });

  test.each([
    ['DROP TRIGGER daybook_capture_users_after_delete', 'lacks 1 of its 5 capture triggers'],
    ['ALTER TABLE users RENAME COLUMN email TO mail', 'has other columns than when it was captured (+mail, -email)'],
    ['DROP TABLE users', 'is no longer there'],
    [
      'CREATE TRIGGER touch AFTER UPDATE ON users BEGIN SELECT 1; END',
      'has triggers that were made after capture and run before it (touch)',
    ],
  ])('%s', async (sql, problem) => {
    const connection = await application();
    await ok(USERS);
    connection.exec(sql);
    expect((await listed())[0]?.['problem']).toContain(problem);
  });

  test('settings of columns that are gone are gone, and adding anew ends the gap as well', async () => {
    const connection = await application();
    const options = ['--scope', 'org=name', '--actor-column', 'email', '--name-column', 'email'];
    await ok([
      'capture',
      'add',
      'users',
      'organizations',
      '--keep',
      'password_hash',
      '--ignore',
      'updated_at',
      ...options,
    ]);
    expect((await listed()).map((one) => [one['scope'], one['actor_column'], one['name_column']])).toEqual([
      ['org=name', null, null],
      [null, 'email', 'email'],
    ]);
    connection.exec(`
      DROP TABLE users; CREATE TABLE users (id INTEGER PRIMARY KEY, nick TEXT);
      DROP TABLE organizations; CREATE TABLE organizations (id TEXT PRIMARY KEY, title TEXT)`);
    await ok(['capture', 'refresh', 'organizations']);
    expect((await listed())[0]).toMatchObject({ scope: null, problem: null });
    await ok(['capture', 'add', 'users', '--entity-type', 'people']);
    await ok(['capture', 'refresh']);
    expect((await listed())[1]).toMatchObject({ entity_type: 'people', actor_column: null, problem: null });
  });

  test('a trigger made later is put behind again without a gap', async () => {
    const connection = await application();
    await ok(USERS);
    connection.exec('CREATE TRIGGER touch AFTER UPDATE ON users BEGIN SELECT 1; END');
    await ok(['capture', 'refresh']);
    expect((await listed())[0]).toMatchObject({ problem: null, gaps: [] });
  });
});

describe('capture check', () => {
  test('holds, and leaves no trace', async () => {
    const connection = await application();
    await ok([...USERS.slice(0, 3), 'organizations', ...USERS.slice(3)]);
    const before = connection.prepare('SELECT count(*) FROM daybook_entries').pluck().get();
    const { cases } = await json<{ cases: { case: string; outcome: string }[] }>([
      'capture',
      'check',
      '--format',
      'json',
    ]);
    expect(cases.length).toBeGreaterThan(10);
    expect(cases.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    expect(cases.filter(({ outcome }) => outcome === 'holds').length).toBeGreaterThan(10);
    expect(connection.prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBe(before);
    expect(connection.prepare('SELECT * FROM users').all()).toHaveLength(1);
    expect(connection.prepare('SELECT count(*) FROM daybook_context').pluck().get()).toBe(0);
  });

  test('exit code 3 where a case fails', async () => {
    const connection = await application();
    await ok(USERS);
    connection.exec('DROP TRIGGER daybook_capture_users_after_update');
    const result = await cli(['capture', 'check', 'users']);
    expect(result.code).toBe(3);
    expect(result.stdout).toContain('users: triggers: fails: users lacks 1 of its 5 capture triggers');
    expect(result.stderr).toContain('1 of 1 cases fail\ntry: daybook capture refresh\n');
  });

  /** An entry that says it is of capture. */
  const noise = (id = `'o1'`): string =>
    `INSERT INTO daybook_entries (action, entity_type, entity_id, metadata) VALUES ('noise', 'organizations', ${id}, '{"table":"organizations"}')`;

  test.each([
    [
      'entries too many',
      `CREATE TRIGGER zz AFTER UPDATE ON organizations BEGIN ${noise()}; END`,
      /an update: fails: expected one update, found update of o1, noise of o1/,
    ],
    [
      'entries of nothing',
      `CREATE TRIGGER zz AFTER UPDATE ON organizations BEGIN ${noise()}; END`,
      /that changes nothing: fails: expected no entry, found noise of o1/,
    ],
    [
      'a second delete',
      `CREATE TRIGGER zz AFTER DELETE ON organizations BEGIN ${noise()}; END`,
      /a delete: fails: expected one delete with the row/,
    ],
    [
      'a second create',
      `CREATE TRIGGER zz AFTER INSERT ON organizations BEGIN ${noise('NEW.id')}; END`,
      /an insert: fails: expected one create/,
    ],
    [
      'a third part',
      `CREATE TRIGGER zz AFTER UPDATE OF id ON organizations BEGIN ${noise()}; END`,
      /an update of the key: fails: expected a delete and a create/,
    ],
    [
      'entries that vanish',
      `CREATE TRIGGER zz BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END`,
      /an update: fails: daybook: the entry of a captured change/,
    ],
    [
      'a rule of its own',
      `CREATE TRIGGER zz BEFORE UPDATE ON organizations BEGIN SELECT RAISE(ABORT, 'closed'); END`,
      /an update: not tried, because closed/,
    ],
  ])('is not deceived by %s', async (_what, sabotage, told) => {
    const connection = await application();
    connection.exec(sabotage);
    await ok(['capture', 'add', 'organizations']).catch(() => undefined);
    if ((await listed()).length === 0) {
      connection.exec('DROP TRIGGER zz');
      await ok(['capture', 'add', 'organizations']);
      connection.exec(sabotage);
    }
    expect((await cli(['capture', 'check'])).stdout).toMatch(told);
  });

  test('keys of every kind, and columns that leave nothing to change', async () => {
    const connection = await application();
    connection.exec(`
      CREATE TABLE kinds (a INTEGER, b REAL, c BLOB, d, PRIMARY KEY (a, b, c));
      CREATE TABLE keys (id REAL PRIMARY KEY, n INTEGER UNIQUE, other TEXT UNIQUE);
      CREATE TABLE bytes (id BLOB PRIMARY KEY, v INTEGER);
      INSERT INTO kinds VALUES (1, 0.5, x'00', NULL);
      INSERT INTO keys VALUES (1.5, 4611686018427387905, NULL);
      INSERT INTO bytes VALUES (x'ff', 4611686018427387905);`);
    await ok(['capture', 'add', 'kinds', 'keys', 'bytes', '--ignore', 'other']);
    const { stdout, code } = await cli(['capture', 'check']);
    expect({ code, fails: stdout.split('\n').filter((line) => line.includes(': fails')) }).toEqual({
      code: 0,
      fails: [],
    });
    expect(stdout).toContain('keys: an update: not tried, because every column is in a key');
  });

  test('a table that is not captured', async () => {
    await application();
    expect(await cli(['capture', 'check', 'users'])).toMatchObject({ code: 4 });
    expect(await cli(['capture', 'refresh', 'users'])).toMatchObject({ code: 4 });
    expect(await cli(['capture', 'check'])).toMatchObject({ code: 0, stderr: 'no table is captured\n' });
  });

  test('an empty table cannot be tried', async () => {
    const connection = await application();
    connection.exec('DELETE FROM organizations');
    await ok(['capture', 'add', 'organizations']);
    expect(await ok(['capture', 'check'])).toContain(
      'organizations: an update: not tried, because the table has no row to copy\n',
    );
  });
});

describe('capture remove', () => {
  test('ends the span, drops the triggers, and changes nothing the second time', async () => {
    const connection = await application();
    await ok(USERS);
    expect(await cli(['capture', 'remove', 'users'])).toMatchObject({
      code: 0,
      stderr: 'users is no longer captured\n',
    });
    expect(await cli(['capture', 'remove', 'users'])).toMatchObject({ code: 0, stderr: 'users is not captured\n' });
    expect(await cli(['capture', 'remove', 'none'])).toMatchObject({ code: 4 });
    expect(await cli(['capture', 'remove'])).toMatchObject({ code: 2 });
    expect(await cli(['capture', 'remove', 'users', '--all'])).toMatchObject({ code: 2 });
    expect(await listed()).toEqual([]);
    connection.exec("UPDATE users SET email = 'b@x'");
    expect(await actions()).toEqual(['capture_add users', 'capture_remove users']);
    expect(
      connection.prepare("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'daybook_capture_users_*'").pluck().get(),
    ).toBe(0);
  });

  test('a table that was never captured is not captured, also one that could not be', async () => {
    const connection = await application();
    connection.exec('CREATE TABLE lines (line TEXT); CREATE VIEW seen AS SELECT * FROM lines');
    expect(await cli(['capture', 'remove', 'LINES', 'seen'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'lines is not captured\nseen is not captured\n',
    });
    expect(await actions()).toEqual([]);
  });

  test('--all', async () => {
    await application();
    await ok(['capture', 'add', 'users', 'organizations', '--keep', 'password_hash']);
    await ok(['capture', 'remove', '--all']);
    expect(await listed()).toEqual([]);
  });
});

test('a context that a transaction left behind is told, and cleared by the next command that writes', async () => {
  const connection = await application();
  await ok(USERS);
  connection.pragma('foreign_keys = OFF');
  connection.exec("INSERT OR REPLACE INTO daybook_context (actor) VALUES ('alice')");
  const check = await cli(['status', '--check']);
  expect(check).toMatchObject({ code: 3 });
  expect(check.stderr).toContain('left the context of alice behind');
  await ok(['note', 'users:1', 'who is alice?']);
  expect(await cli(['status', '--check'])).toMatchObject({ code: 0 });
  expect(await ok(['history', '--action', 'context_clear'])).toContain('the context of alice');
  connection.pragma('foreign_keys = ON');
  expect(() => connection.exec("INSERT INTO daybook_context (actor) VALUES ('bob')")).toThrow(/FOREIGN KEY/);
});
