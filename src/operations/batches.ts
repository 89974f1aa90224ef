import type { AuditStore } from '../store/audit-store.js';

/** A batch keeps the write lock for about so long, where nothing else is asked. */
const BATCH_MS = 20;
/** In a server no writer keeps out the others. What arrives is durable within a second all the same. */
const SERVER_BATCH_MS = 200;
const SMALLEST_BATCH = 10;
const LARGEST_BATCH = 2000;
const FIRST_BATCH = 200;

/** How many milliseconds a batch may take in this trail. One that is in no file is in a server, or in memory. */
export function lockMs({ origin }: Pick<AuditStore, 'origin'>): number {
  return origin.file === undefined ? SERVER_BATCH_MS : BATCH_MS;
}

/** How many entries to record at once, from how long it took before. */
export interface BatchSizes {
  next(): number;
  /** Runs what records so many entries, and learns from it. */
  timed<T>(count: number, work: () => Promise<T>): Promise<T>;
}

/** @param batchMs how many milliseconds a batch may take; it is asked behind each */
export function batchSizes(batchMs: () => number = () => BATCH_MS): BatchSizes {
  let size = FIRST_BATCH;
  return {
    next: () => size,
    timed: async (count, work) => {
      const began = performance.now();
      const result = await work();
      // A short batch says nothing about what a full one would take.
      if (count >= size) {
        const fitting = Math.round((size * batchMs()) / Math.max(performance.now() - began, 1));
        size = Math.max(SMALLEST_BATCH, Math.min(LARGEST_BATCH, fitting, size * 2));
      }
      return result;
    },
  };
}

/** So many batches say how large the next one may be. */
const REMEMBERED = 20;

/** How much to do while others wait, from how long it took before. */
export interface ShortSizes {
  next(): number;
  /** Tells how long so many took. */
  took(count: number, ms: number): void;
}

/**
 * Sizes for batches that are to take no longer than `batchMs` on a busy machine, too: there one takes several times as long
 * as the one before it, so the slowest of the last ones counts. A size is at most twice the one before it.
 */
export function shortSizes(
  batchMs: number,
  { first, smallest, largest }: { readonly first: number; readonly smallest: number; readonly largest: number },
): ShortSizes {
  let size = first;
  let paces: readonly number[] = [];
  return {
    next: () => size,
    took: (count, ms) => {
      paces = [...paces, Math.max(ms, 1) / Math.max(count, 1)].slice(-REMEMBERED);
      const fitting = Math.floor(batchMs / Math.max(...paces));
      size = Math.max(smallest, Math.min(largest, fitting, size * 2));
    },
  };
}
