import type { Filter } from '../core/filter.js';
import type { Mark } from '../core/mark.js';

export interface Checkpoint {
  readonly name: string;
  /** The filter as it was asked: a name belongs to its question. */
  readonly question: string;
  /** The trail as its last completed export had it. */
  readonly mark: Mark;
  /** Entries that a prune took before any export of this name saw them. */
  readonly missed: number;
  readonly updatedAt: string | null;
}

/** What remembers how far an export has come. */
export interface Checkpoints {
  checkpoint(name: string): Promise<Checkpoint | undefined>;
  /** Notes that an export of this name begins and will reach `upTo`. */
  beginCheckpoint(name: string, question: string, filter: Filter, upTo: Mark): Promise<Checkpoint>;
  /** The checkpoints that a prune took entries from before they were exported. */
  missedByCheckpoints(): Promise<readonly { readonly checkpoint: string; readonly count: number }[]>;
  /** Moves the checkpoint, where nobody else has moved it since it was begun. */
  moveCheckpoint(name: string, from: Mark, to: Mark): Promise<void>;
}
