import type { Cell } from '../../core/cell.js';

/** A report as JSON: an object with a row on each line. */
export function reportJson(
  head: Readonly<Record<string, unknown>>,
  rows: readonly object[],
  tail: Readonly<Record<string, unknown>> = {},
): string {
  const fields = [
    ...Object.entries(head).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`),
    rows.length === 0 ? '"rows": []' : `"rows": [\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]`,
    ...Object.entries(tail).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`),
  ];
  return `{${fields.join(', ')}}\n`;
}

/** The rows of a report as CSV. */
export async function reportCsv<Row extends object>(
  columns: readonly (keyof Row & string)[],
  rows: readonly Row[],
): Promise<string> {
  const { csvEncoder } = await import('../csv.js');
  const { rows: encoded } = await csvEncoder([], { exact: false });
  return `${columns.join(',')}\n${encoded(rows.map((row) => columns.map((column) => (row[column] ?? null) as Cell)))}`;
}
