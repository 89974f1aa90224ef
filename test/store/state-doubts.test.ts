import { expect, test } from 'vitest';
import { stateOf, statesOf } from '../../src/operations/state.js';
import type { EntityState } from '../../src/core/state.js';
import { earlierTriggers } from '../../src/store/sqlite/capture/earlier-triggers.js';
import { captureTriggerNames } from '../../src/store/sqlite/capture/triggers.js';
import { describeTable } from '../../src/store/sqlite/tables/index.js';
import { captured, scene } from './capture-scene.js';
import type { Scene } from './capture-scene.js';
import { ACTOR } from './trail.js';

const NOW = { kind: 'now', at: '2026-03-05T12:00:00.000Z' } as const;

async function all({ store }: Scene, type: string): Promise<{ states: EntityState[]; said: string[] }> {
  const said: string[] = [];
  const states: EntityState[] = [];
  for await (const page of statesOf(store, type, NOW, [], (text) => said.push(text))) states.push(...page);
  return { states, said };
}

async function one({ store }: Scene, type: string, id: string): Promise<{ state: EntityState; said: string[] }> {
  const said: string[] = [];
  return { state: await stateOf(store, { type, id }, NOW, (text) => said.push(text)), said };
}

test('of rows with NULL in the key nobody knows which is which, and each is told', async () => {
  const trail = await scene(
    `CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('a', 3);`,
  );
  trail.connection.exec(`UPDATE t SET v = 9 WHERE v = 1`);
  const { states, said } = await all(trail, 't');
  expect(states.map(({ entity, exists }) => [entity, exists])).toEqual(
    expect.arrayContaining([
      ['t:null', null],
      ['t:a', true],
    ]),
  );
  expect(states.some(({ entity, exists }) => entity === 't:null' && exists !== null)).toBe(false);
  expect(said.join()).toMatch(/not known: rows of t that have NULL in the key/);
  expect(await one(trail, 't', 'null')).toMatchObject({
    state: { exists: null },
    said: [expect.stringMatching(/NULL/)],
  });
  expect(await one(trail, 't', 'a')).toMatchObject({ state: { exists: true }, said: [] });
});

test('NULL within a key of several columns is no better', async () => {
  const trail = await scene(
    `CREATE TABLE t (a TEXT, b TEXT, v, PRIMARY KEY (a, b)); INSERT INTO t VALUES ('x', NULL, 1), ('x', NULL, 2);`,
  );
  const { states } = await all(trail, 't');
  expect(states.map(({ exists }) => exists)).toEqual([null, null]);
});

test.each([
  ['0.1 + 0.2', null],
  ['1.0 / 3', null],
  ['1e300', null],
  ['0.5', true],
  ['12345.25', true],
  ['7', true],
])('the id of a real key of more than 15 digits differs between releases: %s', async (key, exists) => {
  const trail = await scene(`CREATE TABLE t (k REAL PRIMARY KEY, v)`);
  trail.connection.exec(`INSERT INTO t VALUES (${key}, 1)`);
  const { states } = await all(trail, 't');
  expect(states.map((state) => state.exists)).toEqual([exists]);
});

test.each([
  [`json('{"a":1}')`, true],
  [`json('[1]')`, true],
  [`json('17')`, true],
  [`json('true')`, true],
  // What cannot be known.
  [`json_quote('hey')`, false],
  [`json('null')`, false],
  [`'17'`, false],
])('an entry of an earlier daybook that holds what its column cannot is told of: %s', async (text, known) => {
  const trail = await scene(`CREATE TABLE t (id INTEGER PRIMARY KEY, d TEXT);`);
  for (const { table, settings } of await trail.store.captures()) {
    for (const name of captureTriggerNames(table)) trail.connection.exec(`DROP TRIGGER IF EXISTS ${name}`);
    for (const { sql } of earlierTriggers(describeTable(trail.connection, table), settings, false))
      trail.connection.exec(sql);
  }
  trail.connection.exec(`INSERT INTO t VALUES (1, ${text})`);
  await trail.store.refreshCaptures([], ACTOR);
  trail.connection.exec(`INSERT INTO t VALUES (2, 'x')`);
  const told = known ? [expect.stringMatching(/holds in d what no column of t holds.*before schema 6/)] : [];
  expect((await one(trail, 't', '1')).said).toEqual(told);
  expect((await all(trail, 't')).said).toEqual(told);
  expect((await one(trail, 't', '2')).said).toEqual([]);
  expect(captured(trail.connection)).toHaveLength(2);
  const seq = trail.connection
    .prepare(`SELECT seq FROM daybook_entries WHERE entity_id = '1' AND action = 'create'`)
    .pluck()
    .get() as number;
  const undo = trail.store.undo({
    entries: { seq },
    actor: ACTOR,
    reason: 'x',
    correlationId: null,
    force: false,
    dryRun: true,
  });
  // A number may be one of a column that had another type.
  if (known && text !== `json('17')`)
    await expect(undo).rejects.toThrow(/a JSON function wrote a text there, and a daybook before schema 6/);
  else await expect(undo).resolves.toBeDefined();
});
