/** A batch keeps the write lock for about so long, where nothing else is asked. */
const BATCH_MS = 20;
const SMALLEST_BATCH = 10;
const LARGEST_BATCH = 2000;
const FIRST_BATCH = 200;

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
