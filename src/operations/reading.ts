import type { HistoryEntry, HistoryField } from '../core/entry.js';
import type { Cell } from '../core/cell.js';
import type { AuditStore, Key, PageQuery } from '../store/audit-store.js';

/** How the entries of a page are wanted: as objects, as rows of columns, or as JSON lines that the engine writes. */
export type Reading =
  { readonly as: 'entries' } | { readonly as: 'rows' | 'lines'; readonly columns: readonly HistoryField[] };

export type Content =
  | { readonly as: 'entries'; readonly entries: readonly HistoryEntry[] }
  | { readonly as: 'rows'; readonly rows: readonly (readonly Cell[])[] }
  | { readonly as: 'lines'; readonly lines: Uint8Array };

export interface Piece {
  readonly content: Content;
  readonly count: number;
  readonly next: Key | null;
  /** Whether a next key says that more is there, and not only that the page is full. */
  readonly sure: boolean;
}

/** Reads one page as it is wanted. */
export async function readPiece(store: AuditStore, query: PageQuery, reading: Reading): Promise<Piece> {
  switch (reading.as) {
    case 'entries': {
      const { entries, next } = await store.page(query);
      return { content: { as: 'entries', entries }, count: entries.length, next, sure: true };
    }
    case 'rows': {
      const { rows, next } = await store.rows(query, reading.columns);
      return { content: { as: 'rows', rows }, count: rows.length, next, sure: true };
    }
    case 'lines': {
      const { lines, count, next } = await store.lines(query, reading.columns);
      return { content: { as: 'lines', lines }, count, next, sure: false };
    }
  }
}
