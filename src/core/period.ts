import { DateTime, IANAZone } from 'luxon';
import { before, parseDuration } from './duration.js';
import { DaybookError } from './errors.js';
import { shown } from './json.js';
import { didYouMean, nearestWord } from './nearest.js';
import { EARLIEST, isInRange, LATEST, plainForm, readTimestamp } from './timestamp.js';

/** What times are read against: milliseconds since 1970, and an IANA zone. */
export interface Clock {
  readonly now: number;
  readonly zone: string;
}

/** Milliseconds since 1970; the end of a period is the first one after it. */
export type TimeValue =
  | { readonly kind: 'instant'; readonly ms: number }
  | { readonly kind: 'period'; readonly start: number; readonly end: number };

type Unit = 'day' | 'week' | 'month' | 'quarter' | 'year';

const DAY = 86_400_000;

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

const INSTANTS = '2026-03-05T14:07 (also with Z or +02:00), @1700000000, now, 90d (that long ago)';
const PERIODS =
  '2026, 2026-Q1, 2026-03, 2026-W12, 2026-03-05, today, yesterday, this-week, last-month, march, march-2025';

/**
 * Reads a time of the command line: an instant or a period. A local time that a clock shows twice (when summer time
 * ends) is the earlier one.
 *
 * @throws DaybookError 'usage' for anything else, such as a date that does not exist or a local time that clocks skip
 */
export function parseTime(text: string, clock: Clock): TimeValue {
  return (
    readInstant(text, clock) ?? readPeriod(text, clock) ?? refuse(text, `is not a time${meantBy(text)}: ${forms()}`)
  );
}

const WORDS = [
  'now',
  'today',
  'yesterday',
  ...['this', 'last'].flatMap((which) => ['week', 'month', 'quarter', 'year'].map((unit) => `${which}-${unit}`)),
  ...MONTHS,
];

/** The word that may be meant: words of people stand apart, and theirs for `march` is "last march". */
function meantBy(text: string): string {
  const word = text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, '-');
  const [, name = word, year = ''] = /^(?:last-|this-)?([a-z]+)(-\d{4})?$/.exec(word) ?? [];
  const month = nearestWord(name, MONTHS);
  if (WORDS.includes(word) || month === undefined) return didYouMean(word, WORDS);
  return ` (did you mean ${month}${year}?)`;
}

function forms(): string {
  return `write an instant, such as ${INSTANTS}, or a period, such as ${PERIODS}`;
}

function refuse(text: string, problem: string): never {
  throw new DaybookError('usage', `time ${shown(text)} ${problem}`);
}

function readInstant(text: string, clock: Clock): TimeValue | undefined {
  if (text.toLowerCase() === 'now') return { kind: 'instant', ms: clock.now };
  const seconds = /^@(-?\d+)$/.exec(text)?.[1];
  if (seconds !== undefined) {
    const ms = Number(seconds) * 1000;
    if (!isInRange(ms)) refuse(text, 'is not in the years 0001 to 9999: after @ stand seconds since 1970');
    return { kind: 'instant', ms };
  }
  if (/^\d{4}$/.test(text)) return undefined;
  if (/^\d+$/.test(text)) {
    refuse(text, `is a bare number: write ${text}d for so many days ago, or @${text} for seconds since 1970`);
  }
  // Whatever else looks like a number and a unit, the words about durations fit best.
  if (/^[+-]?\d+([.,]\d+)?\s*[a-z]*$/i.test(text)) {
    return { kind: 'instant', ms: before(clock.now, parseDuration(text), clock.zone) };
  }
  const plain = plainForm(text) ?? text;
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$/.test(plain)) return undefined;
  const local = !/(Z|[+-]\d\d:\d\d)$/.test(plain);
  const read = readTimestamp(local ? `${plain}Z` : plain);
  if (Number.isNaN(read)) refuse(text, 'does not exist in the calendar of the years 0001 to 9999');
  if (!local) return { kind: 'instant', ms: read };
  const ms = instantsOf(read, clock.zone)[0];
  if (ms === undefined) refuse(text, `does not exist in ${clock.zone}: clocks skipped it`);
  if (!isInRange(ms)) refuse(text, 'is not in the years 0001 to 9999');
  return { kind: 'instant', ms };
}

function readPeriod(text: string, clock: Clock): TimeValue | undefined {
  const found = findPeriod(text, clock);
  if (found === undefined) return undefined;
  const [first, unit] = found;
  if (!first.isValid || first.toMillis() < EARLIEST)
    refuse(text, 'does not exist in the calendar of the years 0001 to 9999');
  const start = instantOf(first.toMillis(), clock.zone);
  const end = instantOf(first.plus({ [unit]: 1 }).toMillis(), clock.zone);
  if (start >= end) refuse(text, `does not exist in ${clock.zone}: clocks skipped it`);
  return { kind: 'period', start: Math.max(start, EARLIEST), end: Math.min(end, LATEST + 1) };
}

/** The first day of a period and its length. Days of the calendar are kept as DateTimes in UTC, whatever the zone. */
function findPeriod(text: string, clock: Clock): [DateTime, Unit] | undefined {
  const word = text.toLowerCase();
  const today = DateTime.fromMillis(clock.now, { zone: clock.zone })
    .setZone('utc', { keepLocalTime: true })
    .startOf('day');
  if (word === 'today') return [today, 'day'];
  if (word === 'yesterday') return [today.minus({ days: 1 }), 'day'];

  const relative = /^(this|last)-(week|month|quarter|year)$/.exec(word);
  if (relative !== null) {
    const unit = relative[2] as Unit;
    const current = today.startOf(unit);
    return [relative[1] === 'this' ? current : current.minus({ [unit]: 1 }), unit];
  }

  const [, name = '', yearOfName] = /^([a-z]+)(?:-(\d{4}))?$/.exec(word) ?? [];
  const named = MONTHS.indexOf(name) + 1;
  if (named > 0) {
    const begun = today.month >= named ? today.year : today.year - 1;
    return [day(yearOfName === undefined ? begun : Number(yearOfName), named), 'month'];
  }

  const parts = /^(\d{4})(?:-(?:q(\d)|w(\d\d)|(\d\d)(?:-(\d\d))?))?$/.exec(word);
  if (parts === null) return undefined;
  const year = Number(parts[1]);
  if (parts[2] !== undefined) return [day(year, Number(parts[2]) * 3 - 2), 'quarter'];
  if (parts[3] !== undefined) {
    return [DateTime.fromObject({ weekYear: year, weekNumber: Number(parts[3]) }, { zone: 'utc' }), 'week'];
  }
  if (parts[5] !== undefined) return [day(year, Number(parts[4]), Number(parts[5])), 'day'];
  if (parts[4] !== undefined) return [day(year, Number(parts[4])), 'month'];
  return [day(year, 1), 'year'];
}

function day(year: number, month: number, dayOfMonth = 1): DateTime {
  return DateTime.fromObject({ year, month, day: dayOfMonth }, { zone: 'utc' });
}

/**
 * When clocks in a zone show a local time, both in milliseconds since 1970: the first time where they show it twice, and
 * where they skip it the moment that would have been it.
 */
export function instantOf(local: number, zone: string): number {
  if (zone === 'UTC') return local;
  return instantsOf(local, zone)[0] ?? local - offsetAt(local - DAY, zone);
}

/** The instants at which clocks in a zone show a local time: none, one, or two, the earlier first. */
export function instantsOf(local: number, zone: string): number[] {
  const offsets = new Set([offsetAt(local - DAY, zone), offsetAt(local + DAY, zone)]);
  return [...offsets]
    .map((offset) => local - offset)
    .filter((ms) => ms + offsetAt(ms, zone) === local)
    .toSorted((a, b) => a - b);
}

/** What a zone adds to UTC, in milliseconds. */
function offsetAt(ms: number, zone: string): number {
  return Math.round(IANAZone.create(zone).offset(ms) * 60_000);
}

/** `--since`: the first millisecond that counts. */
export function resolveSince(text: string, clock: Clock): number {
  const time = parseTime(text, clock);
  return time.kind === 'period' ? time.start : time.ms;
}

/** `--until`: the last millisecond that counts. */
export function resolveUntil(text: string, clock: Clock): number {
  const time = parseTime(text, clock);
  return time.kind === 'period' ? time.end - 1 : time.ms;
}

/** `--before`: the first millisecond that counts no more. */
export function resolveBefore(text: string, clock: Clock): number {
  return resolveSince(text, clock);
}

/** `--at`: the last millisecond of the period, or the instant. */
export function resolveAt(text: string, clock: Clock): number {
  return resolveUntil(text, clock);
}

/**
 * `--in`: the first and the last millisecond of a period.
 *
 * @throws DaybookError 'usage' also for an instant
 */
export function resolveIn(text: string, clock: Clock): { readonly since: number; readonly until: number } {
  const time = parseTime(text, clock);
  if (time.kind === 'instant') refuse(text, `is an instant, and a period is wanted, such as ${PERIODS}`);
  return { since: time.start, until: time.end - 1 };
}

/**
 * `--ts`: an instant.
 *
 * @throws DaybookError 'usage' also for a period
 */
export function resolveInstant(text: string, clock: Clock): number {
  const time = parseTime(text, clock);
  if (time.kind === 'period') refuse(text, `is a period, and an instant is wanted, such as ${INSTANTS}`);
  return time.ms;
}

/**
 * `--tz`: an IANA zone as it was written, or what `local` stands for on this machine.
 *
 * @throws DaybookError 'usage' for a zone that is not known
 */
export function resolveZone(text: string): string {
  // Where ICU does not know what TZ says, it gives nothing, or a zone that is none.
  const zone = text === 'local' ? (Intl.DateTimeFormat().resolvedOptions().timeZone ?? '') : text;
  if (zone.toLowerCase() === 'utc') return 'UTC';
  // Newer Nodes take offsets for zones, Node 20 does not.
  if (!/^[a-z]/i.test(zone) || !IANAZone.isValidZone(zone)) {
    throw new DaybookError(
      'usage',
      `time zone ${shown(text)} is not known${didYouMean(text, Intl.supportedValuesOf('timeZone'))}: write local, UTC or a name such as Europe/Berlin`,
    );
  }
  return zone;
}
