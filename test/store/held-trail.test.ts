import { expect, test, vi } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { capturedTrail } from './captured.js';

// Statements are not judged here: what stands behind that must hold by itself.
vi.mock('../../src/store/sqlite/exec/statement-effects.js', async (original) => ({
  ...(await original<object>()),
  statementJudge: () => ({ effects: () => ({ savepoint: null, counters: false }), settled: () => undefined }),
}));
vi.mock('../../src/store/sqlite/exec/pragmas.js', () => ({ refusePragma: () => undefined }));

const TABLES = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);
  CREATE TABLE t (a);
`;

async function scene() {
  const trail = await capturedTrail(TABLES);
  await trail.capture('users');
  trail.app.exec("INSERT INTO daybook_retention VALUES ('year', '[]', '1y', NULL)");
  const outcome = async (sql: string): Promise<string> => {
    try {
      await trail.execute(sql);
      return 'done';
    } catch (error) {
      if (error instanceof DaybookError) return `${error.kind}: ${error.message}`;
      throw error;
    }
  };
  const rows = (): unknown => trail.app.prepare('SELECT count(*) FROM t').pluck().get();
  return { ...trail, outcome, rows };
}

test('a transaction that is over is told, and what came of it', async () => {
  const { store, outcome, rows } = await scene();
  expect(await outcome('INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)')).toBe(
    'failed: line 1, COMMIT: it ended the transaction: what ran before it was committed, and stays',
  );
  expect(rows()).toBe(1);
  // It must not be taken for that of anybody else.
  expect(await store.leakedContext()).toBeNull();
  expect(await outcome('INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2)')).toBe(
    'failed: line 1, ROLLBACK: it ended the transaction: nothing was changed',
  );
  expect(await outcome('INSERT INTO users VALUES (1, 1); INSERT OR ROLLBACK INTO users VALUES (1, 1)')).toContain(
    'UNIQUE constraint failed: users.id; nothing was changed',
  );
  expect(rows()).toBe(1);
});

test.each([
  'DROP TRIGGER daybook_entries_append_only_delete',
  'DROP TRIGGER daybook_capture_users_after_insert',
  'DROP TRIGGER daybook_held_daybook_retention_DELETE',
  'DROP INDEX daybook_entries_by_time',
  'CREATE TRIGGER x BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END',
  'CREATE TEMP TRIGGER x BEFORE INSERT ON main.daybook_entries BEGIN SELECT RAISE(IGNORE); END',
  'CREATE TABLE daybook_mine (a)',
  'CREATE TEMP TABLE daybook_entries (a)',
  'CREATE TABLE pragma_table_list (a)',
  'ALTER TABLE daybook_actors RENAME TO actors',
  "ATTACH ':memory:' AS other",
  'PRAGMA ignore_check_constraints = ON',
  'PRAGMA trusted_schema = OFF',
  'PRAGMA query_only = ON',
  "INSERT INTO sqlite_sequence VALUES ('daybook_prunes', 1)",
  "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'daybook_entries'",
  "INSERT INTO sqlite_sequence VALUES ('daybook_entries', 1000)",
  'DELETE FROM sqlite_sequence',
])('what is not as it was is refused: %s', async (sql) => {
  const { outcome, rows } = await scene();
  expect(await outcome(`INSERT INTO t VALUES (1); ${sql}`)).toContain('belongs to the trail');
  expect(rows()).toBe(0);
});

test.each([
  'DELETE FROM daybook_retention',
  "UPDATE daybook_retention SET max_age = '1s'",
  "INSERT OR REPLACE INTO daybook_retention VALUES ('year', '[]', '1s', NULL)",
  "UPDATE daybook_context SET actor = 'boss'",
  'DELETE FROM daybook_context',
  'DELETE FROM daybook_migrations',
  "INSERT OR IGNORE INTO daybook_actors VALUES ('a', 'b', NULL)",
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM daybook_retention; END; INSERT INTO t VALUES (2)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE OR IGNORE daybook_captures SET columns = 1; END; INSERT INTO t VALUES (2)',
])('what writes to the trail is refused: %s', async (sql) => {
  const { outcome, rows } = await scene();
  expect(await outcome(`INSERT INTO t VALUES (1); ${sql}`)).toMatch(/^refused: .* belongs to the trail/);
  expect(rows()).toBe(0);
});

test('what changes nothing of it runs', async () => {
  const { outcome, rows } = await scene();
  expect(
    await outcome(`INSERT INTO t VALUES (1); INSERT INTO users VALUES (1, 'x'); INSERT INTO daybook_entries (action) VALUES ('x');
      ALTER TABLE users ADD COLUMN y; UPDATE users SET y = 1; PRAGMA recursive_triggers = ON; CREATE TEMP TABLE mine (a)`),
  ).toBe('done');
  expect(rows()).toBe(1);
});
