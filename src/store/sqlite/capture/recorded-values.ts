import { isLosslessNumber } from 'lossless-json';
import { isJsonObject, madeDocumentIn } from '../../../core/json.js';
import type { JsonText } from '../../../core/entry.js';
import type { JsonDocument } from '../../../core/json.js';

/** A value as SQLite has it: an integer is a bigint, a number is a real. */
export type SqlValue = null | bigint | number | string | Buffer;

const LEAST_INTEGER = -(2n ** 63n);
const GREATEST_INTEGER = 2n ** 63n - 1n;

/** The values of a row as capture recorded it, exactly, by column; undefined for what capture does not make. */
export function readRecorded(text: JsonText): ReadonlyMap<string, SqlValue> | undefined {
  const document = madeDocumentIn(text);
  if (!isJsonObject(document)) return undefined;
  const values = new Map<string, SqlValue>();
  for (const [column, recorded] of Object.entries(document)) {
    const value = valueOf(recorded);
    if (value === undefined) return undefined;
    values.set(column, value);
  }
  return values;
}

/** A value of an entry as SQLite had it, or undefined for what capture does not write. */
export function valueOf(recorded: JsonDocument): SqlValue | undefined {
  if (recorded === null || typeof recorded === 'string') return recorded;
  if (isLosslessNumber(recorded)) return numberOf(recorded.value);
  if (!isJsonObject(recorded) || Object.keys(recorded).length !== 1) return undefined;
  const blob = recorded['$blob'];
  if (typeof blob === 'string') return /^(?:[0-9a-f]{2})*$/.test(blob) ? Buffer.from(blob, 'hex') : undefined;
  const real = recorded['$real'];
  return typeof real === 'string' ? exactReal(real) : undefined;
}

function numberOf(text: string): SqlValue | undefined {
  if (/[.eE]/.test(text)) return Number(text);
  const integer = BigInt(text);
  return integer >= LEAST_INTEGER && integer <= GREATEST_INTEGER ? integer : undefined;
}

/** `inf`, `-inf`, or a number and the power of two that it is times. */
function exactReal(text: string): number | undefined {
  if (text === 'inf') return Infinity;
  if (text === '-inf') return -Infinity;
  const parts = /^(?<digits>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)p(?<exponent>-?\d{1,4})$/.exec(text)?.groups;
  if (parts === undefined) return undefined;
  // In two steps: a power of two may be beyond what a number holds where the product is not.
  const exponent = Number(parts['exponent']);
  const half = Math.trunc(exponent / 2);
  return Number(parts['digits']) * 2 ** half * 2 ** (exponent - half);
}

/** Whether two values are the same to the last digit, and of one type: 1 is not 1.0. */
export function sameSqlValue(one: SqlValue, other: SqlValue): boolean {
  if (Buffer.isBuffer(one)) return Buffer.isBuffer(other) && one.equals(other);
  return one === other;
}

/** What may neither stand in a line of a script nor be seen by a terminal; a line feed may. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** SQLite takes an expression of a thousand levels. */
const MOST_PIECES = 100;

/** A value as SQL that any SQLite reads back exactly; `encoding` is the database's. */
export function valueLiteral(value: SqlValue, encoding: string): string {
  if (value === null) return 'NULL';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return realLiteral(value);
  if (Buffer.isBuffer(value)) return `x'${value.toString('hex')}'`;
  return textLiteral(value, encoding);
}

function textLiteral(text: string, encoding: string): string {
  if (!HIDDEN.test(text.replaceAll('\n', ''))) return quotedText(text);
  const pieces: string[] = [];
  let plain = '';
  let hidden: number[] = [];
  const flush = (): void => {
    if (plain !== '') pieces.push(quotedText(plain));
    if (hidden.length > 0) pieces.push(`char(${hidden.join(', ')})`);
    plain = '';
    hidden = [];
  };
  for (const character of text) {
    const isHidden = character !== '\n' && HIDDEN.test(character);
    if (isHidden ? plain !== '' || hidden.length === 50 : hidden.length > 0) flush();
    if (isHidden) hidden.push(character.codePointAt(0) ?? 0);
    else plain += character;
  }
  flush();
  return pieces.length <= MOST_PIECES ? `(${pieces.join(' || ')})` : `CAST(x'${bytesOf(text, encoding)}' AS TEXT)`;
}

function quotedText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function bytesOf(text: string, encoding: string): string {
  if (encoding === 'UTF-8') return Buffer.from(text).toString('hex');
  const bytes = Buffer.from(text, 'utf16le');
  return (encoding === 'UTF-16be' ? bytes.swap16() : bytes).toString('hex');
}

const DIGITS = new DataView(new ArrayBuffer(8));

/**
 * A real as SQL. SQLite's releases differ in how they read many digits, so all but the plainest are a whole number
 * divided or multiplied by powers of two, which every release does exactly.
 */
function realLiteral(value: number): string {
  if (value === Infinity) return '9e999';
  if (value === -Infinity) return '-9e999';
  const text = String(value);
  if (Number.isInteger(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
    return Object.is(value, -0) ? '-0.0' : `${text}.0`;
  }
  if (Number.isInteger(value * 1024) && !text.includes('e') && text.length < 16) return text;
  DIGITS.setFloat64(0, value);
  const bits = DIGITS.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  let whole = (bits & 0xfffffffffffffn) | (field === 0 ? 0n : 1n << 52n);
  let exponent = Math.max(field, 1) - 1075;
  for (; whole % 2n === 0n; whole /= 2n) exponent += 1;
  const steps: string[] = [];
  for (let left = Math.abs(exponent); left > 0; left -= 62) steps.push(String(1n << BigInt(Math.min(left, 62))));
  const scaled = steps.map((step) => ` ${exponent < 0 ? '/' : '*'} ${step}`).join('');
  return `(${value < 0 ? '-' : ''}${whole} * 1.0${scaled} /* ${text} */)`;
}
