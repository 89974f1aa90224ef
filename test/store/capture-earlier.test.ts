import { expect, test } from 'vitest';
import { captureTriggerNames } from '../../src/store/sqlite/capture/triggers.js';
import { earlierTriggers } from '../../src/store/sqlite/capture/earlier-triggers.js';
import { initialize } from '../../src/store/sqlite/upkeep/index.js';
import { describeTable } from '../../src/store/sqlite/tables/index.js';
import { captured, scene, USERS } from './capture-scene.js';
import type { Scene } from './capture-scene.js';
import { ACTOR } from './trail.js';

/** Puts the triggers of an earlier daybook in the place of those of today. */
async function age({ store, connection }: Scene, nests = false): Promise<void> {
  for (const { table, settings } of await store.captures()) {
    for (const name of captureTriggerNames(table))
      connection.exec(`DROP TRIGGER IF EXISTS "${name.replaceAll('"', '""')}"`);
    for (const { sql } of earlierTriggers(describeTable(connection, table), settings, nests)) connection.exec(sql);
  }
}

function init(file: string): { outcome: string } {
  return initialize({ path: file, alongside: false, busyTimeout: 1000, clock: Date.now, actor: ACTOR });
}

const TWO = `${USERS} CREATE TABLE guilds (k TEXT PRIMARY KEY, secret TEXT, data TEXT);`;

test('triggers of an earlier daybook are told apart from those that somebody changed', async () => {
  const trail = await scene(TWO, { redact: ['secret'], json: ['data'] }, ['users', 'guilds']);
  expect(await trail.store.captures()).toMatchObject([{ outdated: false }, { outdated: false }]);
  await age(trail);
  expect(await trail.store.captures()).toMatchObject([
    { outdated: true, problem: null },
    { outdated: true, problem: null },
  ]);
  trail.connection.exec('DROP TRIGGER daybook_capture_users_after_delete');
  expect((await trail.store.captures())[1]).toMatchObject({
    outdated: false,
    problem: expect.stringMatching(/lacks 5 of its 5/) as string,
  });
  trail.connection.exec('ALTER TABLE guilds ADD COLUMN more TEXT');
  expect((await trail.store.captures())[0]).toMatchObject({
    outdated: false,
    problem: expect.stringMatching(/has other columns/) as string,
  });
});

test.each(['init', 'capture refresh'])('%s brings those of today, without a gap, each with an entry', async (way) => {
  const trail = await scene(TWO, { redact: ['secret'], json: ['data'] }, ['users', 'guilds']);
  await age(trail);
  trail.connection.exec(`UPDATE users SET name = 'Anna' WHERE id = 1`);
  if (way === 'init') expect(init(trail.file)).toMatchObject({ outcome: 'upgraded' });
  else expect(await trail.store.refreshCaptures([], ACTOR)).toMatchObject([{ changed: true }, { changed: true }]);
  const captures = await trail.store.captures();
  expect(captures.map(({ outdated, problem, spans }) => [outdated, problem, spans.length])).toEqual([
    [false, null, 1],
    [false, null, 1],
  ]);
  trail.connection.exec(`UPDATE users SET name = json_quote('A') WHERE id = 1`);
  expect(captured(trail.connection).map((entry) => entry.new)).toMatchObject([{ name: 'Anna' }, { name: '"A"' }]);
  const entries = trail.connection
    .prepare(`SELECT entity_id, message FROM daybook_entries WHERE action = 'capture_refresh' ORDER BY 1`)
    .raw()
    .all();
  expect(entries).toEqual(
    ['guilds', 'users'].map((table) => [
      table,
      `table ${table} has triggers of an earlier daybook: its capture is as it should be again`,
    ]),
  );
  expect(init(trail.file)).toMatchObject({ outcome: 'unchanged' });
  expect(await trail.store.refreshCaptures([], ACTOR)).toMatchObject([{ changed: false }, { changed: false }]);
});

test('init leaves a capture alone of which changes may have been lost: that it was whole, nobody knows', async () => {
  const trail = await scene(TWO, { redact: ['secret'], json: ['data'] }, ['users', 'guilds']);
  await age(trail);
  trail.connection.exec('DROP TRIGGER daybook_capture_users_after_delete');
  expect(init(trail.file)).toMatchObject({ outcome: 'upgraded' });
  expect(await trail.store.captures()).toMatchObject([
    { problem: null },
    { problem: expect.stringMatching(/lacks/) as string },
  ]);
});

test('earlier triggers that reckon with writes within a write are known, and so are those that should have', async () => {
  const trail = await scene(USERS);
  await age(trail, true);
  expect(await trail.store.captures()).toMatchObject([{ outdated: true, problem: null }]);
  await age(trail, false);
  trail.connection.exec(`CREATE TRIGGER later AFTER UPDATE ON users BEGIN SELECT 1; END`);
  expect(await trail.store.captures()).toMatchObject([
    { outdated: true, problem: expect.stringMatching(/run before it \(later\)/) as string },
  ]);
  expect(init(trail.file)).toMatchObject({ outcome: 'upgraded' });
  expect(await trail.store.captures()).toMatchObject([{ outdated: false, problem: null }]);
});
