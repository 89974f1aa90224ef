import { statfsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { ForeignTrigger, StoreFacts } from '../../audit-store.js';
import { reading, runMigration, MIGRATIONS, MIGRATIONS_TABLE, SCHEMA_VERSION, TABLES } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { lastWithFewer, tallyOf } from '../trail/index.js';

/**
 * What the database holds, how large it is, and what of ours is missing or not as it should be. Files are asked by
 * their names: opening one and closing it again would drop the locks that SQLite holds on it.
 */
export function readFacts(connection: Connection, path: string, latest: number): StoreFacts {
  return reading(connection, () => {
    const one = <T>(text: string, ...parameters: unknown[]): T =>
      connection
        .prepare<unknown[], T>(text)
        .pluck()
        .get(...parameters) as T;
    const pageSize = connection.pragma('page_size', { simple: true }) as number;
    const entries = one<number>('SELECT count(*) FROM daybook_entries');
    const tally = tallyOf(connection, entries);
    return {
      schemaVersion: SCHEMA_VERSION,
      entries,
      oldest: one<string | undefined>('SELECT ts FROM daybook_entries ORDER BY ts_ms, seq LIMIT 1') ?? null,
      newest: one<string | undefined>('SELECT ts FROM daybook_entries ORDER BY ts_ms DESC, seq DESC LIMIT 1') ?? null,
      bytes: {
        file: statSync(path, { throwIfNoEntry: false })?.size ?? 0,
        wal: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0,
        free: (connection.pragma('freelist_count', { simple: true }) as number) * pageSize,
        disk_free: freeOnDisk(path),
      },
      links: statSync(path, { throwIfNoEntry: false })?.nlink ?? 1,
      ...differences(connection),
      guardOpen: connection
        .prepare<[], number>('SELECT prune FROM daybook_prunes WHERE deleting = 1 ORDER BY prune')
        .pluck()
        .all(),
      tally,
      fewerUnaccounted: tally.sequence === tally.accounted ? null : lastWithFewer(connection, tally),
      lastSeq: one<number | null>('SELECT max(seq) FROM daybook_entries') ?? 0,
      future: one<number>('SELECT count(*) FROM daybook_entries WHERE ts_ms > ?', latest),
      own: isOwn(connection),
    };
  });
}

/** What may be written to the disk of a file; null where the system does not tell. */
function freeOnDisk(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Whether the database holds the trail and nothing else. */
export function isOwn(connection: Connection): boolean {
  const foreign = connection
    .prepare(`SELECT count(*) FROM sqlite_schema WHERE name NOT GLOB 'daybook_*' AND name NOT GLOB 'sqlite_*'`)
    .pluck()
    .get();
  return foreign === 0;
}

interface SchemaObject {
  type: string;
  name: string;
  sql: string;
}

/** The indexes and triggers of ours that are not there, or not as they should be, with the SQL that makes them. */
export function missingObjects(connection: Connection): SchemaObject[] {
  return differing(connection).filter((object) => object.type !== 'table');
}

/** By name, what of ours is not as it should be: indexes and triggers can be made again, a table cannot. */
function differences(connection: Connection): Pick<StoreFacts, 'missing' | 'definition'> {
  const objects = differing(connection);
  const names = (isTable: boolean): string[] =>
    objects.filter(({ type }) => (type === 'table') === isTable).map(({ name }) => name);
  return { missing: names(false), definition: names(true) };
}

function differing(connection: Connection): SchemaObject[] {
  // A trigger may have the name of a table.
  const keyOf = ({ type, name }: SchemaObject): string => `${type} ${name}`;
  const there = new Map(ownObjects(connection).map((object) => [keyOf(object), object.sql]));
  return expectedObjects().filter((object) => there.get(keyOf(object)) !== object.sql);
}

function ownObjects(connection: Connection): SchemaObject[] {
  return connection
    .prepare<[], SchemaObject>(
      `SELECT type, name, sql FROM sqlite_schema WHERE type IN ('table', 'index', 'trigger') AND name GLOB 'daybook_*' AND sql IS NOT NULL`,
    )
    .all();
}

/** What the migrations make of an empty database is what should be there: nothing to keep in step by hand. */
function expectedObjects(): SchemaObject[] {
  const model = new Database(':memory:');
  try {
    model.exec(MIGRATIONS_TABLE);
    for (const { sql } of MIGRATIONS) runMigration(model, sql);
    return ownObjects(model);
  } finally {
    model.close();
  }
}

/**
 * The triggers on tables of ours that are, by their text, neither ours nor one of `others`: each with its table, and
 * whether it stands under the name of one of ours.
 */
export function foreignTriggers(connection: Connection, others: ReadonlySet<string>): ForeignTrigger[] {
  const own = expectedObjects().filter(({ type }) => type === 'trigger');
  const texts = new Set([...own.map(({ sql }) => sql), ...others]);
  const names = new Set(own.map(({ name }) => name));
  return connection
    .prepare<string[], { name: string; table: string; sql: string }>(
      `SELECT name, tbl_name AS "table", sql FROM sqlite_schema WHERE type = 'trigger'
         AND tbl_name COLLATE NOCASE IN (${TABLES.map(() => '?').join(', ')}) ORDER BY name`,
    )
    .all(...TABLES)
    .filter(({ sql }) => !texts.has(sql))
    .map(({ name, table }) => ({ name, table, namedLikeOurs: names.has(name) }));
}

/** A moment from which on an entry is dated in the future, with room for clocks that differ. */
export function futureFrom(now: number): number {
  return now + 5 * 60_000;
}
