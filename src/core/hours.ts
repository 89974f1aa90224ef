import { IANAZone } from 'luxon';

/** From this moment on, until the next one, clocks of a zone are so far ahead of UTC. All in milliseconds. */
export interface ClockChange {
  readonly since: number;
  readonly offset: number;
}

/** A week has so many hours. */
export const HOURS_OF_WEEK = 168;

/** Counts by the hour of the week, in a list for each weekday. */
export function byWeekday(counts: readonly number[]): readonly (readonly number[])[] {
  return Array.from({ length: 7 }, (_, day) => counts.slice(day * 24, (day + 1) * 24));
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** 1970 began on a Thursday. */
const HOURS_SINCE_MONDAY = 3 * 24;

/** The hour of the week, from 0 (Monday, midnight) on, that clocks with this offset show at a moment. */
export function hourOfWeek(ms: number, offset: number): number {
  const hours = Math.floor((ms + offset) / HOUR) + HOURS_SINCE_MONDAY;
  return ((hours % HOURS_OF_WEEK) + HOURS_OF_WEEK) % HOURS_OF_WEEK;
}

/** No zone changed its clocks before that: each place had the time of its own sun. */
const FIRST_ZONES = Date.UTC(1840, 0);
/** Rules of that time are guesses, and change clocks no more often than every few weeks. */
const FAR = Date.UTC(2100, 0);

/** What clocks of a zone showed between two moments: the first change is at `from`, and the others behind it. */
export function clockChanges(from: number, to: number, zone: string): readonly ClockChange[] {
  if (zone === 'UTC') return [{ since: from, offset: 0 }];
  const clocks = IANAZone.create(zone);
  const at = (ms: number): number => Math.round(clocks.offset(ms) * 60_000);
  const changes = [{ since: from, offset: at(from) }];
  for (let known = Math.max(from, FIRST_ZONES), before = at(known); known < to;) {
    const next = Math.min(to, known + (known < FAR ? DAY : 7 * DAY));
    const offset = at(next);
    if (offset !== before) changes.push({ since: firstWith(known, next, (ms) => at(ms) === offset), offset });
    [known, before] = [next, offset];
  }
  return changes;
}

/** The first moment behind `from`, up to `to`, for which this holds: it holds at the end. */
function firstWith(from: number, to: number, holds: (ms: number) => boolean): number {
  let [low, high] = [from, to];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
