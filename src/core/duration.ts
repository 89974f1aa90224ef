import { DateTime } from 'luxon';
import { DaybookError } from './errors.js';
import { shown } from './json.js';
import { isInRange } from './timestamp.js';

const FIXED = { s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const CALENDAR = { mo: 'months', y: 'years' } as const;

export type DurationUnit = keyof typeof FIXED | keyof typeof CALENDAR;

export interface Duration {
  readonly amount: number;
  readonly unit: DurationUnit;
  /** As it was written. */
  readonly text: string;
}

const UNITS = 's, min, h, d, w, mo or y';

/**
 * Reads a whole number and a unit: s, min, h, d, w, mo, y.
 *
 * @throws DaybookError 'usage' for anything else, saying why
 */
export function parseDuration(text: string): Duration {
  const parts = /^(\d+)(s|min|h|d|w|mo|y)$/.exec(text);
  const amount = Number(parts?.[1]);
  if (parts === null) throw new DaybookError('usage', `duration ${shown(text)} ${durationProblem(text)}`);
  if (!Number.isSafeInteger(amount)) throw new DaybookError('usage', `duration ${shown(text)} is too long`);
  return { amount, unit: parts[2] as DurationUnit, text };
}

function durationProblem(text: string): string {
  if (text === '') return 'is empty: write a whole number and a unit, such as 90d';
  const digits = /^(\d+)[mM]?$/.exec(text)?.[1];
  if (digits === text) return `has no unit: write ${digits}d for days, or one of ${UNITS}`;
  if (digits !== undefined) return `could be minutes or months: write ${digits}min or ${digits}mo`;
  if (/^[+-]/.test(text)) return 'has a sign: write it without, such as 90d';
  if (/\s/.test(text)) return 'holds a space: write number and unit as one word, such as 90d';
  if (/^\d*[.,]\d/.test(text))
    return 'is not a whole number: take a smaller unit, such as 90min for an hour and a half';
  return `is not a whole number and a unit: the units are ${UNITS}, as in 90d`;
}

/**
 * The moment that lies a duration before `now`; both in milliseconds since 1970. Months and years go by the calendar of
 * the zone (a day that the month does not have becomes its last day), a day is 24 hours.
 *
 * @throws DaybookError 'usage' when that is before the year 0001
 */
export function before(now: number, duration: Duration, zone: string): number {
  const ms =
    duration.unit in CALENDAR
      ? DateTime.fromMillis(now, { zone })
          .minus({ [CALENDAR[duration.unit as keyof typeof CALENDAR]]: duration.amount })
          .toMillis()
      : now - duration.amount * FIXED[duration.unit as keyof typeof FIXED];
  if (!isInRange(ms)) {
    throw new DaybookError('usage', `duration ${shown(duration.text)} goes back beyond the year 0001`);
  }
  return ms;
}

/**
 * How long a duration is, in milliseconds, whatever the calendar says.
 *
 * @throws DaybookError 'usage' for months and years, which have no fixed length, and for what is too long to count
 */
export function fixedMilliseconds(duration: Duration): number {
  if (duration.unit === 'mo' || duration.unit === 'y') {
    throw new DaybookError(
      'usage',
      `duration ${shown(duration.text)} has no fixed length: write it in s, min, h, d or w`,
    );
  }
  const ms = duration.amount * FIXED[duration.unit];
  if (!Number.isSafeInteger(ms)) throw new DaybookError('usage', `duration ${shown(duration.text)} is too long`);
  return ms;
}
