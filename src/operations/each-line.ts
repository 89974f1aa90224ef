import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DaybookError, unreadable } from '../core/errors.js';

export interface LinesRead {
  /** What the file is called in messages. */
  readonly named: string;
  readonly gzip?: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Calls back with each line of a file, compressed or not, without its line feed. Throws kind `data` where it cannot be read,
 * and kind `interrupted`.
 */
export async function eachLine(
  bytes: AsyncIterable<Buffer>,
  { named, gzip = false, signal }: LinesRead,
  take: (line: Buffer) => void,
): Promise<void> {
  let rest: Buffer = Buffer.of();
  const read = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      if (signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: nothing was verified');
      const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let end = all.indexOf(10); end !== -1; end = all.indexOf(10, at)) {
        take(all.subarray(at, end));
        at = end + 1;
      }
      rest = all.subarray(at);
    }
    if (rest.length > 0) take(rest);
  };
  try {
    await (gzip ? pipeline(bytes, createGunzip(), read) : pipeline(bytes, read));
  } catch (error) {
    if (error instanceof DaybookError) throw error;
    throw unreadable(named, error);
  }
}
