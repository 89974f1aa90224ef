import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { HistoryEntry } from '../../src/core/entry.js';
import { ENTRY_FIELDS, newEntry } from '../../src/core/entry.js';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { describeStore } from './conformance/index.js';
import {
  ACTOR,
  carryOut,
  intentOf,
  makeSqliteTrail,
  NOW,
  numbered,
  planOf,
  readAll,
  recordAll,
  rule,
  sqliteTrail,
} from './trail.js';
import { markOf } from '../../src/store/sqlite/engine/marks.js';

describeStore('the SQLite store', makeSqliteTrail);

test('a mark is the last seq, and who looks is told that somebody else has written', async () => {
  const { trail, store } = await sqliteTrail();
  const other = await trail.open();
  expect(await other.mark()).toBe(markOf(0));
  expect(await other.othersHaveWritten()).toBe(false);
  await recordAll(store, [{}]);
  expect(await other.extent({})).toEqual({ upTo: markOf(1), count: 1, lastSeq: 1 });
  expect(await other.othersHaveWritten()).toBe(true);
  expect(await other.othersHaveWritten()).toBe(false);
  expect(await store.beginCheckpoint('nightly', 'question', {}, markOf(1))).toMatchObject({ mark: '0' });
  expect(await store.facts(NOW)).toMatchObject({ own: true });
});

describe('names in reports', () => {
  test('come from entries first, and else from the directory', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, [
      { actor: 'u-1', actor_name: 'Anna then' },
      { actor: 'u-1' },
      { actor: 'u-2' },
      { actor: 'u-3' },
    ]);
    trail.plain().exec(`INSERT INTO daybook_actors (actor, name) VALUES ('u-1', 'Anna'), ('u-2', 'Bob')`);
    const { groups } = await store.groups({ filter: {}, by: ['actor'], limit: 9 });
    expect(groups.map(({ keys, names: [name] }) => [keys[0], name])).toEqual([
      ['u-1', 'Anna then'],
      ['u-2', 'Bob'],
      ['u-3', null],
    ]);
    const { bursts } = await store.bursts({ filter: {}, window: 1000, moreThan: 0, limit: 9 });
    expect(bursts.map(({ actor, name }) => [actor, name])).toEqual([
      ['u-1', 'Anna then'],
      ['u-2', 'Bob'],
      ['u-3', null],
    ]);
  });
});

describe('what other programs stored', () => {
  test('as text that is not UTF-8 leaves as valid JSON', async () => {
    const { trail, store } = await sqliteTrail();
    const connection = trail.plain();
    // A lone continuation byte, a sequence that breaks off before the quote, and one that codes a surrogate.
    connection.exec(`INSERT INTO daybook_entries (action, message, actor, metadata) VALUES
      ('x', CAST(x'61ff62' AS TEXT), CAST(x'e282' AS TEXT), CAST(x'7b2261223a22e2227d' AS TEXT)),
      ('x', CAST(x'eda080' AS TEXT), 'é', '{}')`);
    const page = await store.lines({ filter: {}, order: 'oldest', limit: 10, upTo: markOf(2) }, ENTRY_FIELDS);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(page.lines);
    const [first, second] = text
      .split('\n')
      .map((line) => (line === '' ? undefined : (JSON.parse(line) as HistoryEntry)));
    expect(first).toMatchObject({ message: 'a\ufffdb', actor: '\ufffd', metadata: { a: '\ufffd' } });
    expect(second?.actor).toBe('é');
    const { entries } = await store.page({ filter: {}, order: 'oldest', limit: 10, upTo: markOf(2) });
    expect(entries[0]?.message).toBe('a\ufffdb');
    expect(entries.every((entry) => entry.message.isWellFormed())).toBe(true);
  });

  test.each([
    ['text that is not UTF-8', "CAST(x'61ff62' AS TEXT)"],
    ['text that breaks off before a mark', "CAST(x'e282' AS TEXT)"],
    ['a very long text', "printf('%.*c', 65536, 'x')"],
  ])('as %s is there as rows, and not as fields', async (_, message) => {
    const { trail, store } = await sqliteTrail();
    trail.plain().exec(`INSERT INTO daybook_entries (action, message) VALUES ('x', 'fine'), ('x', ${message})`);
    const query = { filter: {}, order: 'oldest', limit: 10 } as const;
    expect(await store.fields({ ...query, upTo: markOf(1) }, ['message'])).toMatchObject({ count: 1, next: null });
    expect(await store.fields({ ...query, upTo: markOf(2) }, ['message'])).toBeNull();
    expect((await store.rows({ ...query, upTo: markOf(2) }, ['message'])).rows).toHaveLength(2);
  });

  test.each(['UTF-16le', 'UTF-16be'])(
    'in %s is there as rows and as lines of UTF-8, and not as fields',
    async (encoding) => {
      const { trail } = await sqliteTrail();
      const file = path.join(trail.directory, 'wide.db');
      const connection = new Database(file);
      connection.exec(`PRAGMA encoding = '${encoding}'; CREATE TABLE app (x)`);
      connection.close();
      initialize({ path: file, alongside: true, busyTimeout: 50, clock: () => NOW, actor: ACTOR });
      const presence = { host: 'here', pid: 1, lives: () => true };
      const wide = openSqlite({ path: file, readonly: false, busyTimeout: 50, clock: () => NOW, presence });
      onTestFinished(() => wide.close());
      const query = { filter: {}, order: 'oldest', limit: 10, upTo: markOf(10) } as const;
      const linesOf = async (): Promise<string> =>
        new TextDecoder('utf-8', { fatal: true }).decode(
          (await wide.lines(query, ['seq', 'message', 'metadata'])).lines,
        );
      expect(await linesOf()).toBe('');
      await recordAll(wide, [{ message: 'fine' }, { message: 'é 日本 😀', metadata: '{"名":1}' }]);
      expect((await wide.rows(query, ['message'])).rows).toEqual([['fine'], ['é 日本 😀']]);
      expect(await linesOf()).toBe(
        '{"seq":1,"message":"fine","metadata":{}}\n{"seq":2,"message":"é 日本 😀","metadata":{"名":1}}\n',
      );
      expect(await wide.fields(query, ['message'])).toBeNull();
    },
  );

  test('in a pretty form is one line of JSON', async () => {
    const { trail, store } = await sqliteTrail();
    trail.plain().prepare('INSERT INTO daybook_entries (action, metadata) VALUES (?, ?)').run('x', '{\n  "a": 1\r\n}');
    const page = await store.lines({ filter: {}, order: 'oldest', limit: 10, upTo: markOf(1) }, ['seq', 'metadata']);
    expect(Buffer.from(page.lines).toString()).toMatch(/^\{"seq":1,"metadata":\{ +"a": 1 +\}\}\n$/);
  });
});

describe('the file', () => {
  test('gets its space back from a prune in slices, where it is ours alone', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(2000, { message: 'x'.repeat(500) }));
    await carryOut(store, await planOf(store, rule({ before: NOW + 1 })), 5000);
    const before = (await store.facts(NOW)).bytes;
    expect(before.free).toBeGreaterThan(500_000);
    const first = await store.giveBackSpace(16);
    expect(first).toBe(16 * 4096);
    let freed = first;
    for (let slice = -1; slice !== 0; freed += slice) slice = await store.giveBackSpace(1000);
    await store.upkeep();
    const after = (await store.facts(NOW)).bytes;
    expect(after.free).toBe(0);
    expect(freed).toBe(before.free);
    expect(after.file).toBeLessThan(before.free ?? 0);
    expect(await readAll(store)).toHaveLength(1);
    trail.plain().exec('CREATE TABLE application (x)');
    expect(await store.giveBackSpace(16)).toBe(0);
  });

  test('is copied whole beside a writer', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(500));
    const target = path.join(trail.directory, 'copy.db');
    writeFileSync(target, '');
    const copying = store.backup(target);
    await recordAll(await trail.open(), [{}]);
    await copying;
    const copy = new Database(target, { readonly: true });
    onTestFinished(() => {
      copy.close();
    });
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(copy.prepare('SELECT count(*) FROM daybook_entries').pluck().get()).toBeGreaterThanOrEqual(500);
    const nowhere = store.backup(path.join(trail.directory, 'none', 'copy.db'));
    await expect(nowhere).rejects.toMatchObject({ kind: 'missing' });
  });
});

describe('settings that nobody can read', () => {
  test('stop what would go by them, and nothing else', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(2));
    trail.plain().exec(`
      INSERT INTO daybook_retention VALUES ('odd', '{"colour":["red"]}', '1d', NULL);
      INSERT INTO daybook_checkpoints (name, question, filter) VALUES ('odd', '', 'not json');
    `);
    await expect(store.policies()).rejects.toMatchObject({ kind: 'refused' });
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    expect(await carryOut(store, plan)).toMatchObject({ deleted: 2 });
  });

  test('entries that fall while a prune runs, and not by it, end it', async () => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(4));
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    const prune = await store.openPrune(intentOf(plan));
    const connection = trail.plain();
    // Somebody who means it gets past every guard; what he leaves must not be taken for ours.
    connection.exec(`CREATE TRIGGER daybook_test AFTER UPDATE OF deleting ON daybook_prunes WHEN NEW.deleting = 1
      BEGIN DELETE FROM daybook_entries WHERE seq = 2; END`);
    await expect(store.deleteBatch(prune, plan, undefined, 10)).rejects.toMatchObject({ kind: 'failed' });
    expect(await store.extent({})).toMatchObject({ count: 4 });
  });
});

describe("an application's triggers on the trail", () => {
  const many = numbered(20, (index) => ({ id: `id ${index}` }));

  test('see every entry of many, in order', async () => {
    const { trail, store } = await sqliteTrail();
    const application = trail.plain();
    application.exec(`CREATE TABLE seen (message TEXT);
      CREATE TRIGGER seen_entries AFTER INSERT ON daybook_entries
      BEGIN INSERT INTO seen (message) VALUES (NEW.message); END`);
    await recordAll(store, many);
    // With one there already, and one twice, in the same call.
    await recordAll(store, [...many.slice(10), { id: 'new', message: 'new' }, { id: 'new', message: 'new' }]);
    const seen = application.prepare('SELECT message FROM seen ORDER BY rowid').pluck().all();
    expect(seen).toEqual([...many.map(({ message }) => message), 'new']);
  });

  const ON_ENTRIES = "AFTER INSERT ON Daybook_Entries WHEN NEW.message = 'number 12'";
  const onNotes = `CREATE TRIGGER no_12 AFTER UPDATE ON notes WHEN OLD.id = 12`;
  const places: Record<string, { readonly trigger: string; readonly mirrored?: true; readonly first?: string }> = {
    'on the entries': { trigger: `CREATE TRIGGER no_12 ${ON_ENTRIES}` },
    'on the entries, under a name like ours': { trigger: `CREATE TRIGGER daybook_no_12 ${ON_ENTRIES}` },
    'on the entries, under the name of a guard': {
      first: 'DROP TRIGGER daybook_entries_append_only_insert;',
      trigger: `CREATE TRIGGER daybook_entries_append_only_insert ${ON_ENTRIES}`,
    },
    'on a table that mirrors them': { trigger: onNotes, mirrored: true },
  };
  const cases = Object.keys(places).flatMap((place) => ['ABORT', 'FAIL', 'ROLLBACK'].map((how) => ({ place, how })));

  test.each(cases)('$place that refuse one by $how refuse all of its call', async ({ place, how }) => {
    const scene = places[place] as (typeof places)[string];
    const { trail, store } = await sqliteTrail();
    const application = trail.plain();
    if (scene.mirrored === true) {
      application.exec(`CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
        WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20) INSERT INTO notes (id) SELECT id FROM n`);
      const settings = { entityType: 'note', key: 'id', latest: 3, template: '{text}', separator: ' ' };
      await store.addMirror(
        { table: 'notes', column: 'text', settings: { ...settings, reverted: 'omit', maxLength: null } },
        0,
        ACTOR,
      );
    }
    application.exec(`${scene.first ?? ''} ${scene.trigger} BEGIN SELECT RAISE(${how}, 'not this one'); END`);
    const before = await readAll(store);
    const refused = { kind: 'data', message: 'not this one' };
    const fields = numbered(20, (index) => ({ entity_type: 'note', entity_id: String(index + 1) }));
    for (const withIds of [true, false]) {
      const list = fields.map((each, index) => ({ ...each, id: withIds ? `id ${index}` : null }));
      await expect(recordAll(store, list)).rejects.toMatchObject(refused);
      const batch = list.map((each) => ({ entry: newEntry({ action: 'update', ...each }), given: [] }));
      for (const durable of [true, false]) {
        await expect(store.recordOneOfMany(batch, { durable })).rejects.toMatchObject(refused);
        expect(await readAll(store)).toEqual(before);
      }
    }
    await recordAll(store, fields.slice(0, 10));
    expect(await readAll(store)).toHaveLength(before.length + 10);
  });

  test('that pass over one fail all of its call', async () => {
    const { trail, store } = await sqliteTrail();
    trail.plain().exec(`CREATE TRIGGER daybook_no_12 BEFORE INSERT ON daybook_entries WHEN NEW.message = 'number 12'
      BEGIN SELECT RAISE(IGNORE); END`);
    const batch = many.map((fields) => ({ entry: newEntry({ action: 'update', ...fields }), given: [] }));
    await expect(store.recordOneOfMany(batch)).rejects.toMatchObject({ kind: 'failed' });
    expect(await readAll(store)).toEqual([]);
  });
});

describe('a batch of many', () => {
  const batchOf = (prefix: string | null) =>
    numbered(20, (index) => ({ id: prefix === null ? null : `${prefix} ${index}` })).map((fields) => ({
      entry: newEntry({ action: 'update', ...fields }),
      given: [],
    }));

  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([
    [true, ['wal_autocheckpoint = 8000', 'wal_autocheckpoint = 1000']],
    [false, ['synchronous = NORMAL', 'wal_autocheckpoint = 0', 'wal_autocheckpoint = 1000', 'synchronous = FULL']],
  ])('is one statement without a transaction around it, and waits for the disk: %s', async (durable, settings) => {
    const { store } = await sqliteTrail();
    const pragma = vi.spyOn(Database.prototype, 'pragma');
    const transaction = vi.spyOn(Database.prototype, 'transaction');
    await store.recordOneOfMany(batchOf('id'), { durable });
    await store.recordOneOfMany(batchOf(null), { durable });
    expect(pragma.mock.calls.map(([text]) => text).filter((text) => text.includes('='))).toEqual([
      ...settings,
      ...settings,
    ]);
    expect(transaction).not.toHaveBeenCalled();
    expect((await store.extent({})).lastSeq).toBe(40);
    // One that is there already takes more than that.
    await store.recordOneOfMany(batchOf('id'), { durable });
    expect(transaction).toHaveBeenCalled();
    expect((await store.extent({})).lastSeq).toBe(40);
  });

  test.each([true, false])('settles first what others left behind, durable: %s', async (durable) => {
    const { trail, store } = await sqliteTrail();
    await recordAll(store, numbered(3));
    const plan = await planOf(store, rule({ before: NOW + 1 }));
    await store.deleteBatch(await store.openPrune(intentOf(plan)), plan, undefined, 2);
    const application = trail.plain();
    application.pragma('foreign_keys = OFF');
    application.exec("INSERT INTO daybook_context (actor) VALUES ('mod')");
    const other = await trail.open({ presence: { host: 'here', pid: 2, lives: () => false } });
    await other.recordOneOfMany(batchOf('id'), { durable });
    const actions = (await readAll(other, { order: 'recorded' })).map(({ action }) => action);
    expect(actions).toEqual(['update', 'prune', 'context_clear', ...batchOf('id').map(() => 'update')]);
  });
});

test('a field of 100,000 values is listed, and one of more is not', async () => {
  const { trail, store } = await sqliteTrail();
  const connection = trail.plain();
  connection.exec(`INSERT INTO daybook_entries (action, message)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100001) SELECT 'a', i FROM n`);
  await expect(store.values('message', {})).rejects.toMatchObject({
    kind: 'data',
    message: 'message has too many values to list, more than 100000: ask with filters, or export them',
    hint: 'daybook export --format csv --columns message',
  });
  expect(await store.values('message', { not: { search: '100001' } })).toHaveLength(100_000);
  expect(await store.values('action', {})).toEqual([{ value: 'a', count: 100_001 }]);
});
