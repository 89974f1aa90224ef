import { Client, defaults } from 'pg';
import type { Address } from '../../../core/address.js';
import { DaybookError, ResourceError } from '../../../core/errors.js';
import type { Presence } from '../../../core/presence.js';
import { sql } from '../../sql.js';
import { systemUser, targetOf } from './address.js';
import { answer, connectionOf, identifier } from './connection.js';
import type { Connection } from './connection.js';
import { explained, initHint, isLost, isPassing, notGranted } from './errors.js';
import type { Asked } from './errors.js';
import type { Generation } from './marks.js';
import { SCHEMA_VERSION } from './schema.js';

export interface PostgresOptions {
  readonly address: Address;
  readonly schema: string;
  /** Reading commands run in transactions that can only read. */
  readonly readonly: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`. */
  readonly busyTimeout: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly presence: Presence;
}

export interface Writing {
  /** Whether no crash of the server may take it back, once it is committed. */
  readonly durable?: boolean;
  /** Whether two that read what the other one changes cannot both succeed. */
  readonly serializable?: boolean;
  /** Whether the work cannot be begun anew. */
  readonly once?: boolean;
}

/** A server that is connected to. Its transactions come one after the other, whoever asks for them. */
export interface Server {
  readonly asked: Asked;
  readonly connection: Connection;
  /** Statements for the beginning of each transaction: what holds in it, and no longer. */
  readonly settings: readonly string[];
  /** Runs what only reads, on one moment of the database. */
  read<T>(work: () => Promise<T>): Promise<T>;
  /** Runs a write in one transaction. */
  write<T>(work: () => Promise<T>, writing?: Writing): Promise<T>;
  close(): Promise<void>;
}

/** An open trail, as the rooms of the engine work on it. */
export interface Session extends Server {
  readonly options: PostgresOptions;
  readonly clock: () => number;
  readonly generations: readonly Generation[];
  /** Whether who is connected may close the accounts of others. */
  readonly owns: boolean;
}

/** How often a transaction is begun anew that others were in the way of. */
const ATTEMPTS = 5;

/** Connects to the server of an address. Throws kind `missing` where it does not let us in, and kind `busy`. */
export async function connect({
  address,
  schema,
  busyTimeout,
}: Pick<PostgresOptions, 'address' | 'busyTimeout'> & {
  /** Null where it is an application's tables that are looked for, by the application's own names. */
  readonly schema: string | null;
}): Promise<Server> {
  const { config, ssl } = targetOf(address.connects, address.shown);
  defaults.user ??= systemUser();
  const client = new Client(config);
  const asked: Asked = {
    shown: address.shown,
    schema: schema ?? 'daybook',
    user: client.user ?? '',
    database: client.database ?? '',
    server: `${client.host}:${client.port}`,
  };
  const connected = await connectBy(client, config, ssl).catch((error: unknown) => {
    throw explained(error, asked);
  });
  // Whoever waits for an answer is told of it; else nobody is.
  connected.on('error', () => undefined);
  return serverOf(connected, asked, {
    lock_timeout: String(Math.max(1, Math.round(busyTimeout))),
    // Its compiler takes seconds for statements of milliseconds.
    jit: 'off',
    ...(schema !== null && { search_path: `pg_catalog, ${identifier(schema)}, pg_temp` }),
  });
}

async function connectBy(
  client: Client,
  config: ConstructorParameters<typeof Client>[0],
  ssl: string,
): Promise<Client> {
  // On a socket of the system's, there is nothing to hide from.
  const local = client.host.startsWith('/');
  const order = local || ssl === 'allow' ? [false, true] : [true, false];
  const either = (ssl === 'prefer' || ssl === 'allow') && typeof config === 'object';
  if (!either) {
    const only = local && typeof config === 'object' ? new Client({ ...config, ssl: false }) : client;
    await only.connect();
    return only;
  }
  const attempt = async (tls: boolean): Promise<Client> => {
    const next = new Client({ ...config, ssl: tls ? config.ssl : false });
    await next.connect();
    return next;
  };
  const [first = false, second = false] = order;
  try {
    return await attempt(first);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const other = first ? /does not support SSL/.test(message) || code === '28000' : !local && code === '28000';
    if (!other) throw error;
    return attempt(second);
  }
}

function serverOf(client: Client, asked: Asked, local: Readonly<Record<string, string>>): Server {
  const connection = connectionOf(client);
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
  const settings = Object.entries(local).map(([name, value]) => `SET LOCAL ${name} = ${value}`);
  const first = settings.join('; ');
  const transaction = async <T>(begin: string, work: () => Promise<T>): Promise<T> => {
    let committing = false;
    try {
      await client.query(begin);
      const result = await work();
      committing = !begin.includes('READ ONLY');
      await client.query('COMMIT');
      return result;
    } catch (error) {
      if (committing && isLost(error)) {
        throw new ResourceError(
          'failed',
          `the connection to ${asked.server} was lost while the transaction was committed: look whether it is there before you try again`,
          { cause: error },
        );
      }
      // Where the connection is lost, there is nothing left to take back.
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };
  const told = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explained(error, asked);
    }
  };
  return {
    asked,
    connection,
    settings,
    read: (work) =>
      alone(() => told(() => transaction(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; ${first}`, work))),
    write: (work, { durable = true, serializable = false, once = false } = {}) =>
      alone(() =>
        told(async () => {
          const begin = `BEGIN ISOLATION LEVEL ${serializable ? 'SERIALIZABLE' : 'READ COMMITTED'} READ WRITE; ${first}; ${durable ? DURABLE : 'SET LOCAL synchronous_commit = off'}`;
          for (let attempt = 1; ; attempt++) {
            try {
              return await transaction(begin, work);
            } catch (error) {
              if (once || !isPassing(error) || attempt === ATTEMPTS) throw error;
            }
          }
        }),
      ),
    close: () => alone(() => client.end()),
  };
}

/** A server may be set to say that things are done before they are. */
const DURABLE = `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`;

/** What a trail says of itself when it is opened. */
interface Opened {
  readonly version: number | null;
  readonly generations: string;
  readonly current: boolean;
}

/** Opens the trail. Throws kind `missing` where there is none, or one that this program does not know, and kind `busy`. */
export async function openSession(options: PostgresOptions): Promise<Session> {
  const server = await connect(options);
  try {
    const { generations, owns } = await server.read(async () => ({
      generations: await expectTrail(server),
      owns: (await answer<boolean>(server.connection, OWNS)) === true,
    }));
    return { ...server, options, clock: options.clock, generations, owns };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** The generations of the trail that is there. Runs in the open transaction. */
export async function expectTrail(on: Pick<Server, 'asked' | 'connection'>): Promise<readonly Generation[]> {
  const { asked, connection } = on;
  await expectUse(on);
  const [found] = await connection.all<Opened>(OPENED);
  const hint = initHint(asked.shown, asked.schema);
  const version = found?.version ?? null;
  if (found === undefined || version === null) {
    throw new DaybookError('missing', `${asked.shown} holds no daybook trail in its schema ${asked.schema}`, { hint });
  }
  if (version > SCHEMA_VERSION) throw newerSchema(asked.shown, version);
  if (version < SCHEMA_VERSION) {
    throw new DaybookError('missing', `${asked.shown} has schema ${version}, older than ${SCHEMA_VERSION}`, { hint });
  }
  if (!found.current) {
    throw new DaybookError('missing', `${asked.shown} was brought here from another server, and needs to be told so`, {
      hint,
    });
  }
  const generations = JSON.parse(found.generations) as [generation: number, afterSeq: number][];
  return generations.map(([generation, afterSeq]) => ({ generation, afterSeq }));
}

/** A schema that one may not use is passed over as if it were not there. */
async function expectUse({ asked, connection }: Pick<Server, 'asked' | 'connection'>): Promise<void> {
  const used = sql(
    'SELECT has_schema_privilege(oid, ?) AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = ? AND NOT has_table_privilege(oid, ?)) FROM pg_namespace AS n WHERE nspname = ?',
    'USAGE',
    'daybook_migrations',
    'SELECT',
    asked.schema,
  );
  if ((await answer<boolean>(connection, used)) === false) throw notGranted(asked);
}

const OPENED = sql(`
  SELECT (SELECT max(version) FROM daybook_migrations) AS version,
    (SELECT json_agg(json_build_array(generation, after_seq) ORDER BY generation) FROM daybook_generations) AS generations,
    (SELECT system_identifier FROM daybook_generations ORDER BY generation DESC LIMIT 1) = (SELECT system_identifier FROM pg_control_system()) AS current`);

const OWNS = sql(`SELECT has_table_privilege('daybook_prunes', 'UPDATE')`);

export function newerSchema(shown: string, version: number): DaybookError {
  return new DaybookError(
    'missing',
    `${shown} has schema ${version}, and this daybook knows only up to ${SCHEMA_VERSION}: use a newer daybook`,
  );
}

/**
 * The snapshot of the transaction that is open. A standby does not tell which transactions are running, only from which one
 * on there are any: what came from there on is not in it yet.
 */
export async function currentSnapshot(connection: Connection): Promise<string> {
  const text =
    sql(`SELECT CASE WHEN pg_is_in_recovery() THEN concat(pg_snapshot_xmin(s), ':', pg_snapshot_xmin(s), ':') ELSE s::text END
    FROM pg_current_snapshot() AS s`);
  return (await answer<string>(connection, text)) ?? '';
}
