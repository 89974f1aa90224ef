import { DaybookError } from './errors.js';

/** One statement of a script in SQLite's SQL, with what has to be known of it before it runs. */
export interface SqlStatement {
  /** From its first token to its last: without the comments around it, and without the semicolon. */
  readonly text: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  /** The bare words that it begins with, in upper case, behind an EXPLAIN: `ROLLBACK TO A`. */
  readonly words: readonly string[];
  /** Whether an EXPLAIN stands before it, so that it does nothing. */
  readonly explained: boolean;
  /** What ALTER TABLE and DROP TABLE are about. */
  readonly table: SqlName | null;
  /** The pragma that it is, in lower case. */
  readonly pragma: string | null;
  /** What SAVEPOINT, RELEASE and ROLLBACK TO are about. */
  readonly savepoint: string | null;
  /** The first parameter in it, which would need a value. */
  readonly parameter: string | null;
  /** A table of the trail, or something on one, that it makes, changes, or takes away. */
  readonly own: string | null;
}

export interface SqlName {
  readonly schema: string | null;
  /** As it is, without its quotes. */
  readonly name: string;
}

/**
 * Splits a script into its statements, token by token as SQLite itself reads it: what looks like a semicolon or a word
 * inside of a text, a quoted name, a comment or the body of a trigger is none. Empty statements are left out. What SQLite
 * cannot read ends up in some statement, for SQLite to say what is wrong with it.
 *
 * @throws DaybookError 'data' for a script with NUL, behind which SQLite would read nothing
 */
export function splitStatements(text: string): SqlStatement[] {
  const nul = text.indexOf('\0');
  if (nul >= 0) throw new DaybookError('data', `the SQL holds NUL in line ${lineBreaks(text, 0, nul) + 1}`);
  const statements: SqlStatement[] = [];
  let reader: StatementReader | undefined;
  let line = 1;
  let counted = 0;
  for (let token = tokenAt(text, 0); token !== undefined; token = tokenAt(text, token.end)) {
    if (token.kind === 'semicolon' && (reader === undefined || reader.isWhole())) {
      if (reader !== undefined) statements.push(reader.statement());
      reader = undefined;
      continue;
    }
    if (reader === undefined) {
      line += lineBreaks(text, counted, token.start);
      counted = token.start;
      reader = statementReader(text, token.start, line);
    }
    reader.take(token);
  }
  if (reader !== undefined) statements.push(reader.statement());
  return statements;
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/**
 * `word` is a keyword or a name, `name` one in quotes: only its place tells a name in single quotes from a text. A blob,
 * such as x'00', counts as a word and a text: it ends where that text does.
 */
type Kind = 'word' | 'name' | 'parameter' | 'semicolon' | 'other';

interface Token {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

/** All beyond ASCII belongs to words, as it does for SQLite; so does $, but not at the beginning. */
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\.?[0-9][\w$.\u0080-\uffff]*/y;
const PARAMETER = /\?[0-9]*|[$@:#][\w$\u0080-\uffff]+/y;
const SPACE = /[ \t\n\f\r\ufeff]*/y;

/** The first token at or behind a place; undefined at the end. */
function tokenAt(text: string, from: number): Token | undefined {
  const start = behindSpace(text, from);
  if (start >= text.length) return undefined;
  const [kind, end] = shapeAt(text, start);
  return { kind, start, end };
}

/** Behind white space, comments, and byte order marks between tokens, which SQLite takes for space. */
function behindSpace(text: string, from: number): number {
  for (let position = from; ;) {
    position = endOf(SPACE, text, position);
    if (text.startsWith('--', position)) {
      position = behind(text, '\n', position);
    } else if (text.startsWith('/*', position) && position + 2 < text.length) {
      // At the very end of a text, these are a division and a star.
      position = behind(text, '*/', position + 2);
    } else {
      return position;
    }
  }
}

function shapeAt(text: string, start: number): readonly [Kind, number] {
  const first = text.charAt(start);
  switch (first) {
    case ';':
      return ['semicolon', start + 1];
    case "'":
    case '"':
    case '`':
      return ['name', quotedEnd(text, first, start)];
    case '[':
      return ['name', behind(text, ']', start)];
  }
  const word = endOf(WORD, text, start);
  if (word > start) return ['word', word];
  const parameter = endOf(PARAMETER, text, start);
  if (parameter > start) return ['parameter', parameter];
  return ['other', Math.max(endOf(NUMBER, text, start), start + 1)];
}

/** Where a match that begins at `start` ends; `start` itself where there is none. */
function endOf(pattern: RegExp, text: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(text) ? pattern.lastIndex : start;
}

/** Behind the next `mark`, else the end. */
function behind(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

/** Behind the closing quote; one that is doubled does not close. */
function quotedEnd(text: string, quote: string, start: number): number {
  let position = start + 1;
  for (;;) {
    position = behind(text, quote, position);
    if (text.charAt(position) !== quote) return position;
    position += 1;
  }
}

/** Keywords are ASCII, and so is the case that SQLite ignores: a dotless ı must not become an I. */
function upper(text: string): string {
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}

function unquoted(text: string): string {
  const quote = text.charAt(0);
  if (quote === '[') return text.slice(1, -1);
  if (quote !== '"' && quote !== "'" && quote !== '`') return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

/** A token that its place may make a name. */
interface Word {
  /** In upper case; empty for what is no bare word. */
  readonly word: string;
  readonly text: string;
  readonly mayName: boolean;
}

const NO_WORD: Word = { word: '', text: '', mayName: false };

/** As a name; undefined for what cannot be one. */
function nameOf(word: Word | undefined): string | undefined {
  return word?.mayName === true ? unquoted(word.text) : undefined;
}

/** EXPLAIN QUERY PLAN CREATE TEMP TRIGGER, or DROP TABLE IF EXISTS main.t behind it: nothing longer has to be known. */
const HEAD = 12;

interface StatementReader {
  take(token: Token): void;
  /** Whether a semicolon would end the statement here. */
  isWhole(): boolean;
  statement(): SqlStatement;
}

/** Takes the tokens of one statement. It keeps the first few: a statement may hold a million. */
function statementReader(text: string, start: number, line: number): StatementReader {
  const head: Word[] = [];
  const own = ownTables();
  let parameter: string | null = null;
  let end = start;
  // The last two tokens, for the end of a trigger: its body is over behind `; END`.
  let last = '';
  let beforeLast = '';

  return {
    take(token) {
      const piece = text.slice(token.start, token.end);
      const bare = token.kind === 'word';
      const word = { word: bare ? upper(piece) : '', text: piece, mayName: bare || token.kind === 'name' };
      if (head.length < HEAD) head.push(word);
      if (token.kind === 'parameter') parameter ??= piece;
      own.take(word);
      end = token.end;
      beforeLast = last;
      last = token.kind === 'semicolon' ? ';' : word.word;
    },
    isWhole: () => !isTrigger(behindExplain(head)) || (last === 'END' && beforeLast === ';'),
    statement() {
      const rest = behindExplain(head);
      const words = rest.map(({ word }) => word);
      const bare = words.indexOf('');
      return {
        text: text.slice(start, end),
        line,
        words: bare < 0 ? words : words.slice(0, bare),
        explained: head[0]?.word === 'EXPLAIN',
        table: tableOf(rest),
        pragma: words[0] === 'PRAGMA' ? lower(nameAt(rest, 1)?.name ?? '') : null,
        savepoint: savepointOf(rest),
        parameter,
        own: own.found(),
      };
    },
  };
}

function behindExplain(head: readonly Word[]): readonly Word[] {
  if (head[0]?.word !== 'EXPLAIN') return head;
  return head.slice(head[1]?.word === 'QUERY' && head[2]?.word === 'PLAN' ? 3 : 1);
}

function isTrigger([create, second, third]: readonly Word[]): boolean {
  if (create?.word !== 'CREATE') return false;
  return (second?.word === 'TEMP' || second?.word === 'TEMPORARY' ? third : second)?.word === 'TRIGGER';
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A name, and the schema that it may stand in, from a place on. */
function nameAt(head: readonly Word[], place: number): SqlName | null {
  const first = nameOf(head[place]);
  if (first === undefined) return null;
  const second = head[place + 1]?.text === '.' ? nameOf(head[place + 2]) : undefined;
  return second === undefined ? { schema: null, name: first } : { schema: lower(first), name: second };
}

function tableOf(head: readonly Word[]): SqlName | null {
  const [verb, object, maybe, exists] = head;
  if (object?.word !== 'TABLE') return null;
  if (verb?.word === 'ALTER') return nameAt(head, 2);
  if (verb?.word !== 'DROP') return null;
  return nameAt(head, maybe?.word === 'IF' && exists?.word === 'EXISTS' ? 4 : 2);
}

/** `SAVEPOINT a`, `RELEASE [SAVEPOINT] a`, `ROLLBACK [TRANSACTION] TO [SAVEPOINT] a`. */
function savepointOf(head: readonly Word[]): string | null {
  const verb = head[0]?.word;
  let place = 1;
  if (verb === 'ROLLBACK') {
    if (head[place]?.word === 'TRANSACTION') place += 1;
    if (head[place]?.word !== 'TO') return null;
    place += 1;
  } else if (verb !== 'SAVEPOINT' && verb !== 'RELEASE') {
    return null;
  }
  // A savepoint may itself be called savepoint.
  if (verb !== 'SAVEPOINT' && head[place]?.word === 'SAVEPOINT' && nameOf(head[place + 1]) !== undefined) place += 1;
  return nameOf(head[place]) ?? null;
}

const OBJECTS: ReadonlySet<string> = new Set(['TABLE', 'INDEX', 'TRIGGER', 'VIEW']);
/** What may stand between a verb and the name of a table. */
const BETWEEN: ReadonlySet<string> = new Set([
  'IF',
  'NOT',
  'EXISTS',
  'OR',
  'ROLLBACK',
  'ABORT',
  'FAIL',
  'IGNORE',
  'REPLACE',
]);

/**
 * Finds the tables of the trail where a statement makes, changes or empties them, also within the body of a trigger.
 * Reading them is free; so are changes of `daybook_entries`, which its own triggers judge.
 */
function ownTables(): { take(word: Word): void; found(): string | null } {
  let found: string | null = null;
  let first: string | undefined;
  let before = NO_WORD;
  let expectsObject = false;
  // CREATE INDEX and CREATE TRIGGER name a table behind ON.
  let expectsOn = false;
  let state: 'elsewhere' | 'a name' | 'behind a name' = 'elsewhere';
  // Whether what is named is to be written, and not made, altered or dropped.
  let written = false;

  function expect(toBeWritten: boolean): void {
    state = 'a name';
    written = toBeWritten;
  }

  function see(name: string): void {
    const known = lower(name);
    if (!known.startsWith('daybook_') || (written && known === 'daybook_entries')) return;
    found ??= known;
  }

  function follow(next: Word): void {
    const { word, text } = next;
    if (first === undefined) {
      first = word;
      expectsObject = word === 'CREATE' || word === 'DROP' || word === 'ALTER';
    }
    if (state === 'behind a name') {
      state = text === '.' ? 'a name' : 'elsewhere';
      if (text === '.') return;
    }
    // ON names nothing: it stands behind the UPDATE of a trigger.
    if (state === 'a name' && word !== 'ON') {
      if (BETWEEN.has(word)) return;
      const name = nameOf(next);
      if (name !== undefined) see(name);
      state = name === undefined ? 'elsewhere' : 'behind a name';
    } else if (expectsObject && OBJECTS.has(word)) {
      expectsObject = false;
      expectsOn = first !== 'ALTER' && (word === 'INDEX' || word === 'TRIGGER');
      expect(false);
    } else if (expectsOn && word === 'ON') {
      expectsOn = false;
      expect(false);
    } else if (first === 'ALTER' && word === 'TO' && before.word === 'RENAME') {
      expect(false);
    } else if (word === 'INTO' || word === 'UPDATE' || (word === 'FROM' && before.word === 'DELETE')) {
      expect(true);
    }
  }

  return {
    take(word) {
      follow(word);
      before = word;
    },
    found: () => found,
  };
}

/** Statements that end a transaction, begin another one, or cannot run within one, with what to do instead. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ['BEGIN', 'exec runs all of its SQL in one transaction: leave it out'],
  ['COMMIT', 'exec commits when all of its SQL has run: leave it out'],
  ['END', 'exec commits when all of its SQL has run: leave it out'],
  ['ROLLBACK', 'it would end the transaction that exec runs its SQL in'],
  ['VACUUM', 'it cannot run in a transaction'],
  ['ATTACH', 'exec changes one database, whose trail it writes to'],
  ['DETACH', 'exec changes one database, whose trail it writes to'],
]);

/** Pragmas that only read, and those that do what they say within a transaction and no harm to the trail. */
const PRAGMAS: ReadonlySet<string> = new Set([
  'application_id',
  'collation_list',
  'compile_options',
  'database_list',
  'defer_foreign_keys',
  'foreign_key_check',
  'foreign_key_list',
  'freelist_count',
  'function_list',
  'index_info',
  'index_list',
  'index_xinfo',
  'integrity_check',
  'legacy_alter_table',
  'module_list',
  'optimize',
  'page_count',
  'pragma_list',
  'quick_check',
  'recursive_triggers',
  'table_info',
  'table_list',
  'table_xinfo',
  'user_version',
]);

/** How a statement is named in a message: where it stands and how it begins. */
export function statementName(statement: SqlStatement): string {
  const start = statement.text.slice(0, 200).replaceAll(/\s+/g, ' ');
  return `line ${statement.line}, ${start.length > 60 ? `${start.slice(0, 59).trimEnd()}…` : start}`;
}

function refused(statement: SqlStatement, reason: string, hint?: string): DaybookError {
  const text = `${statementName(statement)}: ${reason}`;
  return new DaybookError('usage', text, hint === undefined ? {} : { hint });
}

/**
 * Refuses a statement that would end the transaction around it, cannot run in one, or touches what belongs to the trail.
 *
 * @throws DaybookError 'usage', naming its line and how it begins
 */
export function refuseOutside(statement: SqlStatement): void {
  const [word] = statement.words;
  const reason = word === undefined || statement.savepoint !== null ? undefined : OUTSIDE.get(word);
  if (word !== undefined && reason !== undefined) throw refused(statement, `${word} is refused, since ${reason}`);
  if (statement.pragma !== null) refusePragma(statement, statement.pragma);
  if (statement.parameter !== null) {
    throw refused(statement, `${statement.parameter} is a parameter, and there is no value for it: write the value`);
  }
  if (statement.own !== null && !statement.explained) {
    throw refused(statement, `${statement.own} belongs to the trail, which only daybook's own commands change`);
  }
}

/** SQLite runs some pragmas while it reads them: an EXPLAIN before one makes no difference. */
function refusePragma(statement: SqlStatement, pragma: string): void {
  if (PRAGMAS.has(pragma)) return;
  if (pragma === 'foreign_keys') {
    throw refused(
      statement,
      'PRAGMA foreign_keys is refused, since SQLite ignores it within a transaction: leave it out, and say it with --foreign-keys',
      '… --foreign-keys off',
    );
  }
  throw refused(
    statement,
    `PRAGMA ${pragma} is refused, since it does nothing or harm within a transaction; allowed are ${[...PRAGMAS].join(', ')}`,
  );
}

/**
 * Refuses savepoints that do not stand in pairs: a RELEASE or ROLLBACK TO without its SAVEPOINT, and a SAVEPOINT that is
 * never released.
 *
 * @throws DaybookError 'usage', naming line and statement
 */
export function refuseUnbalanced(statements: readonly SqlStatement[]): void {
  let open: { readonly name: string; readonly statement: SqlStatement }[] = [];
  for (const statement of statements) {
    if (statement.savepoint === null || statement.explained) continue;
    const name = lower(statement.savepoint);
    if (statement.words[0] === 'SAVEPOINT') {
      open.push({ name, statement });
      continue;
    }
    const place = open.findLastIndex((savepoint) => savepoint.name === name);
    if (place < 0) throw refused(statement, `there is no savepoint ${statement.savepoint} to go back to or to release`);
    // Going back to a savepoint leaves it open.
    open = open.slice(0, statement.words[0] === 'RELEASE' ? place : place + 1);
  }
  const left = open.at(-1);
  if (left !== undefined) throw refused(left.statement, `the savepoint is never released`);
}
