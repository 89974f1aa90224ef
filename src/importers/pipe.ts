import { closeSync, constants, createReadStream, open, openSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { DaybookError } from '../core/errors.js';

/** The bytes of what is neither a file nor a folder: who opened it to see what it is would take them away. */
export function pipeOf(path: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> | undefined {
  try {
    const found = statSync(path);
    return found.isFile() || found.isDirectory() ? undefined : bytesOfPipe(path, found.isFIFO(), signal);
  } catch {
    // Who opens it as a file says what is wrong.
    return undefined;
  }
}

/**
 * The bytes of a named pipe, a terminal or another device. Read as a file, one in which nothing comes would keep the
 * process from ending, as would a pipe into which nobody writes yet.
 */
async function* bytesOfPipe(
  path: string,
  isPipe: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const [{ Socket }, { isatty, ReadStream }] = await Promise.all([import('node:net'), import('node:tty')]);
  const isAborted = (): boolean => signal?.aborted === true;
  if (isAborted()) return;
  let waiting: Readable | undefined;
  const stop = (): void => {
    if (waiting !== undefined) waiting.destroy();
    else if (isPipe) wakeReader(path);
  };
  signal?.addEventListener('abort', stop);
  try {
    const fd = await promisify(open)(path, 'r');
    waiting = isPipe
      ? new Socket({ fd, readable: true, writable: false })
      : isatty(fd)
        ? new ReadStream(fd)
        : createReadStream(path, { fd });
    if (!isAborted()) yield* waiting as AsyncIterable<Uint8Array>;
  } finally {
    waiting?.destroy();
    signal?.removeEventListener('abort', stop);
  }
}

/** Opening a pipe to read waits for a writer: this is one for a moment. */
function wakeReader(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch {
    // Nobody waits.
  }
}

/**
 * The bytes of a stream until the signal comes, also while nothing else does. Throws kind `interrupted` then: where the
 * bytes just ended, half a line would pass for a whole one.
 */
export async function* untilAborted(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = stream[Symbol.asyncIterator]();
  while (!signal.aborted) {
    const step = await orAborted(iterator.next(), signal);
    if (step.done === true) return;
    yield step.value;
  }
  throw interrupted();
}

function interrupted(): DaybookError {
  return new DaybookError('interrupted', 'interrupted');
}

/** A race of promises would keep whatever won it, as long as the signal is there. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(interrupted());
    signal.addEventListener('abort', stop);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
