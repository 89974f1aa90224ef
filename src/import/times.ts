import { DateTime, IANAZone } from 'luxon';
import { DaybookError } from '../core/errors.js';
import type { SourceTime, SourceValue } from '../core/import.js';
import { quoted } from '../core/json.js';
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
  const time = epochTime(text) ?? writtenTime(text, name, zone);
  if (time === undefined || !isInRange(time.ms)) {
    throw new DaybookError('data', `${name} ${quoted(text)} is not a time of the years 0001 to 9999`);
  }
  return time;
}

function epochTime(text: string): SourceTime | undefined {
  // A real as SQLite and Python print it where it is large.
  const plain = /e/i.test(text) && Number.isFinite(Number(text)) ? BigInt(Math.round(Number(text))).toString() : text;
  const parts = EPOCH.exec(plain);
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

function writtenTime(text: string, name: string, zone: string | undefined): SourceTime | undefined {
  const parts = WRITTEN.exec(text.trim());
  if (parts === null) return undefined;
  const [, date = '', time = '00:00:00', fraction = '', offset] = parts;
  const finer = fraction.slice(3).replace(/0+$/, '');
  const local = `${date}T${time}.${`${fraction}000`.slice(0, 3)}`.replace(/T(\d\d:\d\d)\./, 'T$1:00.');
  if (offset !== undefined) {
    const ms = readTimestamp(`${local}${longOffset(offset)}`);
    return Number.isNaN(ms) ? undefined : { ms, finer };
  }
  if (Number.isNaN(readTimestamp(`${local}Z`))) return undefined;
  if (zone === undefined) {
    throw new DaybookError('usage', `${name} ${quoted(text)} has no offset, and nothing says in which zone it was`, {
      hint: '… --assume-tz UTC',
    });
  }
  const found = DateTime.fromISO(local, { zone: IANAZone.create(zone) });
  // A time that clocks skipped is read as if they had not yet: nothing is dropped for it.
  return found.isValid ? { ms: found.toMillis(), finer } : undefined;
}

/** `+00`, `+0530`, `+05:30` and `UTC` as `Z` or `+05:30`. */
function longOffset(offset: string): string {
  if (/^(?:z|utc)$/i.test(offset)) return 'Z';
  const digits = offset.slice(1).replaceAll(':', '').padEnd(4, '0');
  return `${offset[0]}${digits.slice(0, 2)}:${digits.slice(2, 4)}`;
}
