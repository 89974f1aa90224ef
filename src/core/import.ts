import type { JsonText, NewEntry } from './entry.js';
import { documentText } from './json.js';
import type { JsonDocument } from './json.js';

/** A value of a source: as SQLite has it, the text of a CSV field, or a value of a JSON line. */
export type SourceValue = JsonDocument | number | bigint | Uint8Array;

/** One record of a source: a row of a table or of a CSV file, or the object of a line. */
export interface SourceRecord {
  /** Where it stands, for people: `line 7`, `row 12`. */
  readonly position: string;
  readonly values: Readonly<Record<string, SourceValue>>;
  /** The values of its key, where it is a row of a table. */
  readonly key?: readonly SourceValue[];
}

/** A record that cannot be read, as it came. */
export interface BrokenRecord {
  readonly position: string;
  readonly problem: string;
  readonly text: string;
}

export type SourceKind = 'sqlite' | 'csv' | 'ndjson';

/** What people call each. */
export const KIND_NAMES: Readonly<Record<SourceKind, string>> = { sqlite: 'SQLite', csv: 'CSV', ndjson: 'JSON lines' };

/** Where an import reads from. */
export interface Source {
  readonly kind: SourceKind;
  /** How many records it holds, where that is cheap to know: for progress. */
  readonly total: number | undefined;
  /** Reads all records, page by page, in the order in which they stand there. */
  records(): AsyncIterable<readonly (SourceRecord | BrokenRecord)[]>;
  /**
   * Looks a value up in another table: the text of `value` in the row whose `key` is given, or null where there is none.
   * Throws kind `usage` where a source has no such table or columns; with `isOptional` there need be none.
   */
  lookup(table: string, key: string, value: string, isOptional?: boolean): (key: string) => string | null;
  /**
   * Where it takes time to look something up: fetches what lookups were asked for and did not know, and says whether
   * there was anything. Throws what `lookup` throws elsewhere.
   */
  fetch?(): Promise<boolean>;
  close(): void;
}

/** When something happened: milliseconds since 1970, and the digits of the second that are finer. */
export interface SourceTime {
  readonly ms: number;
  readonly finer: string;
  /** The finer digits as the source has them, where `finer` has more, so that records of one time stand in order. */
  readonly exact?: string;
}

/** What an earlier version of ours recorded of a record: under another id, or with other fields, all of which are given. */
export interface EarlierEntry {
  readonly id?: string;
  readonly fields?: ImportedEntry['fields'];
}

/** What a format makes of a record. */
export interface ImportedEntry {
  /** Unique in the trail for ever, and the same whenever the record is read again. */
  readonly id: string;
  /** Null where the source does not say: the entry then gets the time of the import. */
  readonly time: SourceTime | null;
  /**
   * Documents are JSON text. `source` and `recorded_at` are those of the import, unless a record brings its own, as
   * that of another trail does.
   */
  readonly fields: Partial<Omit<NewEntry, 'id' | 'ts'>> & Pick<NewEntry, 'action'>;
  /** Whether the format made out nothing but that there is a text. */
  readonly unmatched?: boolean;
  /** An entry that is there and is one of these, in every field, is this record: it is not recorded again. */
  readonly earlier?: readonly EarlierEntry[];
  /** The name of the record, where that of another may be the same: the second of one name gets a number, and so on. */
  readonly mayRepeat?: true;
}

/** Makes entries of records. */
export interface ImportReader {
  (record: SourceRecord): readonly ImportedEntry[];
  /** Is called when all records are read. Throws kind `usage` where settings turn out to be wrong for all of them. */
  readonly ended?: () => void;
  /** Whether an id that an earlier version made up is one that the source itself gives: then it is another record's. */
  readonly isGiven?: (id: string) => boolean;
}

/** How a format is to read a source: what the command line says. */
export interface ImportSettings {
  /** The stable name of the source. */
  readonly source: string;
  /** Whether the command line gave that name: then short ids, which two sources may share, stand below it. */
  readonly isNamed?: boolean;
  /** The IANA zone of times without an offset; undefined where they are refused. */
  readonly assumedZone: string | undefined;
  /** `field=key`, `field="constant"`. */
  readonly map: readonly string[];
  /** The keys that make the id of a record, or `content`. */
  readonly idFrom?: string | undefined;
  /** How times are written that no other reading is to be tried for. */
  readonly timeFormat?: string | undefined;
  readonly entityType: string | undefined;
  /** The columns of the key, of one table or of several as `table(column, …)`, and that of the text. */
  readonly key: string | undefined;
  readonly column: string | undefined;
  readonly order: 'newest-first' | 'oldest-first' | undefined;
  /** How a note looks: several are tried in their order. */
  readonly pattern: string | readonly string[] | undefined;
  /** Whether CSV of our own was made with `--exact`: no formulas in it were disarmed. */
  readonly exact?: boolean | undefined;
  /** The table that is read, in a SQLite file. */
  readonly table?: string | undefined;
  /** Looks into the other tables of the source. */
  readonly lookup?: Source['lookup'];
}

/** What the command line may say to some formats, beyond what it may say to all. */
export type ImportSetting =
  'map' | 'idFrom' | 'timeFormat' | 'entityType' | 'key' | 'column' | 'order' | 'pattern' | 'exact';

/** Another system's trail: one file of data and small functions in `src/importers`. */
export interface ImportFormat {
  readonly name: string;
  readonly description: string;
  readonly kinds: readonly SourceKind[];
  /** The table to read in a SQLite file, where the command line names none. */
  readonly table?: string;
  /** What its entries have as their source, where the command line says nothing else; else the name of the file. */
  readonly source?: string;
  /** The columns that it cannot do without. */
  readonly needs: readonly string[];
  /** The settings that it understands, beyond those that all do. */
  readonly settings: readonly ImportSetting[];
  /** Whether its records stand in the order in which they happened: all others are sorted by time first. */
  readonly inOrder: boolean;
  /**
   * Makes the reader of its records. Throws kind `usage` for settings that are wrong. The reader throws kind `data` for
   * a record that it cannot take, naming the value.
   */
  reader(settings: ImportSettings): ImportReader;
}

/** Makes records' values of rows that all have these columns, in their order, behind `skip` cells that are no values. */
export function rowReader(
  columns: readonly string[],
  skip = 0,
): (row: readonly SourceValue[]) => SourceRecord['values'] {
  // A column of this name would be the prototype of a plain object, which is many times faster than one without.
  const empty = columns.includes('__proto__') ? () => Object.create(null) as object : () => ({});
  return (row) => {
    const values = empty() as Record<string, SourceValue>;
    for (const [index, name] of columns.entries()) values[name] = row[index + skip] ?? null;
    return values;
  };
}

/**
 * A value as JSON, as far as JSON goes: bytes become `{"$blob": "00ff"}`, as capture has them, and a number that JSON
 * does not know its text.
 */
export function sourceJson(value: SourceValue | undefined): JsonText {
  if (value === undefined || value === null) return 'null';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return JSON.stringify(Number.isFinite(value) ? value : String(value));
  if (value instanceof Uint8Array) return JSON.stringify({ $blob: Buffer.from(value).toString('hex') });
  return documentText(value);
}

/** A JSON object of these values, each as sourceJson has it. */
export function sourceObject(values: Iterable<readonly [string, SourceValue | undefined]>): JsonText {
  return `{${Array.from(values, ([key, value]) => `${JSON.stringify(key)}:${sourceJson(value)}`).join(',')}}`;
}
