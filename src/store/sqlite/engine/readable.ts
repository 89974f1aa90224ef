import { accessSync, closeSync, constants, existsSync, openSync, readSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaybookError } from '../../../core/errors.js';
import type { Presence } from '../../../core/presence.js';

export interface Reader {
  /** Who reads: what another one left that is no more may go. */
  readonly presence: Pick<Presence, 'pid' | 'lives'>;
  /** Runs what takes long with a signal that an interrupt sets. */
  readonly interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

export interface Closable {
  close(): unknown;
}

export interface Readable<T> {
  readonly opened: T;
  /** Whether it is a copy, and of a database with an unfinished transaction, which is taken back in it. */
  readonly from: 'itself' | 'copy' | 'unfinished copy';
}

/** How often a database that changes is begun anew. */
const ROUNDS = 8;
const PAUSE_MS = 25;

/**
 * Opens a database to read it: itself, or where SQLite would have to write to it or beside it, a private copy in the
 * folder for temporary files, which has no name any more when this returns. `open` is given the copy's place.
 */
export async function openReadable<T extends Closable>(
  path: string,
  reader: Reader,
  open: (copy?: string) => T,
): Promise<Readable<T>> {
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) await sleep(PAUSE_MS * round);
    // It may be that the first write of an application has made what was missing.
    if (!wouldLeaveFiles(path)) {
      try {
        return { opened: open(), from: 'itself' };
      } catch (error) {
        if (!isUnwritable(error)) throw error;
      }
    }
    const { openPrivateCopy } = await import('./private-copy.js');
    const copied = await openPrivateCopy(path, reader, open);
    if (copied !== undefined) return copied;
  }
  throw new DaybookError('busy', `${path} cannot be read where it is, and changes while it is copied`, { hint: '…' });
}

/** As `openReadable`, for what would be of no use on a copy. Throws kind `missing` where it takes one. */
export function openLive<T>(path: string, open: () => T): T {
  try {
    if (!wouldLeaveFiles(path)) return open();
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
  throw new DaybookError(
    'missing',
    `${path} cannot be followed: it may only be read here, and no program has it open. Its owner can follow it, and so ` +
      'can anybody while a program that records has it open',
  );
}

/** Whether SQLite failed since it may not write: it makes an index of a log, or takes a transaction back. */
function isUnwritable(error: unknown): boolean {
  const cause = error instanceof DaybookError ? (error.cause as { readonly code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' && /^SQLITE_(?:READONLY|CANTOPEN)/.test(cause.code);
}

/** In this byte of the header, this means that there may be a write-ahead log. */
const VERSION_BYTE = 18;
const LOGGED = 2;

/**
 * Whether SQLite would make files beside a database to read it that would then be ours: an application that may write
 * the database could not write these, and would record nothing from then on.
 */
function wouldLeaveFiles(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch {
    // It may only be read, or is not there.
  }
  try {
    const file = realpathSync(path);
    if (existsSync(`${file}-wal`) && existsSync(`${file}-shm`)) return false;
    // Closing it drops the locks that this process has on it. It may not write to it, so there are none that matter.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const byte = Buffer.alloc(1);
      return readSync(descriptor, byte, 0, 1, VERSION_BYTE) === 1 && byte[0] === LOGGED;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Whoever opens it is told.
    return false;
  }
}
