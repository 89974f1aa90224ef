import { ENTRY_FIELDS, JSON_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import { parseTimestamp } from '../../../core/timestamp.js';
import { EMPTY_TEXT, FIELD_END } from '../../../core/fields.js';
import type { FieldPage, LinePage, PageQuery } from '../../audit-store.js';
import { concat } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { timeText } from '../engine/index.js';
import type { Connection, Generation, Statement } from '../engine/index.js';
import { columnOf } from './pages.js';
import { pageStatement, PLAIN_KEY } from './page-statement.js';

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

/** A page as lines of JSON, joined by PostgreSQL: for a large export that moves each byte once. */
export async function readLines(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  columns: readonly HistoryField[],
): Promise<LinePage> {
  return inWholeLines(connection, async (mending) => {
    const parts = lineParts(columns, generations, mending);
    const { text, ...page } = await readJoined(connection, generations, query, parts);
    return { lines: Buffer.from(text), ...page };
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
    const [row] = await connection.rows<[string, number]>({
      sql: `SELECT coalesce(string_agg(line, ''), ''), count(*) FROM (SELECT ${line.sql} AS line ${from.sql}) AS p`,
      parameters: [...line.parameters, ...from.parameters],
    });
    const [text, count] = row ?? ['', 0];
    return { lines: Buffer.from(text), count };
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
  let lines = 0;
  for (let end = text.indexOf(LINE_FEED); end >= 0; end = text.indexOf(LINE_FEED, end + 1)) lines += 1;
  return lines === count;
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

/** A longer page is not joined: as one text it could be too large for memory. */
const JOINED_CHARACTERS = 32 * 1024 * 1024;

/** A page as one text of its fields, joined by PostgreSQL, or null where that would not say what they are. */
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
  const { text, ...page } = await readJoined(connection, generations, query, members);
  const marks = text.split(String.fromCharCode(FIELD_END)).length - 1;
  if (marks !== page.count * columns.length || text.length > JOINED_CHARACTERS) return null;
  return { fields: Buffer.from(text), ...page };
}

/** A page whose rows become texts, of the parts that are given, and these one. */
async function readJoined(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  parts: readonly (Sql | string)[],
): Promise<Omit<LinePage, 'lines'> & { readonly text: string }> {
  const page = pageStatement(generations, query, concat('concat(', ...parts, ') AS line'), query.limit, {
    key: PLAIN_KEY,
  });
  // The rows come in the order of the page, and are put together as they come.
  const last = (column: string): string => `(array_agg(${column}))[count(*)]`;
  const statement = concat(
    `SELECT coalesce(string_agg(line, ''), ''), count(*), min(key_seq), max(key_seq), ${timeText(last('key_ts'))}, ${last('key_seq')} FROM (`,
    page,
    ') AS p',
  );
  type Joined = [string, number, number | null, number | null, string | null, number | null];
  const [row] = await connection.rows<Joined>(statement);
  const [text, count, firstSeq, lastSeq, ts, seq] = row ?? ['', 0, null, null, null, null];
  const full = ts !== null && seq !== null && count >= query.limit;
  return { text, count, firstSeq, lastSeq, next: full ? { ms: parseTimestamp(ts), seq } : null };
}
