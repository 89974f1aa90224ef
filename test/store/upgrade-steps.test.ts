import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import type { InitializeOptions } from '../../src/store/sqlite/upkeep/initialize.js';
import { ENTRIES_TABLE, MIGRATIONS, MIGRATIONS_TABLE, SCHEMA_VERSION } from '../../src/store/sqlite/engine/schema.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { temporaryDirectory } from '../support/program.js';
import { ACTOR, NOW } from './trail.js';

/** A trail as a program of an earlier schema left it, with entries and policies. */
function older(version: number): { readonly file: string; readonly outside: Database.Database } {
  const file = path.join(temporaryDirectory(), 'audit.db');
  const outside = new Database(file, { timeout: 0 });
  onTestFinished(() => void outside.close());
  outside.pragma('journal_mode = WAL');
  outside.unsafeMode().exec(MIGRATIONS_TABLE);
  for (const { version: step, name, sql } of MIGRATIONS.slice(0, version)) {
    outside.exec(sql);
    outside.prepare('INSERT INTO daybook_migrations VALUES (?, ?, ?)').run(step, name, '2026-01-01T00:00:00.000Z');
  }
  outside.exec(`
    INSERT INTO daybook_entries (id, action, actor) VALUES ('a', 'x', 'anna'), ('b', 'y', 'ben');
    INSERT INTO daybook_retention (name, filter, max_age, max_entries) VALUES
      ('everything', '{}', '90d', NULL), ('few', '{"category":["auth"]}', NULL, 3), ('spoiled', '{bad', '1d', NULL);
  `);
  return { file, outside };
}

const optionsFor = (file: string, clock: () => number = () => NOW): InitializeOptions => ({
  path: file,
  alongside: false,
  busyTimeout: 50,
  clock,
  actor: ACTOR,
});

const versionOf = (database: Database.Database): unknown =>
  database.prepare('SELECT max(version) FROM daybook_migrations').pluck().get();

describe.each(MIGRATIONS.slice(0, -1).map(({ version }) => version))('a trail of schema %i', (version) => {
  const steps = MIGRATIONS.slice(version).map((migration) => migration.version);

  test('goes up step by step: each is committed, with its entry, before the next takes the lock', () => {
    const { file, outside } = older(version);
    const seen = new Set<unknown>();
    const locked: boolean[] = [];
    // The clock is asked within each step.
    const clock = (): number => {
      seen.add(versionOf(outside));
      locked.push(isLocked(outside));
      return NOW;
    };
    expect(initialize(optionsFor(file, clock))).toMatchObject({ outcome: 'upgraded', schemaVersion: SCHEMA_VERSION });
    expect([...seen]).toEqual([version, ...steps.slice(0, -1)]);
    expect(locked).not.toContain(false);
    expect(isLocked(outside)).toBe(false);
    expect(
      outside.prepare(`SELECT message FROM daybook_entries WHERE action = 'init' ORDER BY seq`).pluck().all(),
    ).toEqual(steps.map((step) => `upgraded the schema from ${step - 1} to ${step}`));
    expect(outside.prepare(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_entries'`).pluck().get()).toBe(
      ENTRIES_TABLE,
    );
    expect(outside.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(() => outside.exec(`INSERT INTO daybook_entries (action, metadata) VALUES ('x', '{')`)).toThrow(
      /JSON object/,
    );
    expect(initialize(optionsFor(file))).toMatchObject({ outcome: 'unchanged' });
  });

  test.each(steps)('that is cut off within step %i goes on there, and no step is done or told twice', (cut) => {
    const { file, outside } = older(version);
    const clock = (): number => (versionOf(outside) === cut - 1 ? NaN : NOW);
    expect(() => initialize(optionsFor(file, clock))).toThrow(/NaN/);
    expect(versionOf(outside)).toBe(cut - 1);
    expect(initialize(optionsFor(file))).toMatchObject({ outcome: 'upgraded', schemaVersion: SCHEMA_VERSION });
    const told = `SELECT count(*) FROM daybook_entries WHERE action = 'init'`;
    expect(outside.prepare(told).pluck().get()).toBe(steps.length);
  });

  // What wrote schema 4 or later gave each its entry.
  test.runIf(version < 4)(
    'has for each policy that it held the entry of the upgrade, which says what it is',
    async () => {
      const { file, outside } = older(version);
      initialize(optionsFor(file));
      const store = openSqlite({
        path: file,
        readonly: true,
        busyTimeout: 50,
        clock: () => NOW,
        presence: { host: 'here', pid: 1, lives: () => true },
      });
      onTestFinished(() => store.close());
      const standing = await store.standingPolicies();
      expect(standing.map(({ name, problem }) => [name, problem?.code ?? null])).toEqual([
        ['everything', null],
        ['few', null],
        ['spoiled', 'unreadable_row'],
      ]);
      for (const { name, entry } of standing.slice(0, 2)) {
        expect(await store.find({ seq: entry ?? 0 })).toMatchObject({
          action: 'retention_set',
          entity_type: 'retention',
          entity_id: name,
          actor: 'anna',
          message: expect.stringContaining('as the upgrade found it') as string,
        });
      }
      // What somebody plants later is not given an entry by another init.
      outside.exec(`INSERT INTO daybook_retention VALUES ('planted', '{}', '1h', NULL)`);
      expect(initialize(optionsFor(file))).toMatchObject({ outcome: 'unchanged' });
      expect((await store.standingPolicies()).map(({ name, problem }) => [name, problem?.code ?? null])).toContainEqual(
        ['planted', 'policy_changed'],
      );
    },
  );
});

test('what is missing is put back one by one, each committed before the next', () => {
  const { file, outside } = older(SCHEMA_VERSION);
  outside.exec(
    'DROP INDEX daybook_entries_by_time; DROP INDEX daybook_entries_by_actor; DROP INDEX daybook_entries_by_source',
  );
  const there = outside.prepare(`SELECT count(*) FROM sqlite_schema WHERE name GLOB 'daybook_entries_by_*'`).pluck();
  const full = (there.get() as number) + 3;
  const seen = new Set<unknown>();
  const clock = (): number => {
    seen.add(there.get());
    return NOW;
  };
  expect(initialize(optionsFor(file, clock))).toMatchObject({ outcome: 'repaired' });
  expect([...seen]).toEqual([full - 3, full - 2, full - 1]);
});

function isLocked(database: Database.Database): boolean {
  try {
    database.exec('BEGIN IMMEDIATE; ROLLBACK');
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return true;
    throw error;
  }
}
