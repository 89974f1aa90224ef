import { describe, expect, test } from 'vitest';
import { removePolicy, setPolicy } from '../../src/operations/retention.js';
import { status } from '../../src/operations/status.js';
import { executePrune, preparePrune, rehearsePrune } from '../../src/operations/prune.js';
import { parseDuration } from '../../src/core/duration.js';
import type { AuditStore, Policy, PruneRule } from '../../src/store/audit-store.js';
import { ACTOR, carryOut, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from './trail.js';
import type { SqliteTrail } from './trail.js';

const EVERYTHING: Policy = { name: 'everything', filter: {}, maxAge: '90d', maxEntries: null };
const AUTH: Policy = { name: "sign-ins, Ana's", filter: { category: ['auth'] }, maxAge: '2y', maxEntries: 100 };

/** A trail with two policies, and the way of somebody with the sqlite3 shell. */
async function ruled(): Promise<{ trail: SqliteTrail; store: AuditStore; sql: (text: string) => void }> {
  const { trail, store } = await sqliteTrail();
  await setPolicy(store, EVERYTHING, ACTOR, false);
  await setPolicy(store, AUTH, ACTOR, false);
  const connection = trail.plain();
  return { trail, store, sql: (text) => void connection.exec(text) };
}

async function found(store: AuditStore): Promise<{ code: string; message: string }[]> {
  const request = { database: 'audit.db', now: NOW, zone: 'UTC', grace: parseDuration('26h') };
  return [...(await status(store, request)).problems];
}

const codes = async (store: AuditStore): Promise<string[]> => (await found(store)).map(({ code }) => code);

test('each policy names the entry that set it', async () => {
  const { store } = await ruled();
  expect(await store.standingPolicies()).toMatchObject([
    { name: 'everything', policy: EVERYTHING, entry: 1, problem: null },
    { name: AUTH.name, policy: AUTH, entry: 2, problem: null },
  ]);
  await setPolicy(store, { ...EVERYTHING, maxAge: '1y' }, ACTOR, false);
  expect((await store.standingPolicies())[0]).toMatchObject({ entry: 3, problem: null });
  expect(await codes(store)).toEqual([]);
  await removePolicy(store, 'everything', ACTOR);
  expect((await store.standingPolicies()).map(({ name }) => name)).toEqual([AUTH.name]);
  expect(await codes(store)).toEqual([]);
});

/** Whatever can be done to a policy by SQL, with what of it is told. */
const TAMPERING: Readonly<Record<string, readonly [sql: string, problem: RegExp]>> = {
  'an age': [
    `UPDATE daybook_retention SET max_age = '1h' WHERE name = 'everything'`,
    /everything was changed, and not by daybook: entry 1/,
  ],
  'no age': [`UPDATE daybook_retention SET max_age = NULL WHERE name = 'everything'`, /everything was changed/],
  'a number': [`UPDATE daybook_retention SET max_entries = 1 WHERE name = 'everything'`, /everything was changed/],
  'a number of none': [
    `UPDATE daybook_retention SET max_entries = 0 WHERE name = 'everything'`,
    /everything was changed/,
  ],
  'a filter': [
    `UPDATE daybook_retention SET filter = '{"category":["x"]}' WHERE name LIKE 'sign%'`,
    /Ana's was changed/,
  ],
  'a filter that is wider': [`UPDATE daybook_retention SET filter = '{}' WHERE name LIKE 'sign%'`, /Ana's was changed/],
  'a filter with a key twice': [
    `UPDATE daybook_retention SET filter = '{"category":["auth"],"category":["x"]}' WHERE name LIKE 'sign%'`,
    /Ana's was changed/,
  ],
  'a new policy': [
    `INSERT INTO daybook_retention VALUES ('planted', '{}', '1h', NULL)`,
    /planted was not set by daybook: it has no entry/,
  ],
  'a policy of another name': [
    `UPDATE daybook_retention SET name = 'renamed' WHERE name = 'everything'`,
    /renamed was not set by daybook[^]*|everything was removed/,
  ],
  'a new policy that names the entry of another': [
    `INSERT INTO daybook_retention VALUES ('planted', '{}', '90d', NULL); INSERT INTO daybook_retention_entries VALUES ('planted', 1)`,
    /planted names entry 1, which does not set it/,
  ],
  'a policy that names no entry': [
    `UPDATE daybook_retention_entries SET entry = 77 WHERE name = 'everything'`,
    /names entry 77, which does not/,
  ],
  'a policy whose name of an entry is gone': [
    `DELETE FROM daybook_retention_entries WHERE name = 'everything'`,
    /everything was not set by daybook/,
  ],
  'one policy less': [
    `DELETE FROM daybook_retention WHERE name LIKE 'sign%'`,
    /Ana's was removed, and not by daybook: entry 2 set it/,
  ],
  'no policy at all': [`DELETE FROM daybook_retention`, /was removed, and not by daybook/],
};

describe.each(Object.entries(TAMPERING))('by SQL: %s', (_words, [sql, problem]) => {
  test('is told, keeps an unattended prune from its work, and is over when daybook sets or removes it', async () => {
    const { store, sql: run } = await ruled();
    run(sql);
    const problems = await found(store);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every(({ code }) => code === 'policy_changed')).toBe(true);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(problem);
    expect(problems[0]?.message).toContain('daybook retention remove');
    await expect(store.policies()).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringMatching(problem) as string,
      hint: 'daybook retention list',
    });
    // Either way out: what stands is set as it stands, or ended.
    for (const { name, policy, problem: wrong } of await store.standingPolicies()) {
      if (wrong === null) continue;
      if (policy !== null && (policy.maxAge !== null || policy.maxEntries !== null) && policy.maxEntries !== 0) {
        expect(await setPolicy(store, policy, ACTOR, true)).toMatchObject({ changed: true });
        expect(await setPolicy(store, policy, ACTOR, true)).toMatchObject({ changed: false });
      } else {
        await removePolicy(store, name, ACTOR);
      }
    }
    expect(await codes(store)).toEqual([]);
    await store.policies();
  });
});

test('what SQL did is in the entry that sets it right', async () => {
  const { store, sql } = await ruled();
  sql(
    `UPDATE daybook_retention SET max_age = '1h' WHERE name = 'everything'; DELETE FROM daybook_retention WHERE name LIKE 'sign%'`,
  );
  await setPolicy(store, EVERYTHING, ACTOR, false);
  await removePolicy(store, AUTH.name, ACTOR);
  expect(await store.find({ seq: 3 })).toMatchObject({
    action: 'retention_set',
    message: 'retention policy everything changed: at most 90d old',
    old_values: expect.stringContaining('"1h"') as string,
    changed_fields: '["max_age"]',
  });
  expect(await store.find({ seq: 4 })).toMatchObject({
    action: 'retention_remove',
    old_values: expect.stringContaining('"2y"') as string,
  });
  // What is as its entry says, and lost the name of that, is set as it stands.
  sql(`DELETE FROM daybook_retention_entries`);
  await setPolicy(store, EVERYTHING, ACTOR, false);
  expect(await store.find({ seq: 5 })).toMatchObject({
    message: 'retention policy everything set as it stands: at most 90d old',
    changed_fields: '[]',
  });
});

describe('the entry of a policy that stands', () => {
  const all: PruneRule = rule({ before: Number.MAX_SAFE_INTEGER });

  test('is not taken by any prune, nor is what takes it back, and it is not counted as due', async () => {
    const { store } = await ruled();
    await recordAll(store, numbered(5));
    const set = await store.find({ seq: 1 });
    await recordAll(store, [{ action: 'revert', reverts: set?.id ?? '', message: 'in words only' }]);
    const before = (await store.extent({})).count;
    for (const command of ['prune', 'clear'] as const) {
      const prepared = await preparePrune(store, { command, rules: [all], actor: ACTOR, reason: null }, NOW);
      expect(await rehearsePrune(store, prepared)).toMatchObject({ oldest_remaining: set?.ts });
      const result = await executePrune(store, prepared, { busyTimeout: 1000 });
      expect(result.deleted).toBe(command === 'prune' ? before - 3 : 1);
      expect(result.remaining).toBe(4);
      expect([await store.find({ seq: 1 }), await store.find({ seq: 2 })]).not.toContain(undefined);
      expect(await codes(store)).toEqual([]);
    }
    const forecast = await store.forecast(await planOf(store, all));
    expect(forecast.count).toBe(1);
  });

  test('falls as any other once the policy is changed or removed', async () => {
    const { store } = await ruled();
    await setPolicy(store, { ...EVERYTHING, maxAge: '1y' }, ACTOR, false);
    await removePolicy(store, AUTH.name, ACTOR);
    await carryOut(store, await planOf(store, all));
    expect(await store.find({ seq: 1 })).toBeUndefined();
    expect(await store.find({ seq: 2 })).toBeUndefined();
    expect(await store.find({ seq: 3 })).toMatchObject({ entity_id: 'everything' });
    expect(await store.find({ seq: 4 })).toBeUndefined();
  });

  test('stays where the policy was removed by SQL, until that is said', async () => {
    const { store, sql } = await ruled();
    sql(`DELETE FROM daybook_retention WHERE name = 'everything'`);
    await carryOut(store, await planOf(store, all));
    expect(await codes(store)).toEqual(['policy_changed']);
    expect(await store.find({ seq: 1 })).toBeDefined();
  });
});

test('entries of another trail confuse nothing: not those of the same name, later, or named by what is planted', async () => {
  const { store, sql } = await ruled();
  const elsewhere = await sqliteTrail();
  await setPolicy(elsewhere.store, { ...EVERYTHING, maxAge: '1h' }, ACTOR, false);
  await setPolicy(elsewhere.store, { ...EVERYTHING, name: 'other' }, ACTOR, false);
  await removePolicy(elsewhere.store, 'everything', ACTOR);
  const upTo = await elsewhere.store.mark();
  const { entries } = await elsewhere.store.page({ filter: {}, order: 'recorded', limit: 10, upTo });
  // As `record --stdin` takes an export: with their ids and times, and when they came here.
  await recordAll(
    store,
    entries.map(({ seq: _seq, reverted_by: _by, ...entry }) => ({ ...entry, recorded_at: '2026-03-05T12:00:00.000Z' })),
  );
  expect(await codes(store)).toEqual([]);
  expect((await store.policies()).map(({ maxAge }) => maxAge)).toEqual(['90d', '2y']);
  const other = entries.find(({ entity_id: id }) => id === 'other');
  const seq = (await store.find({ id: other?.id ?? '' }))?.seq ?? 0;
  sql(
    `INSERT INTO daybook_retention VALUES ('other', '{}', '90d', NULL); INSERT INTO daybook_retention_entries VALUES ('other', ${seq})`,
  );
  expect((await found(store)).map(({ message }) => message)).toEqual([
    expect.stringContaining(`policy other names entry ${seq}, which does not set it`),
  ]);
});

describe.each([
  ['a filter that is no JSON', `'{bad', '1d', NULL`, 'its filter'],
  ['a filter of another kind', `'[]', '1d', NULL`, 'its filter'],
  ['a condition that nobody knows', `'{"colour":["red"]}', '1d', NULL`, 'its filter'],
  ['a filter of 200,000 brackets', `'${'['.repeat(200_000)}', '1d', NULL`, 'its filter'],
  ['an age without a unit', `'{}', '90', NULL`, 'its age'],
  ['an age of letters', `'{}', 'banana', NULL`, 'its age'],
  ['a number below none', `'{}', NULL, -1`, 'its number'],
  ['a number beyond all', `'{}', NULL, 9223372036854775807`, 'its number'],
])('a policy with %s', (_words, values, what) => {
  test.each(['spoiled', '', "x'61'", 'with "quotes" and \'these\'', 'über\nzwei Zeilen'])(
    'called %j is named, can be removed, and hinders nothing else',
    async (name) => {
      const { trail, store } = await ruled();
      trail.plain().prepare(`INSERT INTO daybook_retention VALUES (?, ${values})`).run(name);
      expect(await store.standingPolicies()).toHaveLength(3);
      await expectToHinderNothing(store, name, what);
    },
  );

  test.each([
    ['no text', `x'ff61'`, "x'FF61'"],
    ['text with NUL', `x'6100'`, "x'6100'"],
  ])('whose name is %s goes by its bytes', async (_kind, name, shown) => {
    const { trail, store } = await ruled();
    trail.plain().exec(`INSERT INTO daybook_retention VALUES (CAST(${name} AS TEXT), ${values})`);
    expect(await store.standingPolicies()).toHaveLength(3);
    await expectToHinderNothing(store, shown, 'its name');
  });
});

async function expectToHinderNothing(store: AuditStore, name: string, what: string): Promise<void> {
  expect(await found(store)).toEqual([
    { code: 'unreadable_row', message: expect.stringContaining(`policy ${name} cannot be read: ${what}`) as string },
  ]);
  await expect(store.policies()).rejects.toMatchObject({ kind: 'refused' });
  await setPolicy(store, { ...EVERYTHING, maxAge: '1y' }, ACTOR, false);
  await removePolicy(store, AUTH.name, ACTOR);
  await recordAll(store, numbered(3));
  await carryOut(store, await planOf(store, rule({ before: NOW + 1, filter: { action: ['update'] } })));
  expect((await store.standingPolicies()).map((standing) => standing.name).toSorted()).toEqual(
    ['everything', name].toSorted(),
  );
  expect(await removePolicy(store, name, ACTOR)).toMatchObject({ changed: true });
  expect(await codes(store)).toEqual([]);
  expect((await store.policies()).map((policy) => policy.name)).toEqual(['everything']);
  const removal = await store.find({ seq: (await store.extent({})).lastSeq });
  expect(removal).toMatchObject({ action: 'retention_remove', entity_id: name });
  expect(JSON.parse(removal?.old_values ?? '')).toMatchObject({ name });
}

test('a policy that cannot be read is set anew under its name', async () => {
  const { store, sql } = await ruled();
  sql(`UPDATE daybook_retention SET filter = '{bad' WHERE name = 'everything'`);
  expect(await codes(store)).toEqual(['unreadable_row']);
  await setPolicy(store, EVERYTHING, ACTOR, false);
  expect(await codes(store)).toEqual([]);
  expect(await store.find({ seq: 3 })).toMatchObject({
    message: 'retention policy everything changed: at most 90d old',
    old_values: '{"name":"everything","max_age":"90d","max_entries":null,"filter":"{bad"}',
    changed_fields: null,
  });
});

test('the store keeps no policy that it could not read again', async () => {
  const { store } = await ruled();
  for (const policy of [
    { ...EVERYTHING, name: 'x', maxAge: '90' },
    { ...EVERYTHING, name: 'x', maxEntries: 1.5 },
    { ...EVERYTHING, name: 'x', filter: { actors: ['nobody'] } as object },
  ]) {
    await expect(store.changePolicy('x', policy, ACTOR)).rejects.toMatchObject({ kind: 'usage' });
  }
  expect((await store.extent({})).lastSeq).toBe(2);
});
