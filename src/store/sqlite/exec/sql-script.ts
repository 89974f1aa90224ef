import Database from 'better-sqlite3';
import { DaybookError } from '../../../core/errors.js';
import { statementHead } from '../../../core/statement-head.js';
import type { StatementHead } from '../../../core/statement-head.js';
import type { Connection } from '../engine/index.js';

/** One statement of a script, as SQLite reads it. */
export interface SqlStatement extends StatementHead {
  /** From its first word to its semicolon, or to the end of the script. */
  readonly text: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
}

/** One whose end is known, with what explains it: as the schema was when its end was found. */
export interface WholeStatement extends SqlStatement {
  readonly explanation: Database.Statement<[], Instruction>;
}

/** One instruction of a program, as EXPLAIN lists it. */
export type Instruction = readonly [
  address: number,
  opcode: string,
  p1: number,
  p2: number,
  p3: number,
  p4: string | null,
  p5: number,
];

/** Has SQLite explain what a statement does. */
export function explanation(connection: Connection, text: string): WholeStatement['explanation'] {
  return connection.prepare<[], Instruction>(`EXPLAIN ${text}`).raw();
}

/** Statements that leave the schema as it is: scripts are full of them, and looking costs as much as a small one. */
const ROWS_ONLY: ReadonlySet<string> = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'SELECT', 'VALUES', 'WITH']);

export function isOfRows({ words, explained }: SqlStatement): boolean {
  return !explained && ROWS_ONLY.has(words[0] ?? '');
}

/** How a statement is named in a message: where it stands and how it begins. */
export function statementName({ text, line }: Pick<SqlStatement, 'text' | 'line'>): string {
  const start = text
    .slice(0, 200)
    .replace(/[;\s]*$/, '')
    .replaceAll(/\s+/g, ' ');
  return `line ${line}, ${start.length > 60 ? `${start.slice(0, 59).trimEnd()}…` : start}`;
}

export function refusedStatement(statement: SqlStatement, reason: string, hint?: string): DaybookError {
  const text = `${statementName(statement)}: ${reason}`;
  return new DaybookError('usage', text, hint === undefined ? {} : { hint });
}

export interface SqlScript {
  /** The statement at or behind a place, as it begins: its text reaches to the next semicolon. Undefined at the end. */
  next(): SqlStatement | undefined;
  /**
   * Has SQLite find the end of the statement, which stands behind it from then on. What the statement needs must be there:
   * all before it have run.
   *
   * @throws SqliteError for what is no statement
   */
  complete(statement: SqlStatement): WholeStatement;
}

/**
 * A script, whose statements are read one after the other.
 *
 * @throws DaybookError 'data' for a script with NUL, behind which SQLite would read nothing
 */
export function sqlScript(connection: Connection, script: string): SqlScript {
  const nul = script.indexOf('\0');
  if (nul >= 0) throw new DaybookError('data', `the SQL holds NUL in line ${lineBreaks(script, 0, nul) + 1}`);
  let position = 0;
  let line = 1;
  let counted = 0;
  return {
    next() {
      const head = statementHead(script, position);
      if (head === undefined) return undefined;
      line += lineBreaks(script, counted, head.start);
      counted = head.start;
      return { ...head, line, text: script.slice(head.start, behindSemicolon(script, head.start)) };
    },
    complete(statement) {
      const whole = wholeStatement(connection, script, statement);
      position = statement.start + whole.text.length;
      return whole;
    },
  };
}

function lineBreaks(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Behind the next semicolon, or the end. */
function behindSemicolon(text: string, from: number): number {
  const found = text.indexOf(';', from);
  return found < 0 ? text.length : found + 1;
}

/**
 * Stands behind what may be a whole statement. Behind its end the driver passes over all of this; but within a comment, a
 * text or an unfinished statement, SQLite comes to a vertical tab with no other space right before it, and cannot read on.
 */
const END = '\n/**/\v';

/**
 * A statement up to its end: to the first semicolon up to which SQLite takes the script for a whole statement. Any further
 * one is beyond it, and so SQLite is asked for the first semicolon, the second, the fourth, ... and then for those between.
 */
function wholeStatement(connection: Connection, script: string, statement: SqlStatement): WholeStatement {
  const { start, explained } = statement;
  // Explained, no statement does anything by being read, but for a pragma: it is judged before.
  const read = (text: string): WholeStatement['explanation'] =>
    explained ? connection.prepare<[], Instruction>(text).raw() : explanation(connection, text);
  /** How the script up to a place compares with the statement: it is that, or something is missing, or there is more. */
  const compare = (end: number): WholeStatement | 'short' | 'beyond' => {
    const text = script.slice(start, end);
    try {
      return { ...statement, text, explanation: read(text + END) };
    } catch (error) {
      // The driver says by this that there is more than one statement.
      if (error instanceof RangeError) return 'beyond';
      if (error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR') return 'short';
      throw error;
    }
  };
  const ends: number[] = [];
  let from = start;
  let [short, beyond] = [-1, Infinity];
  for (let reach = 1; short < beyond - 1;) {
    while (beyond === Infinity && ends.length < reach) {
      const found = script.indexOf(';', from);
      if (found < 0) break;
      from = found + 1;
      ends.push(from);
    }
    const place = beyond === Infinity ? ends.length - 1 : Math.floor((short + beyond) / 2);
    if (place === short) break;
    const found = compare(ends[place] as number);
    if (typeof found === 'object') return found;
    if (found === 'beyond') {
      beyond = place;
    } else {
      short = place;
      reach *= 2;
    }
  }
  // No semicolon ends it: what is left must be one statement, or SQLite says what is wrong with it.
  const text = script.slice(start);
  return { ...statement, text, explanation: read(text) };
}
