export interface ImportTotals {
  /** Records of the source. */
  readonly read: number;
  readonly recorded: number;
  /** Entries that were there already, with the same content. */
  readonly skipped: number;
  /** Entries of which the format made out nothing but their text; they are recorded all the same. */
  readonly unmatched: number;
  readonly rejected: number;
  /** Of those that were there already, the entries of which their source does not say all any more. */
  readonly forgotten: number;
}

export type Counts = { -readonly [Name in keyof ImportTotals]: number };

export function noTotals(): Counts {
  return { read: 0, recorded: 0, skipped: 0, unmatched: 0, rejected: 0, forgotten: 0 };
}
