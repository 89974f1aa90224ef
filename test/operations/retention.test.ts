import { expect, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { describeLimits } from '../../src/core/policy.js';
import { checkAge, checkKeep, removePolicy, setPolicy } from '../../src/operations/retention.js';
import type { Policy } from '../../src/store/audit-store.js';
import { ACTOR, sqliteTrail } from '../store/trail.js';

const LOGINS: Policy = { name: 'logins', filter: { category: ['auth'] }, maxAge: '2y', maxEntries: null };

test('a policy is kept with an entry that says from what to what', async () => {
  const { store } = await sqliteTrail();
  expect(await setPolicy(store, LOGINS, ACTOR, false)).toEqual({ changed: true, entry: 1 });
  expect(await store.policies()).toEqual([LOGINS]);
  expect(await store.find({ seq: 1 })).toMatchObject({
    category: 'system',
    action: 'retention_set',
    actor: 'anna',
    entity_type: 'retention',
    entity_id: 'logins',
    message: 'retention policy logins set: at most 2y old',
    old_values: null,
    new_values: '{"name":"logins","max_age":"2y","max_entries":null,"filter":{"category":["auth"]}}',
    changed_fields: null,
  });
  const changed = { ...LOGINS, maxAge: '1y', maxEntries: 5, filter: {} };
  expect(await setPolicy(store, changed, ACTOR, false)).toEqual({ changed: true, entry: 2 });
  expect(await store.find({ seq: 2 })).toMatchObject({
    message: 'retention policy logins changed: at most 1y old, at most 5 entries',
    old_values: '{"name":"logins","max_age":"2y","max_entries":null,"filter":{"category":["auth"]}}',
    new_values: '{"name":"logins","max_age":"1y","max_entries":5,"filter":{}}',
    changed_fields: '["max_age","max_entries","filter"]',
  });
  await setPolicy(store, { ...changed, maxAge: null }, ACTOR, false);
  expect(await store.find({ seq: 3 })).toMatchObject({ changed_fields: '["max_age"]' });
});

test('setting it as it is changes and records nothing', async () => {
  const { store } = await sqliteTrail();
  await setPolicy(store, LOGINS, ACTOR, false);
  expect(await setPolicy(store, { ...LOGINS }, ACTOR, false)).toEqual({ changed: false, entry: null });
  expect((await store.extent({})).lastSeq).toBe(1);
});

test('a policy is removed with an entry, where there is one', async () => {
  const { store } = await sqliteTrail();
  await setPolicy(store, LOGINS, ACTOR, false);
  expect(await removePolicy(store, 'logins', ACTOR)).toEqual({ changed: true, entry: 2 });
  expect(await store.policies()).toEqual([]);
  expect(await store.find({ seq: 2 })).toMatchObject({
    action: 'retention_remove',
    message: 'retention policy logins removed',
    old_values: expect.stringContaining('"2y"'),
    new_values: null,
    changed_fields: null,
  });
  await expect(removePolicy(store, 'logins', ACTOR)).rejects.toMatchObject({
    kind: 'missing',
    hint: 'daybook retention list',
  });
  expect((await store.extent({})).lastSeq).toBe(2);
});

test('less than an hour is refused unless it is meant', async () => {
  const { store } = await sqliteTrail();
  for (const maxAge of ['59min', '3599s', '1s']) {
    const setting = setPolicy(store, { ...LOGINS, maxAge }, ACTOR, false);
    await expect(setting).rejects.toMatchObject({
      kind: 'refused',
      message: `--max-age ${maxAge} keeps less than an hour of history (--yes sets it all the same)`,
    });
  }
  expect(await store.policies()).toEqual([]);
  expect((await store.extent({})).lastSeq).toBe(0);
  for (const maxAge of ['60min', '1h', '3600s', '1mo']) await setPolicy(store, { ...LOGINS, maxAge }, ACTOR, false);
  await setPolicy(store, { ...LOGINS, maxAge: '1s' }, ACTOR, true);
  expect((await store.policies())[0]).toMatchObject({ maxAge: '1s' });
});

test('0 is refused in words, confirmed or not', async () => {
  const { store } = await sqliteTrail();
  for (const confirmed of [false, true]) {
    for (const maxAge of ['0d', '0s', '0mo', '0y', '00h']) {
      await expect(setPolicy(store, { ...LOGINS, maxAge }, ACTOR, confirmed)).rejects.toMatchObject({
        kind: 'usage',
        message: `--max-age ${maxAge} would delete every entry: leave it out to keep all, or use daybook clear`,
      });
    }
    await expect(setPolicy(store, { ...LOGINS, maxEntries: 0 }, ACTOR, confirmed)).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('--max-entries 0 would delete every entry'),
    });
  }
  expect(() => checkKeep(0, '--max-entries')).toThrow(/would delete every entry/);
  expect(() => checkAge(0, '0d', '--older-than')).toThrow(/--older-than 0d would delete every entry/);
  checkKeep(null, '--max-entries');
  checkKeep(1, '--max-entries');
  checkAge(1, '1s', '--older-than');
  expect((await store.extent({})).lastSeq).toBe(0);
});

test('a policy without a limit, or with a bad one, says how', async () => {
  const { store } = await sqliteTrail();
  const setting = (policy: Partial<Policy>): Promise<unknown> =>
    setPolicy(store, { ...LOGINS, ...policy }, ACTOR, true);
  await expect(setting({ maxAge: null })).rejects.toMatchObject({
    kind: 'usage',
    message: 'policy logins needs --max-age or --max-entries',
  });
  // A hint without the filter would be a policy for everything.
  await expect(setting({ maxAge: null })).rejects.toMatchObject({ hint: undefined });
  await expect(setting({ maxAge: null, filter: {} as Filter })).rejects.toMatchObject({
    hint: expect.stringContaining('--max-age 90d'),
  });
  await expect(setting({ maxAge: '90' })).rejects.toMatchObject({
    kind: 'usage',
    message: expect.stringContaining('has no unit'),
  });
  await expect(setting({ maxAge: '3m' })).rejects.toMatchObject({
    kind: 'usage',
    message: expect.stringContaining('minutes or months'),
  });
  expect((await store.extent({})).lastSeq).toBe(0);
});

test('limits in words', () => {
  expect(describeLimits(LOGINS)).toBe('at most 2y old');
  expect(describeLimits({ ...LOGINS, maxAge: null, maxEntries: 3 })).toBe('at most 3 entries');
});
