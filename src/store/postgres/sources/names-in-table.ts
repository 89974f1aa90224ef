import type { Address } from '../../../core/address.js';
import type { ListedActor } from '../../../core/directory.js';
import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { shellWord } from '../../../core/shell.js';
import type { NamesTable } from '../../names.js';
import { sql } from '../../sql.js';
import { connect, explained, identifier } from '../engine/index.js';
import type { Server } from '../engine/index.js';
import { columnOf, findTable, tablePages, writeTimesAlike } from './table.js';
import type { SourceTable } from './table.js';

const PAGE = 1000;

/** What is read of what has no key, such as a view, which may have no end: more than a directory of names has. */
const MOST_ROWS = 1_000_000;

/**
 * Reads the names in a table of a database, page by page, over a read-only connection of its own. Throws kind `missing`
 * without the database or the table, kind `usage` for a column that it has not, kind `data` for a row without an id and
 * for a view of more rows than are read.
 */
export async function* namesInTable(
  { address, busyTimeout }: { readonly address: Address; readonly busyTimeout: number },
  wanted: NamesTable,
): AsyncGenerator<readonly ListedActor[]> {
  const server = await connect({ address, schema: null, busyTimeout });
  try {
    const table = await server.read(() => findTable(server, wanted.table, wanted.schema));
    if (table === undefined) {
      const named = wanted.schema === undefined ? wanted.table : `${wanted.schema}.${wanted.table}`;
      throw new DaybookError('missing', `${address.shown}: no table ${shown(named)}`, {
        hint: `psql ${shellWord(address.shown)} -c '\\d'`,
      });
    }
    const values = valuesOf(table, wanted);
    const pages =
      table.key.length > 0 ? tablePages(server, table, { values, size: PAGE }) : keylessPages(server, table, values);
    for await (const page of pages) yield page.map((row) => listed(row, table, wanted));
  } finally {
    await server.close();
  }
}

function valuesOf(table: SourceTable, { id, name, email }: NamesTable): string[] {
  return [id, name, email].map((wanted) => {
    if (wanted === null) return 'NULL::text';
    const column = columnOf(table, wanted);
    if (column.type !== 'bytea') return `t.${identifier(column.name)}::text`;
    throw new DaybookError(
      'data',
      `table ${table.asked}: the column ${shown(column.name)} holds bytes, which are no text`,
    );
  });
}

/** Rows that nothing tells apart come out of one transaction: a second look at a view may give others. */
async function* keylessPages(
  { connection, asked, settings }: Server,
  { asked: table, name }: SourceTable,
  values: readonly string[],
): AsyncGenerator<readonly string[][]> {
  const cursor = `NO SCROLL CURSOR FOR SELECT ${values.join(', ')} FROM ${name} AS t`;
  try {
    for (const statement of ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', ...settings]) {
      await connection.script(statement);
    }
    await writeTimesAlike(connection);
    await connection.run(sql(`DECLARE names ${cursor}`));
    for (let count = 0; ;) {
      const page = await connection.rows<string[]>(sql(`FETCH ${PAGE} FROM names`));
      count += page.length;
      if (count > MOST_ROWS) {
        throw new DaybookError(
          'data',
          `${table} has no key to read it by, and more than ${MOST_ROWS} rows: read a table instead`,
        );
      }
      if (page.length > 0) yield page;
      if (page.length < PAGE) return;
    }
  } catch (error) {
    throw explained(error, asked);
  }
}

type Cells = readonly [actor: string | null, name: string | null, email: string | null];

function listed(row: readonly string[], { asked, key }: SourceTable, { id }: NamesTable): ListedActor {
  const place = key.length === 0 ? `a row of ${asked}` : `row ${row.slice(0, key.length).join(', ')} of ${asked}`;
  const [actor, name, email] = row.slice(key.length) as unknown as Cells;
  if (actor === null) throw new DaybookError('data', `${place}: ${id} is null`);
  // An address that is empty is none.
  return { actor, name: name ?? '', email: email === '' ? null : email, place };
}
