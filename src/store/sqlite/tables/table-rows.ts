import { DaybookError } from '../../../core/errors.js';
import type { Connection } from '../engine/index.js';
import { namedTable, identifier, rowidName } from './table-description.js';
import { attemptTemporary, openTemporary } from '../engine/index.js';

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
    .map(([column]) => identifier(column));
  const key = rowid === null ? primaryKey : [rowid];
  return { isRather, columns: names, key: isRather === null && key.length > 0 ? key : null };
}

/** What to read, and how many rows at a time. */
interface Reading {
  readonly table: string;
  /** Without one, rows come in no order, and only so many. */
  readonly key: readonly string[] | null;
  /** SQL of what is wanted of each row. */
  readonly values: readonly string[];
  readonly size: number;
}

/** What is read of a view, which may have no end: more than a directory of names has. */
const MOST_ROWS = 1_000_000;
const MOST_CHARACTERS = 256 * 1024 * 1024;

/**
 * Reads a table page by page, by its key; the cells of the key stand in front of those that are wanted. Nothing stays
 * open between pages, so that nobody who writes is held up: rows that come meanwhile are read where they stand behind.
 * Throws what SQLite throws, and kind `data` where a row cannot be gone on from, or what has no key has no end.
 */
export function* tablePages(
  connection: Connection,
  { table, key, values, size }: Reading,
): Generator<readonly (readonly Cell[])[], void> {
  const select = (columns: readonly string[], rest: string) =>
    connection
      .prepare<Cell[], readonly Cell[]>(`SELECT ${columns.join(', ')} FROM ${identifier(table)} ${rest}`)
      .raw()
      .safeIntegers();
  if (key === null) {
    yield* copiedPages(table, select(values, '').iterate(), { columns: values.length, size });
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

/**
 * Pages of rows that nothing tells apart: they are all read at once, into a temporary file, for a second read of a view
 * may give others.
 */
function* copiedPages(
  table: string,
  rows: IterableIterator<readonly Cell[]>,
  { columns, size }: { readonly columns: number; readonly size: number },
): Generator<readonly (readonly Cell[])[], void> {
  const copy = openTemporary();
  try {
    const names = Array.from({ length: columns }, (_, index) => `c${index}`);
    copy.exec(
      `PRAGMA journal_mode = OFF; CREATE TABLE rows (position INTEGER PRIMARY KEY, ${names.join(', ')}); BEGIN`,
    );
    const put = copy.prepare<Cell[]>(
      `INSERT INTO rows (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    );
    let count = 0;
    let characters = 0;
    for (const row of rows) {
      count += 1;
      for (const cell of row) characters += typeof cell === 'string' || cell instanceof Uint8Array ? cell.length : 0;
      if (count > MOST_ROWS || characters > MOST_CHARACTERS) {
        const much = count > MOST_ROWS ? `${MOST_ROWS} rows` : `${MOST_CHARACTERS} characters`;
        throw new DaybookError(
          'data',
          `${table} has no key to read it by, and more than ${much}: read a table instead`,
        );
      }
      attemptTemporary(() => put.run(...row));
    }
    const page = copy
      .prepare<[number, number], readonly Cell[]>(
        `SELECT ${names.join(', ')} FROM rows WHERE position > ? ORDER BY position LIMIT ?`,
      )
      .raw()
      .safeIntegers();
    for (let done = 0; done < count; done += size) yield attemptTemporary(() => page.all(done, size));
  } finally {
    copy.close();
  }
}
