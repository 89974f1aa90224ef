import type { HistoryEntry } from './entry.js';

/** Some entries of a list that is longer, newest first, and whether there is more of it above and below. */
export interface Stretch {
  readonly entries: readonly HistoryEntry[];
  readonly newer: boolean;
  readonly older: boolean;
}
