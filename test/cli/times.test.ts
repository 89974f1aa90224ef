import { describe, expect, test } from 'vitest';
import { cli, given, json, ndjson, ok } from '../support/cli.js';

// The clock shows Thursday 2026-03-05T14:07:09.123Z.

/** What a time makes of --since and --until, as the manifest of nothing would have it: the filter as it was resolved. */
async function bounds(...words: string[]): Promise<{ since?: string; until?: string }> {
  const text = await ok(['history', '--explain', ...words]);
  const parameters = JSON.parse(/^parameters: (.*)$/m.exec(text)?.[1] ?? '[]') as unknown[];
  const times = parameters.filter((value): value is number => typeof value === 'number' && Math.abs(value) > 1e9);
  const iso = times.map((ms) => new Date(ms).toISOString());
  const since = words.includes('--since') || words.includes('--in');
  const until = words.includes('--until') || words.includes('--in');
  return { ...(since ? { since: iso[0] } : {}), ...(until ? { until: iso[since ? 1 : 0] } : {}) } as object;
}

const INSTANTS = [
  ['2026-03-05T14:07', '2026-03-05T14:07:00.000Z'],
  ['2026-03-05T14:07:09', '2026-03-05T14:07:09.000Z'],
  ['2026-03-05T14:07:09.123', '2026-03-05T14:07:09.123Z'],
  ['2026-03-05T14:07Z', '2026-03-05T14:07:00.000Z'],
  ['2026-03-05T14:07:09Z', '2026-03-05T14:07:09.000Z'],
  ['2026-03-05T14:07:09.123+02:00', '2026-03-05T12:07:09.123Z'],
  ['2026-03-05T14:07-05:30', '2026-03-05T19:37:00.000Z'],
  ['@1700000000', '2023-11-14T22:13:20.000Z'],
  ['now', '2026-03-05T14:07:09.123Z'],
  ['30s', '2026-03-05T14:06:39.123Z'],
  ['90min', '2026-03-05T12:37:09.123Z'],
  ['12h', '2026-03-05T02:07:09.123Z'],
  ['90d', '2025-12-05T14:07:09.123Z'],
  ['2w', '2026-02-19T14:07:09.123Z'],
  ['1mo', '2026-02-05T14:07:09.123Z'],
  ['2y', '2024-03-05T14:07:09.123Z'],
] as const;

const PERIODS = [
  ['2025', '2025-01-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z'],
  ['2026-Q1', '2026-01-01T00:00:00.000Z', '2026-03-31T23:59:59.999Z'],
  ['2026-02', '2026-02-01T00:00:00.000Z', '2026-02-28T23:59:59.999Z'],
  ['2026-W01', '2025-12-29T00:00:00.000Z', '2026-01-04T23:59:59.999Z'],
  ['2026-03-05', '2026-03-05T00:00:00.000Z', '2026-03-05T23:59:59.999Z'],
  ['today', '2026-03-05T00:00:00.000Z', '2026-03-05T23:59:59.999Z'],
  ['yesterday', '2026-03-04T00:00:00.000Z', '2026-03-04T23:59:59.999Z'],
  ['this-week', '2026-03-02T00:00:00.000Z', '2026-03-08T23:59:59.999Z'],
  ['last-week', '2026-02-23T00:00:00.000Z', '2026-03-01T23:59:59.999Z'],
  ['this-month', '2026-03-01T00:00:00.000Z', '2026-03-31T23:59:59.999Z'],
  ['last-month', '2026-02-01T00:00:00.000Z', '2026-02-28T23:59:59.999Z'],
  ['this-quarter', '2026-01-01T00:00:00.000Z', '2026-03-31T23:59:59.999Z'],
  ['last-quarter', '2025-10-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z'],
  ['this-year', '2026-01-01T00:00:00.000Z', '2026-12-31T23:59:59.999Z'],
  ['last-year', '2025-01-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z'],
  ['march', '2026-03-01T00:00:00.000Z', '2026-03-31T23:59:59.999Z'],
  ['april', '2025-04-01T00:00:00.000Z', '2025-04-30T23:59:59.999Z'],
  ['march-2025', '2025-03-01T00:00:00.000Z', '2025-03-31T23:59:59.999Z'],
] as const;

describe('a time is an instant or a period', () => {
  test.each(INSTANTS)('the instant %s: --since, --until, --before, --ts', async (text, iso) => {
    expect(await bounds('--since', text)).toEqual({ since: iso });
    expect(await bounds('--until', text)).toEqual({ until: iso });
    expect(await json(['record', '--action', 'a', '--ts', text, '--format', 'json'])).toMatchObject({ ts: iso });
    expect(await ok(['count', '--since', text, '--until', text])).toBe('1\n');
    // What lies at the moment itself is not before it.
    expect(await json(['prune', '--before', text, '--dry-run', '--format', 'json'])).toMatchObject({ deleted: 0 });
    await given({ action: 'b', ts: new Date(Date.parse(iso) - 1).toISOString() });
    expect(await json(['prune', '--before', text, '--dry-run', '--format', 'json'])).toMatchObject({ deleted: 1 });
    expect(await cli(['count', '--in', text])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('a period is wanted'),
    });
  });

  test.each(PERIODS)(
    'the period %s: --since its start, --until its end, --in both, --before its start',
    async (text, start, end) => {
      expect(await bounds('--since', text)).toEqual({ since: start });
      expect(await bounds('--until', text)).toEqual({ until: end });
      expect(await bounds('--in', text)).toEqual({ since: start, until: end });
      await given({ action: 'a', ts: start }, { action: 'a', ts: new Date(Date.parse(start) - 1).toISOString() });
      expect(await json(['prune', '--before', text, '--dry-run', '--format', 'json'])).toMatchObject({ deleted: 1 });
      expect(await cli(['record', '--action', 'a', '--ts', text])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^daybook: --ts: time ".*" is a period, and an instant is wanted/),
      });
    },
  );

  test('an instant is included by both --since and --until; so are both ends of a period', async () => {
    const times = [
      '2025-12-31T23:59:59.999Z',
      '2026-01-01T00:00:00Z',
      '2026-01-31T23:59:59.999Z',
      '2026-02-01T00:00:00Z',
    ];
    await given(...times.map((ts) => ({ action: 'a', ts })));
    expect(await ok(['count', '--in', '2026-01'])).toBe('2\n');
    expect(await ok(['count', '--since', '2026-01-01T00:00', '--until', '2026-01-31T23:59:59.999'])).toBe('2\n');
  });

  test('months and years go by the calendar, in --tz; a day is 24 hours', async () => {
    const now = '2026-03-30T10:00:00Z';
    const berlin = ['--tz', 'Europe/Berlin', '--format', 'json'];
    // Summer time began on the 29th.
    const day = await json(['record', '--action', 'a', '--ts', '2d', ...berlin], { now });
    expect(day).toMatchObject({ ts: '2026-03-28T10:00:00.000Z' });
    const month = await json(['record', '--action', 'a', '--ts', '1mo', ...berlin], { now });
    expect(month).toMatchObject({ ts: '2026-02-28T11:00:00.000Z' });
  });

  test('--older-than D: entries older than this', async () => {
    await given({ action: 'a', ts: '2026-02-05T14:07:09.122Z' }, { action: 'a', ts: '2026-02-05T14:07:09.123Z' });
    for (const duration of ['1mo', '28d', '4w', '672h', '40320min', '2419200s']) {
      expect(await json(['prune', '--older-than', duration, '--dry-run', '--format', 'json']), duration).toMatchObject({
        deleted: 1,
        by_age: 1,
      });
    }
    expect(await json(['prune', '--older-than', '1y', '--dry-run', '--format', 'json'])).toMatchObject({ deleted: 0 });
  });
});

describe('what is no time is refused', () => {
  const USES = [
    ['count', '--since'],
    ['count', '--until'],
    ['count', '--in'],
    ['prune', '--yes', '--before'],
    ['record', '--action', 'a', '--ts'],
  ] as const;

  test.each([
    ['2026-02-30', /does not exist/],
    ['2026-13', /does not exist/],
    ['2026-W54', /does not exist/],
    ['2026-Q5', /does not exist/],
    ['2026-02-30T10:00', /does not exist/],
    ['2026-03-05T25:00', /does not exist/],
    ['2026-03-05T14:07:60', /does not exist/],
    ['2026-03-05T14:07+25:00', /does not exist/],
    ['90', /bare number/],
    ['3m', /could be minutes or months/],
    ['3M', /could be minutes or months/],
    ['-5d', /sign/],
    ['1.5h', /whole number/],
    ['2026-03-05 14:07', /is not a time/],
    ['5/3/2026', /is not a time/],
    ['tomorrow', /is not a time/],
    ['foo 1', /is not a time/],
    ['@x', /is not a time/],
    ['@99999999999999', /years 0001 to 9999/],
    ['0000-01-01T00:00Z', /years 0001 to 9999/],
    ['9999y', /beyond the year 0001/],
    ['', /empty|is not a time/],
  ] as const)('%j', async (text, says) => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' });
    for (const words of USES) {
      const option = words.at(-1) ?? '';
      const { code, stdout, stderr } = await cli([...words.slice(0, -1), `${option}=${text}`]);
      expect({ code, stdout }, option).toEqual({ code: 2, stdout: '' });
      expect(stderr, option).toMatch(says);
      // The field, the value and the rule.
      expect(stderr).toContain(`daybook: ${option}`);
      if (text !== '') expect(stderr).toContain(`"${text}"`);
    }
    expect(await ok(['count'])).toBe('1\n');
  });

  test('a local time that clocks skip', async () => {
    const skipped = ['--ts', '2026-03-29T02:30', '--tz', 'Europe/Berlin'];
    expect(await cli(['record', '--action', 'a', ...skipped])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('skipped'),
    });
  });
});

describe('what is no duration is refused', () => {
  test.each([
    ['90', /has no unit/],
    ['3m', /could be minutes or months: write 3min or 3mo/],
    ['3M', /could be minutes or months/],
    ['0d', /would delete every entry/],
    ['0y', /would delete every entry/],
    ['-90d', /sign/],
    ['90 d', /space/],
    ['1.5y', /whole number/],
    ['90days', /the units are/],
    ['P30D', /the units are/],
    ['', /is empty/],
    ['9999y', /beyond the year 0001/],
    ['99999999999999999999d', /too long/],
  ] as const)('%j for --older-than and --max-age', async (text, says) => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' });
    for (const words of [
      ['prune', '--yes', `--older-than=${text}`],
      ['retention', 'set', 'p', '--yes', `--max-age=${text}`],
    ]) {
      if (text === '9999y' && words[0] === 'retention') continue;
      const { code, stderr } = await cli(words);
      expect({ code, stderr }, words.join(' ')).toEqual({ code: 2, stderr: expect.stringMatching(says) });
      expect(stderr).toContain(words.at(-1)?.split('=')[0] ?? '');
    }
    expect(await ok(['count'])).toBe('1\n');
    expect(await json(['retention', 'list', '--format', 'json'])).toEqual({ policies: [] });
  });

  test.each(['3', '3m', '1.5h', '', 'soon'])('%j for --grace', async (text) => {
    expect(await cli(['status', '--check', `--grace=${text}`])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^daybook: --grace: duration "/),
    });
  });
});

test('inside data only full instants with Z or an offset are valid', async () => {
  await given({ action: 'a', ts: '2026-01-01T00:00Z' }, { action: 'b', ts: '2026-01-01T02:00:00.5+02:00' });
  expect(await ndjson(['export', '--columns', 'ts'])).toEqual([
    { ts: '2026-01-01T00:00:00.000Z' },
    { ts: '2026-01-01T00:00:00.500Z' },
  ]);
  for (const ts of ['2026-01-01', '2026-01-01T00:00', 'now', '1d', '@1', 'today', '2026-01-01T00:00:00 Z']) {
    const { code, stderr } = await cli(['record', '--stdin'], { input: `${JSON.stringify({ action: 'a', ts })}\n` });
    expect({ code, stderr }, ts).toEqual({ code: 6, stderr: expect.stringContaining('is not a full time with Z') });
  }
});
