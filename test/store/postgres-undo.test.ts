import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UndoOutcome, UndoRequest } from '../../src/core/undo.js';
import { textLiteral } from '../../src/store/postgres/undo/text-literal.js';
import { postgresScene } from './postgres-scene.js';
import type { PostgresScene } from './postgres-scene.js';
import { HAS_POSTGRES } from './postgres-trail.js';
import { ACTOR } from './trail.js';

let scene: PostgresScene;

beforeAll(async () => {
  if (HAS_POSTGRES) scene = await postgresScene();
});

afterAll(async () => {
  if (HAS_POSTGRES) await scene.close();
});

async function undo(which: UndoRequest['entries'], options: Partial<UndoRequest> = {}): Promise<UndoOutcome> {
  return scene.store.undo({
    entries: which,
    actor: ACTOR,
    reason: 'it was wrong',
    correlationId: null,
    force: false,
    dryRun: false,
    ...options,
  });
}

/** The seq of the last entry of a type, or of one so many before it. */
async function lastOf(type: string, before = 0): Promise<{ seq: number }> {
  const seq = (await scene.entriesOf(type)).at(-1 - before)?.seq;
  if (seq === undefined) throw new Error(`nothing was recorded of ${type}`);
  return { seq };
}

/** Every row, with every value as its type writes it. */
async function rowsOf(table: string): Promise<string[]> {
  const { rows } = await scene.app.query<{ row: string }>(`SELECT t::text AS row FROM ${table} AS t ORDER BY 1`);
  return rows.map(({ row }) => row);
}

const conflictsOf = ({ conflicts }: UndoOutcome): unknown[] =>
  conflicts.map(({ field, obstacle, by }) => [field, obstacle, by]);

/** Types with two values of each. */
const TYPES: readonly (readonly [type: string, one: string, other: string])[] = [
  ['bigint', '9007199254740993', '-1'],
  ['numeric', '12.3400', `'NaN'`],
  ['float8', '0.1', `'-Infinity'`],
  ['real', '3.3', '1e30'],
  ['boolean', 'true', 'NULL'],
  ['text', `e'a\\n\\\\"''?\\u00a0'`, `'[redacted'`],
  ['char(3)', `'a'`, `''`],
  ['uuid', `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'`, 'NULL'],
  ['timestamptz', `'2026-11-20 09:18:00.244567+01'`, `'infinity'`],
  ['timestamp', `'2026-11-20 08:18'`, `'-infinity'`],
  ['date', `'0044-03-15 BC'`, `'2026-11-20'`],
  ['interval', `'1 day 2 hours'`, `'-3 mons'`],
  ['bytea', `'\\xdead00'`, `''`],
  ['int[]', `'{1,NULL,3}'`, `'{}'`],
  ['text[]', `'{"a,b",null,"NULL"}'`, 'NULL'],
  ['int4range', `'[1,5)'`, `'empty'`],
  ['tint', `'dark'`, `'pale'`],
  ['couple', `'(1,"x y")'`, `'(,)'`],
  ['tiny', '7', '8'],
  ['jsonb', `'{"b": [1, 2.50], "10": 1}'`, `'[]'`],
  ['json', `'{"10": 1, "2": 2, "2": 3, "e": 1e400}'`, `'"text"'`],
  ['json', `'{"nul": "\\u0000"}'`, `'"\\u00e4"'`],
  ['inet', `'10.0.0.1/8'`, 'NULL'],
  ['money', '12.30', '0'],
];

describe.skipIf(!HAS_POSTGRES)('undo in PostgreSQL', () => {
  test('brings back every value of every type, whatever became of it', async () => {
    await scene.app.query(`CREATE TYPE tint AS ENUM ('dark', 'pale'); CREATE TYPE couple AS (a int, b text);
      CREATE DOMAIN tiny AS int CHECK (VALUE < 100)`);
    const columns = TYPES.map(([type], at) => `c${at} ${type}`);
    const table = await scene.captured(
      `id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, ${columns.join(', ')}, twice int GENERATED ALWAYS AS (c18 * 2) STORED`,
    );
    const names = TYPES.map((_, at) => `c${at}`).join(', ');
    await scene.app.query(`INSERT INTO ${table} (${names}) VALUES (${TYPES.map(([, one]) => one).join(', ')})`);
    const before = await rowsOf(table);
    await scene.app.query(`UPDATE ${table} SET ${TYPES.map(([, , other], at) => `c${at} = ${other}`).join(', ')}`);
    const update = await lastOf(table);
    const after = await rowsOf(table);
    const undone = await undo(update);
    expect(undone).toMatchObject({ applied: true, conflicts: [], undone: [{ done: 'update' }] });
    expect(await rowsOf(table)).toEqual(before);
    // The undo is undone in the same way,
    await undo(await lastOf(table));
    expect(await rowsOf(table)).toEqual(after);
    // and so is a delete.
    await scene.app.query(`DELETE FROM ${table}`);
    expect(await undo(await lastOf(table))).toMatchObject({ applied: true, undone: [{ done: 'insert' }] });
    expect(await rowsOf(table)).toEqual(after);
    const created = (await scene.entriesOf(table)).at(-1);
    expect(created).toMatchObject({ action: 'create', actor: ACTOR.actor, actor_type: ACTOR.actor_type });
    expect(JSON.parse(created?.metadata ?? '')).toMatchObject({ reason: 'it was wrong' });
    expect(await undo({ seq: created?.seq ?? 0 })).toMatchObject({ applied: true, undone: [{ done: 'delete' }] });
    expect(await rowsOf(table)).toEqual([]);
  });

  test('tells which entries it takes back, and takes none back twice', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a')`);
    await scene.run(table, `UPDATE T SET v = 'b'`);
    const update = await lastOf(table);
    await undo(update);
    const [first, second] = await scene.entriesOf(table);
    expect(second?.reverts).toBe(first?.id);
    await expect(undo(update)).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('taken back already') as string,
    });
    await scene.app.query(`INSERT INTO daybook.daybook_entries (action) VALUES ('note')`);
    const [note] = (await scene.app.query<{ seq: string }>('SELECT max(seq) AS seq FROM daybook.daybook_entries')).rows;
    await expect(undo({ seq: Number(note?.seq) })).rejects.toThrow('no change that capture recorded here');
    await expect(undo({ seq: 1e9 })).rejects.toMatchObject({ kind: 'missing' });
  });

  test('undoes a change of the key, both halves of it', async () => {
    const table = await scene.captured(
      'a int, b text, v text, PRIMARY KEY (a, b)',
      `INSERT INTO T VALUES (1, 'x', 'a')`,
    );
    await scene.run(table, `UPDATE T SET a = 2, v = 'b'`);
    const [gone, come] = await scene.entriesOf(table);
    expect(await undo({ seq: gone?.seq ?? 0 })).toMatchObject({
      applied: true,
      undone: [{ seq: come?.seq, done: 'update' }],
    });
    expect(await rowsOf(table)).toEqual(['(1,x,a)']);
    const [, , back, again] = await scene.entriesOf(table);
    expect([back?.reverts, again?.reverts]).toEqual([come?.id, gone?.id]);
  });

  test('finds the other half where somebody else recorded between them', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a'), (5, 'e')`);
    // Both halves are one statement, whose rows get the seqs that are left.
    await scene.app.query(`CREATE FUNCTION ${table}_gap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM nextval('daybook.daybook_entries_seq_seq'); RETURN NEW; END $$;
      CREATE TRIGGER gap BEFORE INSERT ON daybook.daybook_entries FOR EACH ROW EXECUTE FUNCTION ${table}_gap()`);
    await scene.run(table, `UPDATE T SET id = id + 1`);
    await scene.app.query('DROP TRIGGER gap ON daybook.daybook_entries');
    const [gone, come] = await scene.entriesOf(table);
    expect((come?.seq ?? 0) - (gone?.seq ?? 0)).toBe(2);
    await undo({ seq: come?.seq ?? 0 });
    expect(await rowsOf(table)).toEqual(['(1,a)', '(6,e)']);
  });

  test('undoes a set, the last one first, and the set of that as well', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a'), (2, 'b')`);
    const before = await rowsOf(table);
    await scene.run(
      table,
      `UPDATE T SET v = v || '1'; DELETE FROM T WHERE id = 2; INSERT INTO T VALUES (3, 'c'); UPDATE T SET v = v || '2'`,
    );
    const after = await rowsOf(table);
    const filter = { entity: [{ type: table }] };
    const outcome = await undo({ filter }, { correlationId: `undo:${table}` });
    expect(outcome).toMatchObject({ applied: true, conflicts: [] });
    expect(await rowsOf(table)).toEqual(before);
    await undo({ filter: { correlation_id: [`undo:${table}`] } });
    expect(await rowsOf(table)).toEqual(after);
  });

  test.each<[what: string, columns: string, since: string, expected: unknown[], forced: string[]]>([
    [
      'a field that was changed since',
      'id int PRIMARY KEY, v text, w int',
      `UPDATE T SET v = 'c'`,
      [['v', 'changed', 'last']],
      ['(1,a,)'],
    ],
    [
      'a field that was changed since and back',
      'id int PRIMARY KEY, v text, w int',
      `UPDATE T SET v = 'c'; UPDATE T SET v = 'b'`,
      [],
      ['(1,a,)'],
    ],
    [
      'another field that was changed since',
      'id int PRIMARY KEY, v text, w int',
      `UPDATE T SET w = 4`,
      [],
      ['(1,a,4)'],
    ],
    ['a row that is gone', 'id int PRIMARY KEY, v text, w int', `DELETE FROM T`, [[null, 'row gone', null]], []],
    [
      'a column that is gone',
      'id int PRIMARY KEY, v text, w int',
      `ALTER TABLE T DROP COLUMN v`,
      [['v', 'column gone', null]],
      ['(1,)'],
    ],
  ])('tells of %s', async (_what, columns, since, expected, forced) => {
    const table = await scene.captured(columns, `INSERT INTO T VALUES (1, 'a')`);
    await scene.run(table, `UPDATE T SET v = 'b'`);
    const update = await lastOf(table);
    await scene.run(table, since);
    await scene.store.refreshCaptures([table], ACTOR);
    const last = await lastOf(table);
    const now = await rowsOf(table);
    const outcome = await undo(update);
    expect(conflictsOf(outcome)).toEqual(
      expected.map((one) => (one as unknown[]).map((cell) => (cell === 'last' ? last.seq : cell))),
    );
    expect(outcome.applied).toBe(expected.length === 0);
    if (expected.length > 0) {
      expect(await rowsOf(table)).toEqual(now);
      await undo(update, { force: true });
    }
    expect(await rowsOf(table)).toEqual(forced);
  });

  test('tells of what was never recorded, and of a row that is there again', async () => {
    const table = await scene.captured(
      'id int PRIMARY KEY, v text, password text, token text',
      `INSERT INTO T VALUES (1, 'a', 'p', 't')`,
      {
        redact: ['password'],
        ignore: ['token'],
      },
    );
    await scene.run(table, `UPDATE T SET v = 'b', password = 'q'`);
    expect(conflictsOf(await undo(await lastOf(table)))).toEqual([['password', 'redacted', null]]);
    await scene.run(table, `DELETE FROM T`);
    const gone = await lastOf(table);
    expect(conflictsOf(await undo(gone))).toEqual([
      ['password', 'redacted', null],
      ['token', 'not kept', null],
    ]);
    await scene.run(table, `INSERT INTO T VALUES (1, 'z', 'p', 't')`);
    expect(conflictsOf(await undo(gone))).toEqual([[null, 'row there', null]]);
    await undo(gone, { force: true });
    expect(await rowsOf(table)).toEqual(['(1,b,p,t)']);
  });

  test('puts documents back path by path, of jsonb, of json and of text', async () => {
    const table = await scene.captured(
      'id int PRIMARY KEY, b jsonb, j json, d text',
      `INSERT INTO T VALUES (1, '{"x": 1, "y": 1}', '{"x": 1, "y": 1}', '{"x": 1, "y": 1}')`,
      { json: ['d'] },
    );
    await scene.run(table, `UPDATE T SET b = '{"x": 2, "y": 1}', j = '{"x": 2, "y": 1}', d = '{"x": 2, "y": 1}'`);
    const update = await lastOf(table);
    await scene.run(table, `UPDATE T SET b = '{"x": 2, "y": 5}', j = '{"x": 2, "y": 5}', d = '{"x": 2, "y": 5}'`);
    expect(await undo(update)).toMatchObject({ applied: true, conflicts: [] });
    expect(await rowsOf(table)).toEqual(['(1,"{""x"": 1, ""y"": 5}","{""x"":1,""y"":5}","{""x"":1,""y"":5}")']);
    await scene.run(table, `UPDATE T SET b = '{"x": 7, "y": 5}'`);
    await scene.run(table, `UPDATE T SET b = '{"x": 8, "y": 5}'`);
    const clash = await undo(await lastOf(table, 1));
    expect(conflictsOf(clash)).toEqual([['b.x', 'changed', (await lastOf(table)).seq]]);
  });

  test('is refused where the database forbids it, at once or at the end', async () => {
    const parent = await scene.captured('id int PRIMARY KEY', `INSERT INTO T VALUES (1)`);
    const child = await scene.captured(
      `id int PRIMARY KEY, p int REFERENCES ${parent} DEFERRABLE INITIALLY DEFERRED, v int CHECK (v < 10)`,
      `INSERT INTO T VALUES (1, 1, 1)`,
    );
    await scene.run(child, `UPDATE T SET p = NULL`);
    await scene.run(parent, `DELETE FROM T`);
    const refused = { kind: 'refused', message: expect.stringContaining('the database forbids undoing') as string };
    for (const dryRun of [true, false])
      await expect(undo(await lastOf(child), { dryRun })).rejects.toMatchObject(refused);
    await scene.run(child, `UPDATE T SET v = 2; ALTER TABLE T ADD CONSTRAINT more CHECK (v > 1)`);
    await expect(undo(await lastOf(child))).rejects.toMatchObject(refused);
    expect(await rowsOf(child)).toEqual(['(1,,2)']);
  });

  test('runs triggers of the application with the names that they know, and undoes nothing without a trace', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a')`);
    await scene.run(
      table,
      `CREATE TABLE T_log (v text); CREATE FUNCTION T_f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO T_log VALUES (NEW.v); RETURN NEW; END';
       CREATE TRIGGER log AFTER UPDATE ON T FOR EACH ROW EXECUTE FUNCTION T_f(); UPDATE T SET v = 'b'`,
    );
    await undo(await lastOf(table));
    expect(await rowsOf(`${table}_log`)).toEqual(['(b)', '(a)'].toSorted());
    const cases = await scene.store.checkCaptures([table]);
    expect(cases.find((one) => one.case === 'an update')).toMatchObject({ outcome: 'holds' });
    await scene.run(table, `UPDATE T SET v = 'c'; ALTER TABLE T DISABLE TRIGGER "!daybook_capture"`);
    const last = await lastOf(table);
    await expect(undo(last)).rejects.toThrow('an undo may leave no trace');
    await scene.store.removeCaptures([table], ACTOR);
    await expect(undo(last)).rejects.toThrow('is no longer captured');
  });

  test('gives a script that does the same in psql', async () => {
    const table = await scene.captured(
      'id int PRIMARY KEY, v text, b bytea, j jsonb',
      `INSERT INTO T VALUES (1, e'it''s\\t\\\\ "?" \\u200b\nx', '\\xff', '{"a": "\\\\"}')`,
    );
    const before = await rowsOf(table);
    await scene.run(table, `UPDATE T SET v = '', b = '', j = NULL; DELETE FROM T; INSERT INTO T VALUES (2)`);
    const changed = await rowsOf(table);
    const { applied, script } = await undo({ filter: { entity: [{ type: table }] } }, { dryRun: true });
    expect(applied).toBe(false);
    expect(await rowsOf(table)).toEqual(changed);
    execFileSync('psql', ['-X', '-q', scene.url], { input: script.join('\n') });
    expect(await rowsOf(table)).toEqual(before);
    const entries = await scene.entriesOf(table);
    expect(entries.slice(-3).map(({ reverts }) => reverts)).toEqual(
      entries
        .slice(0, 3)
        .map(({ id }) => id)
        .toReversed(),
    );
  });

  test('follows a table that has another name', async () => {
    const table = await scene.captured('id int PRIMARY KEY, v text', `INSERT INTO T VALUES (1, 'a')`);
    await scene.run(table, `UPDATE T SET v = 'b'; ALTER TABLE T RENAME TO T_2`);
    await scene.store.refreshCaptures([`${table}`], ACTOR);
    await undo(await lastOf(table));
    expect(await rowsOf(`${table}_2`)).toEqual(['(1,a)']);
  });
});

test('a text is written so that nothing hidden stands in a script', () => {
  expect(textLiteral(`it's`)).toBe(`'it''s'`);
  expect(textLiteral('a\nb')).toBe(`'a\nb'`);
  expect(textLiteral('\\ \u200b\u{e0041}')).toBe(String.raw`E'\\ \U0000200b\U000e0041'`);
});
