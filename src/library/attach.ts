import type { Entry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { wrongValue } from '../core/given.js';
import { revertOf } from '../operations/revert.js';
import {
  attempt,
  connectionOf,
  expectTrail,
  findEntry,
  nameOf,
  recordOfApplication,
  withContext,
} from '../store/attached.js';
import type { Connection } from '../store/attached.js';
import type { RecordOutcome, RecordRequest } from '../store/audit-store.js';
import type { OpenConnection } from '../store/open-connection.js';
import { changeContextOf, readContext, within } from './context.js';
import type { Context } from './context.js';
import { requestOf, requestsOf } from './entry-fields.js';
import type { Bound, EntryFields } from './entry-fields.js';
import { told } from './errors.js';
import { expectKeys, keyOf } from './question.js';

/** What became of an entry: `skipped` says that its id was there already, with the same content. */
export interface Recorded extends Pick<Entry, 'seq' | 'id'> {
  readonly skipped: boolean;
}

/** Why an entry is taken back, and by whom. */
export interface RevertRequest extends Context {
  /** The message of the new entry. */
  readonly reason: string;
}

/** The trail in the database of a connection that an application has open. All of it is synchronous. */
export interface Attached<Application extends OpenConnection> {
  /**
   * Records an entry, or several, inside the transaction that is open on the connection, else in one of its own. What an
   * entry does not say of who and why comes from the context: that of `with`, else that of the transaction. Whatever goes
   * wrong is thrown, so that the change fails with it. Of several, all or none are recorded.
   *
   * Throws kind `data` for an entry that is not valid, `refused` for an id that is there with other content, for one that
   * takes back what is taken back already, and for one without an actor where a captured table asks for one, `missing`
   * where it takes back what is not there, `busy` where another program holds the lock for longer than your driver waits.
   *
   * @example
   * database.transaction(() => {
   *   database.prepare('UPDATE settings SET level = ?').run(6);
   *   daybook.record({ action: 'update', entity_type: 'settings', entity_id: '1', actor: 'u-42' });
   * }).immediate();
   */
  record(entry: EntryFields): Recorded;
  record(entries: readonly EntryFields[]): Recorded[];
  /**
   * Takes an entry back, by its seq or its id, inside the transaction that is open, by a new entry about the same entity.
   *
   * Throws kind `missing` where there is no such entry, and `refused` where it is taken back already.
   *
   * @example daybook.revert(1042, { actor: 'u-7', reason: 'was somebody else' });
   */
  revert(key: number | string, request: RevertRequest): Recorded;
  /**
   * Runs `work` in one transaction that takes the write lock at once, and gives what it gives. The entries of the rows
   * that it changes in captured tables, and what `record` records in it, say who and why. What it throws, or a trigger
   * refuses, takes the whole transaction back and reaches the caller as it is. Within a transaction that is open already it
   * is a savepoint, and the context around it holds again afterwards.
   *
   * `work` is synchronous. An async function or a generator is refused before any of it runs (kind `usage`). A plain
   * function that gives a promise is refused too, and what it did is taken back; what it does after its first `await` runs
   * outside of the transaction, which cannot be prevented.
   *
   * Throws kind `usage` also for a context without an actor, and `busy` where the lock is not to be had.
   *
   * @example
   * daybook.transaction({ actor: 'u-42', reason: 'asked by phone' }, (database) => {
   *   database.prepare('UPDATE users SET email = ? WHERE id = ?').run('ines@example.org', 42);
   * });
   */
  transaction<Result>(
    context: Context,
    work: (connection: Application) => Result & (Result extends PromiseLike<unknown> ? never : unknown),
  ): Result;
  /**
   * The same, with a context that holds for all that is done through it, as a logger's child. What is said later counts.
   *
   * @example const daybook = attach(database).with({ actor: 'u-42', correlationId: request.id });
   */
  with(context: Context): Attached<Application>;
}

export interface AttachOptions {
  /** Dotted paths into documents of entries: `[redacted]` is recorded in the place of the values there. */
  readonly redact?: readonly string[] | undefined;
}

/**
 * Takes the connection that an application has open on a database with a trail: of better-sqlite3, node:sqlite, libsql, or
 * what has their `exec` and `prepare`. Nothing of the connection changes, and there is nothing to close.
 *
 * Throws kind `missing` where there is no trail, or one of another schema.
 *
 * @example
 * const database = new Database('app.db');
 * const daybook = attach(database, { redact: ['password'] });
 */
export function attach<Application extends OpenConnection>(
  application: Application,
  options: AttachOptions = {},
): Attached<Application> {
  return told(() => {
    expectKeys('attach', options, ['redact']);
    const connection = attempt('the connection', () => connectionOf(application));
    attempt(nameOf(connection), () => expectTrail(connection, nameOf(connection)));
    return attached({ application, connection }, { context: {}, redact: options.redact ?? [] });
  });
}

interface Opened<Application> {
  readonly application: Application;
  readonly connection: Connection;
}

function attached<Application extends OpenConnection>(
  opened: Opened<Application>,
  bound: Bound,
): Attached<Application> {
  const { application, connection } = opened;
  const put = (requests: readonly RecordRequest[]): Recorded[] =>
    attempt(nameOf(connection), () => recordOfApplication(connection, requests, Date.now)).map(becameOf);
  const bindTo = (context: Context): Context => within(bound.context, readContext(context));
  function record(entry: EntryFields): Recorded;
  function record(entries: readonly EntryFields[]): Recorded[];
  function record(given: EntryFields | readonly EntryFields[]): Recorded | Recorded[] {
    return told(() => {
      const recorded = put(requestsOf(given, bound));
      return Array.isArray(given) ? recorded : (recorded[0] as Recorded);
    });
  }
  return {
    record,
    revert: (key, request) =>
      told(() => {
        const { context, reason } = readRevert(request, bound.context);
        const asked = keyOf(key);
        const target = attempt(nameOf(connection), () => findEntry(connection, asked));
        if (target === undefined) throw new DaybookError('missing', `no entry ${key}`, { field: 'key', value: key });
        const { entry, given } = requestOf({ action: 'revert' }, { ...bound, context }, Date.now());
        const { actor, actor_type, recorded_by, correlation_id, metadata } = entry;
        const taking = revertOf(target, { actor, actor_type, recorded_by }, reason);
        const [recorded] = put([{ entry: { ...taking, correlation_id, metadata }, given }]);
        return recorded as Recorded;
      }),
    transaction: (context, work) => {
      const changing = told(() => changeContextOf(bindTo(context)));
      return told(() => withContext(connection, changing, Date.now, work, application));
    },
    with: (context) => told(() => attached(opened, { ...bound, context: bindTo(context) })),
  };
}

/** Why and by whom; its reason is the message, and stands nowhere else. */
export function readRevert(
  request: RevertRequest,
  outer: Context,
): { readonly context: Context; readonly reason: string } {
  const { reason, ...given } = readContext(request);
  if (typeof reason !== 'string') throw wrongValue('reason', reason, 'a text');
  const { reason: _why, ...context } = within(outer, given);
  return { context, reason };
}

export function becameOf({ seq, id, outcome }: RecordOutcome): Recorded {
  return { seq, id, skipped: outcome === 'skipped' };
}
