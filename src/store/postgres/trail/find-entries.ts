import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { HistoryEntry } from '../../../core/entry.js';
import { concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import type { Connection, Generation } from '../engine/index.js';
import { columnsOf, toEntry } from './pages.js';

/** One entry, by its seq or its id. */
export async function findEntry(
  connection: Connection,
  generations: readonly Generation[],
  key: { readonly seq: number } | { readonly id: string },
): Promise<HistoryEntry | undefined> {
  const condition = 'seq' in key ? sql('e.seq = ?', key.seq) : sql('e.id = ?', key.id);
  return (await entriesWhere(connection, generations, condition))[0];
}

/** The first entries that a transaction recorded. */
export async function findRecorded(
  connection: Connection,
  generations: readonly Generation[],
  tx: string,
  limit: number,
): Promise<HistoryEntry[]> {
  return entriesWhere(connection, generations, sql('e.tx = ?::xid8 ORDER BY e.seq LIMIT ?', tx, limit));
}

async function entriesWhere(
  connection: Connection,
  generations: readonly Generation[],
  condition: Sql,
): Promise<HistoryEntry[]> {
  const columns = columnsOf([...ENTRY_FIELDS, 'reverted_by'], generations);
  const rows = await connection.rows(concat('SELECT ', columns, ' FROM daybook_entries AS e WHERE ', condition));
  return rows.map(toEntry);
}

/** Those of the entries with these ids that are there, by their ids. What took them back is not asked for. */
export async function findEntries(connection: Connection, ids: readonly string[]): Promise<Map<string, HistoryEntry>> {
  if (ids.length === 0) return new Map();
  const columns = columnsOf(ENTRY_FIELDS, []);
  const rows = await connection.rows({
    sql: `SELECT ${columns.sql} FROM daybook_entries AS e WHERE e.id = ANY (?::text[])`,
    parameters: [ids],
  });
  return new Map(rows.map(toEntry).map((entry) => [entry.id, entry]));
}
