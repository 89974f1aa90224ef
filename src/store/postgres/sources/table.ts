import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { sql } from '../../sql.js';
import { answer, identifier } from '../engine/index.js';
import type { Server } from '../engine/index.js';

/** A table, or what can be read like one, of an application. */
export interface SourceTable {
  /** As it was asked for. */
  readonly asked: string;
  /** The name, quoted, with its schema. */
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns that tell its rows apart; none where nothing does. */
  readonly key: readonly Column[];
}

export interface Column {
  readonly name: string;
  readonly type: string;
}

/**
 * Looks for what has this name, where the search path of who is connected leads, or in a schema, which may also stand before
 * it with a dot; undefined where nothing has. Runs in the open transaction.
 */
export async function findTable(
  { connection }: Server,
  table: string,
  schema?: string,
): Promise<SourceTable | undefined> {
  const asked = schema === undefined ? table : `${schema}.${table}`;
  const exact = schema === undefined ? identifier(table) : `${identifier(schema)}.${identifier(table)}`;
  const found = await answer<number>(
    connection,
    sql(
      `SELECT c.oid::bigint FROM pg_catalog.pg_class AS c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
         AND (c.oid = pg_catalog.to_regclass(?) OR c.oid = pg_catalog.to_regclass(?)) LIMIT 1`,
      /^\w+(?:\.\w+)?$/.test(asked) ? asked : exact,
      exact,
    ),
  );
  if (found === undefined) return undefined;
  return tableOf(connection, asked, found);
}

async function tableOf(connection: Server['connection'], asked: string, oid: number): Promise<SourceTable> {
  const [named] = await connection.rows<[schema: string, name: string]>(
    sql(
      `SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = ?`,
      oid,
    ),
  );
  const columns = await connection.all<Column>(
    sql(
      `SELECT attname AS name, pg_catalog.format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute
       WHERE attrelid = ? AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
      oid,
    ),
  );
  const key = await connection.all<Column>(
    sql(
      `SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
       FROM (SELECT i.indrelid, i.indkey FROM pg_catalog.pg_index AS i WHERE i.indrelid = ? AND i.indisunique AND i.indisvalid
           AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS n
             WHERE n.attrelid = i.indrelid AND n.attnum = ANY (i.indkey) AND NOT n.attnotnull)
           ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) AS k
       CROSS JOIN LATERAL pg_catalog.unnest(k.indkey) WITH ORDINALITY AS p (attnum, place)
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.indrelid AND a.attnum = p.attnum ORDER BY p.place`,
      oid,
    ),
  );
  const [schema = '', name = ''] = named ?? [];
  return { asked, name: `${identifier(schema)}.${identifier(name)}`, columns, key };
}

/**
 * The column of this name, also where it is written in other letters, as outside of quotes. Throws kind `usage` where
 * there is none.
 */
export function columnOf({ asked, columns }: SourceTable, wanted: string): Column {
  const found =
    columns.find(({ name }) => name === wanted) ??
    columns.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return found;
  const there = columns.map(({ name }) => name).join(', ');
  throw new DaybookError('usage', `table ${asked} has no column ${shown(wanted)}: it has ${there}`);
}

/**
 * Reads a table page by page, by its key; the cells of the key, as texts, stand in front of those that are wanted. Nothing
 * stays open between pages, so that nobody who writes is held up.
 */
export async function* tablePages(
  server: Server,
  { name, key }: SourceTable,
  { values, size }: { readonly values: readonly string[]; readonly size: number },
): AsyncGenerator<readonly string[][]> {
  const names = key.map((column) => `t.${identifier(column.name)}`).join(', ');
  const behind = `WHERE (${names}) > (${key.map(({ type }) => `?::${type}`).join(', ')})`;
  const wanted = [...key.map((column) => `t.${identifier(column.name)}::text`), ...values].join(', ');
  let last: string[] | undefined;
  do {
    const page = await server.read(async () => {
      await writeTimesAlike(server.connection);
      return server.connection.rows<string[]>(
        sql(
          `SELECT ${wanted} FROM ${name} AS t ${last === undefined ? '' : behind} ORDER BY ${names} LIMIT ${size}`,
          ...(last ?? []),
        ),
      );
    });
    if (page.length > 0) yield page;
    last = page.length < size ? undefined : page.at(-1)?.slice(0, key.length);
  } while (last !== undefined);
}

/** Times as text that any session writes and reads alike. Runs in the open transaction, and ends with it. */
export async function writeTimesAlike(connection: Server['connection']): Promise<void> {
  await connection.run(
    sql(`SELECT pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO', true)`),
  );
}
