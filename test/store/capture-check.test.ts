import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { BYTES, DOCUMENTS, scene, SETTINGS, TEAMS, TREE, USERS } from './capture-scene.js';
import type { Scene } from './capture-scene.js';

describe('capture check', () => {
  const tables = `${USERS}${SETTINGS}${BYTES}${DOCUMENTS}${TREE}${TEAMS}
CREATE TABLE keys (id INTEGER PRIMARY KEY);
CREATE TABLE checked (id INTEGER PRIMARY KEY, n INTEGER CHECK (n = 1)); INSERT INTO checked VALUES (1, 1);`;
  const names = ['users', 'settings', 'bytes', 'guilds', 'tree', 'players', 'teams', 'keys', 'checked'];

  test('holds on every table, or says why a case was not tried', async () => {
    const { store } = await scene(tables, {}, names);
    const cases = await store.checkCaptures([]);
    expect(cases.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    const kinds = new Set(cases.map((one) => one.case));
    expect(cases).toHaveLength(names.length * kinds.size);
    for (const one of cases) expect(one.reason === null).toBe(one.outcome === 'holds');
    const ofUsers = cases.filter(({ table }) => table === 'users');
    expect(ofUsers.filter(({ outcome }) => outcome !== 'holds').map((one) => one.case)).toEqual([
      'an update of ignored columns alone',
    ]);
    expect(cases.find((one) => one.table === 'keys' && one.case !== 'triggers')?.reason).toBe(
      'because the table has no row to copy',
    );
    expect(cases.find((one) => one.table === 'checked' && one.case === 'an update')?.reason).toMatch(/CHECK/);
  });

  test('leaves no trace', async () => {
    const { store, connection } = await scene(tables, { requireActor: true }, names);
    const before = connection.serialize();
    const version = connection.pragma('data_version', { simple: true });
    await store.checkCaptures([]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(connection.pragma('data_version', { simple: true })).toBe(version);
  });

  /** What is not as it should be, or was not tried, but for the columns that nobody ignores. */
  async function amiss({ store }: Scene): Promise<(readonly [string, string | null])[]> {
    return (await store.checkCaptures([]))
      .filter((one) => one.outcome !== 'holds' && one.case !== 'an update of ignored columns alone')
      .map((one) => [`${one.case} ${one.outcome}`, one.reason] as const);
  }

  const NOTES = `CREATE TABLE notes (id INTEGER PRIMARY KEY, text, touched INTEGER);
    INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 1);`;

  test.each<readonly [string, string, Partial<CaptureRequest>]>([
    [
      'computed columns',
      `CREATE TABLE t (id INTEGER PRIMARY KEY, v, low AS (lower(v)), twice AS (v || v) STORED); INSERT INTO t (v) VALUES ('a')`,
      {},
    ],
    ['keys of several kinds', `CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (5, 1), ('x', 2)`, {}],
    [
      'a trigger that keeps the time of the change',
      `${NOTES} CREATE TRIGGER touch AFTER UPDATE OF text ON notes BEGIN UPDATE notes SET touched = touched + 1 WHERE id = NEW.id; END`,
      {},
    ],
    [
      'such a trigger, and the time ignored',
      `${NOTES} CREATE TRIGGER touch AFTER UPDATE OF text ON notes BEGIN UPDATE notes SET touched = touched + 1 WHERE id = NEW.id; END`,
      { ignore: ['touched'] },
    ],
    [
      'a trigger that records entries of its own',
      `${NOTES} CREATE TRIGGER own AFTER UPDATE ON notes BEGIN
         INSERT INTO daybook_entries (action, entity_type, entity_id) VALUES ('edit', 'notes', NEW.id); END`,
      {},
    ],
    [
      'a trigger that goes on with every row',
      `${NOTES} CREATE TRIGGER made AFTER INSERT ON notes BEGIN UPDATE notes SET touched = touched + 1; END`,
      {},
    ],
  ])('holds with %s', async (_what, schema, request) => {
    expect(await amiss(await scene(schema, request))).toEqual([]);
  });

  test('holds where all entries were cleared since', async () => {
    const one = await scene(NOTES);
    one.connection.exec('DROP TRIGGER daybook_entries_append_only_delete; DELETE FROM daybook_entries');
    expect(await amiss(one)).toEqual([]);
  });

  test('says what was not tried where triggers keep rows from being changed or deleted', async () => {
    const kept = await scene(`${NOTES}
      CREATE TRIGGER kept BEFORE DELETE ON notes BEGIN UPDATE notes SET touched = -1 WHERE id = OLD.id; SELECT RAISE(IGNORE); END`);
    expect(await amiss(kept)).toEqual([['a delete not tried', 'because the row is still there']]);
    const frozen = await scene(`${NOTES}
      CREATE TRIGGER frozen BEFORE UPDATE ON notes BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER full BEFORE INSERT ON notes BEGIN SELECT RAISE(IGNORE); END`);
    expect(Object.fromEntries(await amiss(frozen))).toEqual({
      'a key that a JSON function wrote not tried': 'because no row came of it',
      'a text that a JSON function wrote not tried': 'because the row stays as it was',
      'an update not tried': 'because the row stays as it was',
      'an update to NULL and back not tried': 'because the row stays as it was',
      'bytes in a column not tried': 'because the row stays as it was',
      'an integer beyond 2^53 not tried': 'because the row stays as it was',
      'an update of the key not tried': 'because the row is still there',
      'an insert not tried': 'because no row came of it',
      'INSERT OR REPLACE of a row that is there not tried': 'because the row stays as it was',
      'INSERT ... ON CONFLICT DO UPDATE not tried': 'because the row stays as it was',
    });
  });

  const forged = (values: string): string =>
    `AFTER UPDATE OF text ON notes BEGIN INSERT INTO daybook_entries (entity_type, entity_id, metadata, actor, correlation_id, action, old_values, new_values, changed_fields)
     SELECT 'notes', '1', '{"table":"notes"}', actor, correlation_id, ${values} FROM daybook_context; END`;

  test.each([
    [
      'sets another context',
      `BEFORE UPDATE ON notes BEGIN INSERT OR REPLACE INTO daybook_context (actor) VALUES ('app'); END`,
      'the entry does not say who made the change',
    ],
    [
      'changes the row before its own change',
      'BEFORE UPDATE OF text ON notes BEGIN UPDATE notes SET touched = 7 WHERE id = OLD.id; END',
      'the old values are {"id":1,"text":"a","touched":1}, and the row was {"id":1,"text":"a","touched":7}',
    ],
    [
      'tells of a creation that was none',
      forged(`'create', NULL, '{"id":1}', NULL`),
      'expected one update, found update of 1, create of 1',
    ],
    [
      'tells of a change that was none',
      forged(`'update', '{"id":1,"text":"a~","touched":1}', '{"id":1,"text":"z","touched":1}', '["text"]'`),
      'the new values are {"id":1,"text":"z","touched":1}, and the row is {"id":1,"text":"a~","touched":1}',
    ],
    [
      'names a field that did not change',
      forged(`'update', '{"id":1,"text":"a~","touched":1}', '{"id":1,"text":"a~","touched":1}', '["text"]'`),
      'the changed fields are ["text"], and should be []',
    ],
  ])('finds what is wrong where a trigger %s', async (_what, trigger, reason) => {
    const one = await scene(`${NOTES} CREATE TRIGGER own ${trigger}`);
    expect(await amiss(one)).toContainEqual(['an update fails', reason]);
  });

  test('tries the rest where a trigger of the application cannot run, and leaves no trace', async () => {
    const { store, connection, capture } = await scene(
      `${NOTES} CREATE TRIGGER broken AFTER UPDATE ON notes BEGIN INSERT INTO nowhere VALUES (1); END;
       ${USERS} CREATE TRIGGER unknown BEFORE INSERT ON users BEGIN SELECT function_of_the_application(NEW.id); END`,
    );
    await capture('users');
    const before = connection.serialize();
    const checked = await store.checkCaptures([]);
    const outcome = (table: string, words: string): unknown =>
      checked.filter((one) => one.table === table && one.case === words).map((one) => one.reason ?? one.outcome);
    const cannotRun = 'because it cannot run, captured or not: no such';
    expect(outcome('notes', 'an update')).toEqual([`${cannotRun} table: main.nowhere`]);
    expect(outcome('notes', 'an insert')).toEqual(['holds']);
    expect(outcome('users', 'an update')).toEqual(['holds']);
    expect(outcome('users', 'an insert')).toEqual([`${cannotRun} function: function_of_the_application`]);
    expect(checked.filter((one) => one.outcome === 'fails')).toEqual([]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(await store.leakedContext()).toBeNull();
  });

  test('keeps to its row, and to the keys beside it: others may be very many, and hold up who writes', async () => {
    const { store, connection } = await scene(
      `CREATE TABLE teams (league TEXT, number INTEGER, PRIMARY KEY (league, number));
       CREATE TABLE players (id INTEGER PRIMARY KEY, league, number,
         FOREIGN KEY (league, number) REFERENCES teams ON DELETE CASCADE ON UPDATE CASCADE);
       INSERT INTO teams VALUES ('a', 1), ('b', 100);
       INSERT INTO players VALUES (1, 'a', 1);
       CREATE TRIGGER gone BEFORE DELETE ON players BEGIN SELECT RAISE(ABORT, 'a player goes'); END;
       CREATE TRIGGER moved BEFORE UPDATE ON players BEGIN SELECT RAISE(ABORT, 'a player moves'); END;
       CREATE TRIGGER far BEFORE INSERT ON teams WHEN NEW.number > 100 BEGIN SELECT RAISE(ABORT, 'all keys were read'); END`,
    );
    const cases = ['an insert', 'an update of the key', 'a delete', 'INSERT OR REPLACE that changes nothing'];
    const checked = await store.checkCaptures([]);
    expect(checked.filter((one) => cases.includes(one.case)).map(({ reason, outcome }) => reason ?? outcome)).toEqual(
      cases.map(() => 'holds'),
    );
    expect(connection.prepare('SELECT * FROM players').raw().all()).toEqual([[1, 'a', 1]]);
  });

  test('is not tried on a table that only the application can read', async () => {
    const { store, capture, connection } = await scene('', {}, []);
    connection.function('own', { deterministic: true }, (value) => value);
    connection.exec('CREATE TABLE computed (id INTEGER PRIMARY KEY, v AS (own(id))); INSERT INTO computed VALUES (1)');
    await capture('computed');
    const checked = await store.checkCaptures([]);
    expect(checked.filter(({ outcome }) => outcome === 'fails')).toEqual([]);
    expect(checked).toContainEqual({
      table: 'computed',
      case: 'a delete',
      outcome: 'not tried',
      reason: 'because it cannot run, captured or not: unknown function: own()',
    });
  });

  test('holds however long a case takes: its context does not expire', async () => {
    const one = await scene(
      `${NOTES} CREATE TRIGGER slow BEFORE UPDATE ON notes BEGIN
         UPDATE daybook_context SET used = julianday('now') - 1 WHERE used < 1e8; END`,
    );
    expect(await amiss(one)).not.toContainEqual(['an update fails', expect.anything()]);
  });

  test('is not tried on a row that shares its key, with NULL in it, with another', async () => {
    const { store, connection } = await scene(
      'CREATE TABLE t (a, b, v, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, NULL, 1), (1, NULL, 2)',
    );
    const outcomes = async (): Promise<unknown> =>
      (await store.checkCaptures([])).flatMap((one) => (one.case === 'an update' ? [one.reason ?? one.outcome] : []));
    expect(await outcomes()).toEqual([expect.stringContaining('several rows have its key, with NULL in it')]);
    connection.exec('DELETE FROM t WHERE v = 1');
    expect(await outcomes()).toEqual(['holds']);
  });

  test('fails where it is capture that cannot run', async () => {
    const { store, connection } = await scene(NOTES);
    connection.exec('DROP TABLE daybook_actors');
    expect(await store.checkCaptures([])).toContainEqual({
      table: 'notes',
      case: 'an update',
      outcome: 'fails',
      reason: 'no such table: main.daybook_actors',
    });
  });

  test('lets others write between its cases, and is not misled by what they write', async () => {
    const { store, connection } = await scene(tables, {}, names);
    connection.pragma('busy_timeout = 0');
    let going = true;
    const checking = store.checkCaptures([]).finally(() => (going = false));
    for (let turn = 0; going; turn += 1) {
      connection.exec(`DELETE FROM settings; INSERT INTO settings VALUES ('g${turn}', 'log', ${turn}, 'ben')`);
      await new Promise(setImmediate);
    }
    expect((await checking).filter(({ outcome }) => outcome === 'fails')).toEqual([]);
  });

  test('finds triggers that do not what they should, whatever their text', async () => {
    const { store, connection } = await scene(USERS);
    const found: string[] = [];
    for (const part of ['before_insert', 'after_insert', 'before_update', 'after_update', 'after_delete']) {
      const name = `daybook_capture_users_${part}`;
      const sql =
        connection.prepare<[string], string>('SELECT sql FROM sqlite_schema WHERE name = ?').pluck().get(name) ?? '';
      connection.exec(`DROP TRIGGER ${name}; ${sql.slice(0, sql.indexOf('BEGIN'))} BEGIN SELECT 1; END`);
      const failing = (await store.checkCaptures(['users'])).filter(({ outcome }) => outcome === 'fails');
      found.push(`${part}: ${failing.length > 0}`);
      connection.exec(`DROP TRIGGER ${name}; ${sql}`);
    }
    expect(found.filter((one) => !one.endsWith('true'))).toEqual([]);
  });
});
