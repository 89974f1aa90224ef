import type { Entry, NewEntry } from '../core/entry.js';

export type RecordOutcome =
  | { readonly outcome: 'recorded'; readonly seq: number; readonly id: string }
  /** The id is there already, with the same content. */
  | ({ readonly outcome: 'skipped'; readonly seq: number; readonly id: string } & Forgotten)
  /** The id is there already, with other content in these fields. */
  | { readonly outcome: 'conflict'; readonly seq: number; readonly id: string; readonly fields: readonly string[] };

/** What the entry has that its source does not say any more: `actor`, `metadata.user_id`. Never empty. */
interface Forgotten {
  readonly forgotten?: readonly string[];
}

/** What became of one of many. */
export type BatchOutcome =
  | { readonly outcome: 'recorded' }
  | ({ readonly outcome: 'skipped' } & Forgotten)
  | { readonly outcome: 'conflict'; readonly fields: readonly string[] };

/** How what is recorded compares with an entry that should be. */
export type CompareOutcome =
  | { readonly outcome: 'missing' }
  | ({ readonly outcome: 'same' } & Forgotten)
  /** The id is there, with other content in these fields. */
  | { readonly outcome: 'conflict'; readonly fields: readonly string[] };

/** An entry to record, with the fields that its writer gave: only those are compared where its id is there already. */
export interface RecordRequest {
  readonly entry: NewEntry;
  readonly given: readonly (keyof NewEntry)[];
  /**
   * Where a source says it: it may say less than it once did, and more in the metadata. `earlier` is what earlier versions
   * of daybook made of the same record.
   */
  readonly ofSource?: { readonly earlier: readonly NewEntry[] };
}

export interface RecordOptions {
  readonly stopAtConflict?: boolean;
  /**
   * Whether an application says it of itself, and not of what happened elsewhere. It must say who where a captured table asks for
   * that, and what takes back another entry is looked at as `revert` does. A conflict is thrown (kind `refused`). All or
   * none is recorded.
   */
  readonly ofApplication?: boolean;
}

export interface BatchOptions extends Pick<RecordOptions, 'stopAtConflict'> {
  /** Whether no power cut may take it back, once its promise resolves. */
  readonly durable?: boolean;
}

/** What records entries. */
export interface Records {
  /**
   * Records all in one transaction. The outcomes are in the order of the requests; with `stopAtConflict` they end with
   * the first conflict, and nothing behind it is recorded.
   */
  record(requests: readonly RecordRequest[], options?: RecordOptions): Promise<readonly RecordOutcome[]>;
  /**
   * Does the same for one batch of many that follow each other, and holds the lock for no longer than it must: unless it is
   * `durable`, a power cut may take it back, until the next durable one or `record` makes all before it durable.
   */
  recordOneOfMany(requests: readonly RecordRequest[], options?: BatchOptions): Promise<readonly BatchOutcome[]>;
  /** What `record` would find of each of these, in their order; records nothing. Each must have an id. */
  compare(requests: readonly RecordRequest[]): Promise<readonly CompareOutcome[]>;
  /** Records an entry that takes back another, unless that one is taken back already (kind `refused`). */
  revert(entry: NewEntry & { readonly reverts: string }): Promise<Entry>;
}
