import { describe, expect, test } from 'vitest';
import { setActor } from '../../src/operations/names.js';
import { testCases } from './capture-cases.js';
import { scene, SETTINGS, USERS } from './capture-scene.js';
import { ACTOR } from './trail.js';
import { PROGRAMS } from './writing-programs.js';

testCases([
  {
    what: 'a context that is set and cleared',
    schema: SETTINGS,
    request: { actorColumn: 'by' },
    run: [
      'PRAGMA foreign_keys = ON',
      'BEGIN',
      `INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason, reverts) VALUES ('mod', 'bot', 'c-1', 'asked "for"', 'e-1')`,
      'UPDATE settings SET value = 1',
      `UPDATE settings SET name = 'key'`,
      'DELETE FROM daybook_context',
      'UPDATE settings SET value = 2',
      'COMMIT',
    ],
    entries: [
      {
        actor: 'mod',
        actor_type: 'bot',
        correlation_id: 'c-1',
        metadata: { table: 'settings', reason: 'asked "for"' },
        reverts: 'e-1',
      },
      {
        action: 'delete',
        actor: 'mod',
        metadata: { table: 'settings', key_changed_to: '["key","g1"]', reason: 'asked "for"' },
      },
      {
        action: 'create',
        actor: 'mod',
        metadata: { table: 'settings', key_changed_from: '["log","g1"]', reason: 'asked "for"' },
      },
      { actor: 'ana', actor_type: 'user', correlation_id: null, metadata: { table: 'settings' } },
    ],
  },
  {
    what: 'a context that is set again',
    run: [
      'PRAGMA foreign_keys = ON',
      'BEGIN',
      `INSERT OR REPLACE INTO daybook_context (actor, reason) VALUES ('mod', 'why')`,
      'DELETE FROM users WHERE id = 1',
      `INSERT OR REPLACE INTO daybook_context (actor) VALUES ('other')`,
      'DELETE FROM users WHERE id = 2',
      'DELETE FROM daybook_context',
      'COMMIT',
    ],
    entries: [
      { actor: 'mod', metadata: { table: 'users', reason: 'why' } },
      { actor: 'other', metadata: { table: 'users' } },
    ],
  },
  {
    what: 'a context that is left behind, with foreign keys on',
    run: [
      'PRAGMA foreign_keys = ON',
      'BEGIN',
      `INSERT INTO daybook_context (actor) VALUES ('mod')`,
      'DELETE FROM users WHERE id = 1',
      'COMMIT',
      'ROLLBACK',
    ],
    fails: { 4: /FOREIGN KEY/ },
    entries: [],
  },
  {
    what: 'a context that is left behind, with foreign keys off',
    run: [
      'PRAGMA foreign_keys = OFF',
      `INSERT INTO daybook_context (actor) VALUES ('mod')`,
      `UPDATE daybook_context SET used = julianday('now') - 3.0 / 86400`,
      'DELETE FROM users WHERE id = 1',
      `UPDATE daybook_context SET used = used - 3.0 / 86400`,
      'DELETE FROM users WHERE id = 2',
      `UPDATE daybook_context SET used = julianday('now') - 5.1 / 86400`,
      'DELETE FROM users WHERE id = 3',
    ],
    entries: [{ actor: 'mod' }, { actor: 'mod' }, { actor: 'unknown' }],
  },
  {
    what: 'a context that is required',
    request: { requireActor: true },
    run: [
      'DELETE FROM users WHERE id = 1',
      'INSERT OR IGNORE INTO users (id) VALUES (9)',
      'UPDATE OR IGNORE users SET id = 9 WHERE id = 1',
      `UPDATE users SET name = 'x'`,
      'BEGIN',
      `INSERT INTO daybook_context (actor) VALUES ('mod')`,
      'DELETE FROM users WHERE id = 2',
      'DELETE FROM daybook_context',
      'COMMIT',
    ],
    fails: {
      0: /daybook: a change of users must say who makes it.*INSERT OR REPLACE INTO daybook_context/,
      1: /must say who/,
      2: /must say who/,
      3: /must say who/,
    },
    entries: [{ action: 'delete', id: '2', actor: 'mod' }],
  },
  {
    what: 'a context that is required, or a column that says it',
    schema: SETTINGS,
    request: { requireActor: true, actorColumn: 'by' },
    run: ['UPDATE settings SET value = 9', 'UPDATE settings SET by = NULL'],
    fails: { 1: /must say who/ },
    entries: [{ actor: 'ana' }],
  },
]);

describe('a context that another connection can see', () => {
  test('is cleared by the next command that writes, and that is recorded', async () => {
    const { store, capture, connection } = await scene(USERS);
    connection.pragma('foreign_keys = OFF');
    connection.exec(`INSERT INTO daybook_context (actor) VALUES ('mod')`);
    expect(await store.leakedContext()).toBe('mod');
    await capture('users');
    expect(await store.leakedContext()).toBeNull();
    expect(
      connection.prepare(`SELECT severity, message FROM daybook_entries WHERE action = 'context_clear'`).all(),
    ).toMatchObject([{ severity: 'warning', message: expect.stringContaining('the context of mod') }]);
  });
});

describe('the name of who changes a row', () => {
  const NOTES = `CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, writer TEXT);`;

  test.each(PROGRAMS)('comes from the directory, in %s', async (_name, program) => {
    const { file, store, connection } = await scene(NOTES, { actorColumn: 'writer' });
    for (const [actor, name] of [
      ['u-1', 'Ines'],
      ['u-2', 'Tomás'],
    ] as const) {
      await setActor(store, { actor, name }, ACTOR);
    }
    const errors = program(file, [
      `INSERT INTO notes VALUES (1, 'a', 'u-1')`,
      `INSERT INTO notes VALUES (2, 'b', 'u-3')`,
      `INSERT INTO notes VALUES (3, 'c', NULL)`,
      `BEGIN`,
      `INSERT INTO daybook_context (actor) VALUES ('u-2')`,
      `UPDATE notes SET text = 'd' WHERE id = 1`,
      `UPDATE notes SET id = 5 WHERE id = 2`,
      `REPLACE INTO notes VALUES (6, 'c', 'u-1')`,
      `DELETE FROM notes WHERE id = 1`,
      `DELETE FROM daybook_context`,
      `COMMIT`,
      `REPLACE INTO notes VALUES (7, 'c', 'u-1')`,
    ]);
    expect(errors.filter((error) => error !== null)).toEqual([]);
    const entries = connection
      .prepare(`SELECT action, actor, actor_name FROM daybook_entries WHERE category = 'entity' ORDER BY seq`)
      .raw()
      .all();
    expect(entries).toEqual([
      ['create', 'u-1', 'Ines'],
      ['create', 'u-3', null],
      ['create', 'unknown', null],
      ['update', 'u-2', 'Tomás'],
      ['delete', 'u-2', 'Tomás'],
      ['create', 'u-2', 'Tomás'],
      // What a REPLACE does away with is said before what it brings.
      ['delete', 'u-2', 'Tomás'],
      ['create', 'u-2', 'Tomás'],
      ['delete', 'u-2', 'Tomás'],
      ['delete', 'u-1', 'Ines'],
      ['create', 'u-1', 'Ines'],
    ]);
  });
});

test.each(PROGRAMS)(
  'who ran the program that acts for somebody goes from the context into every entry, in %s',
  async (_name, program) => {
    const { file, connection } = await scene(USERS);
    const errors = program(file, [
      `BEGIN`,
      `INSERT INTO daybook_context (actor, recorded_by) VALUES ('mod', 'root@web-1')`,
      `INSERT INTO users (id, email) VALUES (4, 'd@x')`,
      `UPDATE users SET name = 'Ann' WHERE id = 1`,
      `UPDATE users SET id = 5 WHERE id = 2`,
      `REPLACE INTO users (id, email) VALUES (6, 'd@x')`,
      `DELETE FROM users WHERE id = 1`,
      `DELETE FROM daybook_context`,
      `COMMIT`,
      `BEGIN`,
      `INSERT INTO daybook_context (actor, recorded_by, used) VALUES ('mod', 'root@web-1', julianday('now') - 1)`,
      `DELETE FROM users WHERE id = 3`,
      `DELETE FROM daybook_context`,
      `COMMIT`,
    ]);
    expect(errors.filter((error) => error !== null)).toEqual([]);
    const entries = connection
      .prepare(`SELECT action, entity_id, recorded_by FROM daybook_entries WHERE category = 'entity' ORDER BY seq`)
      .raw()
      .all();
    expect(entries).toEqual([
      ['create', '4', 'root@web-1'],
      ['update', '1', 'root@web-1'],
      ['delete', '2', 'root@web-1'],
      ['create', '5', 'root@web-1'],
      ['delete', '4', 'root@web-1'],
      ['create', '6', 'root@web-1'],
      ['delete', '1', 'root@web-1'],
      // Of a context that has expired, nothing is taken.
      ['delete', '3', null],
    ]);
  },
);
