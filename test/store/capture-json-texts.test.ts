import { expect, test } from 'vitest';
import { testCases } from './capture-cases.js';
import type { Case } from './capture-cases.js';
import { captured, scene } from './capture-scene.js';

// What a JSON function of SQLite writes is a text like any other, however it came into its column.

const NOTES = `CREATE TABLE notes (id INTEGER PRIMARY KEY, d TEXT); INSERT INTO notes VALUES (1, 'plain');`;
const TEXTS = [`json_quote('hey')`, `json('{"$blob":"00ff"}')`, `json('17')`, `json('null')`, `json('{"a":[1]}')`];
const WRITTEN = ['"hey"', '{"$blob":"00ff"}', '17', 'null', '{"a":[1]}'];

const TYPES = ['TEXT', 'BLOB', '', 'VARCHAR(20)', 'NUMERIC', 'INTEGER', 'REAL', 'ANY'];

const cases: Case[] = [
  ...TEXTS.map((text, at): Case => {
    const d = WRITTEN[at];
    return {
      what: `${text} is inserted, updated and deleted as the text that it is`,
      schema: NOTES,
      run: [
        `INSERT INTO notes VALUES (2, ${text})`,
        `UPDATE notes SET d = ${text} WHERE id = 1`,
        'DELETE FROM notes WHERE id = 2',
      ],
      entries: [
        { action: 'create', new: { id: 2, d } },
        { action: 'update', old: { id: 1, d: 'plain' }, new: { id: 1, d }, changed: ['d'] },
        { action: 'delete', old: { id: 2, d } },
      ],
    };
  }),
  {
    what: 'a document that is changed in its place is text before and after',
    schema: NOTES,
    run: [`UPDATE notes SET d = json('{"b":2}')`, `UPDATE notes SET d = json_set(d, '$.a', 1)`],
    entries: [{ new: { d: '{"b":2}' } }, { old: { d: '{"b":2}' }, new: { d: '{"b":2,"a":1}' } }],
  },
  {
    what: 'a default, and the value that an upsert excluded',
    schema: `CREATE TABLE notes (id INTEGER PRIMARY KEY, d TEXT DEFAULT (json_object('a', 1)))`,
    run: [
      'INSERT INTO notes (id) VALUES (1)',
      `INSERT INTO notes VALUES (1, json_array(2)) ON CONFLICT (id) DO UPDATE SET d = excluded.d`,
    ],
    entries: [{ new: { id: 1, d: '{"a":1}' } }, { old: { id: 1, d: '{"a":1}' }, new: { id: 1, d: '[2]' } }],
  },
  {
    what: 'through a view with an INSTEAD OF trigger',
    schema: `${NOTES} CREATE VIEW shown AS SELECT * FROM notes;
CREATE TRIGGER shown_insert INSTEAD OF INSERT ON shown BEGIN INSERT INTO notes VALUES (NEW.id, NEW.d); END;`,
    run: [`INSERT INTO shown VALUES (2, json('[1]'))`],
    entries: [{ new: { id: 2, d: '[1]' } }],
  },
  {
    what: 'computed columns, stored and virtual, before and after',
    schema: `CREATE TABLE notes (id INTEGER PRIMARY KEY, d TEXT, v TEXT AS (json_quote(d)), s TEXT AS (json_array(d)) STORED)`,
    run: [`INSERT INTO notes (id, d) VALUES (1, 'a')`, `UPDATE notes SET d = 'b'`, 'DELETE FROM notes'],
    entries: [
      { new: { id: 1, d: 'a', v: '"a"', s: '["a"]' } },
      { old: { id: 1, d: 'a', v: '"a"', s: '["a"]' }, new: { id: 1, d: 'b', v: '"b"', s: '["b"]' } },
      { old: { id: 1, d: 'b', v: '"b"', s: '["b"]' } },
    ],
  },
  {
    what: 'a key that a JSON function writes is one and the same key',
    schema: `CREATE TABLE notes (k TEXT NOT NULL PRIMARY KEY, n)`,
    run: [
      `INSERT INTO notes VALUES (json('{"a":1}'), 1)`,
      `UPDATE notes SET n = 2 WHERE k = '{"a":1}'`,
      `UPDATE notes SET k = json_quote('x')`,
      `UPDATE notes SET n = 3`,
    ],
    entries: [
      { action: 'create', id: String.raw`"{\"a\":1}"`, new: { k: '{"a":1}', n: 1 } },
      { action: 'update', id: String.raw`"{\"a\":1}"` },
      { action: 'delete', id: String.raw`"{\"a\":1}"` },
      { action: 'create', id: String.raw`"\"x\""`, new: { k: '"x"', n: 2 } },
      { action: 'update', id: String.raw`"\"x\""` },
    ],
  },
  {
    what: 'a key of several columns',
    schema: `CREATE TABLE notes (a TEXT NOT NULL, b NOT NULL, n, PRIMARY KEY (a, b)) WITHOUT ROWID`,
    run: [`INSERT INTO notes VALUES (json('[1]'), json('{"$blob":"00"}'), json('1'))`, 'UPDATE notes SET n = 2'],
    entries: [
      { action: 'create', id: String.raw`["[1]","{\"$blob\":\"00\"}"]`, new: { n: '1' } },
      { action: 'update', id: String.raw`["[1]","{\"$blob\":\"00\"}"]` },
    ],
  },
  {
    what: 'a REPLACE by the same row is no entry, and one by another row names what differs',
    schema: NOTES,
    run: [
      `REPLACE INTO notes VALUES (1, json('{"a":1}'))`,
      `REPLACE INTO notes VALUES (1, json('{"a":1}'))`,
      `REPLACE INTO notes VALUES (1, json('{"a":2}'))`,
    ],
    entries: [
      { action: 'update', old: { d: 'plain' }, new: { d: '{"a":1}' }, changed: ['d'] },
      { action: 'update', old: { d: '{"a":1}' }, new: { d: '{"a":2}' }, changed: ['d'] },
    ],
    recursive: ['delete 1', 'create 1', 'delete 1', 'create 1', 'delete 1', 'create 1'],
  },
  {
    what: 'paths in a document that a JSON function wrote',
    schema: NOTES,
    request: { json: ['d'] },
    run: [`UPDATE notes SET d = json('{"a":{"b":1}}')`, `UPDATE notes SET d = json_set(d, '$.a.b', json('[2]'))`],
    entries: [{ changed: ['d'] }, { changed: ['d.a.b'] }],
  },
  ...TYPES.flatMap((type) =>
    (type === 'ANY' ? [' STRICT'] : type === 'TEXT' ? ['', ' STRICT'] : ['']).map((strict): Case => {
      // What SQLite makes a number of is one, in a column of numbers.
      const number = /^(?:NUMERIC|INTEGER|REAL)$/.test(type);
      return {
        what: `a column of type ${type === '' ? 'none' : type}${strict}`,
        schema: `CREATE TABLE notes (id INTEGER PRIMARY KEY, d ${type})${strict}`,
        run: [`INSERT INTO notes VALUES (1, json('17'))`, `INSERT INTO notes VALUES (2, json('{"$real":"inf"}'))`],
        entries: [{ new: { id: 1, d: number ? 17 : '17' } }, { new: { id: 2, d: '{"$real":"inf"}' } }],
      };
    }),
  ),
];

testCases(cases);

test('a table that exec rebuilds has no gap for a computed text of a JSON function', async () => {
  const { connection, execute, span } = await scene(
    `CREATE TABLE notes (id INTEGER PRIMARY KEY, d TEXT, v TEXT AS (json_array(d))); INSERT INTO notes VALUES (1, 'a');`,
  );
  const { sinceSeq } = await span('notes');
  await execute(`CREATE TABLE n2 (id INTEGER PRIMARY KEY, d TEXT, v TEXT AS (json_array(d)), more TEXT);
INSERT INTO n2 (id, d) SELECT id, d FROM notes; DROP TABLE notes; ALTER TABLE n2 RENAME TO notes;`);
  expect(await span('notes')).toMatchObject({ sinceSeq, untilSeq: null });
  connection.exec(`UPDATE notes SET d = 'b'`);
  expect(captured(connection)).toMatchObject([{ old: { v: '["a"]' }, new: { v: '["b"]' } }]);
});

test('capture check has the cases of a JSON function', async () => {
  const { store } = await scene(
    `CREATE TABLE notes (k TEXT NOT NULL PRIMARY KEY, d TEXT); INSERT INTO notes VALUES ('a', 'b');`,
  );
  const found = (await store.checkCaptures([])).filter((one) => one.case.includes('JSON function'));
  expect(found.map(({ outcome }) => outcome)).toEqual(['holds', 'holds', 'holds']);
});
