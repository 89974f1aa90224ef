import type { Actor } from '../core/entry.js';
import type { Hold, PlacedHold } from '../core/hold.js';

/** What keeps entries from being deleted, by any program. */
export interface Holds {
  /** By name. */
  holds(): Promise<readonly PlacedHold[]>;
  /** Places a hold and records that; gives the seq of the entry. Throws kind `refused` where there is one of this name. */
  placeHold(hold: Hold, actor: Actor): Promise<number>;
  /**
   * Lifts a hold and records that; gives the seq of the entry. Throws kind `missing` where there is none, and kind `refused`
   * where the signature that it takes is not given.
   */
  releaseHold(name: string, reason: string, signature: Buffer | null, actor: Actor): Promise<number>;
}
