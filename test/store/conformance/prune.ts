import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Filter } from '../../../src/core/filter.js';
import { formatTimestamp, parseTimestamp } from '../../../src/core/timestamp.js';
import type { AuditStore, Key, Policy, PruneRule } from '../../../src/store/audit-store.js';
import { entries, pruneRule } from '../arbitraries.js';
import { fallOf, inOrder, matching, takenBackBy } from '../model.js';
import {
  ACTOR,
  carryOut,
  forecastOf,
  intentOf,
  NOW,
  numbered,
  planOf,
  readAll,
  recordAll,
  rule,
  seqsOf,
  type Trail,
} from '../trail.js';
import type { World } from './world.js';

const DAY = 86_400_000;

/** What an AuditStore prunes. */
export function describePrune(world: World): void {
  const { onNewTrail, runs } = world;
  let trail: Trail;
  let store: AuditStore;
  beforeEach(() => {
    trail = world.trail();
    store = world.store();
  });

  describe('policies', () => {
    const policy: Policy = {
      name: 'logins',
      filter: { category: ['auth'], not: { meta: [{ path: 'a.b', value: '1' }] }, reverted: false },
      maxAge: '2y',
      maxEntries: null,
    };

    test('are kept, replaced and removed, each with its entry', async () => {
      expect(await store.policies()).toEqual([]);
      expect(await store.changePolicy('logins', policy, ACTOR)).toBe(1);
      expect(await store.changePolicy('all', { name: 'all', filter: {}, maxAge: null, maxEntries: 5 }, ACTOR)).toBe(2);
      expect(await store.policies()).toEqual([{ name: 'all', filter: {}, maxAge: null, maxEntries: 5 }, policy]);
      await store.changePolicy('logins', { ...policy, maxAge: '1y', maxEntries: 7 }, ACTOR);
      expect((await store.policies())[1]).toEqual({ ...policy, maxAge: '1y', maxEntries: 7 });
      expect(await store.changePolicy('logins', null, ACTOR)).toBe(4);
      expect((await store.policies()).map((kept) => kept.name)).toEqual(['all']);
      expect((await store.extent({})).lastSeq).toBe(4);
    });

    test('do not change where their entry cannot be recorded', async () => {
      await store.changePolicy('logins', policy, ACTOR);
      const change = store.changePolicy('logins', null, { ...ACTOR, actor: '' });
      await expect(change).rejects.toMatchObject({ kind: 'data' });
      expect(await store.policies()).toEqual([policy]);
    });
  });

  describe('prunes', () => {
    test('take what the naive model takes, and say so before', async () => {
      await fc.assert(
        fc.asyncProperty(
          entries(30),
          fc.array(pruneRule, { minLength: 1, maxLength: 3 }),
          entries(4, 'later').map((later) => later.map((entry) => ({ ...entry, reverts: null }))),
          fc.integer({ min: 1, max: 12 }),
          async (drawn, rules, later, size) => {
            await onNewTrail(async (fresh) => {
              await recordAll(fresh, drawn);
              const all = await readAll(fresh);
              const { doomed, byAge } = fallOf(all, rules);
              const plan = await planOf(fresh, ...rules);
              const forecast = await fresh.forecast(plan);
              expect(forecast).toMatchObject({
                count: doomed.length,
                byAge,
                byCount: doomed.length - byAge,
                first: doomed[0]?.ts ?? null,
                last: doomed.at(-1)?.ts ?? null,
                firstSeq: doomed.length === 0 ? null : Math.min(...doomed.map((entry) => entry.seq)),
                lastSeq: doomed.length === 0 ? null : Math.max(...doomed.map((entry) => entry.seq)),
              });
              const sum = (counts: readonly { count: number }[]): number =>
                counts.reduce((total, { count }) => total + count, 0);
              expect(sum(forecast.actions)).toBe(doomed.length);
              expect(sum(forecast.months)).toBe(doomed.length);
              expect(forecast.rules.map((each) => each.deleted)).toEqual(
                rules.map((each) => matching(all, each.filter).filter((entry) => doomed.includes(entry)).length),
              );
              await recordAll(fresh, later);
              const query = { filter: {}, order: 'oldest', limit: 1000, upTo: plan.upTo } as const;
              const archived = await fresh.page({ ...query, doomedBy: plan });
              expect(archived.entries.map((entry) => entry.id)).toEqual(doomed.map((entry) => entry.id));
              const spared = await fresh.page({ ...query, sparedBy: plan });
              expect(spared.entries).toHaveLength(all.length - doomed.length);

              const before = await fresh.mark();
              const account = await carryOut(fresh, plan, size, async () => {
                // Wherever it is cut off: nothing that was taken back holds again.
                for (const entry of await readAll(fresh, { upTo: plan.upTo })) {
                  expect(entry.reverted_by).toBe(takenBackBy(all, entry.id));
                }
              });
              const staying = all.filter((entry) => !doomed.includes(entry)).map((entry) => entry.id);
              const left = await readAll(fresh, { upTo: before });
              expect(left.map((entry) => entry.id).toSorted()).toEqual(
                [...staying, ...later.map((entry) => entry.id)].toSorted(),
              );
              expect(account).toMatchObject({
                state: 'done',
                deleted: doomed.length,
                byAge,
                byCount: doomed.length - byAge,
                firstSeq: forecast.firstSeq,
                lastSeq: forecast.lastSeq,
                firstTs: forecast.first,
                lastTs: forecast.last,
                entry: doomed.length === 0 ? null : drawn.length + later.length + 1,
              });
            });
          },
        ),
        { numRuns: runs(150) },
      );
    }, 60_000);

    test('never take what is newer than the limit, nor what is among the newest', async () => {
      await fc.assert(
        fc.asyncProperty(
          entries(30),
          fc.integer({ min: -7, max: 7 }),
          fc.integer({ min: 1, max: 10 }),
          async (drawn, distance, keep) => {
            await onNewTrail(async (fresh) => {
              await recordAll(fresh, drawn);
              const all = await readAll(fresh);
              const before = await fresh.mark();
              await carryOut(fresh, await planOf(fresh, rule({ before: NOW + distance })), 4);
              const left = await readAll(fresh, { upTo: before });
              const newer = all.filter((entry) => parseTimestamp(entry.ts) >= NOW + distance);
              for (const entry of newer) expect(left).toContainEqual(entry);
              await carryOut(fresh, await planOf(fresh, rule({ keep })), 4);
              const newest = inOrder(await readAll(fresh), 'newest');
              for (const entry of left.slice(0, keep - 1)) expect(newest).toContainEqual(entry);
            });
          },
        ),
        { numRuns: runs(20) },
      );
    });

    test('leave an account and its entry, in the transaction of the last batch', async () => {
      await recordAll(store, [
        ...numbered(3, { ts: '2026-01-31T00:00:00.000Z', action: 'create' }),
        ...numbered(2, { ts: '2026-02-01T00:00:00.000Z', category: 'auth' }),
        {},
      ]);
      const plan = await planOf(
        store,
        rule({ name: 'old', before: NOW - DAY }),
        rule({ name: 'logins', filter: { category: ['auth'] }, keep: 1 }),
      );
      expect(await store.forecast(plan)).toEqual({
        count: 4,
        held: 0,
        kept: 0,
        byAge: 3,
        byCount: 1,
        first: '2026-01-31T00:00:00.000Z',
        last: '2026-02-01T00:00:00.000Z',
        firstSeq: 1,
        lastSeq: 4,
        actions: [
          { action: 'create', count: 3 },
          { action: 'update', count: 1 },
        ],
        months: [
          { month: '2026-01', count: 3 },
          { month: '2026-02', count: 1 },
        ],
        rules: [
          { name: 'old', deleted: 4 },
          { name: 'logins', deleted: 1 },
        ],
        unseen: [],
      });
      const intent = intentOf(plan, { reason: 'space', recordedBy: 'root@here', criteria: '[{"n":1.10}]' });
      const prune = await store.openPrune(intent);
      await store.renewPrune(prune, '{"path":"x.gz","count":4,"sha256":"abc"}');
      trail.clock.now += 1000;
      const first = await store.deleteBatch(prune, plan, undefined, 3);
      expect(first).toMatchObject({
        deleted: 3,
        byAge: 3,
        byCount: 0,
        account: { state: 'open', deleted: 3, entry: null },
      });
      expect(first.lockMs).toBeGreaterThanOrEqual(0);
      expect((await store.extent({})).lastSeq).toBe(6);
      const last = await store.deleteBatch(prune, plan, first.next ?? undefined, 3);
      expect(last).toMatchObject({ deleted: 1, byAge: 0, byCount: 1, next: null });
      expect(last.account).toEqual({
        ...intent,
        prune,
        state: 'done',
        startedAt: '2026-03-05T12:00:00.000Z',
        finishedAt: '2026-03-05T12:00:01.000Z',
        heartbeat: '2026-03-05T12:00:01.000Z',
        deleted: 4,
        byAge: 3,
        byCount: 1,
        rules: [
          { name: 'old', deleted: 4 },
          { name: 'logins', deleted: 1 },
        ],
        firstSeq: 1,
        lastSeq: 4,
        firstTs: '2026-01-31T00:00:00.000Z',
        lastTs: '2026-02-01T00:00:00.000Z',
        archive: '{"path":"x.gz","count":4,"sha256":"abc"}',
        entry: 7,
        host: 'here',
        pid: 1,
      });
      expect(await store.lastPrune()).toEqual(last.account);
      const entry = await store.find({ seq: 7 });
      expect(entry).toMatchObject({
        category: 'system',
        action: 'prune',
        severity: 'info',
        actor: 'cron',
        actor_type: 'system',
        recorded_by: 'root@here',
        ts: '2026-03-05T12:00:01.000Z',
      });
      expect(entry?.message).toContain('4 entries');
      expect(entry?.message).toContain('space');
      expect(entry?.metadata).toContain('[{"n":1.10}]');
      expect(JSON.parse(entry?.metadata ?? '')).toMatchObject({
        deleted: 4,
        by_age: 3,
        by_count: 1,
        first_seq: 1,
        last_seq: 4,
        state: 'done',
        archive: { path: 'x.gz', count: 4, sha256: 'abc' },
      });
    });

    test('tell the months in their order, whatever was done in them', async () => {
      await recordAll(store, [
        { action: 'a', ts: '2026-02-01T00:00:00.000Z' },
        { action: 'b', ts: '2025-12-31T23:59:59.999Z' },
        { action: 'b', ts: '2026-02-28T00:00:00.000Z' },
      ]);
      expect(await forecastOf(store, rule({ before: NOW }))).toMatchObject({
        months: [
          { month: '2025-12', count: 1 },
          { month: '2026-02', count: 2 },
        ],
        actions: [
          { action: 'b', count: 2 },
          { action: 'a', count: 1 },
        ],
      });
    });

    test('that take nothing leave no entry and are not the last prune', async () => {
      await recordAll(store, numbered(2));
      const account = await carryOut(store, await planOf(store, rule({ before: NOW - DAY })));
      expect(account).toMatchObject({ state: 'done', deleted: 0, entry: null });
      expect((await store.extent({})).lastSeq).toBe(2);
      expect(await store.lastPrune()).toBeUndefined();
    });

    test('without rules take nothing', async () => {
      await recordAll(store, numbered(2));
      const plan = await planOf(store);
      expect(await store.forecast(plan)).toMatchObject({ count: 0, rules: [] });
      expect(await carryOut(store, plan)).toMatchObject({ deleted: 0 });
    });

    test('count by age what falls both ways', async () => {
      await recordAll(store, [{ ts: formatTimestamp(NOW - DAY) }, {}, {}]);
      expect(await forecastOf(store, rule({ before: NOW, keep: 1 }))).toMatchObject({
        count: 2,
        byAge: 1,
        byCount: 1,
      });
    });

    test('let an entry fall only where every rule that matches it does', async () => {
      await recordAll(store, [
        { category: 'auth', ts: formatTimestamp(NOW - 3 * DAY) },
        { ts: formatTimestamp(NOW - 3 * DAY) },
        { category: 'auth', ts: formatTimestamp(NOW - 30 * DAY) },
      ]);
      const rules = [rule({ before: NOW - 2 * DAY }), rule({ filter: { category: ['auth'] }, before: NOW - 20 * DAY })];
      await carryOut(store, await planOf(store, ...rules));
      expect(await seqsOf(store, { not: { category: ['system'] } })).toEqual([1]);
    });

    test('keep a revert as long as what it takes back', async () => {
      const old = formatTimestamp(NOW - 10 * DAY);
      await recordAll(store, [
        { id: 'young', ts: formatTimestamp(NOW) },
        { id: 'old', ts: old },
        { id: 'backdated', ts: old, reverts: 'young' },
        { id: 'chained', ts: old, reverts: 'backdated' },
        { id: 'both', ts: old, reverts: 'old' },
        { id: 'orphan', ts: old, reverts: 'nowhere' },
      ]);
      const before = await store.mark();
      await carryOut(store, await planOf(store, rule({ before: NOW - DAY })));
      expect((await readAll(store, { upTo: before })).map((entry) => entry.id).toSorted()).toEqual([
        'backdated',
        'chained',
        'young',
      ]);
    });

    test('by whether entries were taken back see what was there when they were planned', async () => {
      await recordAll(store, [
        { id: 'taken', ts: formatTimestamp(NOW - DAY) },
        { id: 'taker', ts: formatTimestamp(NOW - 2 * DAY), action: 'revert', reverts: 'taken' },
      ]);
      const rules = [
        rule({ filter: { reverted: true }, before: NOW }),
        rule({ filter: { action: ['revert'] }, before: NOW }),
      ];
      const plan = await planOf(store, ...rules);
      expect(await store.forecast(plan)).toMatchObject({ count: 2 });
      // The older one, which took the younger one back, falls in a batch of its own.
      await carryOut(store, plan, 1);
      expect(await store.find({ id: 'taken' })).toBeUndefined();
      expect(await store.find({ id: 'taker' })).toBeUndefined();
    });

    test('know what was recorded by an earlier moment', async () => {
      await recordAll(store, [
        { ts: formatTimestamp(NOW - 3 * DAY) },
        { ts: formatTimestamp(NOW - 3 * DAY), recorded_at: formatTimestamp(NOW) },
        { ts: formatTimestamp(NOW - 4 * DAY), recorded_at: formatTimestamp(NOW - 2 * DAY) },
      ]);
      const recordedBefore = formatTimestamp(NOW - DAY);
      const old = await store.plan([rule({ before: NOW - 2 * DAY })], [false], { recordedBefore });
      expect(await store.forecast(old)).toMatchObject({ count: 2, firstSeq: 1, lastSeq: 3 });
      const counted = await store.plan([rule({ keep: 1 })], [false], { recordedBefore });
      expect(await store.forecast(counted)).toMatchObject({ count: 1, firstSeq: 3, lastSeq: 3 });
    });

    describe('that keep the newest', () => {
      async function night(keep: number, filter: Filter = {}): Promise<number> {
        const rules: readonly PruneRule[] = [rule({ filter, keep })];
        if ((await forecastOf(store, ...rules)).count === 0) return 0;
        // What the operation does where the entry of the prune will match: it takes one of the places.
        const plan = await store.plan(rules, [filter.category === undefined]);
        return (await carryOut(store, plan, 3)).deleted;
      }

      test('keep so many, their own entry among them, and do nothing where nothing is new', async () => {
        await recordAll(store, numbered(10));
        expect(await night(4)).toBe(7);
        expect(await store.extent({})).toMatchObject({ lastSeq: 11, count: 4 });
        expect(await night(4)).toBe(0);
        expect((await store.extent({})).lastSeq).toBe(11);
        await recordAll(store, [{}]);
        expect(await night(4)).toBe(2);
        expect(await store.extent({})).toMatchObject({ count: 4 });
        expect(await night(4)).toBe(0);
      });

      test('count their own entry only where it matches', async () => {
        await recordAll(store, numbered(5, { category: 'auth' }));
        expect(await night(2, { category: ['auth'] })).toBe(3);
        expect(await night(2, { category: ['auth'] })).toBe(0);
        expect(await store.extent({})).toMatchObject({ count: 3 });
      });

      test('do nothing where there are no more than that', async () => {
        await recordAll(store, numbered(3));
        expect(await night(3)).toBe(0);
        expect(await night(4)).toBe(0);
      });

      test('hold with entries that are dated in the future', async () => {
        await recordAll(store, numbered(4, { ts: formatTimestamp(NOW + DAY) }));
        await recordAll(store, numbered(2));
        expect(await night(3)).toBe(4);
        expect(await store.extent({})).toMatchObject({ count: 3 });
        expect(await night(3)).toBe(0);
        expect(await store.extent({})).toMatchObject({ count: 3 });
      });

      test('hold with one place', async () => {
        await recordAll(store, numbered(3, { ts: formatTimestamp(NOW + DAY) }));
        expect(await night(1)).toBe(3);
        expect(await night(1)).toBe(0);
        expect(await store.extent({})).toMatchObject({ count: 1 });
      });
    });
  });

  describe('the lease', () => {
    const plan = async (): ReturnType<typeof planOf> => planOf(store, rule({ before: NOW + 1 }));

    test('keeps a second prune out', async () => {
      await recordAll(store, numbered(3));
      const prune = await store.openPrune(intentOf(await plan()));
      const other = await trail.open();
      await expect(other.openPrune(intentOf(await plan()))).rejects.toMatchObject({
        kind: 'busy',
        message: expect.stringContaining('process 1 on here'),
      });
      await recordAll(other, [{}]);
      expect((await store.extent({})).lastSeq).toBe(4);
      await store.closePrune(prune, 'done');
      expect(await other.openPrune(intentOf(await plan()))).toBeGreaterThan(prune);
    });

    async function half(holder: AuditStore): Promise<{ prune: number; next: Key | null }> {
      await recordAll(holder, numbered(5));
      const whole = await plan();
      const prune = await holder.openPrune(intentOf(whole));
      const { next } = await holder.deleteBatch(prune, whole, undefined, 2);
      return { prune, next };
    }

    test('falls with its holder: the account becomes an entry before the next one', async () => {
      await half(await trail.open({ presence: { host: 'here', pid: 77, lives: () => true } }));
      const asked: number[] = [];
      const other = await trail.open({
        presence: { host: 'here', pid: 1, lives: (pid) => (asked.push(pid), false) },
      });
      expect(await other.cutOffPrunes()).toMatchObject([{ deleted: 2, state: 'open' }]);
      expect(asked).toEqual([77]);
      const [outcome] = await recordAll(other, [{ message: 'next' }]);
      expect(outcome?.seq).toBe(7);
      expect(await store.find({ seq: 6 })).toMatchObject({
        action: 'prune',
        severity: 'warning',
        actor: 'cron',
        message: expect.stringContaining('cut off'),
      });
      expect(JSON.parse((await store.find({ seq: 6 }))?.metadata ?? '')).toMatchObject({
        state: 'cut_off',
        deleted: 2,
      });
      expect(await other.cutOffPrunes()).toEqual([]);
      expect(await store.lastPrune()).toMatchObject({ state: 'cut_off', deleted: 2, entry: 6 });
    });

    test('of a dead holder can be taken over, and the next prune ends what that one began', async () => {
      await half(await trail.open({ presence: { host: 'here', pid: 77, lives: () => true } }));
      const other = await trail.open({ presence: { host: 'here', pid: 1, lives: () => false } });
      const account = await carryOut(other, await plan());
      expect(account).toMatchObject({ state: 'done', deleted: 3 });
      expect((await readAll(store, { order: 'oldest' })).map((entry) => entry.severity)).toEqual(['warning', 'info']);
    });

    test('of another host falls when its heart has stopped for a minute', async () => {
      await half(await trail.open({ presence: { host: 'elsewhere', pid: 77, lives: () => true } }));
      const other = await trail.open({ presence: { host: 'here', pid: 1, lives: () => false } });
      trail.clock.now += 60_000;
      expect(await other.cutOffPrunes()).toEqual([]);
      await expect(other.openPrune(intentOf(await plan()))).rejects.toMatchObject({ kind: 'busy' });
      trail.clock.now += 1;
      expect(await other.cutOffPrunes()).toHaveLength(1);
      await recordAll(other, [{}]);
      expect(await store.find({ seq: 6 })).toMatchObject({ action: 'prune', severity: 'warning' });
    });

    test('is renewed, and each batch renews it', async () => {
      const { prune, next } = await half(store);
      trail.clock.now += 50_000;
      await store.renewPrune(prune);
      trail.clock.now += 50_000;
      expect(await store.cutOffPrunes()).toEqual([]);
      await store.deleteBatch(prune, await plan(), next ?? undefined, 1);
      trail.clock.now += 50_000;
      expect(await store.cutOffPrunes()).toEqual([]);
      trail.clock.now += 10_001;
      expect(await store.cutOffPrunes()).toHaveLength(1);
    });

    test('with a heartbeat far in the future says nothing', async () => {
      await half(store);
      trail.clock.now -= 3_600_000;
      expect(await store.cutOffPrunes()).toHaveLength(1);
    });

    test('that was taken over deletes nothing more', async () => {
      const { prune, next } = await half(store);
      const other = await trail.open({ presence: { host: 'here', pid: 2, lives: () => false } });
      await recordAll(other, [{}]);
      const late = store.deleteBatch(prune, await plan(), next ?? undefined, 2);
      await expect(late).rejects.toMatchObject({ kind: 'busy', message: expect.stringContaining('took over') });
      expect(await store.extent({})).toMatchObject({ count: 5 });
      await store.renewPrune(prune);
      expect(await store.closePrune(prune, 'done')).toMatchObject({ state: 'cut_off', entry: 6 });
    });

    test('of a prune that took nothing leaves no entry', async () => {
      await recordAll(store, numbered(2));
      await store.openPrune(intentOf(await plan()));
      const other = await trail.open({ presence: { host: 'here', pid: 2, lives: () => false } });
      await recordAll(other, [{}]);
      expect(await store.extent({})).toMatchObject({ lastSeq: 3, count: 3 });
      expect(await store.lastPrune()).toBeUndefined();
    });

    test('ends when its account is closed, once', async () => {
      const { prune } = await half(store);
      const closed = await store.closePrune(prune, 'cut_off');
      expect(closed).toMatchObject({ state: 'cut_off', deleted: 2, entry: 6 });
      expect(await store.closePrune(prune, 'done')).toEqual(closed);
      expect((await store.extent({})).lastSeq).toBe(6);
      await expect(store.closePrune(prune + 1, 'done')).rejects.toMatchObject({ kind: 'failed' });
    });
  });
}
