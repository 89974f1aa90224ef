import { DaybookError } from '../../../core/errors.js';
import type { OpenConnection, OpenStatement } from '../../open-connection.js';
import type { Connection } from './connection.js';

const adapted = new WeakMap<OpenConnection, Connection>();

/** An application's connection as the rooms of this engine use one: itself, or an adapter where the driver is another. */
export function connectionOf(application: OpenConnection): Connection {
  if (!isConnection(application)) {
    throw new DaybookError('usage', 'a connection has the methods exec and prepare, and this value has not', {
      field: 'connection',
      value: application,
    });
  }
  let connection = adapted.get(application);
  if (connection === undefined) {
    connection = isOfBetterSqlite(application) ? application : adapt(application as OtherConnection);
    adapted.set(application, connection);
  }
  return connection;
}

/** Whether something may be a connection at all. */
export function isConnection(value: unknown): value is OpenConnection {
  const { exec, prepare } = (value ?? {}) as Partial<Record<keyof OpenConnection, unknown>>;
  return typeof exec === 'function' && typeof prepare === 'function';
}

/** By what it does, not by its class: a driver may have a method of the same name that does something else. */
function isOfBetterSqlite(application: OpenConnection): application is Connection {
  const { pragma, transaction, inTransaction } = application as Partial<Connection>;
  if (typeof pragma !== 'function' || typeof transaction !== 'function' || typeof inTransaction !== 'boolean') {
    return false;
  }
  const statement = said(() => (application as Connection).prepare('SELECT 1 AS one'));
  return (
    typeof statement.pluck === 'function' &&
    typeof statement.safeIntegers === 'function' &&
    statement.safeIntegers(false).pluck().get() === 1
  );
}

/** What other drivers may have besides. */
interface OtherConnection extends OpenConnection {
  readonly name?: unknown;
  /** libsql, which ends the whole process where it is asked after it was closed. */
  readonly open?: unknown;
  readonly inTransaction?: unknown;
  /** node:sqlite */
  readonly isTransaction?: unknown;
  /** node:sqlite of newer Nodes */
  enableDefensive?(on: boolean): void;
  unsafeMode?(on: boolean): unknown;
  function?(name: string, options: object, work: unknown): unknown;
}

interface OtherStatement extends OpenStatement {
  /** libsql */
  raw?(on: boolean): unknown;
  safeIntegers?(on: boolean): unknown;
  /** node:sqlite */
  setReturnArrays?(on: boolean): void;
  setReadBigInts?(on: boolean): void;
  setAllowUnknownNamedParameters?(on: boolean): void;
}

/** The part of better-sqlite3 that the rooms of this engine use, over a driver that has less. */
function adapt(application: OtherConnection): Connection {
  const asked = <T>(work: () => T): T => {
    if (application.open === false) throw new TypeError('The database connection is not open');
    return said(work);
  };
  const exec = (sql: string): void => void asked(() => application.exec(sql));
  const prepare = (sql: string): unknown =>
    adaptedStatement(
      asked(() => application.prepare(sql)),
      asked,
    );
  const connection = {
    exec,
    prepare,
    name: typeof application.name === 'string' ? application.name : fileOf(prepare('PRAGMA database_list') as Adapted),
    get inTransaction() {
      return asked(() => isInTransaction(application));
    },
    pragma(text: string, { simple = false } = {}): unknown {
      const rows = (prepare(`PRAGMA ${text}`) as Adapted).all() as object[];
      return simple ? Object.values(rows[0] ?? {})[0] : rows;
    },
    transaction(work: () => unknown) {
      const within = (begin: string) => (): unknown => runWithin(connection, begin, work);
      const run = within('BEGIN');
      return Object.assign(run, { deferred: run, immediate: within('BEGIN IMMEDIATE') });
    },
    /** Most drivers let the schema be written in any case. */
    unsafeMode(on: boolean) {
      if (application.unsafeMode === undefined) application.enableDefensive?.(!on);
      else application.unsafeMode(on);
    },
    function(name: string, options: object, work: unknown) {
      if (application.function === undefined) return undefined;
      return said(() => application.function?.(name, options, work));
    },
  };
  return connection as unknown as Connection;
}

function fileOf(list: Adapted): string {
  const [main] = list.all() as { readonly file?: string }[];
  return main?.file ?? '';
}

interface Transacting {
  readonly inTransaction: boolean;
  exec(sql: string): void;
}

function runWithin(connection: Transacting, begin: string, work: () => unknown): unknown {
  const [first, last, back] = connection.inTransaction
    ? ['SAVEPOINT daybook', 'RELEASE daybook', 'ROLLBACK TO daybook; RELEASE daybook']
    : [begin, 'COMMIT', 'ROLLBACK'];
  connection.exec(first);
  try {
    const result = work();
    connection.exec(last);
    return result;
  } catch (error) {
    // SQLite may have ended it already.
    if (connection.inTransaction) connection.exec(back);
    throw error;
  }
}

/** A driver that does not say is asked by a statement: to begin a transaction fails only within one. */
function isInTransaction(application: OtherConnection): boolean {
  const known = application.inTransaction ?? application.isTransaction;
  if (typeof known === 'boolean') return known;
  try {
    application.exec('BEGIN');
  } catch (error) {
    if (String((error as Error).message).includes('within a transaction')) return true;
    throw asSqliteError(error);
  }
  application.exec('ROLLBACK');
  return false;
}

interface Adapted {
  all(...values: unknown[]): unknown[];
}

function adaptedStatement(statement: OtherStatement, asked: <T>(work: () => T) => T): unknown {
  let shape: 'object' | 'array' | 'first' = 'object';
  let arrays = false;
  statement.setReadBigInts?.(false);
  // A statement of ours may need fewer of its values than there are.
  statement.setAllowUnknownNamedParameters?.(true);
  if (statement.raw !== undefined) statement.safeIntegers?.(false);
  const asArrays = (): void => {
    if (arrays) return;
    // A row as an object puts names that are numbers in front.
    if (statement.raw !== undefined) statement.raw(true);
    else if (statement.setReturnArrays !== undefined) statement.setReturnArrays(true);
    arrays = true;
  };
  /** libsql takes the values as one list, and cannot be given a single null in another way. */
  const given = (values: readonly unknown[]): never[] => {
    const isNamed = values.length === 1 && typeof values[0] === 'object' && values[0] !== null;
    return (statement.raw === undefined || isNamed ? values : [values]) as never[];
  };
  const shaped = (row: unknown): unknown => {
    if (shape === 'object') return row;
    const cells = Array.isArray(row) ? (row as unknown[]) : Object.values(row as object);
    return shape === 'array' ? cells : cells[0];
  };
  const all = (...values: unknown[]): unknown[] => asked(() => statement.all(...given(values))).map(shaped);
  const adaptation = {
    reader: true,
    all,
    get: (...values: unknown[]) => all(...values)[0],
    iterate: (...values: unknown[]) => all(...values)[Symbol.iterator](),
    run(...values: unknown[]) {
      const { changes, lastInsertRowid } = asked(() => statement.run(...given(values))) as Record<string, unknown>;
      return { changes: Number(changes), lastInsertRowid };
    },
    safeIntegers: () => adaptation,
    raw() {
      asArrays();
      shape = 'array';
      return adaptation;
    },
    pluck() {
      asArrays();
      shape = 'first';
      return adaptation;
    },
  };
  return adaptation;
}

/** What a driver says, by the names that SQLite has for its codes. */
function said<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asSqliteError(error);
  }
}

/** The codes of SQLite that daybook has words for. */
const CODES: Readonly<Record<number, string>> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  19: 'SQLITE_CONSTRAINT',
  26: 'SQLITE_NOTADB',
};

/** node:sqlite gives the number alone. */
function asSqliteError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode !== 'number') return error;
  return Object.assign(new Error(error.message, { cause: error }), { code: CODES[errcode & 0xff] ?? 'SQLITE_ERROR' });
}
