import Database from 'better-sqlite3';
import { DaybookError } from '../../core/errors.js';
import { rowReader } from '../../core/import.js';
import type { Source, SourceRecord, SourceValue } from '../../core/import.js';
import { quoted as shown } from '../../core/json.js';
import type { Connection } from './connection.js';
import { quoted } from './table-description.js';

const PAGE = 500;

export interface SourceDatabaseOptions {
  readonly path: string;
  readonly table: string;
  /** Milliseconds to wait for a lock. */
  readonly busyTimeout: number;
}

/**
 * Opens a table of another database to be imported, read-only. It is read page by page by its key, and nothing stays
 * open between pages: the application beside it is not held up.
 * Throws kind `data` for what cannot be read, kind `usage` without the table, and kind `busy`.
 */
export function openSourceDatabase({ path, table, busyTimeout }: SourceDatabaseOptions): Source {
  const connection = told(
    path,
    () => new Database(path, { readonly: true, fileMustExist: true, timeout: busyTimeout }),
  );
  try {
    connection.defaultSafeIntegers(true);
    // It is read once, from the first row to the last.
    told(path, () => connection.pragma('cache_size = -1024'));
    const shape = told(path, () => tableOf(connection, table, path));
    const total = told(path, () =>
      Number(
        connection
          .prepare<[], bigint>(`SELECT count(*) FROM ${quoted(table)}`)
          .pluck()
          .get(),
      ),
    );
    return {
      kind: 'sqlite',
      total,
      records: () => rows(connection, table, shape),
      lookup: (other, from, to) => lookup(connection, { table: other, key: from, value: to, path }),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface TableShape {
  readonly path: string;
  readonly columns: readonly string[];
  /** What its rows are read by, as SQL: the rowid, or the primary key where there is none. */
  readonly key: readonly string[];
}

function tableOf(connection: Connection, table: string, path: string): TableShape {
  const found = connection
    .prepare<[string], { type: string; wr: bigint }>(
      `SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE`,
    )
    .get(table);
  if (found?.type !== 'table') {
    const what =
      found?.type === 'view' ? `${shown(table)} is a view, which has no key to read by` : `no table ${shown(table)}`;
    throw new DaybookError('usage', `${path}: ${what}; its tables: ${tableNames(connection)}`);
  }
  const columns = connection
    .prepare<[string], { name: string; pk: bigint }>('SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1')
    .all(table);
  const names = columns.map(({ name }) => name);
  const primaryKey = columns
    .filter(({ pk }) => pk > 0n)
    .toSorted((a, b) => Number(a.pk - b.pk))
    .map(({ name }) => quoted(name));
  const rowid = ['rowid', '_rowid_', 'oid'].find((name) => !names.some((other) => other.toLowerCase() === name));
  const key = found.wr === 1n || rowid === undefined ? primaryKey : [rowid];
  if (key.length === 0) throw new DaybookError('usage', `${path}: table ${shown(table)} has no key to read by`);
  return { path, columns: names, key };
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
  table: string,
  shape: TableShape,
): AsyncGenerator<readonly SourceRecord[]> {
  const { columns, key, path } = shape;
  const names = key.join(', ');
  const select = (where: string) =>
    told(path, () =>
      connection
        .prepare<unknown[], SourceValue[]>(
          `SELECT ${[...key, ...columns.map(quoted)].join(', ')} FROM ${quoted(table)} ${where} ORDER BY ${names} LIMIT ${PAGE}`,
        )
        .raw(),
    );
  const first = select('');
  const following = select(`WHERE (${names}) > (${key.map(() => '?').join(', ')})`);
  const valuesOf = rowReader(columns, key.length);
  for (let page = told(path, () => first.all()); page.length > 0;) {
    yield page.map((row) => ({ position: `row ${row.slice(0, key.length).join(', ')}`, values: valuesOf(row) }));
    if (page.length < PAGE) return;
    const last = page.at(-1)?.slice(0, key.length) ?? [];
    page = told(path, () => following.all(...last));
  }
}

function lookup(
  connection: Connection,
  { table, key, value, path }: { table: string; key: string; value: string; path: string },
): (key: string) => string | null {
  const { columns } = told(path, () => tableOf(connection, table, path));
  for (const name of [key, value]) {
    if (!columns.some((column) => column.toLowerCase() === name.toLowerCase())) {
      throw new DaybookError('usage', `table ${table} has no column ${shown(name)}: it has ${columns.join(', ')}`);
    }
  }
  const statement = connection
    .prepare<[string], string | null>(
      `SELECT CAST(${quoted(value)} AS TEXT) FROM ${quoted(table)} WHERE ${quoted(key)} = ?`,
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
