import { setTimeout as sleep } from 'node:timers/promises';
import type { Capture, CheckedCase } from '../../../core/capture.js';
import { looksSecret } from '../../../core/capture.js';
import Database from 'better-sqlite3';
import { CHECK_CORRELATION, saidEntries, wrongInEntries } from '../../capture-judge.js';
import type { JudgedEntry } from '../../capture-judge.js';
import { captureOf, liftCapture, namedOrAll, unreadableCapture, unreadableCaptures } from './installed.js';
import { holdContext, setContext } from '../context/index.js';
import type { Connection } from '../engine/index.js';
import { identityOf, rowJson } from './triggers.js';
import { readRecorded, sameSqlValue } from './recorded-values.js';
import { nestingTriggers, describeTable, identifier } from '../tables/index.js';
import { lastSeq } from '../trail/index.js';
import type { TableColumn, TableDescription } from '../tables/index.js';

type Value = string | number | bigint | Buffer | null;

/** What a case finds wrong, or null; throws what the database throws. */
type Case = (bench: Bench) => string | null;

/** A captured table with one of its rows, and what a case needs of it. */
interface Bench {
  readonly connection: Connection;
  readonly table: TableDescription;
  readonly capture: Capture;
  readonly row: Readonly<Record<string, Value>>;
  /** A column that a case may change: watched, in no key, of no foreign key, and not computed. */
  readonly free: TableColumn | undefined;
}

/** A case that has nothing to work with. */
class NotTried extends Error {}

/** So long, in milliseconds, is it at work before it leaves the database to others for as long: who waits for a lock looks again within that. */
const TURN = 20;

const NESTED_REPLACE = 'a REPLACE within which a trigger of the application writes into the table';

/**
 * Tries on a row of each of these captured tables, or of all, whether every kind of statement is recorded as it should be. Each case
 * is a transaction that is rolled back, and between them others get their turn. Throws kind `missing` for a table that
 * is not captured.
 */
export async function checkCaptures(connection: Connection, named: readonly string[]): Promise<CheckedCase[]> {
  const checked: CheckedCase[] = [];
  let begun = performance.now();
  const unreadable = unreadableCaptures(connection);
  const asked = (table: string): boolean =>
    named.length === 0 || named.some((name) => name.toLowerCase() === table.toLowerCase());
  for (const table of unreadable.filter(asked)) {
    checked.push({ table, case: 'triggers', outcome: 'fails', reason: unreadableCapture(table) });
  }
  for (const name of namedOrAll(connection, named)) {
    if (unreadable.some((table) => table.toLowerCase() === name.toLowerCase())) continue;
    const capture = captureOf(connection, name);
    const { table, problem } = capture;
    checked.push(
      problem === null
        ? { table, case: 'triggers', outcome: 'holds', reason: null }
        : { table, case: 'triggers', outcome: 'fails', reason: `${table} ${problem}` },
    );
    for (const [words, work] of problem === null ? Object.entries(CASES) : []) {
      if (performance.now() - begun > TURN) {
        await sleep(TURN);
        begun = performance.now();
      }
      checked.push({ table, case: words, ...tried(connection, capture, work) });
    }
    const nesting = nestingTriggers(connection, table).map((trigger) => trigger.name);
    if (problem === null && nesting.length > 0) {
      const reason = `because it is refused where ${nesting.join(' or ')} does so, unless recursive_triggers is on`;
      checked.push({ table, case: NESTED_REPLACE, outcome: 'not tried', reason });
    }
  }
  return checked;
}

function tried(connection: Connection, capture: Capture, work: Case): Pick<CheckedCase, 'outcome' | 'reason'> {
  try {
    const reason = rehearsed(connection, capture, work);
    return { outcome: reason === null ? 'holds' : 'fails', reason };
  } catch (error) {
    if (error instanceof NotTried) return { outcome: 'not tried', reason: `because ${error.message}` };
    if (isConstraint(error)) return { outcome: 'not tried', reason: `because ${error.message}` };
    if (error instanceof Error && error.message.startsWith('daybook:')) {
      return { outcome: 'fails', reason: error.message };
    }
    if (!isOfSql(error)) throw error;
    return cannotRunAnyway(connection, capture, work, error)
      ? { outcome: 'not tried', reason: `because it cannot run, captured or not: ${error.message}` }
      : { outcome: 'fails', reason: error.message };
  }
}

/** What SQLite says of a statement or a trigger that cannot run: it names what is not there, or not known to it. */
function isOfSql(error: unknown): error is Error {
  return error instanceof Database.SqliteError && /^SQLITE_ERROR(?:_|$)/.test(error.code);
}

/** Whether a case fails in the same way without the triggers of capture: then it is the application's own that cannot run. */
function cannotRunAnyway(connection: Connection, capture: Capture, work: Case, { message }: Error): boolean {
  try {
    rehearsed(connection, capture, (bench) => {
      liftCapture(connection, capture.table);
      return work(bench);
    });
    return false;
  } catch (error) {
    return isOfSql(error) && error.message === message;
  }
}

/**
 * Runs a case in a transaction that is rolled back, and gives what it finds wrong. Foreign keys are off: a row may have a
 * million others that go with it, and they would keep everybody waiting.
 */
function rehearsed(connection: Connection, capture: Capture, work: Case): string | null {
  const foreignKeys = connection.pragma('foreign_keys', { simple: true }) as number;
  connection.pragma('foreign_keys = OFF');
  try {
    connection.exec('BEGIN IMMEDIATE');
    const bench = benchOf(connection, capture);
    setContext(connection, {
      actor: 'daybook',
      actorType: 'system',
      correlationId: CHECK_CORRELATION,
      reason: null,
    });
    // A row may be so big that a case takes longer than a context lives.
    holdContext(connection);
    return work(bench);
  } finally {
    // A trigger of the application may have rolled back already.
    if (connection.inTransaction) connection.exec('ROLLBACK');
    connection.pragma(`foreign_keys = ${foreignKeys}`);
  }
}

function benchOf(connection: Connection, capture: Capture): Bench {
  const table = describeTable(connection, capture.table);
  const row = connection
    .prepare<[], Record<string, Value>>(
      `SELECT ${table.columns.map((column) => identifier(column.name)).join(', ')} FROM ${identifier(table.name)} LIMIT 1`,
    )
    .safeIntegers()
    .get();
  if (row === undefined) throw new NotTried('the table has no row to copy');
  const bench = { connection, table, capture, row, free: freeColumn(connection, table, capture) };
  if (keyOf(bench).includes(null) && sharesKey(bench)) {
    throw new NotTried('several rows have its key, with NULL in it, and nothing tells them apart');
  }
  return bench;
}

/** A rule of the table's own, or a trigger of the application: it forbids the case, and says nothing of capture. */
function isConstraint(error: unknown): error is Error & { readonly code: string } {
  if (!(error instanceof Database.SqliteError) || error.message.startsWith('daybook:')) return false;
  return error.code.startsWith('SQLITE_CONSTRAINT') || error.code === 'SQLITE_MISMATCH';
}

const CASES: Readonly<Record<string, Case>> = {
  'an update': (bench) => {
    const { free, value } = another(bench);
    return expectUpdate(bench, () => update(bench, 'UPDATE', { [free]: value }));
  },
  'an update to NULL and back': (bench) => {
    const { free } = another(bench);
    const back = bench.row[free] ?? another(bench).value;
    const there = expectUpdate(bench, () =>
      update(bench, 'UPDATE', { [free]: at(bench.row, free) === null ? back : null }),
    );
    return (
      there ??
      expectUpdate(bench, () => update(bench, 'UPDATE', { [free]: at(bench.row, free) === null ? null : back }))
    );
  },
  'an update that changes nothing': (bench) => {
    const { free } = another(bench);
    return expectTold(bench, () => update(bench, 'UPDATE', { [free]: at(bench.row, free) }));
  },
  'an update of ignored columns alone': (bench) => {
    const column = bench.table.columns.find(
      (one) => bench.capture.settings.ignore.includes(one.name) && isFree(bench, one),
    );
    if (column === undefined) throw new NotTried('no such column is ignored');
    return expectTold(bench, () => update(bench, 'UPDATE', { [column.name]: different(at(bench.row, column.name)) }));
  },
  'bytes in a column': (bench) => {
    const { free } = another(bench);
    return expectUpdate(bench, () => update(bench, 'UPDATE', { [free]: Buffer.from([0, 0xff]) }));
  },
  'an integer beyond 2^53': (bench) => {
    const { free } = another(bench);
    return expectUpdate(bench, () => update(bench, 'UPDATE', { [free]: 9_007_199_254_740_993n }));
  },
  'a text that a JSON function wrote': (bench) => {
    const { free } = another(bench);
    return expectUpdate(bench, () => setToJson(bench, free));
  },
  'INSERT OR REPLACE of a text that a JSON function wrote by the same': (bench) => {
    const { free } = another(bench);
    setToJson(bench, free);
    const row = { ...bench.row, [free]: JSON_TEXT };
    return expectTold(bench, () => insert(bench, 'INSERT OR REPLACE', row, { column: free, sql: 'json(?)' }));
  },
  'a key that a JSON function wrote': (bench) => {
    const last = bench.table.primaryKey.at(-1) as string;
    // A column of numbers makes one of its JSON.
    const isNumber = bench.table.columns.some(({ name, holds }) => name === last && holds === 'integer');
    const key = isNumber ? at(newKey(bench), last) : JSON_TEXT;
    const row = { ...bench.row, ...newUniques(bench), [last]: key };
    const entries = recordedBy(bench, () =>
      insert(bench, 'INSERT', { ...row, [last]: String(key) }, { column: last, sql: 'json(?)' }),
    );
    const there = stored({ ...bench, row });
    if (there.json === null) throw new NotTried('no row came of it');
    const [entry] = entries;
    return entry?.action === 'create' &&
      entry.entity_id === there.id &&
      (entry.new_values === there.json || changesMore(bench))
      ? null
      : `expected a create of ${there.id}, found ${saidEntries(entries)}`;
  },
  'an update of the key': (bench) => {
    const key = newKey(bench);
    const before = stored(bench);
    const entries = recordedBy(bench, () => update(bench, 'UPDATE', key)).filter(
      (entry) => ofType(entry, before.id) || entry.action === 'create',
    );
    if (stored(bench).json !== null) return wrongWithKept(bench, before.json, entries);
    return entries.length === 2 &&
      entries[0]?.action === 'delete' &&
      entries[0].old_values === before.json &&
      entries[1]?.action === 'create'
      ? null
      : `expected a delete and a create, found ${saidEntries(entries)}`;
  },
  'a delete': (bench) => {
    const before = stored(bench);
    const entries = recordedBy(bench, () => removeRow(bench)).filter((entry) => ofType(entry, before.id));
    if (stored(bench).json !== null) return wrongWithKept(bench, before.json, entries);
    return entries.length === 1 &&
      entries[0]?.action === 'delete' &&
      entries[0].old_values === before.json &&
      entries[0].new_values === null
      ? null
      : `expected one delete with the row, found ${saidEntries(entries)}`;
  },
  'an insert': (bench) => {
    const row = { ...bench.row, ...newKey(bench), ...newUniques(bench) };
    const entries = recordedBy(bench, () => insert(bench, 'INSERT', row));
    if (entries.length === 0 && stored({ ...bench, row }).json === null) throw new NotTried('no row came of it');
    const [entry, ...others] = entries;
    return entry?.action === 'create' &&
      entry.old_values === null &&
      entry.new_values !== null &&
      others.every((other) => changesMore(bench) && (other.action === 'update' || !ofType(other, entry.entity_id)))
      ? null
      : `expected one create, found ${saidEntries(entries)}`;
  },
  'INSERT OR REPLACE of a row that is there': (bench) => {
    const { free, value } = another(bench);
    return expectUpdate(bench, () => insert(bench, 'INSERT OR REPLACE', { ...bench.row, [free]: value }));
  },
  'INSERT OR REPLACE that changes nothing': (bench) =>
    expectTold(bench, () => insert(bench, 'INSERT OR REPLACE', bench.row)),
  'INSERT OR IGNORE of a row that is there': (bench) =>
    expectTold(bench, () => insert(bench, 'INSERT OR IGNORE', bench.row)),
  'INSERT ... ON CONFLICT DO UPDATE': (bench) => {
    const { free, value } = another(bench);
    const { connection, table, row } = bench;
    const columns = writable(table);
    return expectUpdate(bench, () =>
      connection
        .prepare(
          `INSERT INTO ${identifier(table.name)} (${columns.map(identifier).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
             ON CONFLICT (${table.primaryKey.map(identifier).join(', ')}) DO UPDATE SET ${identifier(free)} = ?`,
        )
        .run(...columns.map((column) => at(row, column)), value),
    );
  },
  'a savepoint that is rolled back': (bench) => {
    const { free, value } = another(bench);
    return expectTold(bench, () => {
      bench.connection.exec('SAVEPOINT daybook_inner');
      update(bench, 'UPDATE', { [free]: value });
      bench.connection.exec('ROLLBACK TO daybook_inner; RELEASE daybook_inner');
    });
  },
  'no entry, no change': (bench) => {
    const { free, value } = another(bench);
    bench.connection.exec(
      `CREATE TEMP TRIGGER daybook_check_refuses BEFORE INSERT ON main.daybook_entries WHEN NEW.correlation_id = '${CHECK_CORRELATION}' BEGIN SELECT RAISE(IGNORE); END`,
    );
    const before = stored(bench);
    try {
      update(bench, 'UPDATE OR IGNORE', { [free]: value });
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('daybook:')) throw error;
    }
    return stored(bench).json === before.json ? null : 'the row was changed, although its entry could not be recorded';
  },
};

/** A value of the row by its column; every column is there. */
function at(row: Readonly<Record<string, Value>>, column: string): Value {
  return row[column] as Value;
}

function freeColumn(connection: Connection, table: TableDescription, capture: Capture): TableColumn | undefined {
  const referring = new Set(
    connection.prepare<[string], string>('SELECT "from" FROM pragma_foreign_key_list(?)').pluck().all(table.name),
  );
  const candidates = table.columns.filter(
    (column) =>
      isFree({ table }, column) &&
      !referring.has(column.name) &&
      !capture.settings.ignore.includes(column.name) &&
      !capture.settings.redact.includes(column.name) &&
      !capture.settings.json.includes(column.name) &&
      !looksSecret(column.name),
  );
  // A column without a type takes every value that a case has.
  return (
    candidates.find((column) => column.untyped) ??
    candidates.find((column) => column.holds !== 'integer') ??
    candidates[0]
  );
}

function isFree({ table }: Pick<Bench, 'table'>, column: TableColumn): boolean {
  return !column.generated && !table.uniqueKeys.some((key) => key.columns.some((one) => one.name === column.name));
}

function another({ free, row }: Bench): { free: string; value: Value } {
  if (free === undefined) throw new NotTried('every column is in a key, computed, ignored or redacted');
  return { free: free.name, value: different(at(row, free.name)) };
}

function different(value: Value): Value {
  if (typeof value === 'bigint') return value < 2n ** 62n ? value + 1n : value - 1n;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') return `${value}~`;
  return value === null ? 'daybook' : Buffer.concat([value, Buffer.from([0])]);
}

/** Another primary key: its last column beyond the greatest beside the others, which the index of the key finds at once. */
function newKey({ table, connection, row }: Bench): Record<string, Value> {
  const last = table.primaryKey.at(-1) as string;
  const others = table.primaryKey.slice(0, -1);
  const beside = others.map((name) => `${identifier(name)} IS ?`).join(' AND ') || 'TRUE';
  const greatest = connection
    .prepare<Value[], Value>(`SELECT max(${identifier(last)}) FROM ${identifier(table.name)} WHERE ${beside}`)
    .safeIntegers()
    .pluck()
    .get(...others.map((name) => at(row, name))) as Value;
  return { [last]: different(greatest) };
}

function newUniques({ table, row }: Bench): Record<string, Value> {
  const columns = table.uniqueKeys.flatMap((key) => key.columns.map((column) => column.name));
  return Object.fromEntries(
    columns
      .filter((column) => !table.primaryKey.includes(column) && row[column] !== null)
      .map((column) => [column, different(at(row, column))]),
  );
}

function writable(table: TableDescription): string[] {
  return table.columns.filter((column) => !column.generated).map((column) => column.name);
}

function keyCondition({ table }: Bench): string {
  return table.primaryKey.map((name) => `${identifier(name)} IS ?`).join(' AND ');
}

function keyOf({ table, row }: Bench): Value[] {
  return table.primaryKey.map((name) => at(row, name));
}

function sharesKey(bench: Bench): boolean {
  const same = `SELECT 1 FROM ${identifier(bench.table.name)} WHERE ${keyCondition(bench)} LIMIT 2`;
  return bench.connection.prepare<Value[]>(same).all(...keyOf(bench)).length > 1;
}

function update(bench: Bench, verb: string, values: Readonly<Record<string, Value>>): void {
  const sets = Object.keys(values).map((name) => `${identifier(name)} = ?`);
  bench.connection
    .prepare(`${verb} ${identifier(bench.table.name)} SET ${sets.join(', ')} WHERE ${keyCondition(bench)}`)
    .run(...Object.values(values), ...keyOf(bench));
}

function removeRow(bench: Bench): void {
  bench.connection
    .prepare(`DELETE FROM ${identifier(bench.table.name)} WHERE ${keyCondition(bench)}`)
    .run(...keyOf(bench));
}

/** A text that would be bytes, if it were taken for a document of capture. */
const JSON_TEXT = '{"$blob":"00ff"}';

function setToJson(bench: Bench, column: string): void {
  bench.connection
    .prepare(`UPDATE ${identifier(bench.table.name)} SET ${identifier(column)} = json(?) WHERE ${keyCondition(bench)}`)
    .run(JSON_TEXT, ...keyOf(bench));
}

function insert(
  bench: Bench,
  verb: string,
  row: Readonly<Record<string, Value>>,
  written?: { readonly column: string; readonly sql: string },
): void {
  const columns = writable(bench.table);
  const values = columns.map((column) => (column === written?.column ? written.sql : '?')).join(', ');
  bench.connection
    .prepare(`${verb} INTO ${identifier(bench.table.name)} (${columns.map(identifier).join(', ')}) VALUES (${values})`)
    .run(...columns.map((column) => at(row, column)));
}

/** The entries of capture that the work makes; what an application records of such rows itself is none of them. */
function recordedBy({ connection, capture }: Bench, work: () => void): JudgedEntry[] {
  const last = lastSeq(connection);
  work();
  return connection
    .prepare<[number, string, string], JudgedEntry>(
      `SELECT action, entity_id, old_values, new_values, changed_fields, actor || coalesce(correlation_id, '') AS context
       FROM daybook_entries WHERE seq > ? AND entity_type = ? AND metadata ->> '$.table' = ? ORDER BY seq`,
    )
    .all(last, capture.settings.entityType, capture.table);
}

function ofType(entry: JudgedEntry, id: string): boolean {
  return entry.entity_id === id;
}

/** The row as the table has it now, as an entry would. */
function stored(bench: Bench): { id: string; json: string | null } {
  const { connection, table, capture } = bench;
  const found = connection
    .prepare<Value[], { id: string; json: string }>(
      `SELECT ${identityOf(table, 't')} AS id, ${rowJson(table, capture.settings, 't')} AS json FROM ${identifier(table.name)} AS t WHERE ${keyCondition(bench)}`,
    )
    .get(...keyOf(bench));
  return { id: found?.id ?? '', json: found?.json ?? null };
}

/** Where the row stays as it was, the table keeps it so, and the case has nothing to say. */
function expectUpdate(bench: Bench, work: () => void): string | null {
  const before = stored(bench);
  const wrong = expectTold(bench, work);
  if (wrong === null && stored(bench).json === before.json) throw new NotTried('the row stays as it was');
  return wrong;
}

/**
 * The entries must tell, one after the other, how the row came to be what it is, and no more: none where it is as it was.
 * Computed columns change with others, triggers of the application may add changes of their own, and what is ignored may
 * change unseen.
 */
function expectTold(bench: Bench, work: () => void): string | null {
  const before = stored(bench);
  const entries = recordedBy(bench, work);
  // Other rows of the table may change as well.
  return wrongIn(
    bench,
    before.json,
    changesMore(bench) ? entries.filter((entry) => ofType(entry, before.id)) : entries,
  );
}

/** A trigger may keep a row that was to go, or mark it as deleted: the entries must tell of that. */
function wrongWithKept(bench: Bench, before: string | null, entries: readonly JudgedEntry[]): string {
  const wrong = wrongIn(bench, before, entries);
  if (wrong === null) throw new NotTried('the row is still there');
  return wrong;
}

function wrongIn(bench: Bench, before: string | null, entries: readonly JudgedEntry[]): string | null {
  const { table, capture } = bench;
  return wrongInEntries({
    before,
    after: stored(bench).json,
    entries,
    columns: table.columns.map((column) => column.name),
    settings: capture.settings,
    documents: capture.settings.json,
    differ,
  });
}

function differ(columns: readonly string[], one: string | null, other: string | null): string[] {
  const [before, after] = [one, other].map((row) => (row === null ? undefined : readRecorded(row)));
  return columns.filter((name) => !sameSqlValue(before?.get(name) ?? null, after?.get(name) ?? null));
}

/** Whether statements may change more than they name: by foreign keys of the table to itself, or by its triggers. */
function changesMore({ connection, table }: Bench): boolean {
  return (
    connection
      .prepare<[string, string, string], number>(
        `SELECT 1 FROM pragma_foreign_key_list(?) WHERE "table" = ? COLLATE NOCASE UNION ALL
         SELECT 1 FROM sqlite_schema
         WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND name NOT GLOB 'daybook_capture_*'`,
      )
      .get(table.name, table.name, table.name) !== undefined
  );
}
