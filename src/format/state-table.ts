import type { EntityState, ReachedState } from '../core/state.js';
import type { JsonText } from '../core/entry.js';
import type { Palette } from '../terminal/colour.js';
import { clockFor } from '../terminal/time.js';
import { rulerFor } from '../terminal/width.js';
import { naturalWidths, roomFor, type TableCell } from './layout.js';
import { nothing, type PageFormat } from './pages.js';
import { pagedTable, type View } from './paged-table.js';
import { columnsOf, type ColumnText } from './values.js';
import { actorText, oneLine, timeText } from './words.js';

export interface StateTableOptions {
  readonly width: number;
  readonly zone: string;
  readonly palette: Palette;
}

/** Stands before what is not known, and in place of its values: to be seen without colour. */
const NOT_KNOWN = '?';

/**
 * A table with less room a column than this says less than its rows one below the other. Names are not cut before they
 * are longer than `LONGEST_NAME`, or columns with like names could not be told apart.
 */
const LEGIBLE = 10;
const LONGEST_NAME = 30;

interface StateRow {
  readonly state: EntityState;
  readonly columns: ReadonlyMap<string, ColumnText>;
}

/**
 * The rows of a table at a moment, in the columns that they have; where these are too many to stand side by side, each
 * row with its columns one below the other.
 */
export async function stateTable(options: StateTableOptions): Promise<PageFormat<EntityState>> {
  const { palette } = options;
  const clock = await clockFor(options.zone);
  const blocks = await stateBlocks(options);
  let names: readonly string[] = [];
  let table: ((rows: readonly StateRow[]) => Promise<string>) | undefined;
  let anyUnknown = false;

  return {
    begin: nothing,
    async page(states) {
      const rows = states.map((state) => ({
        state,
        columns: new Map(columnsOf(state.values).map((column) => [column.name, column])),
      }));
      const present = [...new Set(rows.flatMap(({ columns }) => [...columns.keys()]))];
      let text = '';
      // Columns come and go with migrations: rows that have others get headings of their own.
      if (table === undefined || present.some((name) => !names.includes(name))) {
        const view = rowsView(present, palette);
        if (present.length === 0 || !(await fits(view, rows, options.width))) return blocks.page(states);
        text = table === undefined ? await headingLines(`at ${timeText(clock, states[0]?.at ?? '')}`, options) : '\n';
        names = present;
        table = pagedTable(view, options);
      }
      anyUnknown ||= states.some(({ exists }) => exists === null);
      return text + (await table(rows));
    },
    end: () => (anyUnknown ? `${palette.warning(`${NOT_KNOWN} is not known`)}\n` : ''),
  };
}

async function headingLines(text: string, { width, palette }: StateTableOptions): Promise<string> {
  const ruler = await rulerFor([text]);
  return ruler
    .wrap(text, width)
    .map((line) => `${palette.heading(line)}\n`)
    .join('');
}

function rowsView(names: readonly string[], palette: Palette): View<StateRow> {
  const unknown: TableCell = { text: NOT_KNOWN, colour: palette.warning };
  return {
    minimum: Math.min(LONGEST_NAME, Math.max(LEGIBLE, ...names.map((name) => name.length))),
    columns: [
      { heading: '', weight: 0, gap: 1 },
      { heading: 'entity', weight: 1, cut: 'middle' },
      ...names.map((heading) => ({ heading, weight: 1 })),
    ],
    cells: ({ state: { entity, exists }, columns }) => [
      exists === null ? unknown : { text: '' },
      { text: oneLine(entity), colour: palette.accent },
      ...names.map((name) => (exists === null ? unknown : valueCell(columns.get(name), palette))),
    ],
  };
}

function valueCell(column: ColumnText | undefined, palette: Palette): TableCell {
  if (column === undefined) return { text: '' };
  return column.isNull ? { text: column.text, colour: palette.dim } : { text: column.text };
}

/** Whether every column gets its minimum. */
async function fits(view: View<StateRow>, rows: readonly StateRow[], width: number): Promise<boolean> {
  const cells = [view.columns.map(({ heading }) => ({ text: heading })), ...rows.map((row) => view.cells(row))];
  const ruler = await rulerFor(cells.flat().map(({ text }) => text));
  const needed = naturalWidths(cells, view.minimum ?? 1, ruler).reduce((sum, natural) => sum + natural, 0);
  return needed <= roomFor(view.columns, width);
}

/** Each state with its columns one below the other. */
export async function stateBlocks(options: StateTableOptions): Promise<PageFormat<EntityState>> {
  const { palette } = options;
  const clock = await clockFor(options.zone);
  return blockFormat(options, ({ entity, at, exists, values, seq }) => {
    const what = `${oneLine(entity)} at ${timeText(clock, at)}`;
    if (exists === null) {
      const words = entity.includes(':') ? 'not known' : 'not known of every row';
      return { head: `${NOT_KNOWN} ${what}: ${words}`, colour: palette.warning, lines: [] };
    }
    if (!exists) return { head: `${what} did not exist`, colour: palette.heading, lines: [] };
    const head = seq === null ? what : `${what}, as entry ${seq} left it`;
    return { head, colour: palette.heading, lines: columnsOf(values).map((column) => ({ column, mark: ' ' })) };
  });
}

/** Each state that an entity reached, with a mark before the columns that are not as they were in the one before. */
export async function reachedBlocks(options: StateTableOptions): Promise<PageFormat<ReachedState>> {
  const { palette } = options;
  const clock = await clockFor(options.zone);
  let before: JsonText | null = null;
  return blockFormat(options, (state) => {
    const { entity, at, values, seq, action } = state;
    const what = `${oneLine(entity)} at ${timeText(clock, at)}`;
    const how =
      seq === null ? 'before its first change' : `entry ${seq}, ${oneLine(action ?? '')} by ${actorText(state)}`;
    const old = new Map(columnsOf(before).map(({ name, text }) => [name, text]));
    const hadNone = before === null;
    before = values;
    return {
      head: `${what}: ${how}`,
      colour: palette.heading,
      lines: columnsOf(values).map((column) => ({
        column,
        mark: hadNone || old.get(column.name) === column.text ? ' ' : '~',
      })),
    };
  });
}

interface Block {
  readonly head: string;
  readonly colour: (text: string) => string;
  readonly lines: readonly { readonly column: ColumnText; readonly mark: string }[];
}

/** Blocks with an empty line between, whose values stand below each other and are broken where they are too long. */
function blockFormat<Item>({ width, palette }: StateTableOptions, blockOf: (item: Item) => Block): PageFormat<Item> {
  let any = false;
  const one = async (item: Item): Promise<string> => {
    const { head, colour, lines } = blockOf(item);
    const ruler = await rulerFor([head, ...lines.flatMap(({ column }) => [column.name, column.text])]);
    // A name that would leave its value no room is cut.
    const widest = Math.max(0, ...lines.map(({ column }) => ruler.width(column.name)));
    const names = Math.min(widest, Math.floor(width / 3));
    const rows = lines.flatMap(({ column: { name, text, isNull }, mark }) => {
      const label = ruler.pad(ruler.truncate(name, names, 'middle'), names);
      return ruler.wrap(text, width - names - MARGIN).map((part, index) => {
        const value = isNull ? palette.dim(part) : mark === ' ' ? part : palette.added(part);
        return `${index === 0 ? `${mark} ${palette.dim(label)}` : ' '.repeat(names + 2)}  ${value}`.trimEnd();
      });
    });
    const separator = any ? '\n' : '';
    any = true;
    return `${separator}${[...ruler.wrap(head, width).map((line) => colour(line)), ...rows].join('\n')}\n`;
  };
  return {
    begin: nothing,
    async page(items) {
      let text = '';
      for (const item of items) text += await one(item);
      return text;
    },
    end: nothing,
  };
}

/** The mark and the gaps around a name. */
const MARGIN = 4;
