import type * as Crypto from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type * as Threads from 'node:worker_threads';
import { DaybookError } from '../core/errors.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { leafHashInto, SALT_BYTES } from '../core/evidence/leaves.js';
import { eachLeaf } from '../core/evidence/tiles.js';

/** Hashes the leaves of many lines. */
export interface LeafHasher {
  /**
   * The leaves of lines that stand one after the other, each behind room for its head, and each with the salt at its place.
   * One batch after the other; the bytes of both are gone then.
   */
  readonly hash: (lines: Buffer, salts: Buffer) => Promise<Buffer>;
  readonly close: () => Promise<void>;
}

/** To start a thread for fewer entries takes longer than hashing them. */
const WORTH_A_THREAD = 10_000;

/** What hashes so many entries: many of them in a thread of its own, while more are read here. */
export function leafHasher(entries: number): LeafHasher {
  return entries < WORTH_A_THREAD ? { hash: hashHere, close: async () => {} } : hashingThread();
}

async function hashHere(lines: Buffer, salts: Buffer): Promise<Buffer> {
  const hashes = Buffer.alloc((salts.length / SALT_BYTES) * HASH_BYTES);
  let at = 0;
  eachLeaf(lines, (_seq, headAndLine) => {
    leafHashInto(hashes, at * HASH_BYTES, salts.subarray(at * SALT_BYTES, (at + 1) * SALT_BYTES), headAndLine);
    at += 1;
  });
  return hashes;
}

function hashingThread(): LeafHasher {
  // What Node was told for the program is not meant for this.
  const worker = new Worker(`(${String(serve)})(require)`, {
    eval: true,
    execArgv: [],
    env: {},
    // It keeps next to nothing: what it lets go of is to be collected soon.
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
  });
  let waiting: { resolve: (hashes: Buffer) => void; reject: (error: unknown) => void } | undefined;
  worker.on('message', ({ buffer, byteOffset, length }: Uint8Array) =>
    waiting?.resolve(Buffer.from(buffer, byteOffset, length)),
  );
  worker.on('error', (error) => waiting?.reject(error));
  worker.on('exit', () => waiting?.reject(new DaybookError('failed', 'the thread that hashes ended by itself')));
  return {
    hash: (lines, salts) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        // Bytes that share their memory with others are copied.
        const own = [lines, salts].filter(({ buffer, length }) => buffer.byteLength === length);
        worker.postMessage(
          { lines, salts },
          own.map(({ buffer }) => buffer as ArrayBuffer),
        );
      }),
    close: async () => void (await worker.terminate()),
  };
}

/**
 * What the thread does: the same as `hashHere`. It is started from the text of this function, for the program, the library and the
 * tests have their files in different places; so nothing in it may come from outside.
 */
function serve(load: (name: string) => unknown): void {
  const { parentPort } = load('node:worker_threads') as typeof Threads;
  const { hash } = load('node:crypto') as typeof Crypto;
  parentPort?.on('message', ({ lines, salts }: { lines: Uint8Array; salts: Uint8Array }) => {
    const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.length);
    const hashes = Buffer.alloc(salts.length * 2);
    for (let at = 0, index = 0; at < bytes.length; index++) {
      const end = bytes.indexOf(0x0a, at + 17);
      bytes[at] = 0;
      bytes.set(salts.subarray(index * 16, index * 16 + 16), at + 1);
      hashes.write(hash('sha256', bytes.subarray(at, end), 'binary'), index * 32, 32, 'latin1');
      at = end + 1;
    }
    parentPort.postMessage(hashes, [hashes.buffer as ArrayBuffer]);
  });
}
