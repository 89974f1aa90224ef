import { DaybookError } from '../core/errors.js';
import { wrongValue } from '../core/given.js';
import { revertOf } from '../operations/revert.js';
import { ofPostgresClients } from '../store/attached.js';
import type { PostgresClient, PostgresClientOf } from '../store/postgres-client.js';
import { becameOf, readRevert } from './attach.js';
import type { AttachOptions, Recorded, RevertRequest } from './attach.js';
import { changeContextOf, readContext, within } from './context.js';
import type { Context } from './context.js';
import { requestOf, requestsOf } from './entry-fields.js';
import type { Bound, EntryFields } from './entry-fields.js';
import { told, toldLater } from './errors.js';
import { expectKeys, keyOf } from './question.js';

/** The trail in the database of a client, or of a pool, that an application has. */
export interface AttachedPostgres<Client extends PostgresClient> {
  /**
   * Records an entry, or several. On a client that is inside the transaction that is open on it, else in one of its own; on a
   * pool it is always in one of its own. What an entry does not say of who and why comes from the context: that of `with`,
   * else that of the transaction. Of several, all or none are recorded.
   *
   * Throws kind `data` for an entry that is not valid, `refused` for an id that is there with other content, for one that
   * takes back what is taken back already, and for one without an actor where a captured table asks for one, `missing`
   * where it takes back what is not there, and where there is no trail.
   *
   * @example await daybook.record({ action: 'login', actor: 'u-42' });
   */
  record(entry: EntryFields): Promise<Recorded>;
  record(entries: readonly EntryFields[]): Promise<Recorded[]>;
  /**
   * The same inside the transaction that is open on a client: the one of the change that the entry tells of.
   *
   * @example
   * await client.query('BEGIN');
   * await client.query('UPDATE settings SET level = $1', [6]);
   * await daybook.recordIn(client, { action: 'update', entity_type: 'settings', entity_id: '1', actor: 'u-42' });
   * await client.query('COMMIT');
   */
  recordIn(client: PostgresClient, entry: EntryFields): Promise<Recorded>;
  recordIn(client: PostgresClient, entries: readonly EntryFields[]): Promise<Recorded[]>;
  /**
   * Takes an entry back, by its seq or its id, by a new entry about the same entity. It is recorded as by `record`.
   *
   * Throws kind `missing` where there is no such entry, and `refused` where it is taken back already.
   *
   * @example await daybook.revert(1042, { actor: 'u-7', reason: 'was somebody else' });
   */
  revert(key: number | string, request: RevertRequest): Promise<Recorded>;
  /**
   * Runs `work` in one transaction, and gives what it gives. On a pool it is handed the client that has the transaction, and
   * the trail on that client: what goes through the pool itself is not in it. The entries of the rows that it changes in
   * captured tables, and what is recorded in it, say who and why. What it throws, or a trigger refuses, takes the whole
   * transaction back and reaches the caller as it is. On a client with a transaction that is open already it is a savepoint,
   * and the context around it holds again afterwards.
   *
   * Throws kind `usage` for a context without an actor, and `failed` where `work` caught the error of a statement: the
   * server has taken all back then.
   *
   * @example
   * await daybook.transaction({ actor: 'u-42', reason: 'asked by phone' }, async (client) => {
   *   await client.query('UPDATE users SET email = $1 WHERE id = $2', ['ines@example.org', 42]);
   * });
   */
  transaction<Result>(
    context: Context,
    work: (client: Client, daybook: AttachedPostgres<Client>) => Promise<Result>,
  ): Promise<Result>;
  /**
   * The same, with a context that holds for all that is done through it, as a logger's child. What is said later counts.
   *
   * @example const daybook = attachPostgres(pool).with({ actor: 'u-42', correlationId: request.id });
   */
  with(context: Context): AttachedPostgres<Client>;
}

export interface AttachPostgresOptions extends AttachOptions {
  /** The schema of the trail; `daybook` where it is not given. */
  readonly schema?: string | undefined;
}

/**
 * Takes the client or the pool of node-postgres that an application has, on a database with a trail. Nothing of it changes,
 * and there is nothing to close. The driver is the application's; what is there is looked at when something is recorded first.
 *
 * Throws kind `usage` for what is no client.
 *
 * @example
 * const pool = new Pool();
 * const daybook = attachPostgres(pool, { redact: ['password'] });
 */
export function attachPostgres<Place extends PostgresClient>(
  place: Place,
  options: AttachPostgresOptions = {},
): AttachedPostgres<PostgresClientOf<Place>> {
  return told(() => {
    expectKeys('attachPostgres', options, ['redact', 'schema']);
    expectClient(place);
    const { schema = 'daybook', redact = [] } = options;
    const trail = once(async () => {
      const { applicationTrail, isPool, withClient } = await ofPostgresClients();
      return { ...applicationTrail(schema, Date.now), isPool, withClient };
    });
    return attached<PostgresClientOf<Place>>({ place, schema, trail }, { context: {}, redact });
  });
}

type Engine = Awaited<ReturnType<typeof ofPostgresClients>>;
type Loaded = ReturnType<Engine['applicationTrail']> & Pick<Engine, 'isPool' | 'withClient'>;

interface Opened {
  readonly place: PostgresClient;
  readonly schema: string;
  readonly trail: () => Promise<Loaded>;
}

function attached<Client extends PostgresClient>(opened: Opened, bound: Bound): AttachedPostgres<Client> {
  const { place, schema, trail } = opened;
  /** On the client, or on one of the pool's. */
  const on = async <T>(work: (client: PostgresClient, loaded: Loaded) => Promise<T>): Promise<T> => {
    const loaded = await trail();
    return loaded.isPool(place)
      ? loaded.withClient(place, schema, (client) => work(client, loaded))
      : work(place, loaded);
  };
  const bindTo = (context: Context): Context => within(bound.context, readContext(context));
  async function put(given: EntryFields | readonly EntryFields[], where: typeof on): Promise<Recorded | Recorded[]> {
    const requests = requestsOf(given, bound);
    const recorded =
      requests.length === 0 ? [] : (await where((client, { record }) => record(client, requests))).map(becameOf);
    return Array.isArray(given) ? recorded : (recorded[0] as Recorded);
  }
  function record(entry: EntryFields): Promise<Recorded>;
  function record(entries: readonly EntryFields[]): Promise<Recorded[]>;
  async function record(given: EntryFields | readonly EntryFields[]): Promise<Recorded | Recorded[]> {
    return toldLater(() => put(given, on));
  }
  function recordIn(client: PostgresClient, entry: EntryFields): Promise<Recorded>;
  function recordIn(client: PostgresClient, entries: readonly EntryFields[]): Promise<Recorded[]>;
  async function recordIn(
    client: PostgresClient,
    given: EntryFields | readonly EntryFields[],
  ): Promise<Recorded | Recorded[]> {
    return toldLater(async () => {
      expectClient(client);
      return put(given, async (work) => {
        const loaded = await trail();
        if (loaded.isPool(client)) {
          throw new DaybookError('usage', 'client is a pool, and the transaction is on one of its clients', {
            field: 'client',
            value: client,
          });
        }
        return work(client, loaded);
      });
    });
  }
  return {
    record,
    recordIn,
    revert: (key, request) =>
      toldLater(async () => {
        const { context, reason } = readRevert(request, bound.context);
        const asked = keyOf(key);
        const outcome = await on((client, { answer }) =>
          answer(client, asked, (target) => {
            if (target === undefined)
              throw new DaybookError('missing', `no entry ${key}`, { field: 'key', value: key });
            const { entry, given } = requestOf({ action: 'revert' }, { ...bound, context }, Date.now());
            const { actor, actor_type, recorded_by, correlation_id, metadata } = entry;
            const taking = revertOf(target, { actor, actor_type, recorded_by }, reason);
            return { entry: { ...taking, correlation_id, metadata }, given };
          }),
        );
        return becameOf(outcome);
      }),
    transaction: (context, work) =>
      toldLater(async () => {
        const changing = changeContextOf(bindTo(context));
        expectWork(work);
        return on((client, loaded) =>
          loaded.transaction(client, changing, async () =>
            work(client as Client, attached({ ...opened, place: client }, bound)),
          ),
        );
      }),
    with: (context) => told(() => attached<Client>(opened, { ...bound, context: bindTo(context) })),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

function expectClient(value: unknown): void {
  if (typeof (value as Partial<PostgresClient> | null | undefined)?.query === 'function') return;
  throw wrongValue('client', value, 'a client or a pool of node-postgres: it has the method query');
}

/** What a generator does is done when somebody asks for it, and nobody would. */
function expectWork(work: unknown): void {
  if (typeof work === 'function' && !/Generator/.test(Object.prototype.toString.call(work))) return;
  throw wrongValue('work', work, 'a function that gives a promise');
}
