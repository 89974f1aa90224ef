import type { Cell } from '../core/cell.js';
import type { EntryField, HistoryEntry, HistoryField } from '../core/entry.js';
import type { ErasedEntry } from '../core/erasure.js';
import type { LeapField } from '../core/leap-fields.js';
import type { Filter } from '../core/filter.js';
import type { Mark } from '../core/mark.js';
import type { PrunePlan } from './pruning.js';

/** Where an entry stands in the order of history. */
export interface Key {
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly seq: number;
}

/** `newest` and `oldest` first go by (ts, seq); `recorded` goes by seq, oldest first. */
export type Order = 'newest' | 'oldest' | 'recorded';

export interface PageQuery {
  readonly filter: Filter;
  readonly order: Order;
  readonly limit: number;
  /** The page begins behind this key. */
  readonly after?: Key;
  /** Only entries that were in the trail at this mark. */
  readonly upTo: Mark;
  /** Only entries that were not yet in the trail at this mark. */
  readonly beyond?: Mark;
  /** Only what this prune would take. */
  readonly doomedBy?: PrunePlan;
  /** Only what this prune would leave. */
  readonly sparedBy?: PrunePlan;
}

export interface EntryPage {
  readonly entries: readonly HistoryEntry[];
  /** Where the next page begins, or null on the last page. */
  readonly next: Key | null;
}

/** A page as rows of the asked columns: the least work for large exports. */
export interface RowPage {
  readonly rows: readonly (readonly Cell[])[];
  /** The characters of all texts: how large the page is. */
  readonly characters: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** Where the next page begins, or null on the last page. A page of large rows may end before its limit. */
  readonly next: Key | null;
}

/**
 * A page as JSON objects, one a line, each with its line feed. The engine writes them: documents keep every digit and
 * the bytes move once.
 */
export interface LinePage {
  readonly lines: Uint8Array;
  readonly count: number;
  /** Where the next page begins, or null where this one came short of its limit: a full page may be the last. */
  readonly next: Key | null;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/**
 * A page as one text, marked as `core/fields.ts` has it. The engine joins it: no field becomes a value of its own, and
 * the bytes move once.
 */
export interface FieldPage {
  readonly fields: Uint8Array;
  readonly count: number;
  /** Where the next page begins, or null where this one came short of its limit: a full page may be the last. */
  readonly next: Key | null;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
}

/** Which part of the trail is meant. */
export interface Within {
  /** The trail as it was at this mark, not as it is now. */
  readonly upTo?: Mark;
  /** Only what was not yet in the trail at this mark. */
  readonly beyond?: Mark;
}

/** The trail at one moment, and how many entries match. */
export interface Extent {
  readonly upTo: Mark;
  readonly count: number;
  /** The greatest seq in the trail, 0 where it is empty. */
  readonly lastSeq: number;
}

export interface Explanation {
  readonly sql: string;
  readonly parameters: readonly Cell[];
  readonly plan: readonly string[];
}

export interface ValueCount {
  readonly value: string | null;
  readonly count: number;
}

/** What reads the trail. Each read sees one moment and leaves nothing open behind it. */
export interface Reads {
  page(query: PageQuery): Promise<EntryPage>;
  rows(query: PageQuery, columns: readonly HistoryField[]): Promise<RowPage>;
  lines(query: PageQuery, columns: readonly HistoryField[]): Promise<LinePage>;
  /** Null for a page that cannot be had so, as where a text holds one of the marks: its `rows` always can. */
  fields(query: PageQuery, columns: readonly HistoryField[]): Promise<FieldPage | null>;
  explain(query: PageQuery): Promise<Explanation>;
  /** One entry by its seq or its id. */
  find(key: { readonly seq: number } | { readonly id: string }): Promise<HistoryEntry | undefined>;
  extent(filter: Filter, within?: Within): Promise<Extent>;
  /** The trail as it is now. Cheap: who waits for entries may ask many times a second. */
  mark(): Promise<Mark>;
  values(field: EntryField, filter: Filter): Promise<readonly ValueCount[]>;
  /**
   * The first values of a field from this text on, in the order of their bytes, found by leaps through its index: what that takes
   * does not grow with the trail.
   */
  nextValues(field: LeapField, from: string, limit: number): Promise<readonly string[]>;
  /** What is left of an erased entry. */
  findErased(seq: number): Promise<ErasedEntry | undefined>;
  /** So many skeletons of entries between two keys, from the first on; a key itself is none of them. */
  erasedBetween(first: Key | null, last: Key | null, limit: number): Promise<readonly ErasedEntry[]>;
}
