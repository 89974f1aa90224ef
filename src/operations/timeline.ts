import { BUCKETS, bucketStarts, fittingBucket, mostBuckets } from '../core/buckets.js';
import type { Bucket } from '../core/buckets.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { expectOneOf } from '../core/given.js';
import { TIMELINE_FIELDS } from '../core/report.js';
import type { BucketRow, TimelineField } from '../core/report.js';
import { formatTimestamp, parseTimestamp } from '../core/timestamp.js';
import type { Mark } from '../core/mark.js';
import type { AuditStore, CoursePoint } from '../store/audit-store.js';

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
 * a start. With `by`, each actor, severity or action has a row in each bucket, the most frequent first. Throws kind `usage`
 * where too many buckets hold entries.
 *
 * @example const { rows } = await timeline(store, { filter: {}, bucket: 'day', zone: 'UTC', now: Date.now() });
 */
export async function timeline(
  store: AuditStore,
  request: {
    readonly filter: Filter;
    readonly bucket: Bucket;
    readonly by?: TimelineField | undefined;
    readonly zone: string;
    readonly now: number;
    /** The trail as it was then; as it is now where it is not given. */
    readonly upTo?: Mark;
  },
): Promise<Timeline> {
  const { filter, bucket, by, zone, now } = request;
  expectOneOf('bucket', bucket, BUCKETS);
  if (by !== undefined) expectOneOf('by', by, TIMELINE_FIELDS);
  const upTo = request.upTo ?? (await store.mark());
  const span = await spanOf(store, filter, now, upTo);
  if (span === undefined) return { rows: [], filled: true };
  const { first, from, to } = span;
  const filled = mostBuckets(from, to, bucket) <= MOST_FILLED;

  const rows: BucketRow[] = [];
  let end = -Infinity;
  for (let begin: number | undefined = filled ? from : first; begin !== undefined;) {
    const edges = edgesFrom({ begin, behind: end, to }, bucket, zone);
    if (by === undefined) {
      const counts = await store.countBetween(filter, edges, upTo);
      for (const [index, count] of counts.entries()) {
        if (filled || count > 0) rows.push({ start: formatTimestamp(edges[index] ?? 0), count });
      }
    } else {
      const points = await store.courses({ filter, by, edges, upTo, limit: MOST_ROWS + 1 });
      for (const row of rowsOfPoints(points, edges, filled)) rows.push(row);
    }
    if (rows.length > MOST_ROWS) {
      const what = by === undefined ? `buckets of one ${bucket}` : `pairs of ${bucket} and ${by}`;
      throw new DaybookError('usage', `more than ${MOST_ROWS} ${what} hold entries`, { hint: '… --bucket month' });
    }
    end = edges.at(-1) ?? Infinity;
    begin = end > to ? undefined : filled ? end : await outermost(store, { ...filter, since: end }, 'oldest', upTo);
  }
  return { rows: by === 'actor' ? await named(store, rows, filter) : rows, filled };
}

/** Rows of actors, with what these were called by the end of the window. */
async function named(store: AuditStore, rows: readonly BucketRow[], filter: Filter): Promise<BucketRow[]> {
  const actors = new Set(rows.flatMap(({ by }) => by ?? []));
  const names = await store.groupNames('actor', [...actors], filter);
  return rows.map((row) => ({ ...row, by_name: names.get(row.by ?? '') ?? null }));
}

/** The bucket in which a timeline of this filter can be seen at one look. */
export async function bucketFor(store: AuditStore, filter: Filter, now: number): Promise<Bucket> {
  const span = await spanOf(store, filter, now, await store.mark());
  return span === undefined ? 'day' : fittingBucket(span.from, span.to);
}

/** The points of each bucket, the most frequent first; one of nothing for an empty bucket, where it is to be filled. */
function* rowsOfPoints(
  points: readonly CoursePoint[],
  edges: readonly number[],
  filled: boolean,
): Generator<BucketRow> {
  const places = new Map<number, CoursePoint[]>();
  for (const point of points) {
    const those = places.get(point.place);
    if (those === undefined) places.set(point.place, [point]);
    else those.push(point);
  }
  for (const [place, edge] of edges.slice(0, -1).entries()) {
    const start = formatTimestamp(edge);
    const here = places.get(place) ?? [];
    if (filled && here.length === 0) yield { start, count: 0, by: null };
    const sorted = here.toSorted((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
    for (const { key, count } of sorted) yield { start, count, by: key };
  }
}

/** The time that a timeline is about, and its first entry; undefined where there is neither. */
export async function spanOf(
  store: AuditStore,
  filter: Filter,
  now: number,
  upTo: Mark,
): Promise<{ readonly first: number | undefined; readonly from: number; readonly to: number } | undefined> {
  const first = await outermost(store, filter, 'oldest', upTo);
  const last = await outermost(store, filter, 'newest', upTo);
  if (filter.since === undefined && first === undefined) return undefined;
  const to = filter.until ?? Math.max(last ?? now, filter.since === undefined ? -Infinity : now);
  return { first, from: filter.since ?? first ?? now, to };
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
  upTo: Mark,
): Promise<number | undefined> {
  const { rows } = await store.rows({ filter, order, limit: 1, upTo }, ['ts']);
  const ts = rows[0]?.[0];
  return typeof ts === 'string' ? parseTimestamp(ts) : undefined;
}
