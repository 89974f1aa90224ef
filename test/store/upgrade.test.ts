import path from 'node:path';
import Database from 'better-sqlite3';
import { beforeEach, expect, test, vi } from 'vitest';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import type * as schema from '../../src/store/sqlite/engine/schema.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { temporaryDirectory } from '../support/program.js';
import { ACTOR, NOW } from './trail.js';

/** A later version of the program: with one migration more. */
vi.mock('../../src/store/sqlite/engine/schema.js', async (original) => {
  const known = await original<typeof schema>();
  const next: schema.Migration = {
    version: known.SCHEMA_VERSION + 1,
    name: 'one more',
    sql: 'CREATE TABLE daybook_more (x TEXT) STRICT; CREATE INDEX daybook_more_by_x ON daybook_more (x);',
  };
  return { ...known, MIGRATIONS: [...known.MIGRATIONS, next], SCHEMA_VERSION: next.version };
});

let file: string;
let oldVersion: number;

beforeEach(async () => {
  file = path.join(temporaryDirectory(), 'audit.db');
  const known = await vi.importActual<typeof schema>('../../src/store/sqlite/engine/schema.js');
  oldVersion = known.SCHEMA_VERSION;
  const connection = new Database(file);
  connection.unsafeMode().exec(known.MIGRATIONS_TABLE + known.MIGRATIONS.map((migration) => migration.sql).join('\n'));
  const applied = connection.prepare("INSERT INTO daybook_migrations VALUES (?, ?, '2026-01-01T00:00:00.000Z')");
  for (const { version, name } of known.MIGRATIONS) applied.run(version, name);
  connection.exec("INSERT INTO daybook_entries (id, action) VALUES ('a', 'x')");
  connection.close();
});

const open = (): ReturnType<typeof openSqlite> =>
  openSqlite({
    path: file,
    readonly: false,
    busyTimeout: 50,
    clock: () => NOW,
    presence: { host: 'here', pid: 1, lives: () => true },
  });

test('an older trail asks for init, which upgrades it and records that', async () => {
  expect(open).toThrow(expect.objectContaining({ kind: 'missing', hint: `daybook --db ${file} init` }));
  const options = { path: file, alongside: false, busyTimeout: 50, clock: () => NOW, actor: ACTOR };
  expect(initialize(options)).toEqual({ outcome: 'upgraded', schemaVersion: oldVersion + 1, repaired: [] });
  const store = open();
  expect(await store.find({ id: 'a' })).toMatchObject({ seq: 1 });
  expect(await store.find({ seq: 2 })).toMatchObject({
    category: 'system',
    action: 'init',
    severity: 'info',
    actor: 'anna',
    message: `upgraded the schema from ${oldVersion} to ${oldVersion + 1}`,
  });
  expect((await store.facts(NOW)).missing).toEqual([]);
  await store.close();
  expect(initialize(options)).toMatchObject({ outcome: 'unchanged' });
});

test('an upgrade that fails changes nothing', () => {
  const options = { path: file, alongside: false, busyTimeout: 50, clock: () => Number.NaN, actor: ACTOR };
  expect(() => initialize(options)).toThrow(expect.objectContaining({ kind: 'data' }));
  const connection = new Database(file);
  expect(connection.prepare('SELECT max(version) FROM daybook_migrations').pluck().get()).toBe(oldVersion);
  expect(connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'daybook_more'").get()).toBeUndefined();
  connection.close();
});
