import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import type { BucketRow, UnattributedRow } from '../core/report.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore } from '../store/audit-store.js';
import { timeline } from './timeline.js';

export interface UnattributedReport {
  /** All entries of nobody that match. */
  readonly total: number;
  readonly more: boolean;
  readonly rows: readonly UnattributedRow[];
  /** When they were: a row a day. */
  readonly days: readonly BucketRow[];
}

/** The actor of an entry where nobody said who. */
const NOBODY = 'unknown';

/**
 * The entries of which nobody said who made them, by table, entity type, source and action, and by day: what leads to
 * the program that writes without a context. Throws kind `usage` for a filter that names actors.
 */
export async function unattributedReport(
  store: AuditStore,
  request: { readonly filter: Filter; readonly limit: number; readonly zone: string; readonly now: number },
): Promise<UnattributedReport> {
  const { limit, zone, now } = request;
  if (request.filter.actor !== undefined) {
    throw new DaybookError('usage', `report unattributed is about the actor ${NOBODY}: ask without other actors`, {
      field: 'filter.actor',
      value: request.filter.actor,
    });
  }
  const filter: Filter = { ...request.filter, actor: [NOBODY] };
  const by = ['action', 'table', 'entity_type', 'source'] as const;
  const { groups, more, total } = await store.groups({ filter, by, limit });
  const rows = groups.map(({ keys: [action, table, type, source], count, first, last, lastSeq }) => ({
    table: table ?? null,
    entity_type: type ?? null,
    source: source ?? null,
    action: action ?? '',
    count,
    first: formatTimestamp(first),
    last: formatTimestamp(last),
    seq: lastSeq,
  }));
  const { rows: days } = await timeline(store, { filter, bucket: 'day', zone, now });
  return { total, more, rows, days };
}
