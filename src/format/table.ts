import type { HistoryEntry, HistoryField } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import { clockFor, type Clock } from '../terminal/time.js';
import { rulerFor } from '../terminal/width.js';
import { headingRow, loadLayout, naturalWidths, roomFor, shareWidth, type TableCell } from './layout.js';
import { pagedTable, timed, type View } from './paged-table.js';
import { actorText, messageText, oneLine, shownEntity } from './words.js';

/** Pages of entries to a table whose columns stay where the first page put them. */
export interface TableFormatter {
  page(entries: readonly HistoryEntry[]): Promise<string>;
}

export interface TableOptions {
  /** One column for each of these fields, instead of the usual view. */
  readonly columns?: readonly HistoryField[] | undefined;
  /** Whether the message of a run of entries of one unit of work is shown once. */
  readonly fold?: boolean | undefined;
  readonly width: number;
  readonly zone: string;
  readonly palette: Palette;
}

/** A table for a terminal of a given width. */
export async function tableFormatter(options: TableOptions): Promise<TableFormatter> {
  const clock = await clockFor(options.zone);
  const view =
    options.columns === undefined ? historyView(clock, options) : fieldsView(clock, options.columns, options.palette);
  return { page: pagedTable(view, options) };
}

/** In the place of a message that stands above already. */
const SAME = '″';

/** The usual view: who did what to what, when. */
function historyView(clock: Clock, { width, palette, fold = false }: TableOptions): View<HistoryEntry> {
  const time = timed<HistoryEntry>(clock, width);
  const { narrow } = time;
  const marks: Record<string, TableCell> = {
    error: { text: '!!', colour: palette.error },
    warning: { text: '!', colour: palette.warning },
  };
  const entity = (entry: HistoryEntry): TableCell => ({ text: shownEntity(entry) });
  let before: HistoryEntry | undefined;
  /** Whether this entry goes on with the unit of work, and the message, of the one before it. */
  const goesOn = (entry: HistoryEntry): boolean => {
    const { correlation_id: unit, message: said } = before ?? {};
    before = entry;
    return unit !== null && unit === entry.correlation_id && said === entry.message && said !== '';
  };
  const message = (entry: HistoryEntry): TableCell =>
    fold && goesOn(entry)
      ? { text: entry.reverted_by === null ? SAME : `[reverted] ${SAME}`, colour: palette.dim }
      : messageCell(entry);
  const messageCell = (entry: HistoryEntry): TableCell =>
    entry.reverted_by === null ? { text: messageText(entry) } : { text: messageText(entry), colour: palette.reverted };

  return {
    columns: [
      { heading: 'seq', weight: 0, align: 'right' },
      { ...time.column, gap: 1 },
      { heading: '', weight: 0, gap: 1 },
      { heading: 'actor', weight: 3 },
      { heading: 'action', weight: 3 },
      ...(narrow
        ? []
        : ([
            { heading: 'entity', weight: 4, cut: 'entity' },
            { heading: 'message', weight: 10 },
          ] as const)),
    ],
    cells: (entry) => [
      { text: String(entry.seq), colour: palette.dim },
      time.cell(entry),
      marks[entry.severity] ?? { text: '' },
      { text: actorText(entry), colour: palette.accent },
      { text: oneLine(entry.action) },
      ...(narrow ? [] : [entity(entry), message(entry)]),
    ],
    ...(narrow ? { below: (entry) => [entity(entry), message(entry)] } : {}),
    ...time.days,
  };
}

const UNCUT: ReadonlySet<HistoryField> = new Set(['seq', 'ts', 'recorded_at', 'severity'] as const);

/** One column a field, as it is stored but for the zone of its times. */
function fieldsView(clock: Clock, fields: readonly HistoryField[], palette: Palette): View<HistoryEntry> {
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
