import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { ErasedEntry } from '../../../core/erasure.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Key } from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import type { Connection } from '../engine/index.js';

const ERASED = `SELECT ${SKELETON_FIELDS.map((field) => `x.${field}`).join(', ')}, p.entry AS erased_by
  FROM daybook_erased AS x LEFT JOIN daybook_prunes AS p ON p.prune = x.prune`;

/** What is left of an erased entry. */
export async function findErased(connection: Connection, seq: number): Promise<ErasedEntry | undefined> {
  return (await connection.all<ErasedEntry>(sql(`${ERASED} WHERE x.seq = ?`, seq)))[0];
}

/** So many skeletons between two keys, in the order of history from the first on. */
export async function erasedBetween(
  connection: Connection,
  first: Key | null,
  last: Key | null,
  limit: number,
): Promise<ErasedEntry[]> {
  const beyond = (than: '<' | '>', key: Key | null): Sql[] =>
    key === null ? [] : [sql(`(x.ts, x.seq) ${than} (?, ?::bigint)`, formatTimestamp(key.ms), key.seq)];
  const within = and([...beyond('>', first), ...beyond('<', last)]);
  return connection.all<ErasedEntry>(concat(`${ERASED} WHERE `, within, sql(' ORDER BY x.ts, x.seq LIMIT ?', limit)));
}
