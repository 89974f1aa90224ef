import { describe, expect, test } from 'vitest';
import { cli, given, json, ok } from '../support/cli.js';

describe('a word that is nearly right', () => {
  test.each([
    [['history', '--severity', 'eror'], 'error'],
    [['count', '--severity', 'info,warnign'], 'warning'],
    [['history', '--not', 'severity=wraning'], 'warning'],
    [['history', '--not', 'actoin=x'], 'action'],
    [['history', '--in', 'marhc'], 'march'],
    [['history', '--in', 'marhc-2025'], 'march-2025'],
    [['history', '--in', 'last march'], 'march'],
    [['history', '--in', 'last month'], 'last-month'],
    [['history', '--since', 'yesterdya'], 'yesterday'],
    [['history', '--until', 'last_week'], 'last-week'],
    [['prune', '--before', 'lst-year', '--dry-run'], 'last-year'],
    [['values', 'acter'], 'actor'],
    [['history', '--columns', 'seq,mesage'], 'message'],
    [['export', '--columns', 'entity_di'], 'entity_id'],
    [['history', '--severity', 'wanr'], 'warning'],
    [['history', '--tz', 'Europe/Berln'], 'Europe/Berlin'],
    [['history', '--tz', 'america/new_yrok'], 'America/New_York'],
    [['import', 'ledgarb', 'x'], 'ledgrab'],
    [['history', '--format', 'jsno'], 'json'],
    [['export', '--format', 'ocfs'], 'ocsf'],
    [['export', '--format', 'parq'], 'parquet'],
    [['report', 'actors', '--by', 'acton'], 'action'],
    [['report', 'timeline', '--bucket', 'dya'], 'day'],
    [['completion', 'bsh'], 'bash'],
    [['history', '--color', 'nver'], 'never'],
  ])('%j: did you mean %s?', async (words, meant) => {
    await given({ action: 'a' });
    expect(await cli(words)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(new RegExp(` \\(did you mean ${meant}\\?\\)`, 'i')),
    });
  });

  test.each([
    ['history', '--severity', 'fatal'],
    ['history', '--in', 'zzz'],
    ['values', 'zzz'],
    ['history', '--format', 'zzz'],
    ['history', '--tz', 'zzz'],
    ['import', 'zzz', 'x'],
  ])('%j has none', async (...words) => {
    await given({ action: 'a' });
    const { code, stderr } = await cli(words);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/did you mean/i);
  });
});

describe('values --format csv', () => {
  test('a row of value and count, most frequent first; a formula is disarmed', async () => {
    await given({ action: 'a', source: '=1+1' }, { action: 'a' }, { action: 'b,c' });
    expect(await ok(['values', 'action', '--format', 'csv'])).toBe('value,count\na,2\n"b,c",1\n');
    expect(await ok(['values', 'source', '--format', 'csv'])).toBe("value,count\n,2\n'=1+1,1\n");
  });
});

describe('history -n all', () => {
  test('every entry, beyond the size of a page of ours as well, and no more', async () => {
    await given(...Array.from({ length: 1203 }, (_, index) => ({ action: `a${index}` })));
    const words = ['history', '-n', 'all', '--format', 'json', '--columns', 'seq'];
    const { entries, next_cursor } = await json<{ entries: object[]; next_cursor: null }>(words);
    expect(entries).toHaveLength(1203);
    expect(next_cursor).toBeNull();
    expect(await cli(['history', '-n', 'some'])).toMatchObject({ code: 2 });
  });

  test('on a terminal the page itself says how to get more, and only there', async () => {
    await given({ action: 'a' }, { action: 'b' }, { action: 'c' });
    const page = await cli(['history', '-n', '2'], { terminal: true });
    expect(page).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/\nmore: -n 4, or -n all\n$/) });
    expect((await cli(['history', '-n', '3'], { terminal: true })).stdout).not.toContain('more:');
    expect((await cli(['history', '-n', '2', '-q'], { terminal: true })).stdout).not.toContain('more:');
    const csv = await cli(['history', '-n', '2', '--format', 'csv'], { terminal: true });
    expect(csv.stdout).not.toContain('more:');
    expect(csv.stderr).toContain('more: -n 4, or -n all');
  });
});

test('--columns entity is its type and its id', async () => {
  await given({ action: 'a', entity_type: 'guild', entity_id: '7' });
  expect(await ok(['export', '--format', 'csv', '--columns', 'seq,entity'])).toBe(
    'seq,entity_type,entity_id\n1,guild,7\n',
  );
  expect(await cli(['history', '--columns', 'entity,entity_id'])).toMatchObject({ code: 2 });
});

test('show names the command for the other entries of the same unit of work', async () => {
  await given(
    { action: 'a', correlation_id: "it's 1" },
    { action: 'b', correlation_id: "it's 1" },
    { action: 'c', correlation_id: 'alone' },
    { action: 'd' },
  );
  const line = String.raw`2 entries of this unit of work: history --correlation 'it'\''s 1'`;
  expect(await ok(['show', '1'])).toContain(`\n${line}\n`);
  for (const seq of ['3', '4']) expect(await ok(['show', seq])).not.toContain('unit of work');
});

describe('report timeline', () => {
  const days = (...times: readonly string[]): Promise<void> => given(...times.map((ts) => ({ action: 'a', ts })));

  test.each([
    ['hour', ['2026-03-01T00:00:00Z', '2026-03-02T12:00:00Z']],
    ['day', ['2026-01-10T00:00:00Z', '2026-03-01T00:00:00Z']],
    ['week', ['2025-06-01T00:00:00Z', '2026-03-01T00:00:00Z']],
    ['month', ['2019-01-01T00:00:00Z', '2026-03-01T00:00:00Z']],
  ])('on a terminal and on a page the bucket fits the trail: %s', async (bucket, times) => {
    await days(...times);
    expect((await cli(['report', 'timeline', '--color', 'never'], { terminal: true })).stdout).toMatch(
      new RegExp(`^timeline by ${bucket}\n`),
    );
    expect(await ok(['report', 'timeline', '--html', '-'])).toContain(`timeline by ${bucket}`);
    // Programs get days, and whoever asks for a bucket gets that.
    expect(await json(['report', 'timeline', '--format', 'json'])).toMatchObject({ bucket: 'day' });
    const asked = await cli(['report', 'timeline', '--bucket', 'month', '--color', 'never'], { terminal: true });
    expect(asked.stdout).toMatch(/^timeline by month\n/);
  });

  test('a run of nothing is one row, for people alone', async () => {
    await days('2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z', '2026-01-20T00:00:00Z');
    const words = ['report', 'timeline', '--bucket', 'day'];
    const { stdout } = await cli([...words, '--color', 'never'], { terminal: true });
    expect(stdout.match(/of nothing/g)).toHaveLength(1);
    expect(stdout).toMatch(/Fri 2026-01-02\s*\n.*\n… 16 days of nothing\s*\n.*2026-01-20/);
    expect(await ok([...words, '--html', '-'])).toContain('… 16 days of nothing');
    expect((await ok([...words, '--format', 'csv'])).trim().split('\n')).toHaveLength(21);
    expect((await ok(words)).trim().split('\n')).toHaveLength(20);
  });
});

describe('history --fold', () => {
  test('the message of a run of entries of one unit of work is shown once', async () => {
    const one = { action: 'a', correlation_id: 'm1', message: 'moved over' };
    const ts = (second: number): object => ({ ts: `2026-03-01T00:00:0${second}Z` });
    await given(
      { ...one, ...ts(1) },
      { ...one, ...ts(2) },
      { ...one, ...ts(3), message: 'something else' },
      { ...one, ...ts(4) },
      { ...one, ...ts(5), correlation_id: 'm2' },
      { ...one, ...ts(6), correlation_id: null },
      { ...one, ...ts(7), correlation_id: null },
    );
    const messages = async (...words: readonly string[]): Promise<readonly string[]> => {
      const { stdout } = await cli(['history', '--oldest-first', ...words], { terminal: true });
      return stdout.match(/moved over|something else|″/g) ?? [];
    };
    const all = ['moved over', 'moved over', 'something else', ...Array.from({ length: 4 }, () => 'moved over')];
    expect(await messages()).toEqual(all);
    expect(await messages('--fold')).toEqual(all.map((text, index) => (index === 1 ? '″' : text)));
    expect(await cli(['history', '--fold'])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['history', '--fold', '--columns', 'seq'], { terminal: true })).toMatchObject({ code: 2 });
  });
});
