import { isUtf8 } from 'node:buffer';
import { createReadStream, openSync, readSync, closeSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { DaybookError } from '../core/errors.js';
import { rowReader } from '../core/import.js';
import type { BrokenRecord, Source, SourceKind, SourceRecord } from '../core/import.js';
import { isJsonObject, parseDocument, quoted } from '../core/json.js';
import { splitLines } from '../core/lines.js';

const PAGE = 500;
/** Enough to know a SQLite database, or the first character of a text. */
const HEAD = 4096;
const SQLITE_HEADER = 'SQLite format 3\0';

/**
 * What a file is: a SQLite database by its first bytes, JSON lines by its name or first character, else CSV.
 * Throws kind `data` where it cannot be read.
 */
export function kindOfFile(path: string): SourceKind {
  const head = readable(path, () => {
    if (statSync(path).isDirectory()) throw new DaybookError('data', `${path} is a directory`);
    const descriptor = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(HEAD);
      return bytes.subarray(0, readSync(descriptor, bytes)).toString('latin1');
    } finally {
      closeSync(descriptor);
    }
  });
  if (head.startsWith(SQLITE_HEADER)) return 'sqlite';
  if (/\.(?:ndjson|jsonl)$/i.test(path)) return 'ndjson';
  if (/\.csv$/i.test(path)) return 'csv';
  return kindOfText(head);
}

function kindOfText(head: string): 'csv' | 'ndjson' {
  return /^(?:\xef\xbb\xbf)?\s*\{/.test(head) ? 'ndjson' : 'csv';
}

/** The bytes of a stream, and what they are, by the first of them. */
export async function peeked(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ readonly kind: 'csv' | 'ndjson'; readonly bytes: AsyncIterable<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let step = first; step.done !== true; step = await iterator.next()) yield step.value;
  }
  const head = first.done === true ? '' : Buffer.from(first.value).toString('latin1', 0, HEAD);
  return { kind: kindOfText(head), bytes: bytes() };
}

function readable<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof DaybookError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new DaybookError('data', `${path} cannot be read (${code ?? String(error)})`, { cause: error });
  }
}

/** The records of a text: JSON lines, or CSV with a header. `path` is for messages where a stream is given. */
export function openTextSource(path: string, kind: 'csv' | 'ndjson', stream?: AsyncIterable<Uint8Array>): Source {
  const bytes = (): AsyncIterable<Uint8Array> => stream ?? createReadStream(path);
  return {
    kind,
    total: undefined,
    records: () => (kind === 'ndjson' ? lineRecords(bytes()) : csvRecords(bytes())),
    lookup: (table) => {
      throw new DaybookError('usage', `${path} is a text and holds no table ${quoted(table)} to look into`);
    },
    close: () => {},
  };
}

async function* lineRecords(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly (SourceRecord | BrokenRecord)[]> {
  for await (const lines of splitLines(bytes)) {
    for (let start = 0; start < lines.length; start += PAGE) {
      yield lines
        .slice(start, start + PAGE)
        .filter((line) => line.bytes.length > 0)
        .map(({ line, bytes: text }) => lineRecord(`line ${line}`, text));
    }
  }
}

function lineRecord(position: string, bytes: Buffer): SourceRecord | BrokenRecord {
  // Nothing of a broken line is lost: what is no UTF-8 is kept as the bytes say in Latin-1.
  if (!isUtf8(bytes)) return { position, problem: 'not valid UTF-8', text: bytes.toString('latin1') };
  const text = bytes.toString();
  try {
    const document = parseDocument(text);
    if (isJsonObject(document)) return { position, values: document };
    return { position, problem: `${quoted(document)} is not a JSON object`, text };
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    return { position, problem: error.message, text };
  }
}

async function* csvRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly (SourceRecord | BrokenRecord)[]> {
  const { parse } = await import('csv-parse');
  const parser = parse({
    bom: true,
    info: true,
    raw: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    // What is not quoted and empty is null, as psql writes it.
    cast: (value, { quoting }) => (value === '' && !quoting ? null : value),
  });
  const feeding = feed(parser, bytes);
  let header: readonly string[] | undefined;
  let valuesOf = rowReader([]);
  let page: (SourceRecord | BrokenRecord)[] = [];
  try {
    for await (const { record, info, raw } of parser as AsyncIterable<CsvRow>) {
      if (header === undefined) {
        header = headerOf(record);
        valuesOf = rowReader(header);
        continue;
      }
      page.push(csvRecord(header.length, { record, info, raw }, valuesOf));
      if (page.length === PAGE) {
        yield page;
        page = [];
      }
    }
    await feeding;
  } catch (error) {
    throw csvError(error);
  } finally {
    parser.destroy();
  }
  if (header === undefined) throw new DaybookError('data', 'there is no header: the file is empty');
  if (page.length > 0) yield page;
}

interface CsvRow {
  readonly record: readonly (string | null)[];
  /** The line that the record ends on. */
  readonly info: { readonly lines: number };
  readonly raw: string;
}

function headerOf(record: readonly (string | null)[]): readonly string[] {
  const names = record.map((name) => name ?? '');
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new DaybookError('data', `the header names ${quoted(twice)} twice`);
  return names;
}

function csvRecord(
  columns: number,
  { record, info, raw }: CsvRow,
  valuesOf: ReturnType<typeof rowReader>,
): SourceRecord | BrokenRecord {
  const position = `line ${info.lines}`;
  if (record.length === columns) return { position, values: valuesOf(record) };
  return { position, problem: `${record.length} fields where the header has ${columns}`, text: raw };
}

/** Hands the bytes on, and makes sure that they are UTF-8: the parser would put replacement characters in silently. */
async function feed(parser: NodeJS.WritableStream & Readable, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let seen = 0;
  try {
    for await (const chunk of bytes) {
      decoder.decode(chunk, { stream: true });
      seen += chunk.byteLength;
      if (!parser.write(chunk)) await new Promise((resolve) => parser.once('drain', resolve));
    }
    decoder.decode();
    parser.end();
  } catch (error) {
    const wrong = error instanceof TypeError;
    parser.destroy(
      wrong ? new DaybookError('data', `not valid UTF-8, within or behind byte ${seen + 1}`) : (error as Error),
    );
  }
}

function csvError(error: unknown): unknown {
  if (error instanceof DaybookError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith('CSV_')) return new DaybookError('data', `not CSV: ${message}`, { cause: error });
  if (code !== undefined) return new DaybookError('data', `the file cannot be read (${code})`, { cause: error });
  return error;
}
