import { setTimeout as sleep } from 'node:timers/promises';
import type { Filter } from '../core/filter.js';
import { expectWhole } from '../core/given.js';
import type { Mark } from '../core/mark.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, PageQuery } from '../store/audit-store.js';
import { readPiece } from './reading.js';
import type { Content, Reading } from './reading.js';

export interface FollowRequest {
  readonly filter: Filter;
  /** How many of the entries that are there already are shown first; Infinity for all. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** How long a commit of another process may go unseen. Looking is one read of shared memory: no cost to speak of. */
const LOOK_MS = 50;
const PAGE = 200;

/**
 * Yields the last entries, oldest first, and then entries as they are recorded, until the signal. A prune takes nothing
 * from it: it looks only at what is newer than what it has shown.
 */
export async function* follow(store: AuditStore, request: FollowRequest, reading: Reading): AsyncGenerator<Content> {
  const { filter, limit, signal } = request;
  if (limit !== Infinity) expectWhole('limit', limit, 0);
  let seen = await store.mark();
  yield* pages(store, await lastOnes({ store, filter, limit, upTo: seen }), reading);
  while (!signal.aborted) {
    const upTo = await store.mark();
    if (upTo !== seen) yield* pages(store, { filter, order: 'recorded', limit: PAGE, upTo, beyond: seen }, reading);
    seen = upTo;
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Asks for the last entries, so many: it begins behind the entry before them, if there is one. */
async function lastOnes({
  store,
  filter,
  limit,
  upTo,
}: Pick<FollowRequest, 'filter' | 'limit'> & { readonly store: AuditStore; readonly upTo: Mark }): Promise<PageQuery> {
  if (limit === Infinity) return { filter, order: 'oldest', limit: PAGE, upTo };
  const { rows, next } = await store.rows({ filter, order: 'newest', limit: limit + 1, upTo }, ['ts', 'seq']);
  const [ts, seq] = rows[limit] ?? [];
  const after = ts === undefined ? next : { ms: parseTimestamp(String(ts)), seq: Number(seq) };
  return { filter, order: 'oldest', limit: PAGE, upTo, ...(after && { after }) };
}

/** Every page of a question that holds anything. */
async function* pages(store: AuditStore, query: PageQuery, reading: Reading): AsyncGenerator<Content> {
  for (let page = query; ;) {
    const { content, count, next } = await readPiece(store, page, reading);
    if (count > 0) yield content;
    if (next === null) return;
    page = { ...query, after: next };
  }
}
