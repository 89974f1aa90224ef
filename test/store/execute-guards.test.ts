import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { capturedTrail } from './captured.js';
import type { Captured } from './captured.js';

const TABLES = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
  CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x);
  CREATE TABLE t (a, b);
  INSERT INTO users VALUES (1, 'a@x');
  INSERT INTO counted (x) VALUES (1), (2);
`;

async function scene(): Promise<Captured> {
  const trail = await capturedTrail(TABLES);
  await trail.capture('users');
  await trail.execute("INSERT INTO daybook_entries (action) VALUES ('one'), ('two')");
  trail.app.exec(`INSERT INTO daybook_retention VALUES ('year', '[]', '1y', NULL);
    INSERT INTO daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, state)
    VALUES ('prune', 'a', 'user', '{}', 1, '', '', 'h', 1, 'done')`);
  return trail;
}

/** Schema, rows, settings of the file, and what lies beside it. */
function all({ app, file }: Captured): unknown {
  const tables = app.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck();
  return [
    app.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').raw().all(),
    tables.all().map((name) => [name, app.prepare(`SELECT * FROM "${name}"`).raw().all()]),
    app.pragma('journal_mode'),
    app.pragma('user_version'),
    readdirSync(path.dirname(file)).toSorted(),
  ];
}

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof DaybookError) return `${error.kind}: ${error.message}`;
    throw error;
  }
}

/** A statement that must not run, and what is said of it. */
const OUTSIDE: readonly [string, string][] = [
  ['COMMIT', 'COMMIT is refused, since exec commits'],
  ['/**/cOmMiT', 'COMMIT is refused'],
  ['COMMIT TRANSACTION; BEGIN', 'COMMIT is refused'],
  ['END', 'END is refused'],
  ['BEGIN IMMEDIATE', 'BEGIN is refused, since exec runs all'],
  ['ROLLBACK', 'ROLLBACK is refused, since it would end'],
  ['ROLLBACK TRANSACTION', 'ROLLBACK is refused'],
  ['VACUUM', 'VACUUM is refused'],
  ["VACUUM main INTO 'out.db'", 'VACUUM is refused'],
  ["ATTACH 'out.db' AS other", 'ATTACH is refused'],
  ['DETACH main', 'DETACH is refused'],
  ['PRAGMA foreign_keys = ON', 'foreign keys are off for all of this SQL'],
  ['PRAGMA journal_mode = DELETE', 'PRAGMA journal_mode is refused'],
  ['explain PRAGMA main . "Journal_Mode" = off', 'PRAGMA journal_mode is refused'],
  ['EXPLAIN QUERY PLAN PRAGMA writable_schema = 1', 'PRAGMA writable_schema is refused'],
  ['PRAGMA/**/writable_schema(1)', 'PRAGMA writable_schema is refused'],
  ['PRAGMA synchronous', 'PRAGMA synchronous is refused'],
  ['PRAGMA', 'PRAGMA  is refused'],
  ['RELEASE a', 'there is no savepoint a'],
  ['SAVEPOINT a; ROLLBACK TO b', 'there is no savepoint b'],
  ['SAVEPOINT a', 'the savepoint is never released'],
  ['SAVEPOINT a; SAVEPOINT b; RELEASE a; RELEASE b', 'there is no savepoint b'],
  ['SELECT ?', 'it holds a parameter'],
  ['UPDATE t SET a = $a', 'it holds a parameter'],
  ['(SELECT 1)', 'a statement begins with a word'],
  ["'a'", 'a statement begins with a word'],
  ['\u00a0COMMIT', 'syntax error'],
  ['\u2028COMMIT', 'syntax error'],
  ["SELECT load_extension('x')", 'not authorized'],
  ["SELECT sqlite_attach('x', 'y', '')", 'no such function'],
  ["UPDATE sqlite_schema SET sql = '' WHERE name LIKE 'daybook%'", 'may not be modified'],
  ["SELECT * FROM pragma_journal_mode('delete')", 'unknown database'],
];

const OWN = [
  'DROP TABLE daybook_entries',
  'DROP TABLE IF EXISTS main."Daybook_Captures"',
  'DROP TRIGGER daybook_entries_append_only_delete',
  'DROP TRIGGER "daybook_capture_users_after_update"',
  'DROP TRIGGER temp.daybook_held_daybook_prunes_UPDATE',
  'DROP INDEX IF EXISTS [daybook_entries_by_time]',
  'ALTER TABLE daybook_entries ADD x TEXT',
  'ALTER TABLE/**/daybook_retention RENAME TO r',
  'ALTER TABLE main . [daybook_prunes] RENAME COLUMN deleting TO d',
  'ALTER TABLE t RENAME TO daybook_t',
  'CREATE TABLE "DAYBOOK_MINE" (a)',
  'CREATE TEMP TABLE daybook_entries (a)',
  'CREATE VIEW temp.daybook_retention AS SELECT 1',
  'CREATE VIRTUAL TABLE daybook USING fts5 (a)',
  'CREATE VIRTUAL TABLE f USING fts5 (a); ALTER TABLE f RENAME TO daybook',
  'CREATE INDEX x ON daybook_entries (ts)',
  'CREATE TRIGGER x BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END',
  'CREATE TEMP TRIGGER x BEFORE INSERT ON main.daybook_entries BEGIN SELECT RAISE(IGNORE); END',
  'CREATE TABLE pragma_table_xinfo (name)',
  'CREATE TEMP VIEW json_each AS SELECT 1 AS value',
  'UPDATE daybook_prunes SET deleting = 1',
  'UPDATE OR IGNORE main.daybook_prunes SET deleting = 1',
  'DELETE FROM daybook_context',
  "UPDATE daybook_context SET actor = 'boss', recorded_by = NULL",
  'WITH x AS (SELECT 1) DELETE FROM daybook_captures',
  "WITH x AS (SELECT 1) UPDATE daybook_retention SET max_age = '1s' FROM x",
  "INSERT OR REPLACE INTO `daybook_context` (actor) VALUES ('boss')",
  "INSERT INTO daybook_retention VALUES ('year', '[]', '1d', NULL) ON CONFLICT DO UPDATE SET max_age = '1s'",
  'DELETE FROM daybook_retention RETURNING *',
  'DELETE FROM daybook_powers_of_two',
  'DELETE FROM daybook_replaced',
  "REPLACE INTO daybook_writes VALUES ('users', 'x', 1)",
  'UPDATE daybook_migrations SET version = 99',
  'UPDATE sqlite_sequence SET seq = 0',
  'DELETE FROM sqlite_sequence',
  "INSERT INTO sqlite_sequence VALUES ('daybook_entries', 9007199254740990)",
  "UPDATE sqlite_sequence SET seq = seq + 1000 WHERE name = 'daybook_entries'",
  "UPDATE sqlite_sequence SET name = 'mine' WHERE name = 'daybook_prunes'",
  'INSERT INTO sqlite_sequence SELECT * FROM sqlite_sequence',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE daybook_prunes SET deleting = 1; END',
  'CREATE TRIGGER x BEFORE DELETE ON t BEGIN INSERT INTO DAYBOOK_RETENTION VALUES (1, 1, 1, 1); END',
  'CREATE TRIGGER x AFTER UPDATE OF b ON t BEGIN DELETE FROM [daybook_retention]; END',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE sqlite_sequence SET seq = 0; END',
  'CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER x INSTEAD OF DELETE ON v BEGIN DELETE FROM daybook_retention; END',
  'CREATE TABLE "a ""b" ("c d" GENERATED ALWAYS AS (1), e); CREATE TRIGGER x AFTER UPDATE ON "a ""b" BEGIN DELETE FROM daybook_retention; END',
  'CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM daybook_retention; END; INSERT INTO t VALUES (1, 1)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE v SET a = 1; END; CREATE VIEW v AS SELECT 1 AS a; CREATE TEMP TRIGGER y INSTEAD OF UPDATE ON v BEGIN DELETE FROM main.daybook_retention; END; INSERT INTO t VALUES (1, 1)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO nowhere VALUES (1); DELETE FROM daybook_retention; END',
];

describe('refused, and everything is as it was:', () => {
  /** What may stand before a statement and between its words without being of it, for SQLite or for its driver. */
  const GAPS = ['', '\v', ' \v', '; \v', '\v;\v/**/', '--;\n\v', '\ufeff', '\f\v\r'];

  test('whatever stands before it and between its words', async () => {
    const here = await scene();
    const before = all(here);
    for (const sql of [...OUTSIDE.slice(0, 12).map(([outside]) => outside), ...OWN.slice(0, 6), OWN[20], OWN[24]]) {
      for (const gap of GAPS) {
        for (const script of [
          // At the very beginning, BEGIN may be half of a pair.
          `${sql === 'BEGIN IMMEDIATE' ? 'SELECT 1;' : ''}${gap}${sql}; SELECT nonsense`,
          `INSERT INTO t VALUES (1, ';');${gap}${(sql ?? '').replaceAll(' ', gap.includes(';') ? ' ' : ` ${gap}`)}`,
        ]) {
          const said = await outcome(here.execute(script));
          expect(said, JSON.stringify(script)).toMatch(
            /is refused|belongs to the trail|syntax error|unrecognized|the pragma asks for on/,
          );
        }
      }
    }
    expect(all(here)).toEqual(before);
  });

  test('what leaves the transaction or the database', async () => {
    const here = await scene();
    const before = all(here);
    for (const [sql, message] of OUTSIDE) {
      expect(await outcome(here.execute(`INSERT INTO t VALUES (1, 1); ${sql}`)), sql).toContain(message);
      expect(all(here), sql).toEqual(before);
    }
  });

  test('what belongs to the trail', async () => {
    const here = await scene();
    const before = all(here);
    for (const sql of OWN) {
      const said = await outcome(here.execute(sql));
      expect(said, sql).toMatch(
        /^usage: .*(?:belongs to the trail, which only|speaks of the trail, and SQLite cannot)/,
      );
      expect(all(here), sql).toEqual(before);
    }
  });

  test('entries, also where the guards of the trail are gone', async () => {
    const here = await scene();
    here.app.exec('DROP TRIGGER daybook_entries_append_only_delete; DROP TRIGGER daybook_entries_append_only_update');
    const before = all(here);
    for (const sql of [
      'DELETE FROM daybook_entries',
      'DELETE FROM daybook_entries WHERE seq = 1',
      "UPDATE daybook_entries SET actor = 'x'",
    ]) {
      expect(await outcome(here.execute(sql)), sql).toMatch(
        /^refused: .*(?:entries are only deleted|entries never change)/,
      );
    }
    expect(all(here)).toEqual(before);
  });

  test('what a trigger that was there before does to the trail', async () => {
    const here = await scene();
    here.app.exec(`CREATE TRIGGER planted AFTER INSERT ON t BEGIN DELETE FROM daybook_retention; END;
      CREATE TRIGGER counting AFTER UPDATE ON t BEGIN UPDATE sqlite_sequence SET seq = 1000; END; INSERT INTO users VALUES (7, 7)`);
    const before = all(here);
    expect(await outcome(here.execute('INSERT INTO t VALUES (1, 1)'))).toContain(
      'daybook_retention belongs to the trail',
    );
    expect(await outcome(here.execute('INSERT INTO users VALUES (8, 8)'))).toBe('done');
    expect(before).not.toEqual(all(here));
  });
});

test.each([
  "SELECT 'COMMIT', 'a; COMMIT;' -- ; COMMIT\n; /* ; COMMIT; */ SELECT 1 \"COMMIT\", 2 [;END;]",
  'CREATE TABLE "COMMIT" (a); INSERT INTO "COMMIT" VALUES (1)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TRIGGER y AFTER INSERT ON t BEGIN SELECT 2; END;',
  'SAVEPOINT a; SAVEPOINT A; ROLLBACK TO a; RELEASE a; RELEASE SAVEPOINT "A"',
  'PRAGMA user_version = 7; PRAGMA table_info(t); PRAGMA defer_foreign_keys = ON; PRAGMA optimize; PRAGMA integrity_check',
  'EXPLAIN DROP TABLE daybook_entries; EXPLAIN DELETE FROM daybook_prunes; EXPLAIN COMMIT',
  "INSERT INTO daybook_entries (action) VALUES ('x'); INSERT OR IGNORE INTO daybook_entries (action, id) VALUES ('x', 'q1'), ('y', 'q2')",
  'SELECT 1 FROM daybook_prunes WHERE actor IN (SELECT table_name FROM daybook_captures)',
  "SELECT 'sqlite_attach(', '-- TRIGGER daybook_x', 'daybook_prunes'; UPDATE t SET a = 'UPDATE daybook_prunes'",
  "CREATE TABLE n AS SELECT 'daybook_entries' AS daybook_entries",
  'CREATE VIEW v AS SELECT * FROM daybook_entries; DROP VIEW v',
  'ALTER TABLE t ADD daybook_a; CREATE TRIGGER x AFTER UPDATE OF daybook_a ON t BEGIN INSERT INTO daybook_entries (action, actor_name) SELECT 1, name FROM daybook_actors; END; UPDATE t SET daybook_a = 1',
  "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO daybook_entries (action) VALUES ('x'); END; INSERT INTO t VALUES (1, 1)",
  "DELETE FROM sqlite_sequence WHERE name = 'counted'; INSERT INTO counted (x) VALUES (1), (2)",
  'REINDEX; ANALYZE; DROP TABLE counted',
  'CREATE VIRTUAL TABLE f USING fts5 (a); INSERT INTO f VALUES (1); DROP TABLE f',
  'CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES (1); DELETE FROM w; REPLACE INTO w VALUES (2)',
  'ALTER TABLE users ADD COLUMN x; ALTER TABLE users RENAME COLUMN x TO y; UPDATE users SET y = 1; ALTER TABLE users DROP COLUMN y',
  'SAVEPOINT a; ALTER TABLE users ADD COLUMN x; INSERT INTO users VALUES (2, 2, 2); ROLLBACK TO a; RELEASE a; INSERT INTO users VALUES (2, 2)',
])('not refused: %s', async (sql) => {
  const here = await scene();
  expect(await outcome(here.execute(sql))).toBe('done');
});

/** What a script sets on its connection, or leaves there, is of no other. */
test('settings, temporary tables and triggers end with the script', async () => {
  const { store, app, execute } = await scene();
  const made = `CREATE TEMP TABLE mine (a); CREATE TEMP TRIGGER x AFTER INSERT ON main.users BEGIN SELECT RAISE(ABORT, 'mine'); END`;
  await execute(`PRAGMA recursive_triggers = ON; PRAGMA legacy_alter_table = ON; ${made}`);
  await execute(
    `${made}; SELECT iif(recursive_triggers, abs(-9223372036854775807 - 1), 1) FROM pragma_recursive_triggers`,
  );
  await execute("INSERT INTO users VALUES (2, 'b@x')");
  expect(await store.leakedContext()).toBeNull();
  expect(app.prepare<[], number>('SELECT count(*) FROM users').pluck().get()).toBe(2);
});

test('the pages of the trail are found also when they move within a script', async () => {
  const here = await scene();
  const { app, execute } = here;
  // In such a database, the last page takes the place of that of a table that is dropped.
  expect(app.pragma('auto_vacuum', { simple: true })).toBe(2);
  const table = app.prepare<[], [page: number, sql: string]>(
    "SELECT rootpage, sql FROM sqlite_schema WHERE name = 'daybook_retention'",
  );
  const [, sql] = table.raw().get() as [number, string];
  app.exec(`DROP TABLE daybook_retention; ${sql}; INSERT INTO daybook_retention VALUES ('year', '[]', '1y', NULL)`);
  const [page] = table.raw().get() as [number, string];
  const before = all(here);
  for (const script of [
    'DROP TABLE counted; DELETE FROM daybook_retention',
    'DROP TABLE t; UPDATE daybook_retention SET name = 1',
  ]) {
    expect(await outcome(execute(script))).toContain('daybook_retention belongs to the trail');
  }
  expect(all(here)).toEqual(before);
  await execute('DROP TABLE counted; CREATE TABLE other (a); INSERT INTO other VALUES (1); DELETE FROM other');
  expect((table.raw().get() as [number, string])[0]).toBeLessThan(page);
});
