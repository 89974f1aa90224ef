import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { statementHead } from '../../src/core/statement-head.js';
import type { StatementHead } from '../../src/core/statement-head.js';

describe('a statement is known by how it begins', () => {
  test.each<[string, Partial<StatementHead>]>([
    ['alter/**/table users add x', { words: ['ALTER', 'TABLE', 'USERS', 'ADD', 'X'], explained: false }],
    ['EXPLAIN QUERY PLAN DROP TABLE t', { words: ['DROP', 'TABLE', 'T'], explained: true }],
    ['SELECT "a" FROM t', { words: ['SELECT'] }],
    ['end$ é commıt', { words: ['END$', 'é', 'COMMıT'] }],
    [';; -- a\n /* b */ \v\ufeffSELECT 1', { start: 19, words: ['SELECT'] }],
    ['/*/ a; */ SELECT', { start: 10 }],
    ['(SELECT 1)', { words: [] }],
    ["'a'", { words: [] }],
    ['/*', { words: [] }],
    ['ALTER TABLE Users ADD x', { table: { schema: null, name: 'Users' } }],
    ['ALTER TABLE Main."my ""users" ADD x', { table: { schema: 'main', name: 'my "users' } }],
    ["DROP TABLE IF EXISTS [my]]'", { table: { schema: null, name: 'my' } }],
    ["DROP TABLE 'us''ers'", { table: { schema: null, name: "us'ers" } }],
    ['DROP TABLE temp . `u`', { table: { schema: 'temp', name: 'u' } }],
    ['EXPLAIN QUERY PLAN DROP TABLE IF EXISTS main.t', { table: { schema: 'main', name: 't' } }],
    ['DROP TABLE if', { table: { schema: null, name: 'if' } }],
    ['DROP TABLE main.', { table: null }],
    ['DROP TABLE', { table: null }],
    ['DROP INDEX i', { table: null }],
    ['CREATE TABLE t (a)', { table: null }],
    ['PRAGMA "Foreign_Keys"=1', { pragma: 'foreign_keys' }],
    ['explain pragma main . [User_Version]', { pragma: 'user_version' }],
    ['PRAGMA (1)', { pragma: '' }],
    ['PRAGMA user_version.5', { pragma: '' }],
    ['SELECT pragma', { pragma: null }],
  ])('%s', (script, expected) => {
    expect(statementHead(script, 0)).toMatchObject(expected);
  });

  test.each(['', ' \t\n\v\f\r;\ufeff', '-- a', '/* a', ';/**/--'])('nothing is none: %j', (script) => {
    expect(statementHead(script, 0)).toBeUndefined();
  });
});

/** Every byte and every blank of Unicode, alone and behind what SQLite takes for space or for a comment. */
const CHARACTERS = [
  ...Array.from({ length: 255 }, (_, code) => String.fromCharCode(code + 1)),
  ...'\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff',
];
const GAPS = [
  ...CHARACTERS,
  ...CHARACTERS.flatMap((one) => [
    ` ${one}`,
    `${one} `,
    `/**/${one}`,
    `--${one}\n`,
    `/*${one}*/`,
    `-${one}`,
    `/${one}`,
    `;${one}`,
  ]),
];

/** A connection on which one can see whether a pragma was run. */
function watched(): { connection: Database.Database; ran: () => boolean } {
  const connection = new Database(':memory:');
  onTestFinished(() => void connection.close());
  const ran = (): boolean => {
    const on = connection.pragma('recursive_triggers', { simple: true }) === 1;
    connection.pragma('recursive_triggers = 0');
    return on;
  };
  return { connection, ran };
}

/** Has SQLite read the first statement, from where it begins for us. */
function read(connection: Database.Database, script: string, head: StatementHead): void {
  try {
    connection.prepare(script.slice(head.start));
  } catch {
    // What cannot be read may have been run all the same, and that is the question.
  }
}

const FORMS: readonly ((gap: string) => string)[] = [
  (gap) => `${gap}PRAGMA recursive_triggers=1`,
  (gap) => `PRAGMA${gap}recursive_triggers=1`,
  (gap) => `PRAGMA ${gap}recursive_triggers=1`,
  (gap) => `PRAGMA main${gap}.recursive_triggers=1`,
  (gap) => `PRAGMA main.${gap}recursive_triggers=1`,
  (gap) => `PRAGMA${gap}"recursive_triggers"=1`,
  (gap) => `PRAGMA recursive_triggers${gap}=1`,
  (gap) => `EXPLAIN${gap}PRAGMA recursive_triggers=1`,
  (gap) => `EXPLAIN ${gap}PRAGMA${gap}recursive_triggers=1`,
  (gap) => `EXPLAIN QUERY${gap}PLAN PRAGMA recursive_triggers=1`,
  (gap) => `EXPLAIN QUERY PLAN${gap}PRAGMA recursive_triggers=1`,
];

test('no pragma is run by being read that was not known for it, whatever stands between its words', () => {
  const { connection, ran } = watched();
  let seen = 0;
  for (const form of FORMS) {
    for (const gap of GAPS) {
      const script = form(gap);
      const head = statementHead(script, 0);
      if (head === undefined || head.words.length === 0) continue;
      read(connection, script, head);
      if (!ran()) continue;
      seen += 1;
      expect(head.pragma, JSON.stringify(script)).toBe('recursive_triggers');
    }
  }
  expect(seen).toBeGreaterThan(1000);
});

const SOUP = [
  [
    'PRAGMA',
    'pragma',
    'EXPLAIN',
    'QUERY',
    'PLAN',
    'main',
    'temp',
    '.',
    'recursive_triggers',
    '=',
    '1',
    '(',
    ')',
    'SELECT',
  ],
  [
    '"',
    "'",
    '`',
    '[',
    ']',
    '--',
    '\n',
    '/*',
    '*/',
    '/',
    '*',
    '-',
    ' ',
    ' ',
    ' ',
    '\v',
    '\f',
    '\t',
    '\ufeff',
    ';',
    'é',
    '$',
    '\u00a0',
  ],
  ['PRAGMA recursive_triggers=1', ' recursive_triggers=1', '"recursive_triggers"', '[recursive_triggers]', 'EXPLAIN '],
].flat();

test('nor whatever a script is', () => {
  const { connection, ran } = watched();
  let seen = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...SOUP), { maxLength: 12 }), (parts) => {
      const script = parts.join('');
      const head = statementHead(script, 0);
      if (head === undefined || head.words.length === 0) return;
      read(connection, script, head);
      if (!ran()) return;
      seen += 1;
      expect(head.pragma).toBe('recursive_triggers');
    }),
    { numRuns: 20_000 },
  );
  expect(seen).toBeGreaterThan(100);
});
