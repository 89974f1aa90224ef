import { chmodSync, closeSync, openSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Initialized } from '../../audit-store.js';
import { DaybookError } from '../../../core/errors.js';
import { shellWord } from '../../../core/shell.js';
import { newEntry } from '../../../core/entry.js';
import type { Actor } from '../../../core/entry.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import { mendSpans, outdatedCaptures, refreshCapture, turnOfOthers, unreadableSpans } from '../capture/index.js';
import {
  attempt,
  nameOf,
  newerSchema,
  openFile,
  schemaVersion,
  writing,
  expectFileName,
  MIGRATIONS,
  MIGRATIONS_TABLE,
  runMigration,
  SCHEMA_VERSION,
} from '../engine/index.js';
import type { Connection, Migration } from '../engine/index.js';
import { renewHolds } from '../holds/index.js';
import { giveEntries } from '../prune/index.js';
import { inserter, mendAccounts, spoiledAccounts } from '../trail/index.js';
import { isOwn, missingObjects } from './facts.js';

export interface InitializeOptions {
  readonly path: string;
  /** Whether a database with other tables is meant. */
  readonly alongside: boolean;
  readonly busyTimeout: number;
  readonly clock: () => number;
  readonly actor: Actor;
  /** Whether the connection is the application's own. */
  readonly lent?: boolean;
}

/**
 * Creates a database, adds the trail to one, upgrades an older trail, or puts back what is missing of it.
 * Throws kind `refused` for another application's database unless `alongside`, kind `missing` for what is no database.
 */
export function initialize(options: InitializeOptions): Initialized {
  const { path } = options;
  expectFileName(path);
  const created = createFile(path);
  try {
    const connection = openFile({ path, readonly: false, busyTimeout: options.busyTimeout });
    try {
      return attempt(path, () => prepare(connection, options, created));
    } finally {
      connection.close();
    }
  } catch (error) {
    // Where it is locked, another program was quicker to put something into it.
    if (created && !(error instanceof DaybookError && error.kind === 'busy')) unlinkSync(path);
    throw error;
  }
}

/**
 * The same on a connection that an application has open, in memory too. It is the application's, so it may hold other
 * tables, and keeps its journal mode and its file's mode.
 */
export function initializeOn(
  connection: Connection,
  options: Omit<InitializeOptions, 'path' | 'alongside'>,
): Initialized {
  const path = nameOf(connection);
  return attempt(path, () => prepare(connection, { ...options, path, alongside: true, lent: true }, false));
}

/** Makes the file, readable by its owner alone, before SQLite opens it: its companions take over the mode. */
function createFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o600));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT')
      throw new DaybookError('missing', `the folder ${dirname(path)} does not exist`, { cause: error });
    if (code === 'ENOTDIR') throw new DaybookError('missing', `${dirname(path)} is not a folder`, { cause: error });
    throw new DaybookError('failed', `${path} cannot be created (${code ?? String(error)})`, { cause: error });
  }
}

function prepare(connection: Connection, options: InitializeOptions, created: boolean): Initialized {
  const { path } = options;
  const empty = created || isBlank(connection);
  const version = empty ? null : schemaVersion(connection);
  if (version !== null && version > SCHEMA_VERSION) throw newerSchema(path, version);
  const own = empty || isOwn(connection);
  if (version === null && !own && !options.alongside) {
    throw new DaybookError('refused', `${path} holds the tables of another application`, {
      hint: `daybook --db ${shellWord(path)} init --alongside`,
      field: 'alongside',
      value: options.alongside,
    });
  }
  if (empty && options.lent !== true) {
    if (!created) chmodSync(path, 0o600);
    connection.pragma('auto_vacuum = INCREMENTAL');
    connection.pragma('journal_mode = WAL');
  }
  const before = version ?? createTrail(connection, options);
  if (before === null) return { outcome: own ? 'created' : 'added', schemaVersion: SCHEMA_VERSION, repaired: [] };
  upgrade(connection, options);
  const repaired = repair(connection, options);
  const renewed = renewCaptures(connection, options);
  const outcome = before < SCHEMA_VERSION || renewed ? 'upgraded' : repaired.length > 0 ? 'repaired' : 'unchanged';
  return { outcome, schemaVersion: SCHEMA_VERSION, repaired };
}

/** Whether nothing was ever put into the database: an empty file, or all that an `init` left that was killed early. */
function isBlank(connection: Connection): boolean {
  return ['schema_version', 'user_version', 'application_id'].every(
    (header) => connection.pragma(header, { simple: true }) === 0,
  );
}

/** What a migration does to what is there already, beside its SQL. */
const AFTER: ReadonlyMap<number, (connection: Connection, options: InitializeOptions) => void> = new Map([
  [4, (connection, { actor, clock }) => giveEntries(connection, actor, clock)],
]);

/** Makes a trail, all of it or nothing; gives the version of one that another program has made meanwhile, else null. */
function createTrail(connection: Connection, { clock }: InitializeOptions): number | null {
  return writing(connection, () => {
    const meanwhile = schemaVersion(connection);
    if (meanwhile !== null) return meanwhile;
    connection.exec(MIGRATIONS_TABLE);
    for (const migration of MIGRATIONS) apply(connection, migration, clock);
    return null;
  });
}

function apply(connection: Connection, { version, name, sql }: Migration, clock: () => number): void {
  runMigration(connection, sql);
  connection
    .prepare('INSERT INTO daybook_migrations (version, name, applied_at) VALUES (?, ?, ?)')
    .run(version, name, formatTimestamp(clock()));
}

/**
 * Takes an older trail to the schema of this program: each step is a transaction with its entry, so that others wait for
 * no more than one, and what is cut off goes on where it was.
 */
function upgrade(connection: Connection, options: InitializeOptions): void {
  for (const migration of MIGRATIONS) {
    writing(connection, () => {
      const before = schemaVersion(connection) ?? 0;
      if (migration.version <= before) return;
      apply(connection, migration, options.clock);
      recordInit(connection, options, { from: before, to: migration.version, repaired: [] });
      AFTER.get(migration.version)?.(connection, options);
    });
  }
}

/** Puts back what is missing or was spoiled, each in a transaction with its entry, and gives what it was. */
function repair(connection: Connection, options: InitializeOptions): string[] {
  return [
    ...putBack(connection, options),
    ...putBackHolds(connection, options),
    ...closeGuard(connection, options),
    ...mend(connection, options),
  ];
}

/** Gives captured tables the triggers of today in place of earlier ones, each table in a transaction with its entry. */
function renewCaptures(connection: Connection, { actor, clock }: InitializeOptions): boolean {
  const tables = outdatedCaptures(connection);
  for (const [at, table] of tables.entries()) {
    if (at > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, turnOfOthers(connection));
    writing(connection, () => refreshCapture(connection, table, { actor, clock }));
  }
  return tables.length > 0;
}

/** Makes readable what only this can mend: what another program put there becomes an entry. */
function mend(connection: Connection, { actor, clock }: InitializeOptions): string[] {
  if (spoiledAccounts(connection).length + unreadableSpans(connection).length === 0) return [];
  return writing(connection, () => {
    const insert = inserter(connection, clock);
    return [...mendAccounts(connection), ...mendSpans(connection)].map(({ what, held }) => {
      insert(
        newEntry({
          ...actor,
          category: 'system',
          action: 'init',
          severity: 'warning',
          message: `made ${what} readable`,
          old_values: JSON.stringify(held),
        }),
      );
      return what;
    });
  });
}

/** Closes the guard against deleting, where another program has opened it. */
function closeGuard(connection: Connection, options: InitializeOptions): string[] {
  const open = connection.prepare('SELECT EXISTS (SELECT 1 FROM daybook_prunes WHERE deleting = 1)').pluck();
  if (open.get() === 0) return [];
  return writing(connection, () => {
    if (connection.prepare('UPDATE daybook_prunes SET deleting = 0 WHERE deleting = 1').run().changes === 0) return [];
    const repaired = ['the guard against deleting'];
    recordInit(connection, options, { from: SCHEMA_VERSION, to: SCHEMA_VERSION, repaired });
    return repaired;
  });
}

function putBack(connection: Connection, options: InitializeOptions): string[] {
  const missing = missingObjects(connection);
  return missing.flatMap(({ type, name, sql }) =>
    writing(connection, () => {
      // Another program may have put it back meanwhile.
      if (!missingObjects(connection).some((object) => object.name === name)) return [];
      connection.exec(`DROP ${type} IF EXISTS ${name}`);
      connection.exec(sql);
      recordInit(connection, options, { from: SCHEMA_VERSION, to: SCHEMA_VERSION, repaired: [name] });
      return [name];
    }),
  );
}

function putBackHolds(connection: Connection, options: InitializeOptions): string[] {
  return writing(connection, () => {
    const repaired = renewHolds(connection);
    if (repaired.length > 0) recordInit(connection, options, { from: SCHEMA_VERSION, to: SCHEMA_VERSION, repaired });
    return repaired;
  });
}

/** Names are looked up from this schema on. */
const HAS_NAMES = 3;

/** A new trail is empty: `init` is an entry only where there is a trail already that it changes. */
function recordInit(
  connection: Connection,
  { actor, clock }: InitializeOptions,
  { from, to, repaired }: { from: number; to: number; repaired: readonly string[] },
): void {
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'init',
    severity: repaired.length > 0 ? 'warning' : 'info',
    message: repaired.length > 0 ? `put back ${repaired.join(', ')}` : `upgraded the schema from ${from} to ${to}`,
    metadata: JSON.stringify({ from_schema: from, to_schema: to, repaired }),
  });
  inserter(connection, clock)(entry, to < HAS_NAMES ? ['actor_name'] : []);
}
