import { isUtf8 } from 'node:buffer';
import { Readable, pipeline } from 'node:stream';
import type { Options, Parser } from 'csv-parse';
import { DIRECTORY_KEYS } from '../core/directory.js';
import type { DirectoryKey, ListedActor } from '../core/directory.js';
import { DaybookError } from '../core/errors.js';
import { quoted } from '../core/json.js';
import type { Line } from '../core/lines.js';

/** Which column holds what. Without a word for the address, it is taken from `email`, where there is such a column. */
export type NameColumns = Readonly<Partial<Record<DirectoryKey, string>>>;

/** Beyond this, some quote was never closed, and the rest of the file would be one field. */
const LONGEST_RECORD = 1024 * 1024;
const BATCH = 500;

export interface NamesInCsv {
  readonly withEmail: boolean;
  readonly list: AsyncIterable<readonly ListedActor[]>;
}

/**
 * Reads names from CSV with a header line, as it comes, in memory that does not grow with it. Throws kind `data`, naming
 * the line, for what is no CSV, no UTF-8, or lacks a column.
 */
export async function namesInCsv(lines: AsyncIterable<readonly Line[]>, columns: NameColumns): Promise<NamesInCsv> {
  const { parse } = await import('csv-parse');
  // The last line of the last record that was read whole: where another one is broken, it begins behind that.
  let ended = 0;
  const onRecord = (record: readonly string[], { lines: line }: { readonly lines: number }): CsvRecord | null => {
    const begun = ended + 1;
    ended = line;
    // An empty line is no record.
    return record.length === 1 && record[0] === '' ? null : { line: begun, record };
  };
  const parser = parse({
    record_delimiter: '\n',
    relax_column_count: true,
    max_record_size: LONGEST_RECORD,
    // Its types know of no other record than an array.
    on_record: onRecord as unknown as NonNullable<Options['on_record']>,
  });
  // The parser ends with the error of what feeds it, and tells it to whoever reads.
  pipeline(Readable.from(textOf(lines)), parser, () => undefined);
  const records = recordsOf(parser, () => ended + 1);
  try {
    const first = await records.next();
    if (first.done === true) throw new DaybookError('data', 'there is no header line, such as id,name,email');
    const { places, width } = readHeader(first.value, columns);
    return { withEmail: places.email !== undefined, list: listed(records, places, width) };
  } catch (error) {
    // Nobody will read the rest.
    parser.destroy();
    throw error;
  }
}

async function* textOf(lines: AsyncIterable<readonly Line[]>): AsyncGenerator<string> {
  for await (const some of lines) {
    let text = '';
    for (const { line, bytes } of some) {
      if (!isUtf8(bytes)) throw new DaybookError('data', `line ${line}: not valid UTF-8`);
      text += `${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()}\n`;
    }
    yield text;
  }
}

interface CsvRecord {
  /** Where it begins: a field in quotes may hold line breaks. */
  readonly line: number;
  readonly record: readonly string[];
}

async function* recordsOf(parser: Parser, brokenLine: () => number): AsyncGenerator<CsvRecord> {
  try {
    yield* parser as AsyncIterable<CsvRecord>;
  } catch (error) {
    const problem = error instanceof Error && 'code' in error ? PROBLEMS[String(error.code)] : undefined;
    if (problem === undefined) throw error;
    throw new DaybookError('data', `line ${brokenLine()}: ${problem}`, { cause: error });
  }
}

const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_MAX_RECORD_SIZE: `longer than ${LONGEST_RECORD} bytes: is a quote never closed?`,
  CSV_INVALID_CLOSING_QUOTE: 'text behind the quote that closes a field',
  INVALID_OPENING_QUOTE: 'a quote within a field that does not begin with one',
};

type Places = { readonly id: number; readonly name: number; readonly email: number | undefined };

function readHeader(
  { line, record: header }: CsvRecord,
  columns: NameColumns,
): { readonly places: Places; readonly width: number } {
  const place = (key: DirectoryKey): number | undefined => {
    const wanted = columns[key] ?? key;
    const found = header.indexOf(wanted);
    if (found >= 0 && header.includes(wanted, found + 1)) {
      throw new DaybookError('data', `line ${line}: there are two columns ${quoted(wanted)}`);
    }
    if (found >= 0 || (key === 'email' && columns.email === undefined)) return found < 0 ? undefined : found;
    throw new DaybookError('data', `line ${line}: no column ${quoted(wanted)} for the ${key}: ${header.join(', ')}`, {
      hint: `… --columns ${DIRECTORY_KEYS.map((one) => `${one}=<column>`).join(',')}`,
    });
  };
  return { places: { id: place('id') ?? 0, name: place('name') ?? 0, email: place('email') }, width: header.length };
}

async function* listed(
  records: AsyncIterable<CsvRecord>,
  { id, name, email }: Places,
  width: number,
): AsyncGenerator<readonly ListedActor[]> {
  let batch: ListedActor[] = [];
  for await (const { line, record } of records) {
    if (record.length !== width) {
      throw new DaybookError('data', `line ${line}: ${record.length} fields, and the header has ${width}`);
    }
    const address = email === undefined ? '' : (record[email] ?? '');
    batch.push({
      actor: record[id] ?? '',
      name: record[name] ?? '',
      email: address === '' ? null : address,
      place: `line ${line}`,
    });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
