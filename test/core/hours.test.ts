import fc from 'fast-check';
import { DateTime } from 'luxon';
import { expect, test } from 'vitest';
import { byWeekday, clockChanges, hourOfWeek } from '../../src/core/hours.js';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Africa/Casablanca',
];

test('the changes of a zone give the hour of the week that its calendar shows', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: Date.UTC(1899, 0), max: Date.UTC(2090, 0) }),
      fc.integer({ min: 0, max: 3 * 366 * 86_400_000 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }),
      (zone, from, length, places) => {
        const changes = clockChanges(from, from + length, zone);
        expect(changes[0]?.since).toBe(from);
        const edges = changes.flatMap(({ since }) => [since - 1, since]).filter((ms) => ms >= from);
        for (const ms of [...edges, ...places.map((place) => from + Math.floor(place * length))]) {
          const { weekday, hour } = DateTime.fromMillis(ms, { zone });
          const offset = changes.findLast(({ since }) => since <= ms)?.offset ?? NaN;
          expect(hourOfWeek(ms, offset), new Date(ms).toISOString()).toBe((weekday - 1) * 24 + hour);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('the whole time that entries can have is looked through', () => {
  const changes = clockChanges(
    Date.parse('0001-01-01T00:00:00Z'),
    Date.parse('9999-12-31T23:59:59Z'),
    'Asia/Kathmandu',
  );
  // The time of its sun, five and a half hours, and since 1986 five and three quarters.
  expect(changes.map(({ offset }) => Math.round(offset / 60_000))).toEqual([341, 330, 345]);
});

test('a week has its days from Monday on', () => {
  const week = byWeekday(Array.from({ length: 168 }, (_, hour) => hour));
  expect(week.map((day) => [day[0], day.length])).toEqual([0, 1, 2, 3, 4, 5, 6].map((day) => [day * 24, 24]));
});
