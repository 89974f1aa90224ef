import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditStore } from '../store/audit-store.js';

/**
 * They then have as long: who has waited for less than 53 ms in SQLite's busy handler sleeps for 20 at most, and so wakes
 * in the pause.
 */
const PAUSE_MS = 25;
/** Who has committed within so long is taken to go on. */
const AT_WORK_MS = 2000;

interface OtherWriters {
  areAtWork(): boolean;
  /** To be called behind each batch. */
  look(): Promise<void>;
  /** To be called before the next one. */
  pause(): Promise<void>;
}

/** Leaves the lock to others between batches, as long as there are any: an import alone need not wait for nobody. */
export async function otherWriters(store: AuditStore): Promise<OtherWriters> {
  await store.othersHaveWritten();
  let atWork = -Infinity;
  let released = -Infinity;
  const areAtWork = (): boolean => performance.now() - atWork < AT_WORK_MS;
  return {
    areAtWork,
    look: async () => {
      released = performance.now();
      if (await store.othersHaveWritten()) atWork = released;
    },
    pause: async () => {
      const rest = PAUSE_MS - (performance.now() - released);
      if (areAtWork() && rest > 0) await sleep(rest);
    },
  };
}
