import { accessSync, closeSync, constants, lstatSync, openSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { Damaged, DaybookError, ResourceError } from '../../../core/errors.js';
import { shellWord } from '../../../core/shell.js';
import { expectFileName } from './file-name.js';
import { expectOwnJournal } from './hot-journal.js';
import { SCHEMA_VERSION, TABLES } from './schema.js';
import type { Sql } from '../../sql.js';

export type Connection = Database.Database;

export interface ConnectionOptions {
  /** As it was named, which is what messages say. */
  readonly path: string;
  /** A private copy, where the database itself cannot be opened. */
  readonly copy?: string | undefined;
  readonly readonly: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`. */
  readonly busyTimeout: number;
  /** Whether it is read once, from end to end. */
  readonly sequential?: boolean;
  /** Whether it need not be one that holds a trail: its views and triggers then call nothing that could do harm. */
  readonly foreign?: boolean;
}

/** Enough for the inner pages of a trail of a million entries. */
const SEQUENTIAL_CACHE_KB = 2048;

/**
 * Opens a file that must be there, and runs the first read of it, by which what is no database is told. Throws kind
 * `missing`, and kind `busy`.
 */
export function openFile(
  options: ConnectionOptions,
  firstRead: (connection: Connection) => void = (connection) => connection.pragma('schema_version'),
): Connection {
  const { path } = options;
  expectFileName(path);
  const found = look(path);
  if (found === undefined) throw nothingAt(path);
  if (found.isDirectory()) throw new DaybookError('missing', `${path} is a directory, not a database`);
  // SQLite would take a device for an empty database, and init would change its mode.
  if (!found.isFile()) throw new DaybookError('missing', `${path} is not a file`);
  if (!options.readonly) expectWritable(path);
  expectOwnJournal(path, options.busyTimeout);
  const connection = attempt(
    path,
    () =>
      new Database(options.copy ?? path, {
        readonly: options.readonly,
        fileMustExist: true,
        timeout: Math.round(options.busyTimeout),
      }),
  );
  try {
    return attempt(path, () => {
      if (options.foreign === true) connection.pragma('trusted_schema = OFF');
      firstRead(connection);
      // Nothing is read twice then, and to have memory for more of it costs more than it saves.
      if (options.sequential === true) connection.pragma(`cache_size = -${SEQUENTIAL_CACHE_KB}`);
      // An entry is durable when a command says so; WAL alone would not promise that.
      if (!options.readonly) connection.pragma('synchronous = FULL');
      // What is deleted is overwritten. Who records needs that, too: a page that is split leaves copies of what moved.
      if (!options.readonly) connection.pragma('secure_delete = ON');
      // A context that is left behind fails by its foreign key, and so does an undo that would break one.
      connection.pragma('foreign_keys = ON');
      return connection;
    });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Makes sure of what SQLite would find out too late: to look at a database that may only be read it makes files beside
 * it, which its application may then not write to.
 */
function expectWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'EROFS' ? 'its file system may only be read' : 'permission denied';
    throw new DaybookError('failed', `${path} cannot be written (${reason})`, { cause: error });
  }
}

/** `init` makes a file, but not behind a link to nothing. */
function nothingAt(path: string): DaybookError {
  const init = (file: string): { hint: string } => ({ hint: `daybook --db ${shellWord(file)} init` });
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) {
    return new DaybookError('missing', `no database at ${path}`, init(path));
  }
  const target = resolve(dirname(path), readlinkSync(path));
  return new DaybookError(
    'missing',
    `no database at ${path}: it is a link to ${target}, where there is nothing`,
    init(target),
  );
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new DaybookError('missing', `${path} cannot be opened (${code ?? String(error)})`, { cause: error });
  }
}

/** Opens a daybook database and makes sure that this program knows its schema. */
export function openTrail(options: ConnectionOptions): Connection {
  return openFile(options, (connection) => expectTrail(connection, options.path));
}

/** Runs the SQL of a migration: what takes a CHECK away writes into the schema, which SQLite allows for this long only. */
export function runMigration(connection: Connection, sql: string): void {
  connection.unsafeMode(true);
  try {
    connection.exec(sql);
  } finally {
    connection.unsafeMode(false);
  }
}

/** Makes sure that a database holds a trail with the schema of this program. Throws kind `missing`. */
export function expectTrail(connection: Connection, path: string): void {
  const version = schemaVersion(connection);
  if (version === SCHEMA_VERSION) return;
  throw version === null
    ? new DaybookError('missing', `${path} holds no daybook trail`, {
        hint: `daybook --db ${shellWord(path)} init --alongside`,
      })
    : version > SCHEMA_VERSION
      ? newerSchema(path, version)
      : new DaybookError('missing', `${path} has schema ${version}, older than ${SCHEMA_VERSION}`, {
          hint: `daybook --db ${shellWord(path)} init`,
        });
}

export function newerSchema(path: string, version: number): DaybookError {
  return new DaybookError(
    'missing',
    `${path} has schema ${version}, and this daybook knows only up to ${SCHEMA_VERSION}: use a newer daybook`,
  );
}

/**
 * The schema of the trail, or null where there is none. An application's connection may give whole numbers as bigint.
 * Throws kind `missing` where a table of ours is none: a view can say anything, and need never come to its end.
 */
export function schemaVersion(connection: Connection): number | null {
  const other = connection.prepare<string[], string>(
    `SELECT name FROM sqlite_schema WHERE name COLLATE NOCASE IN (${TABLES.map(() => '?').join(', ')})
       AND (type = 'view' OR type = 'table' AND rootpage = 0)`,
  );
  const name = other.pluck().get(...TABLES);
  if (name !== undefined) {
    throw new DaybookError('missing', `${connection.name} holds no daybook trail: its ${name} is not a table`);
  }
  const table = connection
    .prepare(
      `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('daybook_migrations', 'daybook_entries')`,
    )
    .pluck()
    .safeIntegers(false)
    .get();
  if (table !== 2) return null;
  const version = connection.prepare<[], number | null>('SELECT max(version) FROM daybook_migrations');
  return version.pluck().safeIntegers(false).get() ?? null;
}

/** Runs `work` in one transaction that takes the write lock at once: a later upgrade could fail without waiting. */
export function writing<T>(connection: Connection, work: () => T): T {
  return connection.transaction(work).immediate();
}

/** Runs `work` on one moment of the database. */
export function reading<T>(connection: Connection, work: () => T): T {
  return connection.transaction(work).deferred();
}

/** What a count says: it has one row, always. */
export function counted(connection: Connection, count: Sql): number {
  return connection
    .prepare<unknown[], number>(count.sql)
    .pluck()
    .get(...count.parameters) as number;
}

/** How messages call the database of a connection that an application has open. */
export function nameOf({ name }: Connection): string {
  return name === '' || name === ':memory:' ? 'the database in memory' : name;
}

/** Runs `work` and gives what SQLite says the words and the kind of the contract; `reads` where it records nothing. */
export function attempt<T>(path: string, work: () => T, reads = false): T {
  try {
    return work();
  } catch (error) {
    throw explained(path, error, reads);
  }
}

/** A database with pages that do not fit together; `found` is what SQLite says of them. */
export function damaged(path: string, found: string, cause?: unknown): Damaged {
  const hint = `sqlite3 ${shellWord(path)} 'PRAGMA integrity_check'`;
  return new Damaged(`${path} is damaged (${found})`, { cause, hint });
}

function explained(path: string, error: unknown, reads: boolean): unknown {
  if (error instanceof TypeError && error.message.includes('directory does not exist')) {
    return new DaybookError('missing', `the folder of ${path} does not exist`, { cause: error });
  }
  if (isOfClosed(error)) return new DaybookError('usage', `${path} is closed`, { cause: error });
  if (!isSqliteError(error)) return error;
  const { code, message } = error;
  const say = (kind: ConstructorParameters<typeof DaybookError>[0], text: string, hint?: string): ResourceError =>
    new ResourceError(kind, text, hint === undefined ? { cause: error } : { cause: error, hint });
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return say('busy', `${path} is locked by another program`, '… --busy-timeout 30s');
  }
  if (code === 'SQLITE_NOTADB') return say('missing', `${path} is not a SQLite database`);
  if (code.startsWith('SQLITE_CORRUPT') || message === 'unsupported file format') {
    return damaged(path, message, error);
  }
  if (
    code === 'SQLITE_READONLY_DIRECTORY' ||
    (code === 'SQLITE_CANTOPEN' && statSync(path, { throwIfNoEntry: false }))
  ) {
    return say(
      'missing',
      `${path} cannot be opened (${message}): SQLite must be able to write beside a database in WAL mode, and to read it`,
    );
  }
  if (code === 'SQLITE_READONLY_ROLLBACK') {
    return say(
      'failed',
      `the program that wrote to ${path} last ended within a transaction: it can be read once a program that may write ` +
        'has opened it, which takes that back',
      `sqlite3 ${shellWord(path)} 'PRAGMA schema_version'`,
    );
  }
  if (code === 'SQLITE_READONLY' && isOfUnknownFormat(path)) {
    return damaged(path, 'its header names a format that this SQLite does not write', error);
  }
  if (code.startsWith('SQLITE_READONLY')) return say('failed', `${path} cannot be written (${message})`);
  if (code === 'SQLITE_CANTOPEN') return say('missing', `${path} cannot be opened (${message})`);
  if (code === 'SQLITE_FULL') {
    return say('failed', `no room is left for ${path}, or for temporary files (${message})`);
  }
  if (code.startsWith('SQLITE_IOERR'))
    return say('failed', `${path} could not be read or written (${code}: ${message})`);
  if (/^daybook: entries (?:never change|are only deleted)/.test(message)) {
    // Nothing of ours asks for what the guards of the trail refuse.
    const tried = 'a trigger of another program tried to change or delete entries, which the trail refuses';
    return say('failed', `${path}: ${tried}, so nothing was done`, `daybook --db ${shellWord(path)} status --check`);
  }
  if (/^daybook: hold .* keeps this entry$/s.test(message))
    return say('refused', message.replace(/^daybook: /, ''), 'daybook hold list');
  if (code.startsWith('SQLITE_CONSTRAINT')) {
    // Triggers of ours say in front who speaks, for other programs.
    return new DaybookError('data', message.replace(/^daybook: /, ''), { cause: error });
  }
  if (!reads && missingInTrigger(message) !== undefined) {
    return say(
      'failed',
      `a mirror cannot show the entry (${message}): its table, or one beside it, was dropped or changed`,
      `daybook --db ${shellWord(path)} status`,
    );
  }
  if (/^no such (?:table|column): /.test(message)) {
    return say('missing', `${path} is not as daybook made it (${message})`);
  }
  if (message.startsWith('no such index: daybook_')) {
    return say('failed', `an index of the trail is missing (${message})`, `daybook --db ${shellWord(path)} init`);
  }
  return say('failed', `${path}: ${message}`);
}

/** What SQLite says, by its code: an application may have another copy of the driver, and so another class. */
export function isSqliteError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('SQLITE_');
}

/** What the drivers say of a connection that was closed. */
function isOfClosed(error: unknown): error is Error {
  return (
    error instanceof Error &&
    /^(?:The database connection|database|statement) is not open|has been finalized$/.test(error.message)
  );
}

/** The versions of the file format up to which SQLite writes, and where a header names its own. */
const FORMAT = { latest: 2, offset: 18 };

/** Whether it is for its header that SQLite does not write into a file, which the system would let us write. */
function isOfUnknownFormat(path: string): boolean {
  const header = Buffer.alloc(FORMAT.offset + 1);
  try {
    accessSync(path, constants.W_OK);
    const file = openSync(path, 'r');
    try {
      readSync(file, header);
    } finally {
      closeSync(file);
    }
  } catch {
    // Then the system has a reason of its own, and that is what SQLite tells.
    return false;
  }
  return (header[FORMAT.offset] ?? 0) > FORMAT.latest;
}

/**
 * The table or column that a trigger misses, in what SQLite says of a statement of ours: what daybook itself asks for begins
 * with daybook_, so it is of a trigger that runs when an entry is recorded.
 */
export function missingInTrigger(message: string): string | undefined {
  return /^no such (?:table: main\.(?!daybook_)|column: )(.+)/.exec(message)?.[1];
}
