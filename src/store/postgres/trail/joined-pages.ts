import { JSON_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import { parseTimestamp } from '../../../core/timestamp.js';
import { EMPTY_TEXT, FIELD_END } from '../../../core/fields.js';
import type { FieldPage, LinePage, PageQuery } from '../../audit-store.js';
import { concat } from '../../sql.js';
import type { Sql } from '../../sql.js';
import type { Connection, Generation } from '../engine/index.js';
import { columnOf } from './pages.js';
import { pageStatement } from './page-statement.js';

/** Quoting is what costs most in a line. A time holds nothing to escape. */
const TIMES: ReadonlySet<HistoryField> = new Set(['ts', 'recorded_at'] as const);

/**
 * The value of a field as JSON text: documents as they stand, everything else quoted by PostgreSQL. What ends a line can
 * only be white space in a document.
 */
function jsonColumn(field: HistoryField, generations: readonly Generation[]): Sql {
  const column = columnOf(field, generations);
  if (field === 'seq') return column;
  if (TIMES.has(field)) return concat(`coalesce('"' || `, column, ` || '"', 'null')`);
  if (JSON_FIELDS.has(field)) return concat(`coalesce(translate((`, column, `)::text, E'\\n\\r', '  '), 'null')`);
  return concat('coalesce(to_json(', column, `)::text, 'null')`);
}

/** A page as lines of JSON, joined by PostgreSQL: for a large export that moves each byte once. */
export async function readLines(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  columns: readonly HistoryField[],
): Promise<LinePage> {
  const members = columns.flatMap((field, position) => [
    `'${position === 0 ? '{' : ','}"${field}":', `,
    jsonColumn(field, generations),
    ', ',
  ]);
  const { text, ...page } = await readJoined(connection, generations, query, [...members, `E'}\n'`]);
  return { lines: Buffer.from(text), ...page };
}

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
  const page = pageStatement(generations, query, concat('concat(', ...parts, ') AS line'), query.limit);
  const order = { newest: 'key_ts DESC, key_seq DESC', oldest: 'key_ts, key_seq', recorded: 'key_seq' }[query.order];
  const last = (column: string): string => `(array_agg(${column} ORDER BY place DESC))[1]`;
  const statement = concat(
    `SELECT coalesce(string_agg(line, '' ORDER BY place), ''), count(*), min(key_seq), max(key_seq), ${last('key_ts')}, ${last('key_seq')}
     FROM (SELECT *, row_number() OVER (ORDER BY ${order}) AS place FROM (`,
    page,
    ') AS p) AS numbered',
  );
  type Joined = [string, number, number | null, number | null, string | null, number | null];
  const [row] = await connection.rows<Joined>(statement);
  const [text, count, firstSeq, lastSeq, ts, seq] = row ?? ['', 0, null, null, null, null];
  const full = ts !== null && seq !== null && count >= query.limit;
  return { text, count, firstSeq, lastSeq, next: full ? { ms: parseTimestamp(ts), seq } : null };
}
