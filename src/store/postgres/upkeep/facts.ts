import type { ForeignTrigger, StoreFacts } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { changedTableFunctions, missingFunctions } from '../capture/index.js';
import {
  answer,
  counted,
  ENTRY_RULES,
  momentText,
  objectsOf,
  SCHEMA_VERSION,
  TABLES,
  timeText,
} from '../engine/index.js';
import type { Connection, SchemaObject } from '../engine/index.js';
import { readTally } from '../trail/index.js';

/** What the database holds, how large it is, and what of ours is missing or not as it should be. */
export async function readFacts(connection: Connection, schema: string, latest: number): Promise<StoreFacts> {
  const ts = timeText('ts');
  const entries = await counted(connection, sql('SELECT count(*) FROM daybook_entries'));
  const oldest = await answer<string>(connection, sql(`SELECT ${ts} FROM daybook_entries ORDER BY ts, seq LIMIT 1`));
  const newest = await answer<string>(
    connection,
    sql(`SELECT ${ts} FROM daybook_entries ORDER BY ts DESC, seq DESC LIMIT 1`),
  );
  const size = sql(
    `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c
     WHERE c.relnamespace = ?::regnamespace AND c.relkind = 'r' AND starts_with(c.relname, 'daybook_')`,
    schema,
  );
  return {
    schemaVersion: SCHEMA_VERSION,
    entries,
    oldest: oldest ?? null,
    newest: newest ?? null,
    bytes: { file: await counted(connection, size), wal: null, free: null, disk_free: null },
    links: 1,
    vacuum: await vacuumed(connection),
    missing: [
      ...(await missingObjects(connection, schema)).map(({ name }) => name),
      ...(await changedTableFunctions(connection, schema)),
    ],
    definition: await spoiledTables(connection),
    wideRights: await wideRights(connection, schema),
    guardOpen: [],
    tally: await readTally(connection, entries),
    fewerUnaccounted: null,
    lastSeq: await counted(connection, sql('SELECT coalesce(max(seq), 0) FROM daybook_entries')),
    future: await counted(
      connection,
      sql('SELECT count(*) FROM daybook_entries WHERE ts > ?::timestamptz', momentText(latest)),
    ),
    own: false,
  };
}

/** The indexes, triggers and functions of ours that are not there, are switched off, or are not as they should be. */
export async function missingObjects(connection: Connection, schema: string): Promise<SchemaObject[]> {
  const indexes = await connection.rows<[string]>(
    sql(
      `SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
       WHERE i.indrelid = to_regclass(? || '.daybook_entries') AND i.indisvalid`,
      schema,
    ),
  );
  const triggers = await connection.rows<[name: string, by: string, text: string]>(
    sql(
      `SELECT t.tgname, p.proname, p.prosrc FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
       WHERE t.tgrelid = to_regclass(? || '.daybook_entries') AND t.tgenabled = 'A'`,
      schema,
    ),
  );
  const valid = new Set(indexes.map(([name]) => name));
  const texts = new Map(triggers.map(([name, by, text]) => [name, JSON.stringify([by, text])]));
  const entries = objectsOf(schema).filter(({ type, name, body }) =>
    type === 'index'
      ? !valid.has(name)
      : type === 'trigger' && texts.get(name) !== JSON.stringify([body?.name, body?.text]),
  );
  return [...entries, ...(await missingFunctions(connection, schema))];
}

/** Whether the table of entries has all its rules. */
async function spoiledTables(connection: Connection): Promise<string[]> {
  const rules = await counted(
    connection,
    sql(
      `SELECT count(*) FROM pg_constraint WHERE conrelid = 'daybook_entries'::regclass AND contype = 'c' AND convalidated`,
    ),
  );
  return rules < ENTRY_RULES ? ['daybook_entries'] : [];
}

/** What others than the owner may do to tables of ours beyond reading and recording, as statements that take it back. */
async function wideRights(connection: Connection, schema: string): Promise<string[]> {
  const wide = `('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')`;
  const rows = await connection.rows<[right: string, table: string, role: string]>({
    sql: `SELECT DISTINCT g.right || coalesce(' (' || quote_ident(g.col) || ')', ''), c.relname, coalesce(quote_ident(r.rolname), 'PUBLIC')
      FROM pg_class AS c
      CROSS JOIN LATERAL (
        SELECT a.privilege_type AS right, NULL AS col, a.grantee FROM aclexplode(c.relacl) AS a WHERE a.privilege_type IN ${wide}
        UNION ALL SELECT a.privilege_type, t.attname, a.grantee FROM pg_attribute AS t CROSS JOIN LATERAL aclexplode(t.attacl) AS a
        WHERE t.attrelid = c.oid AND a.privilege_type IN ('INSERT', 'UPDATE')
          AND NOT (c.relname = 'daybook_entries' AND a.privilege_type = 'INSERT' AND t.attname NOT IN ('seq', 'tx'))) AS g
      LEFT JOIN pg_roles AS r ON r.oid = g.grantee
      WHERE c.relnamespace = ?::regnamespace AND c.relname = ANY (?::text[]) AND g.grantee <> c.relowner ORDER BY 3, 2, 1`,
    parameters: [schema, TABLES],
  });
  return rows.map(([right, table, role]) => `REVOKE ${right} ON ${schema}.${table} FROM ${role}`);
}

/** Rows that are deleted and still take room, and when the table was vacuumed last. */
async function vacuumed(connection: Connection): Promise<NonNullable<StoreFacts['vacuum']>> {
  const last = timeText('greatest(last_vacuum, last_autovacuum)');
  const [row] = await connection.rows<[number, string | null]>(
    sql(`SELECT n_dead_tup, ${last} FROM pg_stat_user_tables WHERE relid = 'daybook_entries'::regclass`),
  );
  return { dead_rows: row?.[0] ?? 0, last: row?.[1] ?? null };
}

/** The triggers on tables of ours that are not ours. */
export async function foreignTriggers(connection: Connection, schema: string): Promise<ForeignTrigger[]> {
  const rows = await connection.all<{ name: string; table: string }>({
    sql: `SELECT t.tgname AS name, c.relname AS "table" FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
       WHERE c.relnamespace = ?::regnamespace AND c.relname = ANY (?::text[]) AND NOT t.tgisinternal ORDER BY 1`,
    parameters: [schema, TABLES],
  });
  const mirrors = await connection.rows<[string]>(sql(`SELECT 'daybook_mirror_' || mirror FROM daybook_mirrors`));
  const own = new Set([
    ...objectsOf(schema).flatMap(({ type, name }) => (type === 'trigger' ? [name] : [])),
    ...mirrors.map(([name]) => name),
  ]);
  return rows
    .filter(({ name, table }) => table !== 'daybook_entries' || !own.has(name))
    .map(({ name, table }) => ({ name, table: `${schema}.${table}`, namedLikeOurs: own.has(name) }));
}

/** A moment from which on an entry is dated in the future, with room for clocks that differ. */
export function futureFrom(now: number): number {
  return now + 5 * 60_000;
}
