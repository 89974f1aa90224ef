import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { before, fixedMilliseconds, parseDuration } from '../../src/core/duration.js';
import { formatTimestamp, parseTimestamp } from '../../src/core/timestamp.js';

const ago = (now: string, text: string, zone = 'UTC'): string =>
  formatTimestamp(before(parseTimestamp(now), parseDuration(text), zone));

test('a whole number and a unit', () => {
  expect(parseDuration('90d')).toEqual({ amount: 90, unit: 'd', text: '90d' });
  expect(parseDuration('3mo')).toEqual({ amount: 3, unit: 'mo', text: '3mo' });
  expect(parseDuration('0s').amount).toBe(0);
});

describe('refused, saying why', () => {
  test.each([
    ['', 'is empty'],
    ['90', 'has no unit: write 90d'],
    ['3m', 'could be minutes or months: write 3min or 3mo'],
    ['3M', 'could be minutes or months: write 3min or 3mo'],
    ['1.5h', 'is not a whole number:'],
    ['1,5h', 'is not a whole number:'],
    ['1.5m', 'is not a whole number:'],
    ['d1.5', 'the units are'],
    ['3d-', 'the units are'],
    ['-3d', 'has a sign'],
    ['+3d', 'has a sign'],
    ['3 d', 'holds a space'],
    ['3d ', 'holds a space'],
    ['d', 'the units are s, min, h, d, w, mo or y'],
    ['3D', 'the units are'],
    ['3days', 'the units are'],
    ['1e3s', 'the units are'],
    ['٣d', 'the units are'],
    ['9007199254740993s', 'is too long'],
  ])('%j', (text, reason) => {
    expect(() => parseDuration(text)).toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(reason) }),
    );
  });
});

describe('before', () => {
  test.each([
    ['2026-03-05T14:07:09.123Z', '10s', '2026-03-05T14:06:59.123Z'],
    ['2026-03-05T14:07:09.123Z', '10min', '2026-03-05T13:57:09.123Z'],
    ['2026-03-05T14:07:09.123Z', '2h', '2026-03-05T12:07:09.123Z'],
    ['2026-03-05T14:07:09.123Z', '90d', '2025-12-05T14:07:09.123Z'],
    ['2026-03-05T14:07:09.123Z', '1w', '2026-02-26T14:07:09.123Z'],
    ['2026-03-31T14:07:09.123Z', '1mo', '2026-02-28T14:07:09.123Z'],
    ['2024-02-29T14:07:09.123Z', '1y', '2023-02-28T14:07:09.123Z'],
    ['2026-03-05T14:07:09.123Z', '14mo', '2025-01-05T14:07:09.123Z'],
  ])('%s, %s', (now, text, expected) => {
    expect(ago(now, text)).toBe(expected);
  });

  test('a day is 24 hours, a month keeps the hour of the zone', () => {
    // Summer time began on 29 March.
    expect(ago('2026-04-05T10:00Z', '10d', 'Europe/Berlin')).toBe('2026-03-26T10:00:00.000Z');
    expect(ago('2026-04-05T10:00Z', '1mo', 'Europe/Berlin')).toBe('2026-03-05T11:00:00.000Z');
  });

  test('months go by the date of the zone', () => {
    // In Auckland it is 31 March already.
    expect(ago('2026-03-30T20:00Z', '1mo', 'Pacific/Auckland')).toBe('2026-02-27T20:00:00.000Z');
    expect(ago('2026-03-30T20:00Z', '1mo')).toBe('2026-02-28T20:00:00.000Z');
  });

  test('not beyond the year 0001', () => {
    for (const text of ['2026y', '9007199254740991y', '9007199254740991mo', '9007199254740991w']) {
      expect(() => ago('2026-03-05T14:07Z', text)).toThrow(`duration "${text}" goes back beyond the year 0001`);
    }
    expect(ago('2026-03-05T14:07Z', '2025y')).toBe('0001-03-05T14:07:00.000Z');
  });
});

test('a fixed length lies between now and before', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5000 }), fc.constantFrom('s', 'min', 'h', 'd', 'w'), (amount, unit) => {
      const duration = parseDuration(`${amount}${unit}`);
      const now = Date.UTC(2026, 2, 5);
      expect(now - before(now, duration, 'Europe/Berlin')).toBe(fixedMilliseconds(duration));
    }),
  );
});

test('months and years have no fixed length', () => {
  expect(fixedMilliseconds(parseDuration('2w'))).toBe(1_209_600_000);
  expect(() => fixedMilliseconds(parseDuration('2mo'))).toThrow('"2mo" has no fixed length');
  expect(() => fixedMilliseconds(parseDuration('2y'))).toThrow('"2y" has no fixed length');
  expect(() => fixedMilliseconds(parseDuration('9007199254740991d'))).toThrow('is too long');
});
