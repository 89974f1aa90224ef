import { chmodSync, closeSync, openSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { DaybookError } from '../../core/errors.js';
import { shellWord } from '../../core/shell.js';
import { newEntry } from '../../core/entry.js';
import type { Actor } from '../../core/entry.js';
import { formatTimestamp } from '../../core/timestamp.js';
import { attempt, newerSchema, openFile, schemaVersion, writing } from './connection.js';
import type { Connection } from './connection.js';
import { isOwn, missingObjects } from './facts.js';
import { inserter } from './recording.js';
import { MIGRATIONS, MIGRATIONS_TABLE, SCHEMA_VERSION } from './schema.js';

export interface InitializeOptions {
  readonly path: string;
  /** Whether a database with other tables is meant. */
  readonly alongside: boolean;
  readonly busyTimeout: number;
  readonly clock: () => number;
  readonly actor: Actor;
}

export interface Initialized {
  readonly outcome: 'created' | 'added' | 'upgraded' | 'repaired' | 'unchanged';
  readonly schemaVersion: number;
  /** Names of the indexes and triggers that were made again. */
  readonly repaired: readonly string[];
}

/**
 * Creates a database, adds the trail to one, upgrades an older trail, or puts back what is missing of it.
 * Throws kind `refused` for another application's database unless `alongside`, kind `missing` for what is no database.
 */
export function initialize(options: InitializeOptions): Initialized {
  const { path } = options;
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
    });
  }
  if (empty) {
    if (!created) chmodSync(path, 0o600);
    connection.pragma('auto_vacuum = INCREMENTAL');
    connection.pragma('journal_mode = WAL');
  }
  return writing(connection, () => migrate(connection, options, own));
}

/** Whether nothing was ever put into the database: an empty file, or all that an `init` left that was killed early. */
function isBlank(connection: Connection): boolean {
  return ['schema_version', 'user_version', 'application_id'].every(
    (header) => connection.pragma(header, { simple: true }) === 0,
  );
}

function migrate(connection: Connection, options: InitializeOptions, own: boolean): Initialized {
  const before = schemaVersion(connection);
  connection.exec(MIGRATIONS_TABLE);
  const applied = connection.prepare('INSERT INTO daybook_migrations (version, name, applied_at) VALUES (?, ?, ?)');
  const pending = MIGRATIONS.filter((migration) => migration.version > (before ?? 0));
  for (const migration of pending) {
    connection.exec(migration.sql);
    applied.run(migration.version, migration.name, formatTimestamp(options.clock()));
  }
  const repaired = missingObjects(connection).map((object) => {
    connection.exec(`DROP ${object.type} IF EXISTS ${object.name}`);
    connection.exec(object.sql);
    return object.name;
  });
  const outcome =
    before === null
      ? own
        ? 'created'
        : 'added'
      : pending.length > 0
        ? 'upgraded'
        : repaired.length > 0
          ? 'repaired'
          : 'unchanged';
  if (outcome === 'upgraded' || outcome === 'repaired') {
    inserter(connection, options.clock)(initEntry(options.actor, outcome, before ?? 0, repaired));
  }
  return { outcome, schemaVersion: SCHEMA_VERSION, repaired };
}

/** A new trail is empty: `init` is an entry only where there is a trail already that it changes. */
function initEntry(
  actor: Actor,
  outcome: string,
  before: number,
  repaired: readonly string[],
): ReturnType<typeof newEntry> {
  const message =
    outcome === 'upgraded'
      ? `upgraded the schema from ${before} to ${SCHEMA_VERSION}`
      : `put back ${repaired.join(', ')}`;
  return newEntry({
    ...actor,
    category: 'system',
    action: 'init',
    severity: outcome === 'repaired' ? 'warning' : 'info',
    message,
    metadata: JSON.stringify({ from_schema: before, to_schema: SCHEMA_VERSION, repaired }),
  });
}
