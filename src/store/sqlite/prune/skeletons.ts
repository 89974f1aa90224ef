import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { Connection } from '../engine/index.js';

/** Keeps what stays of these entries (a JSON array of seqs), before they go in the same transaction. */
export function putSkeletons(connection: Connection, prune: number, seqs: string): void {
  // One is there already where an erased entry was brought back.
  connection
    .prepare(
      `INSERT OR REPLACE INTO daybook_erased (${SKELETON_FIELDS.join(', ')}, prune)
       SELECT ${SKELETON_FIELDS.join(', ')}, ? FROM daybook_entries WHERE seq IN (SELECT value FROM json_each(?))`,
    )
    .run(prune, seqs);
}
