import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { StoreFacts } from '../audit-store.js';
import { reading } from './connection.js';
import type { Connection } from './connection.js';
import { MIGRATIONS, MIGRATIONS_TABLE, SCHEMA_VERSION } from './schema.js';

/** What the database holds, how large it is, and what of ours is missing. */
export function readFacts(connection: Connection, path: string, latest: number): StoreFacts {
  return reading(connection, () => {
    const one = <T>(text: string, ...parameters: unknown[]): T =>
      connection
        .prepare<unknown[], T>(text)
        .pluck()
        .get(...parameters) as T;
    const pageSize = connection.pragma('page_size', { simple: true }) as number;
    return {
      schemaVersion: SCHEMA_VERSION,
      entries: one<number>('SELECT count(*) FROM daybook_entries'),
      oldest: one<string | undefined>('SELECT ts FROM daybook_entries ORDER BY ts_ms, seq LIMIT 1') ?? null,
      newest: one<string | undefined>('SELECT ts FROM daybook_entries ORDER BY ts_ms DESC, seq DESC LIMIT 1') ?? null,
      bytes: {
        file: sizeOf(path),
        wal: sizeOf(`${path}-wal`),
        free: (connection.pragma('freelist_count', { simple: true }) as number) * pageSize,
      },
      missing: missingObjects(connection).map((object) => object.name),
      future: one<number>('SELECT count(*) FROM daybook_entries WHERE ts_ms > ?', latest),
      own: isOwn(connection),
    };
  });
}

/** The size is asked of the file's name: opening it and closing it again would drop the locks that SQLite holds on it. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
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
  const there = new Map(ownObjects(connection).map((object) => [object.name, object.sql]));
  return expectedObjects().filter((object) => there.get(object.name) !== object.sql);
}

function ownObjects(connection: Connection): SchemaObject[] {
  return connection
    .prepare<[], SchemaObject>(
      `SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND name GLOB 'daybook_*' AND sql IS NOT NULL`,
    )
    .all();
}

/** What the migrations make of an empty database is what should be there: nothing to keep in step by hand. */
function expectedObjects(): SchemaObject[] {
  const model = new Database(':memory:');
  try {
    model.exec(MIGRATIONS_TABLE + MIGRATIONS.map((migration) => migration.sql).join('\n'));
    return ownObjects(model);
  } finally {
    model.close();
  }
}

/** A moment from which on an entry is dated in the future, with room for clocks that differ. */
export function futureFrom(now: number): number {
  return now + 5 * 60_000;
}
