import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { looksSecret } from '../../src/core/capture.js';
import { setActor } from '../../src/operations/names.js';
import { capturedTrail } from './captured.js';
import type { Captured as Trail } from './captured.js';
import { ACTOR, recordAll } from './trail.js';
import { PROGRAMS } from './writing-programs.js';

const USERS = `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, data TEXT);
INSERT INTO users VALUES (1, 'ana@x', 'Ana', NULL), (2, 'ben@x', 'Ben', '{"a":1}'), (3, NULL, NULL, NULL);`;

interface Scene extends Trail {
  readonly connection: Database.Database;
}

/** A trail beside these tables, of which the first is under capture. */
async function scene(
  schema: string,
  request: Partial<CaptureRequest> = {},
  tables: readonly string[] = [/CREATE TABLE "?(\w+)/.exec(schema)?.[1] ?? ''],
): Promise<Scene> {
  const trail = await capturedTrail(schema);
  if (tables.length > 0) await trail.capture(tables, request);
  return { ...trail, connection: trail.app };
}

interface Captured {
  readonly action: string;
  readonly id: string | null;
  readonly old: unknown;
  readonly new: unknown;
  readonly changed: unknown;
  readonly message: string;
  readonly actor: string;
  readonly type: string;
  readonly metadata: unknown;
  readonly [field: string]: unknown;
}

/** The entries of row changes, in order. */
function captured(connection: Database.Database): Captured[] {
  const document = (text: unknown): unknown => (typeof text === 'string' ? JSON.parse(text) : text);
  return connection
    .prepare<[], Record<string, string | null>>(
      `SELECT action, entity_id AS id, old_values AS old, new_values AS new, changed_fields AS changed, message, actor,
         actor_type, correlation_id, scope, entity_name AS name, entity_type AS type, metadata, reverts
       FROM daybook_entries WHERE category = 'entity' ORDER BY seq`,
    )
    .all()
    .map(
      (row) =>
        Object.assign(row, {
          old: document(row['old']),
          new: document(row['new']),
          changed: document(row['changed']),
          metadata: document(row['metadata']),
        }) as unknown as Captured,
    );
}

interface Case {
  readonly what: string;
  readonly schema?: string;
  readonly request?: Partial<CaptureRequest>;
  readonly run: readonly string[];
  /** Patterns of the errors that statements have. */
  readonly fails?: Readonly<Record<number, RegExp>>;
  readonly entries: readonly Partial<Captured>[];
  /** With recursive_triggers, SQLite tells of the rows that REPLACE deletes, and of the same key as well. */
  readonly recursive?: readonly string[];
}

const ANA = { id: 1, email: 'ana@x', name: 'Ana', data: null };
const BEN = { id: 2, email: 'ben@x', name: 'Ben', data: '{"a":1}' };
const NOBODY = { id: 3, email: null, name: null, data: null };

const SETTINGS = `CREATE TABLE settings (guild TEXT NOT NULL, name TEXT NOT NULL, value, by TEXT, PRIMARY KEY (name, guild)) WITHOUT ROWID;
INSERT INTO settings VALUES ('g1', 'log', 'on', 'ana');`;
const TREE = `CREATE TABLE tree (id INTEGER PRIMARY KEY, next INTEGER UNIQUE REFERENCES tree (id) ON DELETE SET NULL, text);
INSERT INTO tree VALUES (1, NULL, 'a'), (2, 1, 'b');`;
const SELF = `CREATE TABLE self (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES self (id) ON UPDATE CASCADE, text);
INSERT INTO self VALUES (1, 1, 'a'), (2, NULL, 'b');`;
const NESTED_ROWS = ['a', 'b', 'c', 'd', 'e'].map((u, index) => ({ id: index + 1, u, a: 'x' }));
/** Triggers that write into their own table in the middle of a write of it; made before capture, they run after it. */
const NESTED = `CREATE TABLE t (id INTEGER PRIMARY KEY, u TEXT UNIQUE, a TEXT);
INSERT INTO t VALUES ${NESTED_ROWS.map(({ id, u, a }) => `(${id}, '${u}', '${a}')`).join(', ')};
${['INSERT', 'UPDATE']
  .map(
    (
      event,
    ) => `CREATE TRIGGER nest_other_${event} BEFORE ${event} ON t WHEN NEW.a = 'other' BEGIN INSERT OR REPLACE INTO t VALUES (100, 'z', 'inner'); END;
CREATE TRIGGER nest_rival_${event} BEFORE ${event} ON t WHEN NEW.a = 'rival' BEGIN UPDATE t SET u = NULL WHERE u = NEW.u; INSERT INTO t VALUES (NULL, NEW.u, 'inner'); END;
CREATE TRIGGER nest_change_${event} BEFORE ${event} ON t WHEN NEW.a = 'change' BEGIN UPDATE t SET a = a || '!' WHERE id IN (1, 2); END;
CREATE TRIGGER nest_ignored_${event} BEFORE ${event} ON t WHEN NEW.a = 'ignored' BEGIN INSERT INTO t VALUES (5, 'q', 'inner') ON CONFLICT DO NOTHING; END;`,
  )
  .join('\n')}`;
const BYTES = `CREATE TABLE bytes (key BLOB NOT NULL PRIMARY KEY, code TEXT UNIQUE, value);
INSERT INTO bytes VALUES (x'00ff', 'a', 1), (x'01', 'b', 1);`;
const DOCUMENTS = `CREATE TABLE guilds (id TEXT NOT NULL PRIMARY KEY, data TEXT);
INSERT INTO guilds VALUES ('7', '{"announce":{"channelid":"1","on":true},"n":1}');`;
const TEAMS = `CREATE TABLE players (id INTEGER PRIMARY KEY, team INTEGER REFERENCES teams (id) ON DELETE CASCADE ON UPDATE CASCADE, captain INTEGER REFERENCES teams (id) ON DELETE SET NULL);
CREATE TABLE teams (id INTEGER PRIMARY KEY);
INSERT INTO teams VALUES (1), (2);
INSERT INTO players VALUES (10, 1, NULL), (11, 2, 1);`;

const CASES: readonly Case[] = [
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
  {
    what: 'a composite key, its array in the order of the key',
    recursive: ['update ["log","g1"]', 'delete ["log","g1"]', 'create ["log","g1"]', 'delete ["log","g1"]'],
    schema: SETTINGS,
    run: [
      `UPDATE settings SET value = 5`,
      `REPLACE INTO settings VALUES ('g1', 'log', 6, NULL)`,
      `DELETE FROM settings`,
    ],
    entries: [
      { action: 'update', id: '["log","g1"]', changed: ['value'], message: 'value of settings ["log","g1"] changed' },
      { action: 'update', changed: ['value', 'by'] },
      { action: 'delete', id: '["log","g1"]' },
    ],
  },
  {
    what: 'a key of bytes',
    recursive: [
      'update {"$blob":"00ff"}',
      'update {"$blob":"01"}',
      'delete {"$blob":"00ff"}',
      'delete {"$blob":"01"}',
      'create {"$blob":"00ff"}',
    ],
    schema: BYTES,
    run: [
      `INSERT INTO bytes VALUES (x'00ff', 'c', 2) ON CONFLICT (key) DO UPDATE SET value = 2`,
      `INSERT OR IGNORE INTO bytes VALUES (x'00ff', 'c', 2)`,
      `UPDATE bytes SET value = 3 WHERE key = x'01'`,
      `UPDATE OR REPLACE bytes SET key = x'00ff' WHERE key = x'01'`,
    ],
    entries: [
      {
        action: 'update',
        id: '{"$blob":"00ff"}',
        changed: ['value'],
        new: { key: { $blob: '00ff' }, code: 'a', value: 2 },
      },
      { action: 'update', id: '{"$blob":"01"}' },
      { action: 'delete', id: '{"$blob":"00ff"}', message: 'bytes {"$blob":"00ff"} replaced' },
      { action: 'delete', id: '{"$blob":"01"}' },
      { action: 'create', id: '{"$blob":"00ff"}' },
    ],
  },
  {
    what: 'a key without a type: a text that looks like another value has quotes',
    schema: `CREATE TABLE things (key PRIMARY KEY, v); INSERT INTO things VALUES (1, 'a'), ('1', 'b'), ('x', 'c'), ('{}', 'd');`,
    recursive: [
      'delete 1',
      'create 1',
      'delete "1"',
      'create "1"',
      'delete 1',
      'create "null"',
      'update x',
      'delete "{}"',
    ],
    run: [
      `REPLACE INTO things VALUES (1, 'A')`,
      `REPLACE INTO things VALUES ('1', 'B')`,
      'DELETE FROM things WHERE key = 1',
      `INSERT INTO things VALUES ('null', NULL)`,
      `UPDATE things SET v = 'C' WHERE key = 'x'`,
      `DELETE FROM things WHERE key = '{}'`,
    ],
    entries: [
      { action: 'update', id: '1', old: { key: 1, v: 'a' }, new: { key: 1, v: 'A' } },
      { action: 'update', id: '"1"', old: { key: '1', v: 'b' }, new: { key: '1', v: 'B' } },
      { action: 'delete', id: '1' },
      { action: 'create', id: '"null"' },
      { action: 'update', id: 'x' },
      { action: 'delete', id: '"{}"' },
    ],
  },
  {
    what: 'a key with NUL in it',
    schema: `CREATE TABLE names (name TEXT PRIMARY KEY, v); INSERT INTO names VALUES ('a' || char(0) || 'b', 1);`,
    run: ['UPDATE names SET v = 2', `UPDATE names SET name = 'a'`, `UPDATE names SET name = 'a' || char(0)`],
    entries: [
      { action: 'update', id: '"a\\u0000b"', old: { name: 'a\0b', v: 1 } },
      { action: 'delete', id: '"a\\u0000b"', metadata: { table: 'names', key_changed_to: 'a' } },
      { action: 'create', id: 'a' },
      { action: 'delete', id: 'a' },
      { action: 'create', id: '"a\\u0000"', message: 'names "a\\u0000" was a' },
    ],
  },
  {
    what: 'a key of reals, whatever the release',
    schema: `CREATE TABLE rates (rate REAL PRIMARY KEY, v); INSERT INTO rates VALUES (0.1, 1), (12345.678, 1), (3, 1);`,
    recursive: ['update 0.1', 'update 12345.678', 'update 3.0', 'delete 0.1', 'create 0.1'],
    run: ['UPDATE rates SET v = 2', 'REPLACE INTO rates VALUES (0.1, 3)'],
    entries: [
      { id: '0.1' },
      { id: '12345.678' },
      { id: '3.0' },
      { action: 'update', id: '0.1', new: { rate: 0.1, v: 3 } },
    ],
  },
  {
    what: 'a key whose collation folds case',
    schema: `CREATE TABLE tags (name TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, n); INSERT INTO tags VALUES ('a', 1);`,
    run: [`REPLACE INTO tags VALUES ('A', 2)`, `UPDATE tags SET name = 'a'`],
    entries: [
      { action: 'delete', id: 'a' },
      { action: 'create', id: 'A' },
      { action: 'delete', id: 'A' },
      { action: 'create', id: 'a' },
    ],
  },
  {
    what: 'a unique index that folds case, where its column does not',
    schema: `CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT); CREATE UNIQUE INDEX names ON tags (name COLLATE NOCASE); INSERT INTO tags VALUES (1, 'a');`,
    run: [`REPLACE INTO tags VALUES (2, 'A')`],
    entries: [
      { action: 'delete', id: '1' },
      { action: 'create', id: '2' },
    ],
  },
  {
    what: 'a key that looks like the rowid, and is not',
    schema: `CREATE TABLE odd (id INTEGER PRIMARY KEY DESC, n); INSERT INTO odd VALUES ('x', 1), (1, 1);`,
    run: [`UPDATE odd SET id = x'00' WHERE id = 'x'`, 'UPDATE odd SET id = 0.5 WHERE id = 1'],
    entries: [{ id: 'x' }, { id: '{"$blob":"00"}' }, { id: '1' }, { id: '0.5' }],
  },
  {
    what: 'a unique index of some rows',
    schema: `CREATE TABLE slugs (id BLOB NOT NULL PRIMARY KEY, slug TEXT, live INT); CREATE UNIQUE INDEX live ON slugs (slug) WHERE live; INSERT INTO slugs VALUES (x'01', 'a', 0), (x'02', 'a', 1);`,
    run: [`REPLACE INTO slugs VALUES (x'03', 'a', 1)`],
    entries: [
      { action: 'delete', id: '{"$blob":"02"}' },
      { action: 'create', id: '{"$blob":"03"}' },
    ],
  },
  {
    what: 'generated columns, one of them unique',
    schema: `CREATE TABLE docs (id INTEGER PRIMARY KEY, title TEXT, low TEXT AS (lower(title)) STORED UNIQUE, size AS (length(title))); INSERT INTO docs (title) VALUES ('A'), ('B');`,
    run: [`UPDATE OR REPLACE docs SET title = 'b' WHERE id = 1`],
    entries: [
      { action: 'delete', id: '2', old: { id: 2, title: 'B', low: 'b', size: 1 } },
      { action: 'update', id: '1', changed: ['title', 'low'] },
    ],
  },
  {
    what: 'what foreign keys do',
    schema: TEAMS,
    run: ['PRAGMA foreign_keys = ON', 'UPDATE teams SET id = 3 WHERE id = 2', 'DELETE FROM teams WHERE id = 1'],
    entries: [
      { action: 'update', id: '11', changed: ['team'] },
      { action: 'update', id: '11', new: { id: 11, team: 3, captain: null }, changed: ['captain'] },
      { action: 'delete', id: '10' },
    ],
  },
  {
    what: 'a REPLACE within which a foreign key changes the same table',
    recursive: ['update 2', 'delete 1', 'create 1'],
    schema: TREE,
    run: ['PRAGMA foreign_keys = ON', `REPLACE INTO tree VALUES (1, NULL, 'c')`],
    entries: [
      { action: 'update', id: '2', changed: ['next'] },
      { action: 'update', id: '1', changed: ['text'] },
    ],
  },
  {
    what: 'a row that refers to itself, where nothing follows',
    schema: SELF,
    run: [
      'PRAGMA foreign_keys = OFF',
      'UPDATE self SET id = 7 WHERE id = 1',
      'UPDATE self SET parent = 7 WHERE id = 7',
      'PRAGMA foreign_keys = ON',
      'UPDATE self SET id = 8, parent = 8 WHERE id = 7',
      `UPDATE self SET text = 'x', parent = parent WHERE id = 8`,
      'UPDATE self SET id = 3 WHERE id = 2',
    ],
    entries: [
      { action: 'delete', id: '1', old: { id: 1, parent: 1, text: 'a' } },
      { action: 'create', id: '7', new: { id: 7, parent: 1, text: 'a' } },
      { action: 'update', id: '7', changed: ['parent'] },
      { action: 'delete', id: '7' },
      { action: 'create', id: '8', new: { id: 8, parent: 8, text: 'a' } },
      { action: 'update', id: '8', changed: ['text'] },
      { action: 'delete', id: '2' },
      { action: 'create', id: '3' },
    ],
  },
  {
    what: 'a row that would follow itself',
    schema: SELF,
    run: [
      'PRAGMA foreign_keys = ON',
      'UPDATE self SET id = 7 WHERE id = 1',
      'UPDATE self SET parent = NULL WHERE id = 1',
      'UPDATE self SET id = 7 WHERE id = 1',
      'UPDATE self SET parent = 7 WHERE id = 7',
    ],
    fails: { 1: /daybook: this row of self refers to itself by parent, which follows id: set parent to NULL first/ },
    entries: [
      { action: 'update', id: '1', changed: ['parent'] },
      { action: 'delete', id: '1' },
      { action: 'create', id: '7' },
      { action: 'update', id: '7' },
    ],
  },
  {
    what: 'bytes, integers beyond 2^53 and reals',
    schema: `CREATE TABLE things (id INTEGER PRIMARY KEY, v); INSERT INTO things VALUES (1, NULL);`,
    run: [
      `UPDATE things SET v = x'00FF'`,
      'UPDATE things SET v = 1',
      'UPDATE things SET v = 1.0',
      'UPDATE things SET v = 1e999',
      'UPDATE things SET v = -1e999',
      `UPDATE things SET v = '1'`,
    ],
    entries: [
      { new: { id: 1, v: { $blob: '00ff' } } },
      { new: { id: 1, v: 1 } },
      { changed: ['v'] },
      { new: { id: 1, v: { $real: 'inf' } } },
      { new: { id: 1, v: { $real: '-inf' } } },
      { new: { id: 1, v: '1' } },
    ],
  },
  {
    what: 'names with quotes',
    schema: `CREATE TABLE "it's ""odd""" ("a ""b""" TEXT, "key's" TEXT NOT NULL PRIMARY KEY); INSERT INTO "it's ""odd""" VALUES ('x', 'k''1');`,
    run: [`UPDATE "it's ""odd""" SET "a ""b""" = 'y'`],
    entries: [{ id: `k'1`, changed: ['a "b"'], type: `it's "odd"`, message: `a b of it's "odd" k'1 changed` }],
  },
  {
    what: 'ignored columns',
    recursive: ['update 1', 'delete 2', 'create 2'],
    request: { ignore: ['name'] },
    run: [
      `UPDATE users SET name = 'x' WHERE id = 1`,
      `UPDATE users SET name = 'y', email = 'e' WHERE id = 1`,
      `REPLACE INTO users VALUES (2, 'ben@x', 'z', '{"a":1}')`,
    ],
    entries: [{ changed: ['email'], old: { ...ANA, name: 'x' }, new: { ...ANA, name: 'y', email: 'e' } }],
  },
  {
    what: 'an ignored secret',
    recursive: ['update 1', 'delete 1', 'create 1', 'delete 1'],
    schema: `CREATE TABLE u (id INTEGER PRIMARY KEY, password TEXT, n); INSERT INTO u VALUES (1, 'geheim', 1);`,
    request: { ignore: ['password'] },
    run: [
      `UPDATE u SET password = 'geheimer'`,
      `UPDATE u SET n = 2`,
      `REPLACE INTO u VALUES (1, 'geheim', 3)`,
      'DELETE FROM u',
    ],
    entries: [
      { changed: ['n'], old: { id: 1, n: 1 }, new: { id: 1, n: 2 } },
      { changed: ['n'] },
      { action: 'delete', old: { id: 1, n: 3 } },
    ],
  },
  {
    what: 'a redacted column',
    recursive: ['update 1', 'update 1', 'delete 1', 'create 1', 'delete 1', 'create 1'],
    schema: `CREATE TABLE u (id INTEGER PRIMARY KEY, password TEXT, n); INSERT INTO u VALUES (1, 'geheim', 1);`,
    request: { redact: ['password'] },
    run: [
      `UPDATE u SET password = 'geheimer'`,
      `UPDATE u SET password = NULL`,
      `REPLACE INTO u VALUES (1, 'geheim', 1)`,
      `REPLACE INTO u VALUES (1, 'geheim', 1)`,
    ],
    entries: [
      {
        changed: ['password'],
        old: { id: 1, password: '[redacted]', n: 1 },
        new: { id: 1, password: '[redacted]', n: 1 },
      },
      { changed: ['password'], new: { id: 1, password: null, n: 1 } },
      { changed: ['password'] },
    ],
  },
  {
    what: 'documents in a column',
    schema: DOCUMENTS,
    request: { json: ['data'], entityType: 'guild' },
    run: [
      `UPDATE guilds SET data = json_set(data, '$.announce.channelid', '2')`,
      `UPDATE guilds SET data = data || ' '`,
      `UPDATE guilds SET data = 'none'`,
    ],
    entries: [
      { type: 'guild', changed: ['data.announce.channelid'], message: 'data.announce.channelid of guild 7 changed' },
      { changed: ['data'] },
      { changed: ['data'] },
    ],
  },
  {
    what: 'scope, name and actor from columns',
    schema: SETTINGS,
    request: { scope: { kind: 'guild', column: 'guild' }, nameColumn: 'value', actorColumn: 'by' },
    run: [`UPDATE settings SET value = 'off'`, `UPDATE settings SET by = ''`],
    entries: [
      { scope: 'guild:g1', name: 'off', actor: 'ana', actor_type: 'user' },
      { actor: 'unknown', actor_type: 'unknown' },
    ],
  },
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
    what: 'every column ignored: only rows that come, go and change their key',
    schema: `CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES ('a', 1)`,
    request: { ignore: ['k', 'v'] },
    run: ['UPDATE t SET v = 2', `UPDATE t SET k = 'b', v = 3`, 'DELETE FROM t', `INSERT INTO t VALUES ('c', 4)`],
    entries: [
      { action: 'delete', id: 'a', old: { k: 'a', v: 2 } },
      { action: 'create', id: 'b', new: { k: 'b', v: 3 } },
      { action: 'delete', id: 'b', old: { k: 'b', v: 3 } },
      { action: 'create', id: 'c', new: { k: 'c', v: 4 } },
    ],
  },
  {
    what: 'columns that hide every name of the rowid',
    schema: `CREATE TABLE t (k TEXT PRIMARY KEY, rowid, oid UNIQUE, _rowid_); INSERT INTO t VALUES ('a', 1, 2, 3), ('b', 4, 5, 6)`,
    run: [
      `INSERT OR REPLACE INTO t VALUES ('a', 1, 5, 3)`,
      'UPDATE OR REPLACE t SET rowid = 9',
      `INSERT OR REPLACE INTO t VALUES ('c', 9, 6, 3)`,
    ],
    entries: [
      { action: 'delete', id: 'b' },
      { action: 'update', id: 'a', changed: ['oid'] },
      { action: 'update', id: 'a', old: { rowid: 1 }, new: { rowid: 9 }, changed: ['rowid'] },
      { action: 'create', id: 'c' },
    ],
    recursive: ['delete b', 'delete a', 'create a', 'update a', 'create c'],
  },
  {
    what: 'rows that fall by a partial key of which only the condition changes',
    schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, state TEXT, u TEXT, "it's ""so""" INTEGER, g AS (state = 'on'));
      CREATE UNIQUE INDEX live ON t (u) WHERE "STATE" = 'live';
      CREATE UNIQUE INDEX so ON t (u) WHERE "it's ""so""";
      CREATE UNIQUE INDEX computed ON t (u) /* while */ WHERE g;
      INSERT INTO t VALUES (1, 'live', 'a', 0), (2, 'draft', 'a', 0), (3, 'x', 'b', 1), (4, 'x', 'b', 0), (5, 'on', 'c', 0), (6, 'x', 'c', 0)`,
    run: [
      `UPDATE OR REPLACE t SET state = 'live' WHERE id = 2`,
      `UPDATE OR REPLACE t SET "it's ""so""" = 1 WHERE id = 4`,
      `UPDATE OR REPLACE t SET state = 'on' WHERE id = 6`,
    ],
    entries: [
      { action: 'delete', id: '1', message: 't 1 replaced' },
      { action: 'update', id: '2', changed: ['state'] },
      { action: 'delete', id: '3' },
      { action: 'update', id: '4', changed: [`it's "so"`] },
      { action: 'delete', id: '5' },
      { action: 'update', id: '6', changed: ['state', 'g'] },
    ],
    recursive: ['delete 1', 'update 2', 'delete 3', 'update 4', 'delete 5', 'update 6'],
  },
  {
    what: 'foreign keys to itself that fit no key, where none is enforced',
    schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, FOREIGN KEY (a, b) REFERENCES t ON UPDATE CASCADE,
      FOREIGN KEY (b) REFERENCES t (nowhere) ON UPDATE CASCADE)`,
    run: ['PRAGMA foreign_keys = OFF', 'INSERT INTO t VALUES (1, 1, 1)', 'UPDATE t SET id = 2'],
    entries: [{ action: 'create' }, { action: 'delete', id: '1' }, { action: 'create', id: '2' }],
  },
  {
    what: 'a context that is required, or a column that says it',
    schema: SETTINGS,
    request: { requireActor: true, actorColumn: 'by' },
    run: ['UPDATE settings SET value = 9', 'UPDATE settings SET by = NULL'],
    fails: { 1: /must say who/ },
    entries: [{ actor: 'ana' }],
  },
];

describe.each(PROGRAMS)('%s', (_name, execute) => {
  test.each(CASES)('$what', async ({ schema = USERS, request, run, fails, entries, recursive: others }) => {
    const { file, connection } = await scene(
      schema,
      request,
      schema.startsWith('CREATE TABLE "') ? [`it's "odd"`] : undefined,
    );
    for (const recursive of ['OFF', 'ON']) {
      // The last is undone for the next, so that both begin with the same rows.
      if (recursive === 'ON') {
        connection.exec(
          `DROP TRIGGER daybook_entries_append_only_delete; DELETE FROM daybook_entries WHERE category = 'entity'`,
        );
      }
      const rows = copyOf(connection);
      const errors = execute(file, [`PRAGMA recursive_triggers = ${recursive}`, ...run]).slice(1);
      expect(
        errors.map((error, index) => (error !== null && fails?.[index]?.test(error) === true ? 'as expected' : error)),
      ).toEqual(run.map((_, index) => (fails?.[index] === undefined ? null : 'as expected')));
      const found = captured(connection);
      if (recursive === 'OFF' || others === undefined) expect(found).toMatchObject(entries);
      else expect(found.map(({ action, id }) => `${action} ${id ?? 'nothing'}`)).toEqual(others);
      rows.restore();
    }
  });

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

  test.each(['other', 'rival', 'change', 'ignored', 'nothing'])(
    'a write within a write of the same table is captured, or the REPLACE is refused: %s',
    async (kind) => {
      const { file, connection } = await scene(NESTED);
      const rows = (): unknown => connection.prepare('SELECT * FROM t ORDER BY id').all();
      const run = (statement: string, recursive = 'OFF'): string => {
        const error = execute(file, [`PRAGMA recursive_triggers = ${recursive}`, statement])[1] ?? 'done';
        expect(rebuiltFrom(connection)).toEqual(rows());
        return /daybook: a trigger of the application writes into t while a REPLACE/.test(error) ? 'refused' : error;
      };
      expect(run(`INSERT INTO t VALUES (20, 'n', '${kind}')`)).toMatch(kind === 'rival' ? /UNIQUE/ : /^done$/);
      expect(run(`INSERT OR IGNORE INTO t VALUES (21, 'a', '${kind}'), (22, 'o', '${kind}')`)).toBe('done');
      expect(run(`UPDATE t SET u = 'p', a = '${kind}' WHERE id = 3`)).toMatch(kind === 'rival' ? /UNIQUE/ : /^done$/);
      const before = rows();
      const expected = kind === 'nothing' ? 'done' : 'refused';
      expect(run(`REPLACE INTO t VALUES (1, 'b', '${kind}')`)).toBe(expected);
      expect(run(`UPDATE OR REPLACE t SET u = 'b', a = '${kind}' WHERE id = 4`)).toBe(expected);
      if (kind !== 'nothing') expect(rows()).toEqual(before);
      expect(run(`REPLACE INTO t VALUES (1, 'b', '${kind}')`, 'ON')).toBe('done');
      expect(run(`UPDATE OR REPLACE t SET u = 'e', a = '${kind}' WHERE id = 4`, 'ON')).toBe('done');
      expect(rows()).not.toEqual(before);
    },
  );

  test('a table of very many columns, also in the key and redacted, is captured like any other', async () => {
    const columns = Array.from({ length: 1100 }, (_, index) => `c${index}`);
    const key = columns.slice(0, 60);
    const { file, connection } = await scene(
      `CREATE TABLE wide (${columns.map((name) => `${name} TEXT${key.includes(name) ? " DEFAULT ''" : ''}`).join(', ')}, PRIMARY KEY (${key.join(', ')})) STRICT;
       CREATE TABLE beside (id INTEGER PRIMARY KEY)`,
      { redact: columns.slice(-50) },
      ['wide'],
    );
    const errors = execute(file, [
      `INSERT INTO wide (c0, c59, c60, c1099) VALUES ('a', 'b', 'c', 'd')`,
      `UPDATE wide SET c61 = 'e', c1049 = 'f', c1050 = 'g', c1099 = 'h'`,
      `UPDATE wide SET c59 = 'i'`,
      'INSERT INTO beside VALUES (1)',
      'DELETE FROM wide',
    ]);
    expect(errors).toEqual([null, null, null, null, null]);
    const id = (last: string): string => JSON.stringify(key.map((name) => ({ c0: 'a', c59: last })[name] ?? ''));
    const row = (values: object): object => ({
      ...Object.fromEntries(columns.map((name) => [name, key.includes(name) ? '' : null])),
      ...values,
    });
    const first = { c0: 'a', c59: 'b', c60: 'c' };
    const then = { ...first, c61: 'e', c1049: 'f', c1050: '[redacted]', c1099: '[redacted]' };
    expect(captured(connection)).toMatchObject([
      { action: 'create', id: id('b'), old: null, new: row({ ...first, c1099: '[redacted]' }) },
      { action: 'update', id: id('b'), new: row(then), changed: ['c61', 'c1049', 'c1050', 'c1099'] },
      { action: 'delete', id: id('b'), old: row(then) },
      { action: 'create', id: id('i'), new: row({ ...then, c59: 'i' }) },
      { action: 'delete', id: id('i'), old: row({ ...then, c59: 'i' }) },
    ]);
  });

  test('keeps every digit of an integer, and every bit of a real', async () => {
    const { file, connection } = await scene('CREATE TABLE things (id INTEGER PRIMARY KEY, v);');
    const values = [
      '9007199254740993',
      '-9223372036854775808',
      '0.1 + 0.2',
      '5e-324',
      '1e308',
      '1.7976931348623157e308',
      '2.2250738585072011e-308',
      '1.0 / 3',
    ];
    execute(
      file,
      values.map((value) => `INSERT INTO things (v) VALUES (${value})`),
    );
    const stored = connection
      .prepare<[], { v: number | bigint; json: string }>(
        `SELECT v, new_values AS json FROM things JOIN daybook_entries ON entity_type = 'things' AND entity_id = CAST(things.id AS TEXT)`,
      )
      .safeIntegers()
      .all();
    expect(stored).toHaveLength(values.length);
    for (const { v, json } of stored) {
      const text = /"v":(.*)\}$/.exec(json)?.[1] ?? '';
      const [, whole, exponent] = /^\{"\$real":"(-?[\d.e+-]+)p(-?\d+)"\}$/.exec(text) ?? [];
      if (typeof v === 'bigint') expect(text).toBe(String(v));
      else expect(whole === undefined ? Number(text) : Number(whole) * 2 ** Number(exponent)).toBe(v);
    }
  });
});

/** What the entries make of the rows that NESTED begins with. */
function rebuiltFrom(connection: Database.Database): unknown[] {
  const rows = new Map<string | null, unknown>(NESTED_ROWS.map((row) => [String(row.id), row]));
  for (const { id, action, old, new: now } of captured(connection)) {
    expect([action, id, rows.get(id) ?? null]).toEqual([action, id, old]);
    if (now === null) rows.delete(id);
    else rows.set(id, now);
  }
  return [...rows.values()].toSorted((one, other) => (one as { id: number }).id - (other as { id: number }).id);
}

/** The rows of every table but ours, to put back. */
function copyOf(connection: Database.Database): { restore: () => void } {
  const tables = connection
    .prepare<[], string>(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'daybook_*'`,
    )
    .pluck()
    .all();
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const rows = tables.map((table) =>
    connection
      .prepare<[], Record<string, unknown>>(`SELECT * FROM ${quoted(table)}`)
      .safeIntegers()
      .all(),
  );
  return {
    restore: () => {
      connection.pragma('foreign_keys = OFF');
      connection.exec(`INSERT OR REPLACE INTO daybook_context (actor) VALUES ('the test')`);
      for (const [index, table] of tables.entries()) {
        connection.exec(`DELETE FROM ${quoted(table)}`);
        const kept = new Set(
          connection
            .prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0')
            .pluck()
            .all(table),
        );
        for (const row of rows[index] ?? []) {
          const names = Object.keys(row).filter((name) => kept.has(name));
          connection
            .prepare(
              `INSERT INTO ${quoted(table)} (${names.map(quoted).join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
            )
            .run(names.map((name) => row[name]));
        }
      }
      connection.exec('DELETE FROM daybook_context');
    },
  };
}

describe('what cannot be captured', () => {
  const schema = `CREATE TABLE keyless (a);
CREATE TABLE t (id INTEGER PRIMARY KEY, low TEXT);
CREATE VIEW seen AS SELECT * FROM t;
CREATE VIRTUAL TABLE searched USING fts5 (a);
CREATE TABLE folded (id INTEGER PRIMARY KEY, a);
CREATE UNIQUE INDEX folded_a ON folded (lower(a));
CREATE TABLE other (id INTEGER PRIMARY KEY);
CREATE TABLE secrets (id INTEGER PRIMARY KEY, api_token TEXT, passwordHash TEXT, n);`;

  test.each<readonly [string, Partial<CaptureRequest>, string, RegExp]>([
    ['keyless', {}, 'refused', /no primary key/],
    ['seen', {}, 'refused', /: it is a view, and/],
    ['searched', {}, 'refused', /: it is a virtual table, and/],
    ['searched_data', {}, 'refused', /shadow/],
    ['daybook_entries', {}, 'refused', /belongs to daybook/],
    ['sqlite_schema', {}, 'refused', /belongs to/],
    ['folded', {}, 'refused', /expression/],
    ['nothing', {}, 'missing', /no table nothing/],
    ['t', { ignore: ['nope'] }, 'usage', /--ignore: t has no column nope, only id, low/],
    ['t', { scope: { kind: 'a', column: 'nope' } }, 'usage', /--scope/],
    ['t', { entityType: 'a:b' }, 'usage', /colon/],
    ['t', { entityType: '' }, 'usage', /empty/],
    ['t', { entityType: 'other' }, 'refused', /table other is captured as other already/],
    ['t', { redact: ['id'] }, 'usage', /in the key/],
    ['t', { redact: ['low'], nameColumn: 'low' }, 'usage', /cannot be kept out/],
    [
      'secrets',
      {},
      'refused',
      /look like secrets \(api_token, passwordHash\): put each under --redact, --ignore or --keep/,
    ],
    ['secrets', { redact: ['api_token'] }, 'refused', /\(passwordHash\)/],
  ])('%s %j', async (table, request, kind, message) => {
    const { capture, connection } = await scene(schema, {}, ['other']);
    const before = connection.serialize();
    await expect(capture(table, request)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
    expect(connection.serialize().equals(before)).toBe(true);
  });

  test('secrets are captured once each is decided', async () => {
    const { store, capture } = await scene(schema, {}, []);
    const [added] = await capture('SECRETS', { redact: ['API_TOKEN'], keep: ['passwordhash'] });
    expect(added).toMatchObject({ table: 'secrets', changed: true });
    expect((await store.captures())[0]?.settings).toMatchObject({ redact: ['api_token'], keep: ['passwordHash'] });
  });

  test.each(['password', 'passwordHash', 'api_key', 'apiToken', 'totp_key', 'otp', 'client_secret', 'sessionToken'])(
    '%s looks like a secret',
    (name) => {
      expect(looksSecret(name)).toBe(true);
    },
  );

  test.each(['id', 'email', 'key', 'compass', 'tokenizer', 'passed_at', 'monkey', 'option'])('%s does not', (name) => {
    expect(looksSecret(name)).toBe(false);
  });
});

/** Entries about captures, in order. */
function told(connection: Database.Database): unknown[] {
  return connection
    .prepare(`SELECT action, entity_id, actor FROM daybook_entries WHERE entity_type = 'capture' ORDER BY seq`)
    .raw()
    .all();
}

describe('add, refresh and remove', () => {
  test('change nothing where nothing changes, and are recorded where something does', async () => {
    const { store, capture, connection } = await scene(USERS, {}, []);
    expect(await capture('users')).toMatchObject([{ changed: true, entry: expect.any(Number) }]);
    const before = connection.serialize();
    expect(await capture('users')).toMatchObject([{ changed: false, entry: null }]);
    expect(await store.refreshCaptures([], ACTOR)).toMatchObject([{ changed: false, entry: null }]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(await capture('users', { ignore: ['name'] })).toMatchObject([{ changed: true }]);
    expect(await store.removeCaptures(['users'], ACTOR)).toMatchObject([{ changed: true }]);
    expect(await store.removeCaptures(['users'], ACTOR)).toMatchObject([{ changed: false, entry: null }]);
    expect(await store.captures()).toEqual([]);
    expect(
      connection.prepare(`SELECT name FROM sqlite_schema WHERE tbl_name = 'users' AND type = 'trigger'`).all(),
    ).toEqual([]);
    expect(told(connection)).toEqual([
      ['capture_add', 'users', 'anna'],
      ['capture_add', 'users', 'anna'],
      ['capture_remove', 'users', 'anna'],
    ]);
  });

  test('the trail knows the spans, and so the gaps', async () => {
    const { store, capture, connection } = await scene(USERS);
    connection.exec('DELETE FROM users WHERE id = 1');
    await store.removeCaptures(['users'], ACTOR);
    connection.exec('DELETE FROM users WHERE id = 2');
    await capture('users');
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete; DELETE FROM users');
    await store.refreshCaptures(['users'], ACTOR);
    const [users] = await store.captures();
    expect(users?.spans.map(({ ended }) => ended)).toEqual(['removed', 'gap', null]);
    const [first, second, third] = users?.spans ?? [];
    expect(first).toMatchObject({ untilSeq: expect.any(Number) });
    expect(second?.sinceSeq).toBeGreaterThan(first?.untilSeq ?? Infinity);
    expect(third?.sinceSeq).toBeGreaterThan(second?.untilSeq ?? Infinity);
    expect(captured(connection)).toMatchObject([{ id: '1' }]);
  });

  test('a gap begins behind what was captured here, whatever was copied in from elsewhere since', async () => {
    const { store, connection, lastSeq } = await scene(USERS);
    connection.exec('DELETE FROM users WHERE id = 1');
    const untilSeq = lastSeq();
    const ts = '2099-01-01T00:00:00.000Z';
    const copy = { ts, action: 'update', entity_type: 'users', entity_id: '2', metadata: '{"table":"users"}' };
    await recordAll(store, [
      { ...copy, source: 'the other database' },
      { ...copy, recorded_at: '2026-03-05T12:00:00.000Z' },
    ]);
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete; DELETE FROM users');
    await store.refreshCaptures(['users'], ACTOR);
    expect((await store.captureHistory('users'))?.spans).toMatchObject([{ untilSeq, ended: 'gap' }, { ended: null }]);
  });

  test('adding again is a gap where changes went unseen, and none where a trigger only runs too early', async () => {
    const { store, capture, connection } = await scene(USERS);
    const endings = async (): Promise<unknown> => (await store.captures())[0]?.spans.map(({ ended }) => ended);
    connection.exec('CREATE TRIGGER later AFTER UPDATE ON users BEGIN SELECT 1; END');
    expect((await store.captures())[0]?.problem).toMatch(/run before it \(later\)/);
    expect(await capture('users')).toMatchObject([{ changed: true }]);
    expect((await store.captures())[0]?.problem).toBeNull();
    expect(await endings()).toEqual([null]);
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete');
    expect(await capture('users')).toMatchObject([{ changed: true }]);
    expect(await endings()).toEqual(['gap', null]);
  });

  test('a note from before a removal says nothing after it', async () => {
    const { store, capture, connection } = await scene(USERS);
    connection.exec(
      `INSERT OR IGNORE INTO users (id) VALUES (1); UPDATE OR IGNORE users SET email = 'ana@x' WHERE id = 2`,
    );
    await store.removeCaptures(['users'], ACTOR);
    connection.exec('DELETE FROM users WHERE id = 1');
    await capture('users');
    connection.exec(`UPDATE users SET name = 'x' WHERE id = 2; UPDATE users SET email = 'y' WHERE id = 2`);
    expect(captured(connection)).toMatchObject([
      { action: 'update', id: '2' },
      { action: 'update', id: '2' },
    ]);
  });
});

describe('what happens to a captured table', () => {
  test.each<readonly [string, string, RegExp, readonly string[]]>([
    [
      'a rebuild',
      `CREATE TABLE new (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name TEXT, data TEXT); INSERT INTO new SELECT * FROM users; DROP TABLE users; ALTER TABLE new RENAME TO users`,
      /lacks 6 of its 6 capture triggers/,
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
      /lacks 1 of its 6/,
      ['gap', 'null'],
    ],
    [
      'a trigger that is another',
      'DROP TRIGGER daybook_capture_users_after_delete; CREATE TRIGGER daybook_capture_users_after_delete AFTER DELETE ON users BEGIN SELECT 1; END',
      /lacks 1 of its 6 capture triggers, or they were changed/,
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

describe('capture check', () => {
  const tables = `${USERS}${SETTINGS}${BYTES}${DOCUMENTS}${TREE}${TEAMS}
CREATE TABLE keys (id INTEGER PRIMARY KEY);
CREATE TABLE checked (id INTEGER PRIMARY KEY, n INTEGER CHECK (n = 1)); INSERT INTO checked VALUES (1, 1);`;
  const names = ['users', 'settings', 'bytes', 'guilds', 'tree', 'players', 'teams', 'keys', 'checked'];

  test('holds on every table, or says why a case was not tried', async () => {
    const { store } = await scene(tables, {}, names);
    const cases = await store.checkCaptures([]);
    expect(cases.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    const kinds = new Set(cases.map((one) => one.case));
    expect(cases).toHaveLength(names.length * kinds.size);
    for (const one of cases) expect(one.reason === null).toBe(one.outcome === 'holds');
    const ofUsers = cases.filter(({ table }) => table === 'users');
    expect(ofUsers.filter(({ outcome }) => outcome !== 'holds').map((one) => one.case)).toEqual([
      'an update of ignored columns alone',
    ]);
    expect(cases.find((one) => one.table === 'keys' && one.case !== 'triggers')?.reason).toBe(
      'because the table has no row to copy',
    );
    expect(cases.find((one) => one.table === 'checked' && one.case === 'an update')?.reason).toMatch(/CHECK/);
  });

  test('leaves no trace', async () => {
    const { store, connection } = await scene(tables, { requireActor: true }, names);
    const before = connection.serialize();
    const version = connection.pragma('data_version', { simple: true });
    await store.checkCaptures([]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(connection.pragma('data_version', { simple: true })).toBe(version);
  });

  /** What is not as it should be, or was not tried, but for the columns that nobody ignores. */
  async function amiss({ store }: Scene): Promise<(readonly [string, string | null])[]> {
    return (await store.checkCaptures([]))
      .filter((one) => one.outcome !== 'holds' && one.case !== 'an update of ignored columns alone')
      .map((one) => [`${one.case} ${one.outcome}`, one.reason] as const);
  }

  const NOTES = `CREATE TABLE notes (id INTEGER PRIMARY KEY, text, touched INTEGER);
    INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 1);`;

  test.each<readonly [string, string, Partial<CaptureRequest>]>([
    [
      'computed columns',
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v, low AS (lower(v)), twice AS (v || v) STORED); INSERT INTO t (v) VALUES ('a')`,
      {},
    ],
    ['keys of several kinds', `CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (5, 1), ('x', 2)`, {}],
    [
      'a trigger that keeps the time of the change',
      `${NOTES} CREATE TRIGGER touch AFTER UPDATE OF text ON notes BEGIN UPDATE notes SET touched = touched + 1 WHERE id = NEW.id; END`,
      {},
    ],
    [
      'such a trigger, and the time ignored',
      `${NOTES} CREATE TRIGGER touch AFTER UPDATE OF text ON notes BEGIN UPDATE notes SET touched = touched + 1 WHERE id = NEW.id; END`,
      { ignore: ['touched'] },
    ],
    [
      'a trigger that records entries of its own',
      `${NOTES} CREATE TRIGGER own AFTER UPDATE ON notes BEGIN
         INSERT INTO daybook_entries (action, entity_type, entity_id) VALUES ('edit', 'notes', NEW.id); END`,
      {},
    ],
    [
      'a trigger that goes on with every row',
      `${NOTES} CREATE TRIGGER made AFTER INSERT ON notes BEGIN UPDATE notes SET touched = touched + 1; END`,
      {},
    ],
  ])('holds with %s', async (_what, schema, request) => {
    expect(await amiss(await scene(schema, request))).toEqual([]);
  });

  test('holds where all entries were cleared since', async () => {
    const one = await scene(NOTES);
    one.connection.exec('DROP TRIGGER daybook_entries_append_only_delete; DELETE FROM daybook_entries');
    expect(await amiss(one)).toEqual([]);
  });

  test('says what was not tried where triggers keep rows from being changed or deleted', async () => {
    const kept = await scene(`${NOTES}
      CREATE TRIGGER kept BEFORE DELETE ON notes BEGIN UPDATE notes SET touched = -1 WHERE id = OLD.id; SELECT RAISE(IGNORE); END`);
    expect(await amiss(kept)).toEqual([['a delete not tried', 'because the row is still there']]);
    const frozen = await scene(`${NOTES}
      CREATE TRIGGER frozen BEFORE UPDATE ON notes BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER full BEFORE INSERT ON notes BEGIN SELECT RAISE(IGNORE); END`);
    expect(Object.fromEntries(await amiss(frozen))).toEqual({
      'an update not tried': 'because the row stays as it was',
      'an update to NULL and back not tried': 'because the row stays as it was',
      'bytes in a column not tried': 'because the row stays as it was',
      'an integer beyond 2^53 not tried': 'because the row stays as it was',
      'an update of the key not tried': 'because the row is still there',
      'an insert not tried': 'because no row came of it',
      'INSERT OR REPLACE of a row that is there not tried': 'because the row stays as it was',
      'INSERT ... ON CONFLICT DO UPDATE not tried': 'because the row stays as it was',
    });
  });

  const forged = (values: string): string =>
    `AFTER UPDATE OF text ON notes BEGIN INSERT INTO daybook_entries (entity_type, entity_id, metadata, actor, correlation_id, action, old_values, new_values, changed_fields)
     SELECT 'notes', '1', '{"table":"notes"}', actor, correlation_id, ${values} FROM daybook_context; END`;

  test.each([
    [
      'sets another context',
      `BEFORE UPDATE ON notes BEGIN INSERT OR REPLACE INTO daybook_context (actor) VALUES ('app'); END`,
      'the entry does not say who made the change',
    ],
    [
      'changes the row before its own change',
      'BEFORE UPDATE OF text ON notes BEGIN UPDATE notes SET touched = 7 WHERE id = OLD.id; END',
      'the old values are {"id":1,"text":"a","touched":1}, and the row was {"id":1,"text":"a","touched":7}',
    ],
    [
      'tells of a creation that was none',
      forged(`'create', NULL, '{"id":1}', NULL`),
      'expected one update, found update of 1, create of 1',
    ],
    [
      'tells of a change that was none',
      forged(`'update', '{"id":1,"text":"a~","touched":1}', '{"id":1,"text":"z","touched":1}', '["text"]'`),
      'the new values are {"id":1,"text":"z","touched":1}, and the row is {"id":1,"text":"a~","touched":1}',
    ],
    [
      'names a field that did not change',
      forged(`'update', '{"id":1,"text":"a~","touched":1}', '{"id":1,"text":"a~","touched":1}', '["text"]'`),
      'the changed fields are ["text"], and should be []',
    ],
  ])('finds what is wrong where a trigger %s', async (_what, trigger, reason) => {
    const one = await scene(`${NOTES} CREATE TRIGGER own ${trigger}`);
    expect(await amiss(one)).toContainEqual(['an update fails', reason]);
  });

  test('tries the rest where a trigger of the application cannot run, and leaves no trace', async () => {
    const { store, connection, capture } = await scene(
      `${NOTES} CREATE TRIGGER broken AFTER UPDATE ON notes BEGIN INSERT INTO nowhere VALUES (1); END;
       ${USERS} CREATE TRIGGER unknown BEFORE INSERT ON users BEGIN SELECT function_of_the_application(NEW.id); END`,
    );
    await capture('users');
    const before = connection.serialize();
    const checked = await store.checkCaptures([]);
    const outcome = (table: string, words: string): unknown =>
      checked.filter((one) => one.table === table && one.case === words).map((one) => one.reason ?? one.outcome);
    const cannotRun = 'because it cannot run, captured or not: no such';
    expect(outcome('notes', 'an update')).toEqual([`${cannotRun} table: main.nowhere`]);
    expect(outcome('notes', 'an insert')).toEqual(['holds']);
    expect(outcome('users', 'an update')).toEqual(['holds']);
    expect(outcome('users', 'an insert')).toEqual([`${cannotRun} function: function_of_the_application`]);
    expect(checked.filter((one) => one.outcome === 'fails')).toEqual([]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(await store.leakedContext()).toBeNull();
  });

  test('keeps to its row, and to the keys beside it: others may be very many, and hold up who writes', async () => {
    const { store, connection } = await scene(
      `CREATE TABLE teams (league TEXT, number INTEGER, PRIMARY KEY (league, number));
       CREATE TABLE players (id INTEGER PRIMARY KEY, league, number,
         FOREIGN KEY (league, number) REFERENCES teams ON DELETE CASCADE ON UPDATE CASCADE);
       INSERT INTO teams VALUES ('a', 1), ('b', 100);
       INSERT INTO players VALUES (1, 'a', 1);
       CREATE TRIGGER gone BEFORE DELETE ON players BEGIN SELECT RAISE(ABORT, 'a player goes'); END;
       CREATE TRIGGER moved BEFORE UPDATE ON players BEGIN SELECT RAISE(ABORT, 'a player moves'); END;
       CREATE TRIGGER far BEFORE INSERT ON teams WHEN NEW.number > 100 BEGIN SELECT RAISE(ABORT, 'all keys were read'); END`,
    );
    const cases = ['an insert', 'an update of the key', 'a delete', 'INSERT OR REPLACE that changes nothing'];
    const checked = await store.checkCaptures([]);
    expect(checked.filter((one) => cases.includes(one.case)).map(({ reason, outcome }) => reason ?? outcome)).toEqual(
      cases.map(() => 'holds'),
    );
    expect(connection.prepare('SELECT * FROM players').raw().all()).toEqual([[1, 'a', 1]]);
  });

  test('is not tried on a table that only the application can read', async () => {
    const { store, capture, connection } = await scene('', {}, []);
    connection.function('own', { deterministic: true }, (value) => value);
    connection.exec('CREATE TABLE computed (id INTEGER PRIMARY KEY, v AS (own(id))); INSERT INTO computed VALUES (1)');
    await capture('computed');
    const checked = await store.checkCaptures([]);
    expect(checked.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    expect(checked).toContainEqual({
      table: 'computed',
      case: 'a delete',
      outcome: 'not tried',
      reason: 'because it cannot run, captured or not: unknown function: own()',
    });
  });

  test('holds however long a case takes: its context does not expire', async () => {
    const one = await scene(
      `${NOTES} CREATE TRIGGER slow BEFORE UPDATE ON notes BEGIN
         UPDATE daybook_context SET used = julianday('now') - 1 WHERE used < 1e8; END`,
    );
    expect(await amiss(one)).not.toContainEqual(['an update fails', expect.anything()]);
  });

  test('is not tried on a row that shares its key, with NULL in it, with another', async () => {
    const { store, connection } = await scene(
      'CREATE TABLE t (a, b, v, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, NULL, 1), (1, NULL, 2)',
    );
    const outcomes = async (): Promise<unknown> =>
      (await store.checkCaptures([])).flatMap((one) => (one.case === 'an update' ? [one.reason ?? one.outcome] : []));
    expect(await outcomes()).toEqual([expect.stringContaining('several rows have its key, with NULL in it')]);
    connection.exec('DELETE FROM t WHERE v = 1');
    expect(await outcomes()).toEqual(['holds']);
  });

  test('fails where it is capture that cannot run', async () => {
    const { store, connection } = await scene(NOTES);
    connection.exec('DROP TABLE daybook_actors');
    expect(await store.checkCaptures([])).toContainEqual({
      table: 'notes',
      case: 'an update',
      outcome: 'fails',
      reason: 'no such table: main.daybook_actors',
    });
  });

  test('lets others write between its cases, and is not misled by what they write', async () => {
    const { store, connection } = await scene(tables, {}, names);
    connection.pragma('busy_timeout = 0');
    let going = true;
    const checking = store.checkCaptures([]).finally(() => (going = false));
    for (let turn = 0; going; turn += 1) {
      connection.exec(`DELETE FROM settings; INSERT INTO settings VALUES ('g${turn}', 'log', ${turn}, 'ben')`);
      await new Promise(setImmediate);
    }
    expect((await checking).filter(({ outcome }) => outcome === 'fails')).toEqual([]);
  });

  test('finds triggers that do not what they should, whatever their text', async () => {
    const { store, connection } = await scene(USERS);
    const found: string[] = [];
    for (const part of ['before_insert', 'after_insert', 'before_update', 'after_update', 'after_delete']) {
      const name = `daybook_capture_users_${part}`;
      const sql =
        connection.prepare<[string], string>('SELECT sql FROM sqlite_schema WHERE name = ?').pluck().get(name) ?? '';
      connection.exec(`DROP TRIGGER ${name}; ${sql.slice(0, sql.indexOf('BEGIN'))} BEGIN SELECT 1; END`);
      const failing = (await store.checkCaptures(['users'])).filter(({ outcome }) => outcome === 'fails');
      found.push(`${part}: ${failing.length > 0}`);
      connection.exec(`DROP TRIGGER ${name}; ${sql}`);
    }
    expect(found.filter((one) => !one.endsWith('true'))).toEqual([]);
  });
});

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
