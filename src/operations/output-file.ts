import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import * as fs from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { DaybookError, ResourceError } from '../core/errors.js';
import { release } from '../core/release.js';
import { gzipInto } from './gzip.js';
import { refuseTrail } from './output-place.js';
import type { OutputPlace } from './output-place.js';
import { emptiedOnAbort, openSpecial } from './pipe-writing.js';
import { clearAbandoned, discard, unfinishedName } from './unfinished-files.js';

// What may take long, or wait for a pipe's reader, goes on in the background, and all else is done at once. The promises
// of node:fs alone would take a millisecond to load.
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
  /** Ends the wait for the other end of a pipe. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws kind `refused` where a file of this name is there already, or nothing may be written there. */
export async function refuseExisting(place: OutputPlace, force: Force): Promise<void> {
  await failing(place.path, () => standing(place, force));
}

interface Standing {
  /** What the name leads to: the file is written beside it, and renamed there. */
  readonly target: string;
  /** What takes bytes and keeps none is written straight. */
  readonly special?: 'pipe' | 'device';
}

/**
 * What stands where a file is to be written, if that may go or be written into. A link is followed to what it leads to.
 * Throws kind `refused`.
 */
function standing(place: OutputPlace, force: Force): Standing {
  const { path } = place;
  const refused = (why: string): DaybookError => new DaybookError('refused', `${path} ${why}`);
  refuseTrail(place);
  const found = followed(path);
  if (found === 'lost') throw refused('is a link to what is not there');
  if (found === 'nothing') {
    if (path.endsWith('/')) throw refused('is the name of a directory');
    return { target: path };
  }
  if (found.isDirectory()) throw refused('is a directory');
  if (found.isBlockDevice()) throw refused('is a disk: all that it holds would go');
  if (!found.isFile()) {
    if (place.regular) throw refused('is no regular file, and would keep nothing');
    return { target: path, special: found.isFIFO() ? 'pipe' : 'device' };
  }
  if (force !== true) throw existing(path, force);
  return { target: fs.realpathSync(path) };
}

/** What a name leads to, or that it is free, or a link that leads nowhere. */
function followed(path: string): Stats | 'nothing' | 'lost' {
  try {
    return fs.statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ELOOP') throw error;
    return fs.lstatSync(path, { throwIfNoEntry: false }) === undefined ? 'nothing' : 'lost';
  }
}

/** The field is what would replace it, where anything could. */
function existing(path: string, force: Force): DaybookError {
  return new DaybookError('refused', `${path} exists already`, force === false ? { field: 'force', value: force } : {});
}

/**
 * Has `make` make a file beside its target (mode 0600), and puts it in place once it is whole. `make` syncs it.
 * Throws kind `refused` for an existing file unless `force`, and always for what is no regular file.
 */
export async function fileBeside(
  named: OutputPlace,
  force: boolean,
  make: (path: string) => Promise<void>,
): Promise<void> {
  const place = { ...named, regular: true };
  const { path } = place;
  const { target } = await failing(path, () => standing(place, force));
  const unfinished = unfinishedName(target, place.origin.presence);
  try {
    await failing(path, () => fs.closeSync(create(unfinished, place)));
    await make(unfinished);
    await failing(path, () => putInPlace(unfinished, target, { place, force }));
  } finally {
    discard(unfinished);
  }
}

/** Should somebody have the name all the same, this fails. */
function create(unfinished: string, { origin }: OutputPlace): number {
  clearAbandoned(dirname(unfinished), origin.presence);
  return fs.openSync(unfinished, 'wx', 0o600);
}

/**
 * Opens a file that appears whole or not at all: it is written beside its target (mode 0600), synced, and only then gets
 * its name. A device or a pipe is written straight. Throws kind `refused` for an existing file unless `force`, and kind
 * `interrupted` where the signal comes while a pipe waits for its reader.
 */
export async function openOutput(place: OutputPlace, options: OutputOptions): Promise<OutputFile> {
  const { path, origin } = place;
  const { target, special } = await failing(path, () => standing(place, options.force));
  if (special === undefined) {
    const unfinished = unfinishedName(target, origin.presence);
    const descriptor = await failing(path, () => create(unfinished, place));
    return outputFile({ place, descriptor, beside: { unfinished, target } }, options);
  }
  const { signal } = options;
  const descriptor = await failing(path, () => openSpecial(path, special === 'pipe', signal));
  const output = outputFile({ place, descriptor, isPipe: special === 'pipe' }, options);
  // The name may stand for a file by now, or nobody reads the pipe and the wait for that was given up.
  const problem = fs.fstatSync(descriptor).isFile()
    ? existing(path, 'never')
    : signal?.aborted === true
      ? interrupted(path)
      : undefined;
  if (problem === undefined) return output;
  await output.abandon();
  throw problem;
}

function interrupted(path: string): DaybookError {
  return new DaybookError('interrupted', `interrupted: what was written to ${path} is not complete`);
}

interface Opened {
  readonly place: OutputPlace;
  readonly descriptor: number;
  /** Where it is until it is whole, and what it is then; a device or a pipe has neither. */
  readonly beside?: { readonly unfinished: string; readonly target: string };
  readonly isPipe?: boolean;
}

/** So much at a time goes to the disk while more is made, or all of it would be waited for at the end. */
const FLUSH_BYTES = 8 * 1024 * 1024;

function outputFile({ place, descriptor, beside, isPipe = false }: Opened, options: OutputOptions): OutputFile {
  const { path } = place;
  const signal = isPipe ? options.signal : undefined;
  const hash: Hash | undefined = options.unchecked === true ? undefined : createHash('sha256');
  let bytes = 0;
  let givenUp = false;
  let closed = false;
  let pending: Promise<void> = Promise.resolve();
  let flushing: Promise<void> = Promise.resolve();
  let flushAt = FLUSH_BYTES;
  const stopEmptying = signal && emptiedOnAbort(path, signal);

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
    if (beside !== undefined && bytes >= flushAt) flush();
    await failing(path, () => previous);
  };
  const compressor = options.gzip ? gzipInto(put) : undefined;
  const close = (): void => {
    if (closed) return;
    closed = true;
    stopEmptying?.();
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
      if (signal?.aborted === true) throw interrupted(path);
      if (beside !== undefined) await failing(path, () => sync(descriptor));
      await failing(path, close);
      if (beside !== undefined) {
        const { unfinished, target } = beside;
        await options.verify?.(unfinished);
        await failing(path, () => putInPlace(unfinished, target, { place, force: options.force }));
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
      if (beside !== undefined) discard(beside.unfinished);
    },
  };
}

async function writeAll(descriptor: number, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.byteLength;) {
    const { bytesWritten } = await write(descriptor, chunk, offset);
    offset += bytesWritten;
  }
}

/** A hard link does not replace a file that came meanwhile, as a rename would; what a rename replaces is looked at anew. */
function putInPlace(
  unfinished: string,
  target: string,
  { place, force }: { readonly place: OutputPlace; readonly force: Force },
): void {
  if (force === true) {
    const now = standing({ ...place, path: target }, force);
    if (now.special !== undefined) throw existing(target, 'never');
    fs.renameSync(unfinished, target);
  } else {
    refuseTrail(place);
    fs.linkSync(unfinished, target);
    fs.unlinkSync(unfinished);
  }
  const folder = fs.openSync(dirname(target), 'r');
  try {
    fs.fsyncSync(folder);
  } finally {
    fs.closeSync(folder);
  }
}

/** Makes the folder of a file that is to be kept from others, and those above it, where they are not there. */
export async function makeFolder(path: string): Promise<void> {
  await failing(path, () => fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
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
        : code === 'ENOTDIR'
          ? `${dirname(path)} is not a folder`
          : code === 'ENOSPC' || code === 'EDQUOT'
            ? 'the disk is full'
            : code === 'EACCES' || code === 'EPERM'
              ? 'permission denied'
              : code === 'EPIPE'
                ? 'its reader is gone'
                : String(error instanceof Error ? error.message : error);
    throw new ResourceError('failed', `${path} could not be written: ${reason}`, { cause: error });
  }
}
