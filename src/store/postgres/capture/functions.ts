import { sql } from '../../sql.js';
import { captureFunctions } from '../engine/index.js';
import type { Connection, SchemaObject } from '../engine/index.js';

/** The functions of capture that are not there, or not as they should be; `schema` is quoted. */
export async function missingFunctions(connection: Connection, schema: string): Promise<SchemaObject[]> {
  const rows = await connection.rows<[name: string, text: string, pinned: string]>(
    sql(
      `SELECT p.proname, p.prosrc,
         CASE WHEN p.prosecdef THEN 'definer;' ELSE '' END || lower(coalesce(array_to_string(p.proconfig, ';'), ''))
       FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
       WHERE format('"%s"', replace(n.nspname, '"', '""')) = ?`,
      schema,
    ),
  );
  const there = new Set(rows.map((row) => JSON.stringify(row)));
  return captureFunctions(schema).filter(
    ({ body }) => !there.has(JSON.stringify([body?.name, body?.text, body?.pinned])),
  );
}
