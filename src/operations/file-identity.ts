import { fstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { basename, dirname, isAbsolute } from 'node:path';

/** A file by its path, or what stands behind a descriptor of this process. */
export type FileName = string | number;

/** What SQLite keeps beside a database, under its name and one of these. */
export const COMPANIONS = ['-wal', '-shm', '-journal'] as const;
const COMPANION = /^(?<database>.+)-(?:wal|shm|journal)$/is;

/** As many as the system follows. */
const MOST_LINKS = 40;

/**
 * Whether two names are one file, whatever they are called, also one that is not there yet. Terminals and other
 * character devices, which hold nothing, are never one.
 */
export function isSameFile(one: FileName, other: FileName): boolean {
  const identity = identityOf(one);
  return identity !== undefined && identity === identityOf(other);
}

/** Whether a name is a database or a file that belongs to it, whatever each is called. */
export function belongsTo(name: FileName, database: FileName): boolean {
  if (typeof name === 'number' && look(name)?.isFile() !== true) return isSameFile(name, database);
  if (isSameFile(name, database)) return true;
  if (typeof database === 'number') return false;
  const stem = typeof name === 'string' ? COMPANION.exec(name)?.groups?.['database'] : undefined;
  if (stem !== undefined && isSameFile(stem, database)) return true;
  const real = realPath(database);
  return COMPANIONS.some((companion) => isSameFile(name, `${real}${companion}`));
}

function identityOf(name: FileName): string | undefined {
  const found = look(name);
  if (found !== undefined) return found.isCharacterDevice() ? undefined : `${found.dev}:${found.ino}`;
  if (typeof name === 'number') return undefined;
  const path = destination(name);
  const folder = look(dirname(path));
  // Names that differ by case alone are one file on some systems.
  return folder && `${folder.dev}:${folder.ino}/${basename(path).normalize().toLowerCase()}`;
}

function look(name: FileName): BigIntStats | undefined {
  try {
    return typeof name === 'number' ? fstatSync(name, { bigint: true }) : statSync(name, { bigint: true });
  } catch {
    // It is not there, or cannot be seen: whoever opens it is told which.
    return undefined;
  }
}

/** Where a link that leads to nothing leads. Paths are not normalised: behind a linked folder, `..` is another one. */
function destination(path: string): string {
  let at = path;
  try {
    for (let links = 0; links < MOST_LINKS; links++) {
      const next = readlinkSync(at);
      at = isAbsolute(next) ? next : `${dirname(at)}/${next}`;
    }
  } catch {
    // No link any more.
  }
  return at;
}

/** The path behind all links, or the path itself where that cannot be told. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
