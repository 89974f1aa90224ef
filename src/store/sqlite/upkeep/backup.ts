import { closeSync, fsyncSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import Database from 'better-sqlite3';
import { ResourceError } from '../../../core/errors.js';
import { damaged } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

/**
 * Copies the whole database into a file that nothing else has open. All pages go in one step: a copy in several would
 * begin anew whenever another program writes, and never end beside a busy one. Pages are copied as they are, so the copy
 * is looked through, where no writer waits for that. Throws kind `missing` where they do not fit together.
 */
export async function backupTo(connection: Connection, path: string, place: string): Promise<void> {
  // The driver leaves out blanks at the beginning of a name.
  const target = resolve(place);
  try {
    await connection.backup(target, { progress: () => 0x7fffffff });
  } catch (error) {
    throw error instanceof Database.SqliteError && OF_COPY.test(error.code) ? uncopied(error) : error;
  }
  const found = problemIn(target);
  if (found !== undefined) throw damaged(path, found);
  const file = openSync(target, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** The database is only read meanwhile: what cannot be written then is the copy. */
const OF_COPY = /^SQLITE_(?:FULL|IOERR_(?:WRITE|TRUNCATE|FSYNC|DIR_FSYNC))$/;

function uncopied(error: InstanceType<typeof Database.SqliteError>): ResourceError {
  return new ResourceError('failed', `the copy could not be written (${error.message})`, { cause: error });
}

/** What SQLite finds wrong with the pages of a file, or undefined. */
function problemIn(file: string): string | undefined {
  const copy = new Database(file, { fileMustExist: true });
  try {
    // Without the index of a write-ahead log in a file beside it.
    copy.pragma('locking_mode = EXCLUSIVE');
    // Rows that break an application's rules are rows, and its rules may call functions that are not here.
    copy.pragma('ignore_check_constraints = ON');
    const found = copy.pragma('quick_check(1)', { simple: true }) as string;
    return found === 'ok' ? undefined : found;
  } finally {
    copy.close();
  }
}
