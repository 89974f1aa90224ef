import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { statementHead } from '../../src/core/statement-head.js';
import { sqlScript, statementName } from '../../src/store/sqlite/exec/sql-script.js';
import type { SqlStatement, WholeStatement } from '../../src/store/sqlite/exec/sql-script.js';

interface Scene {
  readonly connection: Database.Database;
  /** The first statement of a text, as SQLite itself reads it; undefined where it reads none. */
  readonly asSqliteReads: (text: string) => string | undefined;
}

function scene(): Scene {
  let log: string[] | undefined;
  const connection = new Database(':memory:', {
    verbose: (sql) => {
      log?.push(String(sql));
      // Thrown between reading and running: nothing happens but that.
      if (log !== undefined) throw new Error('read');
    },
  });
  onTestFinished(() => void connection.close());
  connection.exec('CREATE TABLE t (a, b, "c;d")');
  return {
    connection,
    asSqliteReads: (text) => {
      log = [];
      try {
        connection.exec(text);
      } catch {
        // What it says is no matter here.
      }
      const [first] = log;
      log = undefined;
      return first;
    },
  };
}

/** QUERY PLAN is none, and fails when it is run; only behind the EXPLAIN that is put before it it looks like one. */
function isRead({ words }: SqlStatement): boolean {
  return words.length > 0 && words[0] !== 'QUERY';
}

/** The statements of a script up to the first that is none, each run as it is read. */
function statements({ connection, asSqliteReads }: Scene, text: string): WholeStatement[] {
  const script = sqlScript(connection, text);
  const read: WholeStatement[] = [];
  try {
    for (let next = script.next(); next !== undefined && isRead(next); next = script.next()) {
      const whole = script.complete(next);
      read.push(whole);
      // The same, but for blanks and comments behind it.
      const first = asSqliteReads(text.slice(whole.start)) ?? '';
      expect(whole.text.startsWith(first), JSON.stringify([text, whole.text, first])).toBe(true);
      expect(statementHead(whole.text.slice(first.length), 0), JSON.stringify([text, whole.text])).toBeUndefined();
      connection.exec(whole.text);
    }
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
  }
  return read;
}

/** Without the semicolon. */
const texts = (text: string): string[] => statements(scene(), text).map((each) => each.text.replace(/;$/, ''));

describe('a script falls into its statements', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['space, comments and semicolons', '\ufeff ;; -- a;\n/* ; */;\t\v\ufeff', []],
    ['one without a semicolon', 'SELECT 1', ['SELECT 1']],
    ['comments around', '/* a; */ SELECT 1 -- b;\n; -- c', ['SELECT 1 -- b;\n']],
    ['comments within', 'SELECT /* ; */ 1 --;\n + 2; SELECT 3', ['SELECT /* ; */ 1 --;\n + 2', 'SELECT 3']],
    ['a comment without an end', 'SELECT 1; /* SELECT 2; SELECT 3', ['SELECT 1']],
    ['a comment that only seems to end', 'SELECT 1; /*/ SELECT 2; */ SELECT 3', ['SELECT 1', 'SELECT 3']],
    ['an empty comment', 'SELECT 1/**/; SELECT 2', ['SELECT 1/**/', 'SELECT 2']],
    ['a comment in the end', 'SELECT 1 /* ; SELECT 2; ', ['SELECT 1 /* ; SELECT 2; ']],
    ['minus and division', 'SELECT 1 - -1; SELECT 4 / 2', ['SELECT 1 - -1', 'SELECT 4 / 2']],
    ['a text', "SELECT 'a;b'; SELECT 2", ["SELECT 'a;b'", 'SELECT 2']],
    ['doubled quotes', "SELECT 'it''s;'; SELECT ''''", ["SELECT 'it''s;'", "SELECT ''''"]],
    ['a backslash, which escapes nothing', "SELECT '\\'; SELECT 2", ["SELECT '\\'", 'SELECT 2']],
    [
      'quoted names',
      'SELECT 1 "a;""b", 2 `a;``b`, 3 [a;"b]; SELECT 2',
      ['SELECT 1 "a;""b", 2 `a;``b`, 3 [a;"b]', 'SELECT 2'],
    ],
    ['a blob', "SELECT x'3b', X'3B'; SELECT 2", ["SELECT x'3b', X'3B'", 'SELECT 2']],
    ['a text without an end', "SELECT 1; SELECT 'a; b", ['SELECT 1']],
    ['a name without an end', 'SELECT 1; SELECT [a; b', ['SELECT 1']],
    [
      'a table that is made first',
      'CREATE TABLE x (a); INSERT INTO x VALUES (1)',
      ['CREATE TABLE x (a)', 'INSERT INTO x VALUES (1)'],
    ],
    [
      'a trigger',
      'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 2',
      ['CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END', 'SELECT 2'],
    ],
    [
      'two triggers, written oddly',
      'create/**/temp trigger x AFTER INSERT ON t BEGIN SELECT 1;end ;explain query plan CREATE TEMPORARY TRIGGER y AFTER INSERT ON t BEGIN SELECT 1; /* ; */ END;SELECT 2',
      [
        'create/**/temp trigger x AFTER INSERT ON t BEGIN SELECT 1;end ',
        'explain query plan CREATE TEMPORARY TRIGGER y AFTER INSERT ON t BEGIN SELECT 1; /* ; */ END',
        'SELECT 2',
      ],
    ],
    [
      'very many semicolons',
      `SELECT '${';'.repeat(1000)}', ';'; ${'SELECT 2;'.repeat(3)}`,
      [`SELECT '${';'.repeat(1000)}', ';'`, 'SELECT 2', 'SELECT 2', 'SELECT 2'],
    ],
  ])('%s', (_, script, expected) => {
    expect(texts(script)).toEqual(expected);
  });

  test('each knows its line', () => {
    const script = '-- a\nSELECT 1;\n\n/* b\n */ SELECT\n2; SELECT 3;\r\nSELECT 4';
    expect(statements(scene(), script).map(({ line }) => line)).toEqual([2, 5, 6, 7]);
  });

  test('NUL is refused, since SQLite reads nothing behind it', () => {
    expect(() => sqlScript(scene().connection, 'SELECT 1;\nSELECT 2\0; COMMIT')).toThrow(
      expect.objectContaining({ kind: 'data', message: 'the SQL holds NUL in line 2' }),
    );
  });

  test('what is wrong with a statement is what SQLite says', () => {
    const script = sqlScript(scene().connection, "SELECT 'a;b' FROM nowhere; SELECT 1; SELECT 2");
    const next = script.next();
    expect(next?.text).toBe("SELECT 'a;");
    expect(() => script.complete(next as NonNullable<typeof next>)).toThrow('no such table: nowhere');
  });

  test('what is no fault of the statement is no sign of its end', () => {
    const { connection } = scene();
    const script = sqlScript(connection, 'SELECT 1; SELECT 2');
    const next = script.next() as NonNullable<ReturnType<typeof script.next>>;
    connection.close();
    expect(() => script.complete(next)).toThrow('not open');
  });
});

test('a long statement is named by its beginning', () => {
  const text = `INSERT INTO t\n  VALUES ('${'a'.repeat(100)}')`;
  expect(statementName({ line: 3, text })).toBe(`line 3, INSERT INTO t VALUES ('${'a'.repeat(36)}…`);
  expect(statementName({ line: 1, text: 'SELECT 1 ;' })).toBe('line 1, SELECT 1');
});

const CHARACTERS = [
  ...Array.from({ length: 255 }, (_, code) => String.fromCharCode(code + 1)),
  ...'\u1680\u180e\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff',
];

test('SQLite reads each in the same way, with any character between any two of its words', () => {
  const here = scene();
  let read = 0;
  for (const character of CHARACTERS) {
    for (const gap of [character, ` ${character}`, `${character} `, `/*${character}*/`, `--${character}\n`]) {
      for (const script of [
        `${gap}SELECT${gap}1${gap};${gap}SELECT${gap}2${gap}`,
        `SELECT ';'${gap}AS x${gap};${gap};`,
      ]) {
        read += statements(here, script).length;
      }
    }
  }
  expect(read).toBeGreaterThan(1500);
});

const SOUP = [
  ["'", '"', '`', '[', ']', ';', ';', '--', '\n', '/*', '*/', '/', "x'", '(', ')', '.', ',', '$', '@', '#', '\v'],
  ['1', 'a', 'x', 'é', '\ufeff', ' ', '\\', 'SELECT 1', ';SELECT 1;', "SELECT ';'", 'CREATE', ' TEMP', ' TRIGGER x'],
  [
    ' BEGIN ',
    ' END',
    'CASE',
    'EXPLAIN ',
    'QUERY PLAN ',
    ' AFTER INSERT ON t ',
    ' ',
    ' ',
    'INSERT INTO t(a) VALUES (1)',
  ],
  ['CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1;', 'SELECT 2; END;', 'DROP TRIGGER IF EXISTS x;'],
].flat();

test('and whatever a script is', () => {
  const here = scene();
  let read = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...SOUP), { maxLength: 20 }), (parts) => {
      read += statements(here, parts.join('')).length;
    }),
    { numRuns: 10_000 },
  );
  expect(read).toBeGreaterThan(1000);
});

test('a statement of very many texts, and a script of very many statements, are no trouble', () => {
  const rows = Array.from({ length: 20_000 }, (_, index) => `(${index}, ';')`).join(', ');
  const here = scene();
  const script = sqlScript(here.connection, `INSERT INTO t (a, b) VALUES ${rows}; ${'SELECT 1; '.repeat(5000)}`);
  let count = 0;
  for (let next = script.next(); next !== undefined; next = script.next()) {
    script.complete(next);
    count += 1;
  }
  expect(count).toBe(5001);
});
