import { setTimeout as sleep } from 'node:timers/promises';
import type { Filter } from '../core/filter.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key, PageQuery } from '../store/audit-store.js';
import { readPiece } from './reading.js';
import type { Content, Piece, Reading } from './reading.js';

export interface FollowRequest {
  readonly filter: Filter;
  /** How many of the entries that are there already are shown first. */
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
  let seen = await store.mark();
  // Where the entry before the first one to show stands, if there is one.
  const latest = { filter, order: 'newest' as const, limit: limit + 1, upTo: seen };
  const { rows, next: further } = await store.rows(latest, ['ts', 'seq']);
  const [ts, seq] = rows[limit] ?? [];
  const start = ts === undefined ? further : { ms: parseTimestamp(String(ts)), seq: Number(seq) };
  for (let after = start; ;) {
    const query = { filter, order: 'oldest' as const, limit: PAGE, upTo: seen, ...(after && { after }) };
    const { content, count, next } = await readPiece(store, query, reading);
    if (count > 0) yield content;
    if (next === null) break;
    after = next;
  }
  while (!signal.aborted) {
    const upTo = await store.mark();
    if (upTo !== seen) {
      for (let after: Key | null = null, more = true; more; more = after !== null) {
        const query: PageQuery = {
          filter,
          order: 'recorded',
          limit: PAGE,
          upTo,
          beyond: seen,
          ...(after && { after }),
        };
        const { content, count, next }: Piece = await readPiece(store, query, reading);
        if (count > 0) yield content;
        after = next;
      }
      seen = upTo;
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
