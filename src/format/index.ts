import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry, HistoryEntry, HistoryField } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
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
  /** CSV: with a header line, without disarmed formulas, and with the mark of UTF-8 in front, which Excel looks for. */
  readonly header: boolean;
  readonly exact: boolean;
  readonly bom: boolean;
  /** JSON: one array, or the envelope with the next cursor. */
  readonly shape: 'array' | 'envelope';
  /** Table: the message of a run of entries of one unit of work once. */
  readonly fold?: boolean | undefined;
  /** Syslog: the length of each message in front of it, where else a line feed ends one. */
  readonly octets: boolean;
}

type Text = string | Uint8Array;

/**
 * Turns the pages of a store into output. `reads` says what a page must be: entries, rows of cells, or JSON lines;
 * `columns` what rows and lines must hold. Where there is `fields`, it makes the same of a page of marked text, and sooner.
 */
export type Formatter = { begin(): Text; end(nextCursor: string | null): Text } & (
  | { readonly reads: 'entries'; page(entries: readonly HistoryEntry[]): Promise<string> }
  | {
      readonly reads: 'rows';
      readonly columns: readonly HistoryField[];
      page(rows: readonly (readonly Cell[])[]): Text;
      fields?(fields: Uint8Array): Uint8Array;
    }
  | { readonly reads: 'lines'; readonly columns: readonly HistoryField[]; page(lines: Uint8Array): Text }
);

const nothing = (): string => '';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

export interface Format {
  /** How names of files end that hold it. One that has none is for people: `export` does not write it. */
  readonly endings: readonly string[];
  /** Whether `--follow` can go on with it: it has nothing at its end, and a program can read it line by line. */
  readonly follows: boolean;
  /** Bytes that no screen shows and that only a whole file makes sense of: `history` does not offer it. */
  readonly onlyFiles?: true;
  /** Whether it takes the fields that `--columns` names. */
  readonly takesColumns: boolean;
  readonly make: (options: FormatOptions) => Promise<Formatter>;
}

/** A page of entries as text. */
type EntriesText = (entries: readonly Entry[]) => string;

const each =
  (one: (entry: Entry) => string): EntriesText =>
  (entries) =>
    entries.map(one).join('');

/** A form of events that collectors take: each has all fields of an entry, whichever columns are asked for. */
function forCollectors(
  ending: string,
  {
    safe,
    load,
  }: { readonly safe: (text: string) => string; readonly load: (options: FormatOptions) => Promise<EntriesText> },
): Format {
  return {
    endings: [ending],
    follows: true,
    takesColumns: false,
    async make(options) {
      const [write, { entryOf }] = await Promise.all([load(options), import('./events.js')]);
      const page = (rows: readonly (readonly Cell[])[]): string => write(rows.map(entryOf));
      return {
        reads: 'rows',
        columns: ENTRY_FIELDS,
        begin: nothing,
        page: options.terminal ? (rows) => safe(page(rows)) : page,
        end: nothing,
      };
    },
  };
}

const visibleLines = (lines: string): string => visible(lines, { newlines: 'keep' });

/** Every format by its name, and in the order in which they are listed; each is loaded when it is asked for. */
export const FORMATS = {
  table: {
    endings: [],
    follows: true,
    takesColumns: true,
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
    takesColumns: false,
    async make(options) {
      const { LINE_FIELDS, lineFormatter } = await import('./line.js');
      const page = await lineFormatter(options.zone);
      return { reads: 'rows', columns: LINE_FIELDS, begin: nothing, page, end: nothing };
    },
  },
  json: {
    endings: ['json'],
    follows: false,
    takesColumns: true,
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
    takesColumns: true,
    async make(options) {
      const page = options.terminal ? (lines: Uint8Array) => visibleJson(text(lines)) : (lines: Uint8Array) => lines;
      return { reads: 'lines', columns: options.columns, begin: nothing, page, end: nothing };
    },
  },
  csv: {
    endings: ['csv'],
    follows: false,
    takesColumns: true,
    async make(options) {
      const { csvEncoder } = await import('./csv.js');
      const { columns } = options;
      const { header, rows, fields } = await csvEncoder(columns, options);
      const begin = (): string => `${options.bom ? '\ufeff' : ''}${options.header ? header() : ''}`;
      return options.terminal
        ? { reads: 'rows', columns, begin, page: (cells) => visible(rows(cells), { newlines: 'keep' }), end: nothing }
        : { reads: 'rows', columns, begin, page: rows, fields, end: nothing };
    },
  },
  ocsf: forCollectors('ocsf', { safe: visibleJson, load: async () => each((await import('./ocsf.js')).ocsfLine) }),
  cef: forCollectors('cef', { safe: visibleLines, load: async () => each((await import('./cef.js')).cefLine) }),
  leef: forCollectors('leef', { safe: visibleLines, load: async () => each((await import('./leef.js')).leefLine) }),
  rfc5424: forCollectors('rfc5424', {
    safe: visibleLines,
    async load({ octets }) {
      const { syslogMessage } = await import('./rfc5424.js');
      return each((entry) => syslogMessage(entry, { octets }));
    },
  }),
  gelf: forCollectors('gelf', { safe: visibleJson, load: async () => each((await import('./gelf.js')).gelfLine) }),
  ecs: forCollectors('ecs', { safe: visibleJson, load: async () => each((await import('./ecs.js')).ecsLine) }),
  'otlp-json': forCollectors('otlp', {
    safe: visibleJson,
    load: async () => (await import('./otlp-json.js')).otlpPage,
  }),
  parquet: {
    endings: ['parquet'],
    follows: false,
    onlyFiles: true,
    takesColumns: true,
    async make(options) {
      if (options.terminal) {
        throw new DaybookError('refused', 'Parquet is not for a terminal', { hint: '… -o entries.parquet' });
      }
      const { parquetEncoder } = await import('./parquet.js');
      const { columns } = options;
      const { rows, end } = parquetEncoder(columns);
      return { reads: 'rows', columns, begin: nothing, page: rows, end };
    },
  },
} as const satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof FORMATS;

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly FormatName[];

/** A format by its name, as any other one. */
export function formatNamed(name: FormatName): Format {
  return FORMATS[name];
}
