import { looksSecret } from '../../../core/capture.js';
import type { CaptureSettings } from '../../../core/capture.js';
import { REDACTED } from '../../../core/redact.js';
import { sql } from '../../sql.js';
import { identifier, literal, WRITTEN } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import type { TableDescription } from './tables.js';

/** The rows of a captured table in the form that entries have: SQL of a row that is called `t`. */
export interface RowText {
  readonly identity: string;
  readonly json: string;
  /** The table with all of its rows and no others. */
  readonly from: string;
}

/** What a session may set and what would change how values are written. */
const AS_CAPTURED = `SELECT set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true),
  set_config('intervalstyle', 'postgres', true), set_config('bytea_output', 'hex', true),
  set_config('extra_float_digits', '1', true), set_config('lc_monetary', 'C', true)`;

/** Has the open transaction write values as capture does, and gives what writes the rows of a table. */
export async function rowText(
  connection: Connection,
  table: TableDescription,
  { redact, ignore }: Pick<CaptureSettings, 'redact' | 'ignore'>,
): Promise<RowText> {
  await connection.rows(sql(AS_CAPTURED));
  const written = await connection.rows<[name: string, json: string]>(
    sql(
      `SELECT c.name, replace(${WRITTEN}, '@', format('t.%I', c.name)) FROM (
         SELECT a.attname::text AS name, a.attnum AS place, coalesce(nullif(t.typbasetype, 0), t.oid) AS type
         FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
         WHERE a.attrelid = ? AND a.attnum > 0 AND NOT a.attisdropped) AS c ORDER BY c.place`,
      table.oid,
    ),
  );
  const json = new Map(written);
  const members = written
    .filter(([name]) => !(ignore.includes(name) && looksSecret(name)))
    .map(([name, value]) => {
      const shown = redact.includes(name) ? `CASE WHEN (${value}) IS NOT NULL THEN '"${REDACTED}"' END` : value;
      return `to_json(${literal(name)}::text)::text || ':' || coalesce(${shown}, 'null')`;
    });
  const keys = table.primaryKey.map((name) => json.get(name) ?? 'NULL');
  const text = `((${keys[0] ?? 'NULL'})::json #>> '{}')`;
  return {
    identity:
      keys.length > 1
        ? `'[' || concat_ws(',', ${keys.join(', ')}) || ']'`
        : `CASE WHEN ${text} ~ '^["{[]' OR ${text} = 'null' THEN ${keys[0] ?? 'NULL'} ELSE ${text} END`,
    json: `'{' || ${members.join(` || ',' || `)} || '}'`,
    from: `${table.partitioned ? '' : 'ONLY '}${table.quoted} AS t`,
  };
}

/** The columns of the key as texts, which `::` their types makes values of again. */
export function keyTexts({ primaryKey }: TableDescription): string {
  return primaryKey.map((name) => `t.${identifier(name)}::text`).join(', ');
}

/** The type of a column, as SQL. */
export function typeOf({ columns }: TableDescription, name: string): string {
  return columns.find((column) => column.name === name)?.type ?? 'text';
}
