import type { ForeignTrigger, StoreFacts } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { answer, counted, momentText, SCHEMA_VERSION, timeText } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { readTally } from '../trail/index.js';

/** The triggers that guard the entries. */
const GUARDS: readonly string[] = ['daybook_append_only', 'daybook_given'];

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
    missing: await missingTriggers(connection),
    definition: [],
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

async function missingTriggers(connection: Connection): Promise<string[]> {
  const there = await connection.rows<[string]>(
    sql(`SELECT tgname FROM pg_trigger WHERE tgrelid = 'daybook_entries'::regclass AND tgenabled = 'A'`),
  );
  const names = new Set(there.map(([name]) => name));
  return GUARDS.filter((name) => !names.has(name));
}

/** The triggers on tables of ours that are not ours. */
export async function foreignTriggers(connection: Connection, schema: string): Promise<ForeignTrigger[]> {
  const rows = await connection.all<{ name: string; table: string }>(
    sql(
      `SELECT t.tgname AS name, c.relname AS "table" FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
       WHERE c.relnamespace = ?::regnamespace AND starts_with(c.relname, 'daybook_') AND NOT t.tgisinternal ORDER BY 1`,
      schema,
    ),
  );
  return rows
    .filter(({ name, table }) => table !== 'daybook_entries' || !GUARDS.includes(name))
    .map(({ name, table }) => ({ name, table, namedLikeOurs: GUARDS.includes(name) }));
}

/** A moment from which on an entry is dated in the future, with room for clocks that differ. */
export function futureFrom(now: number): number {
  return now + 5 * 60_000;
}
