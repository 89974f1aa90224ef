import type { CaptureSettings } from '../../../core/capture.js';
import { sql } from '../../sql.js';
import { answer, identifier, literal, PINNED_AS_KEPT, PINNING } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { shapeIn, tableFunction } from './table-function.js';
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
  const ours = identifier(schema);
  const told = `(${argumentsOf(table, settings).map(literal).join(', ')})`;
  const call = `EXECUTE FUNCTION ${ours}.daybook_capture${told}`;
  const own = `${ours}.${identifier(await makeFunction(connection, ours, table, settings))}`;
  await connection.script(
    `CREATE TRIGGER ${identifier(ROWS)} AFTER INSERT OR UPDATE OR DELETE ON ${table.quoted} FOR EACH ROW EXECUTE FUNCTION ${own}${told}`,
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
  await dropUncalled(connection);
}

/** The functions of capture that are made for one table each: `p` is a row of pg_proc. */
const OF_A_TABLE = String.raw`p.proname LIKE 'daybook\_capture\_%'
  AND p.pronamespace = (SELECT c.relnamespace FROM pg_class AS c WHERE c.oid = 'daybook_captures'::regclass)`;

/** Drops the functions of tables that no trigger calls any more, those of tables that were dropped among them. */
export async function dropUncalled(connection: Connection): Promise<void> {
  const rows = await connection.rows<[string]>(
    sql(
      `SELECT p.oid::regprocedure::text FROM pg_proc AS p
       WHERE ${OF_A_TABLE} AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgfoid = p.oid)`,
    ),
  );
  for (const [signature] of rows) await connection.script(`DROP FUNCTION ${signature}`);
}

/** What a table looks like to its own function. */
export async function shapeOf(connection: Connection, table: TableDescription): Promise<string> {
  return (await answer<string>(connection, sql('SELECT daybook_shape(?::oid)', table.oid))) ?? '';
}

/** So many bytes of a table's name: a name has 63 in PostgreSQL. */
const NAMED = 40;

/** Makes the function of a table, and gives its name: the table's, with a number where another one has that. */
async function makeFunction(
  connection: Connection,
  schema: string,
  table: TableDescription,
  settings: CaptureSettings,
): Promise<string> {
  const { name: shown, oid: relation } = table;
  const shape = await shapeOf(connection, table);
  const body = tableFunction(schema, { table: shown, relation, settings, shape });
  const cut = Buffer.from(shown)
    .subarray(0, NAMED)
    .toString()
    .replace(/\uFFFD$/, '');
  const free = sql(
    `SELECT n.name FROM (SELECT place, ? || coalesce('_' || nullif(place, 1), '') AS name FROM generate_series(1, 10000) AS place) AS n
     WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.proname = n.name AND ${OF_A_TABLE}) ORDER BY n.place LIMIT 1`,
    `daybook_capture_${cut}`,
  );
  const name = (await answer<string>(connection, free)) ?? '';
  const owner = await answer<string>(connection, sql(OWNER));
  const made = `${schema}.${identifier(name)}()`;
  await connection.script(
    `CREATE FUNCTION ${made} RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER ${PINNING} AS ${literal(body)}`,
  );
  // It has the rights of the trail's owner, whoever captures the table.
  await connection.script(`ALTER FUNCTION ${made} OWNER TO ${owner}`);
  await connection.script(`REVOKE ALL ON FUNCTION ${made} FROM PUBLIC`);
  return name;
}

const OWNER = `SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'daybook_entries'::regclass`;

/** What there is to say of the function that a table's trigger calls. */
export interface TableFunction {
  readonly name: string;
  /** `earlier` is the one that all tables had in common. */
  readonly state: 'whole' | 'earlier' | 'changed';
  /** What the table looked like when it was made. */
  readonly shape?: string | undefined;
}

/** The function that records the changes of a table; null where its trigger calls none of ours. `schema` is quoted. */
export async function functionOf(
  connection: Connection,
  schema: string,
  table: TableDescription,
  settings: CaptureSettings,
): Promise<TableFunction | null> {
  const [row] = await connection.rows<[name: string, body: string, pinned: string, own: boolean]>(
    sql(
      `SELECT p.proname, p.prosrc, CASE WHEN p.prosecdef THEN 'definer;' ELSE '' END || lower(coalesce(array_to_string(p.proconfig, ';'), '')), ${OF_A_TABLE}
       FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
       WHERE t.tgrelid = ? AND t.tgname = ? AND (${OF_A_TABLE} OR p.oid = to_regproc('daybook_capture'))`,
      table.oid,
      ROWS,
    ),
  );
  if (row === undefined) return null;
  const [name, body, pinned, own] = row;
  if (!own) return { name, state: 'earlier' };
  const shape = shapeIn(body);
  const { name: shown, oid: relation } = table;
  const whole = shape !== undefined && body === tableFunction(schema, { table: shown, relation, settings, shape });
  return { name, state: whole && pinned === PINNED_AS_KEPT ? 'whole' : 'changed', shape };
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
         p.oid = to_regproc('daybook_capture') OR t.tgname = ? AND ${OF_A_TABLE} AS ours
       FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE (NOT t.tgisinternal OR t.tgparentid <> 0) AND (t.tgrelid = ? OR t.tgrelid IN (SELECT relid FROM pg_partition_tree(?::oid)))`,
      ROWS,
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
