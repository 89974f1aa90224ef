import { isUtf8 } from 'node:buffer';
import type { Statement } from 'better-sqlite3';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import { EMPTY_TEXT, FIELD_END } from '../../../core/fields.js';
import type { FieldPage, LinePage, PageQuery } from '../../audit-store.js';
import { concat, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { columnOf } from './fitness.js';
import type { ColumnOf } from './fitness.js';
import { pageStatement } from './page-statement.js';

/** Quoting is what costs most in a line. A time, as the table checks it, holds nothing to escape. */
const TIMES: ReadonlySet<HistoryField> = new Set(['ts', 'recorded_at'] as const);

/**
 * The value of a field as JSON text: documents as they stand, everything else quoted by SQLite. What ends a line can only
 * be white space in a document; no document of ours holds it, and where it may, it is replaced (`mending`).
 */
function jsonColumn(field: HistoryField, column: ColumnOf, mending: boolean): string {
  if (field === 'seq') return 'e.seq';
  const value = column(field);
  if (TIMES.has(field)) return `coalesce('"' || ${value} || '"', 'null')`;
  if (!JSON_FIELDS.has(field)) return `json_quote(${value})`;
  const document = mending ? `replace(replace(${value}, char(10), ' '), char(13), ' ')` : value;
  return `coalesce(${document}, 'null')`;
}

/** The line of the entry `e`, as SQL, behind what stands before it. */
function lineOf(columns: readonly HistoryField[], column: ColumnOf, mending: boolean, before = ''): string {
  const members = columns.map(
    (field, position) => `'${position === 0 ? `${before}{` : ','}"${field}":', ${jsonColumn(field, column, mending)}`,
  );
  // concat is told how long its texts are; format would look for the end of each.
  return `concat(${members.join(', ')}, '}\n')`;
}

/** A page as lines of JSON, joined by SQLite: for a large export this moves each byte once. */
export function readLines(connection: Connection, query: PageQuery, columns: readonly HistoryField[]): LinePage {
  const column = columnOf(connection);
  const read = (): LinePage => {
    const line = lineOf(columns, column, mended.has(connection));
    const { text, ...page } = readJoined(connection, query, line, 'line');
    return { lines: asUtf8(text), ...page };
  };
  const page = read();
  if (hasLines(page.lines, page.count)) return page;
  mended.add(connection);
  return read();
}

/**
 * The lines of entries as they are sealed: every field, and text that is no UTF-8 byte by byte. Before each line stands
 * `before`. `select` makes the statement: the lines joined, and their number.
 */
export function readRawLines(
  connection: Connection,
  before: string,
  select: (line: string) => Sql,
): { readonly lines: Buffer; readonly count: number } {
  const column = columnOf(connection);
  const read = (): { lines: Buffer; count: number } => {
    const { sql: text, parameters } = select(lineOf(ENTRY_FIELDS, column, mended.has(connection), before));
    const row = compiled(connection, text).get(...parameters) as [lines: Buffer, count: number];
    return { lines: inUtf8(row[0]), count: row[1] };
  };
  const page = read();
  if (hasLines(page.lines, page.count)) return page;
  mended.add(connection);
  return read();
}

/** Where a document was seen that goes over several lines: replacing that in all of them is a tenth of an export. */
const mended = new WeakSet<Connection>();

/** Whether a text has so many lines, and nothing else in it that some readers take for the end of one. */
function hasLines({ buffer, byteOffset, byteLength }: Uint8Array, count: number): boolean {
  const text = Buffer.from(buffer, byteOffset, byteLength);
  if (text.includes(CARRIAGE_RETURN)) return false;
  let lines = 0;
  for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED, end + 1)) lines += 1;
  return lines === count;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Lines as UTF-8, whatever the database keeps its text in. They start with a brace, of which UTF-16 makes two bytes. In a
 * database of UTF-8, SQLite does not look at the bytes that another program stored as text.
 */
function asUtf8(lines: Buffer): Buffer {
  const text = inUtf8(lines);
  return isUtf8(text) ? text : Buffer.from(text.toString('utf8'));
}

/** The same, and what is no UTF-8 stays what it is. */
function inUtf8(lines: Buffer): Buffer {
  if (lines[1] === 0) return Buffer.from(lines.toString('utf16le'));
  if (lines[0] === 0) return Buffer.from(lines.swap16().toString('utf16le'));
  return lines;
}

/** A longer row is not joined to others: a page of such rows could be too large for memory, and for SQLite. */
const JOINED_BYTES = 64 * 1024;

/**
 * A page as one text of its fields, joined by SQLite, or null where that would not say what they are: a field holds a
 * mark of ours, or text that is not UTF-8, or a NUL (in a database of UTF-16 they are everywhere), or a row is long.
 */
export function readFields(
  connection: Connection,
  query: PageQuery,
  columns: readonly HistoryField[],
): FieldPage | null {
  const column = columnOf(connection);
  const row = `concat(${columns.map((field) => `${fieldColumn(field, column)}, ${END_MARK}`).join(', ')})`;
  const { text, ...page } = readJoined(
    connection,
    query,
    row,
    `iif(octet_length(line) <= ${JOINED_BYTES}, line, char(0))`,
  );
  if (text.includes(0) || !isUtf8(text)) return null;
  return occurrences(FIELD_END, text) === page.count * columns.length ? { fields: text, ...page } : null;
}

/** The marks as they stand in a statement. */
const END_MARK = `'${String.fromCharCode(FIELD_END)}'`;
const EMPTY_MARK = `'${String.fromCharCode(EMPTY_TEXT)}'`;

/**
 * The value of a field, with the mark for empty text. Hardly any text comes before FIELD_END in the order of bytes, so
 * that one comparison is enough for almost all. Text that is EMPTY_TEXT itself becomes a field too many.
 */
function fieldColumn(field: HistoryField, column: ColumnOf): string {
  const value = column(field);
  if (field === 'seq') return value;
  const marked = `CASE ${value} WHEN '' THEN ${EMPTY_MARK} WHEN ${EMPTY_MARK} THEN ${END_MARK}`;
  return `iif(${value} < ${END_MARK}, ${marked} ELSE ${value} END, ${value})`;
}

/** How often a byte of ASCII occurs. Four bytes are compared at once: one by one takes twice as long. */
function occurrences(wanted: number, bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const all = wanted * 0x01010101;
  let count = 0;
  let at = 0;
  while (at < words.length) {
    // Each byte of this sum counts for itself, and up to 255 times.
    let sums = 0;
    for (const end = Math.min(at + 255, words.length); at < end; at++) {
      const different = (words[at] ?? 0) ^ all;
      // The highest bit of each byte: 0 where the byte is the wanted one.
      const high = ((different & 0x7f7f7f7f) + 0x7f7f7f7f) | different;
      sums += (~high >>> 7) & 0x01010101;
    }
    count += (sums & 0xff) + ((sums >>> 8) & 0xff) + ((sums >>> 16) & 0xff) + (sums >>> 24);
  }
  for (at *= 4; at < bytes.length; at++) if (bytes[at] === wanted) count += 1;
  return count;
}

/** A page whose rows become lines, each a text in SQL, and the lines one text: `joined` says what of each `line`. */
function readJoined(
  connection: Connection,
  query: PageQuery,
  line: string,
  joined: string,
): Omit<LinePage, 'lines'> & { readonly text: Buffer } {
  // A limit that were a parameter would have SQLite compile the statement again for each page.
  const page = pageStatement(connection, query, sql(`${line} AS line`), sql(String(query.limit)));
  const statement = concat(
    `SELECT CAST(coalesce(group_concat(${joined}, ''), '') AS BLOB), count(*), min(key_seq), max(key_seq),
      ${LAST_KEY[query.order]} FROM (`,
    page,
    ')',
  );
  type Joined = [
    text: Buffer,
    count: number,
    least: number | null,
    greatest: number | null,
    ms: number | string | null,
    seq: number | string | null,
  ];
  const [text, count, least, greatest, ms, seq] = compiled(connection, statement.sql).get(
    ...statement.parameters,
  ) as Joined;
  const range = { count, firstSeq: least, lastSeq: greatest };
  if (ms === null || seq === null || count < query.limit) return { text, ...range, next: null };
  return { text, ...range, next: { ms: lastOf(ms), seq: lastOf(seq) } };
}

/**
 * The time and the seq of a page's last row, as SQL: what the page is ordered by is the least or the greatest, and of
 * the other one all are told. SQLite knows no last value without that.
 */
const LAST_KEY: Readonly<Record<PageQuery['order'], string>> = {
  newest: 'min(key_ms), group_concat(key_seq)',
  oldest: 'max(key_ms), group_concat(key_seq)',
  recorded: 'group_concat(key_ms), max(key_seq)',
};

function lastOf(values: number | string): number {
  return typeof values === 'number' ? values : Number(values.slice(values.lastIndexOf(',') + 1));
}

const lastCompiled = new WeakMap<Connection, { readonly sql: string; readonly statement: Statement<unknown[]> }>();

/** The statement of a page for its raw row, as it was compiled for the page before it: that takes a fifth of a page. */
function compiled(connection: Connection, text: string): Statement<unknown[]> {
  const last = lastCompiled.get(connection);
  if (last?.sql === text) return last.statement;
  const statement = connection.prepare<unknown[]>(text).raw();
  lastCompiled.set(connection, { sql: text, statement });
  return statement;
}
