import Database from 'better-sqlite3';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { refuseOutside, refuseUnbalanced, splitStatements, statementName } from '../../src/core/sql-statements.js';
import type { SqlStatement } from '../../src/core/sql-statements.js';

const texts = (script: string): string[] => splitStatements(script).map(({ text }) => text);

function only(script: string): SqlStatement {
  const [statement, ...more] = splitStatements(script);
  if (statement === undefined || more.length > 0) throw new Error(`not one statement: ${script}`);
  return statement;
}

function database(): Database.Database {
  const connection = new Database(':memory:');
  onTestFinished(() => void connection.close());
  connection.exec('CREATE TABLE t (a, b, "c;d")');
  return connection;
}

describe('a script falls into its statements', () => {
  test.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['space, comments and semicolons', '\ufeff ;; -- a;\n/* ; */;\t\ufeff', []],
    ['one without a semicolon', 'SELECT 1', ['SELECT 1']],
    ['comments around', '/* a; */ SELECT 1 -- b;\n; -- c', ['SELECT 1']],
    ['comments within', 'SELECT /* ; */ 1 --;\n + 2; SELECT 3', ['SELECT /* ; */ 1 --;\n + 2', 'SELECT 3']],
    ['a comment without an end', 'SELECT 1; /* SELECT 2; SELECT 3', ['SELECT 1']],
    ['a comment that only seems to end', 'SELECT 1; /*/ SELECT 2; */ SELECT 3', ['SELECT 1', 'SELECT 3']],
    ['what would be a comment, were it not the end', 'SELECT 1; SELECT 1 /*', ['SELECT 1', 'SELECT 1 /*']],
    ['an empty comment', 'SELECT 1/**/; SELECT 2', ['SELECT 1', 'SELECT 2']],
    ['a line comment without an end', 'SELECT 1 -- ; SELECT 2', ['SELECT 1']],
    ['minus and division', 'SELECT 1 - -1; SELECT 4 / 2', ['SELECT 1 - -1', 'SELECT 4 / 2']],
    ['a text', "SELECT 'a;b'; SELECT 2", ["SELECT 'a;b'", 'SELECT 2']],
    ['doubled quotes', "SELECT 'it''s;'; SELECT ''''", ["SELECT 'it''s;'", "SELECT ''''"]],
    ['a backslash, which escapes nothing', "SELECT '\\'; SELECT 2", ["SELECT '\\'", 'SELECT 2']],
    ['quoted names', 'SELECT "a;""b", `a;``b`, [a;"b]; SELECT 2', ['SELECT "a;""b", `a;``b`, [a;"b]', 'SELECT 2']],
    ['a blob', "SELECT x'3b', X'3B'; SELECT 2", ["SELECT x'3b', X'3B'", 'SELECT 2']],
    ['a word that ends in x', "SELECT max';'; SELECT 2", ["SELECT max';'", 'SELECT 2']],
    ['a text without an end', "SELECT 1; SELECT 'a; b", ['SELECT 1', "SELECT 'a; b"]],
    ['a name without an end', 'SELECT 1; SELECT [a; b', ['SELECT 1', 'SELECT [a; b']],
    ['numbers', 'SELECT 1e-5,.5,0x1F,1_0; SELECT 2', ['SELECT 1e-5,.5,0x1F,1_0', 'SELECT 2']],
    ['words of every kind', 'SELECT a$b, é, 💥_1; SELECT 2', ['SELECT a$b, é, 💥_1', 'SELECT 2']],
    [
      'a trigger',
      'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END; SELECT 2',
      ['CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE WHEN 1 THEN 2 END; END', 'SELECT 2'],
    ],
    [
      'two triggers, written oddly',
      'create/**/temp trigger x AFTER INSERT ON t BEGIN SELECT 1;end ;explain query plan CREATE TEMPORARY TRIGGER y AFTER INSERT ON t BEGIN SELECT 1; /* ; */ END;SELECT 2',
      [
        'create/**/temp trigger x AFTER INSERT ON t BEGIN SELECT 1;end',
        'explain query plan CREATE TEMPORARY TRIGGER y AFTER INSERT ON t BEGIN SELECT 1; /* ; */ END',
        'SELECT 2',
      ],
    ],
    [
      'a trigger at the end',
      'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END',
      ['CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END'],
    ],
    ['what is no trigger', 'CREATE TABLE trigger (a); SELECT 2', ['CREATE TABLE trigger (a)', 'SELECT 2']],
    ['a quoted word', 'CREATE "TRIGGER" x; SELECT 2', ['CREATE "TRIGGER" x', 'SELECT 2']],
  ])('%s', (_, script, expected) => {
    expect(texts(script)).toEqual(expected);
  });

  test('each knows its line', () => {
    const script = '-- a\nSELECT 1;\n\n/* b\n */ SELECT\n2; SELECT 3;\r\nSELECT 4';
    expect(splitStatements(script).map(({ line }) => line)).toEqual([2, 5, 6, 7]);
  });

  test('NUL is refused, since SQLite reads nothing behind it', () => {
    expect(() => splitStatements('SELECT 1;\nSELECT 2\0; COMMIT')).toThrow(
      expect.objectContaining({ kind: 'data', message: 'the SQL holds NUL in line 2' }),
    );
  });
});

const comment = fc.oneof(
  fc.constantFrom(' ', '\n', '\t', '\f', '\r\n', ' \ufeff'),
  fc.stringMatching(/^[;'"`[\]x/-]{0,6}$/).map((text) => `--${text}\n`),
  fc.stringMatching(/^[;'"`[\]x-]{0,6}$/).map((text) => `/*${text}*/`),
);
const gap = fc.array(comment, { minLength: 1, maxLength: 3 }).map((parts) => ` ${parts.join('')}`);
const hostile = fc.oneof(fc.stringMatching(/^[;'"`a\\/*-]{0,8}$/), fc.constant('é;💥'), fc.constant('END;'));
const value = fc.oneof(
  hostile.map((text) => `'${text.replaceAll("'", "''")}'`),
  fc.uint8Array({ maxLength: 3 }).map((bytes) => `x'${Buffer.from(bytes).toString('hex')}'`),
  fc.constantFrom('1', '.5', '1e-5', '0x1F', '1.', '-1', 'NULL', "CASE WHEN 1 THEN ';' END"),
);
const alias = fc.oneof(
  hostile.map((text) => `"${text.replaceAll('"', '""')}"`),
  hostile.map((text) => `\`${text.replaceAll('`', '``')}\``),
  fc.stringMatching(/^[;'"`a/*-]{0,6}$/).map((text) => `[${text}]`),
  fc.constantFrom('a', 'b$c', 'é', 'END', 'trigger'),
);
const spaced = (...parts: readonly (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
  fc
    .tuple(...parts.map((part) => fc.tuple(typeof part === 'string' ? fc.constant(part) : part, gap)))
    .map((pairs) => pairs.map(([part, space], index) => part + (index < pairs.length - 1 ? space : '')).join(''));
const plain = fc.oneof(
  spaced('SELECT', value, 'AS', alias, ',', value),
  spaced('with', 'x', 'AS (', 'SELECT', value, ')', 'SELECT * FROM x'),
  spaced('INSERT INTO t', '(a, "c;d")', 'VALUES (', value, ',', value, ')'),
  spaced('UPDATE t SET a =', value, 'WHERE b IS', value),
);
const trigger = fc
  .tuple(
    spaced(
      fc.constantFrom('CREATE', 'create', 'EXPLAIN CREATE', 'explain query plan CREATE'),
      fc.constantFrom('TRIGGER', 'TEMP trigger', 'temporary TRIGGER', 'TRIGGER IF NOT EXISTS'),
      fc.constantFrom('x', '"BEGIN;"', '[;END;]'),
      'AFTER INSERT ON t BEGIN',
    ),
    gap,
    fc.array(fc.tuple(plain, gap), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('END', 'end', 'eNd'),
  )
  // The words of a trigger may not be those of WITH, which it does not know.
  .map(
    ([head, space, body, end]) =>
      head + space + body.map(([each, behind]) => `${each.replace(/^with[^]*$/, 'SELECT 1')};${behind}`).join('') + end,
  );
const semicolons = fc.array(fc.oneof(fc.constant(';'), gap), { maxLength: 4 }).map((parts) => `;${parts.join('')}`);

test('statements that were joined fall apart again, and SQLite takes each for one', () => {
  const connection = database();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: plain }, trigger), semicolons), { maxLength: 6 }),
      fc.constantFrom('', '\ufeff', ';', ' -- ;\n'),
      (parts, start) => {
        const statements = splitStatements(start + parts.map(([statement, end]) => statement + end).join(''));
        expect(statements.map(({ text }) => text)).toEqual(parts.map(([statement]) => statement));
        for (const { text } of statements) connection.prepare(text);
      },
    ),
    { numRuns: 500 },
  );
});

const SOUP = [
  ["'", '"', '`', '[', ']', ';', '--', '\n', '/*', '*/', '/', "x'", '(', ')', '.', ',', '?', ':', '$', '@', '#'],
  ['1', 'a', 'x', 'é', '\ufeff', ' ', '\\', 'SELECT 1', ';SELECT 1;', 'CREATE', 'TEMP', 'TRIGGER', 'BEGIN'],
  ['END', 'CASE', 'COMMIT', ';COMMIT;', 'ROLLBACK', 'TO', 'SAVEPOINT a', 'RELEASE a', 'EXPLAIN', 'QUERY PLAN'],
  [' AFTER INSERT ON t ', ' ', ' ', ';', 'INSERT INTO t(a) VALUES (1)', 'PRAGMA foreign_keys=1', 'VACUUM'],
].flat();
const soup = fc.array(fc.constantFrom(...SOUP), { maxLength: 24 }).map((parts) => parts.join(''));

test('whatever a script is, no piece of it is more than one statement, and none ends the transaction', () => {
  const connection = database();
  fc.assert(
    fc.property(soup, (script) => {
      connection.exec('BEGIN');
      for (const statement of splitStatements(script)) {
        try {
          refuseOutside(statement);
          const prepared = connection.prepare(statement.text);
          if (prepared.reader) prepared.all();
          else prepared.run();
        } catch (error) {
          // Never a RangeError, by which the driver says that there was more.
          expect(error instanceof DaybookError || error instanceof Database.SqliteError, String(error)).toBe(true);
        }
        expect(connection.inTransaction).toBe(true);
      }
      connection.exec('ROLLBACK');
    }),
    { numRuns: 3000 },
  );
});

describe('a statement is known by', () => {
  test.each<[string, Partial<SqlStatement>]>([
    ['alter/**/table users add x', { words: ['ALTER', 'TABLE', 'USERS', 'ADD', 'X'], explained: false }],
    ['EXPLAIN QUERY PLAN DROP TABLE t', { words: ['DROP', 'TABLE', 'T'], explained: true }],
    ['SELECT "a" FROM t', { words: ['SELECT'] }],
    ['end$ é commıt', { words: ['END$', 'é', 'COMMıT'] }],
    ['ALTER TABLE Users ADD x', { table: { schema: null, name: 'Users' } }],
    ['ALTER TABLE Main."my ""users" ADD x', { table: { schema: 'main', name: 'my "users' } }],
    ["DROP TABLE IF EXISTS [my]]'", { table: { schema: null, name: 'my' } }],
    ["DROP TABLE 'us''ers'", { table: { schema: null, name: "us'ers" } }],
    ['DROP TABLE temp . `u`', { table: { schema: 'temp', name: 'u' } }],
    ['DROP TABLE if', { table: { schema: null, name: 'if' } }],
    ['DROP INDEX i', { table: null }],
    ['CREATE TABLE t (a)', { table: null }],
    ['PRAGMA "Foreign_Keys"=1', { pragma: 'foreign_keys' }],
    ['PRAGMA main.user_version', { pragma: 'user_version' }],
    ['SAVEPOINT a', { savepoint: 'a' }],
    ['RELEASE "a b"', { savepoint: 'a b' }],
    ['RELEASE SAVEPOINT a', { savepoint: 'a' }],
    ['ROLLBACK TO savepoint', { savepoint: 'savepoint' }],
    ['ROLLBACK TRANSACTION TO SAVEPOINT a', { savepoint: 'a' }],
    ['ROLLBACK TRANSACTION', { savepoint: null }],
    ['SELECT :name, ?2', { parameter: ':name' }],
    ['SELECT \':name\', "?2" -- ?', { parameter: null }],
  ])('%s', (script, expected) => {
    expect(only(script)).toMatchObject(expected);
  });
});

const refusalOf = (script: string): string | undefined => {
  try {
    const statements = splitStatements(script);
    for (const statement of statements) refuseOutside(statement);
    refuseUnbalanced(statements);
    return undefined;
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'usage') return error.message;
    throw error;
  }
};

describe('refused is', () => {
  test.each([
    ['/**/cOmMiT', 'line 1, cOmMiT: COMMIT is refused, since'],
    ['SELECT 1\n;;END', 'line 2, END: END is refused, since'],
    ['\ufeffBEGIN IMMEDIATE', 'BEGIN is refused'],
    ['ROLLBACK TRANSACTION', 'ROLLBACK is refused'],
    ['ROLLBACK', 'it would end the transaction'],
    ['VACUUM main', 'VACUUM is refused'],
    ["ATTACH 'a' AS b", 'ATTACH is refused'],
    ['DETACH b', 'DETACH is refused'],
    ['EXPLAIN COMMIT', 'COMMIT is refused'],
    ['CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; COMMIT', 'COMMIT is refused'],
    ['PRAGMA foreign_keys = ON', 'PRAGMA foreign_keys is refused'],
    ['explain PRAGMA main . "Journal_Mode" = off', 'PRAGMA journal_mode is refused'],
    ['PRAGMA synchronous', 'PRAGMA synchronous is refused'],
    ['PRAGMA writable_schema = 1', 'PRAGMA writable_schema is refused'],
    ['PRAGMA', 'is refused'],
    ['SELECT ?', '? is a parameter'],
    ['UPDATE t SET a = $a', '$a is a parameter'],
    ['RELEASE a', 'there is no savepoint a'],
    ['SAVEPOINT a; ROLLBACK TO b', 'there is no savepoint b'],
    ['SAVEPOINT a; SELECT 1', 'line 1, SAVEPOINT a: the savepoint is never released'],
    ['SAVEPOINT a; SAVEPOINT b; RELEASE a; RELEASE b', 'there is no savepoint b'],
  ])('%s', (script, message) => {
    expect(refusalOf(script)).toContain(message);
  });

  test.each([
    'DROP TABLE daybook_entries',
    'drop table if exists main."Daybook_Captures"',
    'ALTER TABLE daybook_entries ADD x',
    'ALTER TABLE mine RENAME TO daybook_mine',
    'DROP TRIGGER daybook_entries_append_only_delete',
    'DROP INDEX IF EXISTS [daybook_entries_by_time]',
    'CREATE TEMP TABLE daybook_entries (a)',
    'CREATE VIEW temp.daybook_entries AS SELECT 1',
    'CREATE TEMP TRIGGER x BEFORE INSERT ON daybook_entries BEGIN SELECT RAISE(IGNORE); END',
    'CREATE TRIGGER x AFTER UPDATE ON main.daybook_entries BEGIN SELECT 1; END',
    'CREATE UNIQUE INDEX x ON daybook_entries (ts)',
    'UPDATE daybook_prunes SET deleting = 1',
    'UPDATE OR IGNORE main.daybook_prunes SET deleting = 1',
    'DELETE FROM daybook_context',
    'WITH x AS (SELECT 1) DELETE FROM daybook_captures',
    'INSERT OR REPLACE INTO `daybook_context` (actor) VALUES (1)',
    'CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE daybook_prunes SET deleting = 1; END',
  ])('what belongs to the trail: %s', (script) => {
    expect(refusalOf(script)).toContain('belongs to the trail');
  });
});

test.each([
  '',
  "SELECT 'COMMIT', 'a; COMMIT;' -- ; COMMIT\n; /* ; COMMIT; */ SELECT \"COMMIT\" FROM [;END;]",
  'CREATE TABLE "COMMIT" (a); INSERT INTO "COMMIT" VALUES (1)',
  'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; CREATE TRIGGER y AFTER INSERT ON t BEGIN SELECT 2; END;',
  'WITH x AS (SELECT 1) SELECT * FROM x',
  'SAVEPOINT a; SAVEPOINT A; ROLLBACK TO a; RELEASE a; RELEASE SAVEPOINT "A"',
  'PRAGMA user_version = 7; PRAGMA table_info(t); PRAGMA defer_foreign_keys = ON',
  'EXPLAIN DROP TABLE daybook_entries; EXPLAIN DELETE FROM daybook_prunes',
  'comm\u0131t; END$; ENDé; éEND; _END',
  'INSERT INTO daybook_entries (action) VALUES (1)',
  'DELETE FROM daybook_entries',
  "SELECT 1 FROM daybook_prunes WHERE a IN (SELECT b FROM daybook_captures); UPDATE t SET daybook_x = 'UPDATE daybook_prunes'",
  'CREATE VIEW v AS SELECT * FROM daybook_entries JOIN t ON daybook_entries.seq = t.a',
  'CREATE TRIGGER x AFTER UPDATE OF daybook_a ON t BEGIN INSERT INTO daybook_entries (action) VALUES (1); END',
])('not refused: %s', (script) => {
  expect(refusalOf(script)).toBeUndefined();
});

test('a long statement is named by its beginning', () => {
  const statement = only(`\n\nINSERT INTO t\n  VALUES ('${'a'.repeat(100)}')`);
  expect(statementName(statement)).toBe(`line 3, INSERT INTO t VALUES ('${'a'.repeat(36)}…`);
});

test('a statement of very many tokens is no trouble', () => {
  const rows = Array.from({ length: 200_000 }, (_, index) => `(${index}, ';')`).join(', ');
  expect(splitStatements(`INSERT INTO t VALUES ${rows}; SELECT 1`)).toHaveLength(2);
});
