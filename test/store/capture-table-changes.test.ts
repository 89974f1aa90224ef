import { describe, expect, test } from 'vitest';
import { captured, scene, told, TREE, USERS } from './capture-scene.js';
import { ACTOR } from './trail.js';

describe('what happens to a captured table', () => {
  test.each<readonly [string, string, RegExp, readonly string[]]>([
    [
      'a rebuild',
      `CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, data TEXT); INSERT INTO new SELECT * FROM users; DROP TABLE users; ALTER TABLE new RENAME TO users`,
      /lacks 5 of its 5 capture triggers/,
      ['gap', 'null'],
    ],
    [
      'ADD COLUMN',
      'ALTER TABLE users ADD COLUMN phone TEXT',
      /other columns than when it was captured \(\+phone\)/,
      ['gap', 'null'],
    ],
    ['RENAME COLUMN', 'ALTER TABLE users RENAME COLUMN name TO title', /\(\+title, -name\)/, ['gap', 'null']],
    [
      'a trigger that is dropped',
      'DROP TRIGGER daybook_capture_users_after_update',
      /lacks 1 of its 5/,
      ['gap', 'null'],
    ],
    [
      'a trigger that is another',
      'DROP TRIGGER daybook_capture_users_after_delete; CREATE TRIGGER daybook_capture_users_after_delete AFTER DELETE ON users BEGIN SELECT 1; END',
      /lacks 1 of its 5 capture triggers, or they were changed/,
      ['gap', 'null'],
    ],
    [
      'a later trigger',
      'CREATE TRIGGER later AFTER UPDATE ON users BEGIN SELECT 1; END',
      /triggers that were made after capture and run before it \(later\)/,
      ['null'],
    ],
    ['a new unique index', 'CREATE UNIQUE INDEX names ON users (name)', /capture triggers/, ['gap', 'null']],
  ])('%s is a problem, until refresh', async (_what, change, problem, spans) => {
    const { store, connection } = await scene(USERS);
    expect((await store.captures())[0]?.problem).toBeNull();
    connection.exec(change);
    expect((await store.captures())[0]?.problem).toMatch(problem);
    expect(await store.checkCaptures([])).toMatchObject([
      { case: 'triggers', outcome: 'fails', reason: expect.stringMatching(problem) },
    ]);
    expect(await store.refreshCaptures([], ACTOR)).toMatchObject([{ table: 'users', changed: true }]);
    const [capture] = await store.captures();
    expect(capture).toMatchObject({ problem: null });
    expect(capture?.spans.map(({ ended }) => String(ended))).toEqual(spans);
    expect((await store.checkCaptures([])).filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    expect(told(connection).at(-1)).toEqual(['capture_refresh', 'users', 'anna']);
  });

  test('what a capture says of its columns goes on for those that are left', async () => {
    const { store, connection, execute } = await scene(
      'CREATE TABLE t (id INTEGER PRIMARY KEY, team, by, title, seen, pin, data, token)',
      {
        scope: { kind: 'team', column: 'team' },
        actorColumn: 'by',
        nameColumn: 'title',
        ignore: ['seen'],
        redact: ['pin'],
        keep: ['token'],
        json: ['data'],
      },
    );
    const settings = async (): Promise<unknown> => (await store.captures())[0]?.settings;
    const asked = await settings();
    connection.exec('ALTER TABLE t ADD COLUMN more');
    await store.refreshCaptures([], ACTOR);
    expect(await settings()).toEqual(asked);
    await execute(
      ['team', 'by', 'title', 'seen', 'pin', 'data', 'token'].map((name) => `ALTER TABLE t DROP ${name}`).join(';'),
    );
    expect(await settings()).toEqual({
      entityType: 't',
      scope: null,
      actorColumn: null,
      nameColumn: null,
      ignore: [],
      redact: [],
      keep: [],
      json: [],
      requireActor: false,
    });
    expect((await store.captures())[0]?.problem).toBeNull();
  });

  test('a view in place of a table is a problem, and refresh says what is the matter', async () => {
    const { store, connection } = await scene(USERS);
    connection.exec('DROP TABLE users; CREATE VIEW users AS SELECT 1 AS id');
    expect((await store.captures())[0]?.problem).toBe('is no longer there, or cannot be captured any more');
    await expect(store.refreshCaptures(['users'], ACTOR)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('users cannot be captured: it is a view'),
    });
  });

  test('a trigger of the application that is named like one of ours is reckoned with as well', async () => {
    const { store, connection } = await scene(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1);
       CREATE TRIGGER daybook_of_the_application BEFORE INSERT ON t BEGIN UPDATE t SET n = n + 1; END`,
    );
    expect(() => connection.exec('REPLACE INTO t VALUES (1, 7)')).toThrow(/while a REPLACE of it is under way/);
    const checked = await store.checkCaptures(['t']);
    expect(checked.at(-1)?.reason).toMatch('refused where daybook_of_the_application does so');
  });

  test('triggers that may write into it within a REPLACE are reckoned with, or a problem', async () => {
    const { store, capture, connection } = await scene(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, n); INSERT INTO t VALUES (1, 1), (5, 5);
       CREATE TABLE child (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t (id) ON DELETE CASCADE);
       CREATE TRIGGER only_looks BEFORE INSERT ON t WHEN NEW.n = 0 BEGIN SELECT RAISE(ABORT, 'no'); END;
       CREATE TRIGGER is_late AFTER INSERT ON t BEGIN INSERT INTO child VALUES (NULL, NEW.id); END;`,
    );
    const problem = async (): Promise<unknown> => (await store.captures())[0]?.problem;
    const refresh = async (): Promise<unknown> => (await store.refreshCaptures(['t'], ACTOR))[0]?.nesting;
    expect(await problem()).toBeNull();
    expect(
      connection.prepare(`SELECT 1 FROM sqlite_schema WHERE sql GLOB 'CREATE TRIGGER*daybook_writes*'`).all(),
    ).toEqual([]);

    connection.exec('CREATE TRIGGER own BEFORE INSERT ON t WHEN NEW.n = 1 BEGIN UPDATE t SET n = 2; END');
    expect(await problem()).toMatch(/run before it \(own\)/);
    expect(await refresh()).toEqual(['own']);
    expect(await problem()).toBeNull();
    const reasons = (await store.checkCaptures(['t'])).filter((one) => one.case.startsWith('a REPLACE within'));
    expect(reasons).toMatchObject([
      { outcome: 'not tried', reason: expect.stringContaining('refused where own does so') },
    ]);
    connection.exec('DROP TRIGGER own');
    expect(await problem()).toBeNull();
    expect(await capture('t', { ignore: ['n'] })).toMatchObject([{ nesting: [] }]);

    connection.exec('CREATE TRIGGER of_child AFTER DELETE ON child BEGIN INSERT INTO t (n) VALUES (3); END');
    expect(await problem()).toMatch(/made after capture and may write into it within a REPLACE \(of_child\)/);
    expect(await refresh()).toEqual(['of_child']);
    expect((await store.captures())[0]).toMatchObject({ problem: null, spans: [{ ended: null }] });
    connection.exec('PRAGMA foreign_keys = ON; INSERT INTO child (t) VALUES (1)');
    expect(() => connection.exec('REPLACE INTO t VALUES (1, 7)')).toThrow(/while a REPLACE of it is under way/);
    connection.exec('PRAGMA foreign_keys = OFF; REPLACE INTO t VALUES (1, 7)');
  });

  test.each([
    ['AFTER UPDATE ON tree BEGIN UPDATE tree SET text = 1 WHERE id = NEW.id; END', []],
    ['BEFORE UPDATE ON tree BEGIN SELECT RAISE(IGNORE); END', []],
    ['UPDATE ON tree BEGIN DELETE FROM other; END', ['it']],
    ['AFTER DELETE ON tree BEGIN INSERT INTO tree (text) VALUES (OLD.text); END', ['it']],
    ['AFTER DELETE ON other BEGIN UPDATE tree SET text = 1; END', ['it']],
    ['AFTER DELETE ON other BEGIN DELETE FROM tree; END', []],
  ])('a trigger %s may write into tree within a write of it: %j', async (trigger, names) => {
    const { store, capture, connection } = await scene(`${TREE} CREATE TABLE other (a);`, {}, []);
    connection.exec(`CREATE TRIGGER it ${trigger}`);
    expect(await capture('tree')).toMatchObject([{ nesting: names }]);
    expect((await store.captures())[0]?.problem).toBeNull();
  });

  test.each([
    ['BEFORE UPDATE OF a ON t BEGIN UPDATE t SET n = n + 1 WHERE id = OLD.id; END', ['it']],
    ['UPDATE ON t WHEN NEW.a > 1 BEGIN UPDATE "T" SET n = 1; END', ['it']],
    ['BEFORE DELETE ON t BEGIN UPDATE t SET n = 1; END', ['it']],
    ['DELETE ON t BEGIN INSERT OR REPLACE INTO t VALUES (OLD.id, 1, 1); END', ['it']],
    ['BEFORE INSERT ON t BEGIN DELETE FROM [t] WHERE id = NEW.id; END', ['it']],
    ['BEFORE UPDATE ON t BEGIN UPDATE far SET x = 1; END', ['it']],
    ['BEFORE UPDATE ON t BEGIN UPDATE parent SET id = id + 1; END', ['it']],
    ['BEFORE UPDATE ON t BEGIN INSERT INTO other VALUES (1); END', []],
    ['BEFORE UPDATE ON t BEGIN SELECT RAISE(ABORT, 1) WHERE NEW.a IS NULL; END', []],
    ['AFTER UPDATE ON t BEGIN UPDATE t SET n = 1; END', []],
    ['BEFORE UPDATE ON other BEGIN UPDATE t SET n = 1; END', []],
  ])('a trigger %s may change a row of t before its own change: %j', async (trigger, names) => {
    const { capture, connection } = await scene(
      `CREATE TABLE parent (id INTEGER PRIMARY KEY);
       CREATE TABLE t (id INTEGER PRIMARY KEY, a, n REFERENCES parent (id) ON UPDATE CASCADE);
       CREATE TABLE far (x); CREATE TABLE near (x); CREATE TABLE other (x);
       CREATE TRIGGER far_off AFTER UPDATE ON far BEGIN UPDATE near SET x = 1; END;
       CREATE TRIGGER nearer AFTER UPDATE ON near BEGIN UPDATE t SET n = 1; END;`,
      {},
      [],
    );
    connection.exec(`CREATE TRIGGER it ${trigger}`);
    expect(await capture('t')).toMatchObject([{ overtaking: names }]);
    expect(await capture('t')).toMatchObject([{ changed: false, overtaking: names }]);
  });

  test('of a row that a BEFORE trigger changes, the new values are right, and the old ones are from before both', async () => {
    const { connection } = await scene(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, a, n); INSERT INTO t VALUES (1, 'x', 0);
       CREATE TRIGGER it BEFORE UPDATE OF a ON t BEGIN UPDATE t SET n = n + 1 WHERE id = OLD.id; END`,
    );
    connection.exec(`UPDATE t SET a = 'y'`);
    expect(captured(connection)).toMatchObject([
      { old: { a: 'x', n: 0 }, new: { a: 'x', n: 1 }, changed: ['n'] },
      { old: { a: 'x', n: 0 }, new: { a: 'y', n: 1 } },
    ]);
  });

  test('a new column that looks like a secret is redacted by refresh', async () => {
    const { store, connection } = await scene(USERS);
    connection.exec('ALTER TABLE users ADD COLUMN reset_token TEXT');
    expect(await store.refreshCaptures([], ACTOR)).toMatchObject([{ redacted: ['reset_token'] }]);
    connection.exec(`UPDATE users SET reset_token = 'x' WHERE id = 1`);
    expect(captured(connection)).toMatchObject([{ changed: ['reset_token'], new: { reset_token: '[redacted]' } }]);
  });

  test('a table that is gone is a problem, and its capture can be removed', async () => {
    const { store, connection } = await scene(USERS);
    connection.exec('DROP TABLE users');
    expect((await store.captures())[0]?.problem).toMatch(/no longer there/);
    await expect(store.refreshCaptures(['users'], ACTOR)).rejects.toMatchObject({ kind: 'missing' });
    await store.removeCaptures(['users'], ACTOR);
    expect(await store.captures()).toEqual([]);
  });
});
