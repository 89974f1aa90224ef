import { execFileSync } from 'node:child_process';
import type Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CaptureRequest } from '../../src/core/capture.js';
import { parseDuration } from '../../src/core/duration.js';
import type { HistoryEntry } from '../../src/core/entry.js';
import type { Filter } from '../../src/core/filter.js';
import { DEFAULT_TEMPLATE, readTemplate } from '../../src/core/mirror.js';
import type { AddedMirror, MirrorSettings } from '../../src/core/mirror.js';
import { checkMirrors } from '../../src/operations/mirror.js';
import type { MirrorDifference } from '../../src/operations/mirror.js';
import { executePrune, preparePrune } from '../../src/operations/prune.js';
import { status } from '../../src/operations/status.js';
import type { AuditStore, ExecuteRequest } from '../../src/store/audit-store.js';
import { mirrorTrigger, mirrorUpdates } from '../../src/store/sqlite/mirrors/rendering.js';
import { describeMirrored } from '../../src/store/sqlite/mirrors/column.js';
import { entries as drawnEntries } from './arbitraries.js';
import { ACTOR, lastSeq, makeSqliteTrail, NOW, readAll, recordAll, sqliteTrail } from './trail.js';
import { PROGRAMS } from './writing-programs.js';

const SETTINGS: MirrorSettings = {
  entityType: 'settlement',
  key: 'id',
  latest: 3,
  template: '{actor}: {text}',
  separator: '\n',
  reverted: 'omit',
  maxLength: null,
};

const SETTLEMENTS = `CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT, state TEXT);
INSERT INTO settlements (id) VALUES (1), (2), (7);`;

const CAPTURE: CaptureRequest = {
  entityType: null,
  scope: null,
  actorColumn: null,
  nameColumn: null,
  ignore: [],
  redact: [],
  keep: [],
  json: [],
  requireActor: false,
};

interface Scene {
  readonly file: string;
  readonly store: AuditStore;
  readonly app: Database.Database;
  add(settings?: Partial<MirrorSettings>, mayReplace?: number): Promise<AddedMirror>;
  /** What the rows hold, by their key. */
  notes(): Record<string, string | null>;
  /** Records with plain SQL, as an application does. */
  insert(id: string, message: string, more?: Readonly<Record<string, string>>): void;
  check(): Promise<MirrorDifference[]>;
}

/** A trail beside a table, of which one column is yet to be mirrored. */
async function scene(schema = SETTLEMENTS, table = 'settlements', column = 'notes', key = 'id'): Promise<Scene> {
  const { trail, store } = await sqliteTrail();
  const app = trail.plain();
  app.exec(schema);
  const name = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  return {
    file: trail.path,
    store,
    app,
    add: (settings = {}, mayReplace = 0) =>
      store.addMirror({ table, column, settings: { ...SETTINGS, key, ...settings } }, mayReplace, ACTOR),
    notes: () =>
      Object.fromEntries(
        app
          .prepare<[], [string, string | null]>(`SELECT ${name(key)}, ${name(column)} FROM ${name(table)}`)
          .raw()
          .all(),
      ),
    insert: (id, message, more = {}) => {
      const fields = { action: 'note', actor: 'ana', entity_type: 'settlement', entity_id: id, message, ...more };
      app
        .prepare(
          `INSERT INTO daybook_entries (${Object.keys(fields).join(', ')}) VALUES (${Object.keys(fields)
            .map(() => '?')
            .join(', ')})`,
        )
        .run(...Object.values(fields));
    },
    check: () => checked(store),
  };
}

async function checked(store: AuditStore): Promise<MirrorDifference[]> {
  const found: MirrorDifference[] = [];
  for await (const difference of checkMirrors(store, [])) found.push(difference);
  return found;
}

describe.each(PROGRAMS)('an entry that %s records', (_name, run) => {
  test('is shown in its row, newest first, backdated ones in their place, none beyond the latest', async () => {
    const { file, add, notes, check } = await scene();
    await add();
    const insert = (id: string, ts: string, message: string): string =>
      `INSERT INTO daybook_entries (action, actor, entity_type, entity_id, ts, message) VALUES ('note', 'ana', 'settlement', '${id}', '${ts}', '${message}')`;
    const errors = run(file, [
      insert('1', '2026-03-05T10:00:00.000Z', 'second'),
      insert('1', '2026-03-05T12:00:00.000Z', 'third'),
      insert('1', '2026-03-05T09:00:00.000Z', 'first'),
      'BEGIN',
      insert('2', '2026-03-05T09:00:00.000Z', 'never was'),
      'ROLLBACK',
      insert('1', '2026-03-05T08:00:00.000Z', 'beyond'),
      insert('07', '2026-03-05T08:00:00.000Z', 'another id'),
      insert('99', '2026-03-05T08:00:00.000Z', 'no row'),
      `INSERT INTO daybook_entries (action, entity_type, entity_id) VALUES ('other', 'machine', '7')`,
    ]);
    expect(errors).toEqual(Array.from({ length: 10 }, () => null));
    expect(notes()).toEqual({ 1: 'ana: third\nana: second\nana: first', 2: null, 7: null });
    expect(await check()).toEqual([]);
  });

  test('leaves out what it takes back, and shows it again where that is taken back in turn', async () => {
    const { file, add, notes, check } = await scene();
    await add();
    const insert = (id: string, message: string, reverts = 'NULL'): string =>
      `INSERT INTO daybook_entries (id, action, actor, entity_type, entity_id, message, reverts) VALUES ('${id}', 'x', 'ana', 'settlement', '1', '${message}', ${reverts})`;
    expect(run(file, [insert('a', 'one'), insert('b', 'two'), insert('r', 'wrong', `'b'`)])).toEqual([
      null,
      null,
      null,
    ]);
    expect(notes()).toMatchObject({ 1: 'ana: one' });
    // What takes back a revert may be of no entity at all.
    expect(run(file, [`INSERT INTO daybook_entries (action, reverts) VALUES ('revert', 'r')`])).toEqual([null]);
    expect(notes()).toMatchObject({ 1: 'ana: two\nana: one' });
    expect(await check()).toEqual([]);
  });

  test('is not recorded where its row cannot show it', async () => {
    const { file, add, app, notes } = await scene(
      `CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT CHECK (length(notes) < 20)); INSERT INTO settlements (id) VALUES (1)`,
    );
    await add();
    const insert = (message: string): string =>
      `INSERT INTO daybook_entries (action, actor, entity_type, entity_id, message) VALUES ('note', 'ana', 'settlement', '1', '${message}')`;
    const [first, second] = run(file, [insert('short'), insert('longer than the column takes')]);
    expect(first).toBe(null);
    expect(second).toMatch(/CHECK constraint failed/);
    expect(notes()).toEqual({ 1: 'ana: short' });
    expect(app.prepare(`SELECT count(*) FROM daybook_entries WHERE action = 'note'`).pluck().get()).toBe(1);
  });
});

describe('keys', () => {
  test.each([
    ['a whole number', 'id INTEGER PRIMARY KEY', `(7), (8)`, '7', '07'],
    ['an INT beside the rowid', 'id INT NOT NULL UNIQUE', `(7), (8)`, '7', '7.0'],
    ['text', 'id TEXT PRIMARY KEY', `('a'), ('A')`, 'a', 'a '],
    ['text that is found whatever its case', 'id TEXT COLLATE NOCASE PRIMARY KEY', `('a'), ('b')`, 'a', 'A'],
    ['text with an index that folds', 'id TEXT, UNIQUE (id COLLATE NOCASE)', `('a'), ('b')`, 'a', 'A'],
    ['whatever comes', 'id PRIMARY KEY', `(7), ('8')`, '7', '07'],
    ['text, where whatever comes', 'id PRIMARY KEY', `('7'), (8)`, '7', '07'],
    ['a snowflake', 'id INTEGER PRIMARY KEY', `(9007199254740993), (1)`, '9007199254740993', '9007199254740992'],
    ['a number with another affinity', 'id NUMERIC UNIQUE', `(7), (8)`, '7', '7e0'],
  ])('%s', async (_words, declaration, values, id, other) => {
    const { app, add, insert, check } = await scene(
      `CREATE TABLE settlements (${declaration.replace('id ', 'id ').replace(/^(id [^,]*)/, '$1, notes TEXT')}); INSERT INTO settlements (id) VALUES ${values};`,
    );
    await add();
    insert(other, 'of another');
    insert(id, 'of this one');
    const held = app.prepare(`SELECT CAST(id AS TEXT) AS id, notes FROM settlements WHERE notes IS NOT NULL`).all();
    expect(held).toEqual([{ id, notes: 'ana: of this one' }]);
    expect(await check()).toEqual([]);
  });

  test('of a table WITHOUT ROWID, with names that are not simple, that another table of a trigger has, too', async () => {
    const table = 'daybook line" r';
    const { app, add, insert, notes, check } = await scene(
      `CREATE TABLE "daybook line"" r" ("the ""key" TEXT PRIMARY KEY, "no'te" TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
       CREATE TABLE r (id); CREATE TABLE chain (id);
       INSERT INTO "daybook line"" r" VALUES ('a', '')`,
      table,
      "no'te",
      'the "key',
    );
    await add({ entityType: `o'hara "x"`, template: `it's "{text}" '; DROP TABLE r; --`, separator: `'||'` });
    insert('a', `'); DELETE FROM r; --`, { entity_type: `o'hara "x"` });
    insert('a', 'b', { entity_type: `o'hara "x"`, id: 'e-1' });
    insert('a', 'wrong', { entity_type: `o'hara "x"`, reverts: 'e-1' });
    expect(notes()).toEqual({ a: `it's "'); DELETE FROM r; --" '; DROP TABLE r; --` });
    expect(await check()).toEqual([]);
    app.exec('SELECT * FROM r');
  });

  test('rows are found by the index of the application, and entries by ours, whatever statistics say', async () => {
    for (const declaration of ['id INTEGER PRIMARY KEY', 'id TEXT PRIMARY KEY', 'id PRIMARY KEY']) {
      const { app, add, store, file } = await scene(
        `CREATE TABLE settlements (${declaration}, notes TEXT);
         WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 2000) INSERT INTO settlements SELECT id, NULL FROM n`,
      );
      await recordAll(
        store,
        Array.from({ length: 2000 }, (_, at) => ({
          id: `e-${at}`,
          entity_type: 'settlement',
          // One entity has most of the entries, so that statistics speak against its index.
          entity_id: at % 10 === 0 ? String(at) : '1',
          reverts: at % 50 === 1 ? `e-${at - 1}` : null,
        })),
      );
      await add({ reverted: 'mark' }, 2000);
      for (const statistics of ['', 'ANALYZE']) {
        app.exec(statistics);
        const mirrored = describeMirrored(app, {
          table: 'settlements',
          column: 'notes',
          settings: { ...SETTINGS, reverted: 'mark' },
        });
        for (const update of mirrorUpdates(
          mirrored,
          (column) => `(SELECT ${column} FROM daybook_entries WHERE seq = 9)`,
        )) {
          const plan = app.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${update}`).all();
          const scans = plan.map(({ detail }) => detail).filter((detail) => detail.startsWith('SCAN'));
          expect(scans.filter((scan) => !/^SCAN (?:daybook_line|chain|\(subquery|CONSTANT)/.test(scan))).toEqual([]);
          const ours = plan.map(({ detail }) => detail).join('\n');
          expect(ours).toMatch(/SEARCH daybook_entry USING (?:COVERING )?INDEX daybook_entries_by_entity /);
          expect(ours).toMatch(/SEARCH r USING (?:COVERING )?INDEX daybook_entries_by_reverts/);
          expect(ours).toMatch(/SEARCH settlements USING/);
        }
        // The trigger itself, in an older SQLite.
        const plan = execFileSync('sh', ['-c', 'sqlite3 "$0"', file], {
          input: `.eqp trigger\nINSERT INTO daybook_entries (action, entity_type, entity_id) VALUES ('a', 'settlement', '3');`,
          encoding: 'utf8',
        });
        expect(plan.match(/SEARCH settlements USING/g)).toHaveLength(2);
        expect(plan).not.toMatch(/SCAN (?:settlements|daybook_entr|daybook_taken|r\b)/);
      }
    }
  });
});

test('a row that only looks like the one of an entry that is taken back keeps its text', async () => {
  const { app, add, insert, notes } = await scene();
  app.exec(`UPDATE settlements SET notes = 'old' WHERE id = 7`);
  await add();
  insert('07', 'of another', { id: 'a' });
  insert('07', 'wrong', { reverts: 'a' });
  expect(notes()).toMatchObject({ 7: 'old' });
});

describe('what cannot be mirrored is refused, and nothing is changed', () => {
  const TABLES = `CREATE TABLE settlements (
      id INTEGER PRIMARY KEY, code TEXT, notes TEXT, number INTEGER, one TEXT UNIQUE, of INTEGER REFERENCES other (id),
      pair TEXT, twin TEXT, made TEXT AS (notes || 'x'), refers TEXT REFERENCES other (code), UNIQUE (pair, twin));
    CREATE TABLE other (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
    CREATE VIEW seen AS SELECT * FROM settlements;
    CREATE VIRTUAL TABLE searched USING fts5 (id, notes);
    CREATE UNIQUE INDEX some ON settlements (code) WHERE code <> '';`;

  test.each([
    ['nothing', 'notes', 'id', 'missing', 'no table nothing in this database'],
    ['settlements', 'none', 'id', 'usage', 'settlements has no column none, only id, code'],
    ['settlements', 'notes', 'none', 'usage', '--key: settlements has no column none, only id, code'],
    ['seen', 'notes', 'id', 'refused', 'seen.notes cannot show entries: seen is a view'],
    ['searched', 'notes', 'id', 'refused', 'searched is a virtual table'],
    ['daybook_actors', 'name', 'actor', 'refused', 'belongs to daybook'],
    ['settlements', 'made', 'id', 'refused', 'computed from other columns'],
    ['settlements', 'number', 'id', 'refused', 'it is declared INTEGER, and shows only text'],
    ['settlements', 'one', 'id', 'refused', 'no two rows may have the same in it'],
    ['settlements', 'twin', 'id', 'refused', 'no two rows may have the same in it'],
    ['settlements', 'refers', 'id', 'refused', 'it refers to another table'],
    ['settlements', 'notes', 'notes', 'refused', 'it is the key'],
    ['settlements', 'notes', 'state', 'usage', 'has no column state'],
    ['settlements', 'notes', 'code', 'refused', 'code, which has no unique index of its own'],
    ['settlements', 'notes', 'pair', 'refused', 'pair, which has no unique index of its own'],
  ] as const)('%s.%s by %s', async (table, column, key, kind, message) => {
    const { store, app } = await scene(TABLES);
    const before = app.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
    await expect(store.addMirror({ table, column, settings: { ...SETTINGS, key } }, 0, ACTOR)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message) as string,
    });
    expect(app.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()).toBe(before);
    expect((await store.extent({})).lastSeq).toBe(0);
  });

  test('a captured table must ignore the column, whichever is first', async () => {
    const { store, app, add, insert, notes } = await scene();
    await store.addCaptures(['settlements'], CAPTURE, ACTOR);
    await expect(add()).rejects.toMatchObject({
      kind: 'refused',
      hint: 'daybook capture add settlements --ignore notes',
    });
    await store.addCaptures(['settlements'], { ...CAPTURE, ignore: ['notes'] }, ACTOR);
    await add();
    await expect(store.addCaptures(['settlements'], CAPTURE, ACTOR)).rejects.toMatchObject({
      kind: 'refused',
      message: 'settlements shows entries in notes, so that each entry would make another one: put it under --ignore',
    });
    const before = await lastSeq(store);
    insert('1', 'one');
    expect((await store.extent({})).lastSeq).toBe(before + 1);
    app.exec(`UPDATE settlements SET state = 'x' WHERE id = 1`);
    expect((await store.extent({})).lastSeq).toBe(before + 2);
    expect(notes()).toMatchObject({ 1: 'ana: one' });
  });

  test('a text that a rule of the application forbids', async () => {
    const { app, add, insert, notes } = await scene();
    app.exec(
      `CREATE TRIGGER no AFTER UPDATE OF notes ON settlements WHEN NEW.id = 2 BEGIN SELECT RAISE(ABORT, 'frozen'); END`,
    );
    insert('1', 'one');
    insert('2', 'two');
    await expect(add()).rejects.toMatchObject({
      kind: 'refused',
      message: 'settlements.notes cannot show what its entries say (frozen): nothing was changed',
    });
    expect(notes()).toEqual({ 1: null, 2: null, 7: null });
  });
});

describe('adding', () => {
  test('fills and replaces, keeps the text of rows without entries, and asks how many texts it may replace', async () => {
    const { app, add, insert, notes, store, check } = await scene();
    app.exec(`UPDATE settlements SET notes = 'old ' || id WHERE id IN (1, 7)`);
    insert('1', 'one');
    insert('2', 'two');
    await expect(add()).rejects.toMatchObject({ kind: 'refused' });
    expect(notes()).toEqual({ 1: 'old 1', 2: null, 7: 'old 7' });
    expect(await store.mirrors()).toEqual([]);
    expect(await add({}, 1)).toMatchObject({ changed: true, same: 0, filled: 1, replaced: 1, kept: 1, entry: 3 });
    expect(notes()).toEqual({ 1: 'ana: one', 2: 'ana: two', 7: 'old 7' });
    expect(await check()).toMatchObject([
      { kind: 'unrecorded', entity: 'settlement:7', held: 'old 7', expected: null },
    ]);
  });

  test('is recorded with old and new settings; once more it changes nothing, but for what differs', async () => {
    const { app, add, insert, notes, store } = await scene();
    insert('1', 'one');
    await add();
    expect(await add()).toMatchObject({ changed: false, entry: null });
    expect(await add({ latest: 1 })).toMatchObject({ changed: true });
    app.exec(`UPDATE settlements SET notes = 'by hand'`);
    expect(await add({ latest: 1 }, 9)).toMatchObject({ changed: true, replaced: 1, kept: 2 });
    expect(notes()).toEqual({ 1: 'ana: one', 2: 'by hand', 7: 'by hand' });
    expect(await store.removeMirror({ table: 'SETTLEMENTS', column: 'Notes' }, ACTOR)).toMatchObject({
      table: 'settlements',
      changed: true,
    });
    expect(await store.removeMirror({ table: 'settlements', column: 'notes' }, ACTOR)).toMatchObject({
      changed: false,
    });
    insert('1', 'two');
    expect(notes()).toMatchObject({ 1: 'ana: one' });
    const told = (await readAll(store, { filter: { category: ['system'] }, order: 'oldest' })).map((entry) => [
      entry.action,
      entry.entity_id,
      JSON.parse(entry.old_values ?? 'null')?.latest,
      JSON.parse(entry.new_values ?? 'null')?.latest,
      entry.changed_fields,
    ]);
    expect(told).toEqual([
      ['mirror_add', 'settlements.notes', undefined, 3, null],
      ['mirror_add', 'settlements.notes', 3, 1, '["latest"]'],
      ['mirror_add', 'settlements.notes', 1, 1, '[]'],
      ['mirror_remove', 'settlements.notes', 1, undefined, null],
    ]);
    await expect(store.removeMirror({ table: 'settlements', column: 'none' }, ACTOR)).rejects.toMatchObject({
      kind: 'missing',
    });
  });

  test('one entity type in two columns, one with what was taken back', async () => {
    const { app, add, insert, store, check } = await scene(
      `CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT, log TEXT NOT NULL DEFAULT ''); INSERT INTO settlements (id) VALUES (1)`,
    );
    await add();
    await store.addMirror(
      { table: 'settlements', column: 'log', settings: { ...SETTINGS, reverted: 'mark' } },
      0,
      ACTOR,
    );
    insert('1', 'one', { id: 'a' });
    insert('1', 'wrong', { id: 'b', reverts: 'a' });
    expect(app.prepare('SELECT notes, log FROM settlements').get()).toEqual({
      notes: null,
      log: 'ana: wrong\n[reverted] ana: one',
    });
    expect(await check()).toEqual([]);
  });
});

describe('templates', () => {
  test('each placeholder', async () => {
    const { add, insert, notes } = await scene();
    const shown = async (template: string): Promise<string | null | undefined> => {
      await add({ template, latest: 1 }, 9);
      return notes()[1];
    };
    insert('1', 'a text', {
      id: 'e-1',
      ts: '2026-03-05T14:07:09.123Z',
      severity: 'warning',
      scope: 'machine:3',
      metadata: '{"reason":"asked","n":12345678901234567890123,"a":{"b":["x",{"c":true}]},"z":null,"a.b":"dotted"}',
    });
    expect(await shown('{ts} {date} {time} {epoch} {epoch_ms}')).toBe(
      '2026-03-05T14:07:09.123Z 2026-03-05 14:07:09 1772719629 1772719629123',
    );
    expect(await shown('{seq}{id}|{category}|{action}|{severity}|{actor_name}|{scope}|{source}|')).toBe(
      '1e-1|entity|note|warning|ana|machine:3||',
    );
    expect(await shown('{reason} {meta:n} {meta:a.b.0} {meta:a.b.1} {meta:z}.{meta:none}.')).toBe(
      'asked 12345678901234567890123 x {"c":true} ..',
    );
    expect(await shown(String.raw`{{x}}\t{message}\n\\`)).toBe('{x}\ta text\n\\');
    insert('1', '', { actor_name: 'Ana R.' });
    expect(await shown('{actor_name}/{actor}: {text}')).toBe('Ana R./ana: note');
  });

  test('too long a text is cut to the characters that the column takes', async () => {
    const { add, insert, notes, check } = await scene();
    await add({ maxLength: 9, template: '{text}' });
    insert('1', '€€€€');
    insert('1', 'abcd');
    expect(notes()[1]).toBe('abcd\n€€€€');
    insert('1', '');
    expect(notes()[1]).toBe('note\nabc…');
    expect(await check()).toEqual([]);
  });

  test.each([
    ['none', /shows nothing of an entry/],
    ['{nothing}', /\{nothing\} is none of ts, date/],
    ['{ts', /a single \{ must be written twice/],
    ['{ts}}', /a single \} must be written twice/],
    [String.raw`{ts}\x`, /\\x is none of/],
    ['{ts}\0', /holds NUL/],
  ])('%j is refused', (template, message) => {
    expect(() => readTemplate(template)).toThrow(message);
  });

  test('the default one can be read', () => {
    expect(readTemplate(DEFAULT_TEMPLATE)).toHaveLength(5);
  });
});

/** The rendering as anybody would write it who has all entries at hand. */
function naive(all: readonly HistoryEntry[], id: string, { latest, reverted }: MirrorSettings): string | null {
  const isTaken = (entry: HistoryEntry): boolean => {
    const by = all
      .filter((other) => other.reverts === entry.id)
      .reduce<HistoryEntry | null>((last, other) => (last === null || other.seq > last.seq ? other : last), null);
    return by !== null && !isTaken(by);
  };
  const shown = all
    .filter((entry) => entry.entity_type === 'order' && entry.entity_id === id)
    .filter((entry) => reverted === 'mark' || (entry.reverts === null && !isTaken(entry)))
    .toSorted((one, other) => (one.ts === other.ts ? other.seq - one.seq : one.ts < other.ts ? 1 : -1))
    .slice(0, latest)
    .map((entry) => `${isTaken(entry) ? '[reverted] ' : ''}${entry.ts} ${entry.actor}: ${entry.message}`);
  return shown.length === 0 ? null : shown.join('\n');
}

test('the column is what a naive rendering gives, whatever is recorded, taken back and dated back', async () => {
  await fc.assert(
    fc.asyncProperty(
      drawnEntries(25),
      fc.constantFrom('omit' as const, 'mark' as const),
      fc.integer({ min: 1, max: 4 }),
      async (drawn, reverted, latest) => {
        const trail = await makeSqliteTrail();
        try {
          const store = await trail.open();
          const app = trail.plain();
          app.exec(
            `CREATE TABLE orders (id TEXT PRIMARY KEY, notes TEXT); INSERT INTO orders (id) VALUES ('1'), ('2'), ('a:b')`,
          );
          const settings = { ...SETTINGS, entityType: 'order', template: '{ts} {actor}: {message}', latest, reverted };
          const half = Math.floor(drawn.length / 2);
          await recordAll(store, drawn.slice(0, half));
          await store.addMirror({ table: 'orders', column: 'notes', settings }, 0, ACTOR);
          for (const entry of drawn.slice(half)) await recordAll(store, [entry]);
          const all = await readAll(store);
          const rows = app.prepare<[], { id: string; notes: string | null }>('SELECT * FROM orders').all();
          for (const { id, notes } of rows) expect(notes).toBe(naive(all, id, settings));
          expect(await checked(store)).toEqual([]);
        } finally {
          await trail.remove();
        }
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);

describe('check', () => {
  test('finds a row that was changed by hand, a text without an entry, and a row that came after its entries', async () => {
    const { app, add, insert, check } = await scene();
    await add();
    insert('1', 'one');
    insert('9', 'early');
    app.exec(`UPDATE settlements SET notes = notes || '!' WHERE id = 1; UPDATE settlements SET notes = 'own' WHERE id = 2;
      INSERT INTO settlements (id) VALUES (9)`);
    expect(await check()).toMatchObject([
      { kind: 'differs', entity: 'settlement:1', held: 'ana: one!', expected: 'ana: one' },
      { kind: 'unrecorded', entity: 'settlement:2', held: 'own', expected: null },
      { kind: 'differs', entity: 'settlement:9', held: null, expected: 'ana: early' },
    ]);
    await add({}, 1);
    expect(await check()).toMatchObject([{ kind: 'unrecorded' }]);
  });

  test('goes through many rows in pages, each once, in the order of a key of any kind', async () => {
    const { app, add, check } = await scene('CREATE TABLE settlements (id UNIQUE, notes TEXT)');
    app.exec(`WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 900)
      INSERT INTO settlements SELECT CASE id % 3 WHEN 0 THEN id WHEN 1 THEN 'k' || id ELSE id + 0.5 END, 'text' FROM n;
      INSERT INTO settlements VALUES (NULL, 'of no entity'), (NULL, 'of no entity')`);
    await add();
    const found = await check();
    expect(found).toHaveLength(900);
    expect(new Set(found.map(({ entity }) => entity)).size).toBe(900);
  });

  test('takes what a prune may have taken for no fault, but only then', async () => {
    const { app, add, insert, store, check, notes } = await scene();
    await add();
    insert('1', 'old', { ts: '2020-01-01T00:00:00.000Z' });
    insert('1', 'new');
    insert('2', 'old', { ts: '2020-01-01T00:00:00.000Z' });
    const prune = async (type: string): Promise<void> => {
      const rules = [{ name: null, filter: { entity: [{ type }] }, before: NOW - 1000, keep: null }];
      const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
      expect((await executePrune(store, prepared, { busyTimeout: 1000 })).deleted).toBeGreaterThan(0);
    };
    insert('x', 'old', { entity_type: 'machine', ts: '2020-01-01T00:00:00.000Z' });
    await prune('machine');
    app.exec(`UPDATE settlements SET notes = notes || char(10) || 'more'`);
    expect(await check()).toMatchObject([{ kind: 'differs' }, { kind: 'differs' }]);
    await add({}, 9);
    await prune('settlement');
    expect(notes()).toEqual({ 1: 'ana: new\nana: old', 2: 'ana: old', 7: null });
    expect(await check()).toMatchObject([
      { kind: 'pruned', entity: 'settlement:1', held: 'ana: new\nana: old', expected: 'ana: new' },
      { kind: 'pruned', entity: 'settlement:2', held: 'ana: old', expected: null },
    ]);
    app.exec(`UPDATE settlements SET notes = 'ana: now' WHERE id = 1`);
    expect(await check()).toMatchObject([{ kind: 'differs' }, { kind: 'pruned' }]);
    // The next entry shows what there is.
    insert('1', 'newer');
    expect(notes()[1]).toBe('ana: newer\nana: new');
  });
});

describe('check after a prune', () => {
  const OLD = { ts: '2020-01-01T00:00:00.000Z' };

  async function pruned(store: AuditStore, filter: Filter, before: number | null, keep: number | null = null) {
    const rules = [{ name: null, filter, before, keep }];
    const prepared = await preparePrune(store, { command: 'prune', rules, actor: ACTOR, reason: null }, NOW);
    return executePrune(store, prepared, { busyTimeout: 1000 });
  }

  test('tells of a text above the entries, which no prune of the oldest leaves behind', async () => {
    const { app, add, insert, store, check, notes } = await scene();
    await add();
    for (const id of ['1', '2']) {
      insert(id, 'old', OLD);
      insert(id, 'new');
    }
    await pruned(store, { entity: [{ type: 'settlement' }] }, NOW - 1000);
    app.exec(`UPDATE settlements SET notes = 'by hand' || char(10) || notes WHERE id = 1`);
    expect(notes()).toEqual({ 1: 'by hand\nana: new\nana: old', 2: 'ana: new\nana: old', 7: null });
    expect(await check()).toMatchObject([
      { kind: 'differs', entity: 'settlement:1' },
      { kind: 'pruned', entity: 'settlement:2' },
    ]);
  });

  test('tells of whatever stands below as many entries as are shown', async () => {
    const { app, add, insert, store, check } = await scene();
    await add({ latest: 2 });
    insert('1', 'old', OLD);
    for (const message of ['one', 'two']) insert('1', message);
    await pruned(store, {}, NOW - 1000);
    expect(await check()).toEqual([]);
    app.exec(`UPDATE settlements SET notes = notes || char(10) || 'by hand' WHERE id = 1`);
    expect(await check()).toMatchObject([{ kind: 'differs' }]);
  });

  test('tells of any difference in a row that has an entry since', async () => {
    const { app, add, insert, store, check } = await scene();
    await add();
    insert('1', 'jammed', { ts: '2020-01-02T00:00:00.000Z', severity: 'warning' });
    insert('1', 'new');
    await pruned(store, { severity: ['warning'] }, NOW);
    expect(await check()).toMatchObject([{ kind: 'pruned' }]);
    insert('1', 'newer');
    expect(await check()).toEqual([]);
    app.exec(`UPDATE settlements SET notes = notes || char(10) || 'by hand' WHERE id = 1`);
    expect(await check()).toMatchObject([{ kind: 'differs' }]);
  });

  test('knows that older entries move up where some are taken from between', async () => {
    const { add, insert, store, check, app } = await scene();
    await add({ latest: 2 });
    insert('1', 'old', OLD);
    insert('1', 'jammed', { ts: '2020-01-02T00:00:00.000Z', severity: 'warning' });
    insert('1', 'new');
    await pruned(store, { severity: ['warning'] }, NOW);
    expect(await check()).toMatchObject([
      { kind: 'pruned', held: 'ana: new\nana: jammed', expected: 'ana: new\nana: old' },
    ]);
    app.exec('UPDATE settlements SET notes = NULL');
    expect(await check()).toMatchObject([{ kind: 'differs' }]);
  });

  test('takes a cut text for what it was cut from', async () => {
    const { app, add, insert, store, check, notes } = await scene();
    await add({ maxLength: 10 });
    insert('1', 'old', OLD);
    insert('1', '😀😀😀😀😀');
    insert('2', 'old', OLD);
    insert('2', '12345');
    await pruned(store, {}, NOW - 1000);
    expect(notes()).toMatchObject({ 1: 'ana: 😀😀😀😀…', 2: 'ana: 1234…' });
    expect(await check()).toMatchObject([{ kind: 'pruned' }, { kind: 'pruned' }]);
    app.exec(`UPDATE settlements SET notes = 'ana: 1239…' WHERE id = 2`);
    expect(await check()).toMatchObject([{ kind: 'pruned' }, { kind: 'differs' }]);
  });

  test('finds no fault with what only prunes did, whatever they took', async () => {
    const filters: readonly Filter[] = [
      {},
      { entity: [{ type: 'order' }] },
      { entity: [{ id: '1' }], until: NOW + 1 },
      { not: { entity: [{ type: 'order', id: '2' }] } },
      { severity: ['warning', 'error'] },
      { reverted: false },
      { since: NOW - 2 },
    ];
    const prunes = fc.array(
      fc.record({
        filter: fc.constantFrom(...filters),
        age: fc.option(fc.integer({ min: -7, max: 7 })),
        keep: fc.option(fc.integer({ min: 0, max: 12 })),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(
        drawnEntries(25),
        prunes,
        fc.record({
          reverted: fc.constantFrom('omit' as const, 'mark' as const),
          latest: fc.integer({ min: 1, max: 4 }),
          maxLength: fc.option(fc.integer({ min: 1, max: 200 })),
        }),
        async (drawn, asked, settings) => {
          const trail = await makeSqliteTrail();
          try {
            const store = await trail.open();
            trail
              .plain()
              .exec(
                `CREATE TABLE orders (id TEXT PRIMARY KEY, notes TEXT); INSERT INTO orders (id) VALUES ('1'), ('2'), ('a:b')`,
              );
            const shown = { ...SETTINGS, entityType: 'order', template: '{ts} {actor}: {message}', ...settings };
            await store.addMirror({ table: 'orders', column: 'notes', settings: shown }, 0, ACTOR);
            const part = Math.ceil(drawn.length / asked.length);
            for (const [index, { filter, age, keep }] of asked.entries()) {
              const entries = drawn.slice(index * part, (index + 1) * part);
              // All of one entity: what differs between prunes is which of its entries they take.
              await recordAll(
                store,
                entries.map((entry) => Object.assign(entry, { entity_type: 'order', entity_id: '1' })),
              );
              if (age !== null || keep !== null) await pruned(store, filter, age === null ? null : NOW - age, keep);
              expect(await checked(store)).not.toContainEqual(expect.objectContaining({ kind: 'differs' }));
            }
          } finally {
            await trail.remove();
          }
        },
      ),
      { numRuns: 80 },
    );
  }, 120_000);
});

describe('a table that changes', () => {
  const exec = (store: AuditStore, sql: string): Promise<unknown> =>
    store.execute({
      sql,
      actor: ACTOR,
      reason: null,
      correlationId: null,
      foreignKeys: true,
      dryRun: false,
    } satisfies ExecuteRequest);

  const problems = async (store: AuditStore): Promise<string[]> => {
    const told = await status(store, { database: 'x', now: NOW, zone: 'UTC', grace: parseDuration('26h') });
    return told.problems.filter(({ code }) => code === 'mirror_broken').map(({ message }) => message);
  };

  test.each(PROGRAMS)(
    'without our knowing keeps entries from being recorded by %s until the mirror is removed',
    async (_name, run) => {
      const { file, app, add, insert, store, check } = await scene();
      await add();
      insert('1', 'one');
      app.exec('DROP TABLE settlements');
      const [error] = run(file, [`INSERT INTO daybook_entries (action) VALUES ('x')`]);
      expect(error).toContain('no such table: main.settlements');
      await expect(recordAll(store, [{}])).rejects.toMatchObject({
        kind: 'failed',
        message: expect.stringContaining('its table, or one beside it, was dropped or changed') as string,
        hint: expect.stringContaining('status') as string,
      });
      expect(await problems(store)).toMatchObject([/^mirror settlements\.notes is no longer a column/]);
      expect(await check()).toMatchObject([{ kind: 'broken', entity: null }]);
      await store.removeMirror({ table: 'settlements', column: 'notes' }, ACTOR);
      expect(run(file, [`INSERT INTO daybook_entries (action) VALUES ('x')`])).toEqual([null]);
      expect(await problems(store)).toEqual([]);
    },
  );

  test('a column that is dropped, and a trigger that is missing or changed, are told', async () => {
    const { app, add, insert, store, check } = await scene();
    await add();
    const sql =
      app.prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE name GLOB 'daybook_mirror_*'`).pluck().get() ?? '';
    app.exec('DROP TRIGGER "daybook_mirror_settlements.notes"');
    expect(await problems(store)).toMatchObject([/lacks its trigger/]);
    expect(await check()).toMatchObject([{ kind: 'broken', problem: 'lacks its trigger, so entries are not shown' }]);
    insert('1', 'unseen');
    app.exec(sql.replace('LIMIT 3', 'LIMIT 2'));
    expect(await problems(store)).toMatchObject([/has a trigger that was changed/]);
    expect(await add()).toMatchObject({ changed: true, filled: 1 });
    expect(await problems(store)).toEqual([]);
    app.exec('ALTER TABLE settlements RENAME TO moved');
    insert('1', 'still shown');
    expect(app.prepare('SELECT notes FROM moved WHERE id = 1').pluck().get()).toBe('ana: still shown\nana: unseen');
    expect(await problems(store)).toMatchObject([/is no longer a column that can show entries/]);
  });

  test('by exec is mirrored as before: built anew, altered, with what was recorded meanwhile', async () => {
    const { add, insert, notes, store, check, app } = await scene();
    await add();
    insert('1', 'one', { id: 'e-1' });
    await exec(
      store,
      `CREATE TABLE new (id INTEGER PRIMARY KEY, notes TEXT, state TEXT, more TEXT);
       INSERT INTO new (id, notes) SELECT id, notes FROM settlements;
       DROP TABLE settlements;
       INSERT INTO daybook_entries (action, actor, entity_type, entity_id, message) VALUES ('note', 'ana', 'settlement', '2', 'meanwhile');
       INSERT INTO daybook_entries (action, reverts) VALUES ('revert', 'e-1');
       ALTER TABLE new RENAME TO settlements`,
    );
    expect(notes()).toEqual({ 1: null, 2: 'ana: meanwhile', 7: null });
    await exec(store, 'ALTER TABLE settlements ADD COLUMN another');
    insert('1', 'two');
    expect(notes()).toMatchObject({ 1: 'ana: two' });
    expect(await check()).toEqual([]);
    // A column that goes for good is told of, and hinders nobody.
    await exec(store, 'ALTER TABLE settlements DROP COLUMN notes');
    app.exec(`INSERT INTO daybook_entries (action) VALUES ('x')`);
    expect(await problems(store)).toMatchObject([/nothing is shown/]);
  });

  test('the trigger names no index, so that a missing one makes recording slow and not impossible', async () => {
    const { app, add, insert, notes } = await scene();
    await add();
    app.exec('DROP INDEX daybook_entries_by_entity; DROP INDEX daybook_entries_by_reverts');
    insert('1', 'one', { id: 'a' });
    insert('1', 'two', { reverts: 'a' });
    expect(notes()).toMatchObject({ 1: null });
    expect(
      mirrorTrigger(describeMirrored(app, { table: 'settlements', column: 'notes', settings: SETTINGS })),
    ).not.toContain('INDEXED');
  });
});

test('a program that records with OR IGNORE is told by check what its row could not show', async () => {
  const { app, add, notes, check } = await scene(
    `CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT CHECK (length(notes) < 20)); INSERT INTO settlements (id) VALUES (1)`,
  );
  await add();
  app.exec(
    `INSERT OR IGNORE INTO daybook_entries (action, actor, entity_type, entity_id, message) VALUES ('note', 'ana', 'settlement', '1', 'longer than the column takes')`,
  );
  expect(notes()).toEqual({ 1: null });
  expect(await check()).toMatchObject([{ kind: 'differs' }]);
});

test('a trigger of the application that records an entry does so for its own columns, or check tells of the row', async () => {
  const { app, add, insert, check, notes } = await scene();
  await add();
  const trigger = (what: string): string => `CREATE TRIGGER of_the_application AFTER ${what} ON settlements BEGIN
    INSERT INTO daybook_entries (action, actor, entity_type, entity_id) VALUES ('changed', 'app', 'settlement', NEW.id); END`;
  app.exec(trigger('UPDATE OF state'));
  insert('1', 'one');
  app.exec(`UPDATE settlements SET state = 'paid' WHERE id = 1`);
  expect(notes()[1]).toBe('app: changed\nana: one');
  expect(await check()).toEqual([]);
  app.exec(`DROP TRIGGER of_the_application; ${trigger('UPDATE')}`);
  insert('1', 'two');
  expect(notes()[1]).toBe('ana: two\napp: changed\nana: one');
  expect(await check()).toMatchObject([{ kind: 'differs', expected: 'app: changed\nana: two\napp: changed' }]);
});
