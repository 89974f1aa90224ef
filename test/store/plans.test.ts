import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { formatTimestamp } from '../../src/core/timestamp.js';
import type { AuditStore, Key, Order } from '../../src/store/audit-store.js';
import { makeSqliteTrail, NOW, planOf, recordAll, rule, type SqliteTrail } from './trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const COUNT = 20_000;

/** A key in the middle of the millisecond that half of the entries share. */
const MIDDLE: Key = { ms: NOW, seq: COUNT / 2 };

const WINDOW: Filter = { since: NOW - 60_000, until: NOW + 60_000 };

/** Each filter with the index that must serve it, alone and in a window of time. */
const SERVED: readonly (readonly [Filter, string])[] = [
  [{}, 'by_time'],
  [{ category: ['auth'] }, 'by_category'],
  [{ action: ['create'] }, 'by_action'],
  [{ severity: ['error'] }, 'by_severity'],
  [{ actor: ['user-1'] }, 'by_actor'],
  [{ actor_type: ['system'] }, 'by_actor_type'],
  [{ scope: ['tenant:1'] }, 'by_scope'],
  [{ entity: [{ type: 'type-1' }] }, 'by_entity_type'],
  [{ entity: [{ type: 'type-1', id: '1' }] }, 'by_entity'],
  [{ entity: [{ id: '1' }] }, 'by_entity'],
  [{ correlation_id: ['request-1'] }, 'by_correlation'],
  [{ source: ['source-1'] }, 'by_source'],
  // What no index knows is sought in the order of time, and stops when the page is full.
  [{ search: 'x' }, 'by_time'],
  [{ changed: ['status'] }, 'by_time'],
  [{ meta: [{ path: 'a.b', value: '1' }] }, 'by_time'],
  [{ not: { category: ['auth'] } }, 'by_time'],
  [{ reverted: false }, 'by_time'],
];

const LISTS: readonly (readonly [Filter, string, number])[] = [
  [{ category: ['auth', 'entity', 'auth'] }, 'by_category', 2],
  [{ severity: ['info', 'warning', 'error'] }, 'by_severity', 3],
  [{ scope: ['tenant:1', 'tenant:2'] }, 'by_scope', 2],
  [{ entity: [{ type: 'type-1' }, { type: 'type-2' }] }, 'by_entity_type', 2],
  [
    {
      entity: [
        { type: 'type-1', id: '1' },
        { type: 'type-2', id: '1' },
      ],
    },
    'by_entity',
    2,
  ],
  // One id with three types.
  [{ entity: [{ id: '1' }] }, 'by_entity', 3],
];

// An application may run ANALYZE, or PRAGMA optimize as it closes: what it leaves must not change the plans.
describe.each([false, true])('the plan of a page, statistics of an application there: %s', (analyzed) => {
  let trail: SqliteTrail;
  let store: AuditStore;

  beforeAll(async () => {
    trail = await makeSqliteTrail();
    store = await trail.open();
    await recordAll(
      store,
      Array.from({ length: COUNT }, (_, index) => ({
        ts: formatTimestamp(index % 2 === 0 ? NOW : NOW + index - COUNT / 2),
        category: index % 3 === 0 ? 'auth' : 'entity',
        action: index % 5 === 0 ? 'create' : 'update',
        severity: index % 7 === 0 ? 'error' : 'info',
        actor: `user-${index % 3}`,
        actor_type: index % 2 === 0 ? 'system' : 'user',
        scope: `tenant:${index % 3}`,
        entity_type: `type-${index % 3}`,
        entity_id: String(index % 10),
        correlation_id: `request-${index % 3}`,
        source: `source-${index % 2}`,
        // Every two-thousandth takes back the one before it.
        id: index % 2000 === 1998 ? `e-${index}` : null,
        reverts: index % 2000 === 1999 ? `e-${index - 1}` : null,
      })),
    );
    if (analyzed) {
      const connection = trail.plain();
      connection.exec('ANALYZE');
      await store.close();
      store = await trail.open();
    }
  }, 30_000);
  afterAll(() => trail.remove());

  async function planFor(filter: Filter, order: Order, after?: Key): Promise<string[]> {
    const { plan } = await store.explain({
      filter,
      order,
      limit: 50,
      upTo: markOf(COUNT),
      ...(after === undefined ? {} : { after }),
    });
    return plan.map((step) => step.trim());
  }

  /** The steps that read entries for the page itself, without those that look up what took an entry back. */
  function reads(plan: readonly string[]): string[] {
    return plan.filter((step) => /^(SCAN|SEARCH) e\b/.test(step));
  }

  describe.each(['newest', 'oldest'] as const)('%s first', (order) => {
    const asked = SERVED.flatMap(([filter, index]) => [
      [filter, index] as const,
      [{ ...filter, ...WINDOW }, index] as const,
      [{ ...filter, since: NOW }, index] as const,
      [{ ...filter, until: NOW }, index] as const,
    ]);

    test.each(asked)('%j reads %s in its order', async (filter, index) => {
      for (const after of [undefined, MIDDLE]) {
        const plan = await planFor(filter, order, after);
        expect(plan.join('\n')).not.toContain('TEMP B-TREE');
        expect(plan.filter((step) => /^SCAN (e|r|t)$/.test(step))).toEqual([]);
        expect(reads(plan).length).toBeGreaterThan(0);
        for (const step of reads(plan)) expect(step).toMatch(new RegExp(`USING INDEX daybook_entries_${index}( |$)`));
        // A walk through a whole index is fine only where nothing narrows it: the page ends it.
        const narrowed = index !== 'by_time' || after !== undefined || 'since' in filter || 'until' in filter;
        if (narrowed) for (const step of reads(plan)) expect(step).toMatch(/^SEARCH/);
      }
    });

    test.each(LISTS)('%j is a merge of ordered runs of %s', async (filter, index, runs) => {
      for (const each of [filter, { ...filter, ...WINDOW }]) {
        const first = await planFor(each, order);
        expect(first[0]).toBe('MERGE (UNION ALL)');
        expect(reads(first)).toHaveLength(runs);
        const later = await planFor(each, order, MIDDLE);
        expect(reads(later)).toHaveLength(2 * runs);
        for (const step of [...reads(first), ...reads(later)]) {
          expect(step).toMatch(new RegExp(`^SEARCH e USING INDEX daybook_entries_${index} `));
        }
        expect([...first, ...later].join('\n')).not.toContain('TEMP B-TREE');
      }
    });

    test('behind a key has the rest of its millisecond and what lies beyond, each one range', async () => {
      const [rest, beyond] = order === 'newest' ? ['rowid<?', 'ts_ms<?'] : ['rowid>?', 'ts_ms>?'];
      expect(reads(await planFor({}, order, MIDDLE))).toEqual([
        `SEARCH e USING INDEX daybook_entries_by_time (ts_ms=? AND ${rest})`,
        `SEARCH e USING INDEX daybook_entries_by_time (${beyond})`,
      ]);
      expect(reads(await planFor({ actor: ['user-1'] }, order, MIDDLE))).toEqual([
        `SEARCH e USING INDEX daybook_entries_by_actor (actor=? AND ts_ms=? AND ${rest})`,
        `SEARCH e USING INDEX daybook_entries_by_actor (actor=? AND ${beyond})`,
      ]);
    });

    test('looks up the few entries that were taken back, and reads no others', async () => {
      for (const after of [undefined, MIDDLE]) {
        const plan = await planFor({ reverted: true }, order, after);
        for (const step of reads(plan)) expect(step).toBe('SEARCH e USING INTEGER PRIMARY KEY (rowid=?)');
        expect(plan.join('\n')).toContain('daybook_entries_by_reverts');
        expect(plan.filter((step) => /^SCAN (e|r|t)\b/.test(step))).toEqual([]);
      }
    });

    test('of two filters the one with less to read leads', async () => {
      const rare: Filter = { actor: ['nobody'], category: ['auth'] };
      expect(reads(await planFor(rare, order))[0]).toContain('daybook_entries_by_actor ');
      const other: Filter = { actor: ['user-1', 'user-2'], correlation_id: ['none'] };
      expect(reads(await planFor(other, order))[0]).toContain('daybook_entries_by_correlation ');
    });
  });

  test('in the order of recording goes by seq alone', async () => {
    for (const [filter] of SERVED) {
      for (const after of [undefined, MIDDLE]) {
        const plan = await planFor(filter, 'recorded', after);
        expect(reads(plan)).toEqual(['SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)']);
        expect(plan.join('\n')).not.toContain('TEMP B-TREE');
      }
    }
  });

  test('of what a prune would take is read from the index of its only rule, up to where it ends', async () => {
    const plan = await planOf(store, rule({ filter: { actor: ['user-1'] }, before: NOW }));
    const { plan: steps } = await store.explain({
      filter: {},
      order: 'oldest',
      limit: 50,
      upTo: markOf(COUNT),
      doomedBy: plan,
    });
    expect(steps.map((step) => step.trim()).filter((step) => /^(SCAN|SEARCH) e\b/.test(step))).toEqual([
      'SEARCH e USING INDEX daybook_entries_by_actor (actor=? AND ts_ms<?)',
    ]);
    expect(steps.join('\n')).not.toContain('TEMP B-TREE');
  });

  test('nests its steps', async () => {
    const { plan } = await store.explain({
      filter: {},
      order: 'newest',
      limit: 50,
      upTo: markOf(COUNT),
      after: MIDDLE,
    });
    expect(plan.map((step) => step.length - step.trimStart().length)).toEqual([0, 2, 4, 2, 4]);
  });
});
