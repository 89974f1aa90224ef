import { expect, test } from 'vitest';
import type { FieldChange } from '../../src/core/field-change.js';
import { changesOf } from '../../src/operations/changes.js';
import { recordAll, sqliteTrail } from '../store/trail.js';

const NAMES = {
  gross: ['gross', 'wire', 'gross_sats', 'wire_sats'],
  net: ['net', 'principal', 'net_sats', 'principal_sats'],
  commission: ['commission', 'fee', 'commission_sats', 'fee_sats'],
};
const ALL = Object.values(NAMES).flat();

async function trailOf(entityType: string): Promise<(field: string) => Promise<readonly FieldChange[]>> {
  const { store } = await sqliteTrail();
  await recordAll(
    store,
    ALL.map((name) => ({
      entity_type: entityType,
      entity_id: '1',
      old_values: `{"${name}":1,"other":1,"row":{"${name}":3}}`,
      new_values: `{"${name}":2,"other":1,"row":{"${name}":4}}`,
      changed_fields: `["${name}","row.${name}"]`,
    })),
  );
  return async (field) => {
    const found: FieldChange[] = [];
    for await (const page of changesOf(store, field, { entity: [{ type: entityType }] })) found.push(...page);
    return found;
  };
}

test.each(Object.values(NAMES).flatMap((names) => names.map((name) => [name, names] as const)))(
  'an amount of a settlement is found by its name %s under all of its names, and keeps its own',
  async (name, names) => {
    for (const type of ['settlement', 'dca_settlements']) {
      const changes = await trailOf(type);
      expect((await changes(name)).map(({ field, old, new: now }) => [field, old, now])).toEqual(
        names.map((own) => [own, '1', '2']),
      );
      expect((await changes(`row.${name}`)).map(({ field, old }) => [field, old])).toEqual(
        names.map((own) => [`row.${own}`, '3']),
      );
    }
  },
);

test('elsewhere each name is a field of its own', async () => {
  const changes = await trailOf('invoice');
  for (const name of ALL) expect((await changes(name)).map(({ field }) => field)).toEqual([name]);
  expect(await changes('gros')).toEqual([]);
});

test('where an entry has two of the names, the one that was asked for holds', async () => {
  const { store } = await sqliteTrail();
  await recordAll(store, [
    {
      entity_type: 'settlement',
      entity_id: '1',
      old_values: '{"commission":1,"fee":5}',
      new_values: '{"commission":2,"fee":6}',
      changed_fields: '["commission","fee"]',
    },
  ]);
  for await (const page of changesOf(store, 'fee', {})) expect(page).toMatchObject([{ field: 'fee', old: '5' }]);
});
