import type { HistoryField } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { AuditStore } from '../store/audit-store.js';

/** These fields of an entry that is there, as the store writes them in JSON. */
export async function entryJson(store: AuditStore, seq: number, fields: readonly HistoryField[]): Promise<string> {
  const query = { filter: {}, order: 'recorded', limit: 1, after: { ms: 0, seq: seq - 1 } } as const;
  const { lines, firstSeq } = await store.lines({ ...query, upTo: await store.mark() }, fields);
  if (firstSeq !== seq) throw new DaybookError('missing', `entry ${seq} is no longer there`);
  return Buffer.from(lines).toString().trimEnd();
}
