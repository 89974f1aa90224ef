import { ENTRY_FIELDS, JSON_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import { EMPTY_TEXT, FIELD_END } from '../../../core/fields.js';
import { joinedBytes } from '../../../core/joined-bytes.js';
import type { FieldPage, LinePage, PageQuery } from '../../audit-store.js';
import { concat } from '../../sql.js';
import type { Sql } from '../../sql.js';
import type { Connection, Generation, Statement } from '../engine/index.js';
import { columnOf } from './pages.js';
import { pageStatement, NUMBER_KEY } from './page-statement.js';

/** Quoting is what costs most in a line. A time holds nothing to escape. */
const TIMES: ReadonlySet<HistoryField> = new Set(['ts', 'recorded_at'] as const);

/**
 * The value of a field as JSON: documents as they stand, everything else quoted by PostgreSQL. It stays json up to the end,
 * since each step by way of text costs as much as the quoting. What ends a line can only be white space in a document.
 */
function jsonColumn(field: HistoryField, generations: readonly Generation[], mending: boolean): Sql {
  const column = columnOf(field, generations);
  if (field === 'seq') return column;
  if (TIMES.has(field)) return concat(`coalesce('"' || `, column, ` || '"', 'null')`);
  if (!JSON_FIELDS.has(field)) return concat('coalesce(to_json(', column, `), 'null'::json)`);
  return mending
    ? concat('coalesce(translate((', column, `)::text, E'\\n\\r', '  '), 'null')`)
    : concat('coalesce(', column, `, 'null'::json)`);
}

/** A page as lines of JSON that PostgreSQL makes. */
export async function readLines(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  columns: readonly HistoryField[],
): Promise<LinePage> {
  return inWholeLines(connection, async (mending) => {
    const parts = lineParts(columns, generations, mending);
    const { bytes, ...page } = await readTexts(connection, generations, query, parts);
    return { lines: bytes, ...page };
  });
}

/**
 * The lines of entries as they are sealed: every field, and `before` in front of each. `from` says which, in their order.
 */
export async function readRawLines(
  connection: Connection,
  before: string,
  from: Statement,
): Promise<{ readonly lines: Buffer; readonly count: number }> {
  return inWholeLines(connection, async (mending) => {
    const line = concat(`concat('${before}', `, ...lineParts(ENTRY_FIELDS, [], mending), ')');
    const rows = await connection.rows<[string]>({
      sql: `SELECT ${line.sql} AS line ${from.sql}`,
      parameters: [...line.parameters, ...from.parameters],
    });
    return { lines: bytesOf(rows), count: rows.length };
  });
}

/** What a line is put together from. */
function lineParts(
  columns: readonly HistoryField[],
  generations: readonly Generation[],
  mending: boolean,
): (Sql | string)[] {
  const members = columns.flatMap((field, position) => [
    `'${position === 0 ? '{' : ','}"${field}":', `,
    jsonColumn(field, generations, mending),
    ', ',
  ]);
  return [...members, `E'}\n'`];
}

/** Reads lines, and once more where one of them went over several. */
async function inWholeLines<Page extends { readonly lines: Uint8Array; readonly count: number }>(
  connection: Connection,
  read: (mending: boolean) => Promise<Page>,
): Promise<Page> {
  const page = await read(mended.has(connection));
  if (hasLines(page.lines, page.count)) return page;
  mended.add(connection);
  return read(true);
}

/** Where a document was seen that goes over several lines: to replace that in all of them takes long. */
const mended = new WeakSet<Connection>();

/** Whether a text has so many lines, and nothing else in it that some readers take for the end of one. */
function hasLines(text: Uint8Array, count: number): boolean {
  if (text.includes(CARRIAGE_RETURN)) return false;
  return countOf(text, LINE_FEED) === count;
}

function countOf(bytes: Uint8Array, byte: number): number {
  let found = 0;
  for (let place = bytes.indexOf(byte); place >= 0; place = bytes.indexOf(byte, place + 1)) found += 1;
  return found;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The marks as they stand in a statement. */
const END_MARK = `'${String.fromCharCode(FIELD_END)}'`;
const EMPTY_MARK = `'${String.fromCharCode(EMPTY_TEXT)}'`;

/** The value of a field, with the mark for empty text. Text that is that mark itself becomes a field too many. */
function fieldColumn(field: HistoryField, generations: readonly Generation[]): Sql {
  const column = columnOf(field, generations);
  if (field === 'seq' || TIMES.has(field) || JSON_FIELDS.has(field)) return column;
  return concat(
    'CASE ',
    column,
    ` WHEN '' THEN ${EMPTY_MARK} WHEN ${EMPTY_MARK} THEN ${END_MARK} ELSE `,
    column,
    ' END',
  );
}

/** A longer page is not taken so: as one text it could be too large for memory. */
const JOINED_BYTES = 32 * 1024 * 1024;

/** A page as one text of its fields, or null where that would not say what they are. */
export async function readFields(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  columns: readonly HistoryField[],
): Promise<FieldPage | null> {
  const members = columns.flatMap((field, position) => [
    ...(position === 0 ? [] : [', ']),
    fieldColumn(field, generations),
    `, ${END_MARK}`,
  ]);
  const { bytes, ...page } = await readTexts(connection, generations, query, members);
  if (bytes.length > JOINED_BYTES || countOf(bytes, FIELD_END) !== page.count * columns.length) return null;
  return { fields: bytes, ...page };
}

/**
 * A page whose rows become texts, of the parts that are given. PostgreSQL could join them, and would take twice as long:
 * it moves a text that grows again and again.
 */
async function readTexts(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  parts: readonly (Sql | string)[],
): Promise<Omit<LinePage, 'lines'> & { readonly bytes: Buffer }> {
  const selected = concat('concat(', ...parts, ') AS line');
  const rows = await connection.rows<[line: string, ms: number, seq: number]>(
    pageStatement(generations, query, selected, query.limit, { key: NUMBER_KEY }),
  );
  let firstSeq: number | null = null;
  let lastSeq: number | null = null;
  for (const [, , seq] of rows) {
    if (firstSeq === null || seq < firstSeq) firstSeq = seq;
    if (lastSeq === null || seq > lastSeq) lastSeq = seq;
  }
  const [, ms, seq] = rows.at(-1) ?? [];
  const full = ms !== undefined && seq !== undefined && rows.length >= query.limit;
  return { bytes: bytesOf(rows), count: rows.length, firstSeq, lastSeq, next: full ? { ms, seq } : null };
}

/** What a row is expected to take, in bytes. */
const ROW_BYTES = 1024;

function bytesOf(rows: readonly (readonly [text: string, ...unknown[]])[]): Buffer {
  return joinedBytes(
    rows.map(([text]) => text),
    ROW_BYTES * rows.length,
  );
}
