import { once } from 'node:events';
import { createGzip } from 'node:zlib';

export interface Compressor {
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when all that was compressed has been put. */
  end(): Promise<void>;
}

/** Compresses what is written and hands it to `put`, one chunk after the other. */
export function gzipInto(put: (chunk: Uint8Array) => Promise<void>): Compressor {
  const gzip = createGzip();
  const drained = (async () => {
    for await (const chunk of gzip) await put(chunk as Uint8Array);
  })();
  drained.catch(() => undefined);
  return {
    write: async (chunk) => {
      // Once the drain has failed nobody reads any more: wait for whichever comes first.
      if (!gzip.write(chunk)) await Promise.race([once(gzip, 'drain'), drained]);
    },
    end: async () => {
      gzip.end();
      await drained;
    },
  };
}
