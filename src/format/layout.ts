import type { Palette } from '../terminal/colour.js';
import type { Ruler } from '../terminal/width.js';

/** One cell of a table: text that has been made visible, and how it is coloured. */
export interface TableCell {
  readonly text: string;
  readonly colour?: (text: string) => string;
}

export interface TableColumn {
  readonly heading: string;
  readonly width: number;
  readonly align?: 'left' | 'right';
  /** Where text that is too long loses its letters. */
  readonly cut?: Cut;
  /** How far the next column stands away. */
  readonly gap?: number;
}

/** `entity`: of `type:id` the type gives way before the id. */
export type Cut = 'end' | 'middle' | 'entity';

/** Columns stand this far apart, unless they say otherwise. */
const GAP = 2;

/** cli-table3 takes quadratic time: small tables one below the other look the same. */
const ROWS_PER_TABLE = 200;

/** A character of private use, which stands in for text while cli-table3 lays out. */
const STAND_IN = '\ue000';
const PLAIN = /^[\x20-\x7e]*$/;

export type Layout = (rows: readonly (readonly TableCell[])[]) => string;

/** Lays out rows in columns of fixed widths, without borders, through cli-table3. */
export async function loadLayout(columns: readonly TableColumn[], ruler: Ruler): Promise<Layout> {
  const { default: Table } = await import('cli-table3');
  const last = columns.length - 1;
  const options = {
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    colWidths: columns.map(({ width, gap = GAP }, index) => (index === last ? width : width + gap)),
  };

  const render = (rows: readonly (readonly TableCell[])[]): string => {
    // cli-table3 measures by an old Unicode, and would cut or misplace what it measures wrongly. All but plain ASCII
    // is therefore shaped here, laid out as a run of stand-ins of the same width, and put back.
    const texts: string[] = [];
    const table = new Table(options);
    for (const row of rows) {
      const cells = columns.map(({ width, align, cut }, index) => {
        const { text, colour } = row[index] ?? { text: '' };
        let shaped = shorten(text, width, cut, ruler);
        if (align === 'right') shaped = ruler.pad(shaped, width, 'right');
        if (!PLAIN.test(shaped)) {
          const run = STAND_IN.repeat(Math.max(1, ruler.width(shaped)));
          texts.push(shaped);
          shaped = run;
        }
        return colour === undefined || shaped === '' ? shaped : colour(shaped);
      });
      table.push(cells);
    }
    return table
      .toString()
      .replace(/\ue000+/g, () => texts.shift() ?? '')
      .replace(/ +$/gm, '')
      .concat('\n');
  };

  return (rows) => {
    let text = '';
    for (let start = 0; start < rows.length; start += ROWS_PER_TABLE) {
      text += render(rows.slice(start, start + ROWS_PER_TABLE));
    }
    return text;
  };
}

/** Text that fits a width. */
export function shorten(text: string, width: number, cut: Cut | undefined, ruler: Ruler): string {
  if (cut !== 'entity') return ruler.truncate(text, width, cut);
  const colon = text.indexOf(':');
  if (colon < 1 || ruler.width(text) <= width) return ruler.truncate(text, width, 'middle');
  const room = width - ruler.width(text.slice(colon));
  // Of a type that has no room its mark is left; and an id that has none loses its middle.
  if (room < 2) return ruler.truncate(`…${text.slice(colon + 1)}`, width, 'middle');
  return `${ruler.truncate(text.slice(0, colon), room)}${text.slice(colon)}`;
}

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** The row of headings for a layout. */
export function headingRow(columns: readonly TableColumn[], palette: Palette): TableCell[] {
  return columns.map(({ heading }) => ({ text: heading, colour: palette.heading }));
}

/** How wide the widest cell of each column is, up to `limit` and at least 1. */
export function naturalWidths(rows: readonly (readonly TableCell[])[], limit: number, ruler: Ruler): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, { text }] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 1, ruler.width(ruler.truncate(text, limit)));
    }
  }
  return widths;
}

/** What the gaps between columns leave of a width. */
export function roomFor(columns: readonly { readonly gap?: number }[], width: number): number {
  return columns.slice(0, -1).reduce((room, { gap = GAP }) => room - gap, width);
}

/** What a column would like, and its part where there is not enough for all; 0 for a column that may not be cut. */
export interface Wish {
  readonly natural: number;
  readonly weight: number;
}

/**
 * Shares a width out among columns: each gets up to `minimum`, even if the whole then grows too wide; of the rest,
 * whoever wants no more than the fair part gets what it wants, and the others share what is left by weight.
 */
export function shareWidth(wishes: readonly Wish[], available: number, minimum: number): number[] {
  const widths = wishes.map(({ natural, weight }) => (weight === 0 ? natural : Math.min(natural, minimum)));
  const missing = (index: number): number => (wishes[index]?.natural ?? 0) - (widths[index] ?? 0);
  const give = (index: number, more: number): void => void (widths[index] = (widths[index] ?? 0) + more);
  let left = widths.reduce((rest, width) => rest - width, available);
  let open = [...widths.keys()].filter((index) => missing(index) > 0);

  while (left > 0 && open.length > 0) {
    const room = left;
    const weights = open.reduce((sum, index) => sum + (wishes[index]?.weight ?? 0), 0);
    const fair = (index: number): number => Math.floor((room * (wishes[index]?.weight ?? 0)) / weights);
    const content = open.filter((index) => missing(index) <= fair(index));
    if (content.length > 0) {
      for (const index of content) {
        left -= missing(index);
        give(index, missing(index));
      }
      open = open.filter((index) => !content.includes(index));
    } else {
      for (const index of open) {
        left -= fair(index);
        give(index, fair(index));
      }
      // What rounding leaves goes to the last of them, mostly the message.
      for (const index of open.toReversed()) {
        const more = Math.min(left, missing(index));
        left -= more;
        give(index, more);
      }
    }
  }
  return widths;
}
