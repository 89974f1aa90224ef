import type { HistoryEntry } from '../core/entry.js';
import type { Filter } from '../core/filter.js';
import type { Mark } from '../core/mark.js';
import type { Stretch } from '../core/stretch.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key } from '../store/audit-store.js';

/** So many entries are read at once, */
const PAGE = 200;
/** and so many are in memory: what is further away is read again. */
const MOST = 1000;

/** A question whose answer is looked at piece by piece: the entries of a filter that were in the trail at a mark. */
export interface Browsed {
  readonly filter: Filter;
  readonly upTo: Mark;
}

/** The newest entries. */
export async function newestStretch(store: AuditStore, browsed: Browsed): Promise<Stretch> {
  const { entries, next } = await store.page({ ...browsed, order: 'newest', limit: PAGE });
  return { entries, newer: false, older: next !== null };
}

/** The oldest entries, newest of them first. */
export async function oldestStretch(store: AuditStore, browsed: Browsed): Promise<Stretch> {
  const { entries, next } = await store.page({ ...browsed, order: 'oldest', limit: PAGE });
  return { entries: entries.toReversed(), newer: next !== null, older: false };
}

/** Some entries, and the place among them of the one that was asked for. */
export interface Found {
  readonly stretch: Stretch;
  readonly at: number;
}

/** The entries around a moment (milliseconds since 1970): the place is that of the first that is not younger. */
export async function stretchAt(store: AuditStore, browsed: Browsed, ms: number): Promise<Found> {
  return stretchBetween(store, browsed, { ms, seq: Number.MAX_SAFE_INTEGER }, { ms: ms + 1, seq: 0 });
}

/** The entries around one of them. */
export async function stretchAround(store: AuditStore, browsed: Browsed, entry: HistoryEntry): Promise<Found> {
  const key = keyOf(entry);
  return stretchBetween(store, browsed, key, { ...key, seq: key.seq + 1 });
}

/** What is above the one key, and what is below the other, with nothing between the two. */
async function stretchBetween(store: AuditStore, browsed: Browsed, below: Key, above: Key): Promise<Found> {
  const younger = await store.page({ ...browsed, order: 'oldest', limit: PAGE, after: below });
  const older = await store.page({ ...browsed, order: 'newest', limit: PAGE, after: above });
  const entries = [...younger.entries.toReversed(), ...older.entries];
  const stretch = { entries, newer: younger.next !== null, older: older.next !== null };
  return { stretch, at: Math.max(0, Math.min(younger.entries.length, entries.length - 1)) };
}

/** A stretch that goes on further down; what is far above falls out. */
export async function furtherDown(store: AuditStore, browsed: Browsed, stretch: Stretch): Promise<Stretch> {
  const last = stretch.entries.at(-1);
  if (last === undefined || !stretch.older) return stretch;
  const { entries, next } = await store.page({ ...browsed, order: 'newest', limit: PAGE, after: keyOf(last) });
  const all = [...stretch.entries, ...entries];
  const kept = all.slice(-MOST);
  return { entries: kept, newer: stretch.newer || kept.length < all.length, older: next !== null };
}

/** A stretch that goes on further up; what is far below falls out. */
export async function furtherUp(store: AuditStore, browsed: Browsed, stretch: Stretch): Promise<Stretch> {
  const first = stretch.entries[0];
  if (first === undefined || !stretch.newer) return stretch;
  const { entries, next } = await store.page({ ...browsed, order: 'oldest', limit: PAGE, after: keyOf(first) });
  const all = [...entries.toReversed(), ...stretch.entries];
  const kept = all.slice(0, MOST);
  return { entries: kept, newer: next !== null, older: stretch.older || kept.length < all.length };
}

/**
 * The nearest entry, down or up from one, whose message holds a text (ASCII case is ignored); undefined where there is
 * none. The engine looks for it, unless the filter has a text of its own to look for.
 */
export async function findText(
  store: AuditStore,
  browsed: Browsed,
  { from, text, down }: { readonly from: HistoryEntry; readonly text: string; readonly down: boolean },
): Promise<HistoryEntry | undefined> {
  const order = down ? 'newest' : 'oldest';
  if (browsed.filter.search === undefined) {
    const filter = { ...browsed.filter, search: text };
    return (await store.page({ ...browsed, filter, order, limit: 1, after: keyOf(from) })).entries[0];
  }
  const wanted = lowered(text);
  for (let after: Key | null = keyOf(from); after !== null;) {
    const { entries, next } = await store.page({ ...browsed, order, limit: PAGE, after });
    const found = entries.find(({ message }) => lowered(message).includes(wanted));
    if (found !== undefined) return found;
    after = next;
  }
  return undefined;
}

function lowered(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function keyOf({ ts, seq }: HistoryEntry): Key {
  return { ms: parseTimestamp(ts), seq };
}

/** The edges (milliseconds since 1970) of so many parts of one length that hold all entries; none where there are none. */
export async function partsOf(store: AuditStore, browsed: Browsed, parts: number): Promise<readonly number[]> {
  const [first] = (await store.page({ ...browsed, order: 'oldest', limit: 1 })).entries;
  const [last] = (await store.page({ ...browsed, order: 'newest', limit: 1 })).entries;
  if (first === undefined || last === undefined) return [];
  const from = parseTimestamp(first.ts);
  const length = Math.max(1, Math.ceil((parseTimestamp(last.ts) + 1 - from) / parts));
  return Array.from({ length: parts + 1 }, (_, index) => from + index * length);
}
