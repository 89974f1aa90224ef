import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { burstReport } from '../../src/operations/bursts.js';
import { coursesOf, groupReport } from '../../src/operations/report.js';
import { timeline } from '../../src/operations/timeline.js';
import { unattributedReport } from '../../src/operations/unattributed.js';
import { recordAll, sqliteTrail } from '../store/trail.js';

const NOW = Date.parse('2026-03-05T14:00:00Z');

const at = (...times: string[]): { ts: string }[] => times.map((time) => ({ ts: formatTimestamp(Date.parse(time)) }));

describe('a timeline', () => {
  test('shows empty buckets between the first entry and the last', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, at('2026-03-01T23:59:59.999Z', '2026-03-04T00:00Z', '2026-03-04T12:00Z'));
    expect(await timeline(store, { filter: {}, bucket: 'day', zone: 'UTC', now: NOW })).toEqual({
      filled: true,
      rows: [
        { start: '2026-03-01T00:00:00.000Z', count: 1 },
        { start: '2026-03-02T00:00:00.000Z', count: 0 },
        { start: '2026-03-03T00:00:00.000Z', count: 0 },
        { start: '2026-03-04T00:00:00.000Z', count: 2 },
      ],
    });
  });

  test('runs from the start of the window to its end, or until now', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, at('2026-03-03T12:00Z'));
    const counts = async (filter: object): Promise<number[]> =>
      (await timeline(store, { filter, bucket: 'day', zone: 'UTC', now: NOW })).rows.map(({ count }) => count);
    expect(await counts({ since: Date.parse('2026-03-02') })).toEqual([0, 1, 0, 0]);
    expect(await counts({ until: Date.parse('2026-03-04') })).toEqual([1, 0]);
    expect(await counts({ since: Date.parse('2026-03-01'), until: Date.parse('2026-03-02') })).toEqual([0, 0]);
    expect(await counts({ since: Date.parse('2026-03-03T13:00Z'), action: ['none'] })).toEqual([0, 0, 0]);
    expect(await counts({ action: ['none'] })).toEqual([]);
    // A clock that ran ahead, and a window that lies ahead.
    await recordAll(store, at('2026-03-07T12:00Z'));
    expect(await counts({ since: Date.parse('2026-03-05') })).toEqual([0, 0, 1]);
    expect(await counts({ since: Date.parse('2027-03-05') })).toEqual([]);
  });

  test('cuts a bucket where the window does', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, at('2026-03-03T11:00Z', '2026-03-03T12:00Z', '2026-03-03T13:00Z'));
    const filter = { since: Date.parse('2026-03-03T12:00Z'), until: Date.parse('2026-03-03T12:30Z') };
    expect((await timeline(store, { filter, bucket: 'month', zone: 'UTC', now: NOW })).rows).toEqual([
      { start: '2026-03-01T00:00:00.000Z', count: 1 },
    ]);
  });

  test('leaves empty buckets out of a time that has too many, and loses no entry', async () => {
    const { store } = await sqliteTrail();
    const times = [
      '0001-01-01T00:30Z',
      '1970-01-01T00:00Z',
      '2026-03-05T14:00Z',
      '2026-03-05T14:59Z',
      '9999-12-31T23:59:59.999Z',
    ];
    await recordAll(store, at(...times));
    for (const zone of ['UTC', 'Asia/Kathmandu']) {
      const { rows, filled } = await timeline(store, { filter: {}, bucket: 'hour', zone, now: NOW });
      expect(filled).toBe(false);
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(5);
      expect(rows.every(({ count }) => count > 0)).toBe(true);
    }
  });

  test('counts each entry once where clocks go back by half an hour between two reads', async () => {
    const { store } = await sqliteTrail();
    // Lord Howe Island, 5 April 2026: at 15:00Z, 02:00 became 01:30.
    const change = Date.parse('2026-04-04T15:00Z');
    for (const hours of [998, 999, 1000, 1001]) {
      const filter = { since: change - hours * 3_600_000, until: change + 7_200_000 };
      if (hours === 998) {
        await recordAll(
          store,
          Array.from({ length: 18 }, (_, n) => ({ ts: formatTimestamp(change + (n - 9) * 600_000) })),
        );
      }
      const { rows } = await timeline(store, { filter, bucket: 'hour', zone: 'Australia/Lord_Howe', now: NOW });
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(18);
      expect(new Set(rows.map(({ start }) => start)).size).toBe(rows.length);
    }
  });
});

describe('a report by a key', () => {
  test('tells shares of all that match, of which some have no key', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [{ scope: 'a:1' }, { scope: 'a:1' }, {}]);
    const { rows, total, more } = await groupReport(store, { report: 'scopes', filter: {}, limit: 9 });
    expect({ total, more }).toEqual({ total: 3, more: false });
    expect(rows).toMatchObject([{ key: 'a:1', count: 2, share: 0.666667, reverted: 0 }]);
    expect((await groupReport(store, { report: 'scopes', filter: { actor: ['none'] }, limit: 9 })).rows).toEqual([]);
  });

  test('cannot go by the same field twice', async () => {
    const { store } = await sqliteTrail();
    await expect(groupReport(store, { report: 'actors', filter: {}, by: 'actor', limit: 9 })).rejects.toMatchObject({
      kind: 'usage',
    });
  });
});

test('bursts name the command that shows them, whatever the actor is called', async () => {
  const { store } = await sqliteTrail();
  const actor = `o'hara; rm -rf $HOME`;
  await recordAll(
    store,
    [0, 1, 2].map((n) => ({ actor, category: 'auth', ts: formatTimestamp(NOW + n) })),
  );
  const request = { window: parseDuration('1h'), moreThan: 2, limit: 9, filter: { category: ['auth'] } };
  const { rows } = await burstReport(store, { ...request, database: 'my app.db' });
  expect(rows).toEqual([
    {
      actor,
      count: 3,
      first: '2026-03-05T14:00:00.000Z',
      last: '2026-03-05T14:00:00.002Z',
      window: '1h',
      name: null,
      first_seq: 1,
      last_seq: 3,
      command: `daybook --db 'my app.db' history --category auth --actor 'o'\\''hara; rm -rf $HOME' --since 2026-03-05T14:00:00.000Z --until 2026-03-05T14:00:00.002Z -n 3`,
    },
  ]);
  for (const window of ['0s', '1mo']) {
    await expect(burstReport(store, { ...request, window: parseDuration(window) })).rejects.toMatchObject({
      kind: 'usage',
    });
  }
});

test('unattributed is what nobody signed, by where it came from and when', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [
    { actor: 'unknown', metadata: '{"table":"users"}', entity_type: 'users', ...at('2026-03-01T10:00Z')[0] },
    { actor: 'unknown', metadata: '{"table":"users"}', entity_type: 'users', ...at('2026-03-03T10:00Z')[0] },
    { actor: 'unknown', source: 'ledgrab', ...at('2026-03-03T10:00Z')[0] },
    { actor: 'anna' },
  ]);
  const found = await unattributedReport(store, { filter: {}, limit: 9, zone: 'UTC', now: NOW });
  expect(found).toMatchObject({ total: 3, more: false });
  expect(found.rows).toEqual([
    {
      table: 'users',
      entity_type: 'users',
      source: null,
      action: 'update',
      count: 2,
      first: '2026-03-01T10:00:00.000Z',
      last: '2026-03-03T10:00:00.000Z',
      seq: 2,
    },
    expect.objectContaining({ table: null, entity_type: null, source: 'ledgrab', count: 1, seq: 3 }),
  ]);
  expect(found.days.map(({ count }) => count)).toEqual([1, 0, 2]);
  await expect(
    unattributedReport(store, { filter: { actor: ['anna'] }, limit: 9, zone: 'UTC', now: NOW }),
  ).rejects.toMatchObject({ kind: 'usage' });
});

test('the rows of a report and what they did over time are of one moment', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ actor: 'a' }, { actor: 'a' }, { actor: 'b' }]);
  const asked = { report: 'actors', filter: {}, upTo: await store.mark() } as const;
  await recordAll(store, [{ actor: 'a' }, { actor: 'c' }]);
  const { rows, total } = await groupReport(store, { ...asked, limit: 9 });
  expect(rows.map(({ key, count }) => [key, count])).toEqual([
    ['a', 2],
    ['b', 1],
  ]);
  expect(total).toBe(3);
  const courses = await coursesOf(store, { ...asked, rows });
  const sums = Array.from(courses, ([key, course]) => [key, course.reduce((sum, count) => sum + count, 0)]);
  expect(sums).toEqual(rows.map(({ key, count }) => [key, count]));
});
