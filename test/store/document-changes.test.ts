import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { changedFields } from '../../src/core/diff.js';
import { changedPathsSql } from '../../src/store/sqlite/capture/document-changes.js';
import { runOther } from '../end-to-end/other-programs.js';

type Value = string | number | null | Buffer;

/** Two values of the column "data", and the paths that are to be named. */
type Case = readonly [before: Value, after: Value, paths: readonly string[]];

const nested = (levels: number, innermost: string): string =>
  `${'{"a":'.repeat(levels)}${innermost}${'}'.repeat(levels)}`;

const many = (count: number, value: string): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value])));

/** Pairs of documents that daybook takes: changedFields says the same of them. */
const DOCUMENTS: readonly Case[] = [
  ['{}', '{}', []],
  ['{"a":1}', ' { "a" : 1 } ', []],
  ['{"a":1,"b":2}', '{"b":2,"a":1}', []],
  [
    '{"announce":{"channelid":"1"},"level":1}',
    '{"announce":{"channelid":"2"},"level":2}',
    ['announce.channelid', 'level'],
  ],
  ['{"a":{"b":1}}', '{}', ['a']],
  ['{}', '{"a":{"b":1}}', ['a']],
  ['{"a":{"b":1}}', '{"a":{}}', ['a.b']],
  ['{"a":{}}', '{"a":{"b":{"c":1}}}', ['a.b']],
  ['{"a":{"b":1}}', '{"a":1}', ['a']],
  ['{"a":{"0":1}}', '{"a":[1]}', ['a']],
  ['{"a":[]}', '{"a":{}}', ['a']],
  ['{"a":null}', '{}', ['a']],
  ['{"a":null}', '{"a":"null"}', ['a']],
  ['{"a":true}', '{"a":"true"}', ['a']],
  ['{"a":true}', '{"a":1}', ['a']],
  ['{"a":true,"b":true}', '{"a":false,"b":true}', ['a']],
  ['{"a":0}', '{"a":false}', ['a']],
  ['{"a":null}', '{"a":{"b":1}}', ['a']],
  // Numbers, by what is written.
  ['{"a":1}', '{"a":1.0}', ['a']],
  ['{"a":1.0}', '{"a":1.00}', ['a']],
  ['{"a":100000.0}', '{"a":1e5}', ['a']],
  ['{"a":0}', '{"a":-0}', ['a']],
  ['{"a":1}', '{"a":"1"}', ['a']],
  ['{"a":1.5}', '{"a":"1.5"}', ['a']],
  ['{"a":9007199254740993}', '{"a":9007199254740992}', ['a']],
  ['{"a":12345678901234567890123}', '{"a":12345678901234567890124}', ['a']],
  ['{"a":1e400,"b":-1e400,"c":1e400}', '{"a":1e401,"b":-1e400,"c":-1e400}', ['a', 'c']],
  ['{"a\\"b":{"c.\\"\\\\":1.0}}', '{"a\\"b":{"c.\\"\\\\":1.00}}', ['a"b.c."\\']],
  // Arrays are one value, whatever is in them.
  ['{"a":[1,2]}', '{"a":[2,1]}', ['a']],
  ['{"a":[1,2]}', '{"a":[ 1 , 2 ]}', []],
  ['{"a":[1]}', '{"a":[1.0]}', ['a']],
  ['{"a":[1,{"b":[{"c":1,"d":2}]}]}', '{"a":[1,{"b":[{"d":2,"c":1}]}]}', []],
  ['{"a":[1,{"b":[{"c":1,"d":2}]}]}', '{"a":[1,{"b":[{"d":3,"c":1}]}]}', ['a']],
  ['{"a":[{"b":1},{"b":1}]}', '{"a":[{"b":2},{"c":1}]}', ['a']],
  ['{"a":[{},{}]}', '{"a":[{}]}', ['a']],
  ['{"a":["\\u0041"]}', '{"a":["A"]}', []],
  ['{"a":["\\u0041"]}', '{"a":["B"]}', ['a']],
  ['{"a":{"b":[[]],"c":[[{}]]}}', '{"a":{"b":[[[]]],"c":[[{}]]}}', ['a.b']],
  // Texts, by what they say.
  ['{"a":"\\u0041\\/","b":"\\ud83d\\ude00"}', '{"a":"A/","b":"😀"}', []],
  ['{"a":"\\u0041"}', '{"a":"\\\\u0041"}', ['a']],
  ['{"a":"\\""}', '{"a":"\\u0022"}', []],
  ['{"a":"\\\\"}', '{"a":"\\u005c"}', []],
  ['{"a":"\\\\\\""}', '{"a":"\\\\u0022"}', ['a']],
  ['{"a":"{","b":"["}', '{"a":"{{\\\\","b":"[{"}', ['a', 'b']],
  ['{"a":""}', '{"a":" "}', ['a']],
  ['{"a":"x"}', '{"a":"X"}', ['a']],
  // Keys.
  ['{"a.b":1,"a":{"b":1}}', '{"a.b":2,"a":{"b":2}}', ['a.b']],
  ['{"a":1}', '{"A":1}', ['A', 'a']],
  ['{"":{"":1.0}}', '{"":{"":2.0}}', ['.']],
  ['{"0":{"1":1.0},"-1":0}', '{"0":{"1":2.0},"-1":-0}', ['-1', '0.1']],
  ['{"\\u0041":{"b":1.0,"c":2}}', '{"A":{"c":2,"\\u0062":1.5}}', ['A.b']],
  ['{"\\u0022":1.0,"\\\\\\"":1.0}', '{"\\"":1.0,"\\\\\\"":1.5}', ['\\"']],
  ['{"$[0]":{"#-1":1.0," ":[0]}}', '{"$[0]":{"#-1":1.5," ":[-0]}}', ['$[0]. ', '$[0].#-1']],
  ['{"ä":1.0,"\\ud83d\\ude00":1,"\\n\\u2028":0}', '{"\\u00e4":1.5,"😀":2,"\\n\\u2028":-0}', ['\n\u2028', 'ä', '😀']],
  ['{"it\'s":1}', '{"it\'s":2}', ["it's"]],
  ['{"key":1,"value":2,"o":3}', '{"key":2,"value":1,"o":"key"}', ['key', 'o', 'value']],
  // Sizes.
  [nested(998, '{"b":1.0}'), nested(998, '{"b":1.00}'), [`${'a.'.repeat(998)}b`]],
  [
    `{"l":${'['.repeat(997)}{"a":1,"b":"\\u0041"}${']'.repeat(997)}}`,
    `{"l":${'['.repeat(997)}{"b":"A","a":1}${']'.repeat(997)}}`,
    [],
  ],
  [many(2000, 'x'), many(2000, 'x').replace('"k1999":"x"', '"k1999":"y"'), ['k1999']],
];

/** What other programs write: the whole column, or a key that may not have changed. */
const OTHERS: readonly Case[] = [
  [null, null, []],
  [null, '{}', ['']],
  ['{"a":1}', null, ['']],
  ['{"a":1}', '', ['']],
  ['text', 'text', []],
  ['text', 'TEXT', ['']],
  ['{"a":1', '{"a":2', ['']],
  ['{"a":1}', '{"a":1', ['']],
  ['{"a":1}x', '{"a":1}', ['']],
  ["{'a':1}", '{a:1}', ['']],
  ['[1]', '[ 1]', ['']],
  ['[{"a":1}]', '[ {"a":2}]', ['']],
  ['[{"a":1}]', '[ {"a":1}]', ['']],
  ['[]', '{}', ['']],
  ['null', '{}', ['']],
  ['"{}"', '{}', ['']],
  [1, 2, ['']],
  [1, '1', ['']],
  [Buffer.from('{"a":1}'), '{"a":1}', ['']],
  [Buffer.from('{"a":1}'), Buffer.from('{"a":2}'), ['']],
  [Buffer.from('{"a":1}'), Buffer.from('{"a":1}'), []],
  // Nested as deep as all versions read, and deeper than any does.
  [nested(1000, '1'), nested(1000, '2'), [`${'a.'.repeat(999)}a`]],
  [nested(2001, '1'), nested(2001, '2'), ['']],
  // NUL.
  ['{"a":"\\u0000b"}', '{"a":"\\u0000c"}', ['']],
  ['{"a\\u0000b":1,"c":1}', '{"a\\u0000b":1,"c":2}', ['']],
  ['{"a":1}\0b', '{"a":1}\0c', ['']],
  ['{"a":1}', '{"a":1}\0', ['']],
  // A key that stands twice in its object.
  ['{"a":1,"a":2}', '{"a":1,"a":2}', []],
  ['{"a":1,"a":2}', '{"a":1,"a":3}', ['a']],
  ['{"a":1,"a":2}', '{"a":3,"a":2}', ['a']],
  ['{"a":1,"a":1}', '{}', ['a']],
  ['{"a":1,"a":1,"a":1}', '{}', ['a']],
  ['{}', '{"a":1,"a":1,"a":1}', ['a']],
  ['{"a":1}', '{"a":1,"a":1}', ['a']],
  ['{"a":1.0,"\\u0061":1.00}', '{"a":1.0,"\\u0061":1.000}', ['a']],
  ['{"a":{"b":1},"a":{"b":1}}', '{"a":{"b":1},"a":{"b":2}}', ['a']],
  ['{"l":[{"a":1,"a":2}]}', '{"l":[{"a":1,"a":3}]}', ['l']],
  // Halves of surrogate pairs, which are not the same.
  ['{"a":"\\ud800"}', '{"a":"\\ud801"}', ['a']],
  ['{"\\ud800":"{\\ud800","b":["\\ud800"]}', '{"\\ud800":"{\\ud800","b":["\\ud801"]}', ['b']],
];

const SELECT = `SELECT ${changedPathsSql('data', '?1', '?2')}`;

const TRIGGER = `
CREATE TABLE documents (data COLLATE NOCASE);
CREATE TABLE changes (paths TEXT NOT NULL);
CREATE TRIGGER documents_updated AFTER UPDATE ON documents BEGIN
  INSERT INTO changes VALUES (${changedPathsSql('data', 'OLD."data"', 'NEW."data"')});
END;`;

function titled(item: Case): readonly [string, ...Case] {
  const [before, after] = item.map((value) => JSON.stringify(value).slice(0, 60));
  return [`${before} and ${after}`, ...item];
}

const inData = (path: string): string => (path === '' ? 'data' : `data.${path}`);

/** The paths of an answer, in the order of their text. One that stands twice stays twice. */
function paths(answer: unknown): string[] {
  expect(answer).toEqual(expect.stringMatching(/^(?:$|,")/));
  return (JSON.parse(`[${String(answer).slice(1)}]`) as string[]).toSorted();
}

function wanted(before: string, after: string): string[] {
  return [...new Set(changedFields(`{"data":${before}}`, `{"data":${after}}`))].toSorted();
}

/** A value in SQL, which cannot hold every text as it is; a mere CAST would make a text of what it is compared to. */
function inSql(value: Value): string {
  if (value === null || typeof value === 'number') return String(value);
  return typeof value === 'string'
    ? `('' || CAST(x'${Buffer.from(value).toString('hex')}' AS TEXT))`
    : `x'${value.toString('hex')}'`;
}

/** Ways to ask this process's SQLite. */
function inProcess(encoding: string): { select: Ask; trigger: Ask; close: () => void } {
  const database = new Database(':memory:');
  // What is in a schema may then call nothing but functions that are safe for anybody to call. To SQLite before 3.41 no
  // function of JSON is.
  database.exec(`PRAGMA encoding = '${encoding}'; PRAGMA trusted_schema = OFF; ${TRIGGER}`);
  const select = database.prepare(SELECT).pluck();
  const insert = database.prepare('INSERT INTO documents VALUES (?)');
  const update = database.prepare('UPDATE documents SET data = ?');
  const changes = database.prepare('SELECT paths FROM changes').pluck();
  return {
    select: (before, after) => paths(select.get({ 1: before, 2: after })),
    trigger: (before, after) => {
      database.exec('DELETE FROM documents; DELETE FROM changes');
      insert.run(before);
      update.run(after);
      return paths(changes.get());
    },
    close: () => database.close(),
  };
}

type Ask = (before: Value, after: Value) => string[];

describe.each(['UTF-8', 'UTF-16'])('the paths at which two documents differ, in %s', (encoding) => {
  const { select, trigger, close } = inProcess(encoding);
  afterAll(close);

  test.each(DOCUMENTS.map(titled))('%s', (_title, before, after, expected) => {
    expect(wanted(String(before), String(after))).toEqual(expected.map(inData));
    expect(select(before, after)).toEqual(expected.map(inData));
    expect(trigger(before, after)).toEqual(expected.map(inData));
    expect(trigger(after, before)).toEqual(expected.map(inData));
  });

  test.each(OTHERS.map(titled))('of other programs: %s', (_title, before, after, expected) => {
    expect(select(before, after)).toEqual(expected.map(inData));
    expect(trigger(before, after)).toEqual(expected.map(inData));
    expect(trigger(after, before)).toEqual(expected.map(inData));
  });

  test('are those of changedFields', () => {
    fc.assert(
      fc.property(documents, ([before, after]) => {
        const expected = wanted(before, after);
        expect(select(before, after)).toEqual(expected);
        expect(trigger(before, after)).toEqual(expected);
        expect(select(before, before)).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  test('never fail and never stay out, whatever stands in the column', () => {
    fc.assert(
      fc.property(damaged, damaged, (before, after) => {
        const answer = trigger(before, after);
        expect(answer.every((path) => path === 'data' || path.startsWith('data.'))).toBe(true);
        if (before === after) expect(answer).toEqual([]);
        else if (!isObject(before) || !isObject(after)) expect(answer).toEqual(['data']);
      }),
      { numRuns: 1000 },
    );
  });
});

test('the name of the column is a key like others', () => {
  const database = new Database(':memory:');
  for (const column of ["it's", 'a.b', 'say "a"', 'ä\n']) {
    const ask = database.prepare(`SELECT ${changedPathsSql(column, '?1', '?2')}`).pluck();
    expect(paths(ask.get({ 1: '{"b":1}', 2: '{"b":2}' }))).toEqual([`${column}.b`]);
    expect(paths(ask.get({ 1: '{"b":1}', 2: null }))).toEqual([column]);
  }
  database.close();
});

test('the sqlite3 shell says the same', async () => {
  const cases = [...DOCUMENTS, ...OTHERS];
  const script = cases.map(
    ([before, after]) => `SELECT ${changedPathsSql('data', inSql(before), inSql(after))};
DELETE FROM documents; DELETE FROM changes;
INSERT INTO documents VALUES (${inSql(before)});
UPDATE documents SET data = ${inSql(after)};
SELECT paths FROM changes;`,
  );
  const { code, stdout, stderr } = await runOther(
    'sqlite3',
    ['-bail', ':memory:'],
    `.mode list\n${TRIGGER}\n${script.join('\n')}`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const answers = stdout.split('\n').slice(0, -1).map(paths);
  expect(answers).toEqual(cases.flatMap(([, , expected]) => [expected.map(inData), expected.map(inData)]));
});

/** Two JSON texts, and what makes them: alike in much, written differently. */
type Pair = readonly [before: string, after: string];

const TEXTS = [
  '',
  'a',
  'b',
  'a.b',
  '0',
  '1',
  '-1',
  '"',
  'a"b',
  '\\',
  '\\"',
  'u0041',
  '[',
  '{',
  '{}',
  '[0]',
  '$',
  '#-1',
];
const OTHER_TEXTS = ['$.a', ' ', '\n', '\t', '/', "'", 'ä', '😀', '\u2028', '\u0001', 'A', 'data', 'constructor'];

const someText = fc.constantFrom(...TEXTS, ...OTHER_TEXTS);

const escaped = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')}"`;

const spelling = fc.constantFrom(JSON.stringify, JSON.stringify, escaped);

const number = fc.constantFrom(
  ...'0 -0 1 10 -1 1.0 1.00 1e0 10E-1 0.0 -0.0 0.1 0.10 1e400 1e401'.split(' '),
  ...'9007199254740993 9223372036854775807 9223372036854775808 12345678901234567890123'.split(' '),
);

const leaf = fc.oneof(
  fc.constantFrom('null', 'true', 'false', '{}', '[]'),
  number,
  fc.tuple(spelling, someText).map(([spell, text]) => spell(text)),
);

const sameText = fc
  .tuple(spelling, spelling, someText)
  .map(([spellBefore, spellAfter, text]): Pair => [spellBefore(text), spellAfter(text)]);

function objects(pair: fc.Arbitrary<Pair>): fc.Arbitrary<Pair> {
  const members = fc.uniqueArray(
    fc.record({ name: sameText, pair, there: fc.constantFrom('both', 'both', 'both', 'before', 'after') }),
    { maxLength: 6, selector: ({ name }) => JSON.parse(name[0]) as string },
  );
  return fc.tuple(members, fc.boolean(), fc.constantFrom('', ' ', '\n')).map(([drawn, turned, space]): Pair => {
    const before = drawn
      .filter(({ there }) => there !== 'after')
      .map((member) => `${member.name[0]}:${member.pair[0]}`);
    const after = drawn
      .filter(({ there }) => there !== 'before')
      .map((member) => `${member.name[1]}${space}:${member.pair[1]}`);
    return [`{${before.join(',')}}`, `{${(turned ? after.toReversed() : after).join(`,${space}`)}}`];
  });
}

function arrays(pair: fc.Arbitrary<Pair>): fc.Arbitrary<Pair> {
  return fc.tuple(fc.array(pair, { maxLength: 3 }), fc.constantFrom(0, 0, 1)).map(([items, missing]): Pair => {
    const after = items.slice(missing).map((item) => item[1]);
    return [`[${items.map((item) => item[0]).join(',')}]`, `[${after.join(', ')}]`];
  });
}

const { pair: drawnPair } = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { arbitrary: leaf.map((text): Pair => [text, text]), weight: 3 },
    { arbitrary: sameText, weight: 2 },
    { arbitrary: fc.tuple(leaf, leaf), weight: 2 },
    { arbitrary: objects(tie('pair')), weight: 4 },
    { arbitrary: arrays(tie('pair')), weight: 2 },
    { arbitrary: fc.tuple(tie('pair'), tie('pair')).map(([one, other]): Pair => [one[0], other[1]]), weight: 1 },
  ),
}));

const documents = objects(drawnPair);

/** Documents, most of them with something put where it does not belong. */
const damaged = fc
  .tuple(documents, fc.constantFrom('', '', '\0', '"', '\\', '{', ',"a":1', '\\u0000', '\\ud800', '1'), fc.nat())
  .map(([[before], piece, position]) => {
    const at = position % (before.length + 1);
    return before.slice(0, at) + piece + before.slice(at);
  });

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
