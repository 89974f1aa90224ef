import type { ListedActor } from '../../../core/directory.js';
import { DaybookError } from '../../../core/errors.js';
import { shellWord } from '../../../core/shell.js';
import type { NamesTable } from '../../names.js';
import { attempt, openFile, openReadable } from '../engine/index.js';
import type { Connection, ConnectionOptions, Reader } from '../engine/index.js';
import { identifier, readableTable, tablePages } from '../tables/index.js';
import type { Cell } from '../tables/index.js';

const PAGE = 1000;

/**
 * Reads the names in a table of a database, page by page, over a read-only connection of its own. Throws kind `missing`
 * without the database or the table, kind `usage` for a column that it has not, kind `data` for a row without an id and
 * for a view of more rows than are read.
 */
export async function* namesInTable(
  database: Pick<ConnectionOptions, 'path' | 'busyTimeout'>,
  wanted: NamesTable,
  reader: Reader,
): AsyncGenerator<readonly ListedActor[]> {
  const { path } = database;
  const { opened: connection } = await openReadable(path, reader, (copy) =>
    openApplication({ ...database, copy, readonly: true, foreign: true }),
  );
  try {
    const { key, pages } = attempt(path, () => read(connection, path, wanted), true);
    const next = () => attempt(path, () => pages.next(), true);
    for (let page = next(); page.done !== true; page = next()) yield page.value.map((row) => listed(row, key, wanted));
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
    throw new DaybookError('missing', error.message, { cause: error.cause });
  }
}

interface Reading {
  /** How many cells of a row are its key. */
  readonly key: number;
  readonly pages: ReturnType<typeof tablePages>;
}

function read(connection: Connection, path: string, { table, id, name, email }: NamesTable): Reading {
  const found = readableTable(connection, table);
  if (found === undefined) {
    throw new DaybookError('missing', `no table ${JSON.stringify(table)} in ${path}`, {
      hint: `sqlite3 ${shellWord(path)} .tables`,
    });
  }
  const known = found.columns.map((column) => column.toLowerCase());
  const columns = [id, name, ...(email === null ? [] : [email])];
  const stray = columns.find((column) => !known.includes(column.toLowerCase()));
  if (stray !== undefined) {
    throw new DaybookError(
      'usage',
      `table ${table} has no column ${JSON.stringify(stray)}: there are ${known.join(', ')}`,
    );
  }
  const texts = [id, name, email].map((column) => (column === null ? 'NULL' : `CAST(${identifier(column)} AS TEXT)`));
  const bytes = columns.map((column) => `typeof(${identifier(column)}) = 'blob'`).join(' OR ');
  const { key } = found;
  return {
    key: key?.length ?? 0,
    pages: tablePages(connection, { table, key, values: [...texts, `(${bytes})`], size: PAGE }),
  };
}

type Names = readonly [actor: string | null, name: string | null, email: string | null, bytes: bigint];

function listed(row: readonly Cell[], key: number, { table, id }: NamesTable): ListedActor {
  // A view has nothing that would tell its rows apart.
  const place = key === 0 ? `a row of ${table}` : `row ${row.slice(0, key).join(', ')} of ${table}`;
  const [actor, name, email, bytes] = row.slice(key) as unknown as Names;
  if (bytes !== 0n) throw new DaybookError('data', `${place}: bytes are no text`);
  if (actor === null) throw new DaybookError('data', `${place}: ${id} is null`);
  // An address that is empty is none.
  return { actor, name: name ?? '', email: email === '' ? null : email, place };
}
