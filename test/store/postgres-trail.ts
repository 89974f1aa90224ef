import { Client } from 'pg';
import { inject } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
import { psql, serverPrograms, serverVersion, startCluster } from '../support/postgres-cluster.js';
import { ACTOR, NOW } from './trail.js';
import type { Circumstances, Trail } from './trail.js';

/** Whether there is a PostgreSQL to test with; tests are skipped by name where there is none. */
export const HAS_POSTGRES = serverPrograms() !== undefined;

/** A case that another version of PostgreSQL does not have: MERGE came with 15. */
export const isKnownThere = ([what]: readonly [what: string, ...rest: unknown[]]): boolean =>
  what !== 'MERGE' || (serverVersion() ?? 0) >= 15;

export interface PostgresTrail extends Trail {
  /** The URL of the database, as its owner. */
  readonly url: string;
  /** One more connection to the same trail, as another user where one is named. */
  open(circumstances?: Partial<Circumstances> & { readonly user?: string }): Promise<AuditStore>;
  /** A connection as any other program would have it. */
  plain(): Promise<Client>;
}

/** A database that no test uses at the moment, and the folder of its server. */
interface Spare {
  readonly url: string;
  /** Empties the trail. */
  readonly owner: Client;
}

const spares: Spare[] = [];
let made = 0;

/** The URL of a database in a cluster of the tests. */
export function urlOf(folder: string, database: string, user = 'owner'): string {
  return `postgres:///${database}?host=${encodeURIComponent(folder)}&user=${user}`;
}

/** A new and empty database, and the folder of its server. */
export async function newDatabase(): Promise<{ readonly folder: string; readonly database: string }> {
  const folder = await startCluster(inject('clusterFolder'));
  const database = `trail_${process.pid}_${made++}`;
  psql(folder, 'postgres', `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8'`);
  return { folder, database };
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  // The tests are over when all of them are, whoever is connected still.
  (client as unknown as { connection: { stream: { unref(): void } } }).connection.stream.unref();
  return client;
}

/** A database with an empty trail. */
async function emptyTrail(): Promise<Spare> {
  const spare = spares.pop();
  if (spare !== undefined) return spare;
  const { folder, database } = await newDatabase();
  const url = urlOf(folder, database);
  await initialize({ address: addressOf(url), schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
  return { url, owner: await connected(url) };
}

/** What takes everything out again, by the way that a prune has: to make all tables anew takes ten times as long. */
const EMPTY = `
  DELETE FROM daybook.daybook_holds;
  DELETE FROM daybook.daybook_prunes;
  INSERT INTO daybook.daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, deleting_tx)
    VALUES ('clear', 'test', 'system', '[]', '', '', '', '', 0, pg_current_xact_id());
  DELETE FROM daybook.daybook_entries;
  DELETE FROM daybook.daybook_prunes;
  DELETE FROM daybook.daybook_retention;
  DELETE FROM daybook.daybook_retention_entries;
  DELETE FROM daybook.daybook_checkpoints;
  DELETE FROM daybook.daybook_actors;
  TRUNCATE daybook.daybook_seal_trail, daybook.daybook_seals, daybook.daybook_seal_tiles, daybook.daybook_seal_lease, daybook.daybook_seal_keys,
    daybook.daybook_seal_removals, daybook.daybook_erased, daybook.daybook_anchors RESTART IDENTITY;
  SELECT setval('daybook.daybook_entries_seq_seq', 1, false), setval('daybook.daybook_prunes_prune_seq', 1, false);`;

/** A new trail with a database of its own; `remove` ends its connections. */
export async function makePostgresTrail(): Promise<PostgresTrail> {
  const spare = await emptyTrail();
  const { url } = spare;
  const clock = { now: NOW };
  const now = (): number => clock.now;
  let removed = false;
  const stores: AuditStore[] = [];
  const clients: Client[] = [];
  const plain = async (): Promise<Client> => {
    const client = await connected(url);
    clients.push(client);
    return client;
  };
  return {
    clock,
    url,
    plain,
    open: async (circumstances) => {
      const store = await openPostgres({
        address: addressOf(url.replace('user=owner', `user=${circumstances?.user ?? 'owner'}`)),
        schema: 'daybook',
        readonly: false,
        busyTimeout: 1000,
        clock: circumstances?.clock ?? now,
        presence: circumstances?.presence ?? { host: 'here', pid: 1, lives: () => true },
      });
      stores.push(store);
      return store;
    },
    remove: async () => {
      if (removed) return;
      removed = true;
      for (const store of stores) await store.close();
      for (const client of clients) await client.end();
      await spare.owner.query(EMPTY);
      spares.push(spare);
    },
  };
}
