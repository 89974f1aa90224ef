import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { expectOneOf } from '../core/given.js';
import { GROUP_REPORTS, isNamed } from '../core/report.js';
import type { GroupField, GroupReportName, GroupRow } from '../core/report.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore } from '../store/audit-store.js';

export interface GroupReport {
  /** All entries that match. */
  readonly total: number;
  /** Whether there are more rows than were asked for. */
  readonly more: boolean;
  readonly rows: readonly GroupRow[];
}

/**
 * Counts entries by actor, action, entity, scope, changed field or severity, most frequent first; with `by`, each again
 * by a second field. Throws kind `usage` where both are the same.
 *
 * @example const { rows } = await groupReport(store, { report: 'actors', filter: {}, limit: 10 });
 */
export async function groupReport(
  store: AuditStore,
  request: {
    readonly report: GroupReportName;
    readonly filter: Filter;
    readonly by?: GroupField | undefined;
    readonly limit: number;
  },
): Promise<GroupReport> {
  expectOneOf('report', request.report, Object.keys(GROUP_REPORTS));
  const field = GROUP_REPORTS[request.report];
  const { filter, by, limit } = request;
  if (by === field) throw new DaybookError('usage', `report ${request.report} goes by ${field} already`);
  const { groups, more, total } = await store.groups({ filter, by: by === undefined ? [field] : [field, by], limit });
  const rows = groups.map(({ keys: [key, second], names, count, first, last, reverted }): GroupRow => {
    const row = {
      key: key ?? '',
      name: names[0] ?? null,
      count,
      first: formatTimestamp(first),
      last: formatTimestamp(last),
      reverted,
      share: Math.round((count / total) * 1e6) / 1e6,
    };
    if (by === undefined) return row;
    return Object.assign(row, { by: second ?? null }, isNamed(by) ? { by_name: names[1] ?? null } : {});
  });
  return { total, more, rows };
}
