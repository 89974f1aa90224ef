import type { HistoryEntry } from '../../core/entry.js';
import type { Stretch } from '../../core/stretch.js';

/** Some entries, and the place among them of the one that was asked for. */
export interface Found {
  readonly stretch: Stretch;
  readonly at: number;
}

/** Where a part of the timeline begins (milliseconds since 1970), and how many entries it holds. */
export interface Part {
  readonly start: number;
  readonly count: number;
}

/** One question: the entries that match some words of the command line, as the trail was when it was asked. */
export interface Question {
  /** As they would stand on a command line: `--actor`, `bob`. */
  readonly words: readonly string[];
  newest(): Promise<Stretch>;
  oldest(): Promise<Stretch>;
  /** Around a moment, in milliseconds since 1970. */
  at(ms: number): Promise<Found>;
  around(entry: HistoryEntry): Promise<Found>;
  down(stretch: Stretch): Promise<Stretch>;
  up(stretch: Stretch): Promise<Stretch>;
  find(from: HistoryEntry, text: string, down: boolean): Promise<HistoryEntry | undefined>;
  count(): Promise<number>;
  /** How many entries share a correlation id. */
  countOf(correlation: string): Promise<number>;
  /**
   * The whole of it in so many parts of one length; none where nothing matches. Keys may come in between; when it is no
   * longer wanted, it ends early.
   */
  timeline(parts: number, wanted: () => boolean): Promise<readonly Part[]>;
  /** Counts by weekday (Monday first) and hour. */
  hours(): Promise<readonly (readonly number[])[]>;
  /** Whether anything has been recorded since it was asked. */
  hasNews(): Promise<boolean>;
}

/** What a command said and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly said: string;
}

/** How the entries of a list are drawn, for one width of the screen. */
export interface Row {
  /** One line, no wider than the screen; `folded` is how many entries it stands for. */
  line(entry: HistoryEntry, folded: number | undefined): string;
  readonly heading: string;
}

/** One condition of a filter, as words of the command line. */
export interface Condition {
  readonly option: string;
  readonly value: string;
  readonly words: readonly string[];
}

/** What the screen asks of the rest of the program. Whatever it throws is said at the foot of the screen. */
export interface Desk {
  ask(words: readonly string[]): Promise<Question>;
  rows(width: number): Row;
  /** An entry in full, as lines. */
  detail(entry: HistoryEntry, width: number): Promise<readonly string[]>;
  /** Runs a command of the program on this trail. */
  run(words: readonly string[]): Promise<Outcome>;
  /** Splits a command line into words, and puts words together to one. */
  split(line: string): readonly string[];
  join(words: readonly string[]): string;
  /** What could stand in place of the last word. */
  complete(line: string): Promise<readonly string[]>;
  /** What narrows a list to what an entry has; undefined where it has no such thing. */
  narrowTo(entry: HistoryEntry, by: 'actor' | 'entity' | 'correlation' | 'scope'): Condition | undefined;
  /** A time in any form that `--since` takes, in milliseconds since 1970. */
  moment(text: string): Promise<number>;
  /** A moment for people. */
  time(ms: number): string;
  readonly title: string;
}
