import { addressOf } from '../../src/core/address.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initialize } from '../../src/store/postgres/index.js';
import { postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { HAS_POSTGRES } from './postgres-trail.js';
import { ACTOR, NOW } from './trail.js';

let scene: PostgresScene;

beforeEach(async () => {
  if (HAS_POSTGRES) scene = await postgresScene();
});

afterEach(async () => {
  if (HAS_POSTGRES) await scene.close();
});

const CHANGES: readonly (readonly [what: string, sql: string, name: string])[] = [
  ['was dropped', 'DROP FUNCTION daybook.daybook_capture() CASCADE', 'daybook_capture'],
  [
    'was changed',
    `CREATE OR REPLACE FUNCTION daybook.daybook_capture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'daybook_capture',
  ],
  ['lost the rights of its owner', 'ALTER FUNCTION daybook.daybook_capture() SECURITY INVOKER', 'daybook_capture'],
  ['lost its settings', 'ALTER FUNCTION daybook.daybook_capture() RESET ALL', 'daybook_capture'],
  [
    'has a helper that was changed',
    `CREATE OR REPLACE FUNCTION daybook.daybook_document(written text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'`,
    'daybook_document',
  ],
  ['has a helper that was dropped', 'DROP FUNCTION daybook.daybook_shape(oid)', 'daybook_shape'],
  [
    'is the own one of a table and was changed',
    `CREATE OR REPLACE FUNCTION daybook.daybook_capture_T() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    'daybook_capture_T',
  ],
  [
    'is the own one of a table and lost the rights of its owner',
    'ALTER FUNCTION daybook.daybook_capture_T() SECURITY INVOKER',
    'daybook_capture_T',
  ],
];

describe.skipIf(!HAS_POSTGRES)('the function of capture in PostgreSQL', () => {
  const facts = async (): Promise<readonly string[]> => (await scene.store.facts(NOW)).missing;
  const told = async (): Promise<unknown> =>
    (await scene.store.captures()).map(({ problem, spans }) => [problem, spans.map(({ ended }) => ended)]);

  test.each(CHANGES)('that %s is told, and put back by init, with a gap', async (_what, sql, named) => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a')`);
    const name = named.replace('_T', `_${table}`);
    expect(await facts()).toEqual([]);
    await scene.app.query(sql.replace('_T(', `_${table}(`));
    expect(await facts()).toEqual([name]);
    expect(await told()).toEqual([[`is captured by functions that are gone or were changed (${name})`, [null]]]);
    const options = { schema: 'daybook', busyTimeout: 1000, clock: () => NOW, actor: ACTOR };
    const outcome = await initialize({ address: addressOf(scene.url), ...options });
    expect(outcome).toMatchObject({ outcome: 'repaired', repaired: [name] });
    expect(await facts()).toEqual([]);
    expect(await told()).toEqual([[null, ['gap', null]]]);
    await scene.run(table, `UPDATE T SET v = 'b'`);
    expect(await scene.told(table)).toEqual(['update 1']);
    expect(await initialize({ address: addressOf(scene.url), ...options })).toMatchObject({ outcome: 'unchanged' });
  });

  test.each(CHANGES)('that %s is put back by capture refresh, and by capture add', async (_what, sql) => {
    const one = await scene.captured('id int PRIMARY KEY');
    const other = await scene.captured('id int PRIMARY KEY');
    const spoil = sql.replace('_T(', `_${one}(`);
    await scene.app.query(spoil);
    const [change] = await scene.store.refreshCaptures([one], ACTOR);
    expect(change).toMatchObject({ changed: true, entry: expect.any(Number) as number });
    expect(await told()).toEqual([
      [null, ['gap', null]],
      [null, spoil === sql ? ['gap', null] : [null]],
    ]);
    await scene.app.query(spoil);
    const third = await scene.captured('id int PRIMARY KEY');
    await scene.run(third, 'INSERT INTO T VALUES (1)');
    await scene.run(other, 'INSERT INTO T VALUES (1)');
    expect([await scene.told(third), await scene.told(other)]).toEqual([['create 1'], ['create 1']]);
    expect(await facts()).toEqual([]);
  });
});
