import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newEntry } from '../../../src/core/entry.js';
import type { HistoryEntry } from '../../../src/core/entry.js';
import type { Filter } from '../../../src/core/filter.js';
import type { GroupField } from '../../../src/core/report.js';
import { GROUP_FIELDS } from '../../../src/core/report.js';
import { LEAP_FIELDS } from '../../../src/core/leap-fields.js';
import { formatTimestamp, parseTimestamp } from '../../../src/core/timestamp.js';
import type { Burst, Group } from '../../../src/store/audit-store.js';
import { entries, filter as anyFilter } from '../arbitraries.js';
import { inOrder, matching, takenBackBy } from '../model.js';
import type { Mark } from '../../../src/core/mark.js';
import { NOW, numbered, readAll, recordAll, recordMarked } from '../trail.js';
import type { World } from './world.js';

/** Entries with names now and then. */
const namedEntries = fc
  .tuple(entries(30), fc.array(fc.option(fc.constantFrom('Anna', 'Änne', '')), { minLength: 30, maxLength: 30 }))
  .map(([drawn, names]) => drawn.map((entry, index) => ({ ...entry, actor_name: names[index] ?? null })));

/** What an AuditStore knows for reports. */
export function describeReports({ store, onNewTrail, runs }: World): void {
  describe('groups', () => {
    test('hold what a plain count says, whatever the filter', async () => {
      const question = fc.record({
        filter: fc.oneof(fc.constant({}), anyFilter),
        by: fc.uniqueArray(fc.constantFrom(...GROUP_FIELDS), { minLength: 1, maxLength: 3 }),
        limit: fc.constantFrom(1, 3, 100),
      });
      await fc.assert(
        fc.asyncProperty(namedEntries, fc.array(question, { minLength: 8, maxLength: 8 }), async (drawn, questions) => {
          await onNewTrail(async (fresh) => {
            await recordAll(fresh, drawn);
            const all = await readAll(fresh);
            for (const { filter, by, limit } of questions) {
              const expected = groupsOf(all, filter, by);
              const { groups, more, total } = await fresh.groups({ filter, by, limit });
              expect(groups).toEqual(expected.slice(0, limit));
              expect({ more, total }).toEqual({
                more: expected.length > limit,
                total: matching(all, filter).length,
              });
            }
          });
        }),
        { numRuns: runs(60) },
      );
    }, 60_000);

    test('of tables are those of captured entries', async () => {
      await recordAll(store(), [
        { metadata: '{"table":"users"}' },
        { metadata: '{"table":"users","x":1}' },
        { metadata: '{"table":null}' },
        {},
      ]);
      const { groups } = await store().groups({ filter: {}, by: ['table'], limit: 9 });
      expect(groups).toMatchObject([{ keys: ['users'], count: 2 }]);
      const { groups: within } = await store().groups({ filter: {}, by: ['action', 'table'], limit: 9 });
      expect(within.map(({ keys: [action, table], count }) => [action, table, count])).toEqual([
        ['update', null, 2],
        ['update', 'users', 2],
      ]);
    });

    test('by a second field have one for those without any', async () => {
      await recordAll(store(), [{ entity_type: 'invoice' }, {}, { entity_type: 'invoice', entity_id: '7' }]);
      const { groups } = await store().groups({ filter: {}, by: ['category', 'entity'], limit: 9 });
      expect(groups.map(({ keys: [, entity], count }) => [entity, count])).toEqual([
        [null, 2],
        ['invoice:7', 1],
      ]);
    });

    test('of scopes have their names, and count the entities that were seen', async () => {
      const audit = newEntry({ action: 'actors_set', actor: 'ines' });
      const named = { actor: 'guild:1', name: 'Anna', email: null };
      await store().changeActor(named.actor, () => ({ becomes: named, audit }));
      await recordAll(store(), [
        { scope: 'guild:1', entity_type: 'memo', entity_id: '1', severity: 'warning' },
        { scope: 'guild:1', entity_type: 'memo', entity_id: '1' },
        { scope: 'guild:1', entity_type: 'note', entity_id: '1' },
        { scope: 'guild:1', entity_type: 'memo' },
        { scope: 'guild:2', entity_type: 'memo', entity_id: '1', severity: 'warning' },
        { scope: 'guild:3', severity: 'warning' },
      ]);
      const rows = async (filter: Filter, seen: Filter): Promise<unknown> =>
        (await store().groups({ filter, by: ['scope', 'actor'], limit: 9, seen })).groups.map(
          ({ keys: [scope], names: [name], count, entities }) => [scope, name, count, entities],
        );
      expect(await rows({}, {})).toEqual([
        ['guild:1', 'Anna', 4, 2],
        ['guild:2', null, 1, 1],
        ['guild:3', null, 1, 0],
      ]);
      expect(await rows({ severity: ['warning'] }, { entity: [{ type: 'memo' }] })).toEqual([
        ['guild:1', 'Anna', 1, 1],
        ['guild:2', null, 1, 1],
        ['guild:3', null, 1, 0],
      ]);
      expect((await store().groups({ filter: {}, by: ['scope'], limit: 1 })).groups[0]).not.toHaveProperty('entities');
    });

    test('give the last name of the window, however long ago it was said', async () => {
      await recordAll(
        store(),
        [
          { actor: 'u-1', actor_name: 'Older', entity_type: 't', entity_id: '1', entity_name: 'older' },
          { actor: 'u-1', actor_name: 'Old', entity_type: 't', entity_id: '1', entity_name: 'old' },
          ...numbered(250, { actor: 'u-1', entity_type: 't', entity_id: '1' }),
          { actor: 'u-1', actor_name: 'New', ts: formatTimestamp(NOW + 1000) },
          { actor: 'u-2' },
        ].map((fields, index) => Object.assign({ ts: formatTimestamp(NOW + index) }, fields)),
      );
      const names = async (filter: Filter, by: GroupField): Promise<unknown> => {
        const { groups } = await store().groups({ filter, by: [by], limit: 9 });
        const named = groups.map(({ keys: [key = null], names: [name = null] }) => [key, name] as const);
        if (by === 'actor') {
          const alone = await store().groupNames('actor', ['u-1', 'u-2', 'u-3'], filter);
          expect([...alone]).toEqual(named.filter(([, name]) => name !== null));
        }
        return named;
      };
      expect(await names({}, 'actor')).toEqual([
        ['u-1', 'New'],
        ['u-2', null],
      ]);
      expect(await names({ until: NOW + 500 }, 'actor')).toEqual([
        ['u-1', 'Old'],
        ['u-2', null],
      ]);
      expect(await names({ until: NOW }, 'actor')).toEqual([['u-1', 'Older']]);
      expect(await names({}, 'entity')).toEqual([['t:1', 'old']]);
    });
  });

  test('next values are all of a field from a text on, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        entries(30),
        fc.constantFrom(...LEAP_FIELDS),
        fc.string({ maxLength: 2 }),
        async (drawn, field, text) => {
          await onNewTrail(async (fresh) => {
            await recordAll(fresh, drawn);
            const all = (await readAll(fresh)).flatMap((entry) => entry[field] ?? []);
            const from = text.replaceAll('\0', '');
            const bytes = (value: string): Buffer => Buffer.from(value);
            const expected = [...new Set(all)]
              .toSorted((a, b) => Buffer.compare(bytes(a), bytes(b)))
              .filter((value) => Buffer.compare(bytes(value), bytes(from)) >= 0);
            expect(await fresh.nextValues(field, from, 100)).toEqual(expected);
            expect(await fresh.nextValues(field, '', 2)).toHaveLength(Math.min(2, new Set(all).size));
          });
        },
      ),
      { numRuns: runs(40) },
    );
  });

  describe('counts between edges', () => {
    test('hold what a plain count says, whatever the filter', async () => {
      const edges = fc
        .uniqueArray(fc.integer({ min: NOW - 8, max: NOW + 8 }), { minLength: 2, maxLength: 8 })
        .map((drawn) => drawn.toSorted((a, b) => a - b));
      await fc.assert(
        fc.asyncProperty(
          entries(30),
          fc.array(fc.tuple(anyFilter, edges, fc.nat(40)), { minLength: 8, maxLength: 8 }),
          async (drawn, questions) => {
            await onNewTrail(async (fresh) => {
              const marks = await recordMarked(fresh, drawn);
              const all = await readAll(fresh);
              for (const [filter, asked, upTo] of questions) {
                const mark = marks[Math.min(upTo, drawn.length)] as Mark;
                // What was taken back later was not, then.
                const known = all.filter((entry) => entry.seq <= upTo);
                const times = matching(known, filter).map((entry) => parseTimestamp(entry.ts));
                const expected = asked
                  .slice(0, -1)
                  .map((start, index) => times.filter((ms) => ms >= start && ms < (asked[index + 1] ?? 0)).length);
                expect(await fresh.countBetween(filter, asked, mark)).toEqual(expected);
              }
            });
          },
        ),
        { numRuns: runs(60) },
      );
    }, 60_000);

    test('of one edge, or none, are none', async () => {
      await recordAll(store(), numbered(3));
      expect(await store().countBetween({}, [], await store().mark())).toEqual([]);
      expect(await store().countBetween({}, [NOW], await store().mark())).toEqual([]);
    });
  });

  describe('what is spread over time', () => {
    const places = fc
      .uniqueArray(fc.integer({ min: NOW - 8, max: NOW + 8 }), { minLength: 2, maxLength: 6 })
      .map((drawn) => drawn.toSorted((a, b) => a - b));

    test('holds what a plain count says, whatever the filter, the groups and the clocks', async () => {
      const question = fc.record({
        filter: fc.oneof(fc.constant({}), anyFilter),
        by: fc.constantFrom(...GROUP_FIELDS),
        edges: places,
        upTo: fc.nat(40),
        few: fc.boolean(),
        clocks: fc.array(fc.integer({ min: -50_000_000, max: 50_000_000 }), { minLength: 2, maxLength: 6 }),
      });
      await fc.assert(
        fc.asyncProperty(entries(30), fc.array(question, { minLength: 8, maxLength: 8 }), async (drawn, questions) => {
          await onNewTrail(async (fresh) => {
            const marks = await recordMarked(fresh, drawn);
            const all = await readAll(fresh);
            for (const { filter, by, edges, upTo, few, clocks } of questions) {
              const mark = marks[Math.min(upTo, drawn.length)] as Mark;
              const then = matching(
                all.filter((entry) => entry.seq <= upTo),
                filter,
              );
              const keys = few ? [...new Set(then.flatMap((entry) => valuesOf(entry, by)))].slice(0, 2) : undefined;
              const expected = new Map<string, number>();
              for (const entry of then) {
                const ms = parseTimestamp(entry.ts);
                const place = edges.findLastIndex((edge) => edge <= ms);
                if (place < 0 || place === edges.length - 1) continue;
                for (const key of valuesOf(entry, by)) {
                  if (key === null || (keys !== undefined && !keys.includes(key))) continue;
                  const point = JSON.stringify([place, key]);
                  expected.set(point, (expected.get(point) ?? 0) + 1);
                }
              }
              const wanted = keys === undefined ? {} : { keys: keys.filter((key) => key !== null) };
              const asked = { filter, by, edges, upTo: mark, ...wanted };
              const found = await fresh.courses({ ...asked, limit: 1000 });
              expect(new Map(found.map(({ place, key, count }) => [JSON.stringify([place, key]), count]))).toEqual(
                expected,
              );
              expect(await fresh.courses({ ...asked, limit: 1 })).toHaveLength(Math.min(1, expected.size));

              const { groups, total } = await fresh.groups({ filter, by: [by], limit: 1000, upTo: mark });
              const counts = then.flatMap((entry) => valuesOf(entry, by)).filter((key) => key !== null);
              expect(new Map(groups.map(({ keys: [key], count }) => [key, count]))).toEqual(
                new Map(counts.map((key) => [key, counts.filter((other) => other === key).length])),
              );
              expect(total).toBe(then.length);

              const changes = clocks.map((offset, index) => ({ since: edges[index] ?? NOW + 20 + index, offset }));
              const hours = Array.from({ length: 168 }, () => 0);
              for (const entry of then) {
                const ms = parseTimestamp(entry.ts);
                const offset = changes.findLast(({ since }) => since <= ms)?.offset ?? clocks[0] ?? 0;
                const shown = new Date(ms + offset);
                const hour = ((shown.getUTCDay() + 6) % 7) * 24 + shown.getUTCHours();
                hours[hour] = (hours[hour] ?? 0) + 1;
              }
              expect(await fresh.hours(filter, changes, mark)).toEqual(hours);
            }
          });
        }),
        { numRuns: runs(40) },
      );
    }, 60_000);

    test('knows the hours of any year', async () => {
      await recordAll(
        store(),
        ['0001-01-01T00:30:00.000Z', '1969-12-31T23:59:59.999Z', '9999-12-31T23:00:00.000Z'].map((ts) => ({ ts })),
      );
      const hours = await store().hours({}, [{ since: 0, offset: 0 }], await store().mark());
      const found = hours.flatMap((count, hour) => (count === 0 ? [] : [[hour, count]]));
      // A Monday, a Wednesday and a Friday.
      expect(found).toEqual([
        [0, 1],
        [2 * 24 + 23, 1],
        [4 * 24 + 23, 1],
      ]);
    });
  });

  describe('bursts', () => {
    test('are the fullest windows of each actor, the earliest of several', async () => {
      const question = fc.record({
        filter: fc.oneof(fc.constant({}), anyFilter),
        window: fc.integer({ min: 1, max: 6 }),
        moreThan: fc.integer({ min: 0, max: 4 }),
        limit: fc.constantFrom(1, 2, 100),
      });
      await fc.assert(
        fc.asyncProperty(namedEntries, fc.array(question, { minLength: 8, maxLength: 8 }), async (drawn, questions) => {
          await onNewTrail(async (fresh) => {
            await recordAll(fresh, drawn);
            const all = await readAll(fresh);
            for (const { filter, window, moreThan, limit } of questions) {
              const expected = burstsOf(all, filter, window).filter(({ count }) => count > moreThan);
              const { bursts, more } = await fresh.bursts({ filter, window, moreThan, limit });
              expect(bursts).toEqual(expected.slice(0, limit));
              expect(more).toBe(expected.length > limit);
            }
          });
        }),
        { numRuns: runs(60) },
      );
    }, 60_000);

    test('do not reach to an entry that comes exactly a window later', async () => {
      await recordAll(
        store(),
        [0, 500, 999, 1000].map((ms) => ({ actor: 'a', ts: formatTimestamp(NOW + ms) })),
      );
      const { bursts } = await store().bursts({ filter: {}, window: 1000, moreThan: 2, limit: 9 });
      expect(bursts).toEqual([
        { actor: 'a', name: null, count: 3, first: NOW, last: NOW + 999, firstSeq: 1, lastSeq: 3 },
      ]);
      expect((await store().bursts({ filter: {}, window: 1000, moreThan: 3, limit: 9 })).bursts).toEqual([]);
    });
  });
}

function valuesOf(entry: HistoryEntry, field: GroupField): (string | null)[] {
  switch (field) {
    case 'entity':
      return [entry.entity_id === null ? null : `${entry.entity_type ?? ''}:${entry.entity_id}`];
    case 'field': {
      const names = JSON.parse(entry.changed_fields ?? '[]') as string[];
      return names.length === 0 ? [null] : names;
    }
    case 'table':
      return [((JSON.parse(entry.metadata) as { table?: string }).table ?? null) as string | null];
    default:
      return [entry[field]];
  }
}

function groupsOf(all: readonly HistoryEntry[], filter: Filter, by: readonly GroupField[]): Group[] {
  const groups = new Map<string, { keys: (string | null)[]; members: HistoryEntry[] }>();
  for (const entry of matching(all, filter)) {
    const combinations = by.reduce<(string | null)[][]>(
      (lists, field) => lists.flatMap((list) => valuesOf(entry, field).map((value) => list.concat(value))),
      [[]],
    );
    for (const keys of combinations) {
      if (keys[0] === null) continue;
      const place = JSON.stringify(keys);
      const group = groups.get(place) ?? { keys, members: [] };
      group.members.push(entry);
      groups.set(place, group);
    }
  }
  const found = [...groups.values()].map(({ keys, members }): Group => {
    const times = members.map((entry) => parseTimestamp(entry.ts));
    return {
      keys,
      names: by.map((field, index) => nameOf(all, filter, field, keys[index] ?? '')),
      count: members.length,
      reverted: members.filter((entry) => takenBackBy(all, entry.id) !== null).length,
      first: Math.min(...times),
      last: Math.max(...times),
      lastSeq: Math.max(...members.map((entry) => entry.seq)),
    };
  });
  return found.toSorted((a, b) => b.count - a.count || compared(a.keys, b.keys));
}

/** By the bytes of each key, and nothing before something. */
function compared(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  for (const [index, one] of a.entries()) {
    const other = b[index] ?? null;
    if (one === other) continue;
    if (one === null || other === null) return one === null ? -1 : 1;
    return Buffer.compare(Buffer.from(one), Buffer.from(other));
  }
  return 0;
}

function nameOf(
  all: readonly HistoryEntry[],
  filter: Filter,
  field: GroupField | undefined,
  key: string,
): string | null {
  if (field !== 'actor' && field !== 'entity') return null;
  const { until = Infinity } = filter;
  const named = all.filter(
    (entry) =>
      valuesOf(entry, field)[0] === key &&
      parseTimestamp(entry.ts) <= until &&
      (field === 'actor' ? entry.actor_name : entry.entity_name) !== null,
  );
  const last = inOrder(named, 'newest')[0];
  return (field === 'actor' ? last?.actor_name : last?.entity_name) ?? null;
}

function burstsOf(all: readonly HistoryEntry[], filter: Filter, window: number): Burst[] {
  const found = inOrder(matching(all, filter), 'oldest');
  const actors = [...new Set(found.map((entry) => entry.actor))];
  const bursts = actors.map((actor): Burst => {
    const own = found.filter((entry) => entry.actor === actor);
    const windows = own.map((end) => {
      const last = parseTimestamp(end.ts);
      return own.filter((entry) => {
        const ms = parseTimestamp(entry.ts);
        return ms > last - window && ms <= last;
      });
    });
    const fullest = windows.reduce((best, next) => (next.length > best.length ? next : best));
    const [first, last] = [fullest[0], fullest.at(-1)];
    if (first === undefined || last === undefined) throw new Error('a window holds its own entry at least');
    return {
      actor,
      name: nameOf(all, filter, 'actor', actor),
      count: fullest.length,
      first: parseTimestamp(first.ts),
      last: parseTimestamp(last.ts),
      firstSeq: first.seq,
      lastSeq: last.seq,
    };
  });
  return bursts.toSorted((a, b) => b.count - a.count || compared([a.actor], [b.actor]));
}
