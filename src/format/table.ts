import type { HistoryEntry, HistoryField } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import { clockFor, type Clock } from '../terminal/time.js';
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
import { actorText, entityText, messageText, oneLine } from './words.js';

/** Pages of entries to a table whose columns stay where the first page put them. */
export interface TableFormatter {
  page(entries: readonly HistoryEntry[]): Promise<string>;
}

export interface TableOptions {
  /** One column for each of these fields, instead of the usual view. */
  readonly columns?: readonly HistoryField[] | undefined;
  readonly width: number;
  readonly zone: string;
  readonly palette: Palette;
}

/** From here on every row has its date; below, days get a heading, and times stand alone. */
const DATED_FROM = 120;
/** Below this, entity and message move to a line of their own. */
const ONE_LINE_FROM = 72;

/** A table for a terminal of a given width. */
export async function tableFormatter(options: TableOptions): Promise<TableFormatter> {
  const clock = await clockFor(options.zone);
  const view =
    options.columns === undefined ? historyView(clock, options) : fieldsView(clock, options.columns, options.palette);
  let columns: TableColumn[] | undefined;
  let day: string | undefined;

  return {
    async page(entries) {
      if (entries.length === 0) return '';
      const rows = entries.map((entry) => view.cells(entry));
      const below = view.below === undefined ? [] : entries.map(view.below);
      const ruler = await rulerFor([...rows.flat(), ...below.flat()].map(({ text }) => text));
      const first = columns === undefined;
      columns = fixedColumns(view, columns, rows, options.width, ruler);
      const layout = await loadLayout(columns, ruler);

      let text = first ? layout([headingRow(columns, options.palette)]) : '';
      const lines = layout(rows).split('\n');
      for (const [index, entry] of entries.entries()) {
        if (view.day !== undefined) {
          const today = view.day(entry);
          if (today !== day) text += `${options.palette.heading(ruler.truncate(today, options.width))}\n`;
          day = today;
        }
        text += `${lines[index] ?? ''}\n`;
        if (view.below !== undefined) text += lineBelow(below[index] ?? [], options.width, ruler);
      }
      return text;
    },
  };
}

interface View {
  readonly columns: readonly (Omit<TableColumn, 'width'> & { readonly weight: number })[];
  cells(entry: HistoryEntry): TableCell[];
  /** What goes to a second line. */
  below?(entry: HistoryEntry): TableCell[];
  /** The heading under which an entry stands. */
  day?(entry: HistoryEntry): string;
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
function fixedColumns(
  view: View,
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
  const widths = shareWidth(wishes, roomFor(view.columns, width), 4);
  return view.columns.map((column, index) => ({ ...column, width: widths[index] ?? 1 }));
}

/** The usual view: who did what to what, when. */
function historyView(clock: Clock, { width, palette }: TableOptions): View {
  const dated = width >= DATED_FROM;
  const narrow = width < ONE_LINE_FROM;
  const time = (entry: HistoryEntry): string => {
    const text = clock.text(entry.ts);
    // Imported times mostly have no milliseconds: four columns of zeros are better given to the message.
    const exact = text.time.replace(/\.000$/, '');
    return dated ? `${text.date} ${exact}${text.offset && ` ${text.offset}`}` : exact;
  };
  const marks: Record<string, TableCell> = {
    error: { text: '!!', colour: palette.error },
    warning: { text: '!', colour: palette.warning },
  };
  const entity = (entry: HistoryEntry): TableCell => ({ text: entityText(entry) });
  const message = (entry: HistoryEntry): TableCell =>
    entry.reverted_by === null ? { text: messageText(entry) } : { text: messageText(entry), colour: palette.reverted };

  return {
    columns: [
      { heading: 'seq', weight: 0, align: 'right' },
      { heading: dated ? `time (${clock.zone})` : 'time', weight: 0, gap: 1 },
      { heading: '', weight: 0, gap: 1 },
      { heading: 'actor', weight: 3 },
      { heading: 'action', weight: 3 },
      ...(narrow
        ? []
        : ([
            { heading: 'entity', weight: 4, cut: 'middle' },
            { heading: 'message', weight: 10 },
          ] as const)),
    ],
    cells: (entry) => [
      { text: String(entry.seq), colour: palette.dim },
      { text: time(entry) },
      marks[entry.severity] ?? { text: '' },
      { text: actorText(entry), colour: palette.accent },
      { text: oneLine(entry.action) },
      ...(narrow ? [] : [entity(entry), message(entry)]),
    ],
    ...(narrow ? { below: (entry) => [entity(entry), message(entry)] } : {}),
    ...(dated
      ? {}
      : {
          day(entry) {
            const { weekday, date, zone } = clock.text(entry.ts);
            return `${weekday} ${date}  ${zone}`;
          },
        }),
  };
}

const UNCUT: ReadonlySet<HistoryField> = new Set(['seq', 'ts', 'recorded_at', 'severity'] as const);

/** One column a field, as it is stored but for the zone of its times. */
function fieldsView(clock: Clock, fields: readonly HistoryField[], palette: Palette): View {
  return {
    columns: fields.map((field) => ({
      heading: field,
      weight: UNCUT.has(field) ? 0 : field === 'message' ? 2 : 1,
      ...(field === 'seq' ? { align: 'right' } : {}),
      ...(field === 'entity_id' ? { cut: 'middle' } : {}),
    })),
    cells: (entry) =>
      fields.map((field) => {
        const value = entry[field];
        if (value === null) return { text: '-', colour: palette.dim };
        if (field === 'ts' || field === 'recorded_at') return { text: clock.iso(String(value)) };
        return { text: oneLine(String(value)) };
      }),
  };
}

/** A small table of anything but entries. The last column takes what is left. */
export async function plainTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  options: { readonly width: number; readonly align?: readonly ('left' | 'right')[]; readonly palette: Palette },
): Promise<string> {
  const cells = rows.map((row) => row.map((text) => ({ text: oneLine(text) })));
  const ruler = await rulerFor(cells.flat().map(({ text }) => text));
  const natural = naturalWidths([headings.map((text) => ({ text })), ...cells], options.width, ruler);
  const wishes = natural.map((width) => ({ natural: width, weight: 1 }));
  const widths = shareWidth(
    wishes,
    roomFor(
      wishes.map(() => ({})),
      options.width,
    ),
    4,
  );
  const columns = headings.map((heading, index) => ({
    heading,
    width: widths[index] ?? 1,
    align: options.align?.[index] ?? 'left',
  }));
  const layout = await loadLayout(columns, ruler);
  return layout([headingRow(columns, options.palette), ...cells]);
}
