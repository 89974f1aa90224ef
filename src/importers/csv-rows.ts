import { isUtf8 } from 'node:buffer';
import { DaybookError } from '../core/errors.js';

/** A record of CSV (RFC 4180). */
export interface CsvRecord {
  /** Where it begins, counted from 1: a field in quotes may hold line breaks. */
  readonly line: number;
  /** As it stands there, without its line end. */
  readonly text: string;
  /** Null is a cell with nothing in it, the empty text one of two quotes. */
  readonly cells: readonly (string | null)[];
}

/** What is no record: the line on which it begins, as it stands there. The lines behind are read on their own. */
export interface BrokenCsv {
  readonly line: number;
  /** In Latin-1 where it is no UTF-8, so that none of it is lost. */
  readonly text: string;
  readonly problem: string;
}

export interface CsvRules {
  /** What a quote within a field that does not begin with one is: a character of it, or a mistake. */
  readonly bareQuotes: 'text' | 'broken';
  /** What stands between cells: one character of ASCII, a comma where it is not given. */
  readonly delimiter?: string | undefined;
  /** How many bytes a record of several lines may have: beyond, a quote was never closed, and would swallow the file. */
  readonly longest?: number;
  /** How many bytes are gone through at a time. */
  readonly piece?: number;
}

const LONGEST_RECORD = 1024 * 1024;
/** As that of JSON lines. */
const LONGEST_LINE = 64 * 1024 * 1024;
const PIECE = 64 * 1024;
const PAGE = 500;

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

const NEVER_CLOSED = 'a quote is opened and never closed';
const TEXT_BEHIND = 'text behind the quote that closes a field';
const BARE_QUOTE = 'a quote within a field that does not begin with one';
const NO_UTF8 = 'not valid UTF-8';

/**
 * Reads CSV in UTF-8 as it arrives, in pages of rows, the header like any other. Lines end with LF or CRLF, or with CR
 * where the first one does; empty lines are no records. Memory does not grow with the file.
 *
 * Where a record is broken, only the line on which it begins is taken for it, and the next one may begin on the line
 * behind: so every line is in one record or in one that is broken, and a line has its number whatever stands before it.
 * Broken are: a quote that is open at the end of the file, or with which a record of several lines passes 1 MB; text
 * behind a closing quote; and what is no UTF-8, to the end of its record.
 * Throws kind `data` for a line of more than 64 MB.
 */
export async function* csvRows(
  chunks: AsyncIterable<Uint8Array>,
  { bareQuotes, delimiter = ',', longest = LONGEST_RECORD, piece = PIECE }: CsvRules,
): AsyncGenerator<readonly (CsvRecord | BrokenCsv)[], void> {
  const place: Place = {
    line: 1,
    lineEnd: undefined,
    strict: bareQuotes === 'broken',
    delimiter: delimiter.charCodeAt(0),
    longest,
    tooLong: `longer than ${longest} bytes, over several lines: is a quote never closed?`,
    dead: undefined,
  };
  let held: Buffer = Buffer.alloc(0);
  let arrived: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    arrived.push(chunk);
    size += chunk.byteLength;
    // A record that goes on is read again from its beginning: with twice as much each time, that is cheap.
    if (size < Math.max(piece, held.length)) continue;
    held = yield* rowsIn(Buffer.concat([held, ...arrived]), place, false);
    arrived = [];
    size = 0;
  }
  yield* rowsIn(Buffer.concat([held, ...arrived]), place, true);
}

/** How far a file is read. */
interface Place {
  /** The number of the line on which the next bytes begin. */
  line: number;
  /** What ends a line; undefined before the first one. */
  lineEnd: typeof LINE_FEED | typeof CARRIAGE_RETURN | undefined;
  readonly strict: boolean;
  readonly delimiter: number;
  readonly longest: number;
  /** What is said of a record that is longer. */
  readonly tooLong: string;
  dead: DeadEnd | undefined;
}

/**
 * What came of the last record that is broken: its line ends before `to` stand in its quotes. One that begins on a line
 * behind and has any of them in its quotes, too, goes the same way from there on. Without that, each line of a file could
 * be read anew for each line before it.
 */
interface DeadEnd {
  readonly to: number;
  readonly problem: string;
}

/** Yields the rows that begin and end in these bytes; returns the bytes behind them. */
function* rowsIn(bytes: Buffer, place: Place, isLast: boolean): Generator<readonly (CsvRecord | BrokenCsv)[], Buffer> {
  let rows: (CsvRecord | BrokenCsv)[] = [];
  let start = 0;
  if (place.lineEnd === undefined) {
    place.lineEnd = lineEndOf(bytes) ?? (isLast || bytes.length > place.longest ? LINE_FEED : undefined);
    if (place.lineEnd === undefined) return bytes;
    if (bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) start = 3;
  }
  const { lineEnd } = place;
  while (start < bytes.length) {
    const found = scan(bytes, start, place, place.dead, isLast);
    const ended = found === undefined || 'problem' in found ? lineEndAt(bytes, start, lineEnd) : found.to;
    if (ended - start > LONGEST_LINE) {
      throw new DaybookError('data', `line ${place.line} is longer than ${LONGEST_LINE} bytes`);
    }
    // The line that is broken is told whole.
    if (found === undefined || (ended === bytes.length && !isLast)) break;
    const { line } = place;
    if ('problem' in found) {
      if (found.to !== undefined) place.dead = { to: found.to, problem: found.problem };
      rows.push({ line, problem: found.problem, text: lineText(bytes, start, ended) });
      start = ended + 1;
      place.line += 1;
    } else {
      // An empty line is no record.
      if (found.to > start) rows.push(rowOf(bytes, start, found, line));
      place.line += 1 + (found.isOverLines ? count(bytes, lineEnd, start, found.to) : 0);
      start = found.next;
    }
    if (rows.length < PAGE) continue;
    yield rows;
    rows = [];
  }
  if (rows.length > 0) yield rows;
  const { dead } = place;
  if (dead !== undefined) place.dead = { ...dead, to: dead.to - start };
  return bytes.subarray(start);
}

interface Whole {
  /** Behind its last character. */
  readonly to: number;
  /** Behind its line end. */
  readonly next: number;
  /** Where each cell begins and ends, without its quotes. */
  readonly cells: readonly number[];
  readonly isOverLines: boolean;
}

interface Broken {
  readonly problem: string;
  /** Of a dead end; undefined where no line end stands in its quotes. */
  readonly to: number | undefined;
}

/** A record as far as it was gone through. */
interface Reached {
  readonly start: number;
  readonly cells: number[];
  /** The last line end that stands in quotes, or -1. */
  last: number;
  /** Whether a dead end was jumped over, and with it the ends of cells. */
  hasJumped: boolean;
}

/** Finds the end of the record that begins at `start`, or gives undefined where more bytes have to tell. */
function scan(
  bytes: Buffer,
  start: number,
  place: Place,
  dead: DeadEnd | undefined,
  isLast: boolean,
): Whole | Broken | undefined {
  const size = bytes.length;
  const reached: Reached = { start, cells: [], last: -1, hasJumped: false };
  for (let at = start; ;) {
    const isQuoted = bytes[at] === QUOTE;
    const from = isQuoted ? at + 1 : at;
    if (isQuoted) {
      const closing = closingQuote(bytes, from, reached, place, dead);
      if (closing === undefined) return dead;
      if (closing >= size) return neverClosed(size, reached, place, isLast);
      reached.cells.push(from, closing);
      at = closing + 1;
    } else {
      at = bareEnd(bytes, from, place);
      if (bytes[at] === QUOTE) return broken(BARE_QUOTE, at, reached, place);
    }
    if (at >= size && !isLast) return undefined;
    if (bytes[at] !== place.delimiter) {
      const ended = recordEnd(bytes, { from, at, isQuoted }, reached, place, isLast);
      return ended === 'jumped' ? scan(bytes, start, place, undefined, isLast) : ended;
    }
    if (!isQuoted) reached.cells.push(from, at);
    at += 1;
  }
}

/** The quote that closes a field, or the end of the bytes; undefined where the record goes the way of the dead end. */
function closingQuote(
  bytes: Buffer,
  from: number,
  reached: Reached,
  { lineEnd, tooLong }: Place,
  dead: DeadEnd | undefined,
): number | undefined {
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      if (bytes[at + 1] !== QUOTE) return at;
      at += 1;
    } else if (byte === lineEnd) {
      if (dead !== undefined && at < dead.to) {
        if (dead.problem !== tooLong) return undefined;
        at = dead.to;
        reached.hasJumped = true;
      }
      reached.last = at;
    }
  }
  return at;
}

/** The end of a field without quotes; where a quote may not stand in one, that quote. */
function bareEnd(bytes: Buffer, from: number, { lineEnd, strict, delimiter }: Place): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== delimiter && bytes[at] !== lineEnd && !(strict && bytes[at] === QUOTE))
    at += 1;
  return at;
}

function neverClosed(size: number, reached: Reached, place: Place, isLast: boolean): Broken | undefined {
  if (isLast) return broken(NEVER_CLOSED, size, reached, place);
  const isTooLong = reached.last >= 0 && size - reached.start > place.longest;
  return isTooLong ? broken(place.tooLong, size, reached, place) : undefined;
}

function broken(problem: string, at: number, { start, last }: Reached, { longest, tooLong }: Place): Broken {
  if (last < 0) return { problem, to: undefined };
  return at - start > longest ? { problem: tooLong, to: last } : { problem, to: at };
}

/** What comes of a record whose last field ends at `at`; `jumped` where it is whole, and cells were jumped over. */
function recordEnd(
  bytes: Buffer,
  { from, at, isQuoted }: { readonly from: number; readonly at: number; readonly isQuoted: boolean },
  reached: Reached,
  place: Place,
  isLast: boolean,
): Whole | Broken | 'jumped' | undefined {
  const { start, cells, last, hasJumped } = reached;
  const { lineEnd, longest, tooLong } = place;
  // A carriage return belongs to the line end, also where the file ends between the two.
  const returns = lineEnd === LINE_FEED;
  const to = returns && !isQuoted && at > from && bytes[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
  const end = returns && isQuoted && bytes[at] === CARRIAGE_RETURN ? at + 1 : at;
  if (end >= bytes.length && !isLast) return undefined;
  if (end < bytes.length && bytes[end] !== lineEnd) return broken(TEXT_BEHIND, to, reached, place);
  if (last >= 0 && to - start > longest) return broken(tooLong, to, reached, place);
  if (hasJumped) return 'jumped';
  if (!isQuoted) cells.push(from, to);
  return { to, next: end + 1, cells, isOverLines: last >= 0 };
}

function rowOf(bytes: Buffer, start: number, { to, cells: ends }: Whole, line: number): CsvRecord | BrokenCsv {
  const text = bytes.toString('utf8', start, to);
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, to))) {
    return { line, problem: NO_UTF8, text: bytes.toString('latin1', start, to) };
  }
  // Only ASCII has as many characters as bytes: its cells can be cut out of the text.
  const isAscii = text.length === to - start;
  const cells: (string | null)[] = [];
  for (let index = 0; index < ends.length; index += 2) {
    const [from = 0, until = 0] = [ends[index], ends[index + 1]];
    const isQuoted = from > start && bytes[from - 1] === QUOTE;
    if (from === until) {
      cells.push(isQuoted ? '' : null);
      continue;
    }
    const cell = isAscii ? text.slice(from - start, until - start) : bytes.toString('utf8', from, until);
    cells.push(isQuoted && cell.includes('"') ? cell.replaceAll('""', '"') : cell);
  }
  return { line, text, cells };
}

/** What ends the first line, where it is no part of a name in quotes; undefined where that is not seen yet. */
function lineEndOf(bytes: Buffer): Place['lineEnd'] {
  let isQuoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) isQuoted = !isQuoted;
    if (isQuoted) continue;
    if (byte === LINE_FEED) return LINE_FEED;
    if (byte !== CARRIAGE_RETURN) continue;
    if (at + 1 === bytes.length) return undefined;
    return bytes[at + 1] === LINE_FEED ? LINE_FEED : CARRIAGE_RETURN;
  }
  return undefined;
}

function lineEndAt(bytes: Buffer, from: number, lineEnd: number): number {
  const found = bytes.indexOf(lineEnd, from);
  return found < 0 ? bytes.length : found;
}

function lineText(bytes: Buffer, from: number, to: number): string {
  const until = to > from && bytes[to - 1] === CARRIAGE_RETURN ? to - 1 : to;
  const line = bytes.subarray(from, until);
  return line.toString(isUtf8(line) ? 'utf8' : 'latin1');
}

function count(bytes: Buffer, byte: number, from: number, to: number): number {
  let found = 0;
  for (let at = bytes.indexOf(byte, from); at >= 0 && at < to; at = bytes.indexOf(byte, at + 1)) found += 1;
  return found;
}
