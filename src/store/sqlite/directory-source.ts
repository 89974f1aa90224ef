import type { ListedActor } from '../../core/directory.js';
import { DaybookError } from '../../core/errors.js';
import { shellWord } from '../../core/shell.js';
import { attempt, openFile } from './connection.js';
import type { Connection, ConnectionOptions } from './connection.js';
import { quoted } from './table-description.js';

/** A table of a database that has names, and the columns that they stand in. */
export interface NamesTable {
  readonly table: string;
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

const PAGE = 1000;
const LEAST = -(2n ** 63n);

interface Row {
  place: bigint | null;
  actor: string | null;
  name: string | null;
  email: string | null;
  bytes: bigint;
}

/**
 * Reads the names in a table of a database, page by page, over a read-only connection of its own. Throws kind `missing`
 * without the database or the table, kind `usage` for a column that it has not, kind `data` for a row without an id.
 */
export async function* namesInTable(
  database: Omit<ConnectionOptions, 'readonly'>,
  wanted: NamesTable,
): AsyncGenerator<readonly ListedActor[]> {
  const { path } = database;
  const connection = openApplication({ ...database, readonly: true });
  try {
    const page = attempt(path, () => pagesOf(connection, path, wanted));
    for (let from: bigint | null = LEAST; from !== null;) {
      const start: bigint = from;
      const { rows, next } = attempt(path, () => page(start));
      yield rows.map((row) => listed(row, wanted));
      from = next;
    }
  } finally {
    connection.close();
  }
}

/** It need not hold a trail, and `init` would be no help. */
function openApplication(options: ConnectionOptions): Connection {
  try {
    return openFile(options);
  } catch (error) {
    if (!(error instanceof DaybookError) || error.kind !== 'missing') throw error;
    throw new DaybookError('missing', error.message, { cause: error });
  }
}

type Pages = (from: bigint) => { readonly rows: readonly Row[]; readonly next: bigint | null };

function pagesOf(connection: Connection, path: string, { table, id, name, email }: NamesTable): Pages {
  const found = connection
    .prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)')
    .pluck()
    .all(table)
    .map((column) => column.toLowerCase());
  if (found.length === 0) {
    throw new DaybookError('missing', `no table ${JSON.stringify(table)} in ${path}`, {
      hint: `sqlite3 ${shellWord(path)} .tables`,
    });
  }
  const columns = [id, name, ...(email === null ? [] : [email])];
  const stray = columns.find((column) => !found.includes(column.toLowerCase()));
  if (stray !== undefined) {
    throw new DaybookError(
      'usage',
      `table ${table} has no column ${JSON.stringify(stray)}: there are ${found.join(', ')}`,
    );
  }
  const text = (column: string | null): string => (column === null ? 'NULL' : `CAST(${quoted(column)} AS TEXT)`);
  const bytes = columns.map((column) => `typeof(${quoted(column)}) = 'blob'`).join(' OR ');
  const values = `${text(id)} AS actor, ${text(name)} AS name, ${text(email)} AS email, (${bytes}) AS bytes`;
  const rowid = rowidOf(connection, table, found);
  if (rowid === null) {
    // A view, or a table without a rowid, has nothing that every page of it could go by.
    const all = connection.prepare<[], Row>(`SELECT NULL AS place, ${values} FROM ${quoted(table)}`).safeIntegers();
    return () => ({ rows: all.all(), next: null });
  }
  const page = connection
    .prepare<[bigint], Row>(
      `SELECT ${rowid} AS place, ${values} FROM ${quoted(table)} WHERE ${rowid} >= ? ORDER BY ${rowid} LIMIT ${PAGE}`,
    )
    .safeIntegers();
  return (from) => {
    const rows = page.all(from);
    const last = rows.at(-1)?.place ?? null;
    const isEnd = rows.length < PAGE || last === null || last === -(LEAST + 1n);
    return { rows, next: isEnd ? null : last + 1n };
  };
}

/** A name for the rowid that no column has, or null where there is none. */
function rowidOf(connection: Connection, table: string, columns: readonly string[]): string | null {
  const kind = connection
    .prepare<[string], { type: string; wr: number }>(
      `SELECT type, wr FROM pragma_table_list(?) ORDER BY schema = 'main' DESC LIMIT 1`,
    )
    .get(table);
  if (kind?.type !== 'table' || kind.wr === 1) return null;
  return ['rowid', '_rowid_', 'oid'].find((name) => !columns.includes(name)) ?? null;
}

function listed({ place, actor, name, email, bytes }: Row, { table, id }: NamesTable): ListedActor {
  const at = place === null ? `a row of ${table}` : `row ${place} of ${table}`;
  if (bytes !== 0n) throw new DaybookError('data', `${at}: bytes are no text`);
  if (actor === null) throw new DaybookError('data', `${at}: ${id} is null`);
  // An address that is empty is none.
  return { actor, name: name ?? '', email: email === '' ? null : email, place: at };
}
