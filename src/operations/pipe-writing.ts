import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const open = promisify(fs.open);

/** As much as a pipe holds, most often. */
const PIPE_BYTES = 64 * 1024;
const PAUSE_MS = 1;

/**
 * Opens a pipe or a device to be written into. Opening a pipe waits until somebody reads it: the signal ends that, by a
 * reader for a moment.
 */
export async function openSpecial(path: string, isPipe: boolean, signal: AbortSignal | undefined): Promise<number> {
  let reader: number | undefined;
  const wake = (): void => {
    if (isPipe) reader ??= openToRead(path);
  };
  if (signal?.aborted === true) wake();
  signal?.addEventListener('abort', wake);
  try {
    return await open(path, fs.constants.O_WRONLY | fs.constants.O_NOCTTY);
  } finally {
    signal?.removeEventListener('abort', wake);
    if (reader !== undefined) fs.closeSync(reader);
  }
}

/**
 * Once the signal comes, reads away what stands in a pipe whose reader does not read, so that no write waits for that for
 * ever. The function returned ends it.
 */
export function emptiedOnAbort(path: string, signal: AbortSignal): () => void {
  let over = false;
  const empty = async (): Promise<void> => {
    const reader = openToRead(path);
    if (reader === undefined) return;
    const bytes = Buffer.alloc(PIPE_BYTES);
    try {
      while (!over) {
        readAway(reader, bytes);
        await sleep(PAUSE_MS);
      }
    } finally {
      fs.closeSync(reader);
    }
  };
  const start = (): void => void empty();
  signal.addEventListener('abort', start);
  return () => {
    over = true;
    signal.removeEventListener('abort', start);
  };
}

function openToRead(path: string): number | undefined {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    // It is gone, or may not be read: then only its reader can end the wait.
    return undefined;
  }
}

function readAway(reader: number, bytes: Buffer): void {
  try {
    fs.readSync(reader, bytes);
  } catch {
    // Nothing stands there just now.
  }
}
