import type { Cell } from '../../../core/cell.js';
import { DaybookError } from '../../../core/errors.js';
import type { PruneAccount, RuleCount } from '../../../core/prune-account.js';
import { formatTimestamp, parseTimestamp } from '../../../core/timestamp.js';
import type { Key, PageQuery, PrunePlan, PrunedBatch } from '../../audit-store.js';
import { concat, join, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { inTrail, timeText } from '../engine/index.js';
import type { Connection, Session, Statement } from '../engine/index.js';
import { accountOf, checkpointReaches, closeAccount, fallsByAge, pageStatement, ruleMatches } from '../trail/index.js';
import { destroySalts, lockTiles } from '../seals/index.js';
import { unseenBy } from './plan.js';
import { putSkeletons } from './skeletons.js';

interface DoomedRow {
  readonly seq: number;
  readonly ts: string;
  readonly byAge: boolean;
  /** For each rule of the plan, whether it matches. */
  readonly rules: readonly boolean[];
}

/** Deletes the next doomed entries of a plan in one transaction with their account. */
export async function deleteBatch(
  session: Session,
  prune: number,
  plan: PrunePlan,
  batch: { readonly after: Key | undefined; readonly size: number },
): Promise<PrunedBatch> {
  // Which entries are next is found out before anything is locked: entries never change, and no other prune is at work.
  const began = performance.now();
  const { rows, next } = await session.read(() => readDoomed(session, plan, batch.after, batch.size));
  const last = next === null;
  const readMs = performance.now() - began;
  const locked = performance.now();
  // The commit that says that the prune is done is durable, and all before it with it.
  const account = await session.write(() => deleteRows(session, prune, plan, rows, last), { durable: last });
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

/**
 * The next doomed entries of a plan, oldest first. What one of them takes back comes with it, however young it is: it
 * would hold again for as long as they fall apart, and for good where the prune is cut off between them. An erasure takes
 * what it is asked for and nothing else.
 */
async function readDoomed(
  { connection, generations }: Session,
  plan: PrunePlan,
  after: Key | undefined,
  limit: number,
): Promise<{ readonly rows: readonly DoomedRow[]; readonly next: Key | null }> {
  const query: PageQuery = {
    filter: {},
    order: 'oldest',
    limit,
    upTo: plan.upTo,
    doomedBy: plan,
    ...(after === undefined ? {} : { after }),
  };
  const selected = concat(
    `e.seq, ${timeText('e.ts')}, e.reverts, `,
    join([fallsByAge(plan, generations), ...plan.rules.map((rule) => ruleMatches(rule, generations))], ', '),
  );
  type Row = (Cell | boolean)[];
  const found = await connection.rows<Row>(pageStatement(generations, query, selected, limit + 1));
  const page = found.slice(0, limit);
  const taking = plan.erases ? [] : page.filter((row) => row[2] !== null);
  const taken =
    taking.length === 0 ? [] : await connection.rows<Row>(takenBack(selected, seqsOf(taking), seqsOf(page)));
  const rows = [...page, ...taken].map((row) => ({
    seq: row[0] as number,
    ts: row[1] as string,
    byAge: row[3] === true,
    rules: plan.rules.map((_, position) => row[4 + position] === true),
  }));
  const last = found[limit - 1];
  const next =
    found.length <= limit || last === undefined
      ? null
      : { ms: parseTimestamp(last.at(-2) as string), seq: last.at(-1) as number };
  return { rows, next };
}

function seqsOf(rows: readonly (readonly unknown[])[]): string[] {
  return rows.map((row) => String(row[0]));
}

/** What the entries `taking` take back, and what that takes back, and so on, but for what is in `known`. */
function takenBack(selected: Sql, taking: readonly string[], known: readonly string[]): Statement {
  return {
    sql: `WITH RECURSIVE taken (id, reverts) AS (
        SELECT t.id, t.reverts FROM daybook_entries AS t WHERE t.seq = ANY (?::bigint[])
        UNION SELECT t.id, t.reverts FROM taken JOIN daybook_entries AS t ON t.id = taken.reverts)
      SELECT ${selected.sql} FROM daybook_entries AS e WHERE e.id IN (SELECT id FROM taken) AND e.seq <> ALL (?::bigint[])`,
    parameters: [taking, ...selected.parameters, known],
  };
}

async function deleteRows(
  session: Session,
  prune: number,
  plan: PrunePlan,
  rows: readonly DoomedRow[],
  last: boolean,
): Promise<PruneAccount> {
  const { connection, clock } = session;
  // Nobody seals an entry of this batch meanwhile.
  await lockTiles(connection);
  // What the guard looks for: this transaction, and no other, may delete.
  const opened = await connection.run(
    sql(`UPDATE daybook_prunes SET deleting_tx = pg_current_xact_id() WHERE prune = ? AND state = 'open'`, prune),
  );
  if (opened !== 1) {
    throw new DaybookError(
      'busy',
      'this prune paused for so long that another one took over; what it deleted is accounted for',
    );
  }
  const seqs = rows.map((row) => String(row.seq));
  await countMissed(session, seqs);
  if (plan.erases) await putSkeletons(connection, prune, seqs);
  const deleted = await connection.run({
    sql: 'DELETE FROM daybook_entries WHERE seq = ANY (?::bigint[])',
    parameters: [seqs],
  });
  if (deleted !== rows.length) {
    throw new DaybookError('failed', `${rows.length - deleted} entries fell while this prune ran, and not by it`);
  }
  await destroySalts(
    connection,
    rows.map((row) => row.seq),
  );
  await keepAccount(connection, prune, plan, rows, formatTimestamp(clock()));
  return last ? closeAccount(session, prune, 'done') : accountOf(connection, prune);
}

async function keepAccount(
  connection: Connection,
  prune: number,
  plan: PrunePlan,
  rows: readonly DoomedRow[],
  now: string,
): Promise<void> {
  const before = await accountOf(connection, prune);
  const byAge = rows.filter((row) => row.byAge).length;
  const rules = plan.rules.map<RuleCount>((rule, position) => ({
    name: rule.name,
    deleted: (before.rules[position]?.deleted ?? 0) + rows.filter((row) => row.rules[position] === true).length,
  }));
  const seqs = [before.firstSeq, before.lastSeq, ...rows.map((row) => row.seq)].filter((seq) => seq !== null);
  const times = [before.lastTs, ...rows.map((row) => row.ts)].filter((ts) => ts !== null);
  await connection.run(
    sql(
      `UPDATE daybook_prunes SET deleting_tx = NULL, heartbeat = ?, deleted = deleted + ?, by_age = by_age + ?, by_count = by_count + ?,
         rules = ?, first_seq = ?, last_seq = ?, first_ts = ?, last_ts = ? WHERE prune = ?`,
      now,
      rows.length,
      byAge,
      rows.length - byAge,
      JSON.stringify(rules),
      seqs.length === 0 ? null : Math.min(...seqs),
      seqs.length === 0 ? null : Math.max(...seqs),
      before.firstTs ?? rows[0]?.ts ?? null,
      times.toSorted().at(-1) ?? null,
      prune,
    ),
  );
}

/** Counts, for each checkpoint, what goes before its exports saw it: the next export will say so. */
async function countMissed({ connection, generations }: Session, seqs: readonly string[]): Promise<void> {
  for (const { name, filter, mark, pending } of await checkpointReaches(connection, true)) {
    const seen = inTrail(pending, generations);
    const unseen = unseenBy(mark, filter, generations);
    const [counts] = await connection.rows<[number, number]>({
      sql: `SELECT count(*) FILTER (WHERE ${seen.sql}), count(*) FILTER (WHERE NOT (${seen.sql})) FROM daybook_entries AS e
        WHERE e.seq = ANY (?::bigint[]) AND ${unseen.sql}`,
      parameters: [...seen.parameters, ...seen.parameters, seqs, ...unseen.parameters],
    });
    const [now, later] = counts ?? [0, 0];
    if (now + later === 0) continue;
    await connection.run(
      sql(
        'UPDATE daybook_checkpoints SET missed = missed + ?, missed_later = missed_later + ? WHERE name = ?',
        now,
        later,
        name,
      ),
    );
  }
}
