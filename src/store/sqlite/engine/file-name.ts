import { existsSync } from 'node:fs';
import { DaybookError } from '../../../core/errors.js';

/**
 * Makes sure that the driver and SQLite open the file of this name and no other. Throws kind `usage` for a name that they
 * would read as something else.
 */
export function expectFileName(path: string): void {
  const problem = problemOf(path);
  if (problem !== undefined)
    throw new DaybookError('usage', `${JSON.stringify(path)} is no name for a database: ${problem}`);
}

/** A database of such a name would be deleted as a log that is finished, or written over, by who opens the other one. */
const COMPANION = /^(?<database>.+)-(?:wal|shm|journal)$/s;

function problemOf(path: string): string | undefined {
  if (path.trim() === '') return 'it is empty';
  if (path !== path.trim()) {
    const way = path === path.trimEnd() ? ` (./${path} is the file)` : '';
    return `the blanks around it would be left out, which names another file${way}`;
  }
  if (path === ':memory:') return 'SQLite would keep it in memory and in no file (./:memory: is the file)';
  if (path.startsWith('file:')) return `SQLite reads what follows as a URI (./${path} is the file)`;
  if (path.includes('\0')) return 'it would end at the NUL';
  // Of bytes that are no UTF-8 only this is left, whichever they were: other files would have the same name.
  if (path.includes('\ufffd') || !path.isWellFormed()) return 'it holds bytes that are no UTF-8';
  const { database } = COMPANION.exec(path)?.groups ?? {};
  if (database !== undefined && existsSync(database)) return `SQLite keeps under it what belongs to ${database}`;
  return undefined;
}
