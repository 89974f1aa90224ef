import type { NamedActor } from '../core/directory.js';
import type { Entry } from '../core/entry.js';
import type { AuditStore } from './audit-store.js';

/** An entry that another one stands in the way of: it has the same id or seq, and says something else. */
export interface GatheringConflict {
  readonly entry: Entry;
  readonly other: Entry;
}

/** Entries of several places as one trail, each once: it is kept in a temporary file, which is gone when it is closed. */
export interface Gathering {
  /** Takes entries in, with their seqs; what is there already is not taken twice. Gives the first that cannot be. */
  add(entries: readonly Entry[]): Promise<GatheringConflict | undefined>;
  addNames(actors: readonly NamedActor[]): Promise<void>;
  /** The trail of all that was added; nothing can be added from then on. */
  finish(): Promise<AuditStore>;
  close(): Promise<void>;
}
