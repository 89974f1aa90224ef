import type { Filter } from '../core/filter.js';
import type { ClockChange } from '../core/hours.js';
import type { Mark } from '../core/mark.js';
import type { GroupField } from '../core/report.js';

// A change of a key is a delete and a create that name each other in their metadata. What counts takes the pair for one
// update, also where the filter asks for actions or changed fields: the second entry counts, or the first where it alone
// matches.

/** Entries by what they have in common. */
export interface GroupQuery {
  readonly filter: Filter;
  /** One or more; entries that have no value for the first are in no group. */
  readonly by: readonly GroupField[];
  readonly limit: number;
  /** The trail as it was then; as it is now where it is not given. */
  readonly upTo?: Mark;
  /** Counts for each group, which is of one scope, the entities that it has among entries of this filter. */
  readonly seen?: Filter;
}

export interface Group {
  /** One for each field of the query; an entity as `type:id`. */
  readonly keys: readonly (string | null)[];
  /**
   * One for each key; of actors and entities, the last name that an entry gives by the end of the window, else that of the
   * directory, which also names scopes. The actor `unknown` is nobody and has none.
   */
  readonly names: readonly (string | null)[];
  readonly count: number;
  /** How many of them are taken back. */
  readonly reverted: number;
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  /** The greatest seq among them. */
  readonly lastSeq: number;
  /** How many entities were seen, where that was asked for. */
  readonly entities?: number;
}

export interface Groups {
  /** Most frequent first. */
  readonly groups: readonly Group[];
  /** Whether there are more than the limit. */
  readonly more: boolean;
  /** All entries that match, those in no group among them. */
  readonly total: number;
}

/** How the entries of groups are spread over time. */
export interface CourseQuery {
  readonly filter: Filter;
  readonly by: GroupField;
  /** Only these groups; all where it is not given. */
  readonly keys?: readonly string[];
  /** Milliseconds since 1970, ascending. */
  readonly edges: readonly number[];
  readonly upTo: Mark;
  /** At most so many points, of any. */
  readonly limit: number;
}

/** How many entries of a group there are from one edge up to the next one, which does not count. */
export interface CoursePoint {
  /** The place of the edge. */
  readonly place: number;
  readonly key: string;
  /** Never 0. */
  readonly count: number;
}

export interface BurstQuery {
  readonly filter: Filter;
  /** How long the window is that slides over the entries of each actor, in milliseconds. */
  readonly window: number;
  /** Only what is more than this in one window. */
  readonly moreThan: number;
  readonly limit: number;
}

/** The fullest window of an actor; the earliest of them where several are. */
export interface Burst {
  readonly actor: string;
  /** As for a group. */
  readonly name: string | null;
  readonly count: number;
  /** Of the first and the last entry in it, milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** How many entries that is, where it may be more: a change of a key counts once, and is two entries. */
  readonly entries?: number;
}

export interface Bursts {
  /** The fullest first. */
  readonly bursts: readonly Burst[];
  /** Whether there are more than the limit. */
  readonly more: boolean;
}

/** What counts entries by what they have in common. */
export interface Reports {
  groups(query: GroupQuery): Promise<Groups>;
  /** The names of these actors, as groups have them; who has none is not there. */
  groupNames(by: 'actor', keys: readonly string[], filter: Filter): Promise<ReadonlyMap<string, string>>;
  /** How many match from each edge (milliseconds since 1970, ascending) up to the next one, which does not count. */
  countBetween(filter: Filter, edges: readonly number[], upTo: Mark): Promise<readonly number[]>;
  /** In no order. */
  courses(query: CourseQuery): Promise<readonly CoursePoint[]>;
  /** How many match in each hour of the week, from Monday on: clocks are those of the changes, the first is before all. */
  hours(filter: Filter, clocks: readonly ClockChange[], upTo: Mark): Promise<readonly number[]>;
  bursts(query: BurstQuery): Promise<Bursts>;
}
