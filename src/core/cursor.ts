import { crc32 } from './crc32.js';
import { DaybookError } from './errors.js';
import { keptMark } from './mark.js';
import type { Mark } from './mark.js';

/** Where a page ended, and what it was a page of. */
export interface Cursor {
  readonly order: 'newest' | 'oldest' | 'recorded';
  /** The trail as it was at the first page. */
  readonly upTo: Mark;
  /** Of the last entry shown, in milliseconds since 1970. */
  readonly ms: number;
  /** Of the last entry shown. */
  readonly seq: number;
  /** The filter's bounds as the first page resolved them, in milliseconds since 1970: `90d` must not move on. */
  readonly since?: number;
  readonly until?: number;
  /** The hash of the filter as it was asked. */
  readonly question: string;
}

const CHECKSUM_LENGTH = 8;

/** A short fingerprint (8 hexadecimal digits) of a filter as it was asked: it tells slips apart, not forgeries. */
export function questionHash(question: string): string {
  return crc32(question);
}

/** A cursor as one opaque word: letters, digits, `-` and `_`. */
export function encodeCursor(cursor: Cursor): string {
  const { order, upTo, ms, seq, since = null, until = null, question } = cursor;
  const body = Buffer.from(JSON.stringify([order, keptForm(upTo), ms, seq, since, until, question])).toString(
    'base64url',
  );
  return body + checksum(body);
}

/**
 * Reads a cursor that was made for the same order and question.
 *
 * @throws DaybookError 'usage' for a cursor that is damaged, or made for another order or filter
 */
export function decodeCursor(text: string, expected: Pick<Cursor, 'order' | 'question'>): Cursor {
  const wrong = { field: 'cursor', value: text };
  const cursor = readCursor(text);
  if (cursor === undefined) {
    throw new DaybookError('usage', 'the cursor is damaged: copy it whole, or begin again without it', wrong);
  }
  if (cursor.order !== expected.order) {
    throw new DaybookError(
      'usage',
      `the cursor was made for another order: ask in the order ${cursor.order}, not ${expected.order}`,
      wrong,
    );
  }
  if (cursor.question !== expected.question) {
    throw new DaybookError(
      'usage',
      'the cursor was made for another filter: ask with the filters that it was made for',
      wrong,
    );
  }
  return cursor;
}

function readCursor(text: string): Cursor | undefined {
  const body = text.slice(0, -CHECKSUM_LENGTH);
  if (text.slice(-CHECKSUM_LENGTH) !== checksum(body)) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(fields)) return undefined;
  const [order, upTo, ms, seq, since, until, question] = fields as unknown[];
  if (order !== 'newest' && order !== 'oldest' && order !== 'recorded') return undefined;
  const mark = markOf(upTo);
  if (mark === undefined || !isWhole(ms) || !isWhole(seq) || typeof question !== 'string') return undefined;
  return {
    order,
    upTo: mark,
    ms,
    seq,
    ...(isWhole(since) && { since }),
    ...(isWhole(until) && { until }),
    question,
  };
}

/** A mark that is a whole number stands in a cursor as one: the first cursors had a seq there. */
function keptForm(mark: Mark): string | number {
  const number = Number(mark);
  return isWhole(number) && String(number) === mark ? number : mark;
}

function markOf(kept: unknown): Mark | undefined {
  return isWhole(kept) || typeof kept === 'string' ? keptMark(String(kept)) : undefined;
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

// Taken of the encoded text, not of what it encodes: base64 has several spellings for the same bytes.
function checksum(body: string): string {
  return crc32(body);
}
