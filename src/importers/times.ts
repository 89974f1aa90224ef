import { DaybookError } from '../core/errors.js';
import type { SourceTime, SourceValue } from '../core/import.js';
import { shown } from '../core/json.js';
import { instantOf } from '../core/period.js';
import { isInRange, longOffset, plainForm, readTimestamp } from '../core/timestamp.js';
import { textOf } from './values.js';

/** Date, time, fraction and offset, with the separators and the short offsets of SQLite, Python and psql. */
const WRITTEN =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?)? ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?(?::00)?)?$/i;

const EPOCH = /^(-?\d{1,20})(?:\.(\d{1,18}))?$/;

/** What a number since 1970 may count, with how many digits of a second stand before its point. */
export const EPOCH_UNITS = { s: 0, ms: 3, us: 6, ns: 9 } as const;
export type EpochUnit = keyof typeof EPOCH_UNITS;

/** Below this, a number counts seconds; below a thousand times as much milliseconds, and so on. */
const SECONDS_BELOW = 100_000_000_000;

/** The years in which a number that nobody explains may lie, and those of a date that it may be as well. */
const LIKELY = { from: Date.UTC(2000, 0), to: Date.UTC(2101, 0) };
const CALENDAR = { from: Date.UTC(1970, 0), to: Date.UTC(2101, 0) };

/**
 * A time as databases and programs write it: seconds, milliseconds, microseconds or nanoseconds since 1970 as a number or
 * as digits, or date and time with an offset, or without one in the assumed zone.
 * Throws kind `data` for anything else, and for a number that may be something else, and kind `usage` for a time without
 * an offset where no zone is assumed.
 */
export function timeOf(value: SourceValue | undefined, name: string, zone: string | undefined): SourceTime {
  const text = timeText(value, name);
  const written = WRITTEN.exec(text.trim()) ?? WRITTEN.exec(plainForm(text.trim()) ?? '');
  if (written !== null) return writtenTime(written, text, name, zone);
  if (EPOCH.test(withoutExponent(text))) return likelyEpoch(text, name);
  throw notTime(text, name);
}

/** The text of a time that must be there. Throws kind `data`. */
export function timeText(value: SourceValue | undefined, name: string): string {
  const text = textOf(value, name);
  if (text === null || text === '') throw new DaybookError('data', `${name} is missing: when it happened`);
  return text;
}

function notTime(text: string, name: string): DaybookError {
  return new DaybookError('data', `${name} ${shown(text)} is not a time, such as 2026-03-05T14:07:09Z or 1772000000`);
}

/** The error for a time that has the right form. */
export function notInCalendar(text: string, name: string): DaybookError {
  return new DaybookError('data', `${name} ${shown(text)} is not a time of the calendar in the years 0001 to 9999`);
}

/** A number as what it most likely is. Throws kind `data`, saying what it could be, where that is not certain. */
function likelyEpoch(text: string, name: string): SourceTime {
  const whole = withoutExponent(text).replace(/\..*$/, '');
  const size = Math.abs(Number(whole));
  const unit = (Object.keys(EPOCH_UNITS) as EpochUnit[]).find((_, place) => size < SECONDS_BELOW * 1000 ** place);
  const time = unit && epochTime(text, unit);
  const dates = calendarReadings(whole);
  if (time !== undefined && dates.length === 0 && isWithin(time.ms, LIKELY)) return time;
  const others = [...Object.keys(EPOCH_UNITS), 'excel', 'filetime'].flatMap((format) => {
    const ms = format in EPOCH_UNITS ? epochTime(text, format as EpochUnit)?.ms : otherEpoch(text, format)?.ms;
    return ms === undefined || !isWithin(ms, LIKELY) ? [] : [{ format, ms }];
  });
  const could = [...dates, ...others].map(({ format, ms }) => `${new Date(ms).toISOString()} as ${format}`);
  const told =
    could.length === 0 ? 'counted from 1970 it is not in the years 2000 to 2100' : `it could be ${could.join(' or ')}`;
  throw new DaybookError(
    'data',
    `${name} ${shown(text)} is not sure to be a time: ${told}; --time-format says what it is`,
    { hint: `… --time-format ${[...dates, ...others][0]?.format ?? 's'}` },
  );
}

function isWithin(ms: number, { from, to }: typeof LIKELY): boolean {
  return ms >= from && ms < to;
}

/** The patterns by which digits are a date, by their number. */
const DIGIT_PATTERNS: ReadonlyMap<number, string> = new Map(
  ['yyyyMMdd', 'yyyyMMddHH', 'yyyyMMddHHmm', 'yyyyMMddHHmmss', 'yyyyMMddHHmmssSSS'].map((one) => [one.length, one]),
);

/** What digits are as a date. */
function calendarReadings(digits: string): { readonly format: string; readonly ms: number }[] {
  const format = DIGIT_PATTERNS.get(digits.length);
  if (format === undefined) return [];
  const part = (from: number, to: number): string => digits.slice(from, to).padEnd(to - from, '0');
  const ms = readTimestamp(
    `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}T${part(8, 10)}:${part(10, 12)}:${part(12, 14)}.${part(14, 17)}Z`,
  );
  return isWithin(ms, CALENDAR) ? [{ format, ms }] : [];
}

/** A number of seconds, milliseconds, ... since 1970; undefined for what is no number, or too large. */
export function epochTime(text: string, unit: EpochUnit): SourceTime | undefined {
  const parts = EPOCH.exec(withoutExponent(text));
  if (parts === null) return undefined;
  const [, whole = '', fraction = ''] = parts;
  const shift = EPOCH_UNITS[unit];
  const digits = whole.replace('-', '').padStart(shift + 1, '0') + fraction;
  const point = digits.length - fraction.length - shift;
  const thousandths = `${digits.slice(point)}000`.slice(0, 3);
  const finer = digits.slice(point + 3).replace(/0+$/, '');
  const ms = Number(digits.slice(0, point)) * 1000 + Number(thousandths);
  if (!isInRange(ms)) return undefined;
  if (!whole.startsWith('-')) return { ms, finer };
  // Cut towards the past, as all times are; what is finer is then counted from there, in as many digits.
  const rest = finer === '' ? '' : (10n ** BigInt(finer.length) - BigInt(finer)).toString().padStart(finer.length, '0');
  const before = finer === '' ? { ms: -ms, finer } : { ms: -ms - 1, finer: rest };
  return isInRange(before.ms) ? before : undefined;
}

const DAY = 86_400_000;
/** Excel's day 0; its days before March 1900 are off by one. */
const EXCEL_ZERO = Date.UTC(1899, 11, 30);
const EXCEL_FIRST = 61;
/** From 1601, in tenths of a microsecond. */
const FILETIME_ZERO = 11_644_473_600_000n;

/** Excel's days, which are times of a clock without a zone, or the FILETIME of Windows; undefined for what is neither. */
export function otherEpoch(text: string, format: string): SourceTime | undefined {
  const number = withoutExponent(text);
  if (format === 'filetime') {
    if (!/^\d{1,20}$/.test(number)) return undefined;
    const ticks = BigInt(number);
    const ms = Number(ticks / 10_000n - FILETIME_ZERO);
    const finer = String(ticks % 10_000n)
      .padStart(4, '0')
      .replace(/0+$/, '');
    return isInRange(ms) ? { ms, finer } : undefined;
  }
  const days = /^\d{1,7}(?:\.\d{1,18})?$/.test(number) ? Number(number) : 0;
  // Its fractions are binary: a second is seldom one exactly.
  const ms = EXCEL_ZERO + Math.round(days * DAY);
  return days >= EXCEL_FIRST && isInRange(ms) ? { ms, finer: '' } : undefined;
}

/** A real as programs print it where it is large, Java any: the point is moved, so that no digit is lost. */
function withoutExponent(text: string): string {
  const parts = /^(-?)(\d{1,20})(?:\.(\d{1,18}))?e([+-]?\d{1,3})$/i.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = ''] = parts;
  const point = whole.length + Number(exponent);
  const digits = `${'0'.repeat(Math.max(0, 1 - point))}${whole}${fraction}`;
  const before = digits.slice(0, Math.max(point, 1)).padEnd(point, '0');
  const behind = digits.slice(Math.max(point, 1)).replace(/0+$/, '');
  return behind === '' ? `${sign}${before}` : `${sign}${before}.${behind}`;
}

function writtenTime(parts: RegExpExecArray, text: string, name: string, zone: string | undefined): SourceTime {
  const [, date = '', time = '00:00:00', fraction = '', offset] = parts;
  const finer = fraction.slice(3).replace(/0+$/, '');
  const local = `${date}T${time.length === 5 ? `${time}:00` : time}.${`${fraction}000`.slice(0, 3)}`;
  const written = readTimestamp(`${local}${offset === undefined ? 'Z' : longOffset(offset)}`);
  if (Number.isNaN(written)) throw notInCalendar(text, name);
  if (offset !== undefined) return { ms: written, finer };
  const ms = instantOf(written, knownZone(zone, text, name));
  if (!isInRange(ms)) throw notInCalendar(text, name);
  return { ms, finer };
}

/** The zone of a time without an offset. Throws kind `usage` where nothing says which one. */
export function knownZone(zone: string | undefined, text: string, name: string): string {
  if (zone !== undefined) return zone;
  throw new DaybookError('usage', `${name} ${shown(text)} has no offset, and nothing says in which zone it was`, {
    hint: '… --assume-tz UTC',
  });
}
