import Database from 'better-sqlite3';
import { ResourceError } from '../../../core/errors.js';
import type { Connection } from './connection.js';

/** Opens a database for what is too much for memory: SQLite keeps it in a file that is gone when it is closed. */
export function openTemporary(): Connection {
  const connection = new Database('');
  // Hardly anything is read there twice; an index is sorted in pieces of this size.
  connection.pragma('cache_size = -4096');
  return connection;
}

/** Runs `work` on such a database. Throws kind `failed`, as for a full disk. */
export function attemptTemporary<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    throw new ResourceError(
      'failed',
      `a temporary file cannot be written or read (${error.message}): SQLITE_TMPDIR or TMPDIR can name another folder`,
      { cause: error },
    );
  }
}
