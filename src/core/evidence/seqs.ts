/** Seqs in the order of their positions in the tree, as runs: `1-5,7` is 1, 2, 3, 4, 5, 7. */
export type Run = readonly [from: number, to: number];

/** Runs as text. */
export function runsText(runs: readonly Run[]): string {
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

/** Reads runs; undefined for what is none, or is written in another way. */
export function readRuns(text: string): Run[] | undefined {
  if (text === '') return [];
  const runs: Run[] = [];
  for (const part of text.split(',')) {
    const [, from = '', to = from] = /^([1-9]\d{0,15})(?:-([1-9]\d{0,15}))?$/.exec(part) ?? [];
    const run = [Number(from), Number(to)] as const;
    if (from === '' || !Number.isSafeInteger(run[1]) || run[1] < run[0] || (part.includes('-') && run[0] === run[1])) {
      return undefined;
    }
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === run[0]) return undefined;
    runs.push(run);
  }
  return runs;
}

/** So many seqs. */
export function runsLength(runs: readonly Run[]): number {
  return runs.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** Adds a seq at the end of runs. */
export function addSeq(runs: Run[], seq: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last[1] + 1 === seq) runs[runs.length - 1] = [last[0], seq];
  else runs.push([seq, seq]);
}

/** The runs of seqs as they stand. */
export function runsOf(seqs: Iterable<number>): Run[] {
  const runs: Run[] = [];
  for (const seq of seqs) addSeq(runs, seq);
  return runs;
}

/** Every seq of runs, one after the other. */
export function seqsOf(runs: readonly Run[]): number[] {
  return runs.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, offset) => from + offset));
}

/** The first so many seqs of runs. */
export function firstOf(runs: readonly Run[], count: number): Run[] {
  const first: Run[] = [];
  let left = count;
  for (const [from, to] of runs) {
    if (left <= 0) break;
    first.push([from, Math.min(to, from + left - 1)]);
    left -= to - from + 1;
  }
  return first;
}

/** What of runs that are in order stands behind a seq. */
export function runsBehind(runs: readonly Run[], seq: number): readonly Run[] {
  const first = runs.findIndex(([, to]) => to > seq);
  if (first < 0) return [];
  const [from, to] = runs[first] as Run;
  return [[Math.max(from, seq + 1), to], ...runs.slice(first + 1)];
}

/** Whether a seq is in one of many runs, which are put in order once. */
export function lookup(runs: readonly Run[]): (seq: number) => boolean {
  const sorted = runs.toSorted((a, b) => a[0] - b[0]);
  // How far the runs up to each reach: they may overlap.
  const reach: number[] = [];
  for (const [, to] of sorted) reach.push(Math.max(to, reach.at(-1) ?? 0));
  return (seq) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as Run)[0] <= seq) low = middle + 1;
      else high = middle;
    }
    return low > 0 && (reach[low - 1] as number) >= seq;
  };
}

/** At which place a seq is in runs that are in order; -1 where it is in none. */
export function places(runs: readonly Run[]): (seq: number) => number {
  const before: number[] = [];
  let sum = 0;
  for (const [from, to] of runs) {
    before.push(sum);
    sum += to - from + 1;
  }
  return (seq) => {
    let [low, high] = [0, runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((runs[middle] as Run)[0] <= seq) low = middle + 1;
      else high = middle;
    }
    const run = runs[low - 1];
    return run !== undefined && seq <= run[1] ? (before[low - 1] as number) + seq - run[0] : -1;
  };
}
