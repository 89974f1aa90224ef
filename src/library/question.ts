import { parseDuration } from '../core/duration.js';
import type { Duration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import { checkFilter } from '../core/filter-shape.js';
import type { Conditions, EntityPattern, Filter } from '../core/filter.js';
import { expectWhole, wrongValue } from '../core/given.js';
import { shown } from '../core/json.js';
import { resolveZone } from '../core/period.js';
import { formatTimestamp, isInRange, readTimestamp } from '../core/timestamp.js';
import { entryKey } from '../operations/revert.js';
import type { Instant } from './entry-fields.js';

/** Conditions on one entry. Within a list, any value will do; `meta` asks for all of its matches. */
export interface EntryConditions extends Omit<Conditions, 'severity'> {
  readonly severity?: readonly ('info' | 'warning' | 'error')[];
}

/**
 * Which entries: the same for every question. Every condition must hold, and none of `not`. `{}` means every entry. A
 * condition that you do not need is left out: `undefined` and an empty list are refused, since somebody forgot to fill them.
 */
export interface EntryFilter extends EntryConditions {
  readonly not?: EntryConditions;
  /** From this moment on, itself included. */
  readonly since?: Instant;
  /** Up to this moment, itself included. */
  readonly until?: Instant;
  /** Whether it was taken back. */
  readonly reverted?: boolean;
}

/** A filter as a store takes it. Throws kind `usage`, naming condition and value. */
export function filterOf(given: EntryFilter = {}): Filter {
  const times = ['since', 'until'].flatMap((name) => {
    const value = (given as Record<string, unknown> | null)?.[name];
    return value === undefined ? [] : [[name, millisecondsOf(`filter.${name}`, value)] as const];
  });
  const filter = (times.length === 0 ? given : { ...given, ...Object.fromEntries(times) }) as unknown as Filter;
  checkFilter(filter);
  const { since, until } = filter;
  if (since !== undefined && until !== undefined && since > until) {
    const text = `filter.since ${formatTimestamp(since)} is after filter.until ${formatTimestamp(until)}`;
    throw new DaybookError('usage', text, { field: 'filter.since', value: given.since });
  }
  return filter;
}

/** The question of a filter, to which a cursor or a checkpoint belongs: the same for the same conditions in any order. */
export function questionOf(filter: Filter): string {
  return JSON.stringify(inOrder(filter));
}

/** A list of a filter holds what any of will do: its order says nothing, nor that one stands in it twice. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(inOrder(item))))].toSorted();
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, inOrder(member)]));
}

/** A moment in milliseconds since 1970. Throws kind `usage` for what is none. */
export function millisecondsOf(field: string, value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : typeof value === 'string' ? readTimestamp(value) : Number.NaN;
  if (isInRange(ms)) return ms;
  throw wrongValue(field, value instanceof Date ? String(value) : value, 'a Date, or a full time with Z or an offset');
}

/** A duration such as `90d`. Throws kind `usage` for what is none. */
export function durationOf(field: string, value: unknown): Duration {
  if (typeof value !== 'string') throw wrongValue(field, value, 'a duration such as 90d');
  return underField(field, value, () => parseDuration(value));
}

/** An IANA zone, or `local`. Throws kind `usage` for what is none. */
export function zoneOf(value: unknown): string {
  if (typeof value !== 'string') throw wrongValue('zone', value, 'a zone such as Europe/Berlin');
  return underField('zone', value, () => resolveZone(value));
}

function underField<T>(field: string, value: unknown, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    throw new DaybookError('usage', `${field}: ${error.message}`, { field, value });
  }
}

interface Kind {
  readonly takes: string;
  readonly isIt: (value: unknown) => boolean;
}

const FLAG: Kind = { takes: 'true or false', isIt: (value) => typeof value === 'boolean' };
const NAME: Kind = { takes: 'a text that is not empty', isIt: isName };
const NAME_OR_NULL: Kind = { takes: `${NAME.takes}, or null`, isIt: (value) => value === null || isName(value) };
// Array.from: every() would pass over the holes of a list.
const NAMES: Kind = {
  takes: 'a list of texts that are not empty',
  isIt: (value) => Array.isArray(value) && Array.from<unknown>(value).every(isName),
};

/** What goes by one of these names takes the same wherever it is asked: `dryRun: 'true'` is no dry run. */
const KINDS: Readonly<Record<string, Kind>> = {
  readonly: FLAG,
  alongside: FLAG,
  dryRun: FLAG,
  gzip: FLAG,
  header: FLAG,
  exact: FLAG,
  force: FLAG,
  strict: FLAG,
  requireActor: FLAG,
  manifest: NAME,
  checkpoint: NAME,
  archive: NAME,
  schema: NAME,
  signal: { takes: 'an AbortSignal', isIt: isSignal },
  onProgress: { takes: 'a function', isIt: (value) => typeof value === 'function' },
  redact: NAMES,
  ignore: NAMES,
  keep: NAMES,
  json: NAMES,
  actorColumn: NAME_OR_NULL,
  nameColumn: NAME_OR_NULL,
  entityType: {
    takes: 'a text that is not empty and has no colon, or null',
    isIt: (value) => value === null || (isName(value) && !value.includes(':')),
  },
  scope: { takes: 'an object {kind, column} of two texts, or null', isIt: (value) => value === null || isScope(value) },
};

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isScope(value: unknown): boolean {
  const { kind, column, ...others } = value as Record<string, unknown>;
  return isName(kind) && isName(column) && Object.keys(others).length === 0;
}

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

/** What cannot say anything: of a list, or of a promise that nobody awaited, nothing would be seen. */
function isNoObject(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Array.isArray(value);
}

function isPromise(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/**
 * Throws kind `usage` for what has other keys than these: it was spelt in another way, and would not be seen. And for a
 * value that is not of its key's kind.
 */
export function expectKeys(of: string, given: unknown, keys: readonly string[], field = 'request'): void {
  if (isNoObject(given) || isPromise(given)) {
    const is = isPromise(given) ? 'a promise' : shown(given);
    throw new DaybookError('usage', `${of} must be an object, and is ${is}`, { field, value: given });
  }
  for (const [key, value] of Object.entries(given as object) as [string, unknown][]) {
    if (!keys.includes(key)) {
      const text = `${of} has no ${shown(key)}: it has ${keys.join(', ')}`;
      throw new DaybookError('usage', text, { field: key, value });
    }
    const kind = Object.hasOwn(KINDS, key) ? KINDS[key] : undefined;
    if (value !== undefined && kind?.isIt(value) === false) throw wrongValue(key, value, kind.takes);
  }
}

/** The entry that a seq or an id names. Throws kind `usage` for what is neither. */
export function keyOf(key: unknown): ReturnType<typeof entryKey> {
  if (typeof key === 'number') expectWhole('key', key, 0);
  else if (typeof key !== 'string' || key === '') throw wrongValue('key', key, 'a seq or an id');
  return entryKey(String(key));
}

/** Throws kind `usage` for what is no entity. */
export function expectEntity(value: unknown): void {
  const { type, id } = (value ?? {}) as Partial<EntityPattern>;
  if (typeof type !== 'string' || type === '' || typeof id !== 'string') {
    throw wrongValue('entity', value, 'an object {type, id} of two texts');
  }
}
