/** What a report shows to people, on a terminal or on a page. Texts are as recorded: whoever prints them makes them safe. */
export interface ReportView {
  readonly title: string;
  /** What was asked: the filter in words, and the zone of the times. */
  readonly asked: string;
  /** What each row is made of, where its bar is told apart. */
  readonly parts?: readonly ViewPart[];
  /** Counts for each weekday and hour, in place of rows. */
  readonly week?: readonly (readonly number[])[];
  readonly columns: readonly ViewColumn[];
  readonly rows: readonly ViewRow[];
  /** How much there was over time, oldest first. */
  readonly course?: readonly Point[];
  /** A last word, such as what is left out. */
  readonly note?: string;
}

export interface ViewColumn {
  readonly heading: string;
  readonly align?: 'left' | 'right';
  /** A column of numbers and times is not cut; of the others, those with more weight keep more. */
  readonly weight: number;
  /** A screen narrower than this does without the column. */
  readonly from?: number;
}

export interface ViewRow {
  readonly cells: readonly string[];
  /** How long its bar is. */
  readonly count: number;
  /** How much of it is of each of the parts. */
  readonly parts?: readonly number[] | undefined;
  /** How it went over time, oldest first. */
  readonly course?: readonly number[];
  /** A command that shows more, as it is to be typed. */
  readonly command?: string;
}

export interface Point {
  readonly label: string;
  readonly count: number;
  readonly parts?: readonly number[];
}

/** How parts are told apart, from the first on: each medium has a look for each. */
export const TONES = 6;

export interface ViewPart {
  readonly name: string;
  readonly count: number;
  /** Below `TONES`. */
  readonly tone: number;
}
