import { createReadStream } from 'node:fs';
import { unreadable } from '../core/errors.js';

/**
 * The bytes of a file, or of a stream that `path` is the name of for messages. Throws kind `data` where the system cannot
 * read them.
 */
export async function* bytesOf(path: string, stream?: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream ?? (createReadStream(path) as AsyncIterable<Uint8Array>);
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw unreadable(path, error);
  }
}

/** Whether a path is what a shell passes for `<(…)`, such as `/dev/fd/63`: its number is another each time, and no name. */
export function isDescriptor(path: string): boolean {
  return /\/fd\/\d+$/.test(path);
}
