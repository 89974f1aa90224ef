import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { build } from 'esbuild';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { InitializeOptions } from '../../src/store/sqlite/upkeep/initialize.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { SCHEMA_VERSION } from '../../src/store/sqlite/engine/schema.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import type { AuditStore, Initialized } from '../../src/store/audit-store.js';
import { temporaryDirectory } from '../support/program.js';
import { ACTOR, intentOf, NOW, numbered, planOf, readAll, recordAll, rule } from './trail.js';

let file: string;
beforeEach(() => {
  file = path.join(temporaryDirectory(), 'audit.db');
});

function init(options: Partial<InitializeOptions> = {}): Initialized {
  return initialize({ path: file, alongside: false, busyTimeout: 50, clock: () => NOW, actor: ACTOR, ...options });
}

function open(readonly = false): AuditStore {
  const store = openSqlite({
    path: file,
    readonly,
    busyTimeout: 50,
    clock: () => NOW,
    presence: { host: 'here', pid: 1, lives: () => true },
  });
  onTestFinished(() => store.close());
  return store;
}

function onDatabase<T>(work: (connection: Database.Database) => T): T {
  const connection = new Database(file);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

/** A database of another application, in the journal mode that most have. */
function application(): void {
  onDatabase((connection) => {
    connection.exec(`
      CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
      CREATE INDEX users_by_name ON users (name);
      INSERT INTO users (name) VALUES ('anna');
      PRAGMA user_version = 7;
      PRAGMA application_id = 99;
    `);
  });
  chmodSync(file, 0o644);
}

interface Seen {
  readonly schema: unknown[];
  readonly header: Record<string, unknown>;
}

function seen(): Seen {
  return onDatabase((connection) => ({
    schema: connection
      .prepare(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'daybook%' AND name NOT LIKE 'sqlite%' ORDER BY name",
      )
      .all(),
    header: Object.fromEntries(
      ['journal_mode', 'auto_vacuum', 'user_version', 'application_id', 'page_size', 'encoding'].map((name) => [
        name,
        connection.pragma(name, { simple: true }),
      ]),
    ),
  }));
}

describe('a new database', () => {
  test('is ours: a log of its own, space that can be given back, readable by its owner alone', () => {
    expect(init()).toEqual({ outcome: 'created', schemaVersion: SCHEMA_VERSION, repaired: [] });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(seen().header).toMatchObject({ journal_mode: 'wal', auto_vacuum: 2, user_version: 0, application_id: 0 });
    expect(readdirSync(path.dirname(file))).toEqual(['audit.db']);
  });

  test('is readable by its owner alone with its companions too, whatever the mask', async () => {
    const mask = process.umask(0);
    onTestFinished(() => {
      process.umask(mask);
    });
    init();
    await recordAll(open(), [{}]);
    for (const name of ['', '-wal', '-shm']) expect(statSync(file + name).mode & 0o777).toBe(0o600);
  });

  test('is empty', async () => {
    init();
    const store = open();
    expect(await store.extent({})).toMatchObject({ lastSeq: 0, count: 0 });
    expect(await store.facts(NOW)).toMatchObject({ schemaVersion: SCHEMA_VERSION, missing: [], own: true });
  });

  test('is not changed by a second run', async () => {
    init();
    const before = readFileSync(file);
    expect(init()).toEqual({ outcome: 'unchanged', schemaVersion: SCHEMA_VERSION, repaired: [] });
    expect(readFileSync(file).equals(before)).toBe(true);
    await recordAll(open(), numbered(3));
    expect(init()).toMatchObject({ outcome: 'unchanged' });
    expect((await open().extent({})).lastSeq).toBe(3);
  });

  test('may be made in an empty file that is there, which becomes private', () => {
    writeFileSync(file, '', { mode: 0o644 });
    chmodSync(file, 0o644);
    expect(init()).toMatchObject({ outcome: 'created' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(seen().header).toMatchObject({ journal_mode: 'wal', auto_vacuum: 2 });
  });
});

describe('alongside an application', () => {
  test('is refused unless it is asked for, and nothing is touched', () => {
    application();
    const before = readFileSync(file);
    expect(() => init()).toThrow(
      expect.objectContaining({ kind: 'refused', hint: `daybook --db ${file} init --alongside` }),
    );
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('adds what is ours and touches nothing else', async () => {
    application();
    const before = seen();
    expect(init({ alongside: true })).toEqual({ outcome: 'added', schemaVersion: SCHEMA_VERSION, repaired: [] });
    expect(seen()).toEqual(before);
    expect(before.header).toMatchObject({
      journal_mode: 'delete',
      auto_vacuum: 0,
      user_version: 7,
      application_id: 99,
    });
    expect(statSync(file).mode & 0o777).toBe(0o644);
    onDatabase((connection) => {
      expect(connection.prepare('SELECT * FROM users').all()).toEqual([{ id: 1, name: 'anna' }]);
      const names = connection.prepare('SELECT name FROM sqlite_schema').pluck().all() as string[];
      const foreign = new Set(['users', 'users_by_name']);
      for (const name of names.filter((each) => !foreign.has(each))) expect(name).toMatch(/^(sqlite|daybook)_/);
    });
    expect(readdirSync(path.dirname(file))).toEqual(['audit.db']);
    const store = open();
    await recordAll(store, [{}]);
    expect((await store.facts(NOW)).own).toBe(false);
    expect(await store.giveBackSpace(10)).toBe(0);
  });

  test('is not changed by a second run, asked for or not', () => {
    application();
    init({ alongside: true });
    const before = readFileSync(file);
    expect(init({ alongside: true })).toMatchObject({ outcome: 'unchanged' });
    expect(init()).toMatchObject({ outcome: 'unchanged' });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('works in the journal mode that the application has', async () => {
    application();
    init({ alongside: true });
    const store = open();
    await recordAll(store, numbered(5));
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    const prune = await store.openPrune(intentOf(plan));
    await store.deleteBatch(prune, plan, undefined, 100);
    await store.upkeep();
    expect(await store.facts(NOW)).toMatchObject({ entries: 1, bytes: { wal: 0 } });
    expect(seen().header).toMatchObject({ journal_mode: 'delete' });
  });

  test('may be asked for where there is no application', () => {
    expect(init({ alongside: true })).toMatchObject({ outcome: 'created' });
    expect(seen().header).toMatchObject({ journal_mode: 'wal' });
  });
});

describe('what cannot be', () => {
  const kinds = (kind: string, message: string): unknown =>
    expect.objectContaining({ name: 'DaybookError', kind, message: expect.stringContaining(message) });

  test('a directory', () => {
    expect(() => init({ path: path.dirname(file) })).toThrow(kinds('missing', 'is a directory'));
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });

  test('a device, which stays as it is', () => {
    const before = statSync('/dev/null').mode;
    expect(() => init({ path: '/dev/null', alongside: true })).toThrow(kinds('missing', 'is not a file'));
    expect(statSync('/dev/null').mode).toBe(before);
  });

  test('what is not a database', () => {
    writeFileSync(file, 'this is a text, and a long one at that\n'.repeat(100));
    const before = readFileSync(file);
    expect(() => init({ alongside: true })).toThrow(kinds('missing', 'is not a SQLite database'));
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(() => open()).toThrow(kinds('missing', 'is not a SQLite database'));
  });

  test('a damaged database', () => {
    application();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 100, 4096);
    writeFileSync(file, bytes);
    expect(() => init({ alongside: true })).toThrow(kinds('missing', 'is damaged'));
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  test('a folder that is not there, or is a file', () => {
    const folder = path.join(path.dirname(file), 'none');
    expect(() => init({ path: path.join(folder, 'audit.db') })).toThrow(
      kinds('missing', `the folder ${folder} does not exist`),
    );
    expect(existsSync(folder)).toBe(false);
    writeFileSync(folder, 'x');
    expect(() => init({ path: path.join(folder, 'audit.db') })).toThrow(kinds('missing', 'is not a folder'));
  });

  test.skipIf(process.getuid?.() === 0)('a folder that cannot be written', () => {
    const folder = path.join(path.dirname(file), 'closed');
    mkdirSync(folder, { mode: 0o500 });
    expect(() => init({ path: path.join(folder, 'audit.db') })).toThrow(kinds('failed', 'cannot be created (EACCES)'));
  });

  test('a path that is too long', () => {
    expect(() => init({ path: path.join(path.dirname(file), 'x'.repeat(300)) })).toThrow(
      kinds('failed', 'ENAMETOOLONG'),
    );
  });

  test('a link to nowhere', () => {
    symlinkSync(path.join(path.dirname(file), 'nowhere'), file);
    const target = path.join(path.dirname(file), 'nowhere');
    // Where init made nothing, it is no way out.
    expect(() => init()).toThrow(
      expect.objectContaining({
        kind: 'missing',
        message: `no database at ${file}: it is a link to ${target}, where there is nothing`,
        hint: `daybook --db ${target} init`,
      }),
    );
    expect(existsSync(target)).toBe(false);
  });

  test('a newer schema', () => {
    init();
    onDatabase((connection) => {
      connection.exec(`INSERT INTO daybook_migrations VALUES (${SCHEMA_VERSION + 1}, 'from the future', '')`);
    });
    const before = readFileSync(file);
    expect(() => init()).toThrow(kinds('missing', `has schema ${SCHEMA_VERSION + 1}`));
    expect(() => open()).toThrow(kinds('missing', `has schema ${SCHEMA_VERSION + 1}`));
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('a database that is locked', () => {
    application();
    const other = new Database(file);
    onTestFinished(() => {
      other.close();
    });
    other.exec('BEGIN IMMEDIATE');
    expect(() => init({ alongside: true })).toThrow(kinds('busy', 'is locked'));
    other.exec('ROLLBACK');
    expect(init({ alongside: true })).toMatchObject({ outcome: 'added' });
  });
});

describe('opening', () => {
  const refusal = (message: string, hint?: string): unknown =>
    expect.objectContaining({
      kind: 'missing',
      message: expect.stringContaining(message),
      ...(hint === undefined ? {} : { hint }),
    });

  test('says what to run where there is no database, and makes none', () => {
    expect(() => open()).toThrow(refusal('no database at', `daybook --db ${file} init`));
    expect(existsSync(file)).toBe(false);
  });

  test('says what to run where there is no trail in it', () => {
    application();
    expect(() => open()).toThrow(refusal('holds no daybook trail', `daybook --db ${file} init --alongside`));
  });

  test('says what to run where the trail is older', () => {
    init();
    onDatabase((connection) =>
      connection.exec('DELETE FROM daybook_migrations WHERE version > 1; UPDATE daybook_migrations SET version = 0'),
    );
    expect(() => open()).toThrow(refusal('has schema 0, older than', `daybook --db ${file} init`));
  });

  test('says so of a place that cannot be looked at', () => {
    writeFileSync(file, '');
    file = path.join(file, 'below.db');
    expect(() => open()).toThrow(refusal('cannot be opened (ENOTDIR)'));
  });

  test('refuses a trail without a version', () => {
    init();
    onDatabase((connection) => connection.exec('DELETE FROM daybook_migrations'));
    expect(() => open()).toThrow(refusal('holds no daybook trail'));
  });

  test('to read cannot write', async () => {
    init();
    await recordAll(open(), numbered(2));
    const store = open(true);
    expect((await store.extent({})).lastSeq).toBe(2);
    await expect(recordAll(store, [{}])).rejects.toMatchObject({ kind: 'failed' });
    expect((await store.extent({})).lastSeq).toBe(2);
  });

  test('a database that stays locked is a wait, then busy', async () => {
    init();
    const store = open();
    const other = new Database(file);
    onTestFinished(() => {
      other.close();
    });
    other.exec('BEGIN IMMEDIATE');
    const began = performance.now();
    await expect(recordAll(store, [{}])).rejects.toMatchObject({ kind: 'busy' });
    expect(performance.now() - began).toBeGreaterThan(40);
    other.exec('COMMIT');
    await recordAll(store, [{}]);
  });
});

describe('repair', () => {
  test('puts back what was dropped or changed, and records it', async () => {
    init();
    await recordAll(open(), numbered(2));
    onDatabase((connection) =>
      connection.exec(`
        DROP TRIGGER daybook_entries_append_only_delete;
        DROP INDEX daybook_entries_by_actor;
        DROP INDEX daybook_entries_by_time;
        CREATE INDEX daybook_entries_by_time ON daybook_entries (ts);
      `),
    );
    const names = ['daybook_entries_by_actor', 'daybook_entries_by_time', 'daybook_entries_append_only_delete'];
    const store = open();
    expect([...(await store.facts(NOW)).missing].toSorted()).toEqual(names.toSorted());
    await expect(readAll(store, { filter: { actor: ['anna'] } })).rejects.toMatchObject({
      kind: 'failed',
      hint: `daybook --db ${file} init`,
    });
    const result = init();
    expect(result).toMatchObject({ outcome: 'repaired', schemaVersion: SCHEMA_VERSION });
    expect(result.repaired.toSorted()).toEqual(names.toSorted());
    expect((await store.facts(NOW)).missing).toEqual([]);
    // Each was put back by itself, so that nobody waits for all of them.
    for (const [index, name] of result.repaired.entries()) {
      const entry = await store.find({ seq: 3 + index });
      expect(entry).toMatchObject({
        category: 'system',
        action: 'init',
        severity: 'warning',
        actor: 'anna',
        actor_type: 'user',
        message: `put back ${name}`,
      });
      expect(JSON.parse(entry?.metadata ?? '')).toEqual({
        from_schema: SCHEMA_VERSION,
        to_schema: SCHEMA_VERSION,
        repaired: [name],
      });
    }
    expect((await store.extent({})).lastSeq).toBe(2 + names.length);
    expect(init()).toMatchObject({ outcome: 'unchanged' });
    onDatabase((connection) => expect(() => connection.exec('DELETE FROM daybook_entries')).toThrow(/daybook: /));
  });

  test('leaves what others added alone', async () => {
    application();
    init({ alongside: true });
    onDatabase((connection) =>
      connection.exec(`
        CREATE INDEX my_index ON daybook_entries (message);
        CREATE TRIGGER my_trigger AFTER INSERT ON daybook_entries BEGIN UPDATE users SET name = NEW.actor; END;
      `),
    );
    expect(init()).toMatchObject({ outcome: 'unchanged' });
    expect((await open().facts(NOW)).missing).toEqual([]);
  });
});

describe('failure', () => {
  test('leaves no file behind', () => {
    // The clock is asked in the middle of the migration, and there is no such year.
    expect(() => init({ clock: () => Number.NaN })).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(readdirSync(path.dirname(file))).toEqual([]);
    expect(init()).toMatchObject({ outcome: 'created' });
  });

  test('leaves a database that was there as it was', () => {
    application();
    const before = seen();
    expect(() => init({ alongside: true, clock: () => Number.NaN })).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(seen()).toEqual(before);
    onDatabase((connection) =>
      expect(connection.prepare("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'daybook%'").pluck().get()).toBe(0),
    );
  });

  test('of a killed program in the middle of a migration leaves nothing half', async () => {
    const script = path.join(path.dirname(file), 'killed.cjs');
    await build({
      stdin: {
        contents: `
          import { initialize } from './src/store/sqlite/upkeep/initialize.ts';
          const [path, alongside] = process.argv.slice(2);
          const kill = () => process.kill(process.pid, 'SIGKILL');
          const actor = { actor: 'anna', actor_type: 'user', recorded_by: null };
          initialize({ path, alongside: alongside === 'true', busyTimeout: 50, clock: kill, actor });
        `,
        resolveDir: path.resolve(import.meta.dirname, '../..'),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['better-sqlite3'],
      outfile: script,
    });
    const killed = (alongside: boolean): unknown =>
      spawnSync(process.execPath, [script, file, String(alongside)], {
        env: { NODE_PATH: path.resolve(import.meta.dirname, '../../node_modules') },
      }).signal;

    expect(killed(false)).toBe('SIGKILL');
    expect(() => open()).toThrow(expect.objectContaining({ kind: 'missing' }));
    expect(init()).toMatchObject({ outcome: 'created' });
    expect(await open().facts(NOW)).toMatchObject({ missing: [], own: true, entries: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(seen().header).toMatchObject({ journal_mode: 'wal', auto_vacuum: 2 });

    file = path.join(path.dirname(file), 'application.db');
    application();
    const before = seen();
    expect(killed(true)).toBe('SIGKILL');
    expect(seen()).toEqual(before);
    expect(() => open()).toThrow(expect.objectContaining({ kind: 'missing' }));
    expect(init({ alongside: true })).toMatchObject({ outcome: 'added' });
  });
});
