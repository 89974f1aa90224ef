import { expect, test } from 'vitest';
import { newEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import type { AuditStore, PageQuery, PrunePlan } from '../../src/store/audit-store.js';
import { ACTOR, NOW, sqliteTrail, recordAll } from './trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const audit = newEntry({ action: 'retention_set' });

/** Every method of a store that takes a filter, asked with this one. */
function asked(store: AuditStore, filter: Filter): Record<string, () => Promise<unknown>> {
  const query: PageQuery = { filter, order: 'newest', limit: 1, upTo: markOf(1000) };
  const rule = { name: null, filter, before: NOW + 1, keep: null };
  const everything: Filter = {};
  const plan: PrunePlan = { rules: [{ ...rule, oldestKept: null }], upTo: markOf(1000), recordedBefore: null };
  return {
    page: () => store.page(query),
    'page of what falls': () => store.page({ ...query, filter: everything, doomedBy: plan }),
    'page of what stays': () => store.page({ ...query, filter: everything, sparedBy: plan }),
    rows: () => store.rows(query, ['seq']),
    lines: () => store.lines(query, ['seq']),
    fields: () => store.fields(query, ['seq']),
    explain: () => store.explain(query),
    extent: () => store.extent(filter),
    values: () => store.values('actor', filter),
    groups: () => store.groups({ filter, by: ['actor'], limit: 1 }),
    countBetween: () => store.countBetween(filter, [0, NOW], markOf(1000)),
    bursts: () => store.bursts({ filter, window: 1000, moreThan: 1, limit: 1 }),
    changePolicy: () => store.changePolicy('all', { name: 'all', filter, maxAge: '1d', maxEntries: null }, audit),
    undo: () =>
      store.undo({ entries: { filter }, actor: ACTOR, reason: 'r', correlationId: null, force: true, dryRun: false }),
    plan: () => store.plan([rule], [false]),
    forecast: () => store.forecast(plan),
    deleteBatch: () => store.deleteBatch(1, plan, undefined, 100),
    beginCheckpoint: () => store.beginCheckpoint('siem', '{}', filter, markOf(1000)),
  };
}

const METHODS = Object.keys(asked({} as AuditStore, {}));

test.each(METHODS)('%s refuses what is no filter, and nothing is done', async (method) => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ action: 'create' }, { action: 'update' }]);
  for (const [filter, named] of [
    [{ actors: ['nobody'] }, '"actors"'],
    [{ not: { actors: ['nobody'] } }, '"not.actors"'],
    [{ actor: undefined }, 'condition actor'],
    [{ meta: [] }, 'condition meta'],
    [undefined, 'a filter must be'],
  ] as const) {
    await expect(asked(store, filter as unknown as Filter)[method]?.()).rejects.toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(named) }),
    );
  }
  const { count } = await store.extent({});
  expect(count).toBe(2);
  expect(await store.policies()).toEqual([]);
  expect(await store.checkpoint('siem')).toBeUndefined();
});

test('a page of what falls keeps to the window of its question', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [
    { action: 'create', ts: '2026-01-01T00:00:00.000Z' },
    { action: 'create', ts: '2026-01-02T00:00:00.000Z' },
    { action: 'create', ts: '2026-01-03T00:00:00.000Z' },
  ]);
  const doomedBy = await store.plan([{ name: null, filter: {}, before: NOW, keep: null }], [false]);
  const day = Date.parse('2026-01-02T00:00:00.000Z');
  for (const order of ['newest', 'oldest', 'recorded'] as const) {
    const query: PageQuery = { filter: { since: day, until: day }, order, limit: 10, upTo: markOf(1000), doomedBy };
    expect((await store.page(query)).entries.map(({ seq }) => seq)).toEqual([2]);
  }
});
