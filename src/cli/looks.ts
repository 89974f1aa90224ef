import type { HistoryEntry } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import type { Output } from '../terminal/streams.js';
import type { Globals } from './globals.js';

/** How text looks where it goes. */
export interface Looks {
  /** Whether it goes to a terminal: hidden characters are then made visible. */
  readonly terminal: boolean;
  readonly width: number;
  readonly zone: string;
  readonly palette: Palette;
}

/** How text looks on standard output, or on what stands in for it. */
export async function looksOf(out: Output, globals: Globals): Promise<Looks> {
  const { palette } = await import('../terminal/colour.js');
  return {
    terminal: out.isTerminal,
    width: out.columns,
    zone: globals.zone,
    palette: await palette(globals.colour('stdout')),
  };
}

/** Makes lists of entries for people: a table on a terminal, lines elsewhere. */
export async function entryList(looks: Looks): Promise<(entries: readonly HistoryEntry[]) => Promise<string>> {
  if (looks.terminal) {
    const { tableFormatter } = await import('../format/table.js');
    return (await tableFormatter(looks)).page;
  }
  const { LINE_FIELDS, lineFormatter } = await import('../format/line.js');
  const lines = await lineFormatter(looks.zone);
  return (entries) => Promise.resolve(lines(entries.map((entry) => LINE_FIELDS.map((field) => entry[field]))));
}
