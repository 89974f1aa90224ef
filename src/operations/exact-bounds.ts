import { entryExactTime, EXACT_TIME, exactTime, finerDigits, isLater } from '../core/exact-time.js';
import type { HistoryEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { shown } from '../core/json.js';
import { readTimestamp } from '../core/timestamp.js';
import type { AuditStore } from '../store/audit-store.js';
import type { Moment } from './state.js';

/** The bounds of a filter as they were written. */
export interface WrittenBounds {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

const PAGE = 500;

/** Whether a bound is finer than the milliseconds that a filter has. */
export function areFiner({ since, until }: WrittenBounds): boolean {
  return finerDigits(since) !== '' || finerDigits(until) !== '';
}

/**
 * A filter whose bounds may be finer than a millisecond: of the entries in such a millisecond, those beyond the bound are
 * excluded by the full time that they keep.
 * Throws kind `usage` where an entry of that millisecond does not keep it.
 */
export async function exactBounds(store: AuditStore, filter: Filter, written: WrittenBounds): Promise<Filter> {
  const beyond = [
    ...(await beyondBound(store, filter, 'since', written.since)),
    ...(await beyondBound(store, filter, 'until', written.until)),
  ];
  if (beyond.length === 0) return filter;
  const meta = [...(filter.not?.meta ?? []), ...beyond.map((value) => ({ path: EXACT_TIME, value }))];
  return { ...filter, not: { ...filter.not, meta } };
}

/** The full times of entries that lie in the millisecond of a bound, and beyond it. */
async function beyondBound(
  store: AuditStore,
  filter: Filter,
  bound: keyof WrittenBounds,
  text: string | undefined,
): Promise<ReadonlySet<string>> {
  const [ms, finer] = [filter[bound], finerDigits(text)];
  const beyond = new Set<string>();
  if (ms === undefined || finer === '') return beyond;
  const instant = exactTime({ ms, finer }) ?? '';
  for await (const { exact } of exactEntries(store, filter, instant, `--${bound} ${shown(text)}`)) {
    if (bound === 'until' ? isLater(exact, instant) : isLater(instant, exact)) beyond.add(exact);
  }
  return beyond;
}

/**
 * The moment of a time that may be finer than a millisecond, for what the entries of a filter tell.
 * Throws kind `usage` where one of them lies in that millisecond and does not keep its full time, and where those of
 * that millisecond were not recorded in the order of their full times.
 */
export async function exactMoment(store: AuditStore, filter: Filter, moment: Moment, text: string): Promise<Moment> {
  const finer = finerDigits(text);
  if (moment.kind !== 'time' || finer === '') return moment;
  const ms = Date.parse(moment.at);
  const instant = exactTime({ ms, finer }) ?? '';
  let [before, beyond] = [undefined as HistoryEntry | undefined, undefined as HistoryEntry | undefined];
  for await (const { entry, exact } of exactEntries(store, filter, instant, `time ${shown(text)}`)) {
    if (!isLater(exact, instant)) before = entry;
    else beyond ??= entry;
  }
  if (beyond === undefined) return moment;
  // What a later import brings stands behind what is there: then no place in the history is that moment.
  if (before !== undefined && before.seq > beyond.seq) {
    throw new DaybookError(
      'usage',
      `time ${shown(text)} is finer than a millisecond, and entry ${before.seq} of that millisecond, which came before it, was recorded behind entry ${beyond.seq}, which came after it`,
      { hint: `daybook show ${before.seq} --around 5` },
    );
  }
  // Behind the last entry that came before it; else what was before that millisecond.
  return before === undefined
    ? { kind: 'time', at: new Date(ms - 1).toISOString() }
    : { kind: 'entry', at: moment.at, seq: before.seq };
}

async function* exactEntries(
  store: AuditStore,
  filter: Filter,
  instant: string,
  asked: string,
): AsyncGenerator<{ readonly entry: HistoryEntry; readonly exact: string }> {
  const upTo = await store.mark();
  const ms = readTimestamp(instant);
  // Digits that are all zeros are the beginning of the millisecond: nothing lies before it.
  const isBeginning = /\.\d{3}0*Z$/.test(instant);
  const within = { ...filter, since: ms, until: ms };
  for (let after: { ms: number; seq: number } | undefined, more = true; more;) {
    const { entries } = await store.page({
      filter: within,
      order: 'oldest',
      limit: PAGE,
      upTo,
      ...(after && { after }),
    });
    for (const entry of entries) {
      const exact = entryExactTime(entry) ?? (isBeginning ? entry.ts : undefined);
      if (exact === undefined) {
        throw new DaybookError(
          'usage',
          `${asked} is finer than a millisecond, and entry ${entry.seq} of that millisecond does not say more of its time`,
          { hint: `daybook show ${entry.seq}` },
        );
      }
      yield { entry, exact };
    }
    more = entries.length === PAGE;
    after = { ms, seq: entries.at(-1)?.seq ?? 0 };
  }
}
