import { beforeEach, describe, expect, test } from 'vitest';
import type { Filter } from '../../../src/core/filter.js';
import { formatTimestamp } from '../../../src/core/timestamp.js';
import type { AuditStore } from '../../../src/store/audit-store.js';
import { ACTOR, carryOut, forecastOf, NOW, numbered, planOf, recordAll, recordMarked, rule } from '../trail.js';
import type { Mark } from '../../../src/core/mark.js';
import type { World } from './world.js';

const DAY = 86_400_000;

/** What an AuditStore keeps of checkpoints, and says of itself. */
export function describeCheckpoints(world: World): void {
  let store: AuditStore;
  beforeEach(() => {
    store = world.store();
  });

  describe('checkpoints', () => {
    const begin = async (upTo: Mark, filter: Filter = {}): ReturnType<AuditStore['beginCheckpoint']> =>
      store.beginCheckpoint('nightly', 'question', filter, upTo);
    /** Begins at the mark of this moment, and gives what it was and where it ends. */
    const beginNow = async (name = 'nightly'): Promise<{ from: Mark; to: Mark; missed: number }> => {
      const to = await store.mark();
      const { mark, missed } = await store.beginCheckpoint(name, 'question', {}, to);
      return { from: mark, to, missed };
    };
    const prune = async (before: number): Promise<unknown> => carryOut(store, await planOf(store, rule({ before })));

    test('begin, move, and are kept', async () => {
      await recordAll(store, numbered(3));
      expect(await store.checkpoint('nightly')).toBeUndefined();
      const upTo = await store.mark();
      const begun = await begin(upTo);
      expect(begun).toMatchObject({ name: 'nightly', question: 'question', missed: 0, updatedAt: null });
      // At the beginning, all is beyond it.
      expect(await store.extent({}, { beyond: begun.mark })).toMatchObject({ count: 3 });
      expect(await store.checkpoint('nightly')).toEqual(begun);
      await store.moveCheckpoint('nightly', begun.mark, upTo);
      expect(await store.checkpoint('nightly')).toEqual({
        name: 'nightly',
        question: 'question',
        mark: upTo,
        missed: 0,
        updatedAt: '2026-03-05T12:00:00.000Z',
      });
      expect(await store.checkpoint('other')).toBeUndefined();
    });

    test('move only from where they were begun', async () => {
      const [first, second] = (await recordMarked(store, numbered(1))) as [Mark, Mark];
      const { mark } = await begin(first);
      await begin(second);
      await expect(store.moveCheckpoint('nightly', mark, first)).rejects.toMatchObject({ kind: 'failed' });
      await store.moveCheckpoint('nightly', mark, second);
      await expect(store.moveCheckpoint('nightly', mark, second)).rejects.toMatchObject({ kind: 'failed' });
      expect(await store.checkpoint('nightly')).toMatchObject({ mark: second });
    });

    test('count what a prune takes before it was exported, and only that', async () => {
      const [, , second] = (await recordMarked(store, numbered(4))) as [Mark, Mark, Mark];
      const { mark } = await begin(second);
      await store.moveCheckpoint('nightly', mark, second);
      expect(await forecastOf(store, rule({ before: NOW + 1 }))).toMatchObject({
        unseen: [{ checkpoint: 'nightly', count: 2 }],
      });
      expect(await store.missedByCheckpoints()).toEqual([]);
      await prune(NOW + 1);
      expect(await store.missedByCheckpoints()).toEqual([{ checkpoint: 'nightly', count: 2 }]);
      const next = await store.mark();
      expect(await begin(next)).toMatchObject({ mark: second, missed: 2 });
      // Not told before the export is in place.
      expect(await begin(next)).toMatchObject({ missed: 2 });
      await store.moveCheckpoint('nightly', second, next);
      expect(await store.missedByCheckpoints()).toEqual([]);
      expect(await begin(next)).toMatchObject({ mark: next, missed: 0 });
    });

    test('count only what their filter takes', async () => {
      const before = await store.mark();
      await recordAll(store, [...numbered(2, { category: 'auth' }), ...numbered(3)]);
      await begin(before, { category: ['auth'] });
      expect((await forecastOf(store, rule({ before: NOW + 1 }))).unseen).toEqual([
        { checkpoint: 'nightly', count: 2 },
      ]);
      await prune(NOW + 1);
      expect(await store.checkpoint('nightly')).toMatchObject({ missed: 2 });
    });

    test('tell of what was recorded and pruned while an export ran in the next one', async () => {
      await recordAll(store, numbered(2));
      const first = await beginNow();
      await recordAll(store, numbered(3, { ts: formatTimestamp(NOW - DAY) }));
      await prune(NOW);
      await store.moveCheckpoint('nightly', first.from, first.to);
      expect(await store.missedByCheckpoints()).toEqual([{ checkpoint: 'nightly', count: 3 }]);
      const second = await beginNow();
      expect(second).toMatchObject({ from: first.to, missed: 3 });
      await store.moveCheckpoint('nightly', second.from, second.to);
      expect(await beginNow()).toMatchObject({ missed: 0 });
    });

    test('tell of what was pruned while an export ran that then failed', async () => {
      await recordAll(store, numbered(2));
      const failed = await beginNow();
      await prune(NOW + 1);
      expect(await beginNow()).toMatchObject({ from: failed.from, missed: 2 });
    });

    test('of several names count each for itself', async () => {
      const [, first] = (await recordMarked(store, numbered(4))) as [Mark, Mark];
      const all = await beginNow('a');
      await store.moveCheckpoint('a', all.from, all.to);
      const { mark } = await store.beginCheckpoint('b', 'q', {}, first);
      await store.moveCheckpoint('b', mark, first);
      await prune(NOW + 1);
      expect(await store.missedByCheckpoints()).toEqual([{ checkpoint: 'b', count: 3 }]);
    });
  });

  describe('facts', () => {
    test('of an empty trail', async () => {
      expect(await store.facts(NOW)).toMatchObject({
        entries: 0,
        oldest: null,
        newest: null,
        missing: [],
        future: 0,
      });
    });

    test('of a trail', async () => {
      await recordAll(store, [
        { ts: formatTimestamp(NOW) },
        { ts: formatTimestamp(NOW - DAY) },
        { ts: formatTimestamp(NOW + 5 * 60_000) },
        { ts: formatTimestamp(NOW + 5 * 60_000 + 1) },
      ]);
      const facts = await store.facts(NOW);
      expect(facts).toMatchObject({
        entries: 4,
        oldest: formatTimestamp(NOW - DAY),
        newest: formatTimestamp(NOW + 5 * 60_000 + 1),
        future: 1,
      });
      expect(facts.schemaVersion).toBeGreaterThanOrEqual(1);
      expect((facts.bytes.file ?? 0) + (facts.bytes.wal ?? 0)).toBeGreaterThan(0);
    });

    test('who acts is kept with a policy', async () => {
      await store.changePolicy('p', { name: 'p', filter: {}, maxAge: '1d', maxEntries: null }, ACTOR);
      expect(await store.find({ seq: 1 })).toMatchObject({ actor: 'anna', actor_type: 'user' });
    });
  });
}
