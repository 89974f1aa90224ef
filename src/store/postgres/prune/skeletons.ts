import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { ErasedEntry } from '../../../core/erasure.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Key } from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { timeText } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

/** Keeps what stays of these entries, before they go in the same transaction. */
export async function putSkeletons(connection: Connection, prune: number, seqs: readonly string[]): Promise<void> {
  const fields = SKELETON_FIELDS.map((field) => (field === 'ts' ? timeText('e.ts') : `e.${field}`));
  const kept = [...SKELETON_FIELDS.slice(1), 'prune'];
  // One is there already where an erased entry was brought back.
  await connection.run({
    sql: `INSERT INTO daybook_erased (${SKELETON_FIELDS.join(', ')}, prune)
      SELECT ${fields.join(', ')}, ?::bigint FROM daybook_entries AS e WHERE e.seq = ANY (?::bigint[])
      ON CONFLICT (seq) DO UPDATE SET ${kept.map((field) => `${field} = excluded.${field}`).join(', ')}`,
    parameters: [prune, seqs],
  });
}

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
