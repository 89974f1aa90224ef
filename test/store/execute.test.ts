import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import { DaybookError } from '../../src/core/errors.js';
import { stateOf } from '../../src/operations/state.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { capturedTrail } from './captured.js';
import type { Captured } from './captured.js';
import { readAll } from './trail.js';

const TABLES = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL);
  CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER REFERENCES users (id) ON DELETE CASCADE, title TEXT);
  INSERT INTO users VALUES (1, 'a@x'), (2, 'b@x');
  INSERT INTO posts VALUES (10, 1, 'first'), (11, 2, 'second');
`;

/** The usual rebuild: create, copy, drop, rename. */
const REBUILD = `
  CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL, name TEXT);
  INSERT INTO users_new (id, email) SELECT id, email FROM users;
  DROP TABLE users;
  ALTER TABLE users_new RENAME TO users;
`;

interface Scene extends Captured {
  readonly plain: Database.Database;
  readonly run: Captured['execute'];
}

/** Users and posts, captured both. */
async function captured(): Promise<Scene> {
  const trail = await capturedTrail(TABLES);
  trail.app.pragma('foreign_keys = OFF');
  await trail.capture(['users', 'posts']);
  return {
    ...trail,
    plain: trail.app,
    run: trail.execute,
  };
}

/** All that an outsider can see: the schema and every row but those of the write-ahead log's own. */
function contents(connection: Database.Database): unknown {
  const tables = connection
    .prepare<[], { name: string; sql: string }>('SELECT name, sql FROM sqlite_schema ORDER BY name')
    .all();
  const rows = connection
    .prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
    .pluck()
    .all()
    .map((name) => [name, connection.prepare(`SELECT * FROM "${name}"`).all()]);
  return [tables, rows];
}

async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    return error instanceof DaybookError ? `${error.kind}: ${error.message}` : `no error of ours: ${String(error)}`;
  }
}

async function lastEntries(store: AuditStore, count: number): Promise<readonly HistoryEntry[]> {
  return (await readAll(store, {})).toSorted((one, other) => one.seq - other.seq).slice(-count);
}

describe('SQL in one transaction', () => {
  test('changes become entries under the context, and exec leaves none of its own', async () => {
    const { store, run } = await captured();
    const done = await run(
      `UPDATE users SET email = 'c@x' WHERE id = 1;
       INSERT INTO posts VALUES (12, 1, 'third'), (13, 1, 'fourth');
       SELECT * FROM users;
       DELETE FROM posts WHERE id = 10 RETURNING *`,
      { reason: 'ticket 7', correlationId: 'T-7' },
    );
    expect(done).toEqual({ statements: 4, rows: 4, entries: 4, firstSeq: 3, lastSeq: 6, wouldRecord: [] });
    expect((await store.extent({})).lastSeq).toBe(6);
    for (const entry of await lastEntries(store, 4)) {
      expect(entry).toMatchObject({ actor: 'ana', actor_type: 'user', correlation_id: 'T-7', category: 'entity' });
      expect(JSON.parse(entry.metadata)).toMatchObject({ reason: 'ticket 7' });
    }
  });

  test('the context does not outlive it', async () => {
    const { store, run, plain } = await captured();
    await run("UPDATE users SET email = 'c@x' WHERE id = 1");
    expect(await store.leakedContext()).toBeNull();
    plain.exec("UPDATE users SET email = 'd@x' WHERE id = 1");
    expect((await lastEntries(store, 1))[0]).toMatchObject({ actor: 'unknown' });
  });

  test('a context that somebody left behind is cleared first, and not counted', async () => {
    const { store, run, plain } = await captured();
    plain.exec("INSERT INTO daybook_context (actor) VALUES ('eve')");
    const done = await run("UPDATE users SET email = 'c@x' WHERE id = 1");
    expect(done).toMatchObject({ entries: 1, firstSeq: 4, lastSeq: 4 });
    expect((await lastEntries(store, 2)).map(({ action, actor }) => [action, actor])).toEqual([
      ['context_clear', 'daybook'],
      ['update', 'ana'],
    ]);
  });

  test('rows are those that the statements change, and not their triggers, copies and cascades', async () => {
    const { run } = await captured();
    expect(
      await run(
        `CREATE TABLE copy AS SELECT * FROM users;
         ALTER TABLE copy ADD COLUMN x DEFAULT 1;
         ALTER TABLE copy DROP COLUMN x;
         CREATE INDEX copy_by_email ON copy (email);
         CREATE TRIGGER copy_more AFTER INSERT ON copy BEGIN UPDATE copy SET email = 'all'; END;
         INSERT INTO copy VALUES (3, 'c') RETURNING id;
         WITH one AS (SELECT 1 AS id) DELETE FROM users WHERE id IN (SELECT id FROM one);
         WITH one AS (SELECT 1) SELECT * FROM one;
         EXPLAIN DELETE FROM copy;
         INSERT INTO copy SELECT * FROM copy WHERE FALSE RETURNING id;
         UPDATE copy SET email = 'y' WHERE id = 3;
         CREATE TABLE kept (id INTEGER PRIMARY KEY);
         CREATE TABLE leant (id REFERENCES kept ON DELETE CASCADE);
         INSERT INTO kept VALUES (1), (2);
         INSERT INTO leant VALUES (1), (2), (2);
         DROP TABLE kept;
         DROP TABLE copy`,
        { foreignKeys: true },
      ),
    ).toMatchObject({ statements: 17, rows: 8, entries: 2 });
  });

  test('entries that the SQL records itself count as well', async () => {
    const { run } = await captured();
    expect(await run("INSERT INTO daybook_entries (action) VALUES ('login'), ('logout')")).toMatchObject({
      rows: 2,
      entries: 2,
    });
  });

  test('nothing captured is no entry', async () => {
    const { run } = await captured();
    expect(await run('CREATE TABLE other (a); INSERT INTO other VALUES (1)')).toEqual({
      statements: 2,
      rows: 1,
      entries: 0,
      firstSeq: null,
      lastSeq: null,
      wouldRecord: [],
    });
  });

  test('savepoints take back what they should', async () => {
    const { run, plain } = await captured();
    const done = await run(`
      SAVEPOINT one;
      ALTER TABLE users ADD COLUMN gone;
      UPDATE users SET email = 'c@x' WHERE id = 1;
      ROLLBACK TO one;
      RELEASE one;
      UPDATE users SET email = 'd@x' WHERE id = 2`);
    expect(done).toMatchObject({ entries: 1 });
    expect(plain.prepare('SELECT * FROM users').all()).toEqual([
      { id: 1, email: 'a@x' },
      { id: 2, email: 'd@x' },
    ]);
  });

  test('the context holds however long a statement searches before its first change', async () => {
    const { store, run, plain } = await captured();
    const day = 'SELECT used - julianday() FROM daybook_context';
    await run(`CREATE TABLE seen (ahead); INSERT INTO seen ${day}; UPDATE users SET email = 'c@x' WHERE id = 1;
      INSERT INTO seen ${day}; UPDATE users SET email = 'd@x' WHERE id = 1`);
    // Its last use is as far from now as no statement takes long, and a change does not bring it back.
    const [first, second] = plain.prepare<[], number>('SELECT ahead FROM seen').pluck().all();
    expect(first).toBeGreaterThan(1e8);
    expect(second).toBeGreaterThan(1e8);
    expect((await lastEntries(store, 2)).map(({ actor }) => actor)).toEqual(['ana', 'ana']);
  });
});

describe('an error takes everything back', () => {
  const good = [
    "UPDATE users SET email = 'c@x' WHERE id = 1",
    'CREATE TABLE other (a)',
    'ALTER TABLE users ADD COLUMN name',
    'DROP TABLE posts',
    "INSERT INTO daybook_entries (action) VALUES ('x')",
  ];

  test.each(good.map((_, index) => index).concat(good.length))('at statement %i', async (place) => {
    const { store, run, plain } = await captured();
    const before = contents(plain);
    const script = good.toSpliced(place, 0, "INSERT INTO users (id, email) VALUES (9, 'b@x')");
    expect(await kindOf(run(script.join(';\n')))).toBe(
      `refused: line ${place + 1}, ${script[place]}: UNIQUE constraint failed: users.email; nothing was changed`,
    );
    expect(contents(plain)).toEqual(before);
    // And the connection is as good as new.
    expect(await run("UPDATE users SET email = 'z@x' WHERE id = 1")).toMatchObject({ rows: 1, entries: 1 });
    expect(await store.leakedContext()).toBeNull();
  });

  test.each([
    ['SELEC 1', 'usage: line 1, SELEC 1: near "SELEC": syntax error; nothing was changed'],
    ['SELECT * FROM nowhere', 'usage: line 1, SELECT * FROM nowhere: no such table: nowhere; nothing was changed'],
    ["SELECT 'a", 'usage: line 1, SELECT \'a: unrecognized token: "\'a"; nothing was changed'],
    ['SELECT abs(-9223372036854775807 - 1)', 'usage: line 1, SELECT abs(-9223372036854775807 - 1): integer overflow'],
    ['INSERT OR ROLLBACK INTO users VALUES (1, 1)', 'refused: line 1, INSERT OR ROLLBACK'],
    ["INSERT INTO users VALUES ('x', 1)", "refused: line 1, INSERT INTO users VALUES ('x', 1): datatype mismatch"],
    ['INSERT INTO users VALUES (3, NULL)', 'refused: line 1, INSERT INTO users VALUES (3, NULL): NOT NULL'],
    ['DELETE FROM daybook_entries', 'refused: line 1, DELETE FROM daybook_entries: daybook: entries are only deleted'],
    [
      "CREATE TRIGGER no AFTER INSERT ON posts BEGIN SELECT RAISE(ROLLBACK, 'not today'); END; INSERT INTO posts VALUES (1, 1, 1)",
      'refused: line 1, INSERT INTO posts VALUES (1, 1, 1): not today',
    ],
    ["'a' || 'b'", `usage: line 1, 'a' || 'b': a statement begins with a word`],
    ['INSERT INTO posts VALUES (1, 1, zeroblob(2147483647))', 'string or blob too big; nothing was changed'],
    ['', 'usage: the SQL holds no statement'],
    [' -- nothing', 'usage: the SQL holds no statement'],
    ['SELECT 1; COMMIT', 'usage: line 1, COMMIT: COMMIT is refused'],
    ['SELECT 1\0', 'data: the SQL holds NUL'],
  ])('%s', async (sql, message) => {
    const { run, plain } = await captured();
    const before = contents(plain);
    const script = sql.startsWith('INSERT OR') ? `UPDATE users SET email = 'q@x' WHERE id = 2; ${sql}` : sql;
    expect(await kindOf(run(script))).toContain(message);
    expect(contents(plain)).toEqual(before);
    expect(await run('SELECT 1')).toMatchObject({ statements: 1 });
  });

  test('a lock that is held is busy', async () => {
    const { run, plain } = await captured();
    plain.exec('BEGIN IMMEDIATE');
    expect(await kindOf(run('SELECT 1'))).toContain('busy: ');
    plain.exec('ROLLBACK');
  });
});

describe('foreign keys', () => {
  test('off, a rebuilt table keeps the rows that refer to it; on, they fall', async () => {
    const one = await captured();
    await one.run(REBUILD);
    expect(one.plain.prepare('SELECT count(*) FROM posts').pluck().get()).toBe(2);
    const other = await captured();
    await other.run(REBUILD, { foreignKeys: true });
    expect(other.plain.prepare('SELECT count(*) FROM posts').pluck().get()).toBe(0);
  });

  test('what would refer to nothing is refused, and nothing changed', async () => {
    const { run, plain } = await captured();
    const before = contents(plain);
    expect(await kindOf(run('DELETE FROM users WHERE id = 2'))).toBe(
      'refused: rows would refer to rows that are not there: posts row 11: author 2 is not in users; nothing was changed',
    );
    expect(await kindOf(run('DROP TABLE users'))).toContain('posts row 10: author 1 is not in users; posts row 11:');
    expect(await kindOf(run('INSERT INTO posts VALUES (12, 9, 1), (13, 9, 1)'))).toContain(
      '2 rows of posts: author 9 is not in users',
    );
    expect(
      await kindOf(
        run(`WITH RECURSIVE n (i) AS (SELECT 20 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
             INSERT INTO posts SELECT i, i, 'x' FROM n`),
      ),
    ).toContain('posts row 24: author 24 is not in users; and 75 more; nothing');
    expect(contents(plain)).toEqual(before);
  });

  test('on, the database itself refuses', async () => {
    const { run, plain } = await captured();
    const before = contents(plain);
    const bad = 'INSERT INTO posts VALUES (12, 9, 1)';
    expect(await kindOf(run(bad, { foreignKeys: true }))).toContain('refused: line 1, INSERT INTO posts');
    expect(await kindOf(run(`PRAGMA defer_foreign_keys = ON; ${bad}`, { foreignKeys: true }))).toContain(
      'refused: rows would refer to rows that are not there: posts row 12',
    );
    expect(contents(plain)).toEqual(before);
  });

  test('what was wrong before stays as it is, also in rows that move', async () => {
    const { run, plain } = await captured();
    plain.exec('CREATE TABLE likes (post REFERENCES posts (id)); INSERT INTO likes VALUES (10), (98), (99), (99)');
    await run("UPDATE users SET email = 'c@x' WHERE id = 1");
    await run(`CREATE TABLE likes_new (post REFERENCES posts (id));
      INSERT INTO likes_new SELECT post FROM likes ORDER BY post DESC;
      DROP TABLE likes; ALTER TABLE likes_new RENAME TO likes`);
    expect(await kindOf(run('INSERT INTO likes VALUES (99)'))).toContain('likes row 5: post 99 is not in posts');
    expect(await kindOf(run('UPDATE likes SET post = 97 WHERE post = 98'))).toContain('post 97 is not in posts');
  });

  test.each([
    [
      'keys of two columns',
      'CREATE TABLE a (x, y, PRIMARY KEY (x, y)); CREATE TABLE b (x, y, FOREIGN KEY (x, y) REFERENCES a)',
      "INSERT INTO b VALUES (1, NULL), (2, 'it''s')",
      "b row 2: x, y 2, 'it''s' is not in a",
    ],
    [
      'a table without rowid',
      'CREATE TABLE b (x PRIMARY KEY REFERENCES users) WITHOUT ROWID',
      'INSERT INTO b VALUES (9)',
      'a row of b: x is not in users',
    ],
    [
      'a column that hides the rowid',
      'CREATE TABLE b (rowid TEXT, "x y" REFERENCES users)',
      "INSERT INTO b VALUES ('r', 9)",
      'b row 1: x y 9 is not in users',
    ],
    [
      'columns that hide every rowid',
      'CREATE TABLE b (rowid, oid, _rowid_, x REFERENCES users)',
      'INSERT INTO b (x) VALUES (9)',
      'a row of b: x is not in users',
    ],
  ])('of %s', async (_, tables, bad, message) => {
    const { run } = await captured();
    await run(tables);
    expect(await kindOf(run(bad))).toContain(message);
  });

  test('a key that refers to no key of its parent is told when it is new, and no obstacle when it is not', async () => {
    const { run, plain } = await captured();
    const bad = 'CREATE TABLE tags (author REFERENCES posts (title)); INSERT INTO tags VALUES (1)';
    expect(await kindOf(run(bad))).toContain('foreign key mismatch - "tags" referencing "posts"; nothing was changed');
    plain.exec(bad);
    await run("UPDATE users SET email = 'c@x' WHERE id = 1");
    expect(await kindOf(run('INSERT INTO posts VALUES (12, 9, 1)'))).toContain('posts row 12: author 9');
    // What it refers to now was never known: nobody can say that it is new.
    await run('CREATE UNIQUE INDEX posts_by_title ON posts (title)');
    expect(await kindOf(run('INSERT INTO tags VALUES (2)'))).toContain('author 2 is not in posts');
  });

  test('what nobody could check before is refused by the database at the end, where it enforces them', async () => {
    const { run, plain } = await captured();
    plain.exec(`CREATE TABLE tags (author REFERENCES posts (title) DEFERRABLE INITIALLY DEFERRED)`);
    const before = contents(plain);
    const script = 'CREATE UNIQUE INDEX posts_by_title ON posts (title); INSERT INTO tags VALUES (2)';
    expect(await kindOf(run(script, { foreignKeys: true }))).toBe(
      'refused: FOREIGN KEY constraint failed; nothing was changed',
    );
    expect(contents(plain)).toEqual(before);
    expect(await run(script)).toMatchObject({ rows: 1 });
  });

  test('a long value that refers to nothing is told by its beginning', async () => {
    const { run } = await captured();
    await run('CREATE TABLE words (word TEXT PRIMARY KEY); CREATE TABLE uses (word REFERENCES words)');
    expect(await kindOf(run(`INSERT INTO uses VALUES ('${'x'.repeat(200)}')`))).toContain(
      `uses row 1: word '${'x'.repeat(58)}… is not in words; nothing`,
    );
  });

  test('the settings of the connection are as they were afterwards', async () => {
    const { run, plain, store } = await captured();
    const settings = async (): Promise<string | undefined> => {
      await run(`INSERT INTO daybook_entries (action, message)
        SELECT 'look', recursive_triggers || legacy_alter_table FROM pragma_recursive_triggers, pragma_legacy_alter_table`);
      return (await lastEntries(store, 1))[0]?.message;
    };
    expect(await settings()).toBe('00');
    await run('PRAGMA recursive_triggers = ON; PRAGMA legacy_alter_table = ON; PRAGMA user_version = 7');
    expect(plain.pragma('user_version', { simple: true })).toBe(7);
    await kindOf(run('PRAGMA recursive_triggers = ON; SELEC'));
    expect(await settings()).toBe('00');
    // Enforced again, as the connection of a store always has them.
    expect(await kindOf(run('INSERT INTO posts VALUES (12, 9, 1)', { foreignKeys: true }))).toContain('FOREIGN KEY');
  });
});

describe('capture', () => {
  test('goes on after a table was rebuilt, within the same script', async () => {
    const { store, run, plain } = await captured();
    const done = await run(`${REBUILD} UPDATE users SET name = 'Ann' WHERE id = 1`);
    expect(done).toMatchObject({ statements: 5, rows: 3 });
    const [refresh, update] = await lastEntries(store, 2);
    expect(refresh).toMatchObject({ action: 'capture_refresh', actor: 'ana' });
    expect(update).toMatchObject({ action: 'update', entity_id: '1', changed_fields: '["name"]' });
    plain.exec("UPDATE users SET name = 'Bob' WHERE id = 2");
    expect((await lastEntries(store, 1))[0]).toMatchObject({ action: 'update', entity_id: '2' });
    for (const capture of await store.captures()) {
      expect(capture).toMatchObject({ problem: null, spans: [{ ended: null }] });
    }
  });

  test.each([
    'ALTER TABLE users RENAME COLUMN email TO mail',
    'alter /* */ table main . "USERS" ADD COLUMN x',
    'ALTER TABLE users ADD COLUMN x; ALTER TABLE users DROP COLUMN x',
    'ALTER TABLE users RENAME TO old; ALTER TABLE old RENAME TO users',
    'CREATE TRIGGER later AFTER UPDATE ON users BEGIN SELECT 1; END',
    'DROP TRIGGER IF EXISTS none',
  ])('holds after %s', async (sql) => {
    const { store, run } = await captured();
    await run(sql);
    expect((await store.captures()).map(({ problem }) => problem)).toEqual([null, null]);
    expect(await run('DELETE FROM posts WHERE id = 10; UPDATE users SET id = 7 WHERE id = 1')).toMatchObject({
      entries: 3,
    });
  });

  test('a gap from before is not hidden', async () => {
    const { store, run, plain } = await captured();
    plain.exec(REBUILD);
    plain.exec("UPDATE users SET name = 'unseen'");
    await run('CREATE INDEX users_by_name ON users (name)');
    const users = (await store.captures()).find(({ table }) => table === 'users');
    expect(users).toMatchObject({ problem: null, spans: [{ ended: 'gap' }, { ended: null }] });
    expect((await lastEntries(store, 1))[0]).toMatchObject({ action: 'capture_refresh', actor: 'ana' });
  });

  test('a table that went before and comes back has a gap as well', async () => {
    const { store, run, plain } = await captured();
    plain.exec('DROP TABLE posts');
    await run('CREATE TABLE other (a)');
    await run('CREATE TABLE posts (id INTEGER PRIMARY KEY, author, title)');
    const posts = (await store.captures()).find(({ table }) => table === 'posts');
    expect(posts).toMatchObject({ problem: null, spans: [{ ended: 'gap' }, { ended: null }] });
  });

  test('a table that comes back as what cannot be captured is no obstacle, and told by capture list', async () => {
    const { store, run, plain } = await captured();
    plain.exec('DROP TABLE posts');
    await run('CREATE TABLE posts (id, author, title); INSERT INTO posts VALUES (1, 1, 1)');
    const posts = (await store.captures()).find(({ table }) => table === 'posts');
    expect(posts?.problem).toBe('is no longer there, or cannot be captured any more');
    await run('DROP TABLE posts; CREATE TABLE posts (id INTEGER PRIMARY KEY, author, title)');
    expect((await store.captures()).map(({ problem }) => problem)).toEqual([null, null]);
  });

  test.each([
    ['the usual order', REBUILD],
    [
      'a copy that goes back',
      `CREATE TEMP TABLE kept AS SELECT * FROM users; DROP TABLE users;
       CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL); INSERT INTO users SELECT * FROM kept; DROP TABLE kept`,
    ],
    [
      'a copy that goes back last',
      `CREATE TEMP TABLE kept AS SELECT * FROM users; DROP TABLE users;
       CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL); INSERT INTO users SELECT * FROM kept`,
    ],
    [
      'the old one is renamed first',
      `PRAGMA legacy_alter_table = ON; ALTER TABLE users RENAME TO users_old; CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE NOT NULL, "rename" TEXT);
       INSERT INTO users (id, email) SELECT * FROM users_old ORDER BY id DESC; DROP TABLE users_old`,
    ],
    [
      'a rebuild that is taken back, and done again',
      `SAVEPOINT s; DROP TABLE users; CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT); ROLLBACK TO s; RELEASE s; ${REBUILD}`,
    ],
  ])('a rebuild that leaves the rows as they were is neither a gap nor an entry of a row: %s', async (_order, sql) => {
    const { store, run, plain } = await captured();
    await run(sql);
    expect(await store.captures()).toMatchObject([
      { table: 'posts', problem: null, spans: [{ ended: null }] },
      { table: 'users', problem: null, spans: [{ ended: null }] },
    ]);
    expect((await readAll(store, {})).filter(({ category }) => category === 'entity')).toEqual([]);
    plain.exec("UPDATE users SET email = 'c@x' WHERE id = 2");
    expect((await lastEntries(store, 1))[0]).toMatchObject({ action: 'update', entity_id: '2' });
    expect(await run('SELECT 1 FROM temp.sqlite_schema')).toMatchObject({ statements: 1 });
  });

  test.each([
    ['a value', 'SELECT id, upper(email) FROM users'],
    ['a type', 'SELECT id, CAST(email AS BLOB) FROM users'],
    ['a row less', 'SELECT * FROM users WHERE id = 1'],
    ['a row more', `SELECT * FROM users UNION ALL SELECT 3, 'c@x'`],
    ['another key', 'SELECT id + 1, email FROM users'],
  ])('a rebuild that changes rows is a gap: %s', async (_what, rows) => {
    const { store, run, plain } = await captured();
    plain.exec("UPDATE users SET email = 'A@x' WHERE id = 1");
    await run(`DELETE FROM posts; CREATE TABLE new (id INTEGER PRIMARY KEY, email); INSERT INTO new ${rows}; DROP TABLE users;
      ALTER TABLE new RENAME TO users; UPDATE users SET email = 'unseen' WHERE id = 1`);
    const [posts, users] = await store.captures();
    expect(posts).toMatchObject({ problem: null, spans: [{ ended: null }] });
    expect(users).toMatchObject({ problem: null, spans: [{ ended: 'gap' }, { ended: null }] });
    expect((await lastEntries(store, 1))[0]).toMatchObject({
      action: 'capture_refresh',
      actor: 'ana',
      message: 'table users was rebuilt, and its rows are not what they were: its capture is as it should be again',
    });
    // What did not change while it was captured is nobody's to guess.
    const moment = { kind: 'entry', at: '', seq: users?.spans[0]?.untilSeq ?? 0 } as const;
    expect((await stateOf(store, { type: 'users', id: '1' }, moment)).values).toBe('{"id":1,"email":"A@x"}');
    expect((await stateOf(store, { type: 'users', id: '2' }, moment)).exists).toBeNull();
    plain.exec("UPDATE users SET email = 'c@x' WHERE id IN (1, 3)");
    expect((await lastEntries(store, 1))[0]).toMatchObject({ action: 'update', changed_fields: '["email"]' });
  });

  test('a rebuild that changes ignored columns alone is no gap', async () => {
    const { store, capture, run } = await captured();
    await capture('users', { ignore: ['email'] });
    await run(REBUILD.replace('SELECT id, email', 'SELECT id, upper(email)'));
    const users = (await store.captures()).find(({ table }) => table === 'users');
    expect(users).toMatchObject({ problem: null, spans: [{ ended: null }] });
  });

  test('EXPLAIN of a drop drops nothing', async () => {
    const { store, run, plain } = await captured();
    const version = plain.pragma('schema_version', { simple: true });
    await run('EXPLAIN DROP TABLE users; EXPLAIN QUERY PLAN ALTER TABLE users ADD COLUMN x');
    expect((await store.captures()).map(({ problem }) => problem)).toEqual([null, null]);
    expect(plain.pragma('schema_version', { simple: true })).toBe(version);
  });
});

describe('a dry run', () => {
  test('shows the entries and leaves no trace', async () => {
    const { run, plain } = await captured();
    const before = contents(plain);
    const version = plain.pragma('data_version', { simple: true });
    const script = `${REBUILD} UPDATE users SET email = 'c@x' WHERE id = 1; INSERT INTO posts VALUES (12, 1, 'x')`;
    const dry = await run(script, { dryRun: true });
    expect(contents(plain)).toEqual(before);
    expect(plain.pragma('data_version', { simple: true })).toBe(version);
    expect(dry.wouldRecord.map(({ action, entity_id }) => [action, entity_id])).toEqual([
      ['capture_refresh', 'users'],
      ['update', '1'],
      ['create', '12'],
    ]);
    const { wouldRecord: _, ...told } = dry;
    expect(await run(script)).toEqual({ ...told, wouldRecord: [] });
  });

  test('of very much tells the first thousand entries', async () => {
    const { run } = await captured();
    const dry = await run(
      `WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1399)
       INSERT INTO posts SELECT i, 1, printf('%.*c', 20000, 'x') FROM n`,
      { dryRun: true },
    );
    expect(dry).toMatchObject({ rows: 1300, entries: 1300 });
    expect(dry.wouldRecord.map(({ entity_id }) => entity_id)).toEqual(
      Array.from({ length: 1000 }, (_, index) => String(100 + index)),
    );
  });

  test('fails as the real one would', async () => {
    const { run } = await captured();
    expect(await kindOf(run('DELETE FROM users WHERE id = 2', { dryRun: true }))).toContain('refused: rows would');
  });
});
