import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { NewEntry } from '../../src/core/entry.js';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { DaybookError, ResourceError } from '../../src/core/errors.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import { archiveName } from '../../src/operations/archive.js';
import { LARGE_LOG } from '../../src/operations/log-size.js';
import type { PreparedPrune, PruneRequest, PruneRun } from '../../src/operations/prune.js';
import { executePrune, policyRules, preparePrune, rehearsePrune } from '../../src/operations/prune.js';
import type { AuditStore, PruneRule } from '../../src/store/audit-store.js';
import {
  ACTOR,
  carryOut,
  intentOf,
  NOW,
  numbered,
  planOf,
  readAll,
  recordAll,
  rule,
  sqliteTrail,
} from '../store/trail.js';

const DAY = 86_400_000;
const RUN: PruneRun = { busyTimeout: 0 };

function request(...rules: readonly PruneRule[]): PruneRequest {
  return { command: 'prune', rules, actor: ACTOR, reason: null };
}

async function prepare(store: AuditStore, ...rules: readonly PruneRule[]): Promise<PreparedPrune> {
  return preparePrune(store, request(...rules), NOW);
}

const old = (count: number, fields: Partial<NewEntry> = {}): Partial<NewEntry>[] =>
  numbered(count, { ts: formatTimestamp(NOW - 10 * DAY), ...fields });
const OLD = rule({ before: NOW - DAY });

describe('preparing', () => {
  test('reserves a place for the entry of the prune where it will match', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [...numbered(5), ...numbered(3, { category: 'auth' })]);
    const all = await prepare(store, rule({ keep: 4 }));
    expect(all.forecast.count).toBe(5);
    expect((await prepare(store, rule({ keep: 8 }))).forecast.count).toBe(0);
    expect((await prepare(store, rule({ keep: 2, filter: { category: ['auth'] } }))).forecast.count).toBe(1);
    expect((await prepare(store, rule({ keep: 2, filter: { actor: ['anna'] } }))).forecast.count).toBe(0);
    expect((await store.extent({})).lastSeq).toBe(8);
  });

  test('counts once where no number is kept', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(5));
    let forecasts = 0;
    const counting: AuditStore = {
      ...store,
      forecast: (plan) => {
        forecasts += 1;
        return store.forecast(plan);
      },
    };
    expect((await prepare(counting, rule({ before: NOW + 1 }))).forecast.count).toBe(5);
    expect(forecasts).toBe(1);
    expect((await prepare(counting, rule({ keep: 2 }))).forecast.count).toBe(4);
    expect(forecasts).toBe(3);
  });

  test('resolves policies to moments, months by the calendar of the zone', () => {
    const policies = [
      { name: 'a', filter: { actor: ['x'] }, maxAge: '90d', maxEntries: null },
      { name: 'b', filter: {}, maxAge: '1mo', maxEntries: 7 },
      { name: 'c', filter: {}, maxAge: null, maxEntries: 7 },
    ];
    const now = Date.UTC(2026, 2, 31, 12);
    expect(policyRules(policies, now, 'UTC')).toEqual([
      { name: 'a', filter: { actor: ['x'] }, before: now - 90 * DAY, keep: null },
      { name: 'b', filter: {}, before: Date.UTC(2026, 1, 28, 12), keep: 7 },
      { name: 'c', filter: {}, before: null, keep: 7 },
    ]);
  });
});

describe('a rehearsal', () => {
  test('says what would go and what would stay, and does nothing', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [...old(3), ...numbered(2)]);
    const prepared = await prepare(store, { ...OLD, name: 'old' });
    expect(await rehearsePrune(store, prepared)).toEqual({
      dry_run: true,
      deleted: 3,
      by_age: 3,
      by_count: 0,
      remaining: 3,
      oldest_remaining: formatTimestamp(NOW),
      policies: [{ name: 'old', deleted: 3 }],
      archive: null,
      longest_lock_ms: 0,
      freed_bytes: 0,
      entry: null,
      held: 0,
    });
    expect(await store.extent({})).toMatchObject({ lastSeq: 5, count: 5 });
    expect(await rehearsePrune(store, await prepare(store, rule({ before: NOW - 99 * DAY })))).toMatchObject({
      deleted: 0,
      remaining: 5,
      oldest_remaining: formatTimestamp(NOW - 10 * DAY),
    });
  });

  test('and the prune after it agree', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [...old(30), ...numbered(30)]);
    const rules = [{ ...OLD, name: 'old' }, rule({ name: 'few', keep: 5 })];
    const rehearsed = await rehearsePrune(store, await prepare(store, ...rules));
    const done = await executePrune(store, await prepare(store, ...rules), RUN);
    expect(done).toEqual({
      ...rehearsed,
      dry_run: false,
      entry: 61,
      longest_lock_ms: done.longest_lock_ms,
      freed_bytes: done.freed_bytes,
    });
    expect(done).toMatchObject({ deleted: 30, by_age: 0, by_count: 30, remaining: 31 });
  });

  test('of a trail of which nothing is left', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(3));
    expect(await rehearsePrune(store, await prepare(store, OLD))).toMatchObject({
      remaining: 1,
      oldest_remaining: null,
    });
  });
});

describe('a prune', () => {
  test('that has nothing to do does and records nothing', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, numbered(3));
    const result = await executePrune(store, await prepare(store, OLD), { ...RUN, archive: '/nowhere/x' });
    expect(result).toEqual({
      dry_run: false,
      deleted: 0,
      by_age: 0,
      by_count: 0,
      remaining: 3,
      oldest_remaining: formatTimestamp(NOW),
      policies: [],
      archive: null,
      longest_lock_ms: 0,
      freed_bytes: 0,
      entry: null,
      held: 0,
    });
    expect((await store.extent({})).lastSeq).toBe(3);
  });

  test('by night with a count does nothing where nothing is new', async () => {
    const { store } = await sqliteTrail();
    const night = async (): Promise<number> =>
      (await executePrune(store, await prepare(store, rule({ keep: 10 })), RUN)).deleted;
    await recordAll(store, [...numbered(30), ...numbered(3, { ts: formatTimestamp(NOW + 30 * DAY) })]);
    expect(await night()).toBe(24);
    expect(await store.extent({})).toMatchObject({ count: 10 });
    expect(await night()).toBe(0);
    expect(await night()).toBe(0);
    await recordAll(store, numbered(2));
    expect(await night()).toBe(3);
    expect(await night()).toBe(0);
    expect(await store.extent({})).toMatchObject({ count: 10 });
  });

  test('by night makes room for its own entry, whichever rule something falls by', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [...numbered(5), ...old(3, { category: 'auth' })]);
    const auth = { category: ['auth'] };
    const night = async (): Promise<number> => {
      const prepared = await prepare(store, rule({ filter: { not: auth }, keep: 5 }), { ...OLD, filter: auth });
      return (await executePrune(store, prepared, RUN)).deleted;
    };
    expect(await night()).toBe(4);
    expect(await store.extent({ not: auth })).toMatchObject({ count: 5 });
    expect(await night()).toBe(0);
  });

  test('tells who, why and by what', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, [...old(2), ...old(1, { category: 'auth' })]);
    const rules = [
      rule({ name: 'old', before: NOW - DAY, filter: { meta: [{ path: 'a', value: '1' }] } }),
      { ...OLD, keep: 7 },
    ];
    const prepared = await preparePrune(store, { ...request(...rules), command: 'clear', reason: 'asked to' }, NOW);
    const { entry } = await executePrune(store, prepared, RUN);
    const found = await store.find({ seq: entry ?? 0 });
    expect(found).toMatchObject({
      action: 'clear',
      actor: 'anna',
      actor_type: 'user',
      message: expect.stringContaining('asked to'),
    });
    expect(JSON.parse(found?.metadata ?? '')).toMatchObject({
      deleted: 3,
      reason: 'asked to',
      policies: [{ name: 'old', deleted: 0 }],
      criteria: [
        { policy: 'old', before: formatTimestamp(NOW - DAY), filter: { meta: [{ path: 'a', value: '1' }] } },
        { before: formatTimestamp(NOW - DAY), max_entries: 7, filter: {} },
      ],
    });
  });

  test('never touches what came after its plan', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, old(500));
    const prepared = await prepare(store, OLD);
    const other = await trail.open();
    await recordAll(other, old(3));
    let late = 0;
    const result = await executePrune(store, prepared, {
      ...RUN,
      onProgress: () => {
        late += 1;
        void recordAll(other, [{ ts: formatTimestamp(NOW - 20 * DAY) }]);
      },
    });
    expect(result).toMatchObject({ deleted: 500, remaining: 3 + late + 1 });
    expect(late).toBeGreaterThan(1);
  });

  test('gives the space back', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(3000, { ts: formatTimestamp(NOW - 10 * DAY), message: 'x'.repeat(1000) }));
    await store.upkeep();
    const before = statSync(trail.path).size;
    const result = await executePrune(store, await prepare(store, OLD), RUN);
    expect(result.freed_bytes).toBeGreaterThan(3_000_000);
    expect(result.longest_lock_ms).toBeGreaterThan(0);
    expect(statSync(trail.path).size).toBeLessThan(before / 4);
    expect((await store.facts(NOW)).bytes.free).toBe(0);
  });

  test.each([
    [LARGE_LOG / 4, false],
    [LARGE_LOG / 4 + 1, true],
  ] as const)('lets the log flow back in each pause, with more time where it is long: %d', async (bytes, isLong) => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(1000));
    const released: number[] = [];
    const watched: AuditStore = {
      ...store,
      deleteBatch: async (...batch) => {
        released.push(performance.now());
        // However busy the machine is: behind a long batch the pause is longer as well.
        return { ...(await store.deleteBatch(...batch)), lockMs: 1 };
      },
      upkeep: async () => {
        const [before] = released.splice(-1, 1, performance.now());
        expect(before).toBeDefined();
        return bytes;
      },
      giveBackSpace: async () => 0,
    };
    await executePrune(watched, await prepare(store, OLD), RUN);
    const rests = released.slice(1).map((time, index) => time - (released[index] ?? 0));
    expect(rests.length).toBeGreaterThan(2);
    // Of 75 milliseconds: a timer may be early, and the search for the next batch belongs to the pause. A busy machine
    // makes some pauses longer, but not all of them.
    expect(Math.min(...rests) > 60).toBe(isLong);
  });

  test('is done although its space cannot be given back now', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(5));
    const busy = { ...store, giveBackSpace: () => Promise.reject(new DaybookError('busy', 'locked')) };
    expect(await executePrune(busy, await prepare(store, OLD), RUN)).toMatchObject({ deleted: 5, freed_bytes: 0 });
    await recordAll(store, old(5));
    const broken = { ...store, giveBackSpace: () => Promise.reject(new DaybookError('failed', 'broken')) };
    await expect(executePrune(broken, await prepare(store, OLD), RUN)).rejects.toMatchObject({
      kind: 'failed',
      message: 'broken; 5 of 5 entries were deleted, and are accounted for',
    });
    expect(await store.lastPrune()).toMatchObject({ state: 'done', deleted: 5 });
  });

  test('that fails between batches says what fell', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(1000));
    let batches = 0;
    const failing: AuditStore = {
      ...store,
      deleteBatch: (...given) => {
        batches += 1;
        if (batches > 1) throw new ResourceError('failed', 'no room', { hint: 'daybook status' });
        return store.deleteBatch(...given);
      },
    };
    await expect(executePrune(failing, await prepare(store, OLD), RUN)).rejects.toMatchObject({
      kind: 'failed',
      message: 'no room; 100 of 1000 entries were deleted, and are accounted for',
      hint: 'daybook status',
    });
    expect(await store.lastPrune()).toMatchObject({ state: 'cut_off', deleted: 100 });
  });

  test('that is interrupted between batches accounts for what fell, and the next one ends it', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(1000));
    const abort = new AbortController();
    const running = executePrune(store, await prepare(store, OLD), {
      ...RUN,
      signal: abort.signal,
      onProgress: () => abort.abort(),
    });
    await expect(running).rejects.toMatchObject({
      kind: 'interrupted',
      message: 'interrupted: 100 of 1000 entries were deleted, and are accounted for',
    });
    const last = await store.lastPrune();
    expect(last).toMatchObject({ state: 'cut_off', deleted: 100 });
    expect(await store.find({ seq: last?.entry ?? 0 })).toMatchObject({ action: 'prune', severity: 'warning' });
    expect(await store.extent({})).toMatchObject({ count: 901 });
    expect(await executePrune(store, await prepare(store, OLD), RUN)).toMatchObject({ deleted: 900, remaining: 2 });
  });

  test('that is interrupted before its first batch deletes nothing, and leaves the lease free', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(10));
    const running = executePrune(store, await prepare(store, OLD), { ...RUN, signal: AbortSignal.abort() });
    await expect(running).rejects.toMatchObject({
      kind: 'interrupted',
      message: 'interrupted: 0 of 10 entries were deleted, and are accounted for',
    });
    expect(await store.extent({})).toMatchObject({ count: 10 });
    expect(await executePrune(store, await prepare(store, OLD), RUN)).toMatchObject({ deleted: 10 });
  });

  test('that fails in its middle accounts for what fell, and leaves the lease free', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(1000));
    const broken = new Error('broken');
    let batches = 0;
    const failing: AuditStore = {
      ...store,
      deleteBatch: (...batch) => (++batches === 3 ? Promise.reject(broken) : store.deleteBatch(...batch)),
    };
    await expect(executePrune(failing, await prepare(store, OLD), RUN)).rejects.toBe(broken);
    const account = await store.lastPrune();
    expect(account).toMatchObject({ state: 'cut_off' });
    expect(await store.extent({})).toMatchObject({ count: 1000 - (account?.deleted ?? 0) + 1 });
    await carryOut(store, await planOf(store, OLD));
  });

  test('that loses the database tells of its first failure', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(3));
    const broken = new Error('broken');
    const lost: AuditStore = {
      ...store,
      deleteBatch: () => Promise.reject(broken),
      closePrune: () => Promise.reject(new Error('and this too')),
    };
    await expect(executePrune(lost, await prepare(store, OLD), RUN)).rejects.toBe(broken);
  });

  test('waits for another one, and is busy when that takes too long', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, old(10));
    const other = await trail.open();
    const holder = await other.openPrune(intentOf(await planOf(other, OLD)));
    const prepared = await prepare(store, OLD);
    await expect(executePrune(store, prepared, RUN)).rejects.toMatchObject({
      kind: 'busy',
      message: expect.stringContaining('another prune'),
    });
    const waiting = executePrune(store, prepared, { busyTimeout: 10_000 });
    await other.closePrune(holder, 'done');
    expect(await waiting).toMatchObject({ deleted: 10, remaining: 1 });
  });

  test('waits for a lock between its batches', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, old(10));
    let tries = 0;
    const sometimes: AuditStore = {
      ...store,
      deleteBatch: (...batch) =>
        ++tries < 3 ? Promise.reject(new DaybookError('busy', 'locked')) : store.deleteBatch(...batch),
    };
    expect(await executePrune(sometimes, await prepare(store, OLD), { busyTimeout: 10_000 })).toMatchObject({
      deleted: 10,
    });
    expect(tries).toBe(3);
    expect(readdirSync(trail.directory)).toContain('audit.db');
  });
});

describe('an archive', () => {
  test.each(['archive.ndjson', 'archive.ndjson.gz'])('in %s holds what fell, and is accounted for', async (name) => {
    const { trail, store } = await sqliteTrail();
    const target = path.join(trail.directory, name);
    await recordAll(store, [...old(1500), ...numbered(5), ...old(1)]);
    const doomed = await readAll(store, { order: 'oldest', filter: { until: NOW - DAY } });
    const steps: string[] = [];
    const result = await executePrune(store, await prepare(store, OLD), {
      ...RUN,
      archive: target,
      onProgress: (step, done, total) => {
        steps.push(`${step} ${done}/${total}`);
        if (step === 'deleting') expect(statSync(target).mode & 0o777).toBe(0o600);
      },
    });
    const bytes = readFileSync(target);
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
    const lines = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(Object.keys(lines[0] ?? {})).toEqual(ENTRY_FIELDS);
    expect(lines.map((line) => line['id'])).toEqual(doomed.map((entry) => entry.id));
    expect(lines[0]).toMatchObject({ seq: 1, message: 'number 1', metadata: {}, scope: null });
    const archive = { path: target, count: 1501, sha256: createHash('sha256').update(bytes).digest('hex') };
    expect(result).toMatchObject({ deleted: 1501, archive });
    expect(steps.slice(0, 2)).toEqual(['archiving 1000/1501', 'archiving 1501/1501']);
    const entry = await store.find({ seq: result.entry ?? 0 });
    expect(JSON.parse(entry?.metadata ?? '')).toMatchObject({ archive });
  });

  async function refused(
    run: (target: string) => Partial<PruneRun>,
    name = 'archive.ndjson',
  ): Promise<{ error: unknown; folder: string }> {
    const { trail, store } = await sqliteTrail();
    await recordAll(
      store,
      numbered(1500, () => ({
        ts: formatTimestamp(NOW - 10 * DAY),
        message: randomBytes(100).toString('hex'),
      })),
    );
    const target = path.join(trail.directory, name);
    const running = executePrune(store, await prepare(store, OLD), { ...RUN, archive: target, ...run(target) });
    const error = await running.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    // Nothing fell, nothing is told, and the next one may begin.
    expect(await store.extent({})).toMatchObject({ lastSeq: 1500, count: 1500 });
    expect(await store.lastPrune()).toBeUndefined();
    expect(readdirSync(trail.directory).filter((each) => each.endsWith('.tmp'))).toEqual([]);
    await store.closePrune(await store.openPrune(intentOf(await planOf(store, OLD))), 'done');
    return { error, folder: trail.directory };
  }

  /** Overwrites a byte of the file that is being written. */
  function damage(target: string): void {
    const folder = path.dirname(target);
    const place = readdirSync(folder).find((each) => each.endsWith('.tmp'));
    const file = openSync(path.join(folder, place ?? ''), 'r+');
    writeSync(file, Buffer.from([0x00, 0x01, 0x02, 0x03]), 0, 4, 40);
    closeSync(file);
  }

  test.each(['archive.ndjson', 'archive.ndjson.gz'])(
    'that does not read back as it was written (%s) saves every entry',
    async (name) => {
      let pages = 0;
      const { error, folder } = await refused(
        (target) => ({
          onProgress: (step) => {
            // At the second page, the first one is in the file.
            if (step === 'archiving' && ++pages === 2) damage(target);
          },
        }),
        name,
      );
      expect(error).toMatchObject({
        name: 'DaybookError',
        kind: 'failed',
        message: expect.stringContaining('does not read back as it was written: nothing was deleted'),
      });
      expect(readdirSync(folder)).not.toContain(name);
    },
  );

  test('that cannot be written saves every entry', async () => {
    const { error } = await refused((target) => ({ archive: path.join(target, 'none', 'x') }));
    expect(error).toMatchObject({ kind: 'failed' });
  });

  test('where a file is already saves every entry', async () => {
    const { error, folder } = await refused((target) => {
      writeFileSync(target, 'precious');
      return {};
    });
    expect(error).toMatchObject({ kind: 'refused' });
    expect(readFileSync(path.join(folder, 'archive.ndjson'), 'utf8')).toBe('precious');
  });

  test('where a file appears meanwhile saves every entry', async () => {
    const { error, folder } = await refused((target) => ({ onProgress: () => writeFileSync(target, 'precious') }));
    expect(error).toMatchObject({ kind: 'refused' });
    expect(readFileSync(path.join(folder, 'archive.ndjson'), 'utf8')).toBe('precious');
  });

  test('that is interrupted saves every entry', async () => {
    const abort = new AbortController();
    const { error, folder } = await refused(() => ({ signal: abort.signal, onProgress: () => abort.abort() }));
    expect(error).toMatchObject({ kind: 'interrupted', message: 'interrupted: nothing was deleted' });
    expect(readdirSync(folder)).not.toContain('archive.ndjson');
  });

  test('that does not hold what was planned saves every entry', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, old(20));
    const prepared = await prepare(store, OLD);
    const promised = { ...prepared, forecast: { ...prepared.forecast, count: 21 } };
    const running = executePrune(store, promised, { ...RUN, archive: path.join(trail.directory, 'x') });
    await expect(running).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('would hold 20 entries and not 21: nothing was deleted'),
    });
    expect(readdirSync(trail.directory).filter((name) => !name.startsWith('audit.db'))).toEqual([]);
    expect(await store.extent({})).toMatchObject({ count: 20 });
  });

  test('a plan that another prune came before is busy, and saves every entry that is left', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(20));
    const prepared = await prepare(store, OLD);
    await carryOut(store, await planOf(store, rule({ before: NOW - DAY, filter: { search: 'number 7' } })));
    const running = executePrune(store, prepared, RUN);
    await expect(running).rejects.toMatchObject({ kind: 'busy', message: expect.stringContaining('another prune') });
    expect(await store.extent({})).toMatchObject({ count: 20 });
    // The lease is free again.
    expect((await executePrune(store, await prepare(store, OLD), RUN)).deleted).toBe(19);
  });

  test('in a folder of archives has a name by time and seq', async () => {
    const { store } = await sqliteTrail();
    await recordAll(store, old(3));
    const { forecast } = await prepare(store, OLD);
    expect(archiveName('/archives', forecast, formatTimestamp(NOW))).toBe(
      '/archives/daybook-2026-03-05T120000Z-seq-1-3.ndjson.gz',
    );
  });
});
