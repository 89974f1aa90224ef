import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { DaybookError, unreadable } from '../core/errors.js';
import { rowReader } from '../core/import.js';
import type { BrokenRecord, Source, SourceKind, SourceRecord } from '../core/import.js';
import { isJsonObject, MAXIMUM_VALUES, parseDocument, shown } from '../core/json.js';
import { splitLines } from '../core/lines.js';
import { csvRows } from './csv-rows.js';
import type { CsvRecord } from './csv-rows.js';
import { bytesOf } from './file-bytes.js';

const PAGE = 500;
/** Enough to know a SQLite database, or the first character of a text. */
const HEAD = 4096;
const SQLITE_HEADER = 'SQLite format 3\0';

/**
 * What a file is: a SQLite database by its first bytes, JSON lines by its name or first character, else CSV.
 * Throws kind `data` where it cannot be read.
 */
export function kindOfFile(path: string): SourceKind {
  const head = headOf(path);
  if (head.startsWith(SQLITE_HEADER)) return 'sqlite';
  if (/\.(?:ndjson|jsonl)$/i.test(path)) return 'ndjson';
  if (/\.csv$/i.test(path)) return 'csv';
  return kindOfText(head);
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

/** The records of a text: JSON lines, or CSV with a header. A stream that is given says by itself what is wrong. */
export function openTextSource(path: string, kind: 'csv' | 'ndjson', stream?: AsyncIterable<Uint8Array>): Source {
  const bytes = (): AsyncIterable<Uint8Array> => stream ?? bytesOf(path);
  return {
    kind,
    total: undefined,
    records: () => (kind === 'ndjson' ? lineRecords(bytes()) : csvRecords(bytes())),
    lookup: (table) => {
      throw new DaybookError('usage', `${path} is a text and holds no table ${shown(table)} to look into`);
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
    return { position, problem: `${shown(document)} is not a JSON object`, text };
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    return { position, problem: error.message, text };
  }
}

async function* csvRecords(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly (SourceRecord | BrokenRecord)[]> {
  let header: readonly string[] | undefined;
  let valuesOf = rowReader([]);
  for await (const rows of csvRows(bytes, { bareQuotes: 'text' })) {
    const page: (SourceRecord | BrokenRecord)[] = [];
    for (const row of rows) {
      const position = `line ${row.line}`;
      if (header === undefined) {
        // Without it nothing says what the records hold.
        if ('problem' in row) throw new DaybookError('data', `${position}, the header: ${row.problem}`);
        header = headerOf(row);
        valuesOf = rowReader(header);
      } else if ('problem' in row) {
        page.push({ position, problem: row.problem, text: row.text });
      } else if (row.cells.length !== header.length) {
        const problem = `${row.cells.length} fields where the header has ${header.length}`;
        page.push({ position, problem, text: row.text });
      } else {
        page.push({ position, values: valuesOf(row.cells) });
      }
    }
    if (page.length > 0) yield page;
  }
  if (header === undefined) throw new DaybookError('data', 'there is no header: the file is empty');
}

function headerOf({ cells }: CsvRecord): readonly string[] {
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
