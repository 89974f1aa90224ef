import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { UndoOutcome, UndoRequest } from '../../src/core/undo.js';
import { valueLiteral } from '../../src/store/sqlite/capture/recorded-values.js';
import type { SqlValue } from '../../src/store/sqlite/capture/recorded-values.js';
import { capturedTrail } from './captured.js';
import type { Captured } from './captured.js';
import { ACTOR, carryOut, lastSeq, planOf, readAll, recordAll, rule } from './trail.js';

// Named apart: it is no package that is missing.
const SHELL = 'sqlite3';

interface Scene extends Captured {
  /** Runs SQL as an application would, and gives the seqs of what was recorded. */
  run(sql: string, ...values: unknown[]): Promise<number[]>;
  undo(which: UndoRequest['entries'] | number, options?: Partial<UndoRequest>): Promise<UndoOutcome>;
  /** Every row, with the type of every value, so that 1 is not 1.0. */
  rows(table?: string): unknown[];
  entries(seqs: readonly number[]): Promise<HistoryEntry[]>;
}

/** A captured table `t`, or as many as asked. */
async function captured(
  schema: string,
  captures: Readonly<Record<string, Partial<CaptureRequest>>> = { t: {} },
): Promise<Scene> {
  const trail = await capturedTrail(schema);
  const { app, store } = trail;
  for (const [table, request] of Object.entries(captures)) await trail.capture(table, request);
  return {
    ...trail,
    run: async (sql, ...values) => {
      const before = await lastSeq(store);
      if (values.length > 0) app.prepare(sql).run(...values);
      else app.exec(sql);
      const made = await lastSeq(store);
      return Array.from({ length: made - before }, (_, index) => before + 1 + index);
    },
    undo: (which, options) =>
      store.undo({
        entries: typeof which === 'number' ? { seq: which } : which,
        actor: ACTOR,
        reason: 'it was wrong',
        correlationId: null,
        force: false,
        dryRun: false,
        ...options,
      }),
    rows: (table = 't') => rowsOf(app, table),
    entries: async (seqs) => (await readAll(store, { order: 'recorded' })).filter(({ seq }) => seqs.includes(seq)),
  };
}

function rowsOf(connection: Database.Database, table: string): unknown[] {
  const columns = connection
    .prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)')
    .pluck()
    .all(table)
    .map((name) => `"${name.replaceAll('"', '""')}"`);
  return connection
    .prepare(
      `SELECT ${columns.flatMap((column) => [column, `typeof(${column})`]).join(', ')} FROM "${table.replaceAll('"', '""')}"`,
    )
    .safeIntegers()
    .raw()
    .all()
    .map((row) => JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : plain(value))))
    .toSorted();
}

/** JSON knows no infinity and no -0. */
function plain(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** What an entry tells of a row, as another trail would be given it. */
function toldOf({ action, entity_type, entity_id, old_values, new_values, changed_fields, metadata }: HistoryEntry) {
  return { action, entity_type, entity_id, old_values, new_values, changed_fields, metadata };
}

function conflictsOf(outcome: UndoOutcome): unknown[] {
  return outcome.conflicts.map(({ seq, field, obstacle, by }) => [seq, field, obstacle, by]);
}

function madeBy(outcome: UndoOutcome): number[] {
  return outcome.undone.flatMap((one) => one.entries);
}

/** A transaction of an application under a correlation id. */
function begin(correlation: string): string {
  return `BEGIN; INSERT INTO daybook_context (actor, correlation_id) VALUES ('app', '${correlation}')`;
}

const COMMIT = 'DELETE FROM daybook_context; COMMIT';

const USERS = 'CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, email TEXT)';

describe('one change', () => {
  test('an update is set back, by an entry that carries reverts and the reason', async () => {
    const { run, undo, rows, entries } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const before = rows();
    const [seq = 0] = await run("UPDATE t SET email = 'b@x'");
    const outcome = await undo(seq);
    expect(outcome).toMatchObject({
      applied: true,
      conflicts: [],
      undone: [{ seq, done: 'update', fields: ['email'] }],
    });
    expect(rows()).toEqual(before);
    const [made] = await entries(madeBy(outcome));
    const [undone] = await entries([seq]);
    expect(made).toMatchObject({
      action: 'update',
      actor: 'anna',
      reverts: undone?.id,
      metadata: '{"table":"t","reason":"it was wrong"}',
      changed_fields: '["email"]',
    });
    expect(undone?.reverted_by).toBe(made?.id);
  });

  test('a create is deleted, a delete is inserted again', async () => {
    const { run, undo, rows } = await captured(USERS);
    const [created = 0] = await run("INSERT INTO t VALUES (1, 'Ann', NULL)");
    const there = rows();
    const [deleted = 0] = await run('DELETE FROM t');
    expect(await undo(deleted)).toMatchObject({ applied: true, undone: [{ done: 'insert' }] });
    expect(rows()).toEqual(there);
    expect(await undo(created)).toMatchObject({ applied: true, undone: [{ done: 'delete' }] });
    expect(rows()).toEqual([]);
  });

  test('an undo can be undone, and that again', async () => {
    const { run, undo, rows, entries } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const before = rows();
    const [seq = 0] = await run("UPDATE t SET email = 'b@x', name = 'Bea'");
    const after = rows();
    const [first = 0] = madeBy(await undo(seq));
    const [second = 0] = madeBy(await undo(first));
    expect(rows()).toEqual(after);
    expect(await entries([seq])).toMatchObject([{ reverted_by: null }]);
    await undo(second);
    expect(rows()).toEqual(before);
    await expect(undo(seq)).rejects.toMatchObject({ kind: 'refused' });
  });

  test('fields that others changed are left alone', async () => {
    const { run, undo, rows } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [seq = 0] = await run("UPDATE t SET email = 'b@x'");
    await run("UPDATE t SET name = 'Bea'");
    expect(await undo(seq)).toMatchObject({ applied: true, conflicts: [] });
    expect(rows()).toEqual(['["1n","integer","Bea","text","a@x","text"]']);
  });

  test('a change that is undone by hand already makes no entry', async () => {
    const { run, undo, store } = await captured(USERS);
    const [created = 0] = await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [seq = 0] = await run("UPDATE t SET email = 'b@x'");
    await run("UPDATE t SET email = 'a@x'");
    const last = await lastSeq(store);
    expect(await undo(seq)).toMatchObject({ undone: [{ seq, done: 'nothing', entries: [] }], conflicts: [] });
    const [deleted = 0] = await run('DELETE FROM t');
    expect(await undo(created)).toMatchObject({ undone: [{ done: 'nothing' }] });
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    expect(await undo(deleted)).toMatchObject({ undone: [{ done: 'nothing' }] });
    expect((await store.extent({})).lastSeq).toBe(last + 2);
  });

  test('a column that is ignored is left as it is', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, a, touched)', {
      t: { ignore: ['touched'] },
    });
    const [created = 0] = await run('INSERT INTO t VALUES (1, 1, 1)');
    const [seq = 0] = await run('UPDATE t SET a = 2, touched = 2');
    await run('UPDATE t SET touched = 3');
    expect(await undo(seq)).toMatchObject({ applied: true, conflicts: [] });
    expect(rows()).toEqual(['["1n","integer","1n","integer","3n","integer"]']);
    expect(await undo(created)).toMatchObject({ applied: true, conflicts: [] });
    const [deleted = 0] = await run('INSERT INTO t VALUES (1, 5, 6); DELETE FROM t').then((seqs) => seqs.slice(-1));
    await undo(deleted);
    expect(rows()).toEqual(['["1n","integer","5n","integer","6n","integer"]']);
  });
});

const VALUES: readonly unknown[] = [
  null,
  '',
  'x',
  '12',
  'zero\0 within',
  "quote ' and \u202e bidi \u{1f468}‍\u{1f469}\n\r\t\u0001",
  '\u0001a'.repeat(300),
  '[redacted',
  '{"$blob":"00"}',
  0n,
  1n,
  -1n,
  2n ** 53n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  0.1,
  0.1 + 0.2,
  1,
  -1.5,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  2.225073858507201e-308,
  1.7976931348623157e308,
  2 ** 53 + 2,
  1e22,
  1e23,
  -1.2345678912345678e-192,
  Infinity,
  -Infinity,
  Buffer.alloc(0),
  Buffer.from([0, 255, 39]),
];

describe('values come back exactly', () => {
  test.each(VALUES.map((value, index) => [index, value]))('%i', async (_, value) => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
    await run('INSERT INTO t VALUES (1, ?)', value);
    const before = rows();
    const [seq = 0] = await run('UPDATE t SET v = ?', value === 'x' ? 'y' : 'x');
    await undo(seq);
    expect(rows()).toEqual(before);
    const [deleted = 0] = await run('DELETE FROM t');
    expect(await undo(deleted)).toMatchObject({ applied: true });
    expect(rows()).toEqual(before);
    const [there] = (await run('UPDATE t SET v = ?', 'z')).slice(-1);
    await run('UPDATE t SET v = ?', value);
    expect(await undo(there ?? 0)).toMatchObject({ undone: [{ done: 'nothing' }] });
  });

  test('1 and 1.0 are two values, so one in the place of the other is a conflict', async () => {
    const { run, undo } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
    await run('INSERT INTO t VALUES (1, NULL)');
    const [seq = 0] = await run('UPDATE t SET v = 1');
    const [by] = await run('UPDATE t SET v = 1.0');
    expect(conflictsOf(await undo(seq))).toEqual([[seq, 'v', 'changed', by]]);
  });

  test('in columns of every affinity, and in a strict table', async () => {
    const { run, undo, rows } = await captured(
      'CREATE TABLE t (i INT, r REAL, n NUMERIC, s TEXT, b BLOB, PRIMARY KEY (i, s)); CREATE TABLE u (k TEXT PRIMARY KEY, a ANY, r REAL) STRICT',
      { t: {}, u: {} },
    );
    await run("INSERT INTO t VALUES ('9', 3, '1e400', 5, 7.0), ('nine', 'x', 'y', x'00', NULL)");
    await run("INSERT INTO u VALUES ('a', 1.0, 3), ('b', '1', 4)");
    const before = [rows(), rows('u')];
    const seqs = await run('DELETE FROM t; UPDATE u SET a = 1, r = r + 0.1; DELETE FROM u');
    for (const seq of seqs.toReversed()) expect(await undo(seq)).toMatchObject({ applied: true });
    expect([rows(), rows('u')]).toEqual(before);
  });
});

test('a text that is not UTF-8 is refused: it would come back as another', async () => {
  const { run, undo } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
  await run("INSERT INTO t VALUES (1, CAST(x'41ff' AS TEXT))");
  const [seq = 0] = await run("UPDATE t SET v = 'x'");
  const refused = { kind: 'refused', message: expect.stringContaining('not UTF-8') };
  await expect(undo(seq)).rejects.toMatchObject(refused);
});

test('a replacement character that the text itself held comes back', async () => {
  const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, v)');
  await run('INSERT INTO t VALUES (1, ?)', 'caf\ufffd');
  const before = rows();
  const [seq = 0] = await run("UPDATE t SET v = 'x'");
  expect(await undo(seq)).toMatchObject({ applied: true });
  expect(rows()).toEqual(before);
});

test.each(['UTF-8', 'UTF-16le', 'UTF-16be'])('every literal is its value, in a database of %s', (encoding) => {
  const connection = new Database(':memory:');
  connection.pragma(`encoding = '${encoding}'`);
  for (const value of VALUES as readonly SqlValue[]) {
    const literal = valueLiteral(value, encoding);
    expect(literal).not.toMatch(/[\r\u202e\u200d]/u);
    expect(connection.prepare(`SELECT ${literal}`).pluck().safeIntegers().get()).toEqual(value);
  }
  // It is another value to what divides by it, though SQLite takes it for the same.
  expect(
    connection
      .prepare(`SELECT ${valueLiteral(-0, encoding)}`)
      .pluck()
      .get(),
  ).toBe(-0);
  connection.close();
});

describe('tables', () => {
  test.each([
    ['a composite key', 'CREATE TABLE t (a, b TEXT, v, PRIMARY KEY (b, a))'],
    ['without rowid', 'CREATE TABLE t (a, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID'],
    [
      'generated columns',
      'CREATE TABLE t (a, b TEXT, v, w GENERATED ALWAYS AS (v || 1), x AS (b || v) STORED, PRIMARY KEY (a, b))',
    ],
  ])('%s', async (_, schema) => {
    const { run, undo, rows } = await captured(schema);
    const [created = 0] = await run("INSERT INTO t (a, b, v) VALUES (1.5, 'x', 'one')");
    const before = rows();
    const [updated = 0] = await run("UPDATE t SET v = 'two'");
    await undo(updated);
    expect(rows()).toEqual(before);
    const [deleted = 0] = await run('DELETE FROM t');
    await undo(deleted);
    expect(rows()).toEqual(before);
    const rekeyed = await run("UPDATE t SET a = x'00', v = 'three'");
    await undo(rekeyed[0] ?? 0);
    expect(rows()).toEqual(before);
    await undo(created);
    expect(rows()).toEqual([]);
  });

  test('names that have to be quoted', async () => {
    const table = 'odd "table" ?';
    const quoted = `"${table.replaceAll('"', '""')}"`;
    const { run, undo, rows } = await captured(
      `CREATE TABLE ${quoted} ("the ""key"" ?" PRIMARY KEY, "__proto__", "a.b")`,
      {
        [table]: {},
      },
    );
    await run(`INSERT INTO ${quoted} VALUES (1, 2, 3)`);
    const before = rows(table);
    const [seq = 0] = await run(`UPDATE ${quoted} SET "__proto__" = 4, "a.b" = 5`);
    await undo(seq);
    expect(rows(table)).toEqual(before);
    const [gone = 0] = await run(`DELETE FROM ${quoted}`);
    await undo(gone);
    expect(rows(table)).toEqual(before);
  });

  test('a row that REPLACE took comes back', async () => {
    const { run, undo, rows, store } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v)');
    await run("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)");
    const before = rows();
    const seqs = await run("INSERT OR REPLACE INTO t VALUES (1, 'b', 3)");
    expect(seqs.length).toBe(2);
    const recorded = await lastSeq(store);
    for (const seq of seqs.toReversed()) await undo(seq);
    expect(rows()).toEqual(before);
    expect(await lastSeq(store)).toBe(recorded + 2);
  });

  test('keys with NULL that several rows have are refused', async () => {
    const { run, undo } = await captured('CREATE TABLE t (a TEXT, v, PRIMARY KEY (a))');
    const [seq = 0] = await run('INSERT INTO t VALUES (NULL, 1), (NULL, 2); UPDATE t SET v = 3 WHERE v = 2').then(
      (seqs) => seqs.slice(-1),
    );
    await expect(undo(seq)).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('same key') });
  });

  test('a key with NULL that one row has is a key like any other', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (a TEXT, b, v, PRIMARY KEY (a, b))');
    await run("INSERT INTO t VALUES (NULL, 1, 'one'), ('x', 1, 'one')");
    const before = rows();
    const [updated = 0] = await run("UPDATE t SET v = 'two' WHERE a IS NULL");
    expect(await undo(updated)).toMatchObject({ applied: true, undone: [{ done: 'update', fields: ['v'] }] });
    expect(rows()).toEqual(before);
    const [deleted = 0] = await run('DELETE FROM t WHERE a IS NULL');
    expect(await undo(deleted)).toMatchObject({ applied: true, undone: [{ done: 'insert' }] });
    expect(rows()).toEqual(before);
  });

  test('a created row is deleted with a column that was added since, unless that was filled', async () => {
    const { run, undo, rows, app, store } = await captured(USERS);
    const [unfilled = 0, filled = 0] = await run("INSERT INTO t VALUES (1, 'Ann', NULL), (2, 'Bea', NULL)");
    app.exec('ALTER TABLE t ADD COLUMN phone');
    await store.refreshCaptures(['t'], ACTOR);
    const [by] = await run("UPDATE t SET phone = '123' WHERE id = 2");
    expect(await undo(unfilled)).toMatchObject({ applied: true, conflicts: [] });
    expect(conflictsOf(await undo(filled))).toEqual([[filled, 'phone', 'changed', by]]);
    expect(rows()).toEqual(['["2n","integer","Bea","text",null,"null","123","text"]']);
  });

  test('a column that is gone is no conflict where the change left it alone', async () => {
    const { run, undo, rows, execute } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', NULL), (2, 'Bea', 'b@x')");
    const [kept = 0, emptied = 0] = await run(
      "UPDATE t SET name = 'A' WHERE id = 1; UPDATE t SET name = 'B', email = NULL WHERE id = 2",
    );
    await execute('ALTER TABLE t DROP COLUMN email');
    expect(await undo(kept)).toMatchObject({ applied: true, conflicts: [] });
    expect(conflictsOf(await undo(emptied))).toEqual([[emptied, 'email', 'column gone', null]]);
    expect(rows()).toEqual(['["1n","integer","Ann","text"]', '["2n","integer","B","text"]']);
  });

  test('a value that the column no longer takes as it was is refused: nothing would come of it', async () => {
    const { run, undo, rows, store, execute } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)');
    await run('INSERT INTO t VALUES (1, 5)');
    const [seq = 0] = await run('UPDATE t SET v = 6');
    await execute(
      `CREATE TABLE other (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO other SELECT * FROM t; DROP TABLE t;
       ALTER TABLE other RENAME TO t; UPDATE t SET v = '5'`,
    );
    const now = [rows(), await lastSeq(store)];
    expect(conflictsOf(await undo(seq))).toMatchObject([[seq, 'v', 'changed', null]]);
    await expect(undo(seq, { force: true })).rejects.toMatchObject({
      kind: 'refused',
      message: `no entry came of undoing entry ${seq}: nothing was undone`,
    });
    expect([rows(), await lastSeq(store)]).toEqual(now);
  });

  test('a column that was added since is left as it is, one that is gone is a conflict', async () => {
    const { run, undo, rows, app, store } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x'), (2, 'Bea', 'b@x')");
    const [updated = 0, deleted = 0] = await run(
      "UPDATE t SET name = 'A', email = 'c@x' WHERE id = 1; DELETE FROM t WHERE id = 2",
    );
    for (const trigger of app
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 't'")
      .pluck()
      .all()) {
      app.exec(`DROP TRIGGER "${trigger}"`);
    }
    app.exec("ALTER TABLE t DROP COLUMN email; ALTER TABLE t ADD COLUMN phone DEFAULT 'none'");
    await expect(undo(updated)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('other columns'),
    });
    await store.refreshCaptures(['t'], ACTOR);
    expect(conflictsOf(await undo(updated))).toEqual([[updated, 'email', 'column gone', null]]);
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, 'email', 'column gone', null]]);
    await undo(updated, { force: true });
    await undo(deleted, { force: true });
    expect(rows()).toEqual([
      '["1n","integer","Ann","text","none","text"]',
      '["2n","integer","Bea","text","none","text"]',
    ]);
  });
});

describe('a change of the key', () => {
  test.each([0, 1])('is undone whole by either half (%i), and again', async (half) => {
    const { run, undo, rows, entries } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const before = rows();
    const seqs = await run("UPDATE t SET id = 2, name = 'Bea'");
    const after = rows();
    const made = madeBy(await undo(seqs[half] ?? 0));
    expect(rows()).toEqual(before);
    const [gone, come, goneAgain, comeAgain] = await entries([...seqs, ...made]);
    expect([goneAgain?.reverts, comeAgain?.reverts]).toEqual([come?.id, gone?.id]);
    expect([gone?.reverted_by, come?.reverted_by]).toEqual([comeAgain?.id, goneAgain?.id]);
    await expect(undo(seqs[1 - half] ?? 0)).rejects.toMatchObject({ kind: 'refused' });
    const again = madeBy(await undo(made[half] ?? 0));
    expect(rows()).toEqual(after);
    expect(await entries(seqs)).toMatchObject([{ reverted_by: null }, { reverted_by: null }]);
    await undo(again[half] ?? 0);
    expect(rows()).toEqual(before);
  });

  test('its conflicts: a field, the row, the old key', async () => {
    const { run, undo, rows } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [, seq = 0] = await run("UPDATE t SET id = 2, name = 'Bea'");
    const [by] = await run("UPDATE t SET name = 'Cleo'");
    expect(conflictsOf(await undo(seq))).toEqual([[seq, 'name', 'changed', by]]);
    await run("INSERT INTO t VALUES (1, 'other', NULL)");
    // What a forced undo would break is no news beside a conflict.
    expect(conflictsOf(await undo(seq))).toEqual([[seq, 'name', 'changed', by]]);
    await expect(undo(seq, { force: true })).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('UNIQUE'),
    });
    expect(rows().length).toBe(2);
    await run('DELETE FROM t WHERE id = 2');
    expect(conflictsOf(await undo(seq))).toEqual([[seq, null, 'row gone', null]]);
  });

  test.each([
    ['CREATE TABLE t (n INTEGER PRIMARY KEY, p REFERENCES p ON UPDATE CASCADE ON DELETE CASCADE)', 2],
    ['CREATE TABLE t (n, p REFERENCES p ON UPDATE CASCADE ON DELETE CASCADE, PRIMARY KEY (p, n))', 4],
  ])('takes rows along that refer to it: their own entries find all as before (%s)', async (schema, untouched) => {
    const { run, undo, rows, app, entries } = await captured(`CREATE TABLE p (id INTEGER PRIMARY KEY); ${schema}`, {
      p: {},
      t: {},
    });
    app.pragma('foreign_keys = ON');
    await run('INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1), (2, 1)');
    const before = [rows('p'), rows()];
    const seqs = await run(`${begin('set')}; UPDATE p SET id = 2; DELETE FROM p; ${COMMIT}`);
    expect([rows('p'), rows()]).toEqual([[], []]);
    const outcome = await undo({ filter: { correlation_id: ['set'] } }, { correlationId: 'back' });
    expect(outcome).toMatchObject({ applied: true, conflicts: [] });
    expect([rows('p'), rows()]).toEqual(before);
    const done = ['insert', 'insert', 'insert', 'update', 'nothing', 'nothing'];
    expect(outcome.undone.map((one) => one.done)).toEqual(done);
    expect((await entries(seqs)).filter((entry) => entry.reverted_by === null).length).toBe(untouched);
    expect(await undo({ filter: { correlation_id: ['back'] } })).toMatchObject({ applied: true, conflicts: [] });
    expect([rows('p'), rows()]).toEqual([[], []]);
  });

  test('takes rows along: what is redacted, ignored or null in them is no conflict', async () => {
    const { run, undo, rows, app } = await captured(
      `CREATE TABLE p (id INTEGER PRIMARY KEY);
       CREATE TABLE t (n, p REFERENCES p ON UPDATE CASCADE, pin, seen, v, PRIMARY KEY (p, n))`,
      { p: {}, t: { redact: ['pin'], ignore: ['seen'] } },
    );
    app.pragma('foreign_keys = ON');
    await run('INSERT INTO p VALUES (1); INSERT INTO t VALUES (1, 1, 1234, 1, NULL)');
    const before = [rows('p'), rows()];
    await run(`${begin('set')}; UPDATE p SET id = 2; ${COMMIT}; UPDATE t SET seen = 2`);
    const set = { filter: { correlation_id: ['set'] } };
    expect(await undo(set, { dryRun: true })).toMatchObject({ conflicts: [] });
    await run('UPDATE t SET v = 5');
    expect(conflictsOf(await undo(set))).toEqual([[expect.any(Number), null, 'row gone', null]]);
    await run('UPDATE t SET v = NULL, seen = 1');
    expect(await undo(set)).toMatchObject({ applied: true, conflicts: [] });
    expect([rows('p'), rows()]).toEqual(before);
  });
});

test.each([
  ['delete', 1],
  ['create', 0],
])('a change of the key of which the %s was pruned is refused', async (action, left) => {
  const { run, undo, rows, store } = await captured(USERS);
  await run("INSERT INTO t VALUES (1, 'Ann', NULL)");
  const seqs = await run("UPDATE t SET id = 2, name = 'Bea'");
  const filter = { action: [action], entity: [{ type: 't', id: action === 'delete' ? '1' : '2' }] };
  await carryOut(store, await planOf(store, rule({ filter, before: Date.parse('2999-01-01') })));
  await run("UPDATE t SET name = 'Cleo'");
  const now = rows();
  await expect(undo(seqs[left] ?? 0)).rejects.toMatchObject({
    kind: 'refused',
    message: `entry ${seqs[left]} changed a key, and its other half is no longer in the trail`,
  });
  expect(rows()).toEqual(now);
});

describe('conflicts', () => {
  test('a field that changed again since: listed with who did it, nothing done, unless forced', async () => {
    const { run, undo, rows, store } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [seq = 0] = await run("UPDATE t SET name = 'Bea', email = 'b@x'");
    const [by] = await run("UPDATE t SET email = 'c@x'");
    const now = rows();
    const last = await lastSeq(store);
    const outcome = await undo(seq);
    expect(outcome).toMatchObject({ applied: false });
    expect(conflictsOf(outcome)).toEqual([[seq, 'email', 'changed', by]]);
    expect([rows(), await lastSeq(store)]).toEqual([now, last]);
    expect(await undo(seq, { force: true })).toMatchObject({ applied: true, conflicts: [{ field: 'email' }] });
    expect(rows()).toEqual(['["1n","integer","Ann","text","a@x","text"]']);
  });

  test('a row that is gone, or there again', async () => {
    const { run, undo, rows } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [updated = 0, deleted = 0] = await run("UPDATE t SET name = 'Bea'; DELETE FROM t");
    expect(conflictsOf(await undo(updated))).toEqual([[updated, null, 'row gone', null]]);
    expect(await undo(updated, { force: true })).toMatchObject({ undone: [{ done: 'nothing' }] });
    await run("INSERT INTO t VALUES (1, 'other', NULL)");
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, null, 'row there', null]]);
    expect(await undo(deleted, { force: true })).toMatchObject({
      undone: [{ done: 'update', fields: ['name', 'email'] }],
    });
    expect(rows()).toEqual(['["1n","integer","Bea","text","a@x","text"]']);
  });

  test('a created row that changed since', async () => {
    const { run, undo, rows } = await captured(USERS);
    const [created = 0] = await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const [by] = await run("UPDATE t SET name = 'Bea'");
    expect(conflictsOf(await undo(created))).toEqual([[created, 'name', 'changed', by]]);
    await undo(created, { force: true });
    expect(rows()).toEqual([]);
  });

  test('a key that is the same but for its case is another row, and in the way', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)');
    const [created = 0, updated = 0] = await run("INSERT INTO t VALUES ('a', 1); UPDATE t SET v = 2");
    const [deleted = 0] = await run('DELETE FROM t');
    await run("INSERT INTO t VALUES ('A', 2)");
    expect(conflictsOf(await undo(updated))).toEqual([[updated, null, 'row gone', null]]);
    expect(await undo(created)).toMatchObject({ undone: [{ done: 'nothing' }] });
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, null, 'row there', null]]);
    expect(rows()).toEqual(['["A","text","2n","integer"]']);
  });

  test('a redacted value cannot come back; what became one from NULL can go', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, pin, v)', {
      t: { redact: ['pin'] },
    });
    const [created = 0] = await run('INSERT INTO t VALUES (1, NULL, 1)');
    const [given = 0] = await run('UPDATE t SET pin = 1234');
    expect(await undo(given)).toMatchObject({ conflicts: [] });
    expect(rows()).toEqual(['["1n","integer",null,"null","1n","integer"]']);
    const [again = 0] = await run('UPDATE t SET pin = 1234');
    const [other = 0] = await run('UPDATE t SET pin = 4321, v = 2');
    expect(conflictsOf(await undo(again))).toEqual([[again, 'pin', 'changed', other]]);
    expect(conflictsOf(await undo(other))).toEqual([[other, 'pin', 'redacted', null]]);
    expect(conflictsOf(await undo(created))).toEqual([
      [created, 'pin', 'changed', other],
      [created, 'v', 'changed', other],
    ]);
    expect(await undo(other, { force: true })).toMatchObject({ undone: [{ fields: ['v'] }] });
    const [deleted = 0] = await run('DELETE FROM t');
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, 'pin', 'redacted', null]]);
    await undo(deleted, { force: true });
    expect(rows()).toEqual(['["1n","integer",null,"null","1n","integer"]']);
  });

  test('a created row whose redacted value changed since', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, pin)', {
      t: { redact: ['pin'] },
    });
    const [kept = 0, other = 0, gone = 0] = await run('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)');
    const [by1, by2] = await run('UPDATE t SET pin = 4 WHERE id = 2; UPDATE t SET pin = NULL WHERE id = 3');
    expect(conflictsOf(await undo(other))).toEqual([[other, 'pin', 'changed', by1]]);
    expect(conflictsOf(await undo(gone))).toEqual([[gone, 'pin', 'changed', by2]]);
    expect(await undo(kept)).toMatchObject({ applied: true, conflicts: [] });
    expect(rows()).toEqual(['["2n","integer","4n","integer"]', '["3n","integer",null,"null"]']);
  });

  test('a row that is there again, and the same but for what cannot be compared', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, pin, v)', {
      t: { redact: ['pin'] },
    });
    const [deleted = 0] = await run('INSERT INTO t VALUES (1, 1234, 1); DELETE FROM t').then((seqs) => seqs.slice(-1));
    await run('INSERT INTO t VALUES (1, 5678, 1)');
    const now = rows();
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, null, 'row there', null]]);
    expect(await undo(deleted, { force: true })).toMatchObject({ undone: [{ done: 'nothing', entries: [] }] });
    expect(rows()).toEqual(now);
  });

  test('a redacted column that the change left alone is none', async () => {
    const { run, undo, rows } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, pin, v)', {
      t: { redact: ['pin'] },
    });
    await run('INSERT INTO t VALUES (1, 1234, 1)');
    const [seq = 0] = await run('UPDATE t SET v = 2');
    expect(await undo(seq)).toMatchObject({ applied: true, conflicts: [] });
    expect(rows()).toEqual(['["1n","integer","1234n","integer","1n","integer"]']);
  });

  test('an ignored secret is lost with its row', async () => {
    const { run, undo } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, token, v)', {
      t: { ignore: ['token'] },
    });
    const [created = 0, updated = 0] = await run("INSERT INTO t VALUES (1, 's', 1); UPDATE t SET v = 2, token = 'x'");
    expect(await undo(updated)).toMatchObject({ applied: true, conflicts: [] });
    const [deleted = 0] = await run('DELETE FROM t');
    expect(conflictsOf(await undo(deleted))).toEqual([[deleted, 'token', 'not kept', null]]);
    expect(await undo(deleted, { force: true })).toMatchObject({ applied: true });
    expect(await undo(created)).toMatchObject({ undone: [{ done: 'delete' }] });
  });
});

test('who changed a field since is told by what capture recorded, and by no copy from elsewhere', async () => {
  const { run, undo, store, entries } = await captured(USERS, { t: { redact: ['email'] } });
  const [, first = 0] = await run("INSERT INTO t VALUES (1, 'Ann', NULL); UPDATE t SET name = 'Bea', email = 'b@x'");
  const [copied] = await entries([first]);
  const copy = toldOf(copied as HistoryEntry);
  await recordAll(store, [{ ...copy, source: 'the other database' }]);
  expect(await undo(first, { dryRun: true })).toMatchObject({ conflicts: [], undone: [{ fields: ['name', 'email'] }] });
  const [second = 0] = await run("UPDATE t SET name = 'Cea'");
  await recordAll(store, [{ ...copy, source: 'the other database' }]);
  expect(conflictsOf(await undo(first))).toEqual([[first, 'name', 'changed', second]]);
});

describe('documents', () => {
  async function documents(): Promise<Scene> {
    const scene = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT)', { t: { json: ['data'] } });
    await scene.run(
      'INSERT INTO t VALUES (1, ?)',
      '{ "a": {"b": 1.50, "c": 2}, "list": [1], "x": 12345678901234567890 }',
    );
    return scene;
  }
  const dataOf = ({ app }: Scene): unknown => app.prepare('SELECT data FROM t').pluck().get();

  test('that nobody changed since come back byte for byte', async () => {
    const scene = await documents();
    const before = dataOf(scene);
    const [seq = 0] = await scene.run(`UPDATE t SET data = '{"a":{"b":9}}'`);
    await scene.undo(seq);
    expect(dataOf(scene)).toBe(before);
  });

  test('that others changed elsewhere: just the paths of the change are put back', async () => {
    const scene = await documents();
    const [seq = 0] = await scene.run(`UPDATE t SET data = '{"a":{"b":2,"c":2,"new":1},"x":12345678901234567890}'`);
    await scene.run(`UPDATE t SET data = '{"a":{"b":2,"c":3,"new":1},"x":12345678901234567890,"y":{}}'`);
    expect(await scene.undo(seq)).toMatchObject({ applied: true, conflicts: [] });
    expect(dataOf(scene)).toBe('{"a":{"b":1.50,"c":3},"x":12345678901234567890,"y":{},"list":[1]}');
  });

  test('that others changed in the same place: the path is the conflict', async () => {
    const scene = await documents();
    const [seq = 0] = await scene.run(`UPDATE t SET data = '{"a":{"b":2,"c":2},"list":[1,2]}'`);
    const [by] = await scene.run(`UPDATE t SET data = '{"a":{"b":3,"c":2},"list":[1,2]}'`);
    expect(conflictsOf(await scene.undo(seq))).toEqual([[seq, 'data.a.b', 'changed', by]]);
    await scene.undo(seq, { force: true });
    expect(dataOf(scene)).toBe('{"a":{"b":1.50,"c":2},"list":[1],"x":12345678901234567890}');
  });

  test('that are no documents any more: the column is the conflict', async () => {
    const scene = await documents();
    const before = dataOf(scene);
    const [seq = 0] = await scene.run(`UPDATE t SET data = '{}'`);
    const [by] = await scene.run(`UPDATE t SET data = 'broken {'`);
    expect(conflictsOf(await scene.undo(seq))).toEqual([[seq, 'data', 'changed', by]]);
    await scene.undo(seq, { force: true });
    expect(dataOf(scene)).toBe(before);
  });
});

describe('refused', () => {
  test('what capture did not record, what is taken back, and tables that are captured no more', async () => {
    const { run, undo, store, app } = await captured(USERS);
    const [created = 0, updated = 0] = await run("INSERT INTO t VALUES (1, 'Ann', 'a@x'); UPDATE t SET name = 'Bea'");
    const [note] = await recordAll(store, [{ action: 'note', entity_type: 't', entity_id: '1' }]);
    // An application's own words for a change look like those of capture but for the table.
    const about = { category: 'entity', action: 'update', old_values: '{"id":1}', new_values: '{"id":1}' };
    const own = await recordAll(store, [
      { ...about, entity_type: 't', entity_id: '1' },
      { ...about, entity_type: 't', metadata: '{"table":"t"}' },
      { ...about, entity_id: '1', metadata: '{"table":"t"}' },
    ]);
    for (const { seq } of [note, ...own].flatMap((outcome) => outcome ?? [])) {
      await expect(undo(seq)).rejects.toMatchObject({
        kind: 'refused',
        message: `entry ${seq} is no change that capture recorded here, and --apply undoes only these`,
      });
    }
    await undo(updated);
    await expect(undo(updated)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('taken back already'),
    });
    await expect(undo(999)).rejects.toMatchObject({ kind: 'missing' });
    app.exec('DROP TRIGGER daybook_capture_t_after_delete');
    await expect(undo(created)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('triggers'),
    });
    await store.removeCaptures(['t'], ACTOR);
    await expect(undo(created)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('no longer captured'),
    });
  });

  test.each([
    ['{"id":1,"name":true}', '{"id":1,"name":"x"}'],
    ['{"id":1,"name":{"$blob":"zz"}}', '{"id":1}'],
    ['{"id":1,"name":{"$real":"1p9"}}', '{"id":1,"name":{"$real":"?"}}'],
    ['{"id":1,"name":{"$real":["inf"]}}', '{"id":1}'],
    ['{"id":1,"name":{"bytes":"00"}}', '{"id":1}'],
    ['{"id":1,"name":{"$blob":"00","n":1}}', '{"id":1}'],
    ['{"id":1,"name":9223372036854775808}', '{"id":1}'],
    ['{"name":1}', '{"name":2}'],
    [null, '{}'],
  ])('an entry that only looks like one of capture: %s', async (old_values, new_values) => {
    const { store, undo } = await captured(USERS);
    const [forged] = await recordAll(store, [
      { action: 'update', entity_type: 't', entity_id: '1', metadata: '{"table":"t"}', old_values, new_values },
    ]);
    await expect(undo(forged?.seq ?? 0)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('row of t'),
    });
  });

  test('what was captured elsewhere: it tells of the rows of another database', async () => {
    const { run, undo, store, entries, rows } = await captured(USERS);
    const [created = 0, updated = 0] = await run("INSERT INTO t VALUES (1, 'Ann', 'a@x'); UPDATE t SET name = 'Bea'");
    const before = rows();
    const own = await entries([created, updated]);
    const copies = await recordAll(
      store,
      own.map(toldOf).flatMap((entry) => [
        { ...entry, source: 'the other database' },
        { ...entry, recorded_at: '2026-03-05T12:00:00.000Z' },
      ]),
    );
    expect(copies.length).toBe(4);
    for (const { seq } of copies) {
      await expect(undo(seq)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('no change that capture recorded here'),
      });
    }
    const set = await undo({ filter: { entity: [{ type: 't', id: '1' }] } }, { dryRun: true });
    expect(set).toMatchObject({ undone: [{ seq: updated }, { seq: created }], conflicts: [], leftOut: 4 });
    expect(rows()).toEqual(before);
  });

  test('entries that only look like the two of a change of the key', async () => {
    const { store, undo } = await captured(USERS);
    const row = { entity_type: 't', old_values: '{"id":1}', new_values: '{"id":2}' };
    const forged = await recordAll(store, [
      { ...row, action: 'delete', entity_id: '1', metadata: '{"table":"t","key_changed_to":"2"}' },
      { ...row, action: 'create', entity_id: '2', metadata: '{"table":"t","key_changed_from":"3"}' },
      { ...row, action: 'create', entity_id: '2', metadata: '{"table":"t","key_changed_from":"1"}' },
    ]);
    for (const { seq } of forged) {
      await expect(undo(seq)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('other half is no longer'),
      });
    }
  });

  test('what the database forbids: constraints, triggers, foreign keys at once and at the end', async () => {
    const { run, undo, rows, store } = await captured(
      `CREATE TABLE p (id INTEGER PRIMARY KEY, u UNIQUE);
       CREATE TABLE t (id INTEGER PRIMARY KEY, p REFERENCES p, q REFERENCES p DEFERRABLE INITIALLY DEFERRED);
       CREATE TRIGGER kept BEFORE DELETE ON p WHEN OLD.id = 9 BEGIN SELECT RAISE(ABORT, 'nine stays'); END;
       CREATE TRIGGER passed BEFORE DELETE ON p WHEN OLD.id = 8 BEGIN SELECT RAISE(IGNORE); END`,
      { p: {}, t: {} },
    );
    const refused = async (seq: number | undefined, words: string): Promise<void> => {
      for (const dryRun of [false, true]) {
        const before = [rows('p'), rows(), await lastSeq(store)];
        await expect(undo(seq ?? 0, { dryRun })).rejects.toMatchObject({
          kind: 'refused',
          message: expect.stringContaining(words),
        });
        expect([rows('p'), rows(), await lastSeq(store)]).toEqual(before);
      }
    };
    const [gone = 0] = await run("INSERT INTO p VALUES (1, 'a'); DELETE FROM p").then((seqs) => seqs.slice(-1));
    await run("INSERT INTO p VALUES (2, 'a')");
    await refused(gone, 'UNIQUE');
    const [three, , nine, , eight] = await run(
      "INSERT INTO p VALUES (3, 'c'); INSERT INTO t VALUES (1, 3, NULL); INSERT INTO p VALUES (9, 'i'); INSERT INTO t VALUES (2, NULL, NULL); INSERT INTO p VALUES (8, 'h'); INSERT INTO p VALUES (4, 'd')",
    );
    await refused(three, 'FOREIGN KEY');
    await refused(nine, 'nine stays');
    await refused(eight, 'passed over');
    const [five] = await run("INSERT INTO p VALUES (5, 'e'); UPDATE t SET q = 5 WHERE id = 2");
    await refused(five, 'FOREIGN KEY');
  });
});

describe('a set', () => {
  test('goes backwards, in one transaction: rows created, changed and deleted within it', async () => {
    const { run, undo, rows, store, entries } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x'), (2, 'Bea', 'b@x')");
    const before = rows();
    const seqs = await run(`${begin('M-1')};
      INSERT INTO t VALUES (3, 'Cleo', NULL); UPDATE t SET name = name || '!'; UPDATE t SET id = id + 10; DELETE FROM t WHERE id > 11;
      INSERT INTO t VALUES (2, 'new', 'n'); UPDATE t SET email = 'z'; ${COMMIT}`);
    const after = rows();
    await recordAll(store, [{ action: 'note', correlation_id: 'M-1' }]);
    const outcome = await undo({ filter: { correlation_id: ['M-1'] } }, { correlationId: 'undo-1' });
    expect(outcome).toMatchObject({ applied: true, conflicts: [], leftOut: 1 });
    expect(rows()).toEqual(before);
    expect(madeBy(outcome).length).toBe(seqs.length);
    expect((await entries(seqs)).map((entry) => entry.reverted_by === null)).toEqual(seqs.map(() => false));
    await undo({ filter: { correlation_id: ['undo-1'] } });
    expect(rows()).toEqual(after);
    expect((await entries(seqs)).map((entry) => entry.reverted_by)).toEqual(seqs.map(() => null));
  });

  test('one conflict, and nothing of it is done; all of them are listed', async () => {
    const { run, undo, rows } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x'), (2, 'Bea', 'b@x'), (3, 'Cleo', NULL)");
    const [one = 0, two = 0, three = 0] = await run("UPDATE t SET name = 'x', email = 'x'");
    const [by1] = await run("UPDATE t SET name = 'y' WHERE id = 1");
    const [by3] = await run('DELETE FROM t WHERE id = 3');
    const now = rows();
    const set = { filter: { changed: ['email'] } };
    expect(conflictsOf(await undo(set))).toEqual([
      [three, null, 'row gone', null],
      [one, 'name', 'changed', by1],
    ]);
    expect(by3).toBeGreaterThan(two);
    expect(rows()).toEqual(now);
  });

  test('with what is taken back by another entry is refused; what it takes back itself is not', async () => {
    const { run, undo, rows } = await captured(USERS);
    await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    const before = rows();
    const [seq = 0] = await run("UPDATE t SET name = 'x'");
    await undo(seq);
    await expect(undo({ filter: { action: ['update'], actor: ['unknown'] } })).rejects.toMatchObject({
      kind: 'refused',
    });
    expect(await undo({ filter: { action: ['update'] } })).toMatchObject({ applied: true });
    expect(rows()).toEqual(before);
    expect(await undo({ filter: { action: ['nothing'] } })).toMatchObject({ undone: [], conflicts: [] });
  });
});

describe('a dry run', () => {
  test('changes nothing, and its script does the same in the sqlite3 shell', async () => {
    const odd = 'it\'s "u"';
    const { run, undo, rows, store, file, app } = await captured(
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v);
       CREATE TABLE "it's ""u""" (a, b, v, g AS (v) STORED, PRIMARY KEY (a, b)) WITHOUT ROWID`,
      { t: {}, [odd]: {} },
    );
    const all = (connection = app): unknown[] => ['t', odd].map((table) => rowsOf(connection, table));
    // The text of a real, and so of a key with one, is another in another release of SQLite.
    const marks = (connection = app): unknown[] =>
      connection.prepare('SELECT seq, action, actor, recorded_by, correlation_id, metadata FROM daybook_entries').all();
    const reverts = (connection = app): unknown[] =>
      connection
        .prepare(
          'SELECT e.seq, r.seq FROM daybook_entries AS e JOIN daybook_entries AS r ON r.id = e.reverts ORDER BY e.seq',
        )
        .raw()
        .all();
    VALUES.forEach((value, index) => {
      app.prepare('INSERT INTO t VALUES (?, ?)').run(index, value);
      if (value !== null) app.prepare(`INSERT INTO "it's ""u""" VALUES (?, ?, ?)`).run(value, index, value);
    });
    const before = all();
    await run(`${begin('set')}; DELETE FROM t WHERE id % 3 = 0; UPDATE t SET v = 'gone' WHERE id % 3 = 1;
      UPDATE t SET id = id + 1000, v = NULL WHERE id % 3 = 2; UPDATE "it's ""u""" SET b = 'key' || b, v = typeof(a) WHERE typeof(a) <> 'real';
      DELETE FROM "it's ""u"""; INSERT INTO t VALUES (5000, 1); ${COMMIT}`);

    const copy = path.join(path.dirname(file), 'copy.db');
    const inShell = (script: readonly string[]): { rows: unknown[]; marks: unknown[]; reverts: unknown[] } => {
      writeFileSync(copy, app.serialize());
      execFileSync(SHELL, [copy], { input: `${script.join('\n')}\n` });
      const connection = new Database(copy);
      try {
        return { rows: all(connection), marks: marks(connection), reverts: reverts(connection) };
      } finally {
        connection.close();
      }
    };
    for (const [from, to] of [
      ['set', 'back'],
      ['back', 'again'],
      ['again', 'last'],
    ] as const) {
      const now = [all(), await lastSeq(store)];
      const which = { filter: { correlation_id: [from] } };
      const actor = { ...ACTOR, recorded_by: 'root@web-1' };
      const dry = await undo(which, { dryRun: true, correlationId: to, actor });
      expect(dry).toMatchObject({ applied: false, conflicts: [] });
      expect([all(), await lastSeq(store)]).toEqual(now);
      const shelled = inShell(dry.script);
      expect(await undo(which, { correlationId: to, actor })).toMatchObject({ applied: true });
      expect(shelled).toEqual({ rows: all(), marks: marks(), reverts: reverts() });
      if (from !== 'back') expect(all()).toEqual(before);
    }
    expect(rows().length).toBe(VALUES.length);
  });

  test('lists conflicts as well', async () => {
    const { run, undo } = await captured(USERS);
    const [created = 0] = await run("INSERT INTO t VALUES (1, 'Ann', 'a@x')");
    await run("UPDATE t SET name = 'Bea'");
    expect(await undo(created, { dryRun: true })).toMatchObject({ applied: false, conflicts: [{ field: 'name' }] });
    const forced = await undo(created, { dryRun: true, force: true });
    expect(forced.script).toContain('DELETE FROM "t" WHERE "id" IS 1;');
  });
});

describe('random changes', () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(...VALUES),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  );
  const key = fc.integer({ min: 1, max: 4 }).map(BigInt);
  const change = fc.oneof(
    fc.tuple(fc.constantFrom('INSERT OR IGNORE', 'INSERT OR REPLACE'), key, value, value),
    fc.tuple(fc.constantFrom('UPDATE', 'UPDATE OR REPLACE', 'DELETE', 'REKEY'), key, key, value),
  );

  test('undone backwards, the table is as it was; undone again, as it became', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), fc.boolean(), async (changes, oneByOne) => {
        const { run, undo, rows, app, store } = await captured('CREATE TABLE t (id INTEGER PRIMARY KEY, u UNIQUE, v)');
        app.exec("INSERT INTO t VALUES (1, 'a', NULL), (2, 'b', 0.5)");
        const before = rows();
        const first = (await lastSeq(store)) + 1;
        app.exec(begin('set'));
        for (const [kind, id, second, third] of changes) {
          try {
            if (kind.startsWith('INSERT')) app.prepare(`${kind} INTO t VALUES (?, ?, ?)`).run(id, second, third);
            else if (kind.startsWith('UPDATE'))
              app.prepare(`${kind} t SET u = ?, v = ? WHERE id = ?`).run(third, second, id);
            else if (kind === 'REKEY')
              app.prepare('UPDATE OR REPLACE t SET id = ?, v = ? WHERE id = ?').run(second, third, id);
            else app.prepare('DELETE FROM t WHERE id = ?').run(id);
          } catch (error) {
            if (!(error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT'))) throw error;
          }
        }
        app.exec(COMMIT);
        const after = rows();
        if (oneByOne) {
          const halves = new Set<number>();
          for (let seq = await lastSeq(store); seq >= first; seq -= 1) {
            if (halves.has(seq)) continue;
            if ((await store.find({ seq }))?.metadata.includes('key_changed_from') === true) halves.add(seq - 1);
            expect(await undo(seq)).toMatchObject({ applied: true, conflicts: [] });
          }
          expect(rows()).toEqual(before);
        } else {
          expect(await undo({ filter: { correlation_id: ['set'] } }, { correlationId: 'back' })).toMatchObject({
            conflicts: [],
          });
          expect(rows()).toEqual(before);
          expect(await undo({ filter: { correlation_id: ['back'] } })).toMatchObject({ conflicts: [] });
          expect(rows()).toEqual(after);
        }
        await run('SELECT 1');
      }),
      { numRuns: 100 },
    );
  });
});
