import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { NewEntry } from '../../../src/core/entry.js';
import { ENTRY_FIELDS, newEntry } from '../../../src/core/entry.js';
import { parseTimestamp } from '../../../src/core/timestamp.js';
import type { AuditStore, BatchOutcome } from '../../../src/store/audit-store.js';
import { entries } from '../arbitraries.js';
import { takenBackBy } from '../model.js';
import { carryOut, forecastOf, NOW, numbered, planOf, readAll, recordAll, rule, seqsOf, type Trail } from '../trail.js';
import type { World } from './world.js';

/** What an AuditStore records. */
export function describeRecording(world: World): void {
  const { onNewTrail, one, runs } = world;
  let trail: Trail;
  let store: AuditStore;
  beforeEach(() => {
    trail = world.trail();
    store = world.store();
  });

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
}
