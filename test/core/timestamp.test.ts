import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EARLIEST,
  formatTimestamp,
  isStoredTimestamp,
  LATEST,
  normalizeTimestamp,
  parseTimestamp,
} from '../../src/core/timestamp.js';

const instant = fc.integer({ min: EARLIEST, max: LATEST });

test('formatting and parsing are inverse over all the years', () => {
  fc.assert(
    fc.property(instant, (ms) => {
      expect(parseTimestamp(formatTimestamp(ms))).toBe(ms);
    }),
  );
});

test('the text order of formatted times is their order', () => {
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      expect(formatTimestamp(a) < formatTimestamp(b)).toBe(a < b);
    }),
  );
});

test('what Date says, this says', () => {
  fc.assert(
    fc.property(instant, fc.integer({ min: -1439, max: 1439 }), (ms, minutes) => {
      const sign = minutes < 0 ? '-' : '+';
      const offset = new Date(Math.abs(minutes) * 60_000).toISOString().slice(11, 16);
      const text = `${new Date(ms).toISOString().slice(0, -1)}${sign}${offset}`;
      const expected = Date.parse(text);
      fc.pre(expected >= EARLIEST && expected <= LATEST);
      expect(parseTimestamp(text)).toBe(expected);
    }),
  );
});

describe('accepted forms', () => {
  test.each([
    ['2026-03-05T14:07Z', '2026-03-05T14:07:00.000Z'],
    ['2026-03-05T14:07:09Z', '2026-03-05T14:07:09.000Z'],
    ['2026-03-05T14:07:09.1Z', '2026-03-05T14:07:09.100Z'],
    ['2026-03-05T14:07:09.12Z', '2026-03-05T14:07:09.120Z'],
    ['2026-03-05T14:07:09.1239999999Z', '2026-03-05T14:07:09.123Z'],
    ['1969-12-31T23:59:59.9999Z', '1969-12-31T23:59:59.999Z'],
    ['2026-03-05T14:07+02:00', '2026-03-05T12:07:00.000Z'],
    ['2026-03-05T14:07:09.5-05:30', '2026-03-05T19:37:09.500Z'],
    ['2024-02-29T00:00Z', '2024-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00Z', '0001-01-01T00:00:00.000Z'],
    ['0099-12-31T00:00Z', '0099-12-31T00:00:00.000Z'],
    ['9999-12-31T23:59:59.9999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s', (text, expected) => {
    expect(normalizeTimestamp(text)).toBe(expected);
    expect(formatTimestamp(parseTimestamp(text))).toBe(expected);
  });
});

describe('what the calendar does not have', () => {
  test.each([
    '2026-02-30T00:00Z',
    '2026-02-29T00:00Z',
    '1900-02-29T00:00Z',
    '2026-00-10T00:00Z',
    '2026-13-10T00:00Z',
    '2026-01-00T00:00Z',
    '2026-04-31T00:00Z',
    '2026-03-05T24:00Z',
    '2026-03-05T14:60Z',
    '2026-12-31T23:59:60Z',
    '2026-03-05T14:07+24:00',
    '2026-03-05T14:07+02:60',
    '0000-12-31T23:00Z',
    // Both become years out of range only in UTC, or only before.
    '0001-01-01T00:00+01:00',
    '0000-12-31T23:30-01:00',
    '9999-12-31T23:30-01:00',
  ])('%s', (text) => {
    expect(() => parseTimestamp(text)).toThrow(`"${text}" does not exist in the calendar of the years 0001 to 9999`);
  });
});

describe('other forms', () => {
  test.each([
    '',
    'now',
    '2026-03-05',
    '2026-03-05T14:07',
    '2026-03-05T14:07:09.123',
    '2026-03-05T14:07:09.Z',
    '2026-03-05T14:07:09,5Z',
    '2026-03-05 14:07Z',
    '2026-03-05T14:07z',
    '2026-03-05t14:07Z',
    '2026-03-05T14:07+0200',
    '2026-03-05T14:07+02',
    '2026-3-5T14:07Z',
    '+02026-03-05T14:07Z',
    ' 2026-03-05T14:07Z',
    '2026-03-05T14:07Z\n',
    '٢٠٢٦-03-05T14:07Z',
  ])('%j', (text) => {
    expect(() => parseTimestamp(text)).toThrow(
      expect.objectContaining({ kind: 'data', message: expect.stringContaining('is not a full time') }),
    );
  });
});

test('only the one form is the stored one', () => {
  expect(isStoredTimestamp('2026-03-05T14:07:09.123Z')).toBe(true);
  expect(isStoredTimestamp('2026-02-30T14:07:09.123Z')).toBe(false);
  expect(isStoredTimestamp('2026-03-05T14:07:09.12Z')).toBe(false);
  expect(isStoredTimestamp('2026-03-05T14:07:09.1234Z')).toBe(false);
  // As long as the stored form.
  expect(isStoredTimestamp('2026-03-05T14:07:0+02:00')).toBe(false);
  expect(isStoredTimestamp('2026-03-05T14:07:09.123z')).toBe(false);
});

test.each([EARLIEST - 1, LATEST + 1, Number.NaN, Number.POSITIVE_INFINITY])('%d is not formatted', (ms) => {
  expect(() => formatTimestamp(ms)).toThrow('is not in the years 0001 to 9999');
});
