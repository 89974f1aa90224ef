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
  const plan: PrunePlan = {
    rules: [{ ...rule, oldestKept: null }],
    upTo: markOf(1000),
    recordedBefore: null,
    held: [],
    kept: [],
    erases: false,
  };
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
    groupNames: () => store.groupNames('actor', ['a'], filter),
    countBetween: () => store.countBetween(filter, [0, NOW], markOf(1000)),
    courses: () => store.courses({ filter, by: 'actor', edges: [0, NOW], upTo: markOf(1000), limit: 1 }),
    hours: () => store.hours(filter, [{ since: 0, offset: 0 }], markOf(1000)),
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

/** Every place where a store takes a name or a number, asked with this value. */
function askedWith(store: AuditStore, value: unknown): Record<string, () => Promise<unknown>> {
  const given = value as never;
  const query: PageQuery = { filter: {}, order: 'newest', limit: 1, upTo: markOf(1000) };
  const rule = { name: null, filter: {}, before: NOW + 1, keep: null };
  const plan: PrunePlan = {
    rules: [{ ...rule, oldestKept: null }],
    upTo: markOf(1000),
    recordedBefore: null,
    held: [],
    kept: [],
    erases: false,
  };
  const queries = {
    order: { ...query, order: given },
    limit: { ...query, limit: given },
    'after.ms': { ...query, after: { ms: given, seq: 1 } },
    'after.seq': { ...query, after: { ms: 1, seq: given } },
  };
  const ofQueries = Object.entries(queries).flatMap(([field, wrong]) => [
    [`page: ${field}`, () => store.page(wrong)],
    [`rows: ${field}`, () => store.rows(wrong, ['seq'])],
    [`lines: ${field}`, () => store.lines(wrong, ['seq'])],
    [`fields: ${field}`, () => store.fields(wrong, ['seq'])],
    [`explain: ${field}`, () => store.explain(wrong)],
  ]) as [string, () => Promise<unknown>][];
  return {
    ...Object.fromEntries(ofQueries),
    'rows: columns': () => store.rows(query, [given]),
    'lines: columns': () => store.lines(query, [given]),
    'fields: columns': () => store.fields(query, [given]),
    'values: field': () => store.values(given, {}),
    'nextValues: field': () => store.nextValues(given, '', 1),
    'nextValues: limit': () => store.nextValues('actor', '', given),
    'groups: by': () => store.groups({ filter: {}, by: [given], limit: 1 }),
    'groups: limit': () => store.groups({ filter: {}, by: ['actor'], limit: given }),
    'groupNames: by': () => store.groupNames(given, [], {}),
    'countBetween: edges': () => store.countBetween({}, [given], markOf(1000)),
    'courses: by': () => store.courses({ filter: {}, by: given, edges: [], upTo: markOf(1000), limit: 1 }),
    'courses: edges': () => store.courses({ filter: {}, by: 'actor', edges: [given], upTo: markOf(1000), limit: 1 }),
    'courses: limit': () => store.courses({ filter: {}, by: 'actor', edges: [], upTo: markOf(1000), limit: given }),
    'hours: since': () => store.hours({}, [{ since: given, offset: 0 }], markOf(1000)),
    'hours: offset': () => store.hours({}, [{ since: 0, offset: given }], markOf(1000)),
    'bursts: window': () => store.bursts({ filter: {}, window: given, moreThan: 1, limit: 1 }),
    'bursts: moreThan': () => store.bursts({ filter: {}, window: 1, moreThan: given, limit: 1 }),
    'bursts: limit': () => store.bursts({ filter: {}, window: 1, moreThan: 1, limit: given }),
    'plan: before': () => store.plan([{ ...rule, before: given }], [false]),
    'plan: keep': () => store.plan([{ ...rule, keep: given }], [false]),
    'forecast: before': () => store.forecast({ ...plan, rules: [{ ...rule, before: given, oldestKept: null }] }),
    'deleteBatch: before': () =>
      store.deleteBatch(1, { ...plan, rules: [{ ...rule, before: given, oldestKept: null }] }, undefined, 1),
    'deleteBatch: size': () => store.deleteBatch(1, plan, undefined, given),
    'deleteBatch: after.ms': () => store.deleteBatch(1, plan, { ms: given, seq: 1 }, 1),
    'deleteBatch: after.seq': () => store.deleteBatch(1, plan, { ms: 1, seq: given }, 1),
  };
}

const PLACES = Object.keys(askedWith({} as AuditStore, ''));
const HOSTILE = [
  'seq AS a, (SELECT token FROM secrets) AS seq',
  '1 OR 1',
  '',
  'abc',
  '7',
  NaN,
  Infinity,
  1.5,
  undefined,
  ['seq'],
  { toString: () => 'seq' },
];

test.each(PLACES)('%s is a name that daybook knows, or a whole number, and nothing else', async (place) => {
  const { store } = await sqliteTrail();
  await recordAll(store, [{ action: 'create' }]);
  const field = place.slice(place.indexOf(' ') + 1);
  for (const value of HOSTILE) {
    const told = { kind: 'usage', field, message: expect.stringContaining(field) };
    await expect(askedWith(store, value)[place]?.(), String(value)).rejects.toMatchObject(told);
  }
  await expect(askedWith(store, 2 ** 53)[place]?.()).rejects.toMatchObject({ kind: 'usage', field });
});

test('columns are asked for once, and are some', async () => {
  const { store } = await sqliteTrail();
  const query: PageQuery = { filter: {}, order: 'newest', limit: 1, upTo: markOf(1000) };
  await expect(store.rows(query, [])).rejects.toMatchObject({ kind: 'usage', field: 'columns' });
  await expect(store.rows(query, ['seq', 'seq'])).rejects.toMatchObject({ field: 'columns', value: 'seq' });
  // oxlint-disable-next-line no-sparse-arrays
  await expect(store.rows(query, ['seq', , 'ts'] as never)).rejects.toMatchObject({ field: 'columns' });
});
