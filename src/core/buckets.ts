import { DateTime } from 'luxon';
import { EARLIEST } from './timestamp.js';

/** How long the buckets of a timeline are: by the calendar of a zone, weeks from Monday. */
export const BUCKETS = ['hour', 'day', 'week', 'month'] as const;

export type Bucket = (typeof BUCKETS)[number];

/** The least that a bucket of each kind takes, in milliseconds; a month may take more, and a day when clocks change. */
const FIXED = { hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 28 * 86_400_000 } as const;

/** 1969-12-29, a Monday, in milliseconds since 1970. */
const SOME_MONDAY = -3 * 86_400_000;

/** How many buckets a stretch of time has at most. */
export function mostBuckets(from: number, to: number, bucket: Bucket): number {
  return Math.ceil((to - from) / FIXED[bucket]) + 2;
}

/** So many buckets are seen at one look. */
const MANY = 62;

/** The shortest bucket of which a stretch of time has no more than can be seen at one look, or the longest there is. */
export function fittingBucket(from: number, to: number): Bucket {
  return BUCKETS.find((bucket) => mostBuckets(from, to, bucket) <= MANY) ?? 'month';
}

/**
 * The starts of the buckets from the one that holds `from`: each bucket ends where the next begins, so a moment is in
 * one and only one, whatever clocks do. All in milliseconds since 1970.
 */
export function* bucketStarts(from: number, bucket: Bucket, zone: string): Generator<number, never> {
  // Below a month, UTC is arithmetic, and many times faster than a calendar.
  if (zone === 'UTC' && bucket !== 'month') {
    const origin = bucket === 'week' ? SOME_MONDAY : 0;
    for (let start = origin + Math.floor((from - origin) / FIXED[bucket]) * FIXED[bucket]; ; start += FIXED[bucket]) {
      yield Math.max(start, EARLIEST);
    }
  }
  let current = DateTime.fromMillis(from, { zone }).startOf(bucket);
  for (;;) {
    yield Math.max(current.toMillis(), EARLIEST);
    const next = current.plus({ [bucket]: 1 }).startOf(bucket);
    // Where clocks go back by half an hour, the hour that begins then has begun already.
    current = next > current ? next : current.plus({ [bucket]: 1 });
  }
}
