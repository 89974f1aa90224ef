const BAR_PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LEVELS = '▁▂▃▄▅▆▇█';
const NOTHING = '·';

/** A bar for a part of the whole, in eighths of a column; what is there at all can be seen. */
export function bar(count: number, most: number, columns: number): string {
  if (count <= 0 || most <= 0) return '';
  const eighths = Math.max(1, Math.round((count / most) * columns * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + (BAR_PARTS[eighths % 8] ?? '');
}

/** How the parts of a bar look, one for each tone. */
export const PART_LOOKS = ['█', '▓', '▒', '░', '=', '-'] as const;

/**
 * How many columns each part of a bar takes, of at most so many; what is there at all can be seen. `most` is the whole
 * of the longest bar.
 */
export function partWidths(parts: readonly number[], most: number, columns: number): number[] {
  const room = Math.max(0, columns - parts.filter((count) => count > 0).length);
  return parts.map((count) => (count <= 0 || most <= 0 ? 0 : Math.max(1, Math.round((count / most) * room))));
}

/** The course of counts in one line of at most so many columns: neighbours are added up where there are more. */
export function sparkline(counts: readonly number[], columns: number): string {
  const sums = squeezed(counts, columns);
  const most = sums.reduce((a, b) => Math.max(a, b), 0);
  return sums
    .map((sum) => (sum === 0 ? NOTHING : (LEVELS[Math.max(0, Math.ceil((sum / most) * LEVELS.length) - 1)] ?? NOTHING)))
    .join('');
}

/** Adds neighbours up, in runs of one length (the last may be shorter), so that there are at most so many. */
export function squeezed(counts: readonly number[], most: number): number[] {
  const run = Math.max(1, Math.ceil(counts.length / Math.max(1, most)));
  const sums: number[] = [];
  for (let start = 0; start < counts.length; start += run) {
    sums.push(counts.slice(start, start + run).reduce((sum, count) => sum + count, 0));
  }
  return sums;
}
