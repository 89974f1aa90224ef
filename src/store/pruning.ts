import type { Filter } from '../core/filter.js';
import type { Mark } from '../core/mark.js';
import type { PruneAccount, PruneIntent, RuleCount } from '../core/prune-account.js';
import type { Key } from './reading.js';

/** One rule of a prune, its age resolved to a moment. */
export interface PruneRule {
  readonly name: string | null;
  readonly filter: Filter;
  /** Entries before this moment (milliseconds since 1970) fall. */
  readonly before: number | null;
  /** Entries beyond the newest so many that match fall. */
  readonly keep: number | null;
}

/** What a prune would take: an entry falls when at least one rule matches it and every rule that matches lets it fall. */
export interface PrunePlan {
  readonly rules: readonly ResolvedRule[];
  readonly upTo: Mark;
  /** Entries recorded after this moment (UTC text) do not count yet. */
  readonly recordedBefore: string | null;
  /** What holds keep: none of it falls. */
  readonly held: readonly Filter[];
  /** What stays besides, without a word of holds. */
  readonly kept: readonly Filter[];
  /** Whether skeletons stay of what falls, and each entry falls for itself, whatever it takes back. */
  readonly erases: boolean;
}

/** A rule whose count has been turned into a key: entries that match and stand before either limit fall. */
export interface ResolvedRule {
  readonly name: string | null;
  readonly filter: Filter;
  readonly before: number | null;
  readonly oldestKept: Key | null;
}

export interface PruneForecast {
  readonly count: number;
  /** How many more would fall if no hold kept them. */
  readonly held: number;
  /** How many stay by what else is kept. */
  readonly kept: number;
  readonly byAge: number;
  readonly byCount: number;
  /** The time of the first and of the last in the order of history. */
  readonly first: string | null;
  readonly last: string | null;
  /** The least and the greatest seq. */
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  readonly actions: readonly { readonly action: string; readonly count: number }[];
  readonly months: readonly { readonly month: string; readonly count: number }[];
  readonly rules: readonly RuleCount[];
  /** For each checkpoint, how many of the doomed entries its exports have not seen. */
  readonly unseen: readonly { readonly checkpoint: string; readonly count: number }[];
}

/** What one batch of a prune took. */
export interface PrunedBatch {
  readonly deleted: number;
  readonly byAge: number;
  readonly byCount: number;
  /** How long the write lock was held. */
  readonly lockMs: number;
  /** How long it took, before, to find out which entries are next. */
  readonly readMs: number;
  readonly next: Key | null;
  /** As it stands after this batch; closed, with its entry, after the last one. */
  readonly account: PruneAccount;
}

/** What deletes entries: by a plan, in batches, with an account. */
export interface Prunes {
  /**
   * Turns rules into a plan for the trail as it is now. `reserved` says for each rule whether the prune's own entry
   * will take one of the places that it keeps. With `recordedBefore` (UTC text), the trail as it was recorded by then. With
   * `erases`, the plan of an erasure: `ACCOUNTS_OF_ITSELF` stay.
   */
  plan(
    rules: readonly PruneRule[],
    reserved: readonly boolean[],
    options?: { readonly recordedBefore?: string; readonly erases?: boolean },
  ): Promise<PrunePlan>;
  forecast(plan: PrunePlan): Promise<PruneForecast>;
  /** Takes the lease and opens the account; throws kind `busy` while another prune lives. */
  openPrune(intent: PruneIntent): Promise<number>;
  /** Renews the lease, and notes the archive once it is written. */
  renewPrune(prune: number, archive?: string): Promise<void>;
  /**
   * Deletes up to `size` further entries of the plan in one transaction with their account; the last batch closes the
   * account and records its entry. A power cut may take back batches, from the last one on, until that or `closePrune`
   * makes all of them durable.
   */
  deleteBatch(prune: number, plan: PrunePlan, after: Key | undefined, size: number): Promise<PrunedBatch>;
  /** Closes an account before its plan is through; what was deleted by then becomes its entry. */
  closePrune(prune: number, state: 'done' | 'cut_off'): Promise<PruneAccount>;
  lastPrune(): Promise<PruneAccount | undefined>;
  /** How many entries all prunes together have deleted, those at work and those cut off among them. */
  prunedSoFar(): Promise<number>;
  /** The accounts of prunes that ended before they were done, and that nobody has closed since. */
  cutOffPrunes(): Promise<readonly PruneAccount[]>;
}
