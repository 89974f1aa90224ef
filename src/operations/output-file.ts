import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import * as fs from 'node:fs';
import type { Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DaybookError } from '../core/errors.js';
import { release } from '../core/release.js';
import { gzipInto } from './gzip.js';

// What may take long, or wait for a pipe's reader, goes on in the background, and all else is done at once. The promises
// of node:fs alone would take a millisecond to load.
const open = promisify(fs.open);
const write = promisify(fs.write);
const sync = promisify(fs.fsync);
const syncData = promisify(fs.fdatasync);

export interface OutputFile {
  /** Takes the chunk over: it may be empty afterwards. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Puts the file in place, whole and on the disk. */
  finish(): Promise<FinishedFile>;
  /** Leaves nothing behind; harmless after `finish`. */
  abandon(): Promise<void>;
}

export interface FinishedFile {
  readonly path: string;
  /** Of the file as it stands. */
  readonly bytes: number;
  readonly sha256: string;
}

/** Whether an existing file may be replaced; `never` where no option could ask for that. */
export type Force = boolean | 'never';

export interface OutputOptions {
  readonly force: Force;
  readonly gzip: boolean;
  /** Whether nobody asks for the checksum, which is then empty. */
  readonly unchecked?: boolean;
  /** Looks at the whole file once it is on the disk, before it gets its name; throws to refuse it. */
  readonly verify?: (path: string) => Promise<void>;
}

/** Throws kind `refused` where a file of this name is there already. */
export async function refuseExisting(path: string, force: Force): Promise<void> {
  replaceable(path, force);
}

/** What stands where a file is to be written, if that may go or be written into. Throws kind `refused`. */
function replaceable(path: string, force: Force): Stats | undefined {
  const found = statOf(path);
  if (found?.isDirectory() === true) throw new DaybookError('refused', `${path} is a directory`);
  if ((found?.isFile() === true || found?.isSymbolicLink() === true) && force !== true) throw existing(path, force);
  return found;
}

/** What stands under a name: behind a link, what it leads to, and the link itself where that is nothing. */
function statOf(path: string): Stats | undefined {
  for (const look of [fs.statSync, fs.lstatSync]) {
    try {
      return look(path);
    } catch {
      // It is not there, or cannot be seen: whoever opens it is told which.
    }
  }
  return undefined;
}

function existing(path: string, force: Force): DaybookError {
  return new DaybookError('refused', `${path} exists already`, force === false ? { hint: '… --force' } : {});
}

/**
 * Has `make` make a file beside its target (mode 0600), and puts it in place once it is whole. `make` syncs it.
 * Throws kind `refused` for an existing file unless `force`.
 */
export async function fileBeside(path: string, force: boolean, make: (place: string) => Promise<void>): Promise<void> {
  replaceable(path, force);
  const place = placeBeside(path);
  try {
    await failing(path, () => fs.closeSync(fs.openSync(place, 'wx', 0o600)));
    await make(place);
    await failing(path, () => putInPlace(place, path, force));
  } finally {
    discard(place);
  }
}

function discard(place: string): void {
  try {
    fs.unlinkSync(place);
  } catch {
    // It has its name by now, or was never there, or nothing can be done.
  }
}

/** A name that nobody has; should somebody all the same, opening it fails. */
function placeBeside(path: string): string {
  const unique = Math.random().toString(36).slice(2);
  return join(dirname(path), `.${basename(path)}.${unique}.tmp`);
}

/**
 * Opens a file that appears whole or not at all: it is written beside its target (mode 0600), synced, and only then gets
 * its name. A device or a pipe is written straight. Throws kind `refused` for an existing file unless `force`.
 */
export async function openOutput(path: string, options: OutputOptions): Promise<OutputFile> {
  const found = replaceable(path, options.force);
  const special = found !== undefined && !found.isFile() && !found.isSymbolicLink();
  const place = special ? path : placeBeside(path);
  const descriptor = await failing(path, () =>
    special ? open(place, fs.constants.O_WRONLY) : fs.openSync(place, 'wx', 0o600),
  );
  return outputFile(path, place, descriptor, options);
}

/** So much at a time goes to the disk while more is made, or all of it would be waited for at the end. */
const FLUSH_BYTES = 8 * 1024 * 1024;

function outputFile(path: string, place: string, descriptor: number, options: OutputOptions): OutputFile {
  const hash: Hash | undefined = options.unchecked === true ? undefined : createHash('sha256');
  let bytes = 0;
  let givenUp = false;
  let closed = false;
  let pending: Promise<void> = Promise.resolve();
  let flushing: Promise<void> = Promise.resolve();
  let flushAt = FLUSH_BYTES;

  /** Has the disk take what was written by then, once it has taken what went before. */
  const flush = (): void => {
    flushAt = bytes + FLUSH_BYTES;
    flushing = Promise.all([pending, flushing]).then(() => syncData(descriptor));
    flushing.catch(() => undefined);
  };

  /** Starts the write and waits for the one before it, so that the disk works while the next chunk is made. */
  const put = async (chunk: Uint8Array): Promise<void> => {
    // What is still being compressed must not meet a descriptor that is closed, and another file's by then.
    if (givenUp) return;
    const previous = pending;
    hash?.update(chunk);
    bytes += chunk.byteLength;
    pending = previous.then(() => writeAll(descriptor, chunk)).then(() => release(chunk));
    pending.catch(() => undefined);
    if (place !== path && bytes >= flushAt) flush();
    await failing(path, () => previous);
  };
  const compressor = options.gzip ? gzipInto(put) : undefined;
  const close = (): void => {
    if (closed) return;
    closed = true;
    fs.closeSync(descriptor);
  };

  return {
    write: async (chunk) => {
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      await (compressor === undefined ? put(data) : compressor.write(data));
    },
    finish: async () => {
      await compressor?.end();
      await failing(path, () => pending);
      await failing(path, () => flushing);
      if (place !== path) await failing(path, () => sync(descriptor));
      await failing(path, close);
      if (place !== path) {
        await options.verify?.(place);
        await failing(path, () => putInPlace(place, path, options.force));
      }
      return { path, bytes, sha256: hash?.digest('hex') ?? '' };
    },
    abandon: async () => {
      givenUp = true;
      await Promise.allSettled([pending, flushing]);
      try {
        close();
      } catch {
        // What it held goes anyway.
      }
      if (place !== path) discard(place);
    },
  };
}

async function writeAll(descriptor: number, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength;) {
    const { bytesWritten } = await write(descriptor, chunk, offset);
    offset += bytesWritten;
  }
}

/** A hard link does not replace a file that came meanwhile, as a rename would. */
function putInPlace(place: string, path: string, force: Force): void {
  if (force === true) {
    fs.renameSync(place, path);
  } else {
    fs.linkSync(place, path);
    fs.unlinkSync(place);
  }
  const folder = fs.openSync(dirname(path), 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/** Gives what the file system says the words and the kind of the contract. */
async function failing<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DaybookError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw existing(path, 'never');
    const reason =
      code === 'ENOENT'
        ? `the folder ${dirname(path)} does not exist`
        : code === 'ENOSPC' || code === 'EDQUOT'
          ? 'the disk is full'
          : code === 'EACCES' || code === 'EPERM'
            ? 'permission denied'
            : code === 'EPIPE'
              ? 'its reader is gone'
              : String(error instanceof Error ? error.message : error);
    throw new DaybookError('failed', `${path} could not be written: ${reason}`, { cause: error });
  }
}
