import { DaybookError } from '../core/errors.js';
import type { SourceTime, SourceValue } from '../core/import.js';
import { shown } from '../core/json.js';
import { instantOf } from '../core/period.js';
import { isInRange, readTimestamp } from '../core/timestamp.js';
import { textOf } from './values.js';

/** Date, time, fraction and offset, with the separators and the short offsets of SQLite, Python and psql. */
const WRITTEN =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)? ?(Z|UTC|[+-]\d\d(?::?\d\d)?(?::00)?)?$/i;

const EPOCH = /^(-?\d{1,18})(?:\.(\d{1,18}))?$/;

/** Below this, a number counts seconds (until the year 5138); below the next, milliseconds; beyond, microseconds. */
const SECONDS_BELOW = 100_000_000_000;
const MILLISECONDS_BELOW = SECONDS_BELOW * 1000;

/**
 * A time as databases and programs write it: epoch seconds, milliseconds or microseconds as a number or as digits, or
 * date and time with an offset, or without one in the assumed zone.
 * Throws kind `data` for anything else, and kind `usage` for a time without an offset where no zone is assumed.
 */
export function timeOf(value: SourceValue | undefined, name: string, zone: string | undefined): SourceTime {
  const text = textOf(value, name);
  if (text === null) throw new DaybookError('data', `${name} is missing: when it happened`);
  const time = writtenTime(text, name, zone) ?? epochTime(text);
  if (time === undefined || !isInRange(time.ms)) {
    throw new DaybookError('data', `${name} ${shown(text)} is not a time of the years 0001 to 9999`);
  }
  return time;
}

function epochTime(text: string): SourceTime | undefined {
  const parts = EPOCH.exec(withoutExponent(text));
  if (parts === null) return undefined;
  const [, whole = '', fraction = ''] = parts;
  const size = Math.abs(Number(whole));
  // How many digits of the fraction of a second stand before the point.
  const shift = size < SECONDS_BELOW ? 0 : size < MILLISECONDS_BELOW ? 3 : 6;
  const digits = whole.replace('-', '').padStart(shift + 1, '0') + fraction;
  const point = digits.length - fraction.length - shift;
  const thousandths = `${digits.slice(point)}000`.slice(0, 3);
  const finer = digits.slice(point + 3).replace(/0+$/, '');
  const ms = Number(digits.slice(0, point)) * 1000 + Number(thousandths);
  if (!whole.startsWith('-')) return { ms, finer };
  // Cut towards the past, as all times are; what is finer is then counted from there, in as many digits.
  const rest = finer === '' ? '' : (10n ** BigInt(finer.length) - BigInt(finer)).toString().padStart(finer.length, '0');
  return finer === '' ? { ms: -ms, finer } : { ms: -ms - 1, finer: rest };
}

/** A real as programs print it where it is large, Java any: the point is moved, so that no digit is lost. */
function withoutExponent(text: string): string {
  const parts = /^(-?)(\d{1,18})(?:\.(\d{1,18}))?e([+-]?\d{1,3})$/i.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = ''] = parts;
  const point = whole.length + Number(exponent);
  const digits = `${'0'.repeat(Math.max(0, 1 - point))}${whole}${fraction}`;
  const before = digits.slice(0, Math.max(point, 1)).padEnd(point, '0');
  const behind = digits.slice(Math.max(point, 1)).replace(/0+$/, '');
  return behind === '' ? `${sign}${before}` : `${sign}${before}.${behind}`;
}

function writtenTime(text: string, name: string, zone: string | undefined): SourceTime | undefined {
  const parts = WRITTEN.exec(text.trim());
  if (parts === null) return undefined;
  const [, date = '', time = '00:00:00', fraction = '', offset] = parts;
  const finer = fraction.slice(3).replace(/0+$/, '');
  const local = `${date}T${time.length === 5 ? `${time}:00` : time}.${`${fraction}000`.slice(0, 3)}`;
  if (offset !== undefined) {
    const ms = readTimestamp(`${local}${longOffset(offset)}`);
    return Number.isNaN(ms) ? undefined : { ms, finer };
  }
  const written = readTimestamp(`${local}Z`);
  if (Number.isNaN(written)) return undefined;
  if (zone === undefined) {
    throw new DaybookError('usage', `${name} ${shown(text)} has no offset, and nothing says in which zone it was`, {
      hint: '… --assume-tz UTC',
    });
  }
  return { ms: instantOf(written, zone), finer };
}

/** `+00`, `+0530`, `+05:30` and `UTC` as `Z` or `+05:30`. */
function longOffset(offset: string): string {
  if (/^(?:z|utc)$/i.test(offset)) return 'Z';
  const digits = offset.slice(1).replaceAll(':', '').padEnd(4, '0');
  return `${offset[0]}${digits.slice(0, 2)}:${digits.slice(2, 4)}`;
}
