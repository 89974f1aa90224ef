import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.js';
import type { NewEntry } from '../../src/core/entry.js';
import { newEntry } from '../../src/core/entry.js';
import type { FieldChange } from '../../src/core/field-change.js';
import type { Filter } from '../../src/core/filter.js';
import { rowEntries } from '../../src/importers/row-changes.js';
import { burstReport } from '../../src/operations/bursts.js';
import { changesOf } from '../../src/operations/changes.js';
import { groupReport } from '../../src/operations/report.js';
import { timeline } from '../../src/operations/timeline.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { recordAll, sqliteTrail } from '../store/trail.js';

const START = Date.parse('2026-03-05T10:00:00Z');

/** A change of a row as a source has it: one record each. */
interface Change {
  readonly action: 'create' | 'update' | 'delete';
  readonly actor: string;
  readonly oldKey: string;
  readonly newKey: string;
  readonly at: number;
}

/** Whether the trail's own triggers made the entries: they name no changed fields of a change of a key. */
type Maker = 'import' | 'capture';

function entriesOf({ action, actor, oldKey, newKey, at }: Change, index: number, maker: Maker): Partial<NewEntry>[] {
  const values = (id: string): string => JSON.stringify({ id, name: 'n' });
  const made = rowEntries({
    id: `logs:${index}`,
    time: { ms: START + at, finer: '' },
    action,
    type: 'users',
    oldId: action === 'create' ? null : oldKey,
    newId: action === 'delete' ? null : newKey,
    before: action === 'create' ? null : values(oldKey),
    after: action === 'delete' ? null : values(newKey),
    changed: null,
    fields: { actor, actor_type: 'moderator' },
    metadata: new Map(),
  });
  return Array.from(made, ({ id, fields }) => ({
    ...fields,
    id,
    ts: new Date(START + at).toISOString(),
    ...(maker === 'capture' && fields.action !== 'update' && { changed_fields: null }),
  }));
}

async function trailOf(changes: readonly Change[], maker: Maker = 'import'): Promise<AuditStore> {
  const { store } = await sqliteTrail();
  await recordAll(
    store,
    changes
      .flatMap((change, index) => entriesOf(change, index, maker))
      .map((entry) => newEntry({ action: '-', ...entry })),
  );
  return store;
}

async function counts(
  store: AuditStore,
  report: 'actions' | 'actors' | 'entities' | 'fields',
  filter: Filter = {},
): Promise<Record<string, number>> {
  const { rows } = await groupReport(store, { report, filter, limit: 100 });
  return Object.fromEntries(rows.map(({ key, count }) => [key, count]));
}

async function changesIn(store: AuditStore, field: string, filter: Filter = {}): Promise<FieldChange[]> {
  const found: FieldChange[] = [];
  for await (const page of changesOf(store, field, filter)) found.push(...page);
  return found;
}

const renamed = (actor: string, from: number, to: number, at: number): Change => ({
  action: 'update',
  actor,
  oldKey: String(from),
  newKey: String(to),
  at,
});
const SIX = [1, 2, 3, 4, 5, 6].map((key) => renamed('sarah', key, key + 100, key * 1000));
const BESIDE: readonly Change[] = [
  { action: 'create', actor: 'ines', oldKey: '7', newKey: '7', at: 10_000 },
  { action: 'delete', actor: 'ines', oldKey: '7', newKey: '7', at: 20_000 },
];

describe.each(['import', 'capture'] as const)('changes of keys, of %s', (maker) => {
  test('count once, as updates, whoever asks', async () => {
    const store = await trailOf([...SIX, ...BESIDE], maker);
    expect(await counts(store, 'actions')).toEqual({ update: 6, create: 1, delete: 1 });
    expect(await counts(store, 'actors')).toEqual({ sarah: 6, ines: 2 });
    expect(await counts(store, 'fields')).toEqual({ id: 6 });
    expect(await counts(store, 'entities')).toMatchObject({ 'users:101': 1, 'users:7': 2 });
    expect((await groupReport(store, { report: 'actors', filter: {}, limit: 1 })).total).toBe(8);
    const { rows } = await groupReport(store, { report: 'actors', filter: {}, by: 'action', limit: 9 });
    expect(rows.map(({ key, by, count }) => [key, by, count])).toEqual([
      ['sarah', 'update', 6],
      ['ines', 'create', 1],
      ['ines', 'delete', 1],
    ]);
    const zone = 'UTC';
    const days = await timeline(store, { filter: {}, bucket: 'day', zone, now: START });
    expect(days.rows.map(({ count }) => count)).toEqual([8]);
  });

  test('are what filters of a report ask for', async () => {
    const store = await trailOf([...SIX, ...BESIDE], maker);
    expect(await counts(store, 'actors', { action: ['update'] })).toEqual({ sarah: 6 });
    expect(await counts(store, 'actors', { action: ['delete', 'create'] })).toEqual({ ines: 2 });
    expect(await counts(store, 'actors', { not: { action: ['update'] } })).toEqual({ ines: 2 });
    expect(await counts(store, 'actors', { changed: ['id'] })).toEqual({ sarah: 6 });
    expect(await counts(store, 'actors', { since: START + 5000 })).toEqual({ sarah: 2, ines: 2 });
    // Of what it was and of what it is.
    for (const id of ['3', '103']) {
      const entity = [{ type: 'users', id }];
      expect(await counts(store, 'actions', { entity })).toEqual({ update: 1 });
      expect(await changesIn(store, 'id', { entity })).toMatchObject([
        { entity: 'users:103', old: '"3"', new: '"103"' },
      ]);
    }
  });

  test('accuse nobody of twice as many, and the command shows all of their entries', async () => {
    const store = await trailOf([...SIX, ...BESIDE], maker);
    const window = parseDuration('1h');
    const asked = { filter: {}, window, limit: 10 };
    expect((await burstReport(store, { ...asked, moreThan: 6 })).rows).toEqual([]);
    const { rows } = await burstReport(store, { ...asked, moreThan: 5 });
    expect(rows).toMatchObject([{ actor: 'sarah', count: 6, command: expect.stringMatching(/ -n 12$/) }]);
  });

  test('are changes of the key’s columns, among those of others and in their order', async () => {
    const plain = { action: 'update', actor: 'ines', oldKey: '9', newKey: '9' } as const;
    const store = await trailOf([...SIX, ...BESIDE], maker);
    await recordAll(store, [
      newEntry({
        action: plain.action,
        ts: new Date(START + 2500).toISOString(),
        entity_type: 'users',
        entity_id: '9',
        old_values: '{"id":"8"}',
        new_values: '{"id":"9"}',
        changed_fields: '["id"]',
      }),
    ]);
    const found = await changesIn(store, 'id', { entity: [{ type: 'users' }] });
    expect(found.map(({ old, new: now }) => `${old}>${now}`.replaceAll('"', ''))).toEqual([
      '1>101',
      '2>102',
      '8>9',
      '3>103',
      '4>104',
      '5>105',
      '6>106',
    ]);
    expect(await changesIn(store, 'id', { action: ['create'] })).toEqual([]);
    expect(await changesIn(store, 'id', { actor: ['nobody'] })).toEqual([]);
    expect(await changesIn(store, 'name')).toEqual([]);
  });
});

test('half of a change of a key counts as the delete or create that is left of it', async () => {
  const { store } = await sqliteTrail();
  const [gone, come] = entriesOf(renamed('sarah', 1, 2, 0), 1, 'import');
  await recordAll(store, [newEntry({ action: '-', ...gone })]);
  expect(await counts(store, 'actions')).toEqual({ delete: 1 });
  expect(await changesIn(store, 'id')).toEqual([]);
  const other = await sqliteTrail();
  await recordAll(other.store, [newEntry({ action: '-', ...come })]);
  expect(await counts(other.store, 'actions')).toEqual({ create: 1 });
});

test('whatever happens to rows, counts are those of the source', async () => {
  const key = fc.constantFrom('1', '2', '3');
  const change = fc.record<Change>({
    action: fc.constantFrom('create', 'update', 'update', 'delete'),
    actor: fc.constantFrom('a', 'b'),
    oldKey: key,
    newKey: key,
    at: fc.constantFrom(0, 1, 1_000_000),
  });
  const maker = fc.constantFrom<Maker>('import', 'capture');
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), maker, async (changes, made) => {
      const store = await trailOf(changes, made);
      const own: Record<string, number> = {};
      for (const { action, actor } of changes) own[`${actor} ${action}`] = (own[`${actor} ${action}`] ?? 0) + 1;
      const { rows, total } = await groupReport(store, { report: 'actors', filter: {}, by: 'action', limit: 100 });
      expect(Object.fromEntries(rows.map(({ key: actor, by, count }) => [`${actor} ${by}`, count]))).toEqual(own);
      expect(total).toBe(changes.length);
      const { rows: days } = await timeline(store, { filter: {}, bucket: 'hour', zone: 'UTC', now: START });
      expect(days.reduce((sum, { count }) => sum + count, 0)).toBe(changes.length);
      const ofKey = changes.filter(({ action, oldKey, newKey }) => action === 'update' && oldKey !== newKey);
      expect(await changesIn(store, 'id')).toHaveLength(ofKey.length);
      await store.close();
    }),
    { numRuns: 60 },
  );
});
