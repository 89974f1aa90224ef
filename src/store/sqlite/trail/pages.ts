import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Cell } from '../../../core/cell.js';
import type { EntryPage, Key, PageQuery, RowPage } from '../../audit-store.js';
import { recordedBy } from './compile.js';
import { sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { toEntry } from './find-entries.js';
import { columnOf } from './fitness.js';
import { pageStatement } from './page-statement.js';

/** A page of rows of other programs' text may be large: it ends early at about so many characters. */
const PAGE_CHARACTERS = 4 * 1024 * 1024;

/** A page of history, with what took each entry back. */
export function readPage(connection: Connection, query: PageQuery): EntryPage {
  const { rows, next } = readRows(connection, query, [...ENTRY_FIELDS, 'reverted_by']);
  return { entries: rows.map(toEntry), next };
}

/** A page as rows of the asked columns. */
export function readRows(connection: Connection, query: PageQuery, columns: readonly HistoryField[]): RowPage {
  const selected = sql(columns.map(columnOf(connection)).join(', '));
  const statement = pageStatement(connection, query, selected, sql('?', query.limit + 1));
  const rows: Cell[][] = [];
  let next: Key | null = null;
  let key: Key | null = null;
  let characters = 0;
  let least: number | null = null;
  let greatest: number | null = null;
  const read = connection.prepare<unknown[], Cell[]>(statement.sql).raw();
  for (const row of read.iterate(...statement.parameters)) {
    if (rows.length === query.limit || characters > PAGE_CHARACTERS) {
      next = key;
      break;
    }
    const seq = row.pop() as number;
    key = { ms: row.pop() as number, seq };
    if (least === null || seq < least) least = seq;
    if (greatest === null || seq > greatest) greatest = seq;
    for (let position = 0; position < columns.length; position++) {
      const cell = row[position];
      if (typeof cell === 'string') characters += cell.length;
    }
    rows.push(row);
  }
  return { rows, characters, firstSeq: least, lastSeq: greatest, next };
}

/** Where the entry stands that has `offset` newer ones that match, or undefined where there are not so many. */
export function keyAt(
  connection: Connection,
  filter: Filter,
  trail: { readonly upTo: Mark; readonly recordedBefore: string | null },
  offset: number,
): Key | undefined {
  const further = trail.recordedBefore === null ? [] : [recordedBy('e', trail.recordedBefore)];
  const query: PageQuery = { filter, order: 'newest', limit: 1, upTo: trail.upTo };
  const statement = pageStatement(connection, query, sql('e.ts_ms AS ms'), sql('1 OFFSET ?', offset), further);
  const row = connection
    .prepare<unknown[], [number, number, number]>(statement.sql)
    .raw()
    .get(...statement.parameters);
  return row === undefined ? undefined : { ms: row[1], seq: row[2] };
}
