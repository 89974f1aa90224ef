import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { looksSecret } from '../../src/core/capture.js';
import { captured, scene, told, USERS } from './capture-scene.js';
import { ACTOR, recordAll } from './trail.js';

describe('what cannot be captured', () => {
  const schema = `CREATE TABLE keyless (a);
CREATE TABLE t (id INTEGER PRIMARY KEY, low TEXT);
CREATE VIEW seen AS SELECT * FROM t;
CREATE VIRTUAL TABLE searched USING fts5 (a);
CREATE TABLE folded (id INTEGER PRIMARY KEY, a);
CREATE UNIQUE INDEX folded_a ON folded (lower(a));
CREATE TABLE other (id INTEGER PRIMARY KEY);
CREATE TABLE secrets (id INTEGER PRIMARY KEY, api_token TEXT, passwordHash TEXT, n);`;

  test.each<readonly [string, Partial<CaptureRequest>, string, RegExp]>([
    ['keyless', {}, 'refused', /no primary key/],
    ['seen', {}, 'refused', /: it is a view, and/],
    ['searched', {}, 'refused', /: it is a virtual table, and/],
    ['searched_data', {}, 'refused', /shadow/],
    ['daybook_entries', {}, 'refused', /belongs to daybook/],
    ['sqlite_schema', {}, 'refused', /belongs to/],
    ['folded', {}, 'refused', /expression/],
    ['nothing', {}, 'missing', /no table nothing/],
    ['t', { ignore: ['nope'] }, 'usage', /--ignore: t has no column nope, only id, low/],
    ['t', { scope: { kind: 'a', column: 'nope' } }, 'usage', /--scope/],
    ['t', { entityType: 'a:b' }, 'usage', /colon/],
    ['t', { entityType: '' }, 'usage', /empty/],
    ['t', { entityType: 'other' }, 'refused', /table other is captured as other already/],
    ['t', { redact: ['id'] }, 'usage', /in the key/],
    ['t', { redact: ['low'], nameColumn: 'low' }, 'usage', /cannot be kept out/],
    [
      'secrets',
      {},
      'refused',
      /look like secrets \(api_token, passwordHash\): put each under --redact, --ignore or --keep/,
    ],
    ['secrets', { redact: ['api_token'] }, 'refused', /\(passwordHash\)/],
  ])('%s %j', async (table, request, kind, message) => {
    const { capture, connection } = await scene(schema, {}, ['other']);
    const before = connection.serialize();
    await expect(capture(table, request)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
    expect(connection.serialize().equals(before)).toBe(true);
  });

  test('secrets are captured once each is decided', async () => {
    const { store, capture } = await scene(schema, {}, []);
    const [added] = await capture('SECRETS', { redact: ['API_TOKEN'], keep: ['passwordhash'] });
    expect(added).toMatchObject({ table: 'secrets', changed: true });
    expect((await store.captures())[0]?.settings).toMatchObject({ redact: ['api_token'], keep: ['passwordHash'] });
  });

  test.each(['password', 'passwordHash', 'api_key', 'apiToken', 'totp_key', 'otp', 'client_secret', 'sessionToken'])(
    '%s looks like a secret',
    (name) => {
      expect(looksSecret(name)).toBe(true);
    },
  );

  test.each(['id', 'email', 'key', 'compass', 'tokenizer', 'passed_at', 'monkey', 'option'])('%s does not', (name) => {
    expect(looksSecret(name)).toBe(false);
  });
});

describe('add, refresh and remove', () => {
  test('change nothing where nothing changes, and are recorded where something does', async () => {
    const { store, capture, connection } = await scene(USERS, {}, []);
    expect(await capture('users')).toMatchObject([{ changed: true, entry: expect.any(Number) }]);
    const before = connection.serialize();
    expect(await capture('users')).toMatchObject([{ changed: false, entry: null }]);
    expect(await store.refreshCaptures([], ACTOR)).toMatchObject([{ changed: false, entry: null }]);
    expect(connection.serialize().equals(before)).toBe(true);
    expect(await capture('users', { ignore: ['name'] })).toMatchObject([{ changed: true }]);
    expect(await store.removeCaptures(['users'], ACTOR)).toMatchObject([{ changed: true }]);
    expect(await store.removeCaptures(['users'], ACTOR)).toMatchObject([{ changed: false, entry: null }]);
    expect(await store.captures()).toEqual([]);
    expect(
      connection.prepare(`SELECT name FROM sqlite_schema WHERE tbl_name = 'users' AND type = 'trigger'`).all(),
    ).toEqual([]);
    expect(told(connection)).toEqual([
      ['capture_add', 'users', 'anna'],
      ['capture_add', 'users', 'anna'],
      ['capture_remove', 'users', 'anna'],
    ]);
  });

  test('the trail knows the spans, and so the gaps', async () => {
    const { store, capture, connection } = await scene(USERS);
    connection.exec('DELETE FROM users WHERE id = 1');
    await store.removeCaptures(['users'], ACTOR);
    connection.exec('DELETE FROM users WHERE id = 2');
    await capture('users');
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete; DELETE FROM users');
    await store.refreshCaptures(['users'], ACTOR);
    const [users] = await store.captures();
    expect(users?.spans.map(({ ended }) => ended)).toEqual(['removed', 'gap', null]);
    const [first, second, third] = users?.spans ?? [];
    expect(first).toMatchObject({ untilSeq: expect.any(Number) });
    expect(second?.sinceSeq).toBeGreaterThan(first?.untilSeq ?? Infinity);
    expect(third?.sinceSeq).toBeGreaterThan(second?.untilSeq ?? Infinity);
    expect(captured(connection)).toMatchObject([{ id: '1' }]);
  });

  test('a gap begins behind what was captured here, whatever was copied in from elsewhere since', async () => {
    const { store, connection, lastSeq } = await scene(USERS);
    connection.exec('DELETE FROM users WHERE id = 1');
    const untilSeq = lastSeq();
    const ts = '2099-01-01T00:00:00.000Z';
    const copy = { ts, action: 'update', entity_type: 'users', entity_id: '2', metadata: '{"table":"users"}' };
    await recordAll(store, [
      { ...copy, source: 'the other database' },
      { ...copy, recorded_at: '2026-03-05T12:00:00.000Z' },
    ]);
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete; DELETE FROM users');
    await store.refreshCaptures(['users'], ACTOR);
    expect((await store.captureHistory('users'))?.spans).toMatchObject([{ untilSeq, ended: 'gap' }, { ended: null }]);
  });

  test('adding again is a gap where changes went unseen, and none where a trigger only runs too early', async () => {
    const { store, capture, connection } = await scene(USERS);
    const endings = async (): Promise<unknown> => (await store.captures())[0]?.spans.map(({ ended }) => ended);
    connection.exec('CREATE TRIGGER later AFTER UPDATE ON users BEGIN SELECT 1; END');
    expect((await store.captures())[0]?.problem).toMatch(/run before it \(later\)/);
    expect(await capture('users')).toMatchObject([{ changed: true }]);
    expect((await store.captures())[0]?.problem).toBeNull();
    expect(await endings()).toEqual([null]);
    connection.exec('DROP TRIGGER daybook_capture_users_after_delete');
    expect(await capture('users')).toMatchObject([{ changed: true }]);
    expect(await endings()).toEqual(['gap', null]);
  });

  test('a note from before a removal says nothing after it', async () => {
    const { store, capture, connection } = await scene(USERS);
    connection.exec(
      `INSERT OR IGNORE INTO users (id) VALUES (1); UPDATE OR IGNORE users SET email = 'ana@x' WHERE id = 2`,
    );
    await store.removeCaptures(['users'], ACTOR);
    connection.exec('DELETE FROM users WHERE id = 1');
    await capture('users');
    connection.exec(`UPDATE users SET name = 'x' WHERE id = 2; UPDATE users SET email = 'y' WHERE id = 2`);
    expect(captured(connection)).toMatchObject([
      { action: 'update', id: '2' },
      { action: 'update', id: '2' },
    ]);
  });
});
