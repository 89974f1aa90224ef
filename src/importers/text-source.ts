import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { DaybookError, unreadable } from '../core/errors.js';
import { rowReader } from '../core/import.js';
import type { BrokenRecord, Source, SourceRecord } from '../core/import.js';
import { isJsonObject, MAXIMUM_VALUES, parseDocument, shown } from '../core/json.js';
import { splitLines } from '../core/lines.js';
import { csvRows } from './csv-rows.js';
import { bytesOf, gunzipped } from './file-bytes.js';
import { jsonRecords } from './json-records.js';

const PAGE = 500;
/** Enough to know a SQLite database, or the first character of a text. */
const HEAD = 4096;
const SQLITE_HEADER = 'SQLite format 3\0';
const GZIP_HEADER = '\x1f\x8b';

/** What the first bytes of a file say that it is. Throws kind `data` where it cannot be read. */
export function shapeOfFile(path: string): 'sqlite' | 'gzip' | 'text' {
  return shapeOf(headOf(path));
}

function shapeOf(head: string): 'sqlite' | 'gzip' | 'text' {
  if (head.startsWith(SQLITE_HEADER)) return 'sqlite';
  return head.startsWith(GZIP_HEADER) ? 'gzip' : 'text';
}

/** What a text of this name and beginning most likely is. */
function kindOfText(path: string, head: string): 'csv' | 'ndjson' {
  const name = path.replace(/\.gz$/i, '');
  if (/\.(?:ndjson|jsonl|json)$/i.test(name)) return 'ndjson';
  if (/\.csv$/i.test(name)) return 'csv';
  return /^(?:\xef\xbb\xbf)?\s*[{[]/.test(head) ? 'ndjson' : 'csv';
}

/**
 * The databases that were looked at, by file. Whoever closes a descriptor of a file drops all locks that its process has on
 * it, and SQLite's are such: of an application that has the database open, another program would then delete the log.
 */
const databases = new Map<string, number>();

function headOf(path: string): string {
  try {
    const known = databases.get(identityOf(statSync(path)));
    const descriptor = known ?? openSync(path, 'r');
    let isDatabase = known !== undefined;
    try {
      const bytes = Buffer.alloc(HEAD);
      const length = readSync(descriptor, bytes, 0, HEAD, isDatabase ? 0 : null);
      const head = bytes.subarray(0, length).toString('latin1');
      if (head.startsWith(SQLITE_HEADER)) {
        databases.set(identityOf(fstatSync(descriptor)), descriptor);
        isDatabase = true;
      }
      return head;
    } finally {
      if (!isDatabase) closeSync(descriptor);
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** How a text is to be read, beyond its kind. */
export interface TextOptions {
  /** Where the records stand in JSON documents: keys with dots between them. */
  readonly records?: string | undefined;
  /** What stands between the cells of CSV: a comma where it is not given. */
  readonly delimiter?: string | undefined;
  /** The columns of CSV that has no header. */
  readonly header?: string | undefined;
}

/**
 * The records of a text, compressed or not: CSV, JSON lines, or JSON that holds them in an array. Of the kinds that are
 * asked for, its name and its beginning say which it is. `stream` says by itself what is wrong.
 */
export async function openTextSource(
  path: string,
  kinds: readonly ('csv' | 'ndjson')[],
  options: TextOptions = {},
  stream?: AsyncIterable<Uint8Array>,
): Promise<Source> {
  const given = stream && (await peeked(stream));
  const plain = (): AsyncIterable<Uint8Array> => given?.bytes ?? bytesOf(path);
  const isCompressed = shapeOf(given?.head ?? headOf(path)) === 'gzip';
  const unpacked = isCompressed ? await peeked(gunzipped(path, plain())) : undefined;
  const head = unpacked?.head ?? given?.head ?? headOf(path);
  // What was peeked into is read on from there; a file is opened when it is read.
  const bytes = (): AsyncIterable<Uint8Array> => unpacked?.bytes ?? plain();
  const [only = 'csv', ...others] = kinds;
  const isSaid =
    options.delimiter !== undefined || options.header !== undefined
      ? 'csv'
      : options.records === undefined
        ? undefined
        : 'ndjson';
  const kind = others.length === 0 ? only : (isSaid ?? kindOfText(path, head));
  if (shapeOf(head) === 'sqlite') {
    throw new DaybookError(
      'usage',
      `${path} is a SQLite file that does not come as one: it is read by its name, uncompressed`,
    );
  }
  // No header begins so, and one of JSON would leave nothing to import.
  if (kind === 'csv' && options.header === undefined && /^(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"/.test(head)) {
    throw new DaybookError('usage', `${path} is JSON, and is to be read as CSV`, { hint: 'daybook import --list' });
  }
  const { records } = options;
  const isDocument = records !== undefined || /^(?:\xef\xbb\xbf)?\s*\[\s*(?:[{\]]|$)/.test(head);
  return {
    kind,
    total: undefined,
    records: () => {
      if (kind === 'csv') return csvRecords(bytes(), options);
      return isDocument ? documentRecords(bytes(), records?.split('.') ?? []) : lineRecords(bytes());
    },
    lookup: (table, _key, _value, isOptional = false) => {
      if (isOptional) return () => null;
      throw new DaybookError('usage', `${path} is a text and holds no table ${shown(table)} to look into`);
    },
    // Nothing else ends what was begun and not read to its end.
    close: () => void (unpacked ?? given)?.end(),
  };
}

/** The first bytes of a stream, as Latin-1, and all of its bytes. */
async function peeked(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ head: string; bytes: AsyncIterable<Uint8Array>; end: () => Promise<unknown> | undefined }> {
  const iterator = stream[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size < GZIP_HEADER.length) {
    const step = await iterator.next();
    if (step.done === true) break;
    first.push(step.value);
    size += step.value.byteLength;
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield* first;
    for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value;
  }
  const head = Buffer.concat(first).toString('latin1', 0, HEAD);
  return { head, bytes: bytes(), end: () => iterator.return?.() };
}

async function* documentRecords(
  bytes: AsyncIterable<Uint8Array>,
  path: readonly string[],
): AsyncGenerator<readonly (SourceRecord | BrokenRecord)[]> {
  let count = 0;
  for await (const texts of jsonRecords(bytes, path)) {
    for (let start = 0; start < texts.length; start += PAGE) {
      yield texts.slice(start, start + PAGE).map((text) => {
        count += 1;
        return lineRecord(`record ${count}`, text);
      });
    }
  }
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
    return { position, problem: `${shown(document)} is not a JSON object`, text };
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    return { position, problem: error.message, text };
  }
}

async function* csvRecords(
  bytes: AsyncIterable<Uint8Array>,
  { delimiter, header: named }: TextOptions,
): AsyncGenerator<readonly (SourceRecord | BrokenRecord)[]> {
  let header = named === undefined ? undefined : headerOf(named.split(','));
  let valuesOf = rowReader(header ?? []);
  for await (const rows of csvRows(bytes, { bareQuotes: 'text', delimiter: delimiterOf(delimiter) })) {
    const page: (SourceRecord | BrokenRecord)[] = [];
    for (const row of rows) {
      const position = `line ${row.line}`;
      if (header === undefined) {
        // Without it nothing says what the records hold.
        if ('problem' in row) throw new DaybookError('data', `${position}, the header: ${row.problem}`);
        header = headerOf(row.cells);
        valuesOf = rowReader(header);
      } else if ('problem' in row) {
        page.push({ position, problem: row.problem, text: row.text });
      } else if (row.cells.every((cell) => cell === null)) {
        // A row with nothing in any cell is none.
      } else if (row.cells.length !== header.length) {
        const problem = `${row.cells.length} fields where the header has ${header.length}`;
        page.push({ position, problem, text: row.text });
      } else {
        page.push({ position, values: valuesOf(row.cells) });
      }
    }
    if (page.length > 0) yield page;
  }
}

/** The character between cells: itself, or `tab`. Throws kind `usage` for anything else. */
function delimiterOf(text: string | undefined): string | undefined {
  const delimiter = text === 'tab' || text === String.raw`\t` ? '\t' : text;
  if (delimiter === undefined || (/^[\t -~]$/.test(delimiter) && delimiter !== '"')) return delimiter;
  throw new DaybookError('usage', `--delimiter ${shown(delimiter)} is not one character of ASCII, or tab`);
}

function headerOf(cells: readonly (string | null)[]): readonly string[] {
  if (cells.length > MAXIMUM_VALUES) {
    throw new DaybookError('data', `the header names ${cells.length} columns, and ${MAXIMUM_VALUES} are the most`);
  }
  const names = new Set<string>();
  for (const cell of cells) {
    const name = cell ?? '';
    if (names.has(name)) throw new DaybookError('data', `the header names ${shown(name)} twice`);
    names.add(name);
  }
  return [...names];
}
