import { bucketStarts, mostBuckets } from '../core/buckets.js';
import type { Bucket } from '../core/buckets.js';
import { fixedMilliseconds } from '../core/duration.js';
import type { Duration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { filterWords } from '../core/filter-words.js';
import { GROUP_REPORTS } from '../core/report.js';
import type { BucketRow, BurstRow, GroupField, GroupReportName, GroupRow, UnattributedRow } from '../core/report.js';
import { shellWord } from '../core/shell.js';
import { formatTimestamp, parseTimestamp } from '../core/timestamp.js';
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
  const field = GROUP_REPORTS[request.report];
  const { filter, by, limit } = request;
  if (by === field) throw new DaybookError('usage', `report ${request.report} goes by ${field} already`);
  const { groups, more, total } = await store.groups({ filter, by: by === undefined ? [field] : [field, by], limit });
  const rows = groups.map(({ keys: [key, second], name, count, first, last, reverted }): GroupRow => {
    const row = {
      key: key ?? '',
      name,
      count,
      first: formatTimestamp(first),
      last: formatTimestamp(last),
      reverted,
      share: Math.round((count / total) * 1e6) / 1e6,
    };
    return by === undefined ? row : Object.assign(row, { by: second ?? null });
  });
  return { total, more, rows };
}

/** Up to so many buckets, empty ones are rows too. */
const MOST_FILLED = 10_000;
/** So many rows are in memory at most. */
const MOST_ROWS = 100_000;
/** So many buckets are counted in one read. */
const BUCKETS_PER_READ = 1000;

export interface Timeline {
  readonly rows: readonly BucketRow[];
  /** Whether empty buckets are among the rows. */
  readonly filled: boolean;
}

/**
 * Counts entries by hour, day, week or month of a zone, oldest first: from the start of the filter's window, else from
 * the first entry that matches, to the end of the window, else to the last entry, and to `now` where the window has only
 * a start. Throws kind `usage` where too many buckets hold entries.
 *
 * @example const { rows } = await timeline(store, { filter: {}, bucket: 'day', zone: 'UTC', now: Date.now() });
 */
export async function timeline(
  store: AuditStore,
  request: { readonly filter: Filter; readonly bucket: Bucket; readonly zone: string; readonly now: number },
): Promise<Timeline> {
  const { filter, bucket, zone, now } = request;
  const upTo = await store.lastSeq();
  const first = await outermost(store, filter, 'oldest', upTo);
  const last = await outermost(store, filter, 'newest', upTo);
  if (filter.since === undefined && first === undefined) return { rows: [], filled: true };
  const from = filter.since ?? first ?? now;
  const to = filter.until ?? Math.max(last ?? now, filter.since === undefined ? -Infinity : now);
  const filled = mostBuckets(from, to, bucket) <= MOST_FILLED;

  const rows: BucketRow[] = [];
  let end = -Infinity;
  for (let begin: number | undefined = filled ? from : first; begin !== undefined;) {
    const edges = edgesFrom({ begin, behind: end, to }, bucket, zone);
    const counts = await store.countBetween(filter, edges, upTo);
    for (const [index, count] of counts.entries()) {
      if (filled || count > 0) rows.push({ start: formatTimestamp(edges[index] ?? 0), count });
    }
    if (rows.length > MOST_ROWS) {
      throw new DaybookError('usage', `more than ${MOST_ROWS} buckets of one ${bucket} hold entries`, {
        hint: '… --bucket month',
      });
    }
    end = edges.at(-1) ?? Infinity;
    begin = end > to ? undefined : filled ? end : await outermost(store, { ...filter, since: end }, 'oldest', upTo);
  }
  return { rows, filled };
}

/** The edges of the next buckets, behind those of the read before, and no further than the one that holds `to`. */
function edgesFrom(
  { begin, behind, to }: { readonly begin: number; readonly behind: number; readonly to: number },
  bucket: Bucket,
  zone: string,
): number[] {
  const edges: number[] = [];
  for (const start of bucketStarts(begin, bucket, zone)) {
    // Where clocks went back by half an hour, the calendar knows two starts for the same moment.
    const edge = Math.max(start, behind);
    if (edge !== edges.at(-1)) edges.push(edge);
    if (edge > to || edges.length > BUCKETS_PER_READ) break;
  }
  return edges;
}

/** The time of the first or the last entry that matches. */
async function outermost(
  store: AuditStore,
  filter: Filter,
  order: 'oldest' | 'newest',
  upTo: number,
): Promise<number | undefined> {
  const { rows } = await store.rows({ filter, order, limit: 1, upTo }, ['ts']);
  const ts = rows[0]?.[0];
  return typeof ts === 'string' ? parseTimestamp(ts) : undefined;
}

export interface BurstReport {
  readonly more: boolean;
  readonly rows: readonly BurstRow[];
}

/**
 * The fullest window of each actor who has more than so many entries in one, the fullest first. `database` is named in
 * the commands where it is given. Throws kind `usage` for a window of no fixed length, or of none.
 *
 * @example await burstReport(store, { filter: {}, window: parseDuration('1h'), moreThan: 10, limit: 50 });
 */
export async function burstReport(
  store: AuditStore,
  request: {
    readonly filter: Filter;
    readonly window: Duration;
    readonly moreThan: number;
    readonly limit: number;
    readonly database?: string | undefined;
  },
): Promise<BurstReport> {
  const { filter, moreThan, limit, database } = request;
  const window = fixedMilliseconds(request.window);
  if (window === 0) throw new DaybookError('usage', `a window of ${request.window.text} holds nothing`);
  const { bursts, more } = await store.bursts({ filter, window, moreThan, limit });
  const rows = bursts.map(({ actor, name, count, first, last, firstSeq, lastSeq }) => ({
    actor,
    count,
    first: formatTimestamp(first),
    last: formatTimestamp(last),
    window: request.window.text,
    name,
    first_seq: firstSeq,
    last_seq: lastSeq,
    command: historyCommand({ ...filter, actor: [actor], since: first, until: last }, count, database),
  }));
  return { more, rows };
}

function historyCommand(filter: Filter, limit: number, database: string | undefined): string {
  const words = [...(database === undefined ? [] : ['--db', database]), 'history', ...filterWords(filter)];
  return ['daybook', ...words, '-n', String(limit)].map(shellWord).join(' ');
}

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
    throw new DaybookError('usage', `report unattributed is about the actor ${NOBODY}, without --actor`);
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
