import { describe, expect, test } from 'vitest';
import { testCases } from './capture-cases.js';
import { ANA, BEN, captured, NOBODY, scene, USERS } from './capture-scene.js';
import { PROGRAMS } from './writing-programs.js';

testCases([
  {
    what: 'an insert of several rows',
    run: [`INSERT INTO users (id, name) VALUES (8, 'x'), (9, 'y')`],
    entries: [
      {
        action: 'create',
        id: '8',
        old: null,
        new: { id: 8, email: null, name: 'x', data: null },
        changed: null,
        message: 'users 8 created',
        actor: 'unknown',
        actor_type: 'unknown',
        type: 'users',
        metadata: { table: 'users' },
      },
      { action: 'create', id: '9', message: 'users 9 created' },
    ],
  },
  {
    what: 'an update of two columns',
    run: [`UPDATE users SET name = 'Anna', email = 'anna@x', data = data WHERE id = 1`],
    entries: [
      {
        action: 'update',
        id: '1',
        old: ANA,
        new: { ...ANA, name: 'Anna', email: 'anna@x' },
        changed: ['email', 'name'],
        message: 'email, name of users 1 changed',
      },
    ],
  },
  {
    what: 'an update that changes nothing',
    run: [`UPDATE users SET name = name, email = 'ana@x' WHERE id = 1`],
    entries: [],
  },
  {
    what: 'NULL to a value and back',
    run: [`UPDATE users SET name = '' WHERE id = 3`, `UPDATE users SET name = NULL WHERE id = 3`],
    entries: [
      { old: NOBODY, new: { ...NOBODY, name: '' }, changed: ['name'] },
      { old: { ...NOBODY, name: '' }, new: NOBODY, changed: ['name'] },
    ],
  },
  {
    what: 'a delete',
    run: ['DELETE FROM users WHERE id < 3'],
    entries: [
      { action: 'delete', id: '1', old: ANA, new: null, changed: null, message: 'users 1 deleted' },
      { id: '2', old: BEN },
    ],
  },
  {
    what: 'a delete of every row',
    run: ['DELETE FROM users'],
    entries: [{ id: '1' }, { id: '2' }, { id: '3', old: NOBODY }],
  },
  {
    what: 'an update of the key',
    run: ['UPDATE users SET id = 7 WHERE id = 1'],
    entries: [
      {
        action: 'delete',
        id: '1',
        old: ANA,
        new: null,
        message: 'users 1 became 7',
        metadata: { table: 'users', key_changed_to: '7' },
      },
      {
        action: 'create',
        id: '7',
        old: null,
        new: { ...ANA, id: 7 },
        message: 'users 7 was 1',
        metadata: { table: 'users', key_changed_from: '1' },
      },
    ],
  },
  {
    what: 'INSERT OR REPLACE of a row that is there',
    recursive: ['delete 1', 'create 1'],
    run: [`INSERT OR REPLACE INTO users VALUES (1, 'ana@x', 'Anna', NULL)`],
    entries: [
      {
        action: 'update',
        id: '1',
        old: ANA,
        new: { ...ANA, name: 'Anna' },
        changed: ['name'],
        message: 'name of users 1 changed',
      },
    ],
  },
  {
    what: 'INSERT OR REPLACE that removes several rows',
    recursive: ['delete 1', 'delete 2', 'create 1'],
    run: [`REPLACE INTO users VALUES (1, 'ben@x', 'Ana', NULL)`],
    entries: [
      { action: 'delete', id: '2', old: BEN, new: null, message: 'users 2 replaced' },
      { action: 'update', id: '1', old: ANA, new: { ...ANA, email: 'ben@x' }, changed: ['email'] },
    ],
  },
  {
    what: 'INSERT OR REPLACE of a new row that removes others',
    run: [`REPLACE INTO users VALUES (9, 'ben@x', 'B', NULL)`],
    entries: [
      { action: 'delete', id: '2', old: BEN },
      { action: 'create', id: '9' },
    ],
  },
  {
    what: 'INSERT OR REPLACE without a key',
    run: [`REPLACE INTO users (email) VALUES ('ben@x')`],
    entries: [
      { action: 'delete', id: '2' },
      { action: 'create', id: '4' },
    ],
  },
  {
    what: 'INSERT OR REPLACE that changes nothing',
    recursive: ['delete 1', 'create 1'],
    run: [`REPLACE INTO users VALUES (1, 'ana@x', 'Ana', NULL)`],
    entries: [],
  },
  {
    what: 'INSERT OR IGNORE',
    run: [
      `INSERT OR IGNORE INTO users (id, email) VALUES (1, 'new'), (9, 'ana@x')`,
      `UPDATE users SET name = 'C' WHERE id = 3`,
    ],
    entries: [{ action: 'update', id: '3' }],
  },
  {
    what: 'what is left over of INSERT OR IGNORE, when the row goes',
    run: [
      `INSERT OR IGNORE INTO users (id, email) VALUES (1, 'new')`,
      'DELETE FROM users WHERE id = 1',
      `UPDATE users SET name = 'C' WHERE id = 3`,
    ],
    entries: [
      { action: 'delete', id: '1' },
      { action: 'update', id: '3' },
    ],
  },
  {
    what: 'INSERT OR FAIL, of which the first rows stay',
    run: [`INSERT OR FAIL INTO users (id) VALUES (8), (1), (9)`],
    fails: { 0: /UNIQUE/ },
    entries: [{ action: 'create', id: '8' }],
  },
  {
    what: 'INSERT OR ABORT',
    run: ['INSERT OR ABORT INTO users (id) VALUES (8), (1), (9)'],
    fails: { 0: /UNIQUE/ },
    entries: [],
  },
  {
    what: 'INSERT OR ROLLBACK',
    run: [
      'BEGIN',
      'DELETE FROM users WHERE id = 2',
      'INSERT OR ROLLBACK INTO users (id) VALUES (1)',
      `UPDATE users SET name = 'C' WHERE id = 3`,
    ],
    fails: { 2: /UNIQUE/ },
    entries: [{ action: 'update', id: '3' }],
  },
  {
    what: 'UPSERT',
    run: [
      `INSERT INTO users (id, email, name) VALUES (1, 'q', 'Anna'), (8, 'z', 'Z') ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
    ],
    entries: [
      { action: 'update', id: '1', changed: ['name'], new: { ...ANA, name: 'Anna' } },
      { action: 'create', id: '8' },
    ],
  },
  {
    what: 'UPSERT by another key, of the key',
    run: [`INSERT INTO users (id, email) VALUES (8, 'ana@x') ON CONFLICT (email) DO UPDATE SET id = excluded.id`],
    entries: [
      { action: 'delete', id: '1' },
      { action: 'create', id: '8', new: { ...ANA, id: 8 } },
    ],
  },
  { what: 'UPSERT that does nothing', run: [`INSERT INTO users (id) VALUES (1) ON CONFLICT DO NOTHING`], entries: [] },
  {
    what: 'UPDATE OR REPLACE of a unique column',
    recursive: ['delete 2', 'update 1'],
    run: [`UPDATE OR REPLACE users SET email = 'ben@x' WHERE id = 1`],
    entries: [
      { action: 'delete', id: '2', old: BEN, message: 'users 2 replaced' },
      { action: 'update', id: '1', changed: ['email'] },
    ],
  },
  {
    what: 'UPDATE OR REPLACE of the key',
    run: ['UPDATE OR REPLACE users SET id = 2 WHERE id = 1'],
    entries: [
      { action: 'delete', id: '2', old: BEN },
      { action: 'delete', id: '1', old: ANA },
      { action: 'create', id: '2', new: { ...ANA, id: 2 } },
    ],
  },
  {
    what: 'UPDATE OR IGNORE',
    run: [`UPDATE OR IGNORE users SET email = 'ben@x'`, `UPDATE users SET name = 'C' WHERE id = 3`],
    entries: [{ id: '3' }],
  },
  {
    what: 'a savepoint that is rolled back',
    run: [
      'BEGIN',
      `UPDATE users SET name = 'A' WHERE id = 1`,
      'SAVEPOINT s',
      'DELETE FROM users',
      'ROLLBACK TO s',
      'RELEASE s',
      'COMMIT',
    ],
    entries: [{ action: 'update', id: '1' }],
  },
  { what: 'a transaction that is rolled back', run: ['BEGIN', 'DELETE FROM users', 'ROLLBACK'], entries: [] },
]);

describe.each(PROGRAMS)('%s', (_name, execute) => {
  test.each(['INSERT', 'INSERT OR IGNORE', 'INSERT OR REPLACE', 'INSERT OR FAIL', 'INSERT OR ROLLBACK'])(
    'an entry that cannot be written stops %s and every other change',
    async (verb) => {
      const { file, connection } = await scene(USERS);
      const conflict = verb.slice('INSERT'.length);
      for (const trouble of [
        `CREATE TRIGGER trouble BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END`,
        `CREATE TRIGGER trouble BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(ABORT, 'no room'); END`,
      ]) {
        connection.exec(trouble);
        const before = connection.prepare('SELECT * FROM users').all();
        const errors = execute(file, [
          `${verb} INTO users (id) VALUES (9)`,
          `${verb} INTO users (id, email) VALUES (9, 'ana@x')`,
          `${verb} INTO users (id, name) VALUES (1, 'x')`,
          `UPDATE${conflict} users SET name = 'x' WHERE id = 1`,
          `UPDATE${conflict} users SET id = 9 WHERE id = 1`,
          'DELETE FROM users WHERE id = 1',
          `INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'`,
        ]);
        // OR IGNORE ignores what collides before an entry is due.
        for (const [index, error] of errors.entries()) {
          if (error === null) expect([verb, index]).toEqual(['INSERT OR IGNORE', expect.toBeOneOf([1, 2])]);
        }
        expect(connection.prepare('SELECT * FROM users').all()).toEqual(before);
        connection.exec('DROP TRIGGER trouble');
      }
      expect(captured(connection)).toEqual([]);
    },
  );
});
