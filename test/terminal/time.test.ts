import { describe, expect, test } from 'vitest';
import { clockFor } from '../../src/terminal/time.js';

describe('clockFor', () => {
  test.each(['UTC', 'utc', 'Etc/UTC'])('%s takes times as they are', async (zone) => {
    const clock = await clockFor(zone);
    expect(clock.zone).toBe('UTC');
    expect(clock.iso('2026-03-05T14:07:09.123Z')).toBe('2026-03-05T14:07:09.123Z');
    expect(clock.text('2026-03-05T14:07:09.123Z')).toEqual({
      date: '2026-03-05',
      weekday: 'Thu',
      time: '14:07:09.123',
      zone: 'UTC',
      offset: '',
    });
  });

  test.each([
    ['Europe/Berlin', '2026-03-05T23:30:00.001Z', '2026-03-06T00:30:00.001+01:00', 'Fri'],
    ['Europe/Berlin', '2025-10-26T00:30:00.000Z', '2025-10-26T02:30:00.000+02:00', 'Sun'],
    ['Europe/Berlin', '2025-10-26T01:30:00.000Z', '2025-10-26T02:30:00.000+01:00', 'Sun'],
    ['America/St_Johns', '2026-01-01T02:00:00.000Z', '2025-12-31T22:30:00.000-03:30', 'Wed'],
    ['Asia/Kathmandu', '2026-01-01T00:00:00.000Z', '2026-01-01T05:45:00.000+05:45', 'Thu'],
    ['Europe/London', '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000+00:00', 'Thu'],
  ])('%s: %s is %s', async (zone, ts, iso, weekday) => {
    const clock = await clockFor(zone);
    expect(clock.iso(ts)).toBe(iso);
    expect(Date.parse(clock.iso(ts))).toBe(Date.parse(ts));
    expect(clock.text(ts)).toEqual({
      date: iso.slice(0, 10),
      weekday,
      time: iso.slice(11, 23),
      zone: `${zone} ${iso.slice(23)}`,
      offset: iso.slice(23),
    });
  });

  test.each(['0001-01-01T00:00:00.000Z', '1850-06-01T12:00:00.000Z', '9999-12-31T23:59:59.999Z'])(
    '%s, which no offset can write, stays in UTC',
    async (ts) => {
      const clock = await clockFor('Europe/Berlin');
      expect(clock.iso(ts)).toBe(ts);
      expect(clock.text(ts)).toMatchObject({ date: ts.slice(0, 10), time: ts.slice(11, 23), zone: 'UTC' });
    },
  );

  test('local is the zone of this machine', async () => {
    const clock = await clockFor('local');
    expect(clock.zone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
  });

  test.each(['Nowhere/Land', ''])('%j is no zone', async (zone) => {
    await expect(clockFor(zone)).rejects.toMatchObject({ kind: 'usage', message: `no such time zone: ${zone}` });
  });
});
