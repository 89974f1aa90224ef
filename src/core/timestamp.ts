import { DaybookError } from './errors.js';
import { shown } from './json.js';
import { weekdayOf } from './weekday.js';

/** 0001-01-01T00:00:00.000Z in milliseconds since 1970. */
export const EARLIEST = -62_135_596_800_000;
/** 9999-12-31T23:59:59.999Z in milliseconds since 1970. */
export const LATEST = 253_402_300_799_999;

const FORM = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))$/;

/** The same with what `show`, `date +%FT%T%z` and psql put there: a weekday, a blank, the name of the zone, short offsets. */
const WRITTEN =
  /^(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(?:(Z|[+-]\d\d(?::?\d\d)?)| (?:[A-Za-z][\w+/-]* ([+-]\d\d:\d\d)|(UTC)))$/;

/** The calendar repeats itself after 400 years. */
const CYCLE_YEARS = 400;
const CYCLE = 146_097 * 86_400_000;

/** Whether a time (milliseconds since 1970) lies in the years 0001 to 9999, where every time of ours must lie. */
export function isInRange(ms: number): boolean {
  return ms >= EARLIEST && ms <= LATEST;
}

/**
 * Milliseconds since 1970 as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
 *
 * @throws DaybookError 'data' outside the years 0001 to 9999
 */
export function formatTimestamp(ms: number): string {
  if (!isInRange(ms)) throw new DaybookError('data', `time ${ms} (in milliseconds) is not in the years 0001 to 9999`);
  return new Date(ms).toISOString();
}

/**
 * A full instant with `Z` or an offset as milliseconds since 1970; what is finer than a millisecond is cut.
 *
 * @throws DaybookError 'data' for any other form, a date that the calendar does not have, and years but 0001 to 9999
 */
export function parseTimestamp(text: string): number {
  const ms = readTimestamp(text);
  if (!Number.isNaN(ms)) return ms;
  throw new DaybookError(
    'data',
    FORM.test(plainForm(text) ?? text)
      ? `${shown(text)} does not exist in the calendar of the years 0001 to 9999`
      : `${shown(text)} is not a full time with Z or an offset, such as 2026-03-05T14:07:09.123Z`,
  );
}

/**
 * A full instant that is written in another way, in the form with `T`, and `Z` or `+01:00`; undefined for what is none,
 * and for a weekday that is not that of the date.
 */
export function plainForm(text: string): string | undefined {
  const [whole, weekday, date = '', time = '', attached, ofZone, utc] = WRITTEN.exec(text) ?? [];
  const offset = attached ?? ofZone ?? utc;
  if (whole === undefined || offset === undefined) return undefined;
  if (weekday !== undefined && weekdayOf(date) !== weekday) return undefined;
  return `${date}T${time}${longOffset(offset)}`;
}

/** `+00`, `+0530`, `+05:30` and `UTC` as `Z` or `+05:30`. */
export function longOffset(offset: string): string {
  if (/^(?:z|utc|gmt)$/i.test(offset)) return 'Z';
  const digits = offset.slice(1).replaceAll(':', '').padEnd(4, '0');
  return `${offset[0]}${digits.slice(0, 2)}:${digits.slice(2, 4)}`;
}

/** parseTimestamp for those who have their own words: NaN instead of an error. */
export function readTimestamp(text: string): number {
  const parts = FORM.exec(text) ?? FORM.exec(plainForm(text) ?? '');
  if (parts === null) return Number.NaN;
  const year = Number(parts[1]);
  const month = Number(parts[2]);
  const day = Number(parts[3]);
  const hour = Number(parts[4]);
  const minute = Number(parts[5]);
  const second = Number(parts[6] ?? 0);
  const fraction = parts[7] === undefined ? 0 : Number(`${parts[7]}00`.slice(0, 3));
  if (year < 1 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999, so it gets later ones.
  const local = Date.UTC(year + CYCLE_YEARS, month - 1, day, hour, minute, second, fraction) - CYCLE;
  if (new Date(local).getUTCDate() !== day) return Number.NaN;
  if (parts[8] === undefined) return local;
  const offsetHours = Number(parts[9]);
  const offsetMinutes = Number(parts[10]);
  if (offsetHours > 23 || offsetMinutes > 59) return Number.NaN;
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000;
  const ms = parts[8] === '+' ? local - offset : local + offset;
  return isInRange(ms) ? ms : Number.NaN;
}

/** Whether a text is a time exactly as entries keep it. */
export function isStoredTimestamp(text: string): boolean {
  // Of all the forms, only the stored one has this length and this end.
  return text.length === 24 && text[10] === 'T' && text.endsWith('Z') && !Number.isNaN(readTimestamp(text));
}

/**
 * A full instant in the form that entries keep.
 *
 * @throws DaybookError 'data', as parseTimestamp does
 */
export function normalizeTimestamp(text: string): string {
  return isStoredTimestamp(text) ? text : formatTimestamp(parseTimestamp(text));
}
