import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { Entry, HistoryEntry } from '../../../core/entry.js';
import type { Cell } from '../../../core/cell.js';
import type { Connection } from '../engine/index.js';
import { columnOf } from './fitness.js';

/** The columns of ENTRY_FIELDS and what took the entry back, in this order. */
export function toEntry(row: readonly Cell[]): HistoryEntry {
  const fields: Record<string, Cell> = {};
  ENTRY_FIELDS.forEach((field, position) => (fields[field] = row[position] ?? null));
  fields['reverted_by'] = row[ENTRY_FIELDS.length] ?? null;
  return fields as unknown as HistoryEntry;
}

/** One entry, by its seq or its id. */
export function findEntry(
  connection: Connection,
  key: { readonly seq: number } | { readonly id: string },
): HistoryEntry | undefined {
  const [condition, value] = 'seq' in key ? ['e.seq = ?', key.seq] : ['e.id = ?', key.id];
  const columns = [...ENTRY_FIELDS, 'reverted_by' as const].map(columnOf(connection)).join(', ');
  const row = connection
    .prepare<unknown[], Cell[]>(`SELECT ${columns} FROM daybook_entries AS e WHERE ${condition}`)
    .raw()
    .get(value);
  return row === undefined ? undefined : toEntry(row);
}

/** Those of the entries with these ids that are there, by their ids. */
export function findEntries(connection: Connection, ids: readonly string[]): Map<string, Entry> {
  if (ids.length === 0) return new Map();
  const columns = [...ENTRY_FIELDS.map(columnOf(connection)), 'NULL'].join(', ');
  const rows = connection
    .prepare<[string], Cell[]>(
      `SELECT ${columns} FROM daybook_entries AS e WHERE e.id IN (SELECT value FROM json_each(?))`,
    )
    .raw()
    .all(JSON.stringify(ids));
  return new Map(rows.map(toEntry).map((entry) => [entry.id, entry]));
}
