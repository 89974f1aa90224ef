import { DaybookError } from '../../../core/errors.js';
import { sql } from '../../sql.js';
import { identifier } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

/** A table of the application. */
export interface TableDescription {
  /** As entries call it: with its schema, unless that is `public`. */
  readonly name: string;
  readonly oid: number;
  /** As SQL. */
  readonly quoted: string;
  readonly partitioned: boolean;
  readonly columns: readonly TableColumn[];
  /** The columns of the primary key, in its order. */
  readonly primaryKey: readonly string[];
}

export interface TableColumn {
  readonly name: string;
  /** Its type as SQL. */
  readonly type: string;
  /** Whether it can hold no number. */
  readonly text: boolean;
  readonly generated: boolean;
  readonly identity: boolean;
}

interface Found {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly persistence: string;
}

/** How entries call a table, as SQL. */
const SHOWN_NAME = `CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END`;

/** Where somebody else's tables may be. */
const ELSEWHERE = `n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'`;

/** The table that somebody means by a name, with or without its schema. Throws kind `missing` and kind `refused`. */
export async function findTable(connection: Connection, asked: string, ours: string): Promise<Found> {
  const found = await connection.all<Found & { exact: boolean; visible: boolean }>(
    sql(
      `SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
         ?::text IN (c.relname, n.nspname || '.' || c.relname) AS exact,
         n.nspname = 'public' OR ?::text <> c.relname AS visible
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${ELSEWHERE} AND n.nspname <> ?
         AND lower(?::text) IN (lower(c.relname), lower(n.nspname || '.' || c.relname))
       ORDER BY n.nspname, c.relname`,
      asked,
      asked,
      ours,
      asked,
    ),
  );
  const exact = found.filter((one) => one.exact);
  const some = exact.length > 0 ? exact : found;
  const visible = some.filter((one) => one.visible);
  const [one, ...others] = visible.length > 0 ? visible : some;
  if (one === undefined) throw new DaybookError('missing', `there is no table ${asked}`);
  if (others.length > 0) {
    const names = [one, ...others].map(({ schema, name }) => `${schema}.${name}`);
    throw new DaybookError('usage', `${asked} may be ${names.join(' or ')}: name the schema too`);
  }
  return one;
}

/** A table as it is. Throws kind `missing` without it, and kind `refused` for one whose rows have nothing to tell them apart. */
export async function describeTable(connection: Connection, asked: string, ours: string): Promise<TableDescription> {
  const found = await findTable(connection, asked, ours);
  const { schema, name, kind, persistence } = found;
  const refused = (why: string): DaybookError => new DaybookError('refused', `${asked} ${why}`);
  if (kind === 'v' || kind === 'm') throw refused('is a view: capture the tables behind it');
  if (kind === 'f') throw refused('is a foreign table, and changes of it are made elsewhere: capture it there');
  if (persistence === 't') throw refused('is temporary');
  const described = await describe(connection, found.oid);
  if (described === undefined || described.primaryKey.length === 0) {
    throw refused('has no primary key, so that nothing tells its rows apart');
  }
  const children = await connection.rows<[string]>(
    sql(
      `SELECT i.inhrelid::regclass::text FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
       WHERE i.inhparent = ? AND NOT c.relispartition ORDER BY 1`,
      found.oid,
    ),
  );
  if (children.length > 0) {
    throw refused(`has tables that inherit from it (${children.join(', ')}), whose rows its triggers do not see`);
  }
  return { ...described, name: schema === 'public' ? name : `${schema}.${name}` };
}

/** A table by its oid, or undefined where it is gone. */
export async function describe(connection: Connection, oid: number): Promise<TableDescription | undefined> {
  const [table] = await connection.all<{ shown: string; schema: string; name: string; kind: string }>(
    sql(
      `SELECT ${SHOWN_NAME} AS shown, n.nspname AS schema, c.relname AS name, c.relkind AS kind
       FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = ? AND c.relkind IN ('r', 'p')`,
      oid,
    ),
  );
  if (table === undefined) return undefined;
  const columns = await connection.all<TableColumn & { keyPlace: number | null }>(
    sql(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
         t.typcategory NOT IN ('N') AS text, a.attgenerated <> '' AS generated, a.attidentity <> '' AS identity, k.place AS "keyPlace"
       FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
       LEFT JOIN (SELECT u.num, u.place FROM pg_index AS i, unnest(i.indkey::int2[]) WITH ORDINALITY AS u (num, place)
         WHERE i.indrelid = ? AND i.indisprimary) AS k ON k.num = a.attnum
       WHERE a.attrelid = ? AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      oid,
      oid,
    ),
  );
  const key = columns
    .filter(({ keyPlace }) => keyPlace !== null)
    .toSorted((a, b) => Number(a.keyPlace) - Number(b.keyPlace));
  return {
    name: table.shown,
    oid,
    quoted: `${identifier(table.schema)}.${identifier(table.name)}`,
    partitioned: table.kind === 'p',
    columns: columns.map(({ name, type, text, generated, identity }) => ({ name, type, text, generated, identity })),
    primaryKey: key.map(({ name }) => name),
  };
}
