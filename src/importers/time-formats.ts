import { DateTime } from 'luxon';
import type { DateObjectUnits } from 'luxon';
import { DaybookError } from '../core/errors.js';
import type { ImportSettings, SourceTime, SourceValue } from '../core/import.js';
import { shown } from '../core/json.js';
import { instantsOf } from '../core/period.js';
import { isInRange } from '../core/timestamp.js';
import { EPOCH_UNITS, epochTime, knownZone, notInCalendar, otherEpoch, timeOf, timeText } from './times.js';
import type { EpochUnit } from './times.js';

/** Reads a time; the name is for messages. */
export type ReadTime = (value: SourceValue | undefined, name: string) => SourceTime;

const NAMED = [...Object.keys(EPOCH_UNITS), 'excel', 'filetime', 'clf', 'rfc2822'];
/** The common log format of web servers. */
const CLF = 'dd/MMM/yyyy:HH:mm:ss ZZZ';

/**
 * Reads times as `--time-format` says that they are written, or without one whatever says for itself what it is.
 * Throws kind `usage` for a format that is none. What it gives throws as `timeOf` does.
 */
export function timeReader({ assumedZone, timeFormat }: Pick<ImportSettings, 'assumedZone' | 'timeFormat'>): ReadTime {
  if (timeFormat === undefined) return (value, name) => timeOf(value, name, assumedZone);
  const read = reading(timeFormat, assumedZone);
  return (value, name) => {
    const text = timeText(value, name).trim();
    const time = read(text, name);
    if (time === undefined) throw new DaybookError('data', `${name} ${shown(text)} is not a time as ${timeFormat}`);
    return time;
  };
}

/** Undefined is what they give for a text of another form. */
function reading(format: string, zone: string | undefined): (text: string, name: string) => SourceTime | undefined {
  if (format in EPOCH_UNITS) return (text) => epochTime(text, format as EpochUnit);
  if (format === 'filetime') return (text) => otherEpoch(text, format);
  if (format === 'excel') {
    return (text, name) => {
      const local = otherEpoch(text, format);
      return local && { ...local, ms: onlyInstant(local.ms, knownZone(zone, text, name), text, name) };
    };
  }
  if (format === 'rfc2822') {
    return (text) => {
      const time = DateTime.fromRFC2822(text);
      return time.isValid && isInRange(time.toMillis()) ? { ms: time.toMillis(), finer: '' } : undefined;
    };
  }
  if (format === 'clf') {
    const read = patternReader(CLF, zone);
    return (text, name) => read(text.replace(/^\[(.*)\]$/s, '$1'), name);
  }
  return patternReader(format, zone);
}

/** The one instant of a local time. Throws kind `data` where the clocks of the zone skipped it, or showed it twice. */
function onlyInstant(local: number, zone: string, text: string, name: string): number {
  const found = instantsOf(local, zone);
  const [ms] = found;
  if (ms !== undefined && found.length === 1 && isInRange(ms)) return ms;
  if (ms !== undefined && found.length === 1) throw notInCalendar(text, name);
  const why = ms === undefined ? 'clocks skipped it' : 'clocks showed it twice';
  throw new DaybookError('data', `${name} ${shown(text)} is no one moment in ${zone}: ${why}`);
}

/** The tokens of luxon that can be read, without those whose meaning depends on a language. */
const TOKEN =
  /^(?:G{1,2}|y|yy|y{4,6}|M{1,4}|L{1,4}|dd?|o|ooo|HH?|hh?|mm?|ss?|S+|u|a|kk|kkkk|WW?|E{1,4}|c{1,4}|Z{1,3}|z|qq?)$/;

function patternReader(
  pattern: string,
  zone: string | undefined,
): (text: string, name: string) => SourceTime | undefined {
  const { tokens, written } = tokensOf(pattern);
  const has = (one: RegExp): boolean => tokens.some((token) => one.test(token));
  const isDate = has(/^y/) && ((has(/^[ML]/) && has(/^d/)) || has(/^o/));
  if (!isDate) throw wrong(pattern, `names no year, month and day; or it is one of ${NAMED.join(', ')}`);
  if (has(/^h/) && !has(/^a/)) throw wrong(pattern, 'has h without a: an hour of a clock with twelve is two');
  // A fraction of a second in full: luxon's own cut it.
  const fraction = tokens.find((token) => /^(?:S{3,}|u)$/.test(token));
  const settings = { zone: 'utc', locale: 'en-US' } as const;
  return (text, name) => {
    const found = DateTime.fromFormatExplain(text, written, settings) as unknown as Explained;
    if (!found.rawMatches) return undefined;
    const { matches = {}, result = {} } = found;
    // As a clock without a zone shows it: luxon would move an hour that its zone skips.
    const local = DateTime.fromObject(result, settings);
    if (!local.isValid) throw notInCalendar(text, name);
    const digits = fraction === undefined ? '' : (matches.u ?? '');
    if (fraction?.startsWith('S') === true && digits.length < fraction.length) return undefined;
    const finer = digits.slice(3).replace(/0+$/, '');
    const { Z: offset, z: named } = matches;
    if (offset === undefined) {
      return { ms: onlyInstant(local.toMillis(), named ?? knownZone(zone, text, name), text, name), finer };
    }
    const ms = local.toMillis() - offset * 60_000;
    if (!isInRange(ms)) throw notInCalendar(text, name);
    return { ms, finer };
  };
}

interface Explained {
  readonly rawMatches?: readonly string[] | null;
  readonly matches?: { readonly u?: string; readonly z?: string; readonly Z?: number };
  readonly result?: DateObjectUnits;
}

/** The tokens of a pattern, and the pattern with its fraction as luxon reads one in full. */
function tokensOf(pattern: string): { readonly tokens: readonly string[]; readonly written: string } {
  const tokens: string[] = [];
  const written = pattern.replaceAll(/'[^']*'|([A-Za-z])\1*/g, (part) => {
    if (part.startsWith("'")) return part;
    if (!TOKEN.test(part)) throw wrong(pattern, `has ${part}, which is no token of a time: letters stand in '…'`);
    tokens.push(part);
    return /^S{3,}$/.test(part) ? 'u' : part;
  });
  return { tokens, written };
}

function wrong(pattern: string, problem: string): DaybookError {
  return new DaybookError('usage', `--time-format ${shown(pattern)} ${problem}`, {
    hint: '… --time-format "yyyy-MM-dd\'T\'HH:mm:ss.SSS"',
  });
}
