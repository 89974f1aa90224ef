import { DaybookError } from '../core/errors.js';
import { weekdayOf } from '../core/weekday.js';

/** A moment as a clock on the wall of some zone shows it. */
export interface ClockText {
  /** `2026-03-05` */
  readonly date: string;
  /** `Thu` */
  readonly weekday: string;
  /** `14:07:09.123` */
  readonly time: string;
  /** `UTC`, or the zone with its offset at that moment: `Europe/Berlin +01:00` */
  readonly zone: string;
  /** `` in UTC, else `+01:00` */
  readonly offset: string;
}

/** Shows the times of entries (UTC text of one width) in one zone. */
export interface Clock {
  /** `UTC` or the name of the zone. */
  readonly zone: string;
  text(ts: string): ClockText;
  /** RFC 3339: `2026-03-05T14:07:09.123+01:00`, with `Z` in UTC. */
  iso(ts: string): string;
}

/** A clock for an IANA zone, or `local`. UTC takes nothing but slicing; luxon is loaded for the others. */
export async function clockFor(zone: string): Promise<Clock> {
  if (/^(?:etc\/)?utc$/i.test(zone)) return clockWith('UTC', () => 0);
  const { Info } = await import('luxon');
  const found = Info.normalizeZone(zone);
  if (!found.isValid) throw new DaybookError('usage', `no such time zone: ${zone}`);
  return clockWith(found.name, (ms) => found.offset(ms));
}

/** `offset` is in minutes east of UTC. */
function clockWith(zone: string, offset: (ms: number) => number): Clock {
  const inUtc = zone === 'UTC';

  const read = (ts: string): { shifted: string; suffix: string } => {
    if (inUtc) return { shifted: ts, suffix: '' };
    const ms = Date.parse(ts);
    const minutes = offset(ms);
    const shifted = new Date(ms + minutes * 60_000).toISOString();
    // RFC 3339 cannot write an offset with seconds (there were many before standard time), nor the year 10000. Such
    // moments are shown in UTC.
    if (!Number.isInteger(minutes) || shifted.length !== ts.length) return { shifted: ts, suffix: 'Z' };
    return { shifted, suffix: offsetText(minutes) };
  };

  return {
    zone,
    text(ts) {
      const { shifted, suffix } = read(ts);
      const date = shifted.slice(0, 10);
      return {
        date,
        weekday: weekdayOf(date) ?? '',
        time: shifted.slice(11, 23),
        zone: suffix === 'Z' || inUtc ? 'UTC' : `${zone} ${suffix}`,
        offset: suffix,
      };
    },
    iso(ts) {
      if (inUtc) return ts;
      const { shifted, suffix } = read(ts);
      return shifted.slice(0, 23) + suffix;
    },
  };
}

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
