import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { HistoryEntry, HistoryField } from '../../../core/entry.js';
import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Cell } from '../../../core/cell.js';
import { parseTimestamp } from '../../../core/timestamp.js';
import type { EntryPage, Key, PageQuery, RowPage } from '../../audit-store.js';
import { join, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { timeText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { recordedBy, revertedBy } from './compile.js';
import { pageStatement } from './page-statement.js';

/** A page of rows of other programs' text may be large: it ends early at about so many characters. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

/** The columns of ENTRY_FIELDS and what took the entry back, in this order. */
export function toEntry(row: readonly Cell[]): HistoryEntry {
  const fields: Record<string, Cell> = {};
  ENTRY_FIELDS.forEach((field, position) => (fields[field] = row[position] ?? null));
  fields['reverted_by'] = row[ENTRY_FIELDS.length] ?? null;
  return fields as unknown as HistoryEntry;
}

/** How a field of the entry `e` is read. */
export function columnOf(field: HistoryField, generations: readonly Generation[]): Sql {
  if (field === 'reverted_by') return revertedBy('e', { generations });
  return sql(field === 'ts' || field === 'recorded_at' ? timeText(`e.${field}`) : `e.${field}`);
}

export function columnsOf(fields: readonly HistoryField[], generations: readonly Generation[]): Sql {
  return join(
    fields.map((field) => columnOf(field, generations)),
    ', ',
  );
}

/** A page of history, with what took each entry back. */
export async function readPage(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
): Promise<EntryPage> {
  const { rows, next } = await readRows(connection, generations, query, [...ENTRY_FIELDS, 'reverted_by']);
  return { entries: rows.map(toEntry), next };
}

/** A page as rows of the asked columns. */
export async function readRows(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
  columns: readonly HistoryField[],
): Promise<RowPage> {
  const statement = pageStatement(generations, query, columnsOf(columns, generations), query.limit + 1);
  const found = await connection.rows(statement);
  const rows: Cell[][] = [];
  let next: Key | null = null;
  let key: Key | null = null;
  let characters = 0;
  let least: number | null = null;
  let greatest: number | null = null;
  for (const row of found) {
    if (rows.length === query.limit || characters > PAGE_CHARACTERS) {
      next = key;
      break;
    }
    const seq = row.pop() as number;
    key = { ms: parseTimestamp(row.pop() as string), seq };
    if (least === null || seq < least) least = seq;
    if (greatest === null || seq > greatest) greatest = seq;
    for (const cell of row) if (typeof cell === 'string') characters += cell.length;
    rows.push(row);
  }
  return { rows, characters, firstSeq: least, lastSeq: greatest, next };
}

/** Where the entry stands that has `offset` newer ones that match, or undefined where there are not so many. */
export async function keyAt(
  connection: Connection,
  generations: readonly Generation[],
  filter: Filter,
  trail: { readonly upTo: Mark; readonly recordedBefore: string | null },
  offset: number,
): Promise<Key | undefined> {
  const further = trail.recordedBefore === null ? [] : [recordedBy('e', trail.recordedBefore)];
  const query: PageQuery = { filter, order: 'newest', limit: 1, upTo: trail.upTo };
  const [row] = await connection.rows<[null, string, number]>(
    pageStatement(generations, query, sql('NULL'), 1, { further, offset }),
  );
  return row === undefined ? undefined : { ms: parseTimestamp(row[1]), seq: row[2] };
}
