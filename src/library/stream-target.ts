import { createHash } from 'node:crypto';
import { DaybookError, ResourceError } from '../core/errors.js';
import type { ExportTarget } from '../operations/export-into.js';
import { gzipInto } from '../operations/gzip.js';

/** A stream that bytes can be written to, such as one of Node's: a response, standard output, a socket. */
export interface OutputStream {
  write(chunk: Uint8Array, callback: (error?: Error | null) => void): unknown;
}

export function isStream(value: unknown): value is OutputStream {
  return typeof (value as Partial<OutputStream> | null)?.write === 'function';
}

/** A target for an export that writes into a stream, chunk by chunk as it takes them, and leaves it open. */
export function streamTarget(stream: OutputStream, gzip: boolean, signal?: AbortSignal): ExportTarget {
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    bytes += chunk.byteLength;
    // Its bytes may be in use for as long as the stream keeps them.
    await written(stream, chunk, signal);
  };
  const compressor = gzip ? gzipInto(put) : undefined;
  return {
    write: async (chunk) => {
      if (chunk.length === 0) return;
      const data = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      await (compressor === undefined ? put(data) : compressor.write(data));
    },
    finish: async () => {
      await compressor?.end();
      return { bytes, sha256: hash.digest('hex') };
    },
    abandon: async () => undefined,
  };
}

/** The signal ends it also where nobody reads the stream, so that it never takes the bytes. */
async function written(stream: OutputStream, chunk: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const interrupt = (): void =>
      reject(new DaybookError('interrupted', 'interrupted: the stream has a part of the export'));
    if (signal?.aborted === true) return interrupt();
    signal?.addEventListener('abort', interrupt);
    stream.write(chunk, (error) => {
      signal?.removeEventListener('abort', interrupt);
      if (error === null || error === undefined) resolve();
      else reject(new ResourceError('failed', `the stream could not be written: ${error.message}`, { cause: error }));
    });
  });
}
