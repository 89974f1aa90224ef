import { Client } from 'pg';
import { inject } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
import { psql, serverPrograms, startCluster } from '../support/postgres-cluster.js';
import { ACTOR, NOW } from './trail.js';
import type { Trail } from './trail.js';

/** Whether there is a PostgreSQL to test with; tests are skipped by name where there is none. */
export const HAS_POSTGRES = serverPrograms() !== undefined;

export interface PostgresTrail extends Trail {
  /** The URL of the database, as its owner. */
  readonly url: string;
  /** A connection as any other program would have it. */
  plain(): Promise<Client>;
}

/** A database that no test uses at the moment, and the folder of its server. */
interface Spare {
  readonly folder: string;
  readonly database: string;
}

const spares: Spare[] = [];
let made = 0;

/** The URL of a database in a cluster of the tests. */
export function urlOf(folder: string, database: string, user = 'owner'): string {
  return `postgres:///${database}?host=${encodeURIComponent(folder)}&user=${user}`;
}

/** A new and empty database; `template` is copied. */
export async function newDatabase(template = 'template0'): Promise<Spare> {
  const folder = await startCluster(inject('clusterFolder'));
  const database = `trail_${process.pid}_${made++}`;
  psql(folder, 'postgres', `CREATE DATABASE ${database} TEMPLATE ${template} ENCODING 'UTF8'`);
  return { folder, database };
}

/** A database with an empty trail. To empty one takes a tenth of making one. */
async function emptyTrail(): Promise<Spare> {
  const spare = spares.pop();
  if (spare !== undefined) return spare;
  const { folder, database } = await newDatabase();
  const address = addressOf(urlOf(folder, database));
  await initialize({ address, schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR });
  return { folder, database };
}

const EMPTY = `
  SET client_min_messages = error;
  ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_append_only;
  TRUNCATE daybook.daybook_entries, daybook.daybook_prunes, daybook.daybook_retention, daybook.daybook_retention_entries,
    daybook.daybook_checkpoints, daybook.daybook_actors RESTART IDENTITY;
  ALTER TABLE daybook.daybook_entries ENABLE ALWAYS TRIGGER daybook_append_only;`;

/** A new trail with a database of its own; `remove` ends its connections. */
export async function makePostgresTrail(): Promise<PostgresTrail> {
  const spare = await emptyTrail();
  const url = urlOf(spare.folder, spare.database);
  const clock = { now: NOW };
  const now = (): number => clock.now;
  const stores: AuditStore[] = [];
  const clients: Client[] = [];
  const plain = async (): Promise<Client> => {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  };
  return {
    clock,
    url,
    plain,
    open: async (circumstances) => {
      const store = await openPostgres({
        address: addressOf(url),
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
      for (const store of stores) await store.close();
      for (const client of clients) await client.end();
      const last = new Client({ connectionString: url });
      await last.connect();
      await last.query(EMPTY);
      await last.end();
      spares.push(spare);
    },
  };
}
