import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { fixture } from '../support/sources.js';
import { capturedTrail } from './captured.js';
import type { Captured } from './captured.js';

const migration = (name: string): string => readFileSync(fixture(`migrations/${name}.sql`), 'utf8');

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof DaybookError) return `${error.kind}: ${error.message}`;
    throw error;
  }
}

/** Who generates, and what it calls the tables and the column that refers to a customer. */
const GENERATED = [
  ['prisma', 'Customer', 'Order', 'customerId'],
  ['prisma-5', 'Customer', 'Order', 'customerId'],
  ['drizzle', 'customers', 'orders', 'customer_id'],
  ['django', 'shop_customer', 'shop_order', 'customer_id'],
] as const;

describe.each(GENERATED)('what %s generates', (tool, customers, orders, column) => {
  /** The first migration has run, and both tables are captured. */
  async function scene(): Promise<Captured> {
    const trail = await capturedTrail(`${migration(`${tool}-1`)};
      INSERT INTO "${customers}" (id, email) VALUES (1, 'a@x'), (2, 'b@x');
      INSERT INTO "${orders}" (id, ${column}, total) VALUES (10, 1, 5), (11, 2, 6)`);
    await trail.capture([customers, orders]);
    return trail;
  }

  test('makes its tables', async () => {
    const trail = await capturedTrail('CREATE TABLE other (x)');
    expect(await outcome(trail.execute(migration(`${tool}-1`)))).toBe('done');
    expect(trail.app.prepare(`SELECT count(*) FROM "${orders}"`).pluck().get()).toBe(0);
  });

  test('builds captured tables anew, with their rows and without a gap', async () => {
    const trail = await scene();
    expect(await outcome(trail.execute(migration(`${tool}-2`)))).toBe('done');
    expect(trail.app.prepare(`SELECT id, ${column}, total FROM "${orders}" ORDER BY id`).raw().all()).toEqual([
      [10, 1, 5],
      [11, 2, 6],
    ]);
    for (const { problem, spans } of await trail.store.captures()) {
      expect(problem).toBeNull();
      expect(spans.map(({ ended }) => ended)).toEqual([null]);
    }
    expect(trail.app.pragma('foreign_key_check')).toEqual([]);
    expect(trail.app.pragma('integrity_check', { simple: true })).toBe('ok');
  });

  test('leaves no half of it where it fails', async () => {
    const trail = await scene();
    trail.app.exec(`INSERT INTO "${customers}" (id, email) VALUES (3, 'a@x')`);
    const before = trail.app.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
    expect(await outcome(trail.execute(migration(`${tool}-2`)))).toMatch(/^refused: .*nothing was changed$/);
    expect(trail.app.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()).toEqual(before);
  });
});

describe('foreign_keys, as a pragma', () => {
  const OFF = ['OFF', 'off', '0', 'no', 'False', "'off'", '"OFF"'];
  const ON = ['ON', '1', 'yes', 'TRUE', "'on'"];
  const forms = (value: string): string[] => [
    `PRAGMA foreign_keys=${value}`,
    `pragma  Foreign_Keys = ${value} ;`,
    `PRAGMA main.foreign_keys(${value})`,
    `PRAGMA "foreign_keys" = ${value}`,
  ];

  test('goes through where it agrees with what was asked for', async () => {
    const { execute } = await capturedTrail('CREATE TABLE t (a)');
    for (const sql of OFF.flatMap(forms)) expect(await outcome(execute(sql)), sql).toBe('done');
    for (const sql of ON.flatMap(forms)) {
      expect(await outcome(execute(sql, { foreignKeys: true })), sql).toBe('done');
      // What was switched off is switched on again.
      expect(await outcome(execute(`PRAGMA foreign_keys=off; SELECT 1; ${sql}`)), sql).toBe('done');
      expect(await outcome(execute(sql)), sql).toMatch(
        /^usage: .*are off for all of this SQL, and the pragma asks for on/,
      );
    }
    for (const sql of OFF.flatMap(forms)) {
      const said = await outcome(execute(`PRAGMA foreign_keys=ON; ${sql}`, { foreignKeys: true }));
      expect(said, sql).toMatch(/^usage: .*are on for all of this SQL, and the pragma asks for off/);
    }
    expect(await outcome(execute('PRAGMA foreign_keys'))).toBe('done');
  });

  test.each([
    'PRAGMA foreign_keys = /* ; */ OFF',
    'PRAGMA foreign_keys = maybe',
    'PRAGMA foreign_keys = 2',
    'PRAGMA temp.foreign_keys = OFF',
    'EXPLAIN PRAGMA foreign_keys = OFF',
    "PRAGMA foreign_keys = 'OFF",
  ])('is refused where it cannot be read: %s', async (sql) => {
    const { execute } = await capturedTrail('CREATE TABLE t (a)');
    expect(await outcome(execute(sql))).toMatch(/^usage: .*PRAGMA foreign_keys is refused/);
  });

  test('changes nothing of how rows are checked', async () => {
    const { execute, app } = await capturedTrail(
      'CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id) ON DELETE CASCADE); INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)',
    );
    const said = await outcome(execute('PRAGMA foreign_keys=OFF; SELECT 1; PRAGMA foreign_keys=ON; DELETE FROM p'));
    expect(said).toMatch(/^refused: rows would refer to rows that are not there/);
    expect(app.prepare('SELECT count(*) FROM p').pluck().get()).toBe(1);
  });
});

describe('BEGIN and COMMIT around all of it', () => {
  test.each([
    'BEGIN; INSERT INTO t VALUES (1); COMMIT',
    'begin immediate transaction; INSERT INTO t VALUES (1); end transaction;',
    '-- a\nBEGIN;\n--\nPRAGMA foreign_keys=OFF; INSERT INTO t VALUES (1); COMMIT; PRAGMA foreign_keys=ON',
    'PRAGMA foreign_keys=OFF; BEGIN EXCLUSIVE; INSERT INTO t VALUES (1); COMMIT; PRAGMA foreign_key_check;',
  ])('are what exec does: %s', async (sql) => {
    const { execute, app } = await capturedTrail('CREATE TABLE t (a)');
    expect(await outcome(execute(sql))).toBe('done');
    expect(app.prepare('SELECT count(*) FROM t').pluck().get()).toBe(1);
  });

  test.each([
    ['BEGIN; INSERT INTO t VALUES (1)', 'BEGIN has no COMMIT'],
    ['BEGIN', 'BEGIN has no COMMIT'],
    ['INSERT INTO t VALUES (1); BEGIN; COMMIT', 'BEGIN is refused'],
    ['BEGIN; BEGIN; COMMIT', 'BEGIN is refused'],
    ['BEGIN; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)', 'it stands behind COMMIT'],
    ['BEGIN; INSERT INTO t VALUES (1); COMMIT; BEGIN; COMMIT', 'it stands behind COMMIT'],
    ['BEGIN; INSERT INTO t VALUES (1); COMMIT; COMMIT', 'it stands behind COMMIT'],
    ['BEGIN; INSERT INTO t VALUES (1); ROLLBACK', 'ROLLBACK is refused'],
    ['BEGIN; INSERT INTO t VALUES (1); COMMIT AND MORE', 'syntax error'],
    ['BEGIN SOMEHOW; COMMIT', 'syntax error'],
    ['INSERT INTO t VALUES (1); COMMIT', 'COMMIT is refused'],
  ])('are refused otherwise: %s', async (sql, message) => {
    const { execute, app } = await capturedTrail('CREATE TABLE t (a)');
    const said = await outcome(execute(sql));
    expect(said).toMatch(/^usage: /);
    expect(said).toContain(message);
    expect(app.prepare('SELECT count(*) FROM t').pluck().get()).toBe(0);
  });
});
