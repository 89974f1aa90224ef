import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { expectOneOf } from '../core/given.js';
import { GROUP_REPORTS, isNamed } from '../core/report.js';
import type { GroupField, GroupReportName, GroupRow } from '../core/report.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { Mark } from '../core/mark.js';
import type { AuditStore } from '../store/audit-store.js';
import { partsOf } from './browsing.js';

/** Of more types of entities than these, the less frequent ones are not looked for. */
const MOST_TYPES = 100;

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
    /** The trail as it was then; as it is now where it is not given. */
    readonly upTo?: Mark | undefined;
    /** Also how many entities each scope had, whatever was done to them, and the count for each. */
    readonly perEntity?: boolean | undefined;
  },
): Promise<GroupReport> {
  expectOneOf('report', request.report, Object.keys(GROUP_REPORTS));
  const field = GROUP_REPORTS[request.report];
  const { filter, by, limit, upTo } = request;
  if (by === field) throw new DaybookError('usage', `report ${request.report} goes by ${field} already`);
  if (request.perEntity === true && field !== 'scope') {
    throw new DaybookError('usage', `report ${request.report} does not go by entities: report scopes does`);
  }
  const seen = request.perEntity === true ? { seen: await seenFilter(store, filter) } : {};
  const fields = by === undefined ? [field] : [field, by];
  const { groups, more, total } = await store.groups({ filter, by: fields, limit, ...(upTo && { upTo }), ...seen });
  const rows = Array.from(
    groups,
    ({ keys: [key, second], names, count, first, last, reverted, entities }): GroupRow => {
      const row = {
        key: key ?? '',
        name: names[0] ?? null,
        count,
        first: formatTimestamp(first),
        last: formatTimestamp(last),
        reverted,
        share: rounded(count / total),
        ...(entities !== undefined && { entities, per_entity: entities === 0 ? null : rounded(count / entities) }),
      };
      if (by === undefined) return row;
      return Object.assign(row, { by: second ?? null }, isNamed(by) ? { by_name: names[1] ?? null } : {});
    },
  );
  return { total, more, rows };
}

/** So many parts of the time, from the first entry that matches to the last, show how a group went. */
const COURSE_PARTS = 24;

/** How many entries each row of a report has in each part of the time, oldest first. */
export async function coursesOf(
  store: AuditStore,
  {
    report,
    filter,
    rows,
    upTo,
  }: {
    readonly report: GroupReportName;
    readonly filter: Filter;
    readonly rows: readonly GroupRow[];
    /** The trail in which the rows were counted. */
    readonly upTo: Mark;
  },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const edges = await partsOf(store, { filter, upTo }, COURSE_PARTS);
  const courses = new Map(rows.map(({ key }) => [key, Array.from({ length: COURSE_PARTS }, () => 0)] as const));
  const [by, limit] = [GROUP_REPORTS[report], Math.max(1, COURSE_PARTS * rows.length)];
  const points = await store.courses({ filter, by, keys: [...courses.keys()], edges, upTo, limit });
  for (const { place, key, count } of points) courses.get(key)?.splice(place, 1, count);
  return courses;
}

function rounded(share: number): number {
  return Math.round(share * 1e6) / 1e6;
}

/**
 * Which entries show that there was an entity: all of the same time, place and source about entities of the types that
 * are counted, whatever was done.
 */
async function seenFilter(store: AuditStore, filter: Filter): Promise<Filter> {
  const { scope, entity, source, since, until } = filter;
  const types = await store.groups({ filter, by: ['entity_type'], limit: MOST_TYPES });
  const counted = types.groups.map(({ keys: [type] }) => ({ type: type ?? '' }));
  return {
    ...(scope && { scope }),
    ...(entity ? { entity } : counted.length > 0 ? { entity: counted } : {}),
    ...(source && { source }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  };
}
