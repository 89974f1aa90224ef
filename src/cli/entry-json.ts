import type { HistoryField } from '../core/entry.js';
import type { AuditStore } from '../store/audit-store.js';

/** These fields of an entry that is there, as the store writes them in JSON. */
export async function entryJson(store: AuditStore, seq: number, fields: readonly HistoryField[]): Promise<string> {
  const query = { filter: {}, order: 'recorded' as const, limit: 1, upTo: seq, after: { ms: 0, seq: seq - 1 } };
  const { lines } = await store.lines(query, fields);
  return Buffer.from(lines).toString().trimEnd();
}
