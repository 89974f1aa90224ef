import { clockChanges } from '../core/hours.js';
import type { Filter } from '../core/filter.js';
import type { HourRow } from '../core/report.js';
import type { AuditStore } from '../store/audit-store.js';
import { spanOf } from './timeline.js';

/**
 * Counts entries by weekday (1 is Monday, 7 Sunday) and hour of a zone: 168 rows, from Monday at midnight on, or none where no
 * entry matches.
 *
 * @example const rows = await hoursOfWeek(store, { filter: {}, zone: 'Europe/Berlin', now: Date.now() });
 */
export async function hoursOfWeek(
  store: AuditStore,
  { filter, zone, now }: { readonly filter: Filter; readonly zone: string; readonly now: number },
): Promise<readonly HourRow[]> {
  const upTo = await store.mark();
  const span = await spanOf(store, filter, now, upTo);
  if (span?.first === undefined) return [];
  const clocks = clockChanges(span.first, Math.max(span.first, span.to), zone);
  const counts = await store.hours(filter, clocks, upTo);
  return counts.map((count, hour) => ({ weekday: Math.floor(hour / 24) + 1, hour: hour % 24, count }));
}
