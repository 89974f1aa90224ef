import type { Actor } from '../core/entry.js';
import { newEntry } from '../core/entry.js';
import type { AuditStore } from '../store/audit-store.js';
import type { ImportTotals } from './import-totals.js';

/**
 * Records that an import came to its end, or why it stopped before, with its counts, and makes durable what it recorded.
 * Returns the seq, or null where there was nothing to tell.
 */
export async function recordImport(
  store: AuditStore,
  totals: ImportTotals,
  what: { readonly format: string; readonly source: string; readonly actor: Actor; readonly stopped?: string },
): Promise<number | null> {
  const { format, source, actor, stopped } = what;
  const nothingNew = totals.recorded === 0 && totals.rejected === 0;
  if (nothingNew && (totals.skipped === 0 || !(await hasUntold(store, source)))) return null;
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'import',
    severity: totals.rejected > 0 || stopped !== undefined ? 'warning' : 'info',
    message: `imported ${totals.recorded} entries from ${source}${stopped === undefined ? '' : `, then stopped: ${stopped}`}`,
    metadata: JSON.stringify({ format, source, ...totals, ...(stopped !== undefined && { stopped }) }),
  });
  const [outcome] = await store.record([{ entry, given: [] }]);
  return outcome?.seq ?? null;
}

/** Whether entries of a source are there that no import's entry follows: one was killed before it could tell of them. */
async function hasUntold(store: AuditStore, source: string): Promise<boolean> {
  const upTo = await store.mark();
  const told = { category: ['system'], action: ['import'], meta: [{ path: 'source', value: source }] };
  const { entries } = await store.page({ filter: told, order: 'newest', limit: 1, upTo });
  const seq = entries[0]?.seq ?? 0;
  const behind = { filter: { source: [source] }, order: 'recorded', limit: 1, upTo, after: { ms: 0, seq } } as const;
  return (await store.page(behind)).entries.length > 0;
}
