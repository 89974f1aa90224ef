import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseTime,
  resolveAt,
  resolveBefore,
  resolveIn,
  resolveInstant,
  resolveSince,
  resolveUntil,
  resolveZone,
  type Clock,
} from '../../src/core/period.js';
import { EARLIEST, formatTimestamp, LATEST, parseTimestamp } from '../../src/core/timestamp.js';

/** A Thursday in week 10. */
const NOW = parseTimestamp('2026-03-05T14:07:09.123Z');

const clockIn = (zone = 'UTC', now = NOW): Clock => ({ now, zone });

const minute = (ms: number): string => new Date(ms).toISOString().replace(/:00\.000Z$/, '');

/** `instant`, or `start..end`. */
function shown(text: string, clock: Clock = clockIn()): string {
  const time = parseTime(text, clock);
  return time.kind === 'instant' ? formatTimestamp(time.ms) : `${minute(time.start)}..${minute(time.end)}`;
}

describe('instants', () => {
  test.each([
    ['2026-03-05T14:07', 'UTC', '2026-03-05T14:07:00.000Z'],
    ['2026-03-05T14:07:09', 'UTC', '2026-03-05T14:07:09.000Z'],
    ['2026-03-05T14:07:09.1239', 'UTC', '2026-03-05T14:07:09.123Z'],
    ['2026-03-05T14:07', 'Europe/Berlin', '2026-03-05T13:07:00.000Z'],
    ['2026-07-05T14:07', 'Europe/Berlin', '2026-07-05T12:07:00.000Z'],
    ['2026-03-05T14:07Z', 'Europe/Berlin', '2026-03-05T14:07:00.000Z'],
    ['2026-03-05T14:07:09.5+02:00', 'Europe/Berlin', '2026-03-05T12:07:09.500Z'],
    ['2026-03-05T14:07-05:30', 'Europe/Berlin', '2026-03-05T19:37:00.000Z'],
    ['@1700000000', 'Europe/Berlin', '2023-11-14T22:13:20.000Z'],
    ['@-1', 'UTC', '1969-12-31T23:59:59.000Z'],
    ['now', 'Europe/Berlin', '2026-03-05T14:07:09.123Z'],
    ['90d', 'UTC', '2025-12-05T14:07:09.123Z'],
    ['1mo', 'UTC', '2026-02-05T14:07:09.123Z'],
    // Summer time ends: 02:30 comes twice, and the earlier one is meant.
    ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
  ])('%s in %s', (text, zone, expected) => {
    expect(shown(text, clockIn(zone))).toBe(expected);
  });

  test('a local time that clocks skip does not exist', () => {
    expect(() => shown('2026-03-29T02:30', clockIn('Europe/Berlin'))).toThrow(
      'time "2026-03-29T02:30" does not exist in Europe/Berlin: clocks skipped it',
    );
    expect(shown('2026-03-29T03:00', clockIn('Europe/Berlin'))).toBe('2026-03-29T01:00:00.000Z');
  });

  test('a local time is what the clocks of its zone show', () => {
    const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe');
    fc.assert(
      fc.property(zones, fc.integer({ min: 0, max: 4_000_000_000 }), (zone, seconds) => {
        const ms = seconds * 1000;
        const local = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium', timeZone: zone })
          .format(ms)
          .replace(' ', 'T');
        const read = resolveInstant(local, clockIn(zone));
        // In the hour that comes twice, the earlier one.
        expect([ms, ms - 3_600_000, ms - 1_800_000]).toContain(read);
      }),
    );
  });
});

describe('periods', () => {
  test.each([
    ['2026', '2026-01-01T00:00..2027-01-01T00:00'],
    ['2026-Q1', '2026-01-01T00:00..2026-04-01T00:00'],
    ['2026-Q4', '2026-10-01T00:00..2027-01-01T00:00'],
    ['2026-03', '2026-03-01T00:00..2026-04-01T00:00'],
    ['2026-W12', '2026-03-16T00:00..2026-03-23T00:00'],
    // ISO weeks begin on Monday, and the first holds the first Thursday.
    ['2026-W01', '2025-12-29T00:00..2026-01-05T00:00'],
    ['2026-W53', '2026-12-28T00:00..2027-01-04T00:00'],
    ['2026-03-05', '2026-03-05T00:00..2026-03-06T00:00'],
    ['2024-02-29', '2024-02-29T00:00..2024-03-01T00:00'],
    ['0005-03', '0005-03-01T00:00..0005-04-01T00:00'],
    ['today', '2026-03-05T00:00..2026-03-06T00:00'],
    ['Yesterday', '2026-03-04T00:00..2026-03-05T00:00'],
    ['this-week', '2026-03-02T00:00..2026-03-09T00:00'],
    ['last-week', '2026-02-23T00:00..2026-03-02T00:00'],
    ['this-month', '2026-03-01T00:00..2026-04-01T00:00'],
    ['last-month', '2026-02-01T00:00..2026-03-01T00:00'],
    ['this-quarter', '2026-01-01T00:00..2026-04-01T00:00'],
    ['last-quarter', '2025-10-01T00:00..2026-01-01T00:00'],
    ['this-year', '2026-01-01T00:00..2027-01-01T00:00'],
    ['last-year', '2025-01-01T00:00..2026-01-01T00:00'],
    ['march', '2026-03-01T00:00..2026-04-01T00:00'],
    ['February', '2026-02-01T00:00..2026-03-01T00:00'],
    ['april', '2025-04-01T00:00..2025-05-01T00:00'],
    ['DECEMBER', '2025-12-01T00:00..2026-01-01T00:00'],
    ['march-2025', '2025-03-01T00:00..2025-04-01T00:00'],
    ['may-2030', '2030-05-01T00:00..2030-06-01T00:00'],
  ])('%s', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  test.each([
    ['2026-03-05', 'Europe/Berlin', '2026-03-04T23:00..2026-03-05T23:00'],
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00..2026-03-29T22:00'],
    ['2026-10-25', 'Europe/Berlin', '2026-10-24T22:00..2026-10-25T23:00'],
    ['2026-03', 'America/New_York', '2026-03-01T05:00..2026-04-01T04:00'],
    // Clocks skip midnight there: the day begins at one, and the next one at midnight.
    ['2017-10-15', 'America/Sao_Paulo', '2017-10-15T03:00..2017-10-16T02:00'],
    ['2011-12-29', 'Pacific/Apia', '2011-12-29T10:00..2011-12-30T10:00'],
    ['2011-12-31', 'Pacific/Apia', '2011-12-30T10:00..2011-12-31T10:00'],
  ])('%s in %s', (text, zone, expected) => {
    expect(shown(text, clockIn(zone))).toBe(expected);
  });

  test('today is the day of the zone', () => {
    const late = parseTimestamp('2026-03-31T23:30Z');
    expect(shown('today', clockIn('Asia/Tokyo', late))).toBe('2026-03-31T15:00..2026-04-01T15:00');
    expect(shown('april', clockIn('Asia/Tokyo', late))).toBe('2026-03-31T15:00..2026-04-30T15:00');
    expect(shown('april', clockIn('UTC', late))).toBe('2025-04-01T00:00..2025-05-01T00:00');
  });

  test('a day that clocks skip does not exist', () => {
    expect(() => shown('2011-12-30', clockIn('Pacific/Apia'))).toThrow(
      'time "2011-12-30" does not exist in Pacific/Apia: clocks skipped it',
    );
  });

  test('they end with the years that there are', () => {
    expect(parseTime('0001', clockIn('Europe/Berlin'))).toMatchObject({ start: EARLIEST });
    expect(parseTime('9999', clockIn('America/New_York'))).toMatchObject({ end: LATEST + 1 });
    expect(resolveUntil('9999', clockIn())).toBe(LATEST);
  });

  test('each one ends where the next one begins, and holds its days', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Africa/Cairo', 'America/Sao_Paulo', 'Pacific/Apia');
    fc.assert(
      fc.property(zones, fc.integer({ min: 1950, max: 2050 }), fc.integer({ min: 1, max: 11 }), (zone, year, month) => {
        const name = (number: number): string => `${year}-${String(number).padStart(2, '0')}`;
        const clock = clockIn(zone);
        expect(resolveUntil(name(month), clock) + 1).toBe(resolveSince(name(month + 1), clock));
        expect(resolveSince(name(month), clock)).toBe(resolveSince(`${name(month)}-01`, clock));
        expect(resolveSince(String(year), clock)).toBe(resolveSince(`${year}-Q1`, clock));
      }),
    );
  });
});

describe('refused', () => {
  test.each([
    ['', 'is not a time: write an instant, such as 2026-03-05T14:07'],
    ['tomorrow', 'is not a time'],
    ['mar', 'is not a time'],
    ['march-25', 'is not a time'],
    ['-2025', 'has a sign'],
    ['this-day', 'is not a time'],
    ['not-this-week', 'is not a time'],
    ['this-weekend', 'is not a time'],
    ['2026-03-05 14:07', 'is not a time'],
    ['2026-03-05T14', 'is not a time'],
    ['2026-03-05T14:07+0200', 'is not a time'],
    ['2026-3', 'is not a time'],
    ['2026-W1', 'is not a time'],
    ['@', 'is not a time'],
    ['@1.5', 'is not a time'],
    ['2026-02-30', 'does not exist in the calendar'],
    ['2026-13', 'does not exist in the calendar'],
    ['2026-Q0', 'does not exist in the calendar'],
    ['2026-Q5', 'does not exist in the calendar'],
    ['2025-W53', 'does not exist in the calendar'],
    ['2026-W00', 'does not exist in the calendar'],
    ['0000', 'does not exist in the calendar'],
    ['march-0000', 'does not exist in the calendar'],
    ['2026-02-30T00:00', 'does not exist in the calendar'],
    ['2026-03-05T24:00Z', 'does not exist in the calendar'],
    ['@1700000000000', 'is not in the years 0001 to 9999'],
    ['1700000000', 'is a bare number: write 1700000000d for so many days ago, or @1700000000'],
    ['90', 'is a bare number'],
    ['3M', 'could be minutes or months'],
    ['3m', 'could be minutes or months'],
    ['3 days', 'holds a space'],
    ['3000y', 'goes back beyond the year 0001'],
  ])('%j', (text, reason) => {
    expect(() => parseTime(text, clockIn())).toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(reason) }),
    );
  });

  test('a local time whose instant lies outside the years', () => {
    expect(() => parseTime('0001-01-01T00:00', clockIn('Asia/Tokyo'))).toThrow('is not in the years 0001 to 9999');
  });
});

test('what each option makes of a period and of an instant', () => {
  const start = parseTimestamp('2026-02-01T00:00Z');
  const end = parseTimestamp('2026-02-28T23:59:59.999Z');
  const clock = clockIn();
  expect(resolveSince('2026-02', clock)).toBe(start);
  expect(resolveBefore('2026-02', clock)).toBe(start);
  expect(resolveUntil('2026-02', clock)).toBe(end);
  expect(resolveAt('2026-02', clock)).toBe(end);
  expect(resolveIn('2026-02', clock)).toEqual({ since: start, until: end });
  for (const resolve of [resolveSince, resolveBefore, resolveUntil, resolveAt, resolveInstant]) {
    expect(resolve('now', clock)).toBe(NOW);
  }
  expect(() => resolveIn('now', clock)).toThrow('time "now" is an instant, and a period is wanted');
  expect(() => resolveInstant('2026-02', clock)).toThrow('time "2026-02" is a period, and an instant is wanted');
});

describe('zones', () => {
  test.each([
    ['UTC', 'UTC'],
    ['utc', 'UTC'],
    ['Europe/Berlin', 'Europe/Berlin'],
    ['Asia/Calcutta', 'Asia/Calcutta'],
    ['local', Intl.DateTimeFormat().resolvedOptions().timeZone],
  ])('%s', (text, expected) => {
    expect(resolveZone(text)).toBe(expected);
  });

  test.each(['', 'Europe/Atlantis', '+02:00', 'GMT+2', 'Berlin'])('%j is not known', (text) => {
    expect(() => resolveZone(text)).toThrow(`time zone ${JSON.stringify(text)} is not known`);
  });
});
