import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, given, json, ndjson, ok, trail } from '../support/cli.js';

/** The database of this test, with a captured table in it; the application writes by plain SQL. */
async function captured(setup: string, options: readonly string[], ...changes: string[]): Promise<void> {
  const app = new Database(await trail());
  app.exec(setup);
  await ok(['capture', 'add', ...options, '--quiet']);
  for (const change of changes) app.exec(change);
  app.close();
}

const USERS = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, role TEXT);
  INSERT INTO users VALUES (1, 'ann', 'admin'), (2, 'b' || char(10) || 'ob', 'user')`;

async function users(): Promise<void> {
  await captured(USERS, ['users'], `UPDATE users SET role = 'admin' WHERE id = 2`, 'DELETE FROM users WHERE id = 1');
}

describe('state', () => {
  test('of a row, in the shape of the contract', async () => {
    await users();
    const text = await ok(['state', 'users:2', '--at-entry', '1', '--format', 'json']);
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['entity', 'at', 'exists', 'values', 'seq', 'known_since']);
    const [since] = await ndjson<{ ts: string }>(['history', '--oldest-first', '-n', '1', '--format', 'ndjson']);
    expect(JSON.parse(text)).toEqual({
      entity: 'users:2',
      at: since?.ts,
      exists: true,
      values: { id: 2, name: 'b\nob', role: 'user' },
      seq: null,
      known_since: since?.ts,
    });
    expect(await json(['state', 'users:1', '--at-entry', '3', '--format', 'ndjson'])).toMatchObject({
      exists: false,
      values: null,
      seq: 3,
    });
  });

  test('for people', async () => {
    await users();
    expect(await ok(['state', 'users:2'])).toBe(
      'users:2 at 2026-03-05T14:07:09.123Z, as entry 2 left it\n  id    2\n  name  b⏎ob\n  role  admin\n',
    );
    expect(await ok(['state', 'users:1', '--tz', 'Asia/Tokyo'])).toBe(
      'users:1 at 2026-03-05T23:07:09.123+09:00 did not exist\n',
    );
    expect(await ok(['state', 'users', '--at-entry', '1', '--where', 'role=admin'])).toBe(
      'users:1 {"id":1,"name":"ann","role":"admin"}\n',
    );
  });

  test('on a terminal, a table', async () => {
    await users();
    const terminal = { terminal: true, columns: 80 };
    const plain = ['--color', 'never'];
    expect(await ok(['state', 'users', '--at-entry', '1', ...plain], terminal)).toBe(
      [
        'at Thu 2026-03-05 14:07:09.123 UTC',
        '  entity   id  name  role',
        '  users:2  2   b⏎ob  user',
        '  users:1  1   ann   admin',
        '',
      ].join('\n'),
    );
    expect(await ok(['state', 'users:2', ...plain], terminal)).toBe(
      'users:2 at Thu 2026-03-05 14:07:09.123 UTC, as entry 2 left it\n  id    2\n  name  b⏎ob\n  role  admin\n',
    );
    const unknown = await cli(['state', 'users:2', '--at', '1999', ...plain], terminal);
    expect(unknown.stdout).toBe('? users:2 at Fri 1999-12-31 23:59:59.999 UTC: not known\n');
    expect(unknown.stderr).toMatch(/^not known: users is captured since/);
    for (const format of ['json', 'ndjson', 'line']) {
      for (const what of ['users', 'users:2']) {
        const words = ['state', what, '--at-entry', '1', '--format', format];
        expect(await ok(words, terminal), words.join(' ')).toBe(await ok(words));
      }
    }
    expect(await ok(['state', 'users', '--at-entry', '1', '--format', 'table'])).toBe(
      await ok(['state', 'users', '--at-entry', '1', ...plain], terminal),
    );
  });

  test('shows what another program wrote, whatever it is', async () => {
    await captured(
      'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)',
      ['users'],
      `INSERT INTO users VALUES (1, 'a' || char(0) || 'b')`,
      `UPDATE users SET name = 'c' || char(0)`,
      `INSERT INTO daybook_entries (action, entity_type, entity_id, old_values, new_values, changed_fields)
       VALUES ('update', 'users', '2', '{"name": 1, "name": 2}', '{"name": 3}', '["name"]')`,
    );
    expect(await ok(['state', 'users:1'])).toContain(String.raw`name  c\x00`);
    expect(await ok(['state', 'users:1'], { terminal: true })).toContain(String.raw`c\x00`);
    expect(await ok(['state', 'users', '--where', 'id=1'])).toContain(String.raw`c\u0000`);
    expect(await ok(['history', 'users:1', '--states'])).toContain(String.raw`name  a\x00b`);
    const changes = await ndjson(['changes', 'users', '--field', 'name', '--format', 'ndjson']);
    expect(changes).toMatchObject([
      { old: 'a\0b', new: 'c\0' },
      { old: 2, new: 3 },
    ]);
    for (const seq of ['3', '4']) expect(await ok(['show', seq])).toContain('~ name: ');
  });

  test('before capture began is not known: exit 0, and the reason on stderr', async () => {
    await users();
    const { code, stdout, stderr } = await cli(['state', 'users:1', '--at', '1999', '--format', 'json']);
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { exists: null, values: null, at: '1999-12-31T23:59:59.999Z' },
    ]);
    expect(stderr).toMatch(/^not known: users is captured since \d{4}-.*Z\n$/);
    expect((await cli(['state', 'users:1', '--at', '1999', '--quiet'])).stderr).toBe('');
    const whole = await cli(['state', 'users', '--at', '1999', '--format', 'ndjson']);
    expect(fromLines(whole.stdout)).toMatchObject([{ entity: 'users', exists: null }]);
  });

  test('of a whole table, a line or an element a row', async () => {
    await users();
    const at = ['state', 'users', '--at-entry', '1'];
    expect((await ndjson([...at, '--format', 'ndjson'])).map(({ entity }) => entity)).toEqual(['users:2', 'users:1']);
    expect(await json<unknown[]>([...at, '--format', 'json'])).toHaveLength(2);
    expect(await ok([...at, '--where', 'role=none', '--format', 'json'])).toBe('[]\n');
    expect(await ok([...at, '--where', 'role=none', '--format', 'ndjson'])).toBe('');
  });

  test('says which column of --where no row has, that there are no rows, and that a moment is still to come', async () => {
    await users();
    const noted = async (...words: string[]): Promise<string> => (await cli(words, { terminal: true })).stderr;
    expect(await noted('state', 'users', '--where', 'nmae=ann', '--where', 'role=admin')).toBe(
      'no row of users had a column nmae\nno rows\n',
    );
    expect(await noted('state', 'users', '--where', 'role=admin', '--where', 'name=x')).toBe('no rows\n');
    expect((await cli(['state', 'users', '--where', 'nmae=x'])).stderr).toBe('no row of users had a column nmae\n');
    expect(await noted('state', 'users', '--at', '2026')).toBe(
      '2026-12-31T23:59:59.999Z is still to come: this is what it is by now\n',
    );
    expect(await noted('state', 'users', '--at', 'now')).toBe('');
  });

  test('of a composite key, however its id is spaced, as of another record', async () => {
    await captured(
      'CREATE TABLE members (guild INTEGER, user INTEGER, nick TEXT, PRIMARY KEY (guild, user)); CREATE TABLE moderations (id INTEGER PRIMARY KEY, at TEXT)',
      ['members', 'moderations'],
      `INSERT INTO members VALUES (1, 2, 'then')`,
      `INSERT INTO moderations VALUES (55, '2026-01-01 00:00:00')`,
      `UPDATE members SET nick = 'now'`,
    );
    const nick = async (...words: string[]): Promise<unknown> =>
      (await json<{ values: { nick: string } | null }>(['state', 'members:[1, 2]', '--format', 'json', ...words]))
        .values?.nick;
    expect(await nick()).toBe('now');
    expect(await nick('--as-of', 'moderations:55')).toBe('then');
  });

  test.each([
    { words: ['state', 'users:1', '--where', 'a=b'], code: 2, says: '--where' },
    { words: ['state', 'users', '--where', 'a'], code: 2, says: 'column=value' },
    { words: ['state', ':1'], code: 2, says: 'type:id' },
    { words: ['state', 'users:1', '--at', 'never'], code: 2, says: '--at' },
    { words: ['state', 'users:1', '--at', '1d', '--at-entry', '1'], code: 2, says: 'cannot be used' },
    { words: ['state', 'users:1', '--as-of', 'users'], code: 2, says: 'type:id' },
    { words: ['state', 'users:1', '--as-of-column', 'a'], code: 2, says: '--as-of' },
    { words: ['state', 'users:1', '--at-entry', '99'], code: 4, says: 'no entry 99' },
    { words: ['state', 'users:1', '--as-of', 'users:2'], code: 4, says: '--as-of-column' },
    { words: ['state', 'others:1'], code: 4, says: 'no table is captured as "others"' },
    { words: ['history', '--states'], code: 2, says: '--states' },
    { words: ['history', 'users', '--states'], code: 2, says: '--states' },
    { words: ['history', 'users:1', '--states', '--follow'], code: 2, says: '--follow' },
    { words: ['history', 'users:1', '--states', '--format', 'csv'], code: 2, says: 'csv' },
    { words: ['changes'], code: 2, says: '--field' },
    { words: ['changes', '--field', 'a', '--changed', 'b'], code: 2, says: '--changed' },
  ])('$words ends with $code', async ({ words, code, says }) => {
    await users();
    const result = await cli(words);
    expect(result.code).toBe(code);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(says);
  });
});

test('a hint names the database that was named', async () => {
  const db = await trail();
  const elsewhere = { env: { DAYBOOK_DB: undefined } };
  const { stderr } = await cli(['--db', db, 'state', 'others'], elsewhere);
  expect(stderr).toMatch(/\ntry: daybook --db \S+ capture list\n$/);
  expect((await cli(['state', 'others'])).stderr).toMatch(/\ntry: daybook capture list\n$/);
  expect((await cli(['state', '--db', db])).stderr).toMatch(/\ntry: daybook state --help\n$/);
});

describe('changes', () => {
  test('of a field, in the shape of the contract', async () => {
    await users();
    const [change, ...others] = await ndjson(['changes', 'users', '--field', 'role', '--format', 'ndjson']);
    expect(others).toEqual([]);
    expect(Object.keys(change ?? {})).toEqual([
      'seq',
      'ts',
      'entity',
      'field',
      'old',
      'new',
      'actor',
      'correlation_id',
    ]);
    expect(change).toMatchObject({ seq: 2, entity: 'users:2', field: 'role', old: 'user', new: 'admin' });
    expect(await json(['changes', 'users:2', '--field', 'role', '--format', 'json'])).toEqual({
      field: 'role',
      changes: [change],
    });
    expect(await json(['changes', 'users:1', '--field', 'role', '--format', 'json'])).toEqual({
      field: 'role',
      changes: [],
    });
  });

  test('as lines and as CSV', async () => {
    await given({
      action: 'update',
      entity_type: 'guild',
      entity_id: '7',
      actor: 'ana',
      ts: '2026-01-02T00:00:00Z',
      old_values: { a: { b: null } },
      new_values: { a: { b: '=x' } },
      changed_fields: ['a.b'],
    });
    expect(await ok(['changes', '--field', 'a.b'])).toBe('2026-01-02T00:00:00.000Z #1 ana guild:7 a.b: null -> "=x"\n');
    expect(await ok(['changes', '--field', 'a.b', '--format', 'csv', '--actor', 'ana'])).toBe(
      'seq,ts,entity,field,old,new,actor,correlation_id\n1,2026-01-02T00:00:00.000Z,guild:7,a.b,,"""=x""",ana,\n',
    );
    expect(await ok(['changes', '--field', 'a.b', '--actor', 'bob'])).toBe('');
    expect(await ok(['changes', '--field', 'a.b', '--color', 'never'], { terminal: true })).toBe(
      [
        'seq  time      actor  entity   old   new',
        'Fri 2026-01-02  UTC',
        '  1  00:00:00  ana    guild:7  null  "=x"',
        '',
      ].join('\n'),
    );
    expect(await cli(['changes', '--field', 'b'], { terminal: true })).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no changes of b\n',
    });
  });
});

describe('history --states', () => {
  test('shows each state in order', async () => {
    await users();
    const states = await ndjson(['history', 'users:2', '--states', '--format', 'ndjson']);
    expect(states).toMatchObject([
      { seq: null, action: null, exists: true, values: { role: 'user' } },
      { seq: 2, action: 'update', exists: true, values: { role: 'admin' }, actor: 'unknown' },
    ]);
    expect(Object.keys(states[0] ?? {})).toEqual([
      'entity',
      'at',
      'exists',
      'values',
      'seq',
      'action',
      'actor',
      'correlation_id',
    ]);
    expect(await json(['history', 'users:2', '--states', '--format', 'json', '-n', '1'])).toEqual({
      entity: 'users:2',
      states: states.slice(0, 1),
    });
    expect(await ok(['history', 'users:1', '--states', '--action', 'update']).catch(String)).toContain('--action');
    expect(await ok(['history', 'users:1', '--states'])).toMatch(
      /^\S+Z before users:1\n {2}id {4}1\n {2}name {2}ann\n {2}role {2}admin\n\S+Z #3 unknown delete users:1\n$/,
    );
    const table = await ok(['history', 'users:2', '--states', '--color', 'never'], { terminal: true });
    expect(table).toMatch(
      /before its first change\n {2}id[^]*\n\n.*: entry 2, update by unknown\n[^]*\n~ role {2}admin\n$/,
    );
  });
});
