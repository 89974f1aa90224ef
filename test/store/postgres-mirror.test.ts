import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { newEntry } from '../../src/core/entry.js';
import { DEFAULT_TEMPLATE, TEMPLATE_FIELDS } from '../../src/core/mirror.js';
import type { AddedMirror, MirrorSettings } from '../../src/core/mirror.js';
import { checkMirrors } from '../../src/operations/mirror.js';
import { NOTHING_ASKED, postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { HAS_POSTGRES } from './postgres-trail.js';
import { ACTOR, recordAll, sqliteTrail } from './trail.js';

const SETTINGS: MirrorSettings = {
  entityType: 'settlement',
  key: 'id',
  latest: 3,
  template: '{actor}: {text}',
  separator: '\n',
  reverted: 'omit',
  maxLength: null,
};

let scene: PostgresScene;

beforeEach(async () => {
  if (!HAS_POSTGRES) return;
  scene = await postgresScene();
  await scene.app.query(`CREATE TABLE settlements (id int PRIMARY KEY, notes text, state text);
    INSERT INTO settlements (id) VALUES (1), (2), (7)`);
});

afterEach(async () => {
  if (HAS_POSTGRES) await scene.close();
});

const add = (settings: Partial<MirrorSettings> = {}, table = 'settlements', mayReplace = 0): Promise<AddedMirror> =>
  scene.store.addMirror({ table, column: 'notes', settings: { ...SETTINGS, ...settings } }, mayReplace, ACTOR);

const notes = async (table = 'settlements'): Promise<unknown> => {
  const { rows } = await scene.app.query<{ id: string; notes: string | null }>(
    `SELECT id::text, notes FROM ${table} ORDER BY id`,
  );
  return Object.fromEntries(rows.map(({ id, notes: held }) => [id, held]));
};

/** SQL that records an entry, as an application does. */
const insert = (id: string, message: string, more: Readonly<Record<string, string>> = {}): string => {
  const fields = { action: 'note', actor: 'ana', entity_type: 'settlement', entity_id: id, message, ...more };
  return `INSERT INTO daybook.daybook_entries (${Object.keys(fields).join(', ')}) VALUES (${Object.values(fields)
    .map((value) => `'${value}'`)
    .join(', ')})`;
};

const check = async (): Promise<unknown[]> => {
  const found: unknown[] = [];
  for await (const { kind, entity, problem } of checkMirrors(scene.store, [])) found.push([kind, entity ?? problem]);
  return found;
};

async function another(): Promise<Client> {
  const client = new Client({ connectionString: scene.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

describe.skipIf(!HAS_POSTGRES)('a mirror in PostgreSQL', () => {
  test('shows an entry in its row, newest first, backdated ones in their place, none beyond the latest', async () => {
    await add();
    await scene.app.query(
      [
        insert('1', 'second', { ts: '2026-03-05T10:00:00.000Z' }),
        insert('1', 'third', { ts: '2026-03-05T12:00:00.000Z' }),
        insert('1', 'first', { ts: '2026-03-05T09:00:00.000Z' }),
        insert('1', 'beyond', { ts: '2026-03-05T08:00:00.000Z' }),
        ...['07', '99', 'x', '-0', '99999999999999999999', '9223372036854775808', ''].map((id) => insert(id, 'no row')),
        insert('7', 'of another type', { entity_type: 'machine' }),
      ].join(';'),
    );
    await scene.app.query(`BEGIN; ${insert('2', 'never was')}; ROLLBACK`);
    expect(await notes()).toEqual({ 1: 'ana: third\nana: second\nana: first', 2: null, 7: null });
    await scene.app.query(
      `SET session_replication_role = replica; ${insert('7', 'seven')}; RESET session_replication_role`,
    );
    expect(await notes()).toMatchObject({ 7: 'ana: seven' });
    expect(await check()).toEqual([]);
  });

  test.each(['omit', 'mark'] as const)('follows what is taken back, and taken back again (%s)', async (reverted) => {
    await add({ reverted });
    const mark = reverted === 'mark';
    await scene.app.query(insert('1', 'a', { id: 'e1', ts: '2026-03-05T08:00:00.000Z' }));
    const undo = (id: string, of: string, at: string): Promise<unknown> =>
      scene.app.query(insert('', `undo ${of}`, { id, reverts: of, entity_type: 'other', ts: at }));
    await undo('e2', 'e1', '2026-03-05T09:00:00.000Z');
    expect(await notes()).toMatchObject({ 1: mark ? '[reverted] ana: a' : null });
    await undo('e3', 'e2', '2026-03-05T10:00:00.000Z');
    expect(await notes()).toMatchObject({ 1: 'ana: a' });
    await undo('e4', 'e3', '2026-03-05T11:00:00.000Z');
    expect(await notes()).toMatchObject({ 1: mark ? '[reverted] ana: a' : null });
    expect(await check()).toEqual([]);
  });

  test('locks the row before it is changed, so that two who record at once are both shown', async () => {
    await add();
    const [one, other] = [await another(), await another()];
    await one.query(`BEGIN; ${insert('1', 'one')}`);
    let done = false;
    const waiting = other.query(insert('1', 'other')).then(() => (done = true));
    await expect
      .poll(async () => {
        const { rows } = await scene.app.query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows[0]?.n;
      })
      .toBe(1);
    expect(done).toBe(false);
    await one.query('COMMIT');
    await waiting;
    expect(await notes()).toMatchObject({ 1: 'ana: other\nana: one' });
    expect(await check()).toEqual([]);
  });

  test('fills, replaces as far as may be, keeps, and is an entry; the same again is none', async () => {
    await scene.app.query(`UPDATE settlements SET notes = 'by hand' WHERE id > 1`);
    for (const id of ['1', '2']) await scene.app.query(insert(id, 'in'));
    await expect(add()).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('1 rows of') as string,
    });
    expect(await scene.store.mirrors()).toEqual([]);
    const counts = { same: 0, filled: 1, replaced: 1, kept: 1 };
    expect(await add({}, 'Settlements', 1)).toMatchObject({ table: 'settlements', changed: true, ...counts });
    expect(await notes()).toEqual({ 1: 'ana: in', 2: 'ana: in', 7: 'by hand' });
    expect(await add()).toMatchObject({ changed: false, entry: null });
    expect(await check()).toEqual([['unrecorded', 'settlement:7']]);
    expect(await add({ latest: 1, maxLength: 4 }, 'settlements', 2)).toMatchObject({ changed: true, replaced: 2 });
    expect(await notes()).toMatchObject({ 1: 'ana…' });
    const told = await scene.entriesOf('mirror');
    expect(told.map(({ action, changed_fields: fields }) => [action, fields])).toEqual([
      ['mirror_add', null],
      ['mirror_add', '["latest","max_length"]'],
    ]);
    await scene.app.query(`UPDATE settlements SET notes = 'by hand' WHERE id = 1`);
    expect(await check()).toContainEqual(['differs', 'settlement:1']);
    const name = { table: 'settlements', column: 'notes' };
    expect(await scene.store.removeMirror(name, ACTOR)).toMatchObject({ changed: true });
    expect(await scene.store.removeMirror(name, ACTOR)).toMatchObject({ changed: false });
    await scene.app.query(insert('1', 'not shown'));
    expect(await notes()).toMatchObject({ 1: 'by hand' });
    await expect(scene.store.removeMirror({ table: 'nothing', column: 'x' }, ACTOR)).rejects.toMatchObject({
      kind: 'missing',
    });
    expect((await scene.app.query(`SELECT FROM pg_proc WHERE proname LIKE 'daybook_mirror%'`)).rowCount).toBe(0);
  });

  test('finds rows by whole numbers, texts and uuids, in other schemas, partitions and tables with odd names', async () => {
    const uuid = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
    await scene.app.query(`CREATE SCHEMA app;
      CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
      CREATE TABLE app.small (id smallint PRIMARY KEY, notes varchar(40)); INSERT INTO app.small VALUES (1);
      CREATE TABLE big (id bigint UNIQUE, notes text NOT NULL DEFAULT ''); INSERT INTO big VALUES (9007199254740993);
      CREATE TABLE "Odd ""t" (id text COLLATE blind PRIMARY KEY, notes text, v_id text, v_key text); INSERT INTO "Odd ""t" VALUES ('A');
      CREATE TABLE ids (id uuid PRIMARY KEY, notes text); INSERT INTO ids VALUES ('${uuid}');
      CREATE TABLE parts (id int PRIMARY KEY, notes text) PARTITION BY RANGE (id);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT INTO parts VALUES (1)`);
    const cases: readonly (readonly [table: string, id: string, others: readonly string[]])[] = [
      ['app.small', '1', ['01', '70000']],
      ['big', '9007199254740993', ['9007199254740992']],
      ['Odd "t', 'A', ['a']],
      ['ids', uuid, [uuid.toUpperCase(), 'x']],
      ['parts', '1', ['2']],
    ];
    for (const [table, id, others] of cases) {
      await add({ entityType: table }, table);
      for (const one of [...others, id]) await scene.app.query(insert(one, `to ${one}`, { entity_type: table }));
      const quoted = table.startsWith('app.') ? table : `"${table.replaceAll('"', '""')}"`;
      expect(await notes(quoted)).toEqual({ [id]: `ana: to ${id}` });
    }
    expect(await check()).toEqual([]);
    expect(await scene.store.removeMirror({ table: 'app', column: 'small.notes' }, ACTOR)).toMatchObject({
      changed: true,
    });
  });

  test('shows what a mirror in SQLite shows, of every part of a template', async () => {
    const template = [
      ...TEMPLATE_FIELDS.filter((field) => field !== 'seq' && field !== 'id'),
      'meta:a',
      'meta:b.0',
      'meta:c',
      'meta:d',
    ]
      .map((field) => `${field}={${field}}`)
      .join('|');
    const settings = { ...SETTINGS, template: `it''s \\n? {{${template}}}`, separator: " '\\? " };
    const entries = [
      newEntry({
        action: 'note',
        actor: 'ana',
        entity_type: 'settlement',
        entity_id: '1',
        ts: '2026-03-05T14:07:09.123Z',
        recorded_at: '2026-03-06T00:00:00.000Z',
        metadata: '{"a":"x\\"","b":[1.50],"c":null,"d":{"e":1},"reason":"why?"}',
      }),
      newEntry({
        action: 'paid',
        actor: 'u',
        actor_name: 'Uli',
        entity_type: 'settlement',
        entity_id: '1',
        ts: '1969-12-31T23:59:59.999Z',
        message: 'in',
      }),
    ];
    const { trail, store: sqlite } = await sqliteTrail();
    trail
      .plain()
      .exec('CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT); INSERT INTO settlements VALUES (1, NULL)');
    for (const store of [sqlite, scene.store]) {
      await store.addMirror({ table: 'settlements', column: 'notes', settings }, 0, ACTOR);
      await recordAll(store, entries);
    }
    const [shown] = trail.plain().prepare<[], string>('SELECT notes FROM settlements').pluck().all();
    expect(shown).toContain('reason=why?');
    expect(await notes()).toMatchObject({ 1: shown });
  });

  test('lets the triggers of the application run by their own names, and records for a role without rights', async () => {
    await scene.app.query(`CREATE TABLE seen (id int);
      CREATE FUNCTION note_seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (NEW.id); RETURN NEW; END';
      CREATE TRIGGER t BEFORE UPDATE ON settlements FOR EACH ROW EXECUTE FUNCTION note_seen();
      DROP ROLE IF EXISTS recorder; CREATE ROLE recorder; GRANT USAGE ON SCHEMA daybook TO recorder;
      GRANT INSERT (action, actor, entity_type, entity_id, message) ON daybook.daybook_entries TO recorder`);
    await add();
    await scene.app.query(
      `SET ROLE recorder; ${insert('1', 'shown')}; RESET ROLE; DROP OWNED BY recorder; DROP ROLE recorder`,
    );
    expect(await notes()).toMatchObject({ 1: 'ana: shown' });
    expect((await scene.app.query('SELECT id FROM seen')).rows).toEqual([{ id: 1 }]);
  });

  test('commits with its entry or not at all', async () => {
    await scene.app.query(`ALTER TABLE settlements ADD CHECK (length(notes) < 12)`);
    await add();
    await expect(scene.app.query(insert('1', 'much too long'))).rejects.toThrow('violates check constraint');
    await scene.app.query(insert('1', 'short'));
    expect(await scene.told('settlement')).toEqual(['note 1']);
    await expect(add({ template: 'much too long {text}' }, 'settlements', 9)).rejects.toMatchObject({
      kind: 'refused',
    });
    expect(await notes()).toMatchObject({ 1: 'ana: short' });
  });

  test.each([
    ['no such table', 'SELECT 1', 'nothing', {}, 'there is no table nothing'],
    ['a view', 'CREATE VIEW v AS SELECT 1 AS id, 2 AS notes', 'v', {}, 'v is a view'],
    ['another type', 'CREATE TABLE c (id int PRIMARY KEY, notes int)', 'c', {}, 'it is declared integer'],
    [
      'a computed column',
      `CREATE TABLE c (id int PRIMARY KEY, notes text GENERATED ALWAYS AS ('x') STORED)`,
      'c',
      {},
      'computed',
    ],
    ['a unique column', 'CREATE TABLE c (id int PRIMARY KEY, notes text UNIQUE)', 'c', {}, 'no two rows'],
    [
      'one that refers',
      'CREATE TABLE p (k text PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, notes text REFERENCES p)',
      'c',
      {},
      'refers to',
    ],
    ['a key without an index', 'CREATE TABLE c (id int, notes text)', 'c', {}, 'no unique index'],
    ['a key of another type', 'CREATE TABLE c (id numeric PRIMARY KEY, notes text)', 'c', {}, 'which is numeric'],
    ['no such key', 'SELECT 1', 'settlements', { key: 'x' }, '--key: settlements has no column x'],
    ['the key itself', 'CREATE TABLE c (notes text PRIMARY KEY)', 'c', { key: 'notes' }, 'it is the key'],
    [
      'a table of somebody else',
      'DROP ROLE IF EXISTS els; CREATE ROLE els; CREATE TABLE c (id int PRIMARY KEY, notes text); ALTER TABLE c OWNER TO els',
      'c',
      {},
      'belongs to els',
    ],
  ])('is refused for %s', async (_what, sql, table, settings, message) => {
    await scene.app.query(sql);
    await expect(add(settings, table)).rejects.toThrow(message);
    await scene.app.query(`DROP OWNED BY els; DROP ROLE els`).catch(() => undefined);
  });

  test('and capture of its table need the column to be ignored', async () => {
    await scene.store.addCaptures(['settlements'], NOTHING_ASKED, ACTOR);
    await expect(add()).rejects.toThrow('let capture ignore notes first');
    await scene.store.addCaptures(['settlements'], { ...NOTHING_ASKED, ignore: ['notes'] }, ACTOR);
    await add({ template: DEFAULT_TEMPLATE });
    await expect(scene.store.addCaptures(['settlements'], NOTHING_ASKED, ACTOR)).rejects.toThrow(
      'put it under --ignore',
    );
    await scene.app.query(insert('1', 'in'));
    expect(await scene.told('settlements')).toEqual([]);
  });

  test.each([
    ['ALTER TABLE daybook.daybook_entries DISABLE TRIGGER daybook_mirror_1', 'has a trigger that was changed', null],
    ['DROP TRIGGER daybook_mirror_1 ON daybook.daybook_entries', 'lacks its trigger, so entries are not shown', null],
    [
      `CREATE OR REPLACE FUNCTION daybook.daybook_mirror_1_text(v_id text) RETURNS text LANGUAGE sql AS 'SELECT v_id'`,
      'has a trigger that was changed',
      null,
    ],
    [
      'ALTER TABLE settlements RENAME COLUMN notes TO comments',
      'is no longer a column that can show entries: its table was dropped, renamed or changed; recording may fail until the mirror is removed',
      'column "notes" of relation "settlements" does not exist',
    ],
    [
      'DROP TABLE settlements',
      'is no longer a column that can show entries: its table was dropped, renamed or changed; recording may fail until the mirror is removed',
      'relation "public.settlements" does not exist',
    ],
  ])('is told to be broken after %s', async (sql, problem, failure) => {
    await add();
    expect(await check()).toEqual([]);
    await scene.app.query(sql);
    expect((await scene.store.mirrors()).map((mirror) => mirror.problem)).toEqual([problem]);
    expect(await check()).toEqual([['broken', problem]]);
    if (failure !== null) await expect(scene.app.query(insert('1', 'x'))).rejects.toThrow(failure);
    expect(await scene.store.foreignTriggers()).toEqual([]);
    await scene.store.removeMirror({ table: 'settlements', column: 'notes' }, ACTOR);
    await scene.app.query(insert('1', 'x'));
    expect(await scene.store.mirrors()).toEqual([]);
  });
});
