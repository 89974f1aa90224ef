import type { Actor } from '../../../core/entry.js';
import { newEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Initialized } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { changedTableFunctions, mendFunctions, outdatedCaptures, renewCapture } from '../capture/index.js';
import { renewHolds } from '../holds/index.js';
import {
  answer,
  connect,
  grantsOf,
  identifier,
  MIGRATIONS,
  MIGRATIONS_TABLE,
  newerSchema,
  SCHEMA_VERSION,
} from '../engine/index.js';
import type { PostgresOptions, Server } from '../engine/index.js';
import { insertOne } from '../trail/index.js';
import { missingObjects } from './facts.js';

export interface InitializeOptions extends Omit<PostgresOptions, 'readonly' | 'presence'> {
  readonly actor: Actor;
  /** Who is to record and read. */
  readonly roles?: readonly string[];
}

/**
 * Creates the trail in a schema of its own, or upgrades it. All of it is one transaction but for the triggers of captured
 * tables, which have one each, and a second run changes nothing.
 */
export async function initialize(options: InitializeOptions): Promise<Initialized> {
  const server = await connect(options);
  try {
    const initialized = await server.write(async () => {
      const outcome = await prepare(server, options);
      return { ...outcome, grants: await grant(server, options) };
    });
    return (await renewCaptures(server, options)) ? { ...initialized, outcome: 'upgraded' } : initialized;
  } finally {
    await server.close();
  }
}

/** Gives captured tables functions of their own in place of the one of earlier daybooks, each in a transaction with its entry. */
async function renewCaptures(server: Server, { actor, clock, schema }: InitializeOptions): Promise<boolean> {
  const tables = await server.read(() => outdatedCaptures(server.connection));
  for (const table of tables) {
    await server.write(() => renewCapture(server.connection, table, { actor, clock, schema }));
  }
  return tables.length > 0;
}

/** Gives roles what they need to record and read; without one, says how. */
async function grant(server: Server, { schema, roles = [] }: InitializeOptions): Promise<string[]> {
  const statements = roles.flatMap((role) => grantsOf(identifier(schema), identifier(role)));
  for (const statement of statements) await run(server, statement);
  if (statements.length > 0) return statements;
  return ['-- for each role that records and reads:', ...grantsOf(identifier(schema), 'app')];
}

async function prepare(server: Server, { schema, clock, actor }: InitializeOptions): Promise<Initialized> {
  const { connection, asked } = server;
  await expectText(server);
  const name = identifier(schema);
  const before = await schemaVersion(server, schema);
  if (before !== null && before > SCHEMA_VERSION) throw newerSchema(asked.shown, before);
  if (before === null) {
    const there = await answer<boolean>(
      connection,
      sql('SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = ?)', schema),
    );
    // Whoever may not make one may still use one that is theirs.
    if (there !== true) await connection.run(sql(`CREATE SCHEMA ${name}`));
    if (there !== true) await connection.run(sql(`REVOKE ALL ON SCHEMA ${name} FROM PUBLIC`));
  }
  await run(server, MIGRATIONS_TABLE(name));
  for (const migration of MIGRATIONS) {
    if (migration.version <= (before ?? 0)) continue;
    await run(server, migration.sql(name));
    await connection.run(
      sql(
        'INSERT INTO daybook_migrations (version, name, applied_at) VALUES (?, ?, ?)',
        migration.version,
        migration.name,
        formatTimestamp(clock()),
      ),
    );
  }
  const moved = await beginGeneration(server, name);
  if (before === null) return { outcome: 'created', schemaVersion: SCHEMA_VERSION, repaired: [] };
  const upgraded = before < SCHEMA_VERSION;
  const missing = await missingObjects(connection, name);
  const changed = await changedTableFunctions(connection, name);
  // What was captured by another function than ours is a gap.
  await mendFunctions(connection, { actor, clock, schema });
  for (const object of missing) if (object.type !== 'function') await run(server, object.sql);
  const holds = await renewHolds(connection);
  const repaired = [
    ...(moved ? ['the marks of a trail that came from another server'] : []),
    ...missing.map((object) => object.name),
    ...changed,
    ...holds,
  ];
  if (upgraded || repaired.length > 0) {
    const entry = newEntry({
      ...actor,
      category: 'system',
      action: 'init',
      severity: missing.length + changed.length + holds.length > 0 ? 'warning' : 'info',
      message: upgraded ? `upgraded the schema from ${before} to ${SCHEMA_VERSION}` : `put back ${repaired.join(', ')}`,
      metadata: JSON.stringify({ from_schema: before, to_schema: SCHEMA_VERSION, repaired }),
    });
    await insertOne(connection, entry, clock);
  }
  const outcome = upgraded ? 'upgraded' : repaired.length > 0 ? 'repaired' : 'unchanged';
  return { outcome, schemaVersion: SCHEMA_VERSION, repaired };
}

/** Several statements at once have no parameters. */
async function run(server: Server, text: string): Promise<void> {
  await server.connection.run(sql(text));
}

/** Text of any language must fit. */
async function expectText({ connection, asked }: Server): Promise<void> {
  const encoding = await answer<string>(connection, sql(`SELECT current_setting('server_encoding')`));
  if (encoding === 'UTF8') return;
  throw new DaybookError(
    'refused',
    `database ${asked.database} keeps text in ${encoding ?? 'no encoding'}: a trail needs UTF8`,
  );
}

async function schemaVersion({ connection }: Server, schema: string): Promise<number | null> {
  const there = await answer<boolean>(
    connection,
    sql(
      `SELECT EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = ? AND c.relname = 'daybook_migrations')`,
      schema,
    ),
  );
  if (there !== true) return null;
  return (await answer<number | null>(connection, sql('SELECT max(version) FROM daybook_migrations'))) ?? null;
}

/** What came by a dump says when it was recorded in terms of another server: from here on, others hold. */
async function beginGeneration({ connection }: Server, name: string): Promise<boolean> {
  const current = 'SELECT system_identifier FROM pg_control_system()';
  const last = 'SELECT system_identifier FROM daybook_generations ORDER BY generation DESC LIMIT 1';
  const same = await answer<boolean | null>(connection, sql(`SELECT (${last}) = (${current})`));
  if (same === true) return false;
  // Whoever records meanwhile has finished then, and whoever waits comes behind.
  await connection.run(sql(`LOCK TABLE ${name}.daybook_entries IN SHARE MODE`));
  await connection.run(
    sql(`INSERT INTO daybook_generations (system_identifier, after_seq)
      SELECT (${current}), coalesce((SELECT max(seq) FROM daybook_entries), 0)`),
  );
  return same === false;
}
