import { SKELETON_FIELDS } from '../../../core/erasure.js';
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
