import type { CaptureSettings } from '../../../core/capture.js';
import { sql } from '../../sql.js';
import { identifier, literal } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import type { TableDescription } from './tables.js';

/** PostgreSQL fires triggers in the order of their names: these come before all others, as far as anybody can make sure. */
const ROWS = '!daybook_capture';
const EMPTIED = '!daybook_truncate';

/** The arguments of the triggers: how entries call the table, how it is captured, and the columns that were there then. */
function argumentsOf(table: TableDescription, settings: CaptureSettings): string[] {
  const columns = table.columns.map(({ name }) => `"${name.replaceAll(/["\\]/g, String.raw`\$&`)}"`);
  return [table.name, JSON.stringify(settings), `{${columns.join(',')}}`];
}

/** The table itself and its partitions: PostgreSQL has a trigger for rows follow to partitions, and one for TRUNCATE not. */
async function emptiable(connection: Connection, table: TableDescription): Promise<string[]> {
  if (!table.partitioned) return [table.quoted];
  const rows = await connection.rows<[string]>(
    sql(
      `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_partition_tree(?::oid) AS t
       JOIN pg_class AS c ON c.oid = t.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace ORDER BY 1`,
      table.oid,
    ),
  );
  return rows.map(([name]) => name);
}

/** Makes the triggers of a table, in the open transaction. */
export async function install(
  connection: Connection,
  schema: string,
  table: TableDescription,
  settings: CaptureSettings,
): Promise<void> {
  await lift(connection, table);
  const call = `EXECUTE FUNCTION ${identifier(schema)}.daybook_capture(${argumentsOf(table, settings).map(literal).join(', ')})`;
  await connection.script(
    `CREATE TRIGGER ${identifier(ROWS)} AFTER INSERT OR UPDATE OR DELETE ON ${table.quoted} FOR EACH ROW ${call}`,
  );
  await connection.script(`ALTER TABLE ${table.quoted} ENABLE ALWAYS TRIGGER ${identifier(ROWS)}`);
  for (const one of await emptiable(connection, table)) {
    await connection.script(
      `CREATE TRIGGER ${identifier(EMPTIED)} BEFORE TRUNCATE ON ${one} FOR EACH STATEMENT ${call}`,
    );
    await connection.script(`ALTER TABLE ${one} ENABLE ALWAYS TRIGGER ${identifier(EMPTIED)}`);
  }
}

/** Takes the triggers of a table away, in the open transaction. */
export async function lift(connection: Connection, table: TableDescription): Promise<void> {
  await connection.script(`DROP TRIGGER IF EXISTS ${identifier(ROWS)} ON ${table.quoted}`);
  for (const one of await emptiable(connection, table)) {
    await connection.script(`DROP TRIGGER IF EXISTS ${identifier(EMPTIED)} ON ${one}`);
  }
}

/** What is wrong with the triggers of a table, in words that go on behind its name; null where nothing is. */
export async function triggerProblem(
  connection: Connection,
  table: TableDescription,
  settings: CaptureSettings,
): Promise<string | null> {
  const wanted = argumentsOf(table, settings)
    .map((text) => `${text}\0`)
    .join('');
  const rows = await connection.all<{ of: string; name: string; enabled: string; args: string; ours: boolean }>(
    sql(
      `SELECT t.tgrelid::regclass::text AS "of", t.tgname AS name, t.tgenabled AS enabled, encode(t.tgargs, 'hex') AS args,
         t.tgfoid = (SELECT p.oid FROM pg_proc AS p WHERE p.proname = 'daybook_capture' AND p.pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'daybook_captures'::regclass)) AS ours
       FROM pg_trigger AS t WHERE NOT t.tgisinternal AND (t.tgrelid = ? OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(?::oid)))`,
      table.oid,
      table.oid,
    ),
  );
  const good = rows.filter(
    ({ args, ours, enabled }) => ours && enabled === 'A' && Buffer.from(args, 'hex').toString('utf8') === wanted,
  );
  const tables = (await emptiable(connection, table)).length;
  const lacks = (name: string): number => tables - good.filter((one) => one.name === name).length;
  const count = lacks(ROWS) + lacks(EMPTIED);
  if (count === 0) {
    const before = rows.filter(({ name }) => Buffer.compare(Buffer.from(name), Buffer.from(ROWS)) < 0);
    return before.length === 0
      ? null
      : `has triggers that were made after it and fire before it (${before.map(({ name }) => name).join(', ')})`;
  }
  const disabled = rows.filter(({ ours, enabled }) => ours && enabled !== 'A').length;
  return disabled > 0
    ? `has ${disabled} of its ${2 * tables} capture triggers disabled`
    : `lacks ${count} of its ${2 * tables} capture triggers, or they were changed`;
}
