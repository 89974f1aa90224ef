import Database from 'better-sqlite3';
import { DaybookError } from '../../../core/errors.js';
import { rowReader } from '../../../core/import.js';
import type { Source, SourceRecord } from '../../../core/import.js';
import { shown } from '../../../core/json.js';
import type { Connection } from '../engine/index.js';
import { expectFileName, expectOwnJournal } from '../engine/index.js';
import { identifier, readableTable, tablePages } from '../tables/index.js';

const PAGE = 500;

export interface SourceDatabaseOptions {
  readonly path: string;
  /** A private copy to read instead, where the file itself cannot be. */
  readonly copy?: string | undefined;
  readonly table: string;
  /** Milliseconds to wait for a lock. */
  readonly busyTimeout: number;
}

/**
 * Opens a table of another database to be imported, read-only. It is read page by page by its key, and nothing stays
 * open between pages: the application beside it is not held up.
 * Throws kind `missing` without the table, kind `usage` for one that has no key and for a name of no file, kind `data` for what cannot be read, and
 * kind `busy`.
 */
export function openSourceDatabase({ path, copy, table, busyTimeout }: SourceDatabaseOptions): Source {
  expectFileName(path);
  told(path, () => expectOwnJournal(path, busyTimeout));
  const connection = told(
    path,
    () => new Database(copy ?? path, { readonly: true, fileMustExist: true, timeout: busyTimeout }),
  );
  try {
    connection.defaultSafeIntegers(true);
    // What its tables call is as foreign as they are.
    told(path, () => connection.pragma('trusted_schema = OFF'));
    // It is read once, from the first row to the last.
    told(path, () => connection.pragma('cache_size = -1024'));
    const shape = told(path, () => shapeOf(connection, table, path));
    const total = told(path, () =>
      Number(
        connection
          .prepare<[], bigint>(`SELECT count(*) FROM ${identifier(table)}`)
          .pluck()
          .get(),
      ),
    );
    return {
      kind: 'sqlite',
      total,
      records: () => rows(connection, { path, table }, shape),
      lookup: (other, from, to, isOptional = false) =>
        lookup(connection, { table: other, key: from, value: to, path, isOptional }),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface TableShape {
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

function shapeOf(connection: Connection, table: string, path: string): TableShape {
  const found = readableTable(connection, table);
  if (found === undefined) throw new DaybookError('missing', noTable(connection, table, path));
  const { isRather, columns, key } = found;
  if (key !== null) return { columns, key };
  const problem = `${shown(table)} is ${isRather ?? 'a table'}, which has no key to read by`;
  throw new DaybookError('usage', `${path}: ${problem}; its tables: ${tableNames(connection)}`);
}

function noTable(connection: Connection, table: string, path: string): string {
  return `${path}: no table ${shown(table)}; its tables: ${tableNames(connection)}`;
}

function tableNames(connection: Connection): string {
  const names = connection
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name LIMIT 20`,
    )
    .pluck()
    .all();
  return names.length === 0 ? 'none' : names.join(', ');
}

async function* rows(
  connection: Connection,
  { path, table }: { readonly path: string; readonly table: string },
  { columns, key }: TableShape,
): AsyncGenerator<readonly SourceRecord[]> {
  const valuesOf = rowReader(columns, key.length);
  const pages = tablePages(connection, { table, key, values: columns.map(identifier), size: PAGE });
  const next = () => told(path, () => pages.next());
  for (let page = next(); page.done !== true; page = next()) {
    yield page.value.map((row) => ({
      position: `row ${row.slice(0, key.length).join(', ')}`,
      values: valuesOf(row),
      key: row.slice(0, key.length),
    }));
  }
}

function lookup(
  connection: Connection,
  {
    table,
    key,
    value,
    path,
    isOptional,
  }: { table: string; key: string; value: string; path: string; isOptional: boolean },
): (key: string) => string | null {
  const columns = told(path, () => readableTable(connection, table))?.columns;
  const stray = [key, value].find((name) => !columns?.some((column) => column.toLowerCase() === name.toLowerCase()));
  if (stray !== undefined && isOptional) return () => null;
  if (columns === undefined) throw new DaybookError('usage', noTable(connection, table, path));
  if (stray !== undefined) {
    throw new DaybookError('usage', `table ${table} has no column ${shown(stray)}: it has ${columns.join(', ')}`);
  }
  const statement = connection
    .prepare<[string], string | null>(
      `SELECT CAST(${identifier(value)} AS TEXT) FROM ${identifier(table)} WHERE ${identifier(key)} = ?`,
    )
    .pluck();
  return (id) => told(path, () => statement.get(id)) ?? null;
}

/** Gives what SQLite says of a source the words and the kind of the contract. */
function told<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    const busy = error.code.startsWith('SQLITE_BUSY') || error.code.startsWith('SQLITE_LOCKED');
    throw busy
      ? new DaybookError('busy', `${path} is locked by another program`, { cause: error, hint: '… --busy-timeout 30s' })
      : new DaybookError('data', `${path} cannot be read (${error.message})`, { cause: error });
  }
}
