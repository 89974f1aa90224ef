import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HistoryEntry, NewEntry } from '../../src/core/entry.js';
import type { ListedActor, NamedActor } from '../../src/core/directory.js';
import { ENTRY_FIELDS, HISTORY_FIELDS, JSON_FIELDS, newEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { formatTimestamp, parseTimestamp } from '../../src/core/timestamp.js';
import type {
  AuditStore,
  BatchOutcome,
  FieldPage,
  Key,
  NamesImport,
  Order,
  Policy,
  PruneRule,
} from '../../src/store/audit-store.js';
import { entries, filter as anyFilter, pruneRule, text } from './arbitraries.js';
import { describeReports } from './conformance-reports.js';
import { fallOf, inOrder, matching, takenBackBy } from './model.js';
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
  recordMarked,
  rule,
  seqsOf,
  type Trail,
  lastSeq,
} from './trail.js';
import type { Mark } from '../../src/core/mark.js';

const DAY = 86_400_000;
const ORDERS: readonly Order[] = ['newest', 'oldest', 'recorded'];

/**
 * What an AuditStore does, said through its interface alone: any engine can be run through it. `runs` says how often a
 * property is tried where a fast engine tries it so often.
 */
export function describeStore(
  engine: string,
  makeTrail: () => Promise<Trail>,
  runs: (often: number) => number = (often) => often,
): void {
  // oxlint-disable-next-line vitest/valid-title -- the title is the engine's
  describe(engine, () => {
    let trail: Trail;
    let store: AuditStore;

    beforeEach(async () => {
      trail = await makeTrail();
      store = await trail.open();
    });
    afterEach(() => trail.remove());

    /** Runs a property on a trail of its own each time. */
    async function onNewTrail(work: (fresh: AuditStore, trail: Trail) => Promise<void>): Promise<void> {
      const other = await makeTrail();
      try {
        await work(await other.open(), other);
      } finally {
        await other.remove();
      }
    }

    async function one(fields: Partial<NewEntry>): Promise<HistoryEntry> {
      const [outcome] = await recordAll(store, [fields]);
      const found = await store.find({ seq: outcome?.seq ?? 0 });
      if (found === undefined) throw new Error('what was recorded is not there');
      return found;
    }

    describe('recording', () => {
      test('fills in the defaults', async () => {
        const entry = await one({ action: 'create' });
        const { id, ...rest } = entry;
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(rest).toEqual({
          seq: 1,
          ts: '2026-03-05T12:00:00.000Z',
          recorded_at: null,
          category: 'entity',
          action: 'create',
          severity: 'info',
          actor: 'unknown',
          actor_type: 'unknown',
          actor_name: null,
          recorded_by: null,
          scope: null,
          entity_type: null,
          entity_id: null,
          entity_name: null,
          message: '',
          metadata: '{}',
          old_values: null,
          new_values: null,
          changed_fields: null,
          correlation_id: null,
          reverts: null,
          source: null,
          reverted_by: null,
        });
      });

      test('keeps every field as it was given', async () => {
        const fields: NewEntry = {
          id: 'al_1',
          ts: '2020-02-29T23:59:59.999Z',
          recorded_at: '2026-03-05T12:00:00.001Z',
          category: 'auth',
          action: 'create',
          severity: 'error',
          actor: 'anna',
          actor_type: 'user',
          actor_name: 'Anna Ø',
          recorded_by: 'root@here',
          scope: 'tenant:a:b',
          entity_type: 'invoice',
          entity_id: 'a:7',
          entity_name: '',
          message: 'a\r\nb\t"',
          metadata: '{"n":9007199254740993}',
          old_values: '{"a":1.10}',
          new_values: '{"a":1e400}',
          changed_fields: '["a"]',
          correlation_id: '',
          reverts: 'al_0',
          source: 'ledgrab',
        };
        expect(await one(fields)).toEqual({ seq: 1, ...fields, reverted_by: null });
      });

      test('takes the time from the clock at the moment of recording', async () => {
        let now = NOW;
        const ticking = await trail.open({ clock: () => now++ });
        await recordAll(ticking, numbered(3));
        const found = await readAll(store, { order: 'recorded' });
        const times = found.map((entry) => parseTimestamp(entry.ts));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(new Set(times).size).toBe(3);
      });

      test('gives each entry the next seq, and none twice', async () => {
        await recordAll(store, numbered(3));
        await carryOut(store, await planOf(store, rule({ before: NOW + 1 })));
        const [outcome] = await recordAll(store, [{}]);
        // 4 is the entry of the prune.
        expect(outcome?.seq).toBe(5);
        await store.close();
        store = await trail.open();
        await carryOut(store, await planOf(store, rule({ before: NOW + 1 })));
        expect((await recordAll(store, [{}]))[0]?.seq).toBe(7);
      });

      test('skips an id that is there with the same content, by the fields that were given', async () => {
        await recordAll(store, [{ id: 'a', message: 'one', metadata: '{"x":1,"y":[1,2]}', scope: 'k:1' }]);
        const again = await recordAll(store, [
          { id: 'a', message: 'one' },
          { id: 'a', metadata: '{ "y" : [1,2], "x" : 1 }' },
        ]);
        expect(again).toEqual([
          { outcome: 'skipped', seq: 1, id: 'a' },
          { outcome: 'skipped', seq: 1, id: 'a' },
        ]);
        expect((await store.extent({})).lastSeq).toBe(1);
      });

      test('names the given fields that differ from what is there', async () => {
        await recordAll(store, [{ id: 'a', message: 'one', old_values: '{"x":1}' }]);
        const outcomes = await recordAll(store, [
          { id: 'a', message: 'two', severity: 'error', old_values: '{"x":1.0}', new_values: '{}' },
          { id: 'b' },
        ]);
        expect(outcomes).toMatchObject([
          { outcome: 'conflict', seq: 1, id: 'a', fields: ['message', 'severity', 'old_values', 'new_values'] },
          { outcome: 'recorded', seq: 2, id: 'b' },
        ]);
        expect(await store.find({ id: 'a' })).toMatchObject({ message: 'one', severity: 'info' });
      });

      test('knows a record of a source again that says less, or what an earlier version made of it', async () => {
        const said = { id: 'a', action: 'note', scope: 'm:1', metadata: '{"x":1,"y":null}' };
        await recordAll(store, [said]);
        const request = (fields: Partial<NewEntry>, ...earlier: readonly Partial<NewEntry>[]) => ({
          entry: newEntry({ ...said, ...fields }),
          given: ['action', 'scope', 'message', 'metadata'] as const,
          ofSource: { earlier: earlier.map((was) => newEntry({ ...said, ...was })) },
        });
        const requests = [
          request({ scope: null, metadata: '{"y":null,"z":2}' }),
          request({ action: 'update', message: 'x' }, {}),
          request({ action: 'update', message: 'x' }, { scope: 'm:2' }),
        ];
        const forgotten = ['scope', 'metadata.x'];
        const differing = { outcome: 'conflict', fields: ['action', 'message'] };
        expect(await store.compare(requests)).toEqual([{ outcome: 'same', forgotten }, { outcome: 'same' }, differing]);
        for (const record of [store.record, store.recordOneOfMany]) {
          expect(await record(requests)).toEqual([
            { outcome: 'skipped', seq: 1, id: 'a', forgotten },
            { outcome: 'skipped', seq: 1, id: 'a' },
            { ...differing, seq: 1, id: 'a' },
          ]);
        }
      });

      test('knows an id that was recorded a moment before in the same call', async () => {
        expect(await recordAll(store, [{ id: 'a' }, { id: 'a' }, { id: 'a', message: 'x' }])).toMatchObject([
          { outcome: 'recorded' },
          { outcome: 'skipped' },
          { outcome: 'conflict' },
        ]);
      });

      test('stops at the first conflict where that is asked, and keeps what came before it', async () => {
        await recordAll(store, [{ id: 'a' }]);
        const requests = [{ id: 'b' }, { id: 'a' }, { id: 'a', message: 'x' }, { id: 'c' }].map((fields) => ({
          entry: newEntry({ action: 'update', ...fields }),
          given: Object.keys(fields) as (keyof NewEntry)[],
        }));
        const outcomes = await store.record(requests, { stopAtConflict: true });
        expect(outcomes.map((outcome) => outcome.outcome)).toEqual(['recorded', 'skipped', 'conflict']);
        expect(await store.find({ id: 'b' })).toBeDefined();
        expect(await store.find({ id: 'c' })).toBeUndefined();
      });

      test('records all of a call or nothing', async () => {
        const failing = recordAll(store, [{ id: 'a' }, { id: 'b', severity: 'loud' }, { id: 'c' }]);
        await expect(failing).rejects.toMatchObject({ name: 'DaybookError', kind: 'data' });
        expect((await store.extent({})).lastSeq).toBe(0);
        expect(await store.find({ id: 'a' })).toBeUndefined();
        await expect(recordAll(store, [{ action: '' }])).rejects.toMatchObject({ kind: 'data' });
        const many = Array.from({ length: 20 }, (_, n) => ({
          entry: newEntry({ action: 'update', id: `n${n}`, source: 'elsewhere', severity: n === 15 ? 'loud' : 'info' }),
          given: [],
        }));
        await expect(store.recordOneOfMany(many)).rejects.toMatchObject({ kind: 'data' });
        expect((await store.extent({})).lastSeq).toBe(0);
      });

      test.each(['record', 'recordOneOfMany'] as const)(
        '%s says of many what it says of each, whatever their ids',
        async (call) => {
          const said = fc.constantFrom('one', 'one', 'one', 'two');
          // In the second case all have an id, most of them one of their own.
          const request = fc.oneof(
            fc.record({ id: fc.option(fc.constantFrom(...'abcdefghijklmnopqrst'), { freq: 3 }), message: said }),
            fc.record({ id: fc.stringMatching(/^[a-z]{6}$/), message: said }),
          );
          const lists = fc.oneof(
            fc.array(request, { maxLength: 40 }),
            fc.array(fc.record({ id: fc.stringMatching(/^[a-z]{1,6}$/), message: said }), {
              minLength: 8,
              maxLength: 40,
            }),
          );
          await fc.assert(
            fc.asyncProperty(
              lists,
              fc.boolean(),
              fc.constantFrom(null, 'elsewhere'),
              async (list, stopAtConflict, source) => {
                await onNewTrail(async (fresh) => {
                  const known = new Map([['a', 'one']]);
                  await recordAll(fresh, [{ id: 'a', message: 'one' }]);
                  const expected: string[] = [];
                  for (const { id, message } of list) {
                    const there = id === null ? undefined : known.get(id);
                    const outcome = there === undefined ? 'recorded' : there === message ? 'skipped' : 'conflict';
                    expected.push(outcome);
                    if (id !== null && outcome === 'recorded') known.set(id, message);
                    if (stopAtConflict && outcome === 'conflict') break;
                  }
                  const requests = list.map((fields) => ({
                    entry: newEntry({ action: 'update', source, ...fields }),
                    given: ['message'] as const,
                  }));
                  const compared = await fresh.compare(requests.filter(({ entry }) => entry.id !== null));
                  expect(compared.map(({ outcome }) => outcome)).toEqual(
                    list
                      .filter(({ id }) => id !== null)
                      .map(({ id, message }) => (id !== 'a' ? 'missing' : message === 'one' ? 'same' : 'conflict')),
                  );
                  const outcomes: readonly (BatchOutcome & { readonly seq?: number; readonly id?: string })[] =
                    await fresh[call](requests, { stopAtConflict });
                  if (call === 'record') expect(outcomes.map(({ seq }) => typeof seq)).not.toContain('undefined');
                  expect(outcomes.map(({ outcome }) => outcome)).toEqual(expected);
                  const recorded = await readAll(fresh, { order: 'recorded' });
                  const fed = list.filter((_, index) => expected[index] === 'recorded');
                  expect(recorded.slice(1).map(({ message }) => message)).toEqual(fed.map(({ message }) => message));
                  for (const [index, outcome] of outcomes.entries()) {
                    if (outcome.seq === undefined) continue;
                    const found = await fresh.find({ seq: outcome.seq });
                    expect(found?.id).toBe(outcome.id);
                    if (list[index]?.id !== null) expect(outcome.id).toBe(list[index]?.id);
                  }
                });
              },
            ),
            { numRuns: runs(40) },
          );
        },
      );

      test('keeps every field of many, those that are alike and those that are not', async () => {
        const full = (index: number): Partial<NewEntry> =>
          Object.fromEntries(
            ENTRY_FIELDS.slice(1).map((field) => [field, index % 3 === 0 ? null : `${field} ${index % 2}`]),
          ) as Partial<NewEntry>;
        const list = Array.from({ length: 12 }, (_, index) => ({
          ...full(index),
          id: `id ${index}`,
          ts: '2026-03-05T12:00:00.000Z',
          recorded_at: null,
          category: 'c',
          action: 'a "quoted", [bracketed] \u{1f99c}',
          severity: index % 2 === 0 ? 'info' : 'error',
          actor: 'eve',
          actor_type: 'user',
          scope: index % 3 === 0 ? null : `k:${index}`,
          entity_type: 't',
          message: index % 2 === 0 ? '' : '12',
          metadata: '{"n":9007199254740993}',
          old_values: null,
          new_values: index === 5 ? '{}' : null,
          changed_fields: null,
        }));
        await recordAll(store, list);
        const found = await readAll(store, { order: 'recorded' });
        expect(found.map(({ seq: _seq, reverted_by: _by, ...entry }) => entry)).toEqual(list);
      });

      test('gives the clock to many without a time, each for itself', async () => {
        let now = NOW;
        const ticking = await trail.open({ clock: () => now++ });
        await recordAll(ticking, numbered(20));
        const times = (await readAll(store, { order: 'recorded' })).map(({ ts }) => ts);
        expect(new Set(times).size).toBeGreaterThan(1);
        expect(times).toEqual(times.toSorted());
      });

      test('compare says what differs, and records nothing', async () => {
        await recordAll(store, [{ id: 'a', message: 'one', metadata: '{"x":1,"y":2}' }]);
        const request = (fields: Partial<NewEntry>) => ({
          entry: newEntry({ action: 'update', ...fields }),
          given: Object.keys(fields) as (keyof NewEntry)[],
        });
        expect(
          await store.compare([
            request({ id: 'a', message: 'one', metadata: '{"y":2,"x":1}' }),
            request({ id: 'b' }),
            request({ id: 'a', message: 'two', severity: 'error' }),
          ]),
        ).toEqual([
          { outcome: 'same' },
          { outcome: 'missing' },
          { outcome: 'conflict', fields: ['message', 'severity'] },
        ]);
        expect((await store.extent({})).lastSeq).toBe(1);
      });

      test('recognises what a source said once, and names what it has forgotten', async () => {
        const once = { id: 'a', actor: 'u-1', scope: 'k:1', message: 'one', metadata: '{"user_id":1,"x":2}' };
        await recordAll(store, [once]);
        const given = Object.keys(once) as (keyof NewEntry)[];
        const request = (fields: Partial<NewEntry>, earlier: readonly Partial<NewEntry>[] = []) => ({
          entry: newEntry({ action: 'update', ...once, ...fields }),
          given,
          ofSource: { earlier: earlier.map((other) => newEntry({ action: 'update', ...once, ...other })) },
        });
        const asked = [
          request({}),
          request({ actor: 'unknown', scope: null, metadata: '{"x":2}' }),
          request({ message: 'two' }, [{ message: 'one' }]),
          request({ message: 'two' }),
        ];
        const [same, forgotten, earlier, other] = [
          {},
          { forgotten: ['actor', 'scope', 'metadata.user_id'] },
          {},
          { fields: ['message'] },
        ];
        expect(await store.compare(asked)).toEqual([
          { outcome: 'same', ...same },
          { outcome: 'same', ...forgotten },
          { outcome: 'same', ...earlier },
          { outcome: 'conflict', ...other },
        ]);
        const outcomes = [
          { outcome: 'skipped', seq: 1, id: 'a', ...same },
          { outcome: 'skipped', seq: 1, id: 'a', ...forgotten },
          { outcome: 'skipped', seq: 1, id: 'a', ...earlier },
          { outcome: 'conflict', seq: 1, id: 'a', ...other },
        ];
        expect(await store.record(asked)).toEqual(outcomes);
        expect(await store.recordOneOfMany(asked)).toEqual(outcomes);
      });

      test('records nothing of nothing', async () => {
        expect(await store.record([])).toEqual([]);
      });

      test('finds by seq and by id, and nothing where there is none', async () => {
        const entry = await one({ id: 'a', message: 'x' });
        expect(await store.find({ id: 'a' })).toEqual(entry);
        expect(await store.find({ seq: 2 })).toBeUndefined();
        expect(await store.find({ seq: Number.MAX_SAFE_INTEGER + 2 })).toBeUndefined();
        expect(await store.find({ id: "' OR 1" })).toBeUndefined();
      });

      test('other connections see it at once', async () => {
        const other = await trail.open();
        const before = await other.mark();
        await recordAll(store, [{}]);
        expect(await other.mark()).not.toBe(before);
        expect(await other.extent({}, { beyond: before })).toMatchObject({ count: 1, lastSeq: 1 });
      });
    });

    describe('taking back', () => {
      const reverting = (id: string, fields: Partial<NewEntry> = {}): NewEntry & { reverts: string } => ({
        ...newEntry({ action: 'revert', ...fields }),
        reverts: id,
      });

      test('an entry is taken back by a new one, once', async () => {
        await recordAll(store, [{ id: 'a' }]);
        const back = await store.revert(reverting('a', { id: 'r1', message: 'wrong' }));
        expect(back).toMatchObject({ seq: 2, id: 'r1', reverts: 'a', message: 'wrong' });
        expect(await store.find({ id: 'a' })).toMatchObject({ reverted_by: 'r1' });
        const again = store.revert(reverting('a'));
        await expect(again).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('entry 2') });
        await expect(again).rejects.toMatchObject({ hint: 'daybook show 2' });
        expect((await store.extent({})).lastSeq).toBe(2);
      });

      test('what is not there cannot be taken back', async () => {
        await expect(store.revert(reverting('a'))).rejects.toMatchObject({ kind: 'missing' });
      });

      test('an application takes an entry back by recording, once, also among many', async () => {
        await recordAll(store, [{ id: 'a' }]);
        const ofApplication = (...all: Partial<NewEntry>[]) =>
          store.record(
            all.map((fields) => ({
              entry: newEntry({ action: 'revert', ...fields }),
              given: Object.keys(fields) as (keyof NewEntry)[],
            })),
            { ofApplication: true },
          );
        const twice = ofApplication({ id: 'r1', reverts: 'a' }, { reverts: 'a' });
        await expect(twice).rejects.toMatchObject({ kind: 'refused' });
        await expect(ofApplication({ reverts: 'none' })).rejects.toMatchObject({ kind: 'missing', field: 'reverts' });
        expect((await store.extent({})).count).toBe(1);
        expect(await ofApplication({ id: 'r1', reverts: 'a' }, { id: 'b' })).toMatchObject([
          { outcome: 'recorded', id: 'r1' },
          { outcome: 'recorded', id: 'b' },
        ]);
        expect(await ofApplication({ id: 'r1', reverts: 'a' })).toMatchObject([{ outcome: 'skipped', id: 'r1' }]);
        const other = ofApplication({ id: 'c' }, { id: 'b', message: 'other' });
        await expect(other).rejects.toMatchObject({ kind: 'refused', field: 'id', value: 'b' });
        expect((await store.extent({})).count).toBe(3);
      });

      test('taking back what took it back makes it hold again, however often', async () => {
        await recordAll(store, [{ id: 'a' }]);
        const taker = async (): Promise<string | null> => (await store.find({ id: 'a' }))?.reverted_by ?? null;
        await store.revert(reverting('a', { id: 'r1' }));
        await store.revert(reverting('r1', { id: 'r2' }));
        expect(await taker()).toBeNull();
        await store.revert(reverting('r2', { id: 'r3' }));
        expect(await taker()).toBe('r1');
        await expect(store.revert(reverting('a'))).rejects.toMatchObject({ kind: 'refused' });
        await store.revert(reverting('r3', { id: 'r4' }));
        expect(await taker()).toBeNull();
        await store.revert(reverting('a', { id: 'r5' }));
        expect(await taker()).toBe('r5');
        await expect(store.revert(reverting('a'))).rejects.toMatchObject({ kind: 'refused' });
        // a by r5, r1 by r2 (whose taker r3 was taken back by r4), r3 by r4.
        expect(await seqsOf(store, { reverted: true }, 'oldest')).toEqual([1, 2, 4]);
        expect(await seqsOf(store, { reverted: false }, 'oldest')).toEqual([3, 5, 6]);
      });

      test('reverted and not reverted part the trail, whatever the chains', async () => {
        await fc.assert(
          fc.asyncProperty(entries(25), async (drawn) => {
            await onNewTrail(async (fresh) => {
              await recordAll(fresh, drawn);
              const all = await readAll(fresh);
              for (const entry of all) expect(entry.reverted_by).toBe(takenBackBy(all, entry.id));
              const back = all.filter((entry) => takenBackBy(all, entry.id) !== null).map((entry) => entry.seq);
              expect(await seqsOf(fresh, { reverted: true })).toEqual(back);
              expect(await seqsOf(fresh, { reverted: false })).toEqual(
                all.map((entry) => entry.seq).filter((seq) => !back.includes(seq)),
              );
            });
          }),
          { numRuns: runs(30) },
        );
      });

      test('an entry that claims to take back itself, or a circle, ends no read', async () => {
        await recordAll(store, [
          { id: 'self', reverts: 'self' },
          { id: 'one', reverts: 'two' },
          { id: 'two', reverts: 'one' },
        ]);
        expect(await readAll(store)).toHaveLength(3);
        await seqsOf(store, { reverted: true });
        expect((await forecastOf(store, rule({ before: NOW + 1 }))).count).toBe(3);
      });
    });

    describe('order and pages', () => {
      /** Hundreds on one millisecond, some before and after it, recorded in no order of time. */
      /** Records a crowd, and gives the mark of its first 300. */
      async function crowd(): Promise<Mark> {
        const fields = Array.from({ length: 420 }, (_, index) => ({
          message: `number ${index}`,
          category: index % 3 === 0 ? 'auth' : 'entity',
          ts: formatTimestamp(index % 10 === 0 ? NOW - index * 1000 : index % 97 === 0 ? NOW + index : NOW),
        }));
        await recordAll(store, fields.slice(0, 300));
        const mark = await store.mark();
        await recordAll(store, fields.slice(300));
        return mark;
      }

      const filters: [string, Filter][] = [
        ['all', {}],
        ['one value', { category: ['auth'] }],
        ['two values', { category: ['auth', 'entity', 'device'] }],
        ['a window', { since: NOW - 200_000, until: NOW + 100 }],
        ['a value in a window', { category: ['auth'], since: NOW, until: NOW }],
        ['a scan', { search: '7' }],
      ];

      describe.each(ORDERS)('%s', (order) => {
        test.each(filters)('%s: pages put together are one long read', async (_, filter) => {
          await crowd();
          const all = inOrder(matching(await readAll(store), filter), order);
          expect(all.length).toBeGreaterThan(10);
          for (const limit of [1000, all.length, all.length - 1, 64, 7]) {
            expect(await readAll(store, { filter, order, limit })).toEqual(all);
          }
        });

        test('entries that others record between pages do not slip in', async () => {
          await crowd();
          const other = await trail.open();
          const before = inOrder(await readAll(store), order);
          let count = 0;
          const pages = await readAll(store, { order, limit: 50 }, async () => {
            count += 1;
            await recordAll(other, [
              { message: 'now' },
              { message: 'before all', ts: formatTimestamp(NOW - 10 * DAY - count) },
              { message: 'among them', ts: formatTimestamp(NOW) },
              { message: 'behind all', ts: formatTimestamp(NOW + 10 * DAY + count) },
            ]);
          });
          expect(pages).toEqual(before);
          expect(await readAll(store)).toHaveLength(before.length + 4 * count);
        });

        test('what a prune takes between pages leaves the others in place', async () => {
          await crowd();
          const other = await trail.open();
          const before = inOrder(await readAll(store), order);
          const plan = await planOf(other, rule({ filter: { category: ['auth'] }, before: NOW + DAY }));
          let pruned = false;
          const pages = await readAll(store, { order, limit: 100 }, async () => {
            if (!pruned) await carryOut(other, plan);
            pruned = true;
          });
          const rest = before.slice(100).filter((entry) => entry.category !== 'auth');
          expect(pages).toEqual([...before.slice(0, 100), ...rest]);
        });

        test('rows, lines and fields answer as pages do', async () => {
          const upTo = await crowd();
          const columns = ['seq', 'message', 'reverted_by', 'ts'] as const;
          const expected = (await readAll(store, { order, upTo })).map((entry) => columns.map((field) => entry[field]));
          expect(expected).toHaveLength(300);
          const rows: unknown[] = [];
          const lines: unknown[] = [];
          const fields: unknown[] = [];
          for (let after: Key | undefined; ;) {
            const query = { filter: {}, order, limit: 33, upTo, ...(after === undefined ? {} : { after }) };
            const rowPage = await store.rows(query, columns);
            const linePage = await store.lines(query, columns);
            rows.push(...rowPage.rows);
            const values = textOf(linePage.lines)
              .split('\n')
              .slice(0, -1)
              .map((line) => Object.values(JSON.parse(line) as object));
            lines.push(...values);
            expect(linePage.count).toBe(values.length);
            expect(linePage.firstSeq).toBe(Math.min(...values.map(([seq]) => seq as number)));
            expect(linePage.lastSeq).toBe(Math.max(...values.map(([seq]) => seq as number)));
            const fieldPage = await store.fields(query, columns);
            expect(fieldPage).toMatchObject({
              count: linePage.count,
              next: linePage.next,
              firstSeq: linePage.firstSeq,
              lastSeq: linePage.lastSeq,
            });
            fields.push(...rowsOf(fieldPage, columns.length));
            if (rowPage.next === null) break;
            expect(linePage.next).toEqual(rowPage.next);
            after = rowPage.next;
          }
          expect(rows).toEqual(expected);
          expect(lines).toEqual(expected);
          expect(fields).toEqual(expected.map((row) => row.map((cell) => (cell === null ? null : String(cell)))));
        });

        test('an empty trail has one empty page', async () => {
          const query = { filter: {}, order, limit: 10, upTo: await store.mark() };
          expect(await store.page(query)).toEqual({ entries: [], next: null });
          expect(await store.rows(query, ['seq'])).toMatchObject({ rows: [], next: null });
          expect(await store.lines(query, ['seq'])).toMatchObject({
            count: 0,
            firstSeq: null,
            lastSeq: null,
            next: null,
          });
          expect((await store.lines(query, ['seq'])).lines).toHaveLength(0);
          expect(await store.fields(query, ['seq'])).toMatchObject({
            count: 0,
            firstSeq: null,
            lastSeq: null,
            next: null,
          });
          expect((await store.fields(query, ['seq']))?.fields).toHaveLength(0);
        });
      });

      test('time goes before seq, and seq decides on one moment', async () => {
        await recordAll(store, [
          { ts: formatTimestamp(NOW) },
          { ts: formatTimestamp(NOW - 1) },
          { ts: formatTimestamp(NOW + 1) },
          { ts: formatTimestamp(NOW) },
          { ts: '0001-01-01T00:00:00.000Z' },
          { ts: '9999-12-31T23:59:59.999Z' },
          { ts: '1969-12-31T23:59:59.999Z' },
        ]);
        expect(await seqsOf(store, {}, 'oldest')).toEqual([5, 7, 2, 1, 4, 3, 6]);
        expect(await seqsOf(store, {}, 'newest')).toEqual([6, 3, 4, 1, 2, 7, 5]);
        expect(await seqsOf(store, {}, 'recorded')).toEqual([1, 2, 3, 4, 5, 6, 7]);
      });

      test('a page of very large entries ends early, and the next goes on', async () => {
        const message = 'x'.repeat(3 * 1024 * 1024);
        await recordAll(store, [{ message }, { message }, { message }, {}]);
        const first = await store.page({ filter: {}, order: 'oldest', limit: 4, upTo: await store.mark() });
        expect(first.entries.length).toBeLessThan(4);
        expect(first.next).not.toBeNull();
        const all = await readAll(store, { order: 'oldest', limit: 4 });
        expect(all.map((entry) => entry.message.length)).toEqual([message.length, message.length, message.length, 0]);
      });
    });

    describe('filters', () => {
      test('take what the plain model takes, in order, over all pages', async () => {
        const question = fc.record({
          filter: anyFilter,
          order: fc.constantFrom(...ORDERS),
          limit: fc.integer({ min: 1, max: 12 }),
        });
        await fc.assert(
          fc.asyncProperty(
            entries(40),
            fc.array(question, { minLength: 12, maxLength: 12 }),
            fc.nat(40),
            async (drawn, questions, upTo) => {
              await onNewTrail(async (fresh) => {
                const mark = (await recordMarked(fresh, drawn))[Math.min(upTo, drawn.length)] as Mark;
                const all = await readAll(fresh);
                expect(all).toHaveLength(drawn.length);
                for (const { filter, order, limit } of questions) {
                  const expected = inOrder(matching(all, filter), order).filter((entry) => entry.seq <= upTo);
                  expect(await readAll(fresh, { filter, order, limit, upTo: mark })).toEqual(expected);
                  const extent = await fresh.extent(filter, { beyond: mark });
                  expect(await readAll(fresh, { upTo: extent.upTo })).toEqual(all);
                  expect(extent).toMatchObject({
                    lastSeq: drawn.length,
                    count: matching(all, filter).filter((entry) => entry.seq > upTo).length,
                  });
                }
              });
            },
          ),
          { numRuns: runs(60) },
        );
      }, 60_000);

      /** An entry that has everything, one that has something else, and one that has nothing. */
      async function three(): Promise<void> {
        await recordAll(store, [
          {
            id: 'full',
            category: 'auth',
            action: 'create',
            severity: 'error',
            actor: 'anna',
            actor_type: 'user',
            scope: 'tenant:1',
            entity_type: 'invoice',
            entity_id: '7',
            message: 'Paid 50% of A_1 by Ärger',
            metadata: '{"n":9007199254740993,"d":{"list":[{"k":"v"},2]},"t":true,"z":null}',
            changed_fields: '["status","address.street","gross_sats"]',
            correlation_id: 'req-1',
            source: 'ledgrab',
            ts: formatTimestamp(NOW),
          },
          {
            category: 'device',
            action: 'delete',
            severity: 'warning',
            actor: 'bob',
            actor_type: 'system',
            scope: 'tenant:2',
            entity_type: 'dca_Settlements',
            entity_id: '8',
            message: 'Paid 500 of AB1',
            metadata: '{"n":9007199254740992,"d":{"list":[2]},"t":"true"}',
            changed_fields: '["address2","statuses","wire_sats"]',
            correlation_id: 'req-2',
            source: 'other',
            ts: formatTimestamp(NOW + 1000),
          },
          { ts: formatTimestamp(NOW + 2000), action: 'note' },
        ]);
      }

      const conditions: [Filter, number[]][] = [
        [{ category: ['auth'] }, [1]],
        [{ action: ['create'] }, [1]],
        [{ severity: ['error'] }, [1]],
        [{ actor: ['anna'] }, [1]],
        [{ actor_type: ['user'] }, [1]],
        [{ scope: ['tenant:1'] }, [1]],
        [{ correlation_id: ['req-1'] }, [1]],
        [{ source: ['ledgrab'] }, [1]],
        [{ entity: [{ type: 'invoice' }] }, [1]],
        [{ entity: [{ id: '7' }] }, [1]],
        [{ entity: [{ type: 'invoice', id: '7' }] }, [1]],
        [{ entity: [{ type: 'dca_Settlements', id: '7' }] }, []],
        [{ search: 'paid 50%' }, [1]],
        [{ search: 'A_1' }, [1]],
        [{ search: 'a_1 BY' }, [1]],
        [{ search: 'ärger' }, []],
        [{ changed: ['status'] }, [1]],
        [{ changed: ['address'] }, [1]],
        [{ changed: ['address.street'] }, [1]],
        [{ changed: ['street'] }, []],
        [{ changed: ['gross'] }, [2]],
        [{ changed: ['wire_sats'] }, [2]],
        [{ changed: ['net'] }, []],
        [{ meta: [{ path: 'n', value: '9007199254740993' }] }, [1]],
        [{ meta: [{ path: 'n', value: '9007199254740992' }] }, [2]],
        [{ meta: [{ path: 'd.list.0.k', value: 'v' }] }, [1]],
        [{ meta: [{ path: 'd.list.0', value: '2' }] }, [2]],
        [{ meta: [{ path: 't', value: 'true' }] }, [2, 1]],
        [{ meta: [{ path: 'z', value: 'null' }] }, [1]],
        [{ meta: [{ path: 'missing', value: 'null' }] }, []],
        [{ since: NOW + 1000 }, [3, 2]],
        [{ until: NOW + 1000 }, [2, 1]],
        [{ since: NOW + 1, until: NOW + 1999 }, [2]],
        [{ since: NOW + 2001 }, []],
        [{ since: NOW + 2000, until: NOW }, []],
        [{ category: ['auth', 'device'], actor: ['bob'] }, [2]],
        [{ entity: [{ type: 'dca_Settlements' }, { id: '7' }] }, [2, 1]],
        [{ changed: ['nothing', 'statuses'] }, [2]],
      ];

      test.each(conditions)('%j', async (filter, expected) => {
        await three();
        expect(await seqsOf(store, filter)).toEqual(expected);
        expect(await seqsOf(store, filter, 'oldest')).toEqual(expected.toReversed());
        expect(await seqsOf(store, filter, 'recorded')).toEqual(expected.toReversed());
        expect(await store.extent(filter)).toMatchObject({ count: expected.length, lastSeq: 3 });
      });

      const excluding = conditions.filter(([{ since, until }]) => since === undefined && until === undefined);
      test.each(excluding.filter(([filter]) => Object.keys(filter).length === 1))(
        'not %j keeps what has no value there',
        async (conditionsOnly, expected) => {
          await three();
          const others = [3, 2, 1].filter((seq) => !expected.includes(seq));
          expect(await seqsOf(store, { not: conditionsOnly })).toEqual(others);
        },
      );

      test('in lists, any value will do, and each one excludes', async () => {
        await three();
        expect(await seqsOf(store, { category: ['auth', 'device', 'auth', 'none'] })).toEqual([2, 1]);
        expect(await seqsOf(store, { scope: ['tenant:2', 'tenant:1'] }, 'oldest')).toEqual([1, 2]);
        expect(await seqsOf(store, { not: { scope: ['tenant:2', 'tenant:1'] } })).toEqual([3]);
        expect(await seqsOf(store, { not: { actor: ['anna'], category: ['device'] } })).toEqual([3]);
        expect(await seqsOf(store, { entity: [{ type: 'invoice' }, { type: 'dca_Settlements' }] })).toEqual([2, 1]);
        expect(await seqsOf(store, { entity: [{ type: 'invoice', id: '7' }, { id: '8' }, { id: '7' }] })).toEqual([
          2, 1,
        ]);
      });

      test('what is no filter is refused', async () => {
        await three();
        for (const none of [{ actor: [] }, { entity: [] }, { not: { actor: [] } }] satisfies Filter[]) {
          await expect(seqsOf(store, none)).rejects.toThrow(expect.objectContaining({ kind: 'usage' }));
          await expect(forecastOf(store, rule({ filter: none, before: NOW + DAY }))).rejects.toThrow(
            expect.objectContaining({ kind: 'usage' }),
          );
        }
      });

      test('a list longer than anything worth a merge', async () => {
        await three();
        const many = Array.from({ length: 200 }, (_, index) => `none-${index}`);
        expect(await seqsOf(store, { actor: [...many, 'anna'] })).toEqual([1]);
        expect(await seqsOf(store, { entity: [...many, '7'].map((id) => ({ id })) })).toEqual([1]);
      });

      test('an id that occurs with many types, and with none', async () => {
        const types = Array.from({ length: 60 }, (_, index) => `type-${index}`);
        await recordAll(store, [
          ...types.slice(0, 3).map((type) => ({ entity_type: type, entity_id: 'few' })),
          { entity_id: 'few' },
          ...types.map((type) => ({ entity_type: type, entity_id: 'many' })),
          { entity_type: 'type-0' },
        ]);
        expect(await seqsOf(store, { entity: [{ id: 'few' }] }, 'oldest')).toEqual([1, 2, 3, 4]);
        expect(await seqsOf(store, { entity: [{ id: 'many' }] })).toHaveLength(60);
        expect(await seqsOf(store, { entity: [{ id: 'none' }] })).toEqual([]);
        expect(await readAll(store, { filter: { entity: [{ id: 'few' }] }, limit: 1 })).toHaveLength(4);
      });

      test('more entries taken back than are worth looking up one by one', async () => {
        const ids = Array.from({ length: 1010 }, (_, index) => ({ id: `e-${index}` }));
        await recordAll(store, ids);
        await recordAll(
          store,
          ids.map(({ id }) => ({ action: 'revert', reverts: id })),
        );
        expect(await store.extent({ reverted: true })).toMatchObject({ count: 1010 });
        expect(await seqsOf(store, { reverted: true }, 'oldest')).toEqual(ids.map((_, index) => index + 1));
        expect(await seqsOf(store, { reverted: false, actor: ['unknown'] })).toHaveLength(1010);
      });

      test('a value is found under its key, whatever characters that has', async () => {
        const key = text.filter((characters) => !characters.includes('.'));
        await fc.assert(
          fc.asyncProperty(fc.array(fc.tuple(key, text), { minLength: 1, maxLength: 20 }), async (pairs) => {
            await onNewTrail(async (fresh) => {
              await recordAll(
                fresh,
                pairs.map(([name, value]) => ({ metadata: JSON.stringify({ other: 1, [name]: value }) })),
              );
              const all = await readAll(fresh);
              for (const [path, value] of pairs) {
                const filter = { meta: [{ path, value }] };
                const found = await seqsOf(fresh, filter);
                expect(found.length).toBeGreaterThan(0);
                expect(found).toEqual(matching(all, filter).map((entry) => entry.seq));
              }
            });
          }),
          {
            numRuns: runs(25),
            examples: [
              [
                [
                  ['back\\slash', 'x'],
                  ['quo"te', 'y'],
                  ['new\nline', 'z'],
                  ['', 'w'],
                  ['12', 'v'],
                ],
              ],
            ],
          },
        );
      });

      test('values are counted, most frequent first', async () => {
        await three();
        await recordAll(store, [{ actor: 'bob', scope: 'tenant:1' }, { actor: 'bob' }]);
        expect(await store.values('actor', {})).toEqual([
          { value: 'bob', count: 3 },
          { value: 'anna', count: 1 },
          { value: 'unknown', count: 1 },
        ]);
        expect(await store.values('scope', { until: NOW + 2000 })).toEqual([
          { value: null, count: 2 },
          { value: 'tenant:1', count: 2 },
          { value: 'tenant:2', count: 1 },
        ]);
        expect(await store.values('action', { actor: ['anna'] })).toEqual([{ value: 'create', count: 1 }]);
        expect(await store.values('action', { actor: ['nobody'] })).toEqual([]);
      });

      test('too many values to hold are refused, and so are too many characters', async () => {
        const megabyte = 'x'.repeat(1024 * 1024);
        await recordAll(
          store,
          numbered(20, (index) => ({ message: `${index}${megabyte}`, entity_name: String(index) })),
        );
        await expect(store.values('message', {})).rejects.toMatchObject({ kind: 'data', message: expect.any(String) });
        expect(await store.values('entity_name', {})).toHaveLength(20);
      });

      test('the extent counts from a mark on, at one moment', async () => {
        const [, first, , third] = (await recordMarked(store, numbered(5))) as [Mark, Mark, Mark, Mark];
        expect(await store.extent({})).toMatchObject({ lastSeq: 5, count: 5 });
        expect(await store.extent({}, { upTo: third, beyond: first })).toEqual({
          upTo: third,
          count: 2,
          lastSeq: 3,
        });
        expect(await store.extent({}, { beyond: third })).toMatchObject({ lastSeq: 5, count: 2 });
        expect(await store.extent({ actor: ['nobody'] }, { beyond: third })).toMatchObject({
          lastSeq: 5,
          count: 0,
        });
      });

      test('explain says how a page is read', async () => {
        await three();
        const query = {
          filter: { actor: ['anna'], search: "it's" },
          order: 'newest',
          limit: 10,
          upTo: await store.mark(),
        } as const;
        const { sql, parameters, plan } = await store.explain(query);
        expect(sql).not.toContain("it's");
        expect(parameters).toContain("it's");
        expect(plan.length).toBeGreaterThan(0);
      });
    });

    describeReports(() => store, onNewTrail, runs);

    describe('lines', () => {
      test('hold every field in order, and documents with every digit', async () => {
        await recordAll(store, [
          {
            metadata: '{"a":9007199254740993,"b":1e400,"c":1.10,"d":-0,"e":12345678901234567890.0}',
            old_values: '{"x":1.10}',
            new_values: '{}',
            changed_fields: '["x","y.z"]',
          },
        ]);
        const { lines } = await store.lines(
          { filter: {}, order: 'oldest', limit: 10, upTo: await store.mark() },
          HISTORY_FIELDS,
        );
        const line = textOf(lines);
        expect(Object.keys(JSON.parse(line) as object)).toEqual(HISTORY_FIELDS);
        expect(line).toContain(
          '"metadata":{"a":9007199254740993,"b":1e400,"c":1.10,"d":-0,"e":12345678901234567890.0}',
        );
        expect(line).toContain(
          '"old_values":{"x":1.10},"new_values":{},"changed_fields":["x","y.z"],"correlation_id":null',
        );
        expect(line.endsWith('"reverted_by":null}\n')).toBe(true);
      });

      test('keep hostile text byte for byte', async () => {
        await fc.assert(
          fc.asyncProperty(entries(15), fc.array(text, { minLength: 1 }), async (drawn, texts) => {
            await onNewTrail(async (fresh) => {
              const hostile = [
                ...texts,
                '\u001b]0;owned\u0007\u202e\ufeff\u2028\u2029\u0001\u007f\u0085',
                '\\"\\\\\\n%s%d%%',
                '=1+1',
                '😀'.repeat(3),
                "'; DROP TABLE daybook_entries; --",
              ];
              await recordAll(fresh, [
                ...drawn,
                ...hostile.map((message) => ({ message, entity_name: message, actor: message || 'x' })),
              ]);
              const upTo = await fresh.mark();
              const page = await fresh.lines({ filter: {}, order: 'recorded', limit: 1000, upTo }, HISTORY_FIELDS);
              const lines = textOf(page.lines).split('\n').slice(0, -1);
              const expected = await readAll(fresh, { order: 'recorded' });
              expect(lines).toHaveLength(expected.length);
              expect(lines.map((line) => parseLine(line))).toEqual(expected.map((entry) => parsed(entry)));
            });
          }),
          { numRuns: runs(40) },
        );
      });

      test('are one line each, even where a document was written over several', async () => {
        await recordAll(store, [
          { metadata: '{\n  "a": "x\\ny",\r\n\t"b": [\n1\n]\n}', old_values: '{\r"a": 1}', changed_fields: '[\n"a"]' },
          {},
        ]);
        const page = await store.lines(
          { filter: {}, order: 'oldest', limit: 10, upTo: await store.mark() },
          ENTRY_FIELDS,
        );
        const lines = textOf(page.lines).split('\n').slice(0, -1);
        expect(lines).toHaveLength(2);
        expect(textOf(page.lines)).not.toContain('\r');
        expect(JSON.parse(lines[0] ?? '')).toMatchObject({
          metadata: { a: 'x\ny', b: [1] },
          old_values: { a: 1 },
          changed_fields: ['a'],
        });
      });

      test.each(['\n', '\r'])('are one line each, whether a document holds the one or the other: %j', async (end) => {
        await recordAll(store, [
          { metadata: `{${end}"a": 1}` },
          { metadata: '{"b":1}' },
          { old_values: `{"c": 1${end}}` },
        ]);
        const query = { filter: {}, order: 'oldest', upTo: await store.mark() } as const;
        const first = await store.lines({ ...query, limit: 2 }, ['metadata']);
        expect(textOf(first.lines)).toBe('{"metadata":{ "a": 1}}\n{"metadata":{"b":1}}\n');
        const rest = await store.lines({ ...query, limit: 2, ...(first.next && { after: first.next }) }, [
          'old_values',
        ]);
        expect(textOf(rest.lines)).toBe('{"old_values":{"c": 1 }}\n');
      });

      test('hold the asked columns, in the asked order', async () => {
        await recordAll(store, [{ id: 'a', message: 'x' }]);
        const page = await store.lines({ filter: {}, order: 'oldest', limit: 1, upTo: await store.mark() }, [
          'message',
          'reverted_by',
          'id',
        ]);
        expect(textOf(page.lines)).toBe('{"message":"x","reverted_by":null,"id":"a"}\n');
      });

      function parseLine(line: string): Record<string, unknown> {
        return JSON.parse(line) as Record<string, unknown>;
      }

      function parsed(entry: HistoryEntry): Record<string, unknown> {
        return Object.fromEntries(
          HISTORY_FIELDS.map((field) => {
            const value = entry[field];
            return [field, JSON_FIELDS.has(field) && value !== null ? JSON.parse(String(value)) : value];
          }),
        );
      }
    });

    describe('pages of fields', () => {
      /** The page as rows of text, or null where the store has it as rows alone. */
      async function textRows(from: AuditStore, upTo: Mark): Promise<(string | null)[][] | null> {
        const query = { filter: {}, order: 'recorded', limit: 1000, upTo } as const;
        const page = await from.fields(query, HISTORY_FIELDS);
        return page === null ? null : rowsOf(page, HISTORY_FIELDS.length);
      }

      test('tell null from empty text', async () => {
        await recordAll(store, [{ message: '', actor_name: '', scope: null, source: null }]);
        const query = { filter: {}, order: 'oldest', limit: 5, upTo: await store.mark() } as const;
        const page = await store.fields(query, ['message', 'scope', 'actor_name', 'source']);
        expect(textOf(page?.fields ?? new Uint8Array())).toBe('\x1e\x1f\x1f\x1e\x1f\x1f');
      });

      test('are those of rows, whatever the text, or none', async () => {
        const marks = fc.constantFrom('\x1e', '\x1f', '\x1e\x1f', '\x1ea', '\x01', '\ta', '');
        await fc.assert(
          fc.asyncProperty(entries(15), fc.array(fc.oneof(text, marks)), async (drawn, texts) => {
            await onNewTrail(async (fresh) => {
              const hostile = texts.map((message) => ({ message, entity_name: message, actor: message || 'x' }));
              await recordAll(fresh, [...drawn, ...hostile]);
              const upTo = await fresh.mark();
              const found = await textRows(fresh, upTo);
              const { rows } = await fresh.rows({ filter: {}, order: 'recorded', limit: 1000, upTo }, HISTORY_FIELDS);
              const expected = rows.map((row) => row.map((cell) => (cell === null ? null : String(cell))));
              const ambiguous = expected.flat().some((cell) => cell === '\x1e' || cell?.includes('\x1f') === true);
              expect(found).toEqual(ambiguous ? null : expected);
            });
          }),
          { numRuns: runs(100) },
        );
      });

      test.each(['\x1e', '\x1f', 'a\x1fb', '\x1e\x1f', '\x1f\x1e'])('are none where a text is %j', async (message) => {
        const [, before, , all] = (await recordMarked(store, [{}, { message }, {}])) as [Mark, Mark, Mark, Mark];
        expect(await textRows(store, all)).toBeNull();
        expect(await textRows(store, before)).not.toBeNull();
      });

      test('of null alone are marks alone, however many', async () => {
        await recordAll(store, numbered(600));
        const query = { filter: {}, order: 'oldest', limit: 1000, upTo: await store.mark() } as const;
        const page = await store.fields(query, ['scope', 'source', 'reverts', 'actor_name']);
        expect(textOf(page?.fields ?? new Uint8Array())).toBe('\x1f'.repeat(2400));
      });

      test('find one mark too many at any place of a large page', async () => {
        for (const length of [0, 1, 2, 3, 4]) {
          await onNewTrail(async (fresh) => {
            const message = 'x'.repeat(length);
            await recordAll(fresh, numbered(300, { message }));
            expect(await textRows(fresh, await fresh.mark())).toHaveLength(300);
            await recordAll(fresh, [{ message: `${message}\x1f` }]);
            expect(await textRows(fresh, await fresh.mark())).toBeNull();
          });
        }
      });
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
        expect(await store.changePolicy('all', { name: 'all', filter: {}, maxAge: null, maxEntries: 5 }, ACTOR)).toBe(
          2,
        );
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

    describe('the directory of names', () => {
      const ines: NamedActor = { actor: 'u-42', name: 'Ines Moreau', email: 'ines@example.org' };
      const audit = (action = 'actors_set'): NewEntry => newEntry({ action, category: 'system', ...ACTOR });

      async function put(...actors: readonly NamedActor[]): Promise<void> {
        for (const becomes of actors) await store.changeActor(becomes.actor, () => ({ becomes, audit: audit() }));
      }

      async function* pages(
        ...some: readonly (readonly Partial<ListedActor>[])[]
      ): AsyncGenerator<readonly ListedActor[]> {
        let line = 0;
        for (const page of some) {
          yield page.map(({ actor = '', name = '', email = null }) => ({
            actor,
            name,
            email,
            place: `line ${++line}`,
          }));
        }
      }

      function importing(withEmail = true): NamesImport {
        return {
          withEmail,
          audit: (counts) => ({ ...audit('actors_import'), metadata: JSON.stringify(counts) }),
        };
      }

      test('keeps, changes and removes actors, each with its entry', async () => {
        const known: unknown[] = [];
        const change = (becomes: NamedActor | null): Promise<number | null> =>
          store.changeActor('u-42', (before) => {
            known.push(before);
            return { becomes, audit: audit() };
          });
        expect(await change(ines)).toBe(1);
        expect(await change({ ...ines, email: null })).toBe(2);
        expect(await store.actors({ limit: 10 })).toEqual([{ ...ines, email: null }]);
        expect(await change(null)).toBe(3);
        expect(await store.actors({ limit: 10 })).toEqual([]);
        expect(known).toEqual([undefined, ines, { ...ines, email: null }]);
        expect(await store.changeActor('u-42', () => undefined)).toBeNull();
        expect((await store.extent({})).lastSeq).toBe(3);
      });

      test('changes nothing where its entry cannot be recorded', async () => {
        const refused = store.changeActor('u-42', () => ({ becomes: ines, audit: { ...audit(), severity: 'no' } }));
        await expect(refused).rejects.toThrow(/check/i);
        expect(await store.actors({ limit: 10 })).toEqual([]);
      });

      test('is read page by page, by id, and by name', async () => {
        const others = ['b', 'a', 'c'].map((actor) => ({ actor, name: 'Anna', email: null }));
        await put(ines, ...others);
        const first = await store.actors({ limit: 2 });
        expect(first.map(({ actor }) => actor)).toEqual(['a', 'b']);
        expect((await store.actors({ limit: 2, after: 'b' })).map(({ actor }) => actor)).toEqual(['c', 'u-42']);
        expect((await store.actors({ limit: 9, name: 'Anna', after: 'a' })).map(({ actor }) => actor)).toEqual([
          'b',
          'c',
        ]);
        expect(await store.actors({ limit: 9, name: 'anna' })).toEqual([]);
        expect(await store.actorNames(['u-42', 'a', 'nobody'])).toEqual(
          new Map([
            ['u-42', 'Ines Moreau'],
            ['a', 'Anna'],
          ]),
        );
      });

      test('tells whom a text means: an id of an entry or of the directory before any name', async () => {
        await recordAll(store, [{ actor: 'Carl' }]);
        await put(ines, { ...ines, actor: '1', name: 'Anna' }, { ...ines, actor: '2', name: 'Anna' });
        await put({ ...ines, actor: '3', name: 'Carl' }, { ...ines, actor: '4', name: 'u-42' });
        expect(await store.actorsMeant(['Ines Moreau', 'Anna', 'Carl', 'u-42', 'nobody', 'carl'])).toEqual(
          new Map([
            ['Ines Moreau', ['u-42']],
            ['Anna', ['1', '2']],
            ['Carl', ['Carl']],
            ['u-42', ['u-42']],
            ['nobody', []],
            ['carl', []],
          ]),
        );
      });

      test('gives new entries the name of their actor', async () => {
        await put(ines);
        expect((await one({ actor: 'u-42' })).actor_name).toBe('Ines Moreau');
        expect((await one({ actor: 'u-43' })).actor_name).toBeNull();
        expect((await one({ actor: 'u-42', actor_name: 'I. M.' })).actor_name).toBe('I. M.');
        const { id } = await one({ actor: 'u-42', entity_type: 'a', entity_id: 'b' });
        const entry = newEntry({ action: 'revert', actor: 'u-42', actor_type: 'user' });
        expect((await store.revert({ ...entry, reverts: id })).actor_name).toBe('Ines Moreau');
        await put({ actor: ACTOR.actor, name: 'Anna', email: null });
        const last = await store.find({ seq: await lastSeq(store) });
        expect(last?.actor_name).toBe('Anna');
      });

      test.each([
        ['record', {}],
        ['recordOneOfMany', {}],
        ['recordOneOfMany', { durable: true }],
      ] as const)('%s %j names the actors of many as of each', async (call, options) => {
        const fields = fc.record({
          actor: fc.constantFrom('u-42', 'a', 'u-43'),
          actor_name: fc.constantFrom(null, null, 'by hand', ''),
          ts: fc.constantFrom(null, null, '2026-01-02T03:04:05.678Z'),
          recorded_at: fc.constantFrom(null, null, '2026-01-02T03:04:05.678Z'),
          source: fc.constantFrom(null, null, 'elsewhere'),
        });
        // That a name is given as none is not the same as that none is given.
        const request = fc
          .tuple(fields, fc.boolean())
          .map(([entry, given]) => ({ fields: entry, given: given ? (['actor_name'] as const) : [] }));
        const lists = fc.oneof(
          fc.array(request, { minLength: 8, maxLength: 20 }),
          // Most often all are of one kind.
          request.map((each) => Array.from({ length: 9 }, () => each)),
        );
        await fc.assert(
          fc.asyncProperty(lists, fc.boolean(), async (list, withIds) => {
            await onNewTrail(async (fresh) => {
              for (const [actor, name] of [
                ['u-42', 'Ines Moreau'],
                ['a', 'Anna'],
              ] as const) {
                const known = { actor, name, email: null };
                await fresh.changeActor(actor, () => ({ becomes: known, audit: audit('actor_set') }));
              }
              const before = await lastSeq(fresh);
              const requests = (prefix: string) =>
                list.map(({ fields: given, given: names }, index) => ({
                  entry: newEntry({ action: 'x', id: withIds ? `${prefix}${index}` : null, ...given }),
                  given: names,
                }));
              for (const each of requests('each')) await fresh.record([each]);
              await fresh[call](requests('many'), options);
              const found = (await readAll(fresh, { order: 'recorded' })).slice(before);
              const names = found.map(({ actor, actor_name: name }) => [actor, name]);
              expect(names.slice(list.length)).toEqual(names.slice(0, list.length));
            });
          }),
          { numRuns: runs(30) },
        );
      });

      test('keeps the name of an entry when the directory changes', async () => {
        await put(ines);
        const { seq } = await one({ actor: 'u-42' });
        await put({ ...ines, name: 'Ines Arriaga' });
        expect((await store.find({ seq }))?.actor_name).toBe('Ines Moreau');
        expect((await one({ actor: 'u-42' })).actor_name).toBe('Ines Arriaga');
      });

      test('says nothing of entries of another time or another trail, nor where the writer said that there is none', async () => {
        await put(ines);
        const ts = '2020-01-01T00:00:00.000Z';
        expect((await one({ actor: 'u-42', ts })).actor_name).toBeNull();
        expect((await one({ actor: 'u-42', recorded_at: ts })).actor_name).toBeNull();
        expect((await one({ actor: 'u-42', source: 'ledgrab' })).actor_name).toBeNull();
        expect((await one({ actor: 'u-42', actor_name: null })).actor_name).toBeNull();
      });

      test('an entry that is recorded once more is the same, whatever its actor is called by then', async () => {
        await put(ines);
        const [first] = await recordAll(store, [{ id: 'x-1', actor: 'u-42' }]);
        await put({ ...ines, name: 'Ines Arriaga' });
        const [again] = await recordAll(store, [{ id: 'x-1', actor: 'u-42' }]);
        expect([first?.outcome, again?.outcome]).toEqual(['recorded', 'skipped']);
        await recordAll(store, [{ id: 'x-2', actor: 'u-42', actor_name: null }]);
        expect(await recordAll(store, [{ id: 'x-2', actor: 'u-42', actor_name: null }])).toMatchObject([
          { outcome: 'skipped' },
        ]);
      });

      test('takes a list in, with one entry; what it has not stays', async () => {
        await put(ines, { actor: 'a', name: 'Anna', email: 'a@example.org' });
        const list = pages(
          [
            { actor: 'a', name: 'Anna B.' },
            { actor: 'b', name: 'Bert', email: 'b@example.org' },
          ],
          [{ actor: 'c' }, { actor: 'b', name: 'Bert', email: 'b@example.org' }],
        );
        const imported = await store.importNames(list, importing());
        expect(imported).toEqual({ read: 4, added: 1, changed: 1, unchanged: 1, unnamed: 1, entry: 3 });
        const { entry, ...counts } = imported;
        expect(await store.find({ seq: entry ?? 0 })).toMatchObject({
          action: 'actors_import',
          metadata: JSON.stringify(counts),
        });
        expect(await store.actors({ limit: 10 })).toEqual([
          { actor: 'a', name: 'Anna B.', email: null },
          { actor: 'b', name: 'Bert', email: 'b@example.org' },
          ines,
        ]);
        expect(await store.importNames(pages([{ actor: 'a', name: 'Anna B.' }]), importing())).toEqual({
          read: 1,
          added: 0,
          changed: 0,
          unchanged: 1,
          unnamed: 0,
          entry: null,
        });
        expect((await store.extent({})).lastSeq).toBe(3);
      });

      test('a list without addresses leaves them as they are', async () => {
        await put(ines);
        await store.importNames(pages([{ actor: 'u-42', name: 'I. M.' }]), importing(false));
        expect(await store.actors({ limit: 1 })).toEqual([{ ...ines, name: 'I. M.' }]);
      });

      test.each([
        [{ actor: '', name: 'x' }, 'line 3: the id is empty'],
        [{ actor: 'x\0', name: 'x' }, 'line 3: id "x\\u0000" holds NUL'],
        [{ actor: 'x', name: '\ud800' }, 'line 3: name'],
        [{ actor: 'x', name: 'x', email: '\0' }, 'line 3: email'],
        [{ actor: 'a', name: 'Else' }, 'line 3: id "a" is named otherwise in line 1'],
        [{ actor: 'a', name: 'Anna', email: 'x' }, 'line 3: id "a" is named otherwise in line 1'],
      ])('a list with %j changes nothing and is told by its place', async (bad, message) => {
        const list = pages(
          [
            { actor: 'a', name: 'Anna' },
            { actor: 'b', name: 'Bert' },
          ],
          [bad],
        );
        await expect(store.importNames(list, importing())).rejects.toMatchObject({
          kind: 'data',
          message: expect.stringContaining(message),
        });
        expect(await store.actors({ limit: 10 })).toEqual([]);
        expect((await store.extent({})).lastSeq).toBe(0);
      });

      test('takes a list of any length, whatever was there', async () => {
        const some = fc.uniqueArray(
          fc.record({ actor: fc.string({ minLength: 1 }), name: fc.constantFrom('x', 'y') }),
          {
            selector: ({ actor }) => actor,
            maxLength: 40,
          },
        );
        const valid = some.map((all) => all.filter(({ actor }) => !actor.includes('\0')));
        await fc.assert(
          fc.asyncProperty(valid, valid, async (before, after) => {
            await onNewTrail(async (fresh) => {
              await fresh.importNames(pages(before), importing());
              await fresh.importNames(pages(after), importing());
              const expected = new Map([...before, ...after].map(({ actor, name }) => [actor, name]));
              const found = await fresh.actors({ limit: 1000 });
              expect(new Map(found.map(({ actor, name }) => [actor, name]))).toEqual(expected);
            });
          }),
          { numRuns: runs(20) },
        );
      });

      test('takes a long list in batches, with one entry', async () => {
        const many = Array.from({ length: 3000 }, (_, n) => ({ actor: `u-${n}`, name: `name ${n}` }));
        const counts = { read: 3000, added: 3000, changed: 0, unchanged: 0, unnamed: 0 };
        expect(await store.importNames(pages(many), importing())).toEqual({ ...counts, entry: 1 });
        expect((await store.extent({})).lastSeq).toBe(1);
        expect(await store.actors({ limit: 5000 })).toHaveLength(3000);
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
        const rules = [
          rule({ before: NOW - 2 * DAY }),
          rule({ filter: { category: ['auth'] }, before: NOW - 20 * DAY }),
        ];
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
  });
}

function textOf(lines: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(lines);
}

/** What the marks of a page say. */
function rowsOf(page: FieldPage | null, columns: number): (string | null)[][] {
  if (page === null) throw new Error('the page is there as rows alone');
  const parts = textOf(page.fields).split('\x1f').slice(0, -1);
  expect(parts).toHaveLength(page.count * columns);
  const cells = parts.map((part) => (part === '' ? null : part === '\x1e' ? '' : part));
  return Array.from({ length: page.count }, (_, row) => cells.slice(row * columns, (row + 1) * columns));
}
