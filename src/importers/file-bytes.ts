import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DaybookError, unreadable } from '../core/errors.js';

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

/** The bytes that were compressed with gzip. Throws kind `data` where they are damaged, or not all there. */
export async function* gunzipped(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gunzip = createGunzip();
  // What goes wrong comes out of `gunzip`, where it is read.
  pipeline(Readable.from(bytes), gunzip, () => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('Z_')) throw error;
    throw new DaybookError('data', `${path} is not whole gzip (${error.message})`, { cause: error });
  }
}

/** Whether a path is what a shell passes for `<(…)`, such as `/dev/fd/63`: its number is another each time, and no name. */
export function isDescriptor(path: string): boolean {
  return /\/fd\/\d+$/.test(path);
}
