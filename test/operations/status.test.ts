import { expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import type { Status, StatusRequest } from '../../src/operations/status.js';
import { status } from '../../src/operations/status.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { ACTOR, carryOut, intentOf, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from '../store/trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function ask(store: AuditStore, request: Partial<StatusRequest> = {}): Promise<Status> {
  return status(store, { database: 'audit.db', now: NOW, zone: 'UTC', grace: parseDuration('26h'), ...request });
}

const codes = (answer: Status): string[] => answer.problems.map((problem) => problem.code);

async function keep(store: AuditStore, name: string, limits: { maxAge?: string; maxEntries?: number }): Promise<void> {
  const policy = {
    name,
    filter: { category: ['entity'] },
    maxAge: limits.maxAge ?? null,
    maxEntries: limits.maxEntries ?? null,
  };
  await store.changePolicy(name, policy, ACTOR);
}

test('an empty trail has nothing to tell and no problem', async () => {
  const { store } = await sqliteTrail();
  const { bytes, ...rest } = await ask(store);
  expect(rest).toEqual({
    database: 'audit.db',
    schema_version: 8,
    entries: 0,
    oldest: null,
    newest: null,
    unaccounted: { count: 0, since: null },
    policies: [],
    last_prune: null,
    outdated_captures: [],
    holds: [],
    problems: [],
  });
  expect(bytes.file).toBeGreaterThan(0);
});

test('tells what is there, what is due, and of the last prune', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(4, { ts: formatTimestamp(NOW - 91 * DAY) }));
  await recordAll(store, numbered(2));
  await carryOut(store, await planOf(store, rule({ before: NOW - DAY })));
  await recordAll(store, numbered(3, { ts: formatTimestamp(NOW - 90 * DAY - HOUR) }));
  await keep(store, 'old', { maxAge: '90d' });
  await keep(store, 'few', { maxEntries: 100 });
  const answer = await ask(store);
  expect(answer).toMatchObject({
    entries: 8,
    oldest: formatTimestamp(NOW - 90 * DAY - HOUR),
    newest: formatTimestamp(NOW),
    policies: [
      // What only one of them lets fall is not due.
      { name: 'few', due: 0 },
      { name: 'old', due: 0 },
    ],
    last_prune: { at: formatTimestamp(NOW), deleted: 4, entry: 7 },
    outdated_captures: [],
    problems: [],
  });
  await store.changePolicy('few', null, ACTOR);
  expect((await ask(store)).policies).toEqual([{ name: 'old', due: 3 }]);
});

test('what has been due for longer than the grace is overdue', async () => {
  const { store } = await sqliteTrail();
  await keep(store, 'old', { maxAge: '90d' });
  await recordAll(store, numbered(3, { ts: formatTimestamp(NOW - 90 * DAY - 27 * HOUR) }));
  await recordAll(store, numbered(2, { ts: formatTimestamp(NOW - 90 * DAY - 25 * HOUR) }));
  const answer = await ask(store);
  expect(answer.policies).toEqual([{ name: 'old', due: 5 }]);
  expect(answer.problems).toEqual([
    { code: 'overdue', message: '3 entries have been due for more than 26h: is daybook prune run?' },
  ]);
  expect(codes(await ask(store, { grace: parseDuration('28h') }))).toEqual([]);
  expect((await ask(store, { grace: parseDuration('1h') })).problems[0]?.message).toContain('5 entries');
});

test('what was recorded only now with an old time has not been due for long', async () => {
  const { store } = await sqliteTrail();
  await keep(store, 'old', { maxAge: '90d' });
  await recordAll(store, [{ ts: formatTimestamp(NOW - 200 * DAY), recorded_at: formatTimestamp(NOW - HOUR) }]);
  const answer = await ask(store);
  expect(answer).toMatchObject({ policies: [{ name: 'old', due: 1 }], problems: [] });
});

test('too many are overdue when they were too many by then', async () => {
  const { store } = await sqliteTrail();
  await keep(store, 'few', { maxEntries: 3 });
  await recordAll(store, numbered(3, { ts: formatTimestamp(NOW - 2 * DAY) }));
  await recordAll(store, numbered(5));
  expect(await ask(store)).toMatchObject({ policies: [{ name: 'few', due: 5 }], problems: [] });
  await recordAll(store, numbered(1, { ts: formatTimestamp(NOW - 2 * DAY) }));
  expect(codes(await ask(store))).toEqual(['overdue']);
});

test('a prune that was cut off is told, before and not after somebody has settled it', async () => {
  const { trail, store } = await sqliteTrail();
  await recordAll(store, numbered(5));
  const plan = await planOf(store, rule({ before: NOW + 1 }));
  const prune = await store.openPrune(intentOf(plan));
  await store.deleteBatch(prune, plan, undefined, 2);
  expect(codes(await ask(store))).toEqual([]);
  const other = await trail.open({ presence: { host: 'here', pid: 2, lives: () => false } });
  const answer = await ask(other);
  expect(answer.problems).toEqual([
    {
      code: 'prune_cut_off',
      message: `the prune that cron began at ${formatTimestamp(NOW)} was cut off after 2 entries: run it again`,
    },
  ]);
  expect(answer.last_prune).toBeNull();
  expect((await store.extent({})).lastSeq).toBe(5);
  await recordAll(other, [{}]);
  expect(await ask(other)).toMatchObject({ last_prune: { deleted: 2, entry: 6 }, problems: [] });
});

test('each guard or index that is missing or was changed is told', async () => {
  const { trail, store } = await sqliteTrail();
  trail.plain().exec('DROP TRIGGER daybook_entries_append_only_update; DROP INDEX daybook_entries_by_source');
  const answer = await ask(store);
  expect(codes(answer)).toEqual(['schema_object_missing', 'schema_object_missing']);
  expect(answer.problems.map((problem) => problem.message).join()).toContain(
    'daybook_entries_append_only_update is missing',
  );
});

test('a log that has grown out of hand is told', async () => {
  const { store } = await sqliteTrail();
  const facts = await store.facts(NOW);
  const grown = (wal: number): AuditStore => ({
    ...store,
    facts: async () => ({ ...facts, bytes: { ...facts.bytes, wal } }),
  });
  expect(codes(await ask(grown(256 * 1024 * 1024)))).toEqual([]);
  expect(codes(await ask(grown(256 * 1024 * 1024 + 1)))).toEqual(['wal_large']);
});

test('entries from the future are told, with room for clocks that differ', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ ts: formatTimestamp(NOW + 5 * 60_000) }]);
  expect(codes(await ask(store))).toEqual([]);
  await recordAll(store, [{ ts: formatTimestamp(NOW + 5 * 60_000 + 1) }]);
  expect((await ask(store)).problems).toEqual([
    { code: 'future_entries', message: '1 entries are dated in the future: was a clock wrong?' },
  ]);
});

test('a checkpoint that entries fell out from under is told', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, numbered(3));
  await store.beginCheckpoint('nightly', '{}', {}, markOf(1));
  await store.moveCheckpoint('nightly', markOf(0), markOf(1));
  await carryOut(store, await planOf(store, rule({ before: NOW + 1 })));
  expect((await ask(store)).problems).toEqual([
    { code: 'checkpoint_missed', message: '2 entries were pruned before checkpoint nightly had exported them' },
  ]);
});

test('nothing is written', async () => {
  const { trail, store } = await sqliteTrail();
  await recordAll(store, numbered(3));
  await keep(store, 'few', { maxEntries: 1 });
  const other = await trail.open();
  await other.othersHaveWritten();
  const connection = trail.plain();
  const before = connection.prepare('SELECT total_changes()').pluck().get();
  await ask(store);
  expect(await other.othersHaveWritten()).toBe(false);
  expect(connection.prepare('SELECT total_changes()').pluck().get()).toBe(before);
  expect((await store.extent({})).lastSeq).toBe(4);
});
