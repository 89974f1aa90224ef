import { DaybookError, ResourceError } from '../../core/errors.js';
import type { HistoryEntry } from '../../core/entry.js';
import type { RecordOutcome, RecordRequest } from '../audit-store.js';
import type { PostgresClient, PostgresPool } from '../postgres-client.js';
import { withContextOf } from '../signed.js';
import { contextAround, heldContext, setContext } from './context/index.js';
import type { ChangeContext } from './context/index.js';
import { connectionOf, expectTrail, explained, isLost, isPassing } from './engine/index.js';
import type { Asked, Connection, Generation } from './engine/index.js';
import { findEntry, recordSigned, takesBack } from './trail/index.js';

/** The trail of an application's database, on clients that the application has. */
export interface ApplicationTrail {
  /** Records in the transaction that is open on the client, else in one of its own. */
  record(client: PostgresClient, requests: readonly RecordRequest[]): Promise<RecordOutcome[]>;
  /** Records what an entry makes necessary, in the same way; `make` is asked anew where others were in the way. */
  answer(
    client: PostgresClient,
    key: { readonly seq: number } | { readonly id: string },
    make: (found: HistoryEntry | undefined) => RecordRequest,
  ): Promise<RecordOutcome>;
  /** Runs work in a transaction, or in a savepoint where one is open, under a context that ends with it. */
  transaction<Result>(client: PostgresClient, context: ChangeContext, work: () => Promise<Result>): Promise<Result>;
}

/** The part of node-postgres that is used here, and may not be there in another one. */
interface Driver extends PostgresClient {
  readonly user?: unknown;
  readonly database?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  /** Of newer ones: I is idle, T is within a transaction. */
  getTransactionStatus?(): string | null;
}

/** How often a transaction of our own is begun anew that others were in the way of. */
const ATTEMPTS = 5;

/** The trail in a schema, as an application's clients come to it. What the database has is looked at once. */
export function applicationTrail(schema: string, clock: () => number): ApplicationTrail {
  let known: readonly Generation[] | undefined;
  const opened = async (connection: Connection, asked: Asked): Promise<readonly Generation[]> =>
    (known ??= await expectTrail({ connection, asked }));
  const on = (client: PostgresClient): { connection: Connection; asked: Asked } => ({
    connection: connectionOf(client as never, schema),
    asked: askedOf(client, schema),
  });
  const putIn = async (
    client: PostgresClient,
    requests: readonly RecordRequest[],
    { within }: { readonly within: boolean },
  ): Promise<RecordOutcome[]> => {
    const { connection, asked } = on(client);
    const generations = await opened(connection, asked);
    const context = within ? await heldContext(connection) : undefined;
    const signed = context === undefined ? requests : requests.map((one) => withContextOf(one, context));
    return recordSigned(connection, generations, signed, clock);
  };
  return {
    record: (client, requests) =>
      told(client, schema, () => {
        const [first] = requests;
        // What is one statement is its own transaction, if there is none.
        const isOneStatement = requests.length === 1 && first?.entry.id === null && first.entry.reverts === null;
        if (isOneStatement) return putIn(client, requests, { within: true });
        return inWhole(client, requests.some(takesBack), () => putIn(client, requests, { within: true }));
      }),
    answer: (client, key, make) =>
      told(client, schema, () =>
        inWhole(client, true, async () => {
          const { connection, asked } = on(client);
          const found = await findEntry(connection, await opened(connection, asked), key);
          const [outcome] = await putIn(client, [make(found)], { within: true });
          return outcome as RecordOutcome;
        }),
      ),
    transaction: async (client, context, work) => {
      const { connection } = on(client);
      const nested = await told(client, schema, async () => begin(client, 'BEGIN'));
      try {
        const outer = await told(client, schema, async () => {
          const around = nested ? await contextAround(connection) : undefined;
          await setContext(connection, context);
          return around;
        });
        const result = await work();
        if (outer !== undefined) await told(client, schema, () => setContext(connection, outer));
        await end(client, nested, schema);
        return result;
      } catch (error) {
        await takeBack(client, nested);
        throw error;
      }
    },
  };
}

/** Whether this is a pool, which has another client for each statement. */
export function isPool(place: PostgresClient): place is PostgresPool {
  const { connect, totalCount } = place as Partial<PostgresPool>;
  return typeof connect === 'function' && typeof totalCount === 'number';
}

/** Runs work with a client of a pool, and gives it back: one whose connection is lost is not used again. */
export async function withClient<Result>(
  pool: PostgresPool,
  schema: string,
  work: (client: PostgresClient) => Promise<Result>,
): Promise<Result> {
  const client = await told(pool, schema, () => pool.connect());
  let lost = false;
  try {
    return await work(client);
  } catch (error) {
    lost = isLost(error) || isLost((error as { cause?: unknown } | null | undefined)?.cause);
    throw error;
  } finally {
    client.release(lost);
  }
}

/** All of it, or nothing: in a savepoint of the open transaction, else in a transaction that is begun anew where others were in the way. */
async function inWhole<T>(client: PostgresClient, serializable: boolean, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const nested = await begin(client, serializable ? 'BEGIN ISOLATION LEVEL SERIALIZABLE' : 'BEGIN');
    try {
      const result = await work();
      await client.query(nested ? 'RELEASE SAVEPOINT daybook_work' : 'COMMIT');
      return result;
    } catch (error) {
      await takeBack(client, nested);
      if (nested || !isPassing(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Begins a transaction; where one is open already, a savepoint. Gives whether that is so. */
async function begin(client: Driver, statement: string): Promise<boolean> {
  const status = client.getTransactionStatus?.() ?? null;
  if (status !== 'I') {
    try {
      await client.query('SAVEPOINT daybook_work');
      return true;
    } catch (error) {
      // There is no transaction. Drivers that cannot tell are asked by this.
      if ((error as { code?: unknown }).code !== '25P01') throw error;
    }
  }
  await client.query(statement);
  return false;
}

/** Ends it. A server answers a COMMIT behind a statement that failed by taking all back, and calls that no error. */
async function end(client: PostgresClient, nested: boolean, schema: string): Promise<void> {
  if (nested) {
    await told(client, schema, () => client.query('RELEASE SAVEPOINT daybook_work'));
    return;
  }
  const done = await client.query('COMMIT').catch((error: unknown) => {
    if (!isLost(error)) throw error;
    throw new ResourceError(
      'failed',
      'the connection was lost while the transaction was committed: look whether it is there before you try again',
      { cause: error },
    );
  });
  if ((done as { command?: unknown }).command !== 'ROLLBACK') return;
  throw new DaybookError(
    'failed',
    'the transaction was taken back: a statement in it failed, and its error was caught',
  );
}

async function takeBack(client: PostgresClient, nested: boolean): Promise<void> {
  const statement = nested ? 'ROLLBACK TO SAVEPOINT daybook_work; RELEASE SAVEPOINT daybook_work' : 'ROLLBACK';
  // Where the connection is lost, or work ended the transaction itself, there is nothing left to take back.
  await client.query(statement).catch(() => undefined);
}

async function told<T>(client: PostgresClient, schema: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explained(error, askedOf(client, schema));
  }
}

/** Who asks, for messages. */
function askedOf(client: Driver, schema: string): Asked {
  const text = (value: unknown, without: string): string =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : without;
  const database = text(client.database, '');
  const server = client.host === undefined ? 'the server' : `${text(client.host, '')}:${text(client.port, '')}`;
  return {
    shown: database === '' ? 'the database' : `database ${database}`,
    schema,
    user: text(client.user, ''),
    database,
    server,
  };
}
