import { decodeCursor, encodeCursor, questionHash } from '../core/cursor.js';
import type { Filter } from '../core/filter.js';
import { expectOneOf, expectWhole } from '../core/given.js';
import type { AuditStore, Explanation, Key, PageQuery } from '../store/audit-store.js';
import { withErased } from './erased-places.js';
import { readPiece } from './reading.js';
import type { Content, Reading } from './reading.js';

export interface HistoryRequest {
  readonly filter: Filter;
  readonly order: 'newest' | 'oldest';
  /** Infinity for all. */
  readonly limit: number;
  /** The filter as it was asked: a cursor belongs to its question. */
  readonly question: string;
  /** Where an earlier page ended. */
  readonly cursor?: string | undefined;
  /** Whether the window of time is the filter's own, whatever a cursor says: it may come from anybody. */
  readonly ownWindow?: boolean;
  /** Whether what is left of erased entries is told in their places. */
  readonly erased?: boolean;
}

/** However many entries are asked for, so many at most are in memory. */
const PAGE = 500;

/**
 * Yields one page of history in pieces, and returns the cursor of the next page, null only on the last.
 * Throws kind `usage` for a cursor that is damaged or belongs to another question or order.
 */
export async function* history(
  store: AuditStore,
  request: HistoryRequest,
  reading: Reading,
): AsyncGenerator<Content, string | null> {
  const query = await pageQuery(store, request);
  let after = query.after;
  for (let left = request.limit; left > 0;) {
    const limit = Math.min(left, PAGE);
    const { content, count, next, sure } = await readPiece(
      store,
      { ...query, limit, ...(after && { after }) },
      reading,
    );
    const { filter, order } = query;
    const shown =
      request.erased === true
        ? await withErased(store, content, reading, { filter, order, from: after, to: next })
        : content;
    if (count > 0 || shown !== content) yield shown;
    if (next === null) return null;
    left -= count;
    after = next;
    if (left <= 0 && sure) return cursorAt(request, query, next);
  }
  // A full page may be the last one all the same.
  const beyond = await store.rows({ ...query, limit: 1, ...(after && { after }) }, ['seq']);
  return beyond.rows.length === 0 || after === undefined ? null : cursorAt(request, query, after);
}

/** How the engine answers the request. */
export async function explainHistory(store: AuditStore, request: HistoryRequest): Promise<Explanation> {
  return store.explain(await pageQuery(store, request));
}

/**
 * A cursor carries the window as it was resolved for the first page and the last seq of the trail then, so that the
 * pages of one walk are pages of one list: neither the clock nor new entries move its ends.
 */
async function pageQuery(store: AuditStore, request: HistoryRequest): Promise<PageQuery> {
  const { filter, order, limit, question } = request;
  if (limit !== Infinity) expectWhole('limit', limit, 1);
  expectOneOf('order', order, ['newest', 'oldest']);
  if (request.cursor === undefined) return { filter, order, limit, upTo: await store.mark() };
  const cursor = decodeCursor(request.cursor, { order, question: questionHash(question) });
  const { since: _since, until: _until, ...timeless } = filter;
  const position = { order, limit, upTo: cursor.upTo, after: { ms: cursor.ms, seq: cursor.seq } };
  if (request.ownWindow === true) return { filter, ...position };
  return {
    filter: {
      ...timeless,
      ...(cursor.since === undefined ? {} : { since: cursor.since }),
      ...(cursor.until === undefined ? {} : { until: cursor.until }),
    },
    ...position,
  };
}

function cursorAt(request: HistoryRequest, query: PageQuery, key: Key): string {
  const { since, until } = query.filter;
  return encodeCursor({
    order: request.order,
    question: questionHash(request.question),
    upTo: query.upTo,
    ms: key.ms,
    seq: key.seq,
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  });
}
