import { Client } from 'pg';
import { addressOf } from '../../src/core/address.js';
import type { CaptureRequest } from '../../src/core/capture.js';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize, openPostgres } from '../../src/store/postgres/index.js';
import { newDatabase, urlOf } from './postgres-trail.js';
import { ACTOR, NOW } from './trail.js';

export const NOTHING_ASKED: CaptureRequest = {
  entityType: null,
  scope: null,
  actorColumn: null,
  nameColumn: null,
  ignore: [],
  redact: [],
  keep: [],
  json: [],
  requireActor: false,
};

/** A database of an application with a trail beside its tables. */
export interface PostgresScene {
  readonly store: AuditStore;
  /** The application's connection, as the owner of its tables. */
  readonly app: Client;
  readonly url: string;
  /** A name that no table has. */
  name(): string;
  /** A new table with these columns, filled, then captured as asked; `T` is its name in the SQL. */
  captured(columns: string, fill?: string, request?: Partial<CaptureRequest>): Promise<string>;
  /** Runs SQL of the application, `T` being the table. */
  run(table: string, sql: string): Promise<void>;
  /** What was recorded of a type, in the order of recording. */
  entriesOf(type: string): Promise<readonly HistoryEntry[]>;
  /** The same in short. */
  told(type: string): Promise<string[]>;
  close(): Promise<void>;
}

let tables = 0;

export async function postgresScene(clock: () => number = () => NOW): Promise<PostgresScene> {
  const { folder, database } = await newDatabase();
  const url = urlOf(folder, database);
  const address = addressOf(url);
  await initialize({ address, schema: 'daybook', busyTimeout: 1000, clock, actor: ACTOR });
  const presence = { host: 'here', pid: 1, lives: () => true };
  const store = await openPostgres({ address, schema: 'daybook', readonly: false, busyTimeout: 1000, clock, presence });
  const app = new Client({ connectionString: url });
  await app.connect();
  const run = async (table: string, sql: string): Promise<void> => {
    await app.query(sql.replaceAll(/\bT(?=\b|_)/g, table));
  };
  const entriesOf = async (type: string): Promise<readonly HistoryEntry[]> => {
    const upTo = await store.mark();
    const page = await store.page({ filter: { entity: [{ type }] }, order: 'recorded', limit: 1000, upTo });
    return page.entries;
  };
  const name = (): string => `p${++tables}`;
  return {
    store,
    app,
    url,
    name,
    run,
    captured: async (columns, fill, request) => {
      const table = name();
      await run(table, `CREATE TABLE T (${columns})`);
      if (fill !== undefined) await run(table, fill);
      await store.addCaptures([table], { ...NOTHING_ASKED, ...request }, ACTOR);
      return table;
    },
    entriesOf,
    told: async (type) => (await entriesOf(type)).map(({ action, entity_id: id }) => `${action} ${id}`),
    close: async () => {
      await store.close();
      await app.end();
    },
  };
}
