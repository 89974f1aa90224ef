import type { Address } from '../../../core/address.js';
import { DaybookError } from '../../../core/errors.js';
import type { Source, SourceRecord } from '../../../core/import.js';
import { isJsonObject, parseDocument, shown } from '../../../core/json.js';
import { sql } from '../../sql.js';
import { answer, connect, identifier } from '../engine/index.js';
import type { Server } from '../engine/index.js';

const PAGE = 500;

/**
 * Opens a table of an application's database to be imported, read-only. It is read page by page by its key, and nothing
 * stays open between pages: the application is not held up.
 * Throws kind `missing` without the table, kind `usage` for one that has no key, and what fails at a server.
 */
export async function openSourceTable(options: {
  readonly address: Address;
  readonly table: string;
  readonly busyTimeout: number;
}): Promise<Source> {
  const { address, table, busyTimeout } = options;
  const server = await connect({ address, schema: null, busyTimeout });
  try {
    const shape = await server.read(() => shapeOf(server, table));
    return {
      // As PostgreSQL writes them: what a format takes of lines of JSON, it takes of these.
      kind: 'ndjson',
      total: undefined,
      records: () => records(server, shape),
      lookup: () => {
        throw new DaybookError(
          'usage',
          `${address.shown}: other tables of a database in PostgreSQL are not looked into`,
        );
      },
      close: () => void server.close(),
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

interface Shape {
  /** The name, quoted, with its schema. */
  readonly table: string;
  /** The columns that tell its rows apart, with their types. */
  readonly key: readonly { readonly name: string; readonly type: string }[];
}

async function shapeOf({ connection, asked }: Server, table: string): Promise<Shape> {
  const found = await answer<number>(
    connection,
    sql(
      `SELECT c.oid::bigint FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(?)
         OR c.oid = pg_catalog.to_regclass(pg_catalog.quote_ident(?)) LIMIT 1`,
      /^[\w.]+$/.test(table) ? table : identifier(table),
      table,
    ),
  );
  if (found === undefined) throw new DaybookError('missing', `${asked.shown}: no table ${shown(table)}`);
  const [named] = await connection.rows<[schema: string, name: string]>(
    sql(
      `SELECT n.nspname, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = ?`,
      found,
    ),
  );
  const key = await connection.all<{ name: string; type: string }>(
    sql(
      `SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
       FROM (SELECT i.indrelid, i.indkey FROM pg_catalog.pg_index AS i WHERE i.indrelid = ? AND i.indisunique AND i.indisvalid
           AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS n
             WHERE n.attrelid = i.indrelid AND n.attnum = ANY (i.indkey) AND NOT n.attnotnull)
           ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1) AS k
       CROSS JOIN LATERAL pg_catalog.unnest(k.indkey) WITH ORDINALITY AS p (attnum, place)
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.indrelid AND a.attnum = p.attnum ORDER BY p.place`,
      found,
    ),
  );
  if (key.length === 0) {
    throw new DaybookError(
      'usage',
      `${asked.shown}: ${shown(table)} has no key to read by: a primary key, or another that is unique and never null`,
    );
  }
  const [schema = '', name = ''] = named ?? [];
  return { table: `${identifier(schema)}.${identifier(name)}`, key };
}

async function* records(server: Server, { table, key }: Shape): AsyncGenerator<readonly SourceRecord[]> {
  const names = key.map(({ name }) => `t.${identifier(name)}`).join(', ');
  const behind = `WHERE (${names}) > (${key.map(({ type }) => `?::${type}`).join(', ')})`;
  const texts = key.map(({ name }) => `t.${identifier(name)}::text`).join(', ');
  let last: string[] | undefined;
  do {
    const page = await server.read(async () => {
      // Times as text that any session writes and reads alike.
      await server.connection.run(
        sql(`SELECT pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO', true)`),
      );
      return server.connection.rows<string[]>(
        sql(
          `SELECT ${texts}, pg_catalog.row_to_json(t)::text FROM ${table} AS t ${last === undefined ? '' : behind} ORDER BY ${names} LIMIT ${PAGE}`,
          ...(last ?? []),
        ),
      );
    });
    if (page.length > 0) yield page.map((row) => recordOf(row));
    last = page.length < PAGE ? undefined : page.at(-1)?.slice(0, -1);
  } while (last !== undefined);
}

function recordOf(row: readonly string[]): SourceRecord {
  const values = parseDocument(row.at(-1) ?? '');
  return { position: `row ${row.slice(0, -1).join(', ')}`, values: isJsonObject(values) ? values : {} };
}
