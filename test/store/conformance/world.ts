import type { HistoryEntry, NewEntry } from '../../../src/core/entry.js';
import type { AuditStore } from '../../../src/store/audit-store.js';
import type { Trail } from '../trail.js';

/** What the tests of every engine work with: a trail of each test, and its store. */
export interface World {
  readonly trail: () => Trail;
  readonly store: () => AuditStore;
  /** Runs a property on a trail of its own each time. */
  readonly onNewTrail: (work: (fresh: AuditStore, trail: Trail) => Promise<void>) => Promise<void>;
  /** Records an entry and reads it back. */
  readonly one: (fields: Partial<NewEntry>) => Promise<HistoryEntry>;
  /** How often a property is tried, where a fast engine tries it so often. */
  readonly runs: (often: number) => number;
}
