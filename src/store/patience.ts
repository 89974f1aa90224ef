import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { MayPass, ResourceError } from '../core/errors.js';
import type { DaybookError } from '../core/errors.js';
import type { AuditStore } from './audit-store.js';

// A driver that waits for a lock by itself lets nothing else of the process go on: no timer, no request. So it is told not
// to wait, and what was locked is tried again from here.

/** For so long the driver may wait by itself: others hold the lock for less most of the time. */
export const HASTE_MS = 2;

/** The pauses between two tries, the last one again and again. */
const PAUSES_MS = [1, 2, 5, 10, 20, 30];

/**
 * A program has nothing else to do than to hear a signal. So its driver waits for most of the time: in rollback journal mode
 * that keeps new readers out, which would keep the lock from it.
 */
export const SLICE_MS = 100;

/** Calls `interrupted` when a signal asks the program to end, until what it gives is called. */
export type Listen = (interrupted: () => void) => () => void;

/** Runs `work` again while the database is locked, for so many milliseconds. */
export async function patiently<T>(patience: number, work: () => Promise<T>): Promise<T> {
  return triedAgain(patience, PAUSES_MS, work, async () => undefined);
}

/** The same for a program whose driver waits by itself for SLICE_MS. An interrupt ends the wait: kind `interrupted`. */
export async function patientlyInSlices<T>(patience: number, listen: Listen, work: () => Promise<T>): Promise<T> {
  let interrupted = false;
  let stop: (() => void) | undefined;
  try {
    return await triedAgain(patience, [1], work, async (error) => {
      // Before the first pause nobody listens: a signal ends the program by itself, or whoever listens already is told.
      stop ??= listen(() => (interrupted = true));
      await setImmediate();
      if (interrupted) throw new ResourceError('interrupted', `interrupted: ${error.message}`, { cause: error });
    });
  } finally {
    stop?.();
  }
}

async function triedAgain<T>(
  patience: number,
  pauses: readonly number[],
  work: () => Promise<T>,
  between: (error: DaybookError) => Promise<void>,
): Promise<T> {
  const deadline = performance.now() + patience;
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      const left = deadline - performance.now();
      if (!isLocked(error) || left <= 0) throw error;
      await between(error);
      await sleep(Math.min(pauses[tries] ?? Math.max(...pauses), left));
    }
  }
}

/** Not the lease of another prune, which only its own end gives back. */
function isLocked(error: unknown): error is DaybookError {
  return (error instanceof ResourceError && error.kind === 'busy') || error instanceof MayPass;
}

/** What was read of a list once cannot be read again. */
const ONCE: ReadonlySet<string> = new Set(['importNames'] satisfies (keyof AuditStore)[]);

/** The same store, whose methods wait in this way. Each is one transaction, or only reads: a try that failed did nothing. */
export function withPatience(store: AuditStore, patience: number): AuditStore {
  const patient = Object.entries(store).map(([name, method]: [string, unknown]) => {
    if (typeof method !== 'function' || ONCE.has(name)) return [name, method];
    const work = method as (...asked: unknown[]) => Promise<unknown>;
    return [name, async (...asked: unknown[]) => patiently(patience, () => work(...asked))];
  });
  return Object.fromEntries(patient) as AuditStore;
}
