import { describe, expect, test } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { momentOf } from '../../src/operations/as-of.js';
import { changesOf } from '../../src/operations/changes.js';
import { stateOf, statesOf } from '../../src/operations/state.js';
import type { EntityState } from '../../src/core/state.js';
import type { Moment } from '../../src/operations/state.js';
import { statesThrough } from '../../src/operations/states.js';
import { reinstallCaptures } from '../../src/store/sqlite/capture/installed.js';
import { capturedTrail } from '../store/captured.js';
import type { Captured } from '../store/captured.js';
import { ACTOR, carryOut, intentOf, planOf, recordAll, rule } from '../store/trail.js';

const USERS = 'CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, role TEXT)';
const BASE = Date.parse('2026-03-05T12:00:00.000Z');
const CLOCK = { now: BASE, zone: 'UTC' };

/** The time of an entry, once the trail is dated anew: one entry a second. */
function timeOf(seq: number): string {
  return new Date(BASE + seq * 1000).toISOString();
}

const at = (seq: number): Moment => ({ kind: 'time', at: timeOf(seq) });
const behind = (seq: number): Moment => ({ kind: 'entry', at: timeOf(seq), seq });
const NOW: Moment = { kind: 'now', at: timeOf(1000) };

async function state(trail: Captured, id: string, moment: Moment): Promise<unknown> {
  const { exists, values } = await stateOf(trail.store, { type: 'users', id }, moment);
  return exists === true ? (JSON.parse(values ?? '') as { name: string }).name : exists;
}

async function table(trail: Captured, moment: Moment, ...where: string[]): Promise<EntityState[]> {
  const found: EntityState[] = [];
  const columns = where.map((text) => ({ column: text.split('=')[0] ?? '', value: text.split('=')[1] ?? '' }));
  for await (const page of statesOf(trail.store, 'users', moment, columns)) found.push(...page);
  return found;
}

/** 1 was there before and changes, 2 was there and stays, 3 comes, goes and comes again. */
async function life(): Promise<Captured> {
  const trail = await capturedTrail(`${USERS}; INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'x')`);
  await trail.capture('users');
  trail.app.exec(`
    UPDATE users SET name = 'A' WHERE id = 1;
    INSERT INTO users VALUES (3, 'c', 'y');
    DELETE FROM users WHERE id = 3;
    INSERT INTO users VALUES (3, 'C', 'y');
    UPDATE users SET id = 4 WHERE id = 1;`);
  trail.retime(timeOf);
  return trail;
}

describe('the state of a row', () => {
  test.each([
    ['1', ['a', 'A', 'A', 'A', 'A', false, false]],
    ['2', ['b', 'b', 'b', 'b', 'b', 'b', 'b']],
    ['3', [false, false, 'c', false, 'C', 'C', 'C']],
    ['4', [false, false, false, false, false, false, 'A']],
    ['9', [false, false, false, false, false, false, false]],
  ])('%s goes through its changes, by time and by entry', async (id, states) => {
    const trail = await life();
    for (const [index, expected] of states.entries()) {
      expect(await state(trail, id, at(index + 1)), `at ${index + 1}`).toBe(expected);
      expect(await state(trail, id, behind(index + 1)), `behind ${index + 1}`).toBe(expected);
    }
    expect(await state(trail, id, NOW)).toBe(states.at(-1));
    expect(await state(trail, id, at(0))).toBeNull();
  });

  test('is the same for one instant, however it is written', async () => {
    const trail = await life();
    const written = (seq: number): string[] => {
      const local = (hours: number): string =>
        new Date(BASE + seq * 1000 + hours * 3_600_000).toISOString().slice(0, 19);
      return [
        `${local(0)}Z`,
        `${local(-3)}-03:00`,
        `${local(3)}+03:00`,
        `${local(14)}.0009+14:00`,
        `${local(-12)}-12:00`,
      ];
    };
    for (let seq = 0; seq <= 7; seq++) {
      const entity = { type: 'users', id: '3' };
      const expected = await stateOf(trail.store, entity, at(seq));
      const rows = await table(trail, at(seq));
      for (const text of written(seq)) {
        const moment: Moment = { kind: 'time', at: text };
        expect(await stateOf(trail.store, entity, moment), text).toEqual(expected);
        expect(await table(trail, moment), text).toEqual(rows);
      }
    }
    for (const text of ['2026-03-05', '2026-03-05T12:00:00', 'now', '']) {
      const asked = stateOf(trail.store, { type: 'users', id: '3' }, { kind: 'time', at: text });
      await expect(asked, text).rejects.toMatchObject({ kind: 'usage', field: 'at', value: text });
    }
  });

  test('says since when it is known, and the last change until then', async () => {
    const trail = await life();
    const tell = (moment: Moment): Promise<EntityState> => stateOf(trail.store, { type: 'users', id: '1' }, moment);
    expect(await tell(at(3))).toEqual({
      entity: 'users:1',
      at: timeOf(3),
      exists: true,
      values: '{"id":1,"name":"A","role":"x"}',
      seq: 2,
      known_since: timeOf(1),
    });
    expect(await tell(at(1))).toMatchObject({ seq: null, known_since: timeOf(1) });
    expect(await tell(at(0))).toMatchObject({ exists: null, values: null, seq: null, known_since: timeOf(1) });
    await expect(stateOf(trail.store, { type: 'nothing', id: '1' }, NOW)).rejects.toMatchObject({ kind: 'missing' });
  });

  test('is not known in a gap, and where it rests on what a gap may hide', async () => {
    const trail = await capturedTrail(`${USERS}; INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    await trail.capture('users');
    trail.app.exec(`UPDATE users SET name = 'A' WHERE id = 1; UPDATE users SET name = 'AA' WHERE id = 1`);
    trail.app.exec('DROP TRIGGER daybook_capture_users_after_update');
    trail.retime(timeOf);
    const notes: string[] = [];
    const tell = (text: string): void => void notes.push(text);
    expect(await stateOf(trail.store, { type: 'users', id: '2' }, at(2), tell)).toMatchObject({ exists: null });
    expect(notes).toEqual([
      expect.stringMatching(
        /^users lacks 1 of its \d capture triggers, .*: what changed since then may be missing \(daybook capture refresh users\)$/,
      ),
      'not known: users:2 did not change since, as far as entries tell',
    ]);
    expect(await state(trail, '1', at(2))).toBe('A');
    expect(await state(trail, '1', at(3))).toBeNull();
    expect((await table(trail, at(2))).map(({ entity, exists }) => [entity, exists])).toEqual([
      ['users', null],
      ['users:1', true],
    ]);

    await trail.store.refreshCaptures(['users'], ACTOR);
    trail.app.exec(`UPDATE users SET name = 'B' WHERE id = 2`);
    trail.retime((seq) => timeOf(seq < 4 ? seq : seq * 10));
    expect(await state(trail, '1', at(2))).toBe('A');
    // Its last change before the gap is the last that the span knows of.
    expect(await state(trail, '1', at(3))).toBe('AA');
    expect(await state(trail, '2', at(3))).toBeNull();
    expect(await stateOf(trail.store, { type: 'users', id: '1' }, at(20), tell)).toMatchObject({
      exists: null,
      known_since: timeOf(40),
    });
    expect(notes.at(-1)).toBe(
      `not known: the capture of users broke off after ${timeOf(3)}, and went on at ${timeOf(40)}`,
    );
    expect(await state(trail, '2', at(40))).toBe('b');
    expect(await state(trail, '2', at(50))).toBe('B');
    expect((await table(trail, at(20))).map(({ entity, exists }) => [entity, exists])).toEqual([['users', null]]);
  });

  test('is known of a capture that was removed for what changed then, and not since', async () => {
    const trail = await capturedTrail(`${USERS}; INSERT INTO users VALUES (1, 'a', ''), (2, 'b', '')`);
    await trail.capture('users');
    trail.app.exec(`UPDATE users SET name = 'A' WHERE id = 1`);
    await trail.store.removeCaptures(['users'], ACTOR);
    trail.retime(timeOf);
    expect(await state(trail, '1', at(1))).toBe('a');
    expect(await state(trail, '1', at(3))).toBe('A');
    expect(await state(trail, '2', at(2))).toBeNull();
    expect(await state(trail, '1', at(4))).toBeNull();
    expect(await state(trail, '1', NOW)).toBeNull();
  });

  test('is not known of a capture that was removed where a prune took a later change', async () => {
    const trail = await capturedTrail(USERS);
    await trail.capture('users');
    trail.app.exec(`INSERT INTO users VALUES (1, 'a', ''); UPDATE users SET name = 'A'`);
    await trail.store.removeCaptures(['users'], ACTOR);
    trail.retime(timeOf);
    expect(await state(trail, '1', at(3))).toBe('A');
    const plan = await planOf(trail.store, rule({ filter: { action: ['update'] }, before: BASE * 2 }));
    const prune = await trail.store.openPrune(intentOf(plan, { criteria: '[{"filter":{"action":["update"]}}]' }));
    await trail.store.deleteBatch(prune, plan, undefined, 100);
    expect(await state(trail, '1', at(3))).toBeNull();
  });

  test('is not known where prunes took what it would be told from', async () => {
    const trail = await life();
    const limits = rule({ filter: { category: ['entity'] }, before: Date.parse(timeOf(3)) });
    const plan = await planOf(trail.store, limits);
    const prune = await trail.store.openPrune(intentOf(plan, { criteria: '[{"filter":{"category":["entity"]}}]' }));
    await trail.store.deleteBatch(prune, plan, undefined, 100);
    const told = await stateOf(trail.store, { type: 'users', id: '2' }, at(1));
    expect(told).toMatchObject({ exists: null, known_since: timeOf(2) });
    expect(await state(trail, '2', behind(1))).toBeNull();
    expect(await state(trail, '2', at(2))).toBe('b');
    expect(await state(trail, '1', at(2))).toBe('A');
    expect(await table(trail, at(1))).toMatchObject([{ entity: 'users', exists: null }]);
    // Another prune takes nothing of the kind.
    await recordAll(trail.store, [{ category: 'auth', ts: timeOf(500) }]);
    await carryOut(trail.store, await planOf(trail.store, rule({ filter: { category: ['auth'] }, before: BASE * 2 })));
  });

  test('keeps redacted values hidden, and leaves out ignored secrets', async () => {
    const trail = await capturedTrail(
      `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT, token TEXT, seen TEXT);
       INSERT INTO users VALUES (1, 'a', 'p', 't', 's'), (2, 'b', NULL, 't', 's')`,
    );
    await trail.capture('users', { redact: ['password'], ignore: ['token', 'seen'] });
    trail.app.exec(`UPDATE users SET name = 'A' WHERE id = 1; UPDATE users SET seen = 'later'`);
    trail.retime(timeOf);
    const values = async (id: string, moment: Moment): Promise<string | null> =>
      (await stateOf(trail.store, { type: 'users', id }, moment)).values;
    expect(await values('1', at(1))).toBe('{"id":1,"name":"a","password":"[redacted]","seen":"s"}');
    expect(await values('1', at(2))).toBe('{"id":1,"name":"A","password":"[redacted]","seen":"later"}');
    expect(await values('2', at(1))).toBe('{"id":2,"name":"b","password":null,"seen":"later"}');
  });

  test('is not known where a row came or went without its entry', async () => {
    const trail = await life();
    const insert = trail.app
      .prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_capture_users_after_delete'`)
      .pluck()
      .get();
    trail.app.exec(`DROP TRIGGER daybook_capture_users_after_delete; DELETE FROM users WHERE id = 3; ${insert}`);
    expect(await state(trail, '3', at(7))).toBeNull();
    expect(await state(trail, '3', NOW)).toBe(false);
    expect(await state(trail, '3', at(3))).toBe('c');
  });

  test('has the columns of its last change where others came since', async () => {
    const trail = await life();
    // As `exec` does it: within the transaction, so that the span goes on.
    trail.app.exec('ALTER TABLE users ADD COLUMN age INTEGER DEFAULT 7');
    reinstallCaptures(trail.app, ['users'], () => BASE, ACTOR);
    const { values } = await stateOf(trail.store, { type: 'users', id: '3' }, behind(6));
    expect(values).toBe('{"id":3,"name":"C","role":"y"}');
    expect((await stateOf(trail.store, { type: 'users', id: '4' }, NOW)).values).toContain('"age":7');
  });
});

describe('the state of a table', () => {
  test('has one state for every row that existed, and --where picks from them', async () => {
    const trail = await life();
    const names = (states: readonly EntityState[]): string[] =>
      states
        .map(({ entity, values }) => `${entity} ${(JSON.parse(values ?? '{}') as { name?: string }).name}`)
        .toSorted();
    expect(names(await table(trail, at(1)))).toEqual(['users:1 a', 'users:2 b']);
    expect(names(await table(trail, at(3)))).toEqual(['users:1 A', 'users:2 b', 'users:3 c']);
    expect(names(await table(trail, at(4)))).toEqual(['users:1 A', 'users:2 b']);
    expect(names(await table(trail, NOW))).toEqual(['users:2 b', 'users:3 C', 'users:4 A']);
    expect(names(await table(trail, NOW, 'role=x'))).toEqual(['users:2 b', 'users:4 A']);
    expect(names(await table(trail, NOW, 'role=x', 'id=4'))).toEqual(['users:4 A']);
    expect(names(await table(trail, NOW, 'none=x'))).toEqual([]);
  });
});

describe('as of another record', () => {
  const COLUMN = `CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, made)`;
  const ANY = { type: 'users' };

  test('is behind its create entry', async () => {
    const trail = await life();
    expect(await momentOf(trail.store, { type: 'users', id: '3' }, undefined, ANY, CLOCK)).toEqual(behind(5));
    await expect(momentOf(trail.store, { type: 'users', id: '2' }, undefined, ANY, CLOCK)).rejects.toMatchObject({
      kind: 'missing',
    });
  });

  test.each([
    [1772712000, '2026-03-05T12:00:00.000Z'],
    [1772712000500, '2026-03-05T12:00:00.500Z'],
    ['1772712000', '2026-03-05T12:00:00.000Z'],
    ['2026-03-05 12:00:00', '2026-03-05T12:00:00.000Z'],
    ['2026-03-05T12:00:00+02:00', '2026-03-05T10:00:00.000Z'],
    ['2026-03-05', '2026-03-05T23:59:59.999Z'],
  ])('is the time %j of its column', async (made, expected) => {
    const trail = await capturedTrail(COLUMN);
    trail.app.prepare('INSERT INTO users VALUES (1, ?, ?)').run('a', made);
    await trail.capture('users');
    expect(await momentOf(trail.store, { type: 'users', id: '1' }, 'made', ANY, CLOCK)).toEqual({
      kind: 'time',
      at: expected,
    });
    trail.app.exec('DELETE FROM users');
    expect(await momentOf(trail.store, { type: 'users', id: '1' }, 'made', ANY, CLOCK)).toEqual({
      kind: 'time',
      at: expected,
    });
  });

  test('refuses a column that is not there, or holds no time', async () => {
    const trail = await capturedTrail(`${COLUMN}; INSERT INTO users VALUES (1, 'soon', NULL)`);
    await trail.capture('users');
    const asked = (column: string): Promise<Moment> =>
      momentOf(trail.store, { type: 'users', id: '1' }, column, ANY, CLOCK);
    await expect(asked('name')).rejects.toMatchObject({ kind: 'data' });
    await expect(asked('made')).rejects.toMatchObject({ kind: 'data' });
    await expect(asked('other')).rejects.toMatchObject({ kind: 'usage' });
  });
});

describe('changes of a field', () => {
  async function changes(trail: Captured, field: string, filter: Filter = {}): Promise<string[]> {
    const found: string[] = [];
    for await (const page of changesOf(trail.store, field, filter)) {
      found.push(...page.map((change) => `${change.entity} ${change.old} ${change.new}`));
    }
    return found;
  }

  test('are its updates, also inside documents in a text, and below or above what is named', async () => {
    const trail = await capturedTrail('CREATE TABLE guild (id INTEGER PRIMARY KEY, data TEXT, n INTEGER)');
    await trail.capture('guild', { json: ['data'] });
    const set = (data: unknown): void =>
      void trail.app.prepare('UPDATE guild SET data = ?').run(typeof data === 'string' ? data : JSON.stringify(data));
    trail.app.exec(`INSERT INTO guild VALUES (1, '{"announce":{"channelid":1},"other":1}', 1)`);
    set({ announce: { channelid: 2 }, other: 1 });
    set({ announce: { channelid: 2 }, other: 2 });
    set('no document');
    set({ announce: { channelid: 12345678901234 }, other: 2 });
    trail.app.exec('UPDATE guild SET n = 2; DELETE FROM guild');
    expect(await changes(trail, 'data.announce.channelid')).toEqual([
      'guild:1 1 2',
      'guild:1 2 null',
      'guild:1 null 12345678901234',
    ]);
    expect(await changes(trail, 'data.announce')).toHaveLength(3);
    expect(await changes(trail, 'data')).toHaveLength(4);
    expect(await changes(trail, 'data.announce.channel')).toEqual([]);
    expect(await changes(trail, 'n')).toEqual(['guild:1 1 2']);
  });

  test('are those of recorded entries too, with a redacted one named', async () => {
    const trail = await capturedTrail('');
    const values = { old_values: '{"smtp":{"host":"a","key":"[redacted]"},"x.y":1}' };
    await recordAll(trail.store, [
      {
        ...values,
        new_values: '{"smtp":{"host":"b","key":"[redacted]"},"x.y":2}',
        changed_fields: '["smtp.host","smtp.key","x.y"]',
      },
      { ...values, changed_fields: '["smtp"]' },
    ]);
    expect(await changes(trail, 'smtp.host')).toEqual(['null "a" "b"']);
    expect(await changes(trail, 'smtp.key')).toEqual(['null "[redacted]" "[redacted]"']);
    expect(await changes(trail, 'x.y')).toEqual(['null 1 2']);
    expect(await changes(trail, 'smtp.host', { changed: ['x.y'] })).toEqual(['null "a" "b"']);
    expect(await changes(trail, 'smtp.host', { changed: ['other'] })).toEqual([]);
  });
});

describe('each state of an entity', () => {
  test('begins with what it was before, and goes through its changes', async () => {
    const trail = await life();
    const states = async (id: string, filter: Filter = {}): Promise<unknown[]> => {
      const found: unknown[] = [];
      const request = { type: 'users', id, filter, all: Object.keys(filter).length === 0, now: timeOf(99) };
      for await (const page of statesThrough(trail.store, request)) {
        found.push(...page.map(({ at: when, exists, seq, action }) => [when, exists, seq, action]));
      }
      return found;
    };
    expect(await states('1')).toEqual([
      [timeOf(1), true, null, null],
      [timeOf(2), true, 2, 'update'],
      [timeOf(6), false, 6, 'delete'],
    ]);
    expect(await states('2')).toEqual([[timeOf(1), true, null, null]]);
    expect(await states('3')).toEqual([
      [timeOf(3), true, 3, 'create'],
      [timeOf(4), false, 4, 'delete'],
      [timeOf(5), true, 5, 'create'],
    ]);
    expect(await states('9')).toEqual([]);
    expect(await states('3', { action: ['delete', 'login'] })).toEqual([[timeOf(4), false, 4, 'delete']]);
    expect(await states('3', { category: ['auth'] })).toEqual([]);
    expect(await states('3', { entity: [{ type: 'users', id: '03' }], not: { action: ['create'] } })).toEqual([
      [timeOf(4), false, 4, 'delete'],
    ]);
  });

  test('tells of the gaps that reach into the time that is asked about, and of no other', async () => {
    const trail = await life();
    trail.app.exec('DROP TRIGGER daybook_capture_users_after_update');
    await trail.store.refreshCaptures(['users'], ACTOR);
    trail.app.exec(`UPDATE users SET name = 'B' WHERE id = 2`);
    await trail.store.removeCaptures(['users'], ACTOR);
    trail.retime(timeOf);
    const last = trail.lastSeq();
    const told = async (filter: Filter): Promise<string[]> => {
      const notes: string[] = [];
      const request = { type: 'users', id: '2', filter, all: false, now: timeOf(99) };
      for await (const page of statesThrough(trail.store, request, (text) => notes.push(text)))
        expect(page).toHaveLength(1);
      return notes;
    };
    const broke = `the capture of users broke off after ${timeOf(last - 3)}: what changed until it went on is missing`;
    const ended = `the capture of users ended at ${timeOf(last)}: what changed until now is missing`;
    const ms = (seq: number): number => Date.parse(timeOf(seq));
    expect(await told({})).toEqual([broke, ended]);
    expect(await told({ until: ms(last - 4) })).toEqual([]);
    expect(await told({ until: ms(last - 1) })).toEqual([broke]);
    expect(await told({ since: ms(last - 2), until: ms(last - 1) })).toEqual([broke]);
    expect(await told({ since: ms(last - 1) })).toEqual([ended]);
  });
});
