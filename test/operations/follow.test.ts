import { expect, onTestFinished, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { follow } from '../../src/operations/follow.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { carryOut, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from '../store/trail.js';

interface Follower {
  /** Waits until so many have been shown. */
  shown(count: number): Promise<readonly number[]>;
  stop(): Promise<void>;
}

function following(store: AuditStore, limit: number, filter: Filter = {}): Follower {
  const abort = new AbortController();
  const seqs: number[] = [];
  let wake = (): void => {};
  const ended = (async () => {
    const run = follow(store, { filter, limit, signal: abort.signal }, { as: 'rows', columns: ['seq'] });
    for await (const content of run) {
      if (content.as === 'rows') seqs.push(...content.rows.map(([seq]) => seq as number));
      wake();
    }
  })();
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  onTestFinished(stop);
  return {
    shown: async (count) => {
      while (seqs.length < count) await new Promise<void>((resolve) => (wake = resolve));
      return seqs;
    },
    stop,
  };
}

test.each([0, 1, 2, 3, 4, 5, 6, 300])('begins with the last %i entries, oldest first', async (limit) => {
  const { store } = await sqliteTrail();
  await recordAll(
    store,
    numbered(5, (index) => ({ ts: formatTimestamp(NOW - index) })),
  );
  const follower = following(store, limit);
  await recordAll(store, [{}]);
  const last = [5, 4, 3, 2, 1].slice(Math.max(0, 5 - limit));
  expect(await follower.shown(last.length + 1)).toEqual([...last, 6]);
});

test('begins with more than a page', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(700));
  expect(await following(store, 450).shown(450)).toEqual(Array.from({ length: 450 }, (_, index) => 251 + index));
});

test('shows the commits of another connection soon, in the order of recording', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  const follower = following(store, 10);
  const waits: number[] = [];
  for (let count = 1; count <= 5; count++) {
    const began = performance.now();
    await recordAll(other, [{ ts: formatTimestamp(NOW - count * 1000) }]);
    expect(await follower.shown(count)).toHaveLength(count);
    waits.push(performance.now() - began);
  }
  expect(await follower.shown(5)).toEqual([1, 2, 3, 4, 5]);
  // The promise is 200 ms; a busy machine gets room.
  expect(waits.toSorted((a, b) => a - b)[2]).toBeLessThan(1000);
});

test('shows many at once', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  const follower = following(store, 0);
  await recordAll(other, numbered(1001));
  expect(await follower.shown(1001)).toHaveLength(1001);
});

test('goes on across a prune, and skips nothing that was not shown', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  await recordAll(other, numbered(5));
  const follower = following(store, 2);
  expect(await follower.shown(2)).toEqual([4, 5]);
  await carryOut(other, await planOf(other, rule({ before: NOW + 1 })));
  expect(await follower.shown(3)).toEqual([4, 5, 6]);
  await carryOut(other, await planOf(other, rule({ before: NOW + 1 })));
  await recordAll(other, [{}]);
  expect(await follower.shown(5)).toEqual([4, 5, 6, 7, 8]);
});

test('shows only what matches', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  await recordAll(store, [{ actor: 'anna' }, { actor: 'bob' }, { actor: 'anna' }, { actor: 'bob' }]);
  const follower = following(store, 1, { actor: ['anna'] });
  expect(await follower.shown(1)).toEqual([3]);
  await recordAll(other, [{ actor: 'bob' }, { actor: 'anna' }]);
  await recordAll(other, [{ actor: 'bob' }]);
  await recordAll(other, [{ actor: 'anna' }]);
  expect(await follower.shown(3)).toEqual([3, 6, 8]);
});

test('ends when it is told to', async () => {
  const { store } = await sqliteTrail();
  const follower = following(store, 1);
  await follower.stop();
  await recordAll(store, [{}]);
  expect(await follower.shown(0)).toEqual([]);
});
