import type { HistoryEntry } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore } from '../store/audit-store.js';

/** Up to `count` entries before an entry and as many after it, both in the order of time. */
export async function surroundings(
  store: AuditStore,
  entry: Pick<HistoryEntry, 'seq' | 'ts'>,
  count: number,
): Promise<{ readonly before: readonly HistoryEntry[]; readonly after: readonly HistoryEntry[] }> {
  if (count === 0) return { before: [], after: [] };
  const upTo = await store.mark();
  const after = { ms: parseTimestamp(entry.ts), seq: entry.seq };
  const earlier = await store.page({ filter: {}, order: 'newest', limit: count, upTo, after });
  const later = await store.page({ filter: {}, order: 'oldest', limit: count, upTo, after });
  return { before: earlier.entries.toReversed(), after: later.entries };
}
