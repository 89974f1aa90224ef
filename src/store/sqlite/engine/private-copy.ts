import { readdirSync, lstatSync, realpathSync, rmSync } from 'node:fs';
import { mkdtemp, open as openFile, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { DaybookError } from '../../../core/errors.js';
import { attempt } from './connection.js';
import { expectOwnJournal } from './hot-journal.js';
import type { Closable, Readable, Reader } from './readable.js';

const LOG = '-wal';
const JOURNAL = '-journal';

/** Behind it stands which process makes the copy. */
const NAME = 'daybook-copy-';
/**
 * The clock of a file system may stand still for so long: only what is written later than this behind a look at a file
 * is sure to be seen at the next one.
 */
const CLOCK_MS = 20;
const CHUNK = 4 * 1024 * 1024;
/** What SQLite makes itself beside a copy. */
const MARGIN = 1024 * 1024;
const LOG_HEADER = 32;

/**
 * Copies a database, opens the copy, and takes its name away at once: from then on nothing is left behind, however this
 * process ends. Undefined where the database changed meanwhile, and the copy would not be as it was at one moment.
 */
export async function openPrivateCopy<T extends Closable>(
  path: string,
  { presence, interruptible }: Reader,
  open: (copy: string) => T,
): Promise<Readable<T> | undefined> {
  return interruptible(async (signal) => {
    expectOwnJournal(path, 0);
    const temporary = resolve(tmpdir());
    sweep(temporary, presence);
    const before = await lookAt(path);
    const folder = await placing(path, temporary, async () => {
      await expectRoom(path, temporary, before);
      return mkdtemp(join(temporary, `${NAME}${presence.pid}-`));
    });
    let opened: T | undefined;
    const unfinished = before.parts.some(({ ending }) => ending === JOURNAL);
    try {
      await sleep(CLOCK_MS);
      const copy = join(folder, 'copy.db');
      for (const part of before.parts) await copyPart(path, before.file, part, { copy, temporary, signal });
      if (!(await isUnchanged(path, before))) return undefined;
      if (unfinished) attempt(path, () => takeBack(copy));
      opened = open(copy);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    // An interrupt that came while SQLite was at work is heard now.
    await setImmediate();
    if (signal.aborted) await opened.close();
    throwIfInterrupted(signal);
    return { opened, from: unfinished ? 'unfinished copy' : 'copy' };
  });
}

/** SQLite takes an unfinished transaction back where it may write. */
function takeBack(copy: string): void {
  const connection = new Database(copy, { fileMustExist: true });
  try {
    connection.pragma('schema_version');
  } finally {
    connection.close();
  }
}

function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new DaybookError('interrupted', '');
}

/** Removes what a process left that was killed while it copied. */
function sweep(temporary: string, { pid, lives }: Reader['presence']): void {
  for (const name of names(temporary)) {
    const writer = Number(new RegExp(`^${NAME}(\\d+)-`).exec(name)?.[1]);
    if (!(writer > 0) || writer === pid || lives(writer)) continue;
    const place = join(temporary, name);
    try {
      if (lstatSync(place).uid === userInfo().uid) rmSync(place, { recursive: true, force: true });
    } catch {
      // Another one was quicker, or it is not ours: nothing that hinders the copy.
    }
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Whoever writes there is told.
    return [];
  }
}

async function expectRoom(path: string, temporary: string, { parts }: Looked): Promise<void> {
  const needed = parts.reduce((sum, { size }) => sum + size, MARGIN);
  const { bavail, bsize } = await statfs(temporary);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw noCopy(path, temporary, `it needs ${needed} bytes, and ${free} are free`);
}

function noCopy(path: string, temporary: string, reason: string, cause?: unknown): DaybookError {
  const words = `${path} can only be read from a private copy here, and none can be written to ${temporary} (${reason})`;
  return new DaybookError('failed', `${words}: TMPDIR can name another folder`, { cause });
}

/** Gives what goes wrong in the folder for temporary files the words of the contract. */
async function placing<T>(path: string, temporary: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DaybookError) throw error;
    throw noCopy(path, temporary, reasonOf(error), error);
  }
}

/** Gives what goes wrong with the database itself the words of the contract. */
async function readingPart<T>(path: string, ending: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new DaybookError('missing', `${path}${ending} cannot be read (${reasonOf(error)})`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' ? 'permission denied' : code === 'ENOSPC' ? 'the disk is full' : (code ?? String(error));
}

interface Part {
  readonly ending: '' | typeof LOG | typeof JOURNAL;
  readonly size: number;
  readonly state: string;
}

interface Looked {
  /** The file itself, where the name is a link. */
  readonly file: string;
  readonly parts: readonly Part[];
}

async function lookAt(path: string): Promise<Looked> {
  const file = realpathSync(path);
  const parts: Part[] = [];
  for (const ending of ['', LOG, JOURNAL] as const) {
    const part = await lookAtPart(path, file, ending);
    if (part !== undefined) parts.push(part);
  }
  return { file, parts };
}

async function lookAtPart(path: string, file: string, ending: Part['ending']): Promise<Part | undefined> {
  const handle = await openPart(path, file, ending);
  if (handle === undefined) return undefined;
  try {
    return await readingPart(path, ending, async () => {
      const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(LOG_HEADER), 0, LOG_HEADER, 0);
      // An empty one says nothing, and that of a transaction which came to its end begins with zeros.
      if (ending !== '' && size === 0n) return undefined;
      if (ending === JOURNAL && buffer[0] === 0) return undefined;
      // What stood in a log stays there as long as its header does.
      const changes = ending === LOG ? buffer.toString('hex', 0, bytesRead) : `${size} ${mtimeNs} ${ctimeNs}`;
      return { ending, size: Number(size), state: `${dev}:${ino} ${changes}` };
    });
  } finally {
    await handle.close();
  }
}

/** What belongs to a database may be taken away at any time. */
async function openPart(path: string, file: string, ending: Part['ending']): Promise<FileHandle | undefined> {
  return readingPart(path, ending, () =>
    openFile(`${file}${ending}`, 'r').catch((error: unknown) => {
      if (ending === '' || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }),
  );
}

interface Copying {
  readonly copy: string;
  readonly temporary: string;
  readonly signal: AbortSignal;
}

async function copyPart(
  path: string,
  file: string,
  { ending, size }: Part,
  { copy, temporary, signal }: Copying,
): Promise<void> {
  const source = await openPart(path, file, ending);
  // That is a change, which is seen in the end.
  if (source === undefined) return;
  try {
    const target = await placing(path, temporary, () => openFile(`${copy}${ending}`, 'wx', 0o600));
    try {
      const chunk = Buffer.alloc(Math.min(CHUNK, size));
      for (let done = 0; done < size;) {
        throwIfInterrupted(signal);
        const length = Math.min(chunk.length, size - done);
        const { bytesRead } = await readingPart(path, ending, () => source.read(chunk, 0, length, done));
        // It was cut, which is another.
        if (bytesRead === 0) return;
        await placing(path, temporary, () => writeAll(target, chunk.subarray(0, bytesRead)));
        done += bytesRead;
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function writeAll(target: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await target.write(bytes, done);
    done += bytesWritten;
  }
}

/**
 * Whether what was copied fits together: the database did not change, and the log that was copied is still there or was
 * not needed. A log that came meanwhile holds what was recorded later.
 */
async function isUnchanged(path: string, before: Looked): Promise<boolean> {
  const after = await lookAt(path);
  if (after.file !== before.file) return false;
  return before.parts.every(({ ending, state, size }) => {
    const part = after.parts.find((one) => one.ending === ending);
    return part?.state === state && part.size >= size;
  });
}
