import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { ErasedEntry } from '../../../core/erasure.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Key } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';

const ERASED = `SELECT ${SKELETON_FIELDS.map((field) => `x.${field}`).join(', ')}, p.entry AS erased_by
  FROM daybook_erased AS x LEFT JOIN daybook_prunes AS p ON p.prune = x.prune`;

/** What is left of an erased entry. */
export function findErased(connection: Connection, seq: number): ErasedEntry | undefined {
  return connection.prepare<[number], ErasedEntry>(`${ERASED} WHERE x.seq = ?`).get(seq);
}

/** So many skeletons between two keys, in the order of history from the first on. */
export function erasedBetween(
  connection: Connection,
  first: Key | null,
  last: Key | null,
  limit: number,
): ErasedEntry[] {
  const bound = (key: Key | null): [string, number] | [] => (key === null ? [] : [formatTimestamp(key.ms), key.seq]);
  const conditions = [
    ...(first === null ? [] : ['(x.ts, x.seq) > (?, ?)']),
    ...(last === null ? [] : ['(x.ts, x.seq) < (?, ?)']),
  ];
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return connection
    .prepare<unknown[], ErasedEntry>(`${ERASED}${where} ORDER BY x.ts, x.seq LIMIT ?`)
    .all(...bound(first), ...bound(last), limit);
}
