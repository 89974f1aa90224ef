import type { HistoryEntry, HistoryField } from '../core/entry.js';
import type { Cell } from '../core/cell.js';
import type { Palette } from '../terminal/colour.js';
import { visible, visibleJson } from '../terminal/sanitize.js';

export interface FormatOptions {
  /** The fields to show, where a format shows those that it is told. */
  readonly columns: readonly HistoryField[];
  /** Whether somebody asked for these columns: a table has a better view of its own. */
  readonly columnsGiven: boolean;
  /** Whether the output is a terminal: hidden characters are then made visible. */
  readonly terminal: boolean;
  readonly width: number;
  /** The zone of `table` and `line`; machines always get UTC. */
  readonly zone: string;
  readonly palette: Palette;
  /** CSV: with a header line, and without disarmed formulas. */
  readonly header: boolean;
  readonly exact: boolean;
  /** JSON: one array, or the envelope with the next cursor. */
  readonly shape: 'array' | 'envelope';
}

/**
 * Turns the pages of a store into output. `reads` says what a page must be: entries, rows of cells, or JSON lines;
 * `columns` what rows and lines must hold. Where there is `fields`, it makes the same of a page of marked text, and sooner.
 */
export type Formatter = { begin(): string; end(nextCursor: string | null): string } & (
  | { readonly reads: 'entries'; page(entries: readonly HistoryEntry[]): Promise<string> }
  | {
      readonly reads: 'rows';
      readonly columns: readonly HistoryField[];
      page(rows: readonly (readonly Cell[])[]): string;
      fields?(fields: Uint8Array): Uint8Array;
    }
  | { readonly reads: 'lines'; readonly columns: readonly HistoryField[]; page(lines: Uint8Array): string | Uint8Array }
);

const nothing = (): string => '';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

interface Format {
  /** How names of files end that hold it. One that has none is for people: `export` does not write it. */
  readonly endings: readonly string[];
  /** Whether `--follow` can go on with it: it has nothing at its end, and a program can read it line by line. */
  readonly follows: boolean;
  readonly make: (options: FormatOptions) => Promise<Formatter>;
}

/** Every format by its name, and in the order in which they are listed; each is loaded when it is asked for. */
export const FORMATS = {
  table: {
    endings: [],
    follows: true,
    async make(options) {
      const { tableFormatter } = await import('./table.js');
      const { page } = await tableFormatter({
        ...options,
        columns: options.columnsGiven ? options.columns : undefined,
      });
      return { reads: 'entries', begin: nothing, page, end: nothing };
    },
  },
  line: {
    endings: [],
    follows: true,
    async make(options) {
      const { LINE_FIELDS, lineFormatter } = await import('./line.js');
      const page = await lineFormatter(options.zone);
      return { reads: 'rows', columns: LINE_FIELDS, begin: nothing, page, end: nothing };
    },
  },
  json: {
    endings: ['json'],
    follows: false,
    async make(options) {
      const { jsonWriter } = await import('./json.js');
      const { begin, page, end } = jsonWriter(options.shape);
      const { columns } = options;
      return {
        reads: 'lines',
        columns,
        begin,
        page: options.terminal ? (lines) => visibleJson(text(page(lines))) : page,
        end,
      };
    },
  },
  ndjson: {
    endings: ['ndjson', 'jsonl'],
    follows: true,
    async make(options) {
      const page = options.terminal ? (lines: Uint8Array) => visibleJson(text(lines)) : (lines: Uint8Array) => lines;
      return { reads: 'lines', columns: options.columns, begin: nothing, page, end: nothing };
    },
  },
  csv: {
    endings: ['csv'],
    follows: false,
    async make(options) {
      const { csvEncoder } = await import('./csv.js');
      const { columns } = options;
      const { header, rows, fields } = await csvEncoder(columns, options);
      const begin = options.header ? header : nothing;
      return options.terminal
        ? { reads: 'rows', columns, begin, page: (cells) => visible(rows(cells), { newlines: 'keep' }), end: nothing }
        : { reads: 'rows', columns, begin, page: rows, fields, end: nothing };
    },
  },
} as const satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof FORMATS;

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[];
