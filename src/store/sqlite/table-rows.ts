import { DaybookError } from '../../core/errors.js';
import type { Connection } from './connection.js';
import { namedTable, quoted, rowidName } from './table-description.js';

/** A value as SQLite has it; whole numbers are bigint, whatever their size. */
export type Cell = string | number | bigint | Uint8Array | null;

/** What rows can be read from. */
export interface ReadableTable {
  /** What it is where that is no ordinary table, with its article. */
  readonly isRather: string | null;
  readonly columns: readonly string[];
  /** What tells its rows apart and puts them in order, as SQL: the rowid, or the primary key. Null where nothing does. */
  readonly key: readonly string[] | null;
}

/** Looks at what of the main database has this name, or gives undefined where nothing has. */
export function readableTable(connection: Connection, name: string): ReadableTable | undefined {
  const found = namedTable(connection, name);
  if (found === undefined) return undefined;
  const { withoutRowid, isRather } = found;
  const columns = connection
    .prepare<[string], [name: string, inKey: number]>('SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1')
    .raw()
    .safeIntegers(false)
    .all(name);
  const names = columns.map(([column]) => column);
  const rowid = withoutRowid ? null : rowidName(names);
  const primaryKey = columns
    .filter(([, inKey]) => inKey > 0)
    .toSorted(([, one], [, other]) => one - other)
    .map(([column]) => quoted(column));
  const key = rowid === null ? primaryKey : [rowid];
  return { isRather, columns: names, key: isRather === null && key.length > 0 ? key : null };
}

/** What to read, and how many rows at a time. */
interface Reading {
  readonly table: string;
  /** Without one, all rows come at once, in no order. */
  readonly key: readonly string[] | null;
  /** SQL of what is wanted of each row. */
  readonly values: readonly string[];
  readonly size: number;
}

/**
 * Reads a table page by page, by its key; the cells of the key stand in front of those that are wanted. Nothing stays
 * open between pages, so that nobody who writes is held up: rows that come meanwhile are read where they stand behind.
 * Throws what SQLite throws, and kind `data` where a row cannot be gone on from.
 */
export function* tablePages(
  connection: Connection,
  { table, key, values, size }: Reading,
): Generator<readonly (readonly Cell[])[], void> {
  const select = (columns: readonly string[], rest: string) =>
    connection
      .prepare<Cell[], readonly Cell[]>(`SELECT ${columns.join(', ')} FROM ${quoted(table)} ${rest}`)
      .raw()
      .safeIntegers();
  if (key === null) {
    yield select(values, '').all();
    return;
  }
  const names = key.join(', ');
  const columns = [...key, ...values];
  const order = `ORDER BY ${names} LIMIT ${size}`;
  const following = select(columns, `WHERE (${names}) > (${key.map(() => '?').join(', ')}) ${order}`);
  for (let page = select(columns, order).all(); page.length > 0;) {
    yield page;
    const last = page.at(-1)?.slice(0, key.length) ?? [];
    if (page.length < size) return;
    // Nothing is greater than null: the rest would be left out and nobody told.
    if (last.includes(null)) throw new DaybookError('data', `${table}: its key ${names} holds null`);
    page = following.all(...last);
  }
}
