import type { FieldDifference } from './diff.js';
import type { HistoryEntry } from './entry.js';
import type { Mark } from './mark.js';

/** What is known of one entity as a whole. Times are UTC text. */
export interface CaseSummary {
  /** As it was asked: `type:id`, or `:id` for whatever type. */
  readonly entity: string;
  /** The trail as the case has it. */
  readonly mark: Mark;
  /** The greatest seq of the trail then. */
  readonly lastSeq: number;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** How many of them are notes, and how many are taken back. */
  readonly notes: number;
  readonly reverted: number;
  /** The names that it had, in the order in which they came up. */
  readonly names: readonly CaseName[];
  /** Who made the entries, most of them first. */
  readonly actors: readonly CaseActor[];
  /** How many entries prunes and erasures have taken from the whole trail: whether any was about this one is not known. */
  readonly pruned: number;
  /**
   * Of the entries as NDJSON, oldest first, each with its line feed: of what `daybook export --entity T:ID --mark M`
   * prints.
   */
  readonly sha256: string;
  /** What computes the checksum again. */
  readonly command: string;
}

export interface CaseName {
  readonly name: string;
  /** The first and the last entry that calls it so. */
  readonly first: string;
  readonly last: string;
}

export interface CaseActor {
  readonly actor: string;
  readonly name: string | null;
  readonly count: number;
}

/** One entry of the case. */
export interface CaseEntry {
  readonly entry: HistoryEntry;
  readonly changes: readonly FieldDifference[];
  /** The entry that took it back, where one did. */
  readonly takenBackBy: HistoryEntry | null;
}

/** What else happened in a unit of work that the entity was part of. */
export interface CaseRelated {
  readonly correlation_id: string;
  /** All entries of it that are about something else. */
  readonly count: number;
  /** The first of them. */
  readonly entries: readonly HistoryEntry[];
}

/** A case, to be read in this order. */
export interface Case {
  readonly summary: CaseSummary;
  /** Oldest first. */
  readonly history: AsyncIterable<readonly CaseEntry[]>;
  readonly related: AsyncIterable<CaseRelated>;
  /** Whether there are more units of work than were looked at. */
  readonly moreRelated: boolean;
}
