import type { Palette } from '../terminal/colour.js';
import type { Clock } from '../terminal/time.js';
import { rulerFor, type Ruler } from '../terminal/width.js';
import {
  headingRow,
  loadLayout,
  naturalWidths,
  roomFor,
  shareWidth,
  type TableCell,
  type TableColumn,
} from './layout.js';

/** What a table shows of each row, and how. */
export interface View<Row> {
  readonly columns: readonly (Omit<TableColumn, 'width'> & { readonly weight: number })[];
  /** What a column gets at least, where it has so much to show. */
  readonly minimum?: number;
  cells(row: Row): TableCell[];
  /** What goes to a second line. */
  below?(row: Row): TableCell[];
  /** The heading under which a row stands. */
  day?(row: Row): string;
}

/** From here on every row has its date; below, days get a heading, and times stand alone. */
const DATED_FROM = 120;
/** Below this, the widest columns move to a line of their own. */
const ONE_LINE_FROM = 72;
const NARROWEST_COLUMN = 4;

/** Pages of rows to a table for a terminal, whose columns stay where the first page put them. */
export function pagedTable<Row>(
  view: View<Row>,
  { width, palette }: { readonly width: number; readonly palette: Palette },
): (rows: readonly Row[]) => Promise<string> {
  let columns: TableColumn[] | undefined;
  let day: string | undefined;

  return async (rows) => {
    if (rows.length === 0) return '';
    const cells = rows.map((row) => view.cells(row));
    const below = view.below === undefined ? [] : rows.map(view.below);
    const headings = view.columns.map(({ heading }) => heading);
    const ruler = await rulerFor([...headings, ...[...cells.flat(), ...below.flat()].map(({ text }) => text)]);
    const first = columns === undefined;
    columns = fixedColumns(view, columns, cells, width, ruler);
    const layout = await loadLayout(columns, ruler);

    let text = first ? layout([headingRow(columns, palette)]) : '';
    const lines = layout(cells).split('\n');
    for (const [index, row] of rows.entries()) {
      if (view.day !== undefined) {
        const today = view.day(row);
        if (today !== day) text += `${palette.heading(ruler.truncate(today, width))}\n`;
        day = today;
      }
      text += `${lines[index] ?? ''}\n`;
      if (view.below !== undefined) text += lineBelow(below[index] ?? [], width, ruler);
    }
    return text;
  };
}

const INDENT = '  ';

function lineBelow(cells: readonly TableCell[], width: number, ruler: Ruler): string {
  let line = INDENT;
  let left = width - INDENT.length;
  for (const [index, { text, colour }] of cells.entries()) {
    // All but the last leave it a third at least.
    const room = index < cells.length - 1 ? Math.floor((left * 2) / 3) : left;
    const shaped = ruler.truncate(text, room, index < cells.length - 1 ? 'middle' : 'end');
    line += (index > 0 ? INDENT : '') + (colour === undefined ? shaped : colour(shaped));
    left -= ruler.width(shaped) + INDENT.length;
  }
  return `${line.trimEnd()}\n`;
}

/** The columns of the first page, or of a later one where a column that may not be cut has grown. */
function fixedColumns<Row>(
  view: View<Row>,
  fixed: TableColumn[] | undefined,
  rows: readonly TableCell[][],
  width: number,
  ruler: Ruler,
): TableColumn[] {
  const natural = naturalWidths([view.columns.map(({ heading }) => ({ text: heading })), ...rows], width, ruler);
  const grown = (column: TableColumn, index: number): boolean =>
    view.columns[index]?.weight === 0 && (natural[index] ?? 0) > column.width;
  if (fixed !== undefined && !fixed.some(grown)) return fixed;
  const wishes = view.columns.map(({ weight }, index) => ({ natural: natural[index] ?? 0, weight }));
  const widths = shareWidth(wishes, roomFor(view.columns, width), view.minimum ?? NARROWEST_COLUMN);
  return view.columns.map((column, index) => ({ ...column, width: widths[index] ?? 1 }));
}

/** How a view of what happened shows its times, and whether it has one line a row. */
export interface Timed<Row> {
  readonly dated: boolean;
  readonly narrow: boolean;
  readonly column: View<Row>['columns'][number];
  cell(row: Row): TableCell;
  /** The part of a view that says the day, where the rows do not. */
  readonly days: Pick<View<Row>, 'day'>;
}

export function timed<Row extends { readonly ts: string }>(clock: Clock, width: number): Timed<Row> {
  const dated = width >= DATED_FROM;
  return {
    dated,
    narrow: width < ONE_LINE_FROM,
    column: { heading: dated ? `time (${clock.zone})` : 'time', weight: 0 },
    cell({ ts }) {
      const text = clock.text(ts);
      // Imported times mostly have no milliseconds: four columns of zeros are better given to the message.
      const exact = text.time.replace(/\.000$/, '');
      return { text: dated ? `${text.date} ${exact}${text.offset && ` ${text.offset}`}` : exact };
    },
    days: dated
      ? {}
      : {
          day({ ts }) {
            const { weekday, date, zone } = clock.text(ts);
            return `${weekday} ${date}  ${zone}`;
          },
        },
  };
}
