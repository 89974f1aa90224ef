/**
 * How a statement of SQLite's SQL begins: what has to be known before SQLite itself may read it. Where it ends and what it
 * does, SQLite says.
 */
export interface StatementHead {
  /** Where its first word stands. */
  readonly start: number;
  /** The bare words that it begins with, in upper case, behind an EXPLAIN; none where it begins otherwise. */
  readonly words: readonly string[];
  /** Whether an EXPLAIN stands before it, so that it does nothing. */
  readonly explained: boolean;
  /** What ALTER TABLE and DROP TABLE are about. */
  readonly table: SqlName | null;
  /** The pragma that it is, in lower case; empty for one whose name cannot be read. */
  readonly pragma: string | null;
}

interface SqlName {
  readonly schema: string | null;
  /** As it is, without its quotes. */
  readonly name: string;
}

/** DROP TABLE IF EXISTS main.t behind an EXPLAIN QUERY PLAN: nothing longer has to be known. */
const HEAD = 10;

/** The head of the first statement at or behind a place; undefined where there is none. */
export function statementHead(text: string, from: number): StatementHead | undefined {
  const start = behindSpace(text, from, SPACE_OR_SEMICOLON);
  if (start >= text.length) return undefined;
  const tokens = headTokens(text, start);
  const explained = tokens[0]?.word === 'EXPLAIN';
  const rest = tokens.slice(explained ? (tokens[1]?.word === 'QUERY' && tokens[2]?.word === 'PLAN' ? 3 : 1) : 0);
  const words = rest.map(({ word }) => word);
  const bare = words.indexOf('');
  return {
    start,
    words: bare < 0 ? words : words.slice(0, bare),
    explained,
    table: tableOf(rest),
    pragma: words[0] === 'PRAGMA' ? lower(nameAt(rest, 1)?.name ?? '') : null,
  };
}

interface Token {
  /** In upper case; empty for what is no bare word. */
  readonly word: string;
  /** What it is where a name is meant, without quotes; undefined for what is none. */
  readonly name: string | undefined;
  readonly text: string;
}

function headTokens(text: string, start: number): readonly Token[] {
  const tokens: Token[] = [];
  for (let position = start; position < text.length && tokens.length < HEAD;) {
    const token = tokenAt(text, position);
    tokens.push(token);
    // Of what is neither word, name nor dot nothing has to be known, nor of what stands behind it.
    if (token.name === undefined && token.text !== '.') break;
    position = behindSpace(text, position + token.text.length, SPACE);
  }
  return tokens;
}

/** All beyond ASCII belongs to words, as it does for SQLite; so do digits and $, but not at the beginning. */
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const CLOSING: Readonly<Record<string, string>> = { "'": "'", '"': '"', '`': '`', '[': ']' };

function tokenAt(text: string, start: number): Token {
  const first = text.charAt(start);
  const closing = CLOSING[first];
  if (closing !== undefined) {
    const piece = text.slice(start, quotedEnd(text, closing, start));
    const inside = piece.slice(1, -1);
    return { word: '', text: piece, name: closing === ']' ? inside : inside.replaceAll(closing + closing, closing) };
  }
  WORD.lastIndex = start;
  const word = WORD.exec(text)?.[0];
  return word === undefined
    ? { word: '', text: first, name: undefined }
    : { word: upper(word), text: word, name: word };
}

/** Behind the closing quote; one that is doubled does not close, but for a bracket. */
function quotedEnd(text: string, closing: string, start: number): number {
  let position = start + 1;
  for (;;) {
    position = behind(text, closing, position);
    if (closing === ']' || text.charAt(position) !== closing) return position;
    position += 1;
  }
}

/** What SQLite takes for space, and a vertical tab, which it does only behind other space: the driver always does. */
const SPACE = /[\t-\r \ufeff]*/y;
const SPACE_OR_SEMICOLON = /[\t-\r \ufeff;]*/y;

/** Behind space and comments. */
function behindSpace(text: string, from: number, space: RegExp): number {
  for (let position = from; ;) {
    space.lastIndex = position;
    space.exec(text);
    position = space.lastIndex;
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

/** Behind the next `mark`, else the end. */
function behind(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found + mark.length;
}

/** Keywords are ASCII, and so is the case that SQLite ignores: a dotless ı must not become an I. */
function upper(text: string): string {
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A name, and the schema that it may stand in, from a place on; null where one of them cannot be read. */
function nameAt(tokens: readonly Token[], place: number): SqlName | null {
  const first = tokens[place]?.name;
  if (first === undefined) return null;
  if (tokens[place + 1]?.text !== '.') return { schema: null, name: first };
  const second = tokens[place + 2]?.name;
  return second === undefined ? null : { schema: lower(first), name: second };
}

function tableOf(tokens: readonly Token[]): SqlName | null {
  const [verb, object, maybe, exists] = tokens;
  if (object?.word !== 'TABLE') return null;
  if (verb?.word === 'ALTER') return nameAt(tokens, 2);
  if (verb?.word !== 'DROP') return null;
  return nameAt(tokens, maybe?.word === 'IF' && exists?.word === 'EXISTS' ? 4 : 2);
}
