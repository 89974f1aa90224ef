import type { Actor, Entry, NewEntry } from './core/entry.js';
import { validateEntry } from './core/validate.js';
import { thisProcess } from './presence.js';
import type { AuditStore, RecordRequest } from './store/audit-store.js';
import type { Connection } from './store/sqlite/connection.js';
import { initialize } from './store/sqlite/initialize.js';
import type { Initialized } from './store/sqlite/initialize.js';
import { inserter } from './store/sqlite/recording.js';
import { openSqliteStore } from './store/sqlite/sqlite-store.js';

export interface TrailOptions {
  /** Whether only reading is meant: the database is then opened read-only. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`; 5000 where it is not given. */
  readonly busyTimeout?: number;
}

const BUSY_TIMEOUT = 5000;

/** What `recordIn` needs of a better-sqlite3 connection: who uses the library need not have its types. */
export interface OpenConnection {
  prepare(sql: string): { run(...values: unknown[]): { readonly lastInsertRowid: number | bigint } };
}

/** The fields of an entry as an application has them: documents may be plain values, bigint included. */
export type EntryFields = { readonly [Field in keyof NewEntry]?: unknown } & { readonly action: string };

/**
 * Opens the trail in a database. Throws kind `missing` where there is none.
 *
 * @example const store = openTrail('audit.db');
 */
export function openTrail(path: string, options: TrailOptions = {}): AuditStore {
  return openSqliteStore({
    path,
    readonly: options.readonly ?? false,
    busyTimeout: options.busyTimeout ?? BUSY_TIMEOUT,
    clock: Date.now,
    presence: thisProcess(),
  });
}

/**
 * Creates the trail in a database, or upgrades it; a second call changes nothing. Throws kind `refused` for a database
 * with other tables unless `alongside`.
 *
 * @example initializeTrail('app.db', { actor: 'deploy', alongside: true });
 */
export function initializeTrail(
  path: string,
  options: { readonly actor: string; readonly alongside?: boolean; readonly busyTimeout?: number },
): Initialized {
  const actor: Actor = { actor: options.actor, actor_type: 'system', recorded_by: null };
  return initialize({
    path,
    alongside: options.alongside ?? false,
    busyTimeout: options.busyTimeout ?? BUSY_TIMEOUT,
    clock: Date.now,
    actor,
  });
}

/**
 * A valid entry of the fields of an application. Throws kind `data`, naming field, value and rule.
 *
 * @example await record(store, entryOf({ action: 'login', actor: 'u-42', metadata: { ip: '10.0.0.7' } }));
 */
export function entryOf(fields: EntryFields): RecordRequest {
  return validateEntry(fields, 'data', { documents: 'values', now: Date.now() });
}

/**
 * Records an entry inside the transaction that an application has open on its own better-sqlite3 connection: the entry
 * and the change it tells of are committed together or not at all. Throws what the database throws, so that the change
 * fails with it.
 *
 * @example
 * database.transaction(() => {
 *   database.prepare('UPDATE settings SET level = ?').run(6);
 *   recordIn(database, { action: 'update', entity_type: 'settings', entity_id: '1', actor: 'u-42' });
 * }).immediate();
 */
export function recordIn(database: OpenConnection, fields: EntryFields): Pick<Entry, 'seq' | 'id'> {
  return inserter(database as Connection, Date.now)(entryOf(fields).entry);
}
