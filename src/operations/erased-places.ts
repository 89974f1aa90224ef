import { mayShow, mayShowAny, placeholder } from '../core/erasure.js';
import type { ErasedEntry } from '../core/erasure.js';
import type { HistoryField } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key, PageQuery } from '../store/audit-store.js';
import type { Content, Reading } from './reading.js';

const PAGE = 1000;

/** Where a piece of history is: between two keys, in the order of the list. */
interface Place extends Pick<PageQuery, 'filter' | 'order'> {
  readonly from: Key | undefined;
  readonly to: Key | null;
}

/** Erased entries with nothing between them: the first in the order of the list, and how many follow. */
interface Run {
  readonly first: ErasedEntry;
  readonly more: number;
}

/** A piece of history with what is left of erased entries in their places: one entry for all that stand next to each other. */
export async function withErased(
  store: AuditStore,
  content: Content,
  reading: Reading,
  place: Place,
): Promise<Content> {
  if (content.as === 'lines' || reading.as === 'lines' || !mayShowAny(place.filter)) return content;
  const columns: readonly HistoryField[] = reading.as === 'rows' ? reading.columns : [];
  const [ts, seq] = [columns.indexOf('ts'), columns.indexOf('seq')];
  const keys =
    content.as === 'entries'
      ? content.entries.map((entry) => keyOf(entry))
      : content.rows.map((row) => keyOf({ ts: String(row[ts]), seq: Number(row[seq]) }));
  const runs = await runsBetween(store, keys, place);
  if (runs.size === 0) return content;
  const placed = <Item>(items: readonly Item[], made: (run: Run) => Item): Item[] =>
    Array.from({ length: items.length + 1 }, (_, at) => {
      const run = runs.get(at);
      return [...(run === undefined ? [] : [made(run)]), ...items.slice(at, at + 1)];
    }).flat();
  const made = ({ first, more }: Run): ReturnType<typeof placeholder> => placeholder(first, more);
  return content.as === 'entries'
    ? { as: 'entries', entries: placed(content.entries, made) }
    : {
        as: 'rows',
        rows: placed(content.rows, (run) => {
          const entry = made(run);
          return columns.map((field) => entry[field]);
        }),
      };
}

/** What is erased before each of these keys, and behind the last of them, by the place of the key. */
async function runsBetween(
  store: AuditStore,
  keys: readonly Key[],
  { filter, order, from, to }: Place,
): Promise<ReadonlyMap<number, Run>> {
  const newest = order === 'newest';
  const runs = new Map<number, Run>();
  const since = filter.since === undefined ? null : { ms: filter.since, seq: 0 };
  const until = filter.until === undefined ? null : { ms: filter.until, seq: Number.MAX_SAFE_INTEGER };
  const last = (newest ? from : to) ?? until;
  for (let first = (newest ? to : from) ?? since; ;) {
    const page = await store.erasedBetween(first, last, PAGE);
    for (const erased of page) {
      if (!mayShow(filter, erased)) continue;
      const at = placeAmong(keys, keyOf(erased), newest);
      const run = runs.get(at);
      const more = run === undefined ? 0 : run.more + 1;
      runs.set(at, { first: run === undefined || newest ? erased : run.first, more });
    }
    const end = page.at(-1);
    if (end === undefined || page.length < PAGE) return runs;
    first = keyOf(end);
  }
}

function keyOf({ ts, seq }: { readonly ts: string; readonly seq: number }): Key {
  return { ms: parseTimestamp(ts), seq };
}

/** How many of the keys stand before one of an erased entry. */
function placeAmong(keys: readonly Key[], key: Key, newest: boolean): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = keys[middle] as Key;
    const isLess = other.ms < key.ms || (other.ms === key.ms && other.seq < key.seq);
    if (isLess === newest) high = middle;
    else low = middle + 1;
  }
  return low;
}
