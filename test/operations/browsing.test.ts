import { describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { formatTimestamp, parseTimestamp } from '../../src/core/timestamp.js';
import {
  findText,
  furtherDown,
  furtherUp,
  newestStretch,
  oldestStretch,
  partsOf,
  stretchAround,
  stretchAt,
} from '../../src/operations/browsing.js';
import type { Browsed } from '../../src/operations/browsing.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { newEntry } from '../../src/core/entry.js';
import { NOW, recordAll, sqliteTrail } from '../store/trail.js';

const COUNT = 1500;

interface Scene {
  readonly store: AuditStore;
  readonly browsed: Browsed;
  /** All that match, newest first. */
  readonly all: readonly HistoryEntry[];
}

/** Entries of few moments, each of many entries, so that pages end within one. */
async function scene(filter: Filter = {}): Promise<Scene> {
  const { store } = await sqliteTrail();
  const entries = Array.from({ length: COUNT }, (_, index) =>
    newEntry({
      action: index % 3 === 0 ? 'third' : 'other',
      message: `entry ${index}${index % 100 === 7 ? ' Seven' : ''}`,
      ts: formatTimestamp(NOW - ((index * 7919) % 11) * 1000),
    }),
  );
  await recordAll(store, entries);
  const upTo = await store.mark();
  const { entries: all } = await store.page({ filter, order: 'newest', limit: COUNT, upTo });
  return { store, browsed: { filter, upTo }, all };
}

const seqs = (entries: readonly HistoryEntry[]): number[] => entries.map(({ seq }) => seq);

describe('a stretch of the trail', () => {
  test('goes down from the newest to the oldest entry, and up again, and is never longer than is kept', async () => {
    const { store, browsed, all } = await scene({ action: ['other'] });
    let stretch = await newestStretch(store, browsed);
    expect(stretch).toMatchObject({ newer: false, older: true });
    const place = (): number => seqs(all).indexOf(stretch.entries[0]?.seq ?? 0);
    const isPiece = (): void => {
      expect(stretch.entries.length).toBeLessThanOrEqual(1000);
      expect(seqs(stretch.entries)).toEqual(seqs(all.slice(place(), place() + stretch.entries.length)));
    };
    while (stretch.older) {
      stretch = await furtherDown(store, browsed, stretch);
      isPiece();
    }
    isPiece();
    expect(stretch.entries.at(-1)?.seq).toBe(all.at(-1)?.seq);
    expect(await furtherDown(store, browsed, stretch)).toBe(stretch);
    for (let turns = 0; stretch.newer && turns < 20; turns += 1) {
      stretch = await furtherUp(store, browsed, stretch);
      isPiece();
    }
    expect(place()).toBe(0);
    expect(await furtherUp(store, browsed, stretch)).toBe(stretch);
  });

  test('begins at the oldest', async () => {
    const { store, browsed, all } = await scene();
    const stretch = await oldestStretch(store, browsed);
    expect(stretch).toMatchObject({ newer: true, older: false });
    expect(seqs(stretch.entries)).toEqual(seqs(all.slice(-stretch.entries.length)));
  });

  test('is found by a moment, and by an entry', async () => {
    const { store, browsed, all } = await scene();
    for (const moment of [NOW + 1, NOW, NOW - 4500, NOW - 5000, NOW - 10_000]) {
      const { stretch, at } = await stretchAt(store, browsed, moment);
      expect(stretch.entries[at]?.seq).toBe(all.find(({ ts }) => parseTimestamp(ts) <= moment)?.seq);
    }
    const before = await stretchAt(store, browsed, NOW - 60_000);
    expect(before.stretch.entries[before.at]?.seq).toBe(all.at(-1)?.seq);
    for (const index of [0, 1, 700, COUNT - 1]) {
      const { stretch, at } = await stretchAround(store, browsed, all[index] as HistoryEntry);
      expect(stretch.entries[at]?.seq).toBe(all[index]?.seq);
    }
  });

  test('of nothing has no place', async () => {
    const { store, browsed } = await scene({ action: ['nothing'] });
    expect(await newestStretch(store, browsed)).toEqual({ entries: [], newer: false, older: false });
    expect(await stretchAt(store, browsed, NOW)).toMatchObject({ at: 0, stretch: { entries: [] } });
    expect(await partsOf(store, browsed, 10)).toEqual([]);
  });
});

test.each([{}, { search: 'entry' }])('a text is found down and up, under the filter %o', async (filter) => {
  const { store, browsed, all } = await scene(filter);
  const matching = all.filter(({ message }) => message.includes('Seven'));
  let from = all[0] as HistoryEntry;
  for (const wanted of matching.filter(({ seq }) => seq !== from.seq)) {
    from = (await findText(store, browsed, { from, text: 'SEVEN', down: true })) as HistoryEntry;
    expect(from.seq).toBe(wanted.seq);
  }
  expect(await findText(store, browsed, { from, text: 'seven', down: true })).toBeUndefined();
  expect(await findText(store, browsed, { from, text: 'seven', down: false })).toMatchObject({
    seq: matching.at(-2)?.seq,
  });
});

test('parts of one length hold every entry', async () => {
  const { store, browsed } = await scene();
  for (const parts of [1, 7, 80]) {
    const edges = await partsOf(store, browsed, parts);
    expect(edges).toHaveLength(parts + 1);
    const counts = await store.countBetween({}, edges, browsed.upTo);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(COUNT);
  }
});
