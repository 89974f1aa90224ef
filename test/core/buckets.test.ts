import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BUCKETS, bucketStarts, mostBuckets } from '../../src/core/buckets.js';
import type { Bucket } from '../../src/core/buckets.js';
import { EARLIEST } from '../../src/core/timestamp.js';

function starts(from: string | number, bucket: Bucket, zone: string, count: number): number[] {
  const found: number[] = [];
  for (const start of bucketStarts(typeof from === 'string' ? Date.parse(from) : from, bucket, zone)) {
    if (found.push(start) === count) break;
  }
  return found;
}

const iso = (times: readonly number[]): string[] => times.map((ms) => new Date(ms).toISOString().slice(0, 16));

describe('buckets', () => {
  test('begin where the calendar of the zone says', () => {
    expect(iso(starts('2026-03-05T14:07:09Z', 'hour', 'UTC', 2))).toEqual(['2026-03-05T14:00', '2026-03-05T15:00']);
    expect(iso(starts('2026-03-05T14:07:09Z', 'day', 'UTC', 2))).toEqual(['2026-03-05T00:00', '2026-03-06T00:00']);
    // A Thursday; weeks begin on Monday.
    expect(iso(starts('2026-03-05T14:07:09Z', 'week', 'UTC', 2))).toEqual(['2026-03-02T00:00', '2026-03-09T00:00']);
    expect(iso(starts('1969-12-31T23:00:00Z', 'week', 'UTC', 2))).toEqual(['1969-12-29T00:00', '1970-01-05T00:00']);
    expect(iso(starts('2026-01-31T23:59:59Z', 'month', 'UTC', 3))).toEqual([
      '2026-01-01T00:00',
      '2026-02-01T00:00',
      '2026-03-01T00:00',
    ]);
    expect(iso(starts('2026-03-05T23:30:00Z', 'day', 'Europe/Berlin', 1))).toEqual(['2026-03-05T23:00']);
  });

  test('are as long as their days are when clocks change', () => {
    // 23 hours, and 25.
    expect(iso(starts('2026-03-29T12:00:00Z', 'day', 'Europe/Berlin', 2))).toEqual([
      '2026-03-28T23:00',
      '2026-03-29T22:00',
    ]);
    expect(iso(starts('2026-10-25T12:00:00Z', 'day', 'Europe/Berlin', 2))).toEqual([
      '2026-10-24T22:00',
      '2026-10-25T23:00',
    ]);
    // The clock shows 02:00 twice, and each has an hour of its own.
    expect(iso(starts('2026-10-25T00:00:00Z', 'hour', 'Europe/Berlin', 3))).toEqual([
      '2026-10-25T00:00',
      '2026-10-25T01:00',
      '2026-10-25T02:00',
    ]);
    // Clocks skipped midnight.
    expect(iso(starts('2018-11-04T12:00:00Z', 'day', 'America/Sao_Paulo', 2))).toEqual([
      '2018-11-04T03:00',
      '2018-11-05T02:00',
    ]);
  });

  test('have each moment in one, whatever the zone', () => {
    const zones = [
      'UTC',
      'Europe/Berlin',
      'America/Sao_Paulo',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
      'Pacific/Apia',
    ];
    fc.assert(
      fc.property(
        fc.integer({ min: Date.parse('1900-01-01T00:00:00Z'), max: Date.parse('2100-01-01T00:00:00Z') }),
        fc.constantFrom(...BUCKETS),
        fc.constantFrom(...zones),
        (ms, bucket, zone) => {
          const found = starts(ms, bucket, zone, 40);
          expect(found[0]).toBeLessThanOrEqual(ms);
          expect(found[1]).toBeGreaterThan(ms);
          expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b));
          expect(found.length - 1).toBeLessThanOrEqual(mostBuckets(ms, (found.at(-1) ?? 0) - 1, bucket));
          // Going on from an edge finds the same ones.
          expect(starts(found[20] ?? 0, bucket, zone, 20)).toEqual(found.slice(20));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('begin no earlier than time does', () => {
    for (const bucket of BUCKETS) expect(starts(EARLIEST, bucket, 'Asia/Tokyo', 1)).toEqual([EARLIEST]);
  });
});
