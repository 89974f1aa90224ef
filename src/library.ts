import { addressOf } from './core/address.js';
import type { CaptureRequest } from './core/capture.js';
import type { Actor, Entry, NewEntry } from './core/entry.js';
import type { ImportFormat } from './core/import.js';
import { validateEntry } from './core/validate.js';
import type { ImportRequest as ImportOf, OpenedImport } from './operations/open-import.js';
import { thisProcess } from './presence.js';
import type { AuditStore, Initialized, RecordRequest } from './store/audit-store.js';
import { expectTrail, inserter, withContext } from './store/attached.js';
import type { Connection } from './store/attached.js';
import { initializeStore, openStore } from './store/open.js';

export interface TrailOptions {
  /** Whether only reading is meant: the database is then opened read-only. */
  readonly readonly?: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`; 5000 where it is not given. */
  readonly busyTimeout?: number;
}

const BUSY_TIMEOUT = 5000;

/** What `recordIn` and `attach` need of a better-sqlite3 connection: who uses the library need not have its types. */
export interface OpenConnection {
  prepare(sql: string): { run(...values: unknown[]): { readonly lastInsertRowid: number | bigint } };
}

/** The fields of an entry as an application has them: documents may be plain values, bigint included. */
export type EntryFields = { readonly [Field in keyof NewEntry]?: unknown } & { readonly action: string };

/**
 * Opens the trail in a database. Throws kind `missing` where there is none.
 *
 * @example const store = await openTrail('audit.db');
 */
export async function openTrail(path: string, options: TrailOptions = {}): Promise<AuditStore> {
  return openStore(addressOf(path), {
    readonly: options.readonly ?? false,
    busyTimeout: options.busyTimeout ?? BUSY_TIMEOUT,
    clock: Date.now,
    presence: thisProcess(),
  });
}

/** How to read a source: what the options of `daybook import` say. */
export type ImportRequest = Omit<ImportOf, 'presence'>;

/**
 * Opens a source to be imported, rehearsed or verified: a SQLite file (read-only), CSV or JSON lines. Throws kind
 * `usage` for an unknown format and settings that are wrong, kind `missing` for a table that is not there, kind `data` for a
 * file that cannot be read, kind `busy`, and kind `interrupted` where the signal comes before anything of a pipe does.
 *
 * @example
 * const { source, options } = await openImport('ledgrab', 'ledgrab.db');
 * for await (const { recorded } of importSource(store, source, options)) console.log(recorded);
 * source.close();
 */
export async function openImport(
  format: ImportFormat | string,
  path: string,
  request: ImportRequest = {},
): Promise<OpenedImport> {
  const operation = await import('./operations/open-import.js');
  return operation.openImport(format, path, { ...request, presence: thisProcess() });
}

/**
 * Creates the trail in a database, or upgrades it; a second call changes nothing. Throws kind `refused` for a database
 * with other tables unless `alongside`.
 *
 * @example await initializeTrail('app.db', { actor: 'deploy', alongside: true });
 */
export async function initializeTrail(
  path: string,
  options: { readonly actor: string; readonly alongside?: boolean; readonly busyTimeout?: number },
): Promise<Initialized> {
  const actor: Actor = { actor: options.actor, actor_type: 'system', recorded_by: null };
  return initializeStore(addressOf(path), {
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
  const { entry, given } = entryOf(fields);
  return inserter(database as Connection, Date.now)(entry, given);
}

/** Who changes rows in a transaction, and why: what the entries of capture say of it. */
export interface TransactionContext {
  readonly actor: string;
  /** `user` where it is not given. */
  readonly actorType?: string | undefined;
  /** What ties the entries of one unit of work together, such as the id of a request. */
  readonly correlationId?: string | null | undefined;
  readonly reason?: string | null | undefined;
}

/** The connection of an application, with a trail in its database. */
export interface Attached<Application extends OpenConnection> {
  /**
   * Runs `work` in one transaction that takes the write lock at once, and gives what it gives. The entries of the rows
   * that it changes in captured tables say who and why. What it throws, or a trigger refuses, takes the whole
   * transaction back and reaches the caller. Within a transaction that is open already it is a savepoint, and the
   * context around it holds again afterwards. `work` is synchronous, as better-sqlite3 is: a promise is refused.
   *
   * @example
   * daybook.transaction({ actor: 'u-42', reason: 'asked by phone' }, (database) => {
   *   database.prepare('UPDATE users SET email = ? WHERE id = ?').run('ines@example.org', 42);
   * });
   */
  transaction<Result>(
    context: TransactionContext,
    work: (database: Application) => Result & (Result extends PromiseLike<unknown> ? never : unknown),
  ): Result;
}

/**
 * Takes the better-sqlite3 connection that an application has open on a database with a trail. Nothing of the
 * connection changes, and there is nothing to close. Throws kind `missing` where there is no trail, or one of another
 * schema.
 *
 * @example const daybook = attach(database);
 */
export function attach<Application extends OpenConnection>(database: Application): Attached<Application> {
  const connection = database as unknown as Connection;
  expectTrail(connection, connection.name);
  return {
    transaction: (context, work) => {
      // Checked as an entry is, so that a mistake is told in words.
      const { entry } = entryOf({
        action: 'update',
        actor: context.actor ?? '',
        actor_type: context.actorType ?? 'user',
        correlation_id: context.correlationId ?? null,
      });
      const { actor, actor_type: actorType, correlation_id: correlationId } = entry;
      const reason = context.reason ?? null;
      return withContext(connection, { actor, actorType, correlationId, reason }, Date.now, () => work(database));
    },
  };
}

/**
 * How tables are to be captured, for `addCaptures` of a store; what is not given is as without the option of `daybook
 * capture add`.
 *
 * @example await store.addCaptures(['users'], captureRequest({ redact: ['password_hash'] }), actor);
 */
export function captureRequest(wanted: Partial<CaptureRequest> = {}): CaptureRequest {
  const nothing = { entityType: null, scope: null, actorColumn: null, nameColumn: null, requireActor: false };
  return { ...nothing, ignore: [], redact: [], keep: [], json: [], ...wanted };
}
