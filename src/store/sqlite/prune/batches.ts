import { DaybookError } from '../../../core/errors.js';
import type { PruneAccount, RuleCount, Tally } from '../../../core/prune-account.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { Key, PrunePlan, PrunedBatch } from '../../audit-store.js';
import { filterCondition, readDoomed, accountOf, closeAccount, checkpointReaches, readTally } from '../trail/index.js';
import { writing, hurrying } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import type { DoomedRow } from '../trail/index.js';
import { destroySalts } from '../seals/index.js';
import { putSkeletons } from './skeletons.js';
import { greatest, latest, least } from './extremes.js';

/** Deletes the next doomed entries of a plan in one transaction with their account. */
export function deleteBatch(
  connection: Connection,
  prune: number,
  plan: PrunePlan,
  batch: { readonly after: Key | undefined; readonly size: number },
  clock: () => number,
): PrunedBatch {
  // Which entries are next is found out before the lock is taken: entries never change, and no other prune is at work.
  const began = performance.now();
  const { rows, next } = readDoomed(connection, plan, batch.after, batch.size);
  const last = next === null;
  const tally = last ? readTally(connection) : undefined;
  const readMs = performance.now() - began;
  let locked = 0;
  // The commit that says that the prune is done is durable, and all before it with it.
  const account = hurrying(connection, last, () =>
    writing(connection, () => {
      locked = performance.now();
      return deleteRows(connection, prune, plan, { rows, tally }, clock);
    }),
  );
  return {
    deleted: rows.length,
    byAge: rows.filter((row) => row.byAge).length,
    byCount: rows.filter((row) => !row.byAge).length,
    lockMs: performance.now() - locked,
    readMs,
    next,
    account,
  };
}

function deleteRows(
  connection: Connection,
  prune: number,
  plan: PrunePlan,
  /** The last one has a tally, for the entry that tells of all. */
  batch: { readonly rows: readonly DoomedRow[]; readonly tally: Tally | undefined },
  clock: () => number,
): PruneAccount {
  const { rows } = batch;
  const opened = connection
    .prepare(`UPDATE daybook_prunes SET deleting = 1 WHERE prune = ? AND state = 'open'`)
    .run(prune);
  if (opened.changes !== 1) {
    throw new DaybookError(
      'busy',
      'this prune paused for so long that another one took over; what it deleted is accounted for',
    );
  }
  const seqs = JSON.stringify(rows.map((row) => row.seq));
  countMissed(connection, seqs);
  if (plan.erases) putSkeletons(connection, prune, seqs);
  const { changes } = connection
    .prepare('DELETE FROM daybook_entries WHERE seq IN (SELECT value FROM json_each(?))')
    .run(seqs);
  if (changes !== rows.length) {
    throw new DaybookError('failed', `${rows.length - changes} entries fell while this prune ran, and not by it`);
  }
  destroySalts(
    connection,
    rows.map((row) => row.seq),
  );
  const before = accountOf(connection, prune);
  const byAge = rows.filter((row) => row.byAge).length;
  const rules = plan.rules.map<RuleCount>((rule, position) => ({
    name: rule.name,
    deleted: (before.rules[position]?.deleted ?? 0) + rows.filter((row) => row.rules[position] === true).length,
  }));
  const now = formatTimestamp(clock());
  connection
    .prepare(
      `UPDATE daybook_prunes SET deleting = 0, heartbeat = ?, deleted = deleted + ?, by_age = by_age + ?, by_count = by_count + ?,
         rules = ?, first_seq = ?, last_seq = ?, first_ts = ?, last_ts = ? WHERE prune = ?`,
    )
    .run(
      now,
      rows.length,
      byAge,
      rows.length - byAge,
      JSON.stringify(rules),
      least([before.firstSeq, ...rows.map((row) => row.seq)]),
      greatest([before.lastSeq, ...rows.map((row) => row.seq)]),
      before.firstTs ?? rows[0]?.ts ?? null,
      latest([before.lastTs, ...rows.map((row) => row.ts)]),
      prune,
    );
  return batch.tally === undefined
    ? accountOf(connection, prune)
    : closeAccount(connection, prune, 'done', clock, batch.tally);
}

/** Counts, for each checkpoint, what goes before its exports saw it: the next export will say so. */
function countMissed(connection: Connection, seqs: string): void {
  for (const checkpoint of checkpointReaches(connection)) {
    const condition = filterCondition(checkpoint.filter ?? {});
    const [seen, later] = connection
      .prepare<unknown[], [number, number]>(
        `SELECT count(*) FILTER (WHERE e.seq <= ?), count(*) FILTER (WHERE e.seq > ?) FROM daybook_entries AS e
         WHERE e.seq IN (SELECT value FROM json_each(?)) AND e.seq > ? AND ${condition.sql}`,
      )
      .raw()
      .get(checkpoint.pending, checkpoint.pending, seqs, checkpoint.seq, ...condition.parameters) ?? [0, 0];
    if (seen + later === 0) continue;
    connection
      .prepare('UPDATE daybook_checkpoints SET missed = missed + ?, missed_later = missed_later + ? WHERE name = ?')
      .run(seen, later, checkpoint.name);
  }
}
