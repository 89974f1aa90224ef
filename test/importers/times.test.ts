import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { SourceValue } from '../../src/core/import.js';
import { formatTimestamp, parseTimestamp } from '../../src/core/timestamp.js';
import { EPOCH_UNITS, epochTime, timeOf } from '../../src/importers/times.js';

function told(value: SourceValue, zone?: string): string {
  const { ms, finer } = timeOf(value, 'created_at', zone);
  return `${formatTimestamp(ms)}${finer === '' ? '' : ` +${finer}`}`;
}

describe('a time as it stands in a source', () => {
  test.each<[SourceValue, string]>([
    // Epochs: seconds, milliseconds and microseconds, by their size.
    [1772000000, '2026-02-25T06:13:20.000Z'],
    [1772000000n, '2026-02-25T06:13:20.000Z'],
    ['1772000000', '2026-02-25T06:13:20.000Z'],
    [1772000000.25, '2026-02-25T06:13:20.250Z'],
    ['1772000000.123456', '2026-02-25T06:13:20.123Z +456'],
    [1772000000123, '2026-02-25T06:13:20.123Z'],
    [1772000000123n, '2026-02-25T06:13:20.123Z'],
    ['1772000000123.5', '2026-02-25T06:13:20.123Z +5'],
    ['1772000000123456', '2026-02-25T06:13:20.123Z +456'],
    [1.772e9, '2026-02-25T06:13:20.000Z'],
    ['1.772e9', '2026-02-25T06:13:20.000Z'],
    // As Java prints a double, and a database a large one.
    ['1.772000000123456E9', '2026-02-25T06:13:20.123Z +456'],
    ['1.772000000123456e+15', '2026-02-25T06:13:20.123Z +456'],
    ['177200000012.3e-2', '2026-02-25T06:13:20.123Z'],
    ['1772000000123456789', '2026-02-25T06:13:20.123Z +456789'],
    [1_772_000_000_123_456_789n, '2026-02-25T06:13:20.123Z +456789'],
    // The edges of what is certain.
    ['946684800', '2000-01-01T00:00:00.000Z'],
    ['4133980799', '2100-12-31T23:59:59.000Z'],
    // SQLite, Python, psql.
    ['2026-03-05T14:07:09Z', '2026-03-05T14:07:09.000Z'],
    ['2026-03-05T14:07:09+00:00', '2026-03-05T14:07:09.000Z'],
    ['2026-03-05T14:07:09.123456+00:00', '2026-03-05T14:07:09.123Z +456'],
    ['2026-02-28T23:59:59.999999+00:00', '2026-02-28T23:59:59.999Z +999'],
    ['2026-11-20 08:18:00.244+00', '2026-11-20T08:18:00.244Z'],
    ['2026-11-20 13:48:00.244+05:30', '2026-11-20T08:18:00.244Z'],
    ['2026-11-20 13:48:00.244+0530', '2026-11-20T08:18:00.244Z'],
    ['2026-11-20 08:18:00 UTC', '2026-11-20T08:18:00.000Z'],
    ['2026-11-20 08:18Z', '2026-11-20T08:18:00.000Z'],
    ['9999-12-31T23:59:59.999999+00:00', '9999-12-31T23:59:59.999Z +999'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ])('%s is %s', (value, expected) => {
    expect(told(value)).toBe(expected);
  });

  test.each<SourceValue>([
    '0000-01-01T00:00:00Z',
    '0000-12-31T23:30:00-01:00x',
    '9999-12-31T23:59:59-01:00',
    '+010000-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-02-28T24:00:00Z',
    '2016-12-31T23:59:60Z',
    '0044-03-15 12:00:00+00 BC',
    'infinity',
    'yesterday',
    '',
    '1.2.3',
    -62167219200,
    '1e400',
    '1e-400',
    'e9',
    '1e',
    10_000_000_000_000_000_000_000n,
  ])('%s is refused, by its value', (value) => {
    expect(() => told(value)).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(() => told(value)).toThrow(/^created_at /);
  });

  test.each<[SourceValue, string]>([
    ['20240131', '2024-01-31T00:00:00.000Z as yyyyMMdd'],
    [20240131, '2024-01-31T00:00:00.000Z as yyyyMMdd'],
    ['2024013112', '2024-01-31T12:00:00.000Z as yyyyMMddHH or 2034-02-20T01:51:52.000Z as s'],
    ['202401311200', '2024-01-31T12:00:00.000Z as yyyyMMddHHmm'],
    ['20240131120000', '2024-01-31T12:00:00.000Z as yyyyMMddHHmmss'],
    ['20240131120000.5', '2024-01-31T12:00:00.000Z as yyyyMMddHHmmss'],
    [2.0240131e7, '2024-01-31T00:00:00.000Z as yyyyMMdd'],
    ['20240131120000123', '2024-01-31T12:00:00.123Z as yyyyMMddHHmmssSSS'],
    ['45322.5', '2024-01-31T12:00:00.000Z as excel'],
    ['133511760000000000', '2024-01-31T12:00:00.000Z as filetime'],
    ['177200000012', 'counted from 1970 it is not in the years 2000 to 2100'],
    ['0', 'counted from 1970 it is not in the years 2000 to 2100'],
    ['-1', 'counted from 1970 it is not in the years 2000 to 2100'],
    ['946684799', 'counted from 1970 it is not in the years 2000 to 2100'],
    ['4133980800', 'counted from 1970 it is not in the years 2000 to 2100'],
  ])('%s is refused, with what it could be: %s', (value, could) => {
    expect(() => told(value)).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(() => told(value)).toThrow(could);
  });

  test('digits that are a date are never an epoch, and all others of the years 2000 to 2100 are', () => {
    const dates = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, fc.constantFrom(8, 10, 12, 14, 17), (date, length) => {
        const digits = date.toISOString().replaceAll(/\D/g, '').slice(0, length);
        expect(() => told(digits)).toThrow('could be');
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 946_684_800_000, max: 1_970_010_099_999 }), (ms) => {
        expect(timeOf(String(Math.floor(ms / 1000)), 'ts', undefined).ms).toBe(Math.floor(ms / 1000) * 1000);
        if (ms >= 1e12) expect(timeOf(ms, 'ts', undefined).ms).toBe(ms);
        expect(timeOf(`${ms}000`, 'ts', undefined).ms).toBe(ms);
        expect(timeOf(`${ms}000000`, 'ts', undefined).ms).toBe(ms);
      }),
    );
  });

  test('a wrong form is not called a wrong year', () => {
    expect(() => told('yesterday')).toThrow('created_at "yesterday" is not a time, such as');
    expect(() => told('2026-02-30T00:00:00Z')).toThrow('is not a time of the calendar');
  });

  test('nothing is refused, too', () => {
    expect(() => timeOf(null, 'ts', undefined)).toThrow('ts is missing');
    expect(() => timeOf(undefined, 'ts', undefined)).toThrow('ts is missing');
  });

  test('without an offset it needs a zone', () => {
    expect(() => told('2026-03-05 14:07:09')).toThrow(expect.objectContaining({ kind: 'usage' }));
    expect(told('2026-03-05 14:07:09', 'UTC')).toBe('2026-03-05T14:07:09.000Z');
    expect(told('2026-03-05 14:07:09.1234567', 'Europe/Paris')).toBe('2026-03-05T13:07:09.123Z +4567');
    expect(told('2026-07-05T14:07', 'Europe/Paris')).toBe('2026-07-05T12:07:00.000Z');
    expect(told('2026-07-05', 'Europe/Paris')).toBe('2026-07-04T22:00:00.000Z');
    // An offset of its own wins.
    expect(told('2026-03-05 14:07:09+00', 'Europe/Paris')).toBe('2026-03-05T14:07:09.000Z');
  });

  test.each(['2026-07-01', '2026-12-01'])('means the same at any time of the year, as on %s', (today) => {
    vi.useFakeTimers({ now: new Date(today) });
    onTestFinished(() => void vi.useRealTimers());
    // What clocks showed twice is the first, what they skipped is read as if they had not yet: nothing is dropped.
    expect(told('2026-10-25 02:30:00.5', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.500Z');
    expect(told('2026-03-29 02:30:00', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
    expect(told('2026-11-01 01:30:00', 'America/New_York')).toBe('2026-11-01T05:30:00.000Z');
    expect(told('2026-04-05 01:45:00', 'Australia/Lord_Howe')).toBe('2026-04-04T14:45:00.000Z');
    // Before zones there was local time, and a day that a whole island skipped.
    expect(told('1890-01-01 00:00:00', 'Europe/Berlin')).toBe('1889-12-31T23:06:32.000Z');
    expect(told('2011-12-30 12:00:00', 'Pacific/Apia')).toBe('2011-12-30T22:00:00.000Z');
  });

  test('cuts and never rounds: finer digits change no order', () => {
    const moment = fc.record({
      ms: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
      digits: fc.stringMatching(/^\d{0,6}$/),
    });
    fc.assert(
      fc.property(moment, ({ ms, digits }) => {
        const text = formatTimestamp(ms).replace('Z', `${digits}+00:00`);
        expect(timeOf(text, 'ts', undefined)).toEqual({ ms, finer: digits.replace(/0+$/, '') });
      }),
    );
  });

  test.each(['s', 'ms', 'us', 'ns'] as const)('a number of %s says what the same moment says as text', (unit) => {
    const digits = EPOCH_UNITS[unit];
    fc.assert(
      fc.property(
        fc.integer({ min: -62_135_596_799, max: 99_999_999_999 }),
        fc.integer({ min: 0, max: 999_999 }),
        (seconds, micros) => {
          const exact = BigInt(seconds) * 1_000_000n + (seconds < 0 ? -1n : 1n) * BigInt(micros);
          const all = `${seconds}${String(micros).padStart(6, '0').padEnd(9, '0')}`;
          const text = `${all.slice(0, all.length - 9 + digits)}.${all.slice(all.length - 9 + digits)}`.replace(
            /\.$/,
            '',
          );
          const { ms, finer } = epochTime(text, unit) ?? { ms: 0, finer: 'none' };
          expect(BigInt(ms) * 1000n + BigInt(finer.padEnd(3, '0').slice(0, 3))).toBe(exact);
        },
      ),
    );
  });

  test.each([
    ['-5e-1', '1969-12-31T23:59:59.500Z', ''],
    ['0', '1970-01-01T00:00:00.000Z', ''],
    ['99999999999', '5138-11-16T09:46:39.000Z', ''],
    // Before 1970, cut towards the past.
    ['-0.0001', '1969-12-31T23:59:59.999Z', '9'],
    ['-1.000250', '1969-12-31T23:59:58.999Z', '75'],
    ['-62135596800', '0001-01-01T00:00:00.000Z', ''],
  ])('%s seconds are %s, where it is said that they are seconds', (text, expected, finer) => {
    expect(epochTime(text, 's')).toEqual({ ms: Date.parse(expected), finer });
    expect(epochTime('-62135596801', 's')).toBeUndefined();
  });

  test('is a stored time as it is', () => {
    expect(timeOf('2026-03-05T14:07:09.123Z', 'ts', undefined).ms).toBe(parseTimestamp('2026-03-05T14:07:09.123Z'));
  });
});
