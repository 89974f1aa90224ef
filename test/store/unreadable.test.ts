import type Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.js';
import { checkMirrors } from '../../src/operations/mirror.js';
import { setActor } from '../../src/operations/names.js';
import { setPolicy } from '../../src/operations/retention.js';
import { status } from '../../src/operations/status.js';
import { captureRequest } from '../../src/library.js';
import type { AuditStore } from '../../src/store/audit-store.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { ACTOR, carryOut, intentOf, NOW, numbered, planOf, recordAll, rule, sqliteTrail } from './trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

const MIRROR = {
  table: 'settlements',
  column: 'notes',
  settings: {
    entityType: 'settlement',
    key: 'id',
    latest: 5,
    template: '{text}',
    separator: '\n',
    reverted: 'omit',
    maxLength: null,
  },
} as const;

/** A trail in which every table of ours has two rows: `other` and what is told by it must go on whatever becomes of the first. */
async function full(): Promise<{ path: string; store: AuditStore; database: Database.Database }> {
  const { trail, store } = await sqliteTrail();
  const database = trail.plain();
  database.exec(`
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE other (id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT, more TEXT);
    INSERT INTO settlements (id) VALUES (1);
  `);
  await store.addCaptures(['users', 'other'], captureRequest(), ACTOR);
  await store.addMirror(MIRROR, 0, ACTOR);
  await store.addMirror({ ...MIRROR, column: 'more' }, 0, ACTOR);
  await setPolicy(store, { name: 'everything', filter: {}, maxAge: '90d', maxEntries: null }, ACTOR, false);
  await setActor(store, { actor: 'ben', name: 'Ben', email: null }, ACTOR);
  await recordAll(store, numbered(6));
  for (const name of ['siem', 'other']) {
    await store.beginCheckpoint(name, '{}', {}, markOf(1));
    await store.moveCheckpoint(name, markOf(0), markOf(1));
  }
  await carryOut(store, await planOf(store, rule({ before: NOW + 1, filter: { action: ['gone'] } })));
  await recordAll(store, numbered(1, { action: 'gone' }));
  await carryOut(store, await planOf(store, rule({ before: NOW + 1, filter: { action: ['gone'] } })));
  // The checkpoints have missed the one that went.
  database.exec('UPDATE daybook_checkpoints SET missed = 0, missed_later = 0');
  return { path: trail.path, store, database };
}

async function problems(store: AuditStore): Promise<string[]> {
  const request = { database: 'audit.db', now: NOW, zone: 'UTC', grace: parseDuration('26h') };
  return (await status(store, request)).problems.map(({ code, message }) => `${code}: ${message}`);
}

/** What is no JSON, what is JSON of another kind, and what is deeper than SQLite's parser goes; test/core has more. */
const JUNK = ['{bad', '[null]', '['.repeat(100_000)];

/** The columns of ours that are parsed, where their row is, the junk that means something there, and the way out. */
const COLUMNS: readonly {
  readonly column: string;
  readonly where: string;
  readonly told: RegExp;
  readonly fine: readonly string[];
  readonly wayOut: (store: AuditStore, path: string) => Promise<unknown>;
}[] = [
  ...['settings', 'columns', 'primary_key'].map((column) => ({
    column: `daybook_captures.${column}`,
    where: `table_name = 'users'`,
    told: /the capture of table users cannot be read: .*daybook capture remove users ends it/,
    fine: column === 'settings' ? [] : ['[]'],
    wayOut: (store: AuditStore) => store.removeCaptures(['users'], ACTOR),
  })),
  {
    column: 'daybook_captures.settings',
    where: `table_name = 'users'`,
    told: /daybook capture add sets it anew/,
    fine: [],
    wayOut: (store) => store.addCaptures(['users'], captureRequest(), ACTOR),
  },
  {
    column: 'daybook_mirrors.settings',
    where: `column_name = 'notes'`,
    told: /mirror settlements.notes cannot be read: .*daybook mirror remove settlements.notes ends it/,
    fine: [],
    wayOut: (store) => store.removeMirror({ table: 'settlements', column: 'notes' }, ACTOR),
  },
  {
    column: 'daybook_mirrors.settings',
    where: `column_name = 'notes'`,
    told: /daybook mirror add sets it anew/,
    fine: [],
    wayOut: (store) => store.addMirror(MIRROR, 0, ACTOR),
  },
  {
    column: 'daybook_checkpoints.filter',
    where: `name = 'siem'`,
    told: /checkpoint siem cannot be read: the next export of that name says its filter again/,
    fine: ['{}'],
    wayOut: (store) => store.beginCheckpoint('siem', '{}', {}, markOf(1)),
  },
  ...['criteria', 'rules', 'archive'].map((column) => ({
    column: `daybook_prunes.${column}`,
    where: 'deleted > 0',
    told: new RegExp(`the account of prune \\d cannot be read \\(${column}\\): daybook init keeps`),
    fine: { criteria: ['[]', '"text"'], rules: ['[]'], archive: ['{}', '{"a":1}', '"text"'] }[column] ?? [],
    wayOut: async (_store: AuditStore, path: string) =>
      initialize({ path, alongside: true, busyTimeout: 1000, clock: () => NOW, actor: ACTOR }),
  })),
];

describe.each(COLUMNS)('$column', ({ column, where, told, fine, wayOut }) => {
  const [table = '', name = ''] = column.split('.');

  test.each(JUNK.filter((junk) => !fine.includes(junk)))(
    '%.20j is told, hinders nothing else, and there is a way out',
    async (junk) => {
      const { path, store, database } = await full();
      expect(await problems(store)).toEqual([]);
      expect(database.prepare(`UPDATE ${table} SET ${name} = ? WHERE ${where}`).run(junk).changes).toBeGreaterThan(0);
      await expectToHinderNothing(store, database, told);
      await wayOut(store, path);
      expect((await problems(store)).filter((problem) => problem.startsWith('unreadable_row'))).toEqual([]);
    },
  );

  test.each(fine)('%j is no fault', async (text) => {
    const { store, database } = await full();
    database.prepare(`UPDATE ${table} SET ${name} = ? WHERE ${where}`).run(text);
    expect((await problems(store)).filter((problem) => problem.startsWith('unreadable_row'))).toEqual([]);
  });
});

async function expectToHinderNothing(store: AuditStore, database: Database.Database, told: RegExp): Promise<void> {
  const found = await problems(store);
  expect(found.filter((problem) => problem.startsWith('unreadable_row'))).toEqual([expect.stringMatching(told)]);
  // Everything else goes on: recording, capture and mirrors of other tables, checks, prunes, checkpoints, policies.
  await recordAll(store, [{ action: 'note', entity_type: 'settlement', entity_id: '1', message: 'shown' }]);
  database.exec(`INSERT INTO other (name) VALUES ('x')`);
  expect(database.prepare('SELECT more FROM settlements').pluck().get()).toBe('shown');
  expect((await store.captures()).map(({ table }) => table)).toContain('other');
  expect((await store.mirrors()).map(({ column }) => column)).toContain('more');
  const cases = await store.checkCaptures(['other']);
  expect(cases.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
  expect((await store.checkCaptures([])).length).toBeGreaterThanOrEqual(cases.length);
  await store.refreshCaptures([], ACTOR);
  const differences: unknown[] = [];
  for await (const difference of checkMirrors(store, [{ table: 'settlements', column: 'more' }]))
    differences.push(difference);
  expect(differences).toEqual([]);
  const executed = await store.execute({
    sql: `ALTER TABLE other ADD COLUMN colour TEXT; UPDATE other SET colour = 'red'`,
    actor: ACTOR,
    reason: null,
    correlationId: null,
    foreignKeys: false,
    dryRun: false,
  });
  expect(executed.entries).toBeGreaterThan(0);
  await store.captureHistory('other');
  await store.captureHistory('users');
  await store.pruneReach('users', null, { sinceSeq: 0, sinceTs: '', untilSeq: null, untilTs: null, ended: null });
  await store.mirrorPrunes('settlement');
  await store.lastPrune();
  const account = await carryOut(
    store,
    await planOf(store, rule({ before: NOW + 1, keep: 3, filter: { action: ['update'] } })),
  );
  expect(account.deleted).toBeGreaterThan(0);
  await store.beginCheckpoint('other', '{}', {}, markOf(1));
  expect((await store.policies()).map((policy) => policy.name)).toEqual(['everything']);
}

describe('the account of a prune that was killed', () => {
  const cutOff = async (
    column: string,
    value: unknown,
  ): Promise<{ store: AuditStore; database: Database.Database }> => {
    const { store, database } = await full();
    await store.openPrune(intentOf(await planOf(store, rule({ before: 1 })), { reason: 'why' }));
    database
      .prepare(
        `UPDATE daybook_prunes SET deleted = 1, host = 'gone', heartbeat = '2020-01-01T00:00:00.000Z' WHERE state = 'open'`,
      )
      .run();
    database.prepare(`UPDATE daybook_prunes SET ${column} = ? WHERE state = 'open'`).run(value);
    return { store, database };
  };

  test.each([
    ...['criteria', 'rules', 'archive'].flatMap((column) => JUNK.map((junk): [string, string] => [column, junk])),
    ...['command', 'actor', 'actor_type', 'heartbeat', 'started_at', 'host'].flatMap((column) =>
      ['', 'a\0b', 'x'].map((junk): [string, string] => [column, junk]),
    ),
    ...['recorded_by', 'reason', 'first_ts', 'last_ts'].map((column): [string, string] => [column, 'a\0b']),
  ])('with %s %.20j becomes an entry at the next write, which it does not hinder', async (column, junk) => {
    const { store, database } = await cutOff(column, junk);
    const [recorded] = await recordAll(store, numbered(1));
    expect(await store.find({ seq: (recorded?.seq ?? 0) - 1 })).toMatchObject({
      severity: 'warning',
      category: 'system',
    });
    expect(database.prepare(`SELECT count(*) FROM daybook_prunes WHERE state = 'open'`).pluck().get()).toBe(0);
  });
});

test('what init made readable is in its entry, and what could not be read may have taken anything', async () => {
  const { path, store, database } = await full();
  const span = { sinceSeq: 0, sinceTs: '', untilSeq: null, untilTs: null, ended: null };
  database.exec(`UPDATE daybook_prunes SET criteria = '{bad', actor = '' WHERE deleted > 0`);
  expect(await store.pruneReach('users', null, span)).not.toBeNull();
  const options = { path, alongside: true, busyTimeout: 1000, clock: () => NOW, actor: ACTOR };
  expect(initialize(options)).toMatchObject({
    outcome: 'repaired',
    repaired: [expect.stringContaining('account of prune')],
  });
  expect(await store.find({ seq: (await store.extent({})).lastSeq })).toMatchObject({
    action: 'init',
    severity: 'warning',
    message: expect.stringMatching(/^made the account of prune \d readable$/) as string,
    old_values: '{"actor":"","criteria":"{bad"}',
  });
  expect(database.prepare('SELECT criteria FROM daybook_prunes WHERE deleted > 0').pluck().get()).toBe('"{bad"');
  expect(await store.pruneReach('users', null, span)).not.toBeNull();
  expect((await store.mirrorPrunes('settlement')).map(({ oldestFirst }) => oldestFirst)).toContain(false);
  expect(initialize(options)).toMatchObject({ outcome: 'unchanged' });
});

test('a span with a time that is none is told, hinders nothing else, and init takes the time from its entry', async () => {
  const { path, store, database } = await full();
  const before = (await store.captureHistory('users'))?.spans;
  await store.removeCaptures(['other'], ACTOR);
  const removed = (await store.captureHistory('other'))?.spans;
  database.exec(`UPDATE daybook_capture_spans SET since_ts = 'soon', until_ts = iif(until_ts IS NULL, NULL, '')`);
  expect(await problems(store)).toEqual([
    expect.stringMatching(/^unreadable_row: span 1 of the capture of users has a time that is none/),
    expect.stringMatching(/^unreadable_row: span 2 of the capture of other has a time that is none/),
  ]);
  // Less is known, and nothing that is not so.
  expect((await store.captureHistory('users'))?.spans).toMatchObject([
    { sinceTs: '9999-12-31T23:59:59.999Z', untilTs: null },
  ]);
  expect((await store.captureHistory('other'))?.spans).toMatchObject([{ untilTs: '0001-01-01T00:00:00.000Z' }]);
  const options = { path, alongside: true, busyTimeout: 1000, clock: () => NOW, actor: ACTOR };
  expect(initialize(options).repaired).toEqual(['span 1 of the capture of users', 'span 2 of the capture of other']);
  expect((await store.captureHistory('users'))?.spans).toEqual(before);
  expect((await store.captureHistory('other'))?.spans).toEqual(removed);
  expect(await store.find({ seq: (await store.extent({})).lastSeq })).toMatchObject({
    old_values: '{"since_ts":"soon","until_ts":""}',
  });
  expect(await problems(store)).toEqual([]);
});

test('a name that no entry can hold is told, and hinders no recording', async () => {
  const { store, database } = await full();
  database.pragma('ignore_check_constraints = ON');
  database.prepare(`UPDATE daybook_actors SET name = ? WHERE actor = 'ben'`).run('Be\0n');
  expect(await problems(store)).toEqual([
    'unreadable_row: the name of ben in the directory cannot be used: daybook actors set ben gives another',
  ]);
  await recordAll(store, [{ actor: 'ben', message: 'all the same' }]);
  expect(await store.find({ seq: (await store.extent({})).lastSeq })).toMatchObject({ actor: 'ben', actor_name: null });
  await setActor(store, { actor: 'ben', name: 'Ben', email: null }, ACTOR);
  expect(await problems(store)).toEqual([]);
});

test('a checkpoint that cannot be read counts everything that goes as missed', async () => {
  const { store, database } = await full();
  database.exec(`UPDATE daybook_checkpoints SET filter = '{bad' WHERE name = 'siem'`);
  await carryOut(store, await planOf(store, rule({ before: NOW + 1, filter: { action: ['update'] } })));
  expect(await store.missedByCheckpoints()).toContainEqual({ checkpoint: 'siem', count: 6 });
});

test('what would change a table of a capture or a mirror that cannot be read is refused, and says the way out', async () => {
  const { store, database } = await full();
  const alter = async (table: string): Promise<unknown> =>
    store.execute({
      sql: `ALTER TABLE ${table} ADD COLUMN colour TEXT`,
      actor: ACTOR,
      reason: null,
      correlationId: null,
      foreignKeys: false,
      dryRun: false,
    });
  database.exec(`UPDATE daybook_captures SET settings = '{bad' WHERE table_name = 'users'`);
  database.exec(`UPDATE daybook_mirrors SET settings = '{bad' WHERE column_name = 'notes'`);
  await expect(alter('users')).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('capture remove') as string,
  });
  await expect(alter('settlements')).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('mirror remove') as string,
  });
  await expect(store.refreshCaptures(['users'], ACTOR)).rejects.toMatchObject({ kind: 'refused' });
  const all = await store.checkCaptures([]);
  expect(all).toContainEqual(expect.objectContaining({ table: 'users', outcome: 'fails' }));
  expect(await store.checkCaptures(['users'])).toMatchObject([{ table: 'users', outcome: 'fails' }]);
  for (const names of [[], [{ table: 'Settlements', column: 'notes' }]]) {
    const checked = [];
    for await (const difference of checkMirrors(store, names)) checked.push(difference);
    expect(checked).toMatchObject([
      { table: 'settlements', column: 'notes', kind: 'broken', problem: 'cannot be read' },
    ]);
  }
  // Nothing is kept that is not known to be harmless: such a capture ignores nothing.
  await expect(store.resolveMirror({ ...MIRROR, table: 'users', column: 'name' })).rejects.toMatchObject({
    kind: 'refused',
  });
});
