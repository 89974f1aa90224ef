import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTime } from '../../src/core/period.js';
import { isStoredTimestamp, normalizeTimestamp, plainForm, readTimestamp } from '../../src/core/timestamp.js';
import { clockFor } from '../../src/terminal/time.js';
import { timeText } from '../../src/format/words.js';
import { timeOf } from '../../src/importers/times.js';

const CLOCK = { now: Date.parse('2026-11-30T12:00:00Z'), zone: 'Europe/Berlin' };

describe('a time as other programs write it', () => {
  test.each([
    ['2026-11-30 08:13:14+00', '2026-11-30T08:13:14.000Z'],
    ['2026-11-30 08:13:14.256512+00', '2026-11-30T08:13:14.256Z'],
    ['2026-11-30 13:43:14+05:30', '2026-11-30T08:13:14.000Z'],
    ['2026-11-30T08:13:14+0000', '2026-11-30T08:13:14.000Z'],
    ['2026-11-30T13:43:14+0530', '2026-11-30T08:13:14.000Z'],
    ['Mon 2026-11-30 08:13:14.845 UTC', '2026-11-30T08:13:14.845Z'],
    ['Mon 2026-11-30 09:13:14.845 Europe/Berlin +01:00', '2026-11-30T08:13:14.845Z'],
    ['2026-11-30 08:13:14Z', '2026-11-30T08:13:14.000Z'],
  ])('%s is the instant %s, on the command line, in data and in a source', (text, expected) => {
    const ms = Date.parse(expected);
    expect(parseTime(text, CLOCK)).toEqual({ kind: 'instant', ms });
    expect(readTimestamp(text)).toBe(ms);
    expect(normalizeTimestamp(text)).toBe(expected);
    expect(timeOf(text, 'ts', undefined).ms).toBe(ms);
  });

  test('is what `show` prints, in any zone', async () => {
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Etc/GMT+5');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: Date.UTC(1980, 0), max: Date.UTC(2099, 0) }), zone, async (ms, name) => {
        const text = timeText(await clockFor(name), new Date(ms).toISOString());
        expect(parseTime(text, CLOCK)).toEqual({ kind: 'instant', ms });
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    'Tue 2026-11-30 08:13:14 UTC',
    '2026-11-30 08:13:14 Europe/Berlin',
    '2026-11-30  08:13:14+00',
    '2026-11-30 08:13:14+0',
    '2026-11-30 08:13:14+00:0',
    '2026-11-30 08:13:14 CET',
    '2026-11-30 08:13:14 Z',
    '2026-11-30 08:13:14',
    '2026-11-30 08:13+00',
  ])('%s is refused', (text) => {
    expect(() => parseTime(text, CLOCK)).toThrow('is not a time');
    expect(plainForm(text)).toBeUndefined();
    expect(readTimestamp(text)).toBeNaN();
  });

  test('is not stored as it is', () => {
    expect(isStoredTimestamp('2026-11-30 08:13:14.845Z')).toBe(false);
  });
});
