import { DaybookError } from '../../../core/errors.js';
import { keptMark } from '../../../core/mark.js';
import { pruneEntry, readRuleCounts } from '../../../core/prune-account.js';
import type { PruneAccount, PruneIntent, Tally } from '../../../core/prune-account.js';
import { formatTimestamp, isStoredTimestamp, parseTimestamp } from '../../../core/timestamp.js';
import { sql } from '../../sql.js';
import { answer, counted } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { insertOne } from './recording.js';

/** A prune that gave no sign of life for so long is over, whatever its process id says: ids are used again. */
const LEASE_MS = 60_000;

type Circumstances = Pick<Session, 'options' | 'clock' | 'connection'>;

/** Takes the lease and opens the account. Runs in the open transaction. */
export async function openPrune(on: Circumstances, intent: PruneIntent): Promise<number> {
  const { connection, clock, options } = on;
  await settleCutOff(on);
  const [other] = await openAccounts(connection);
  if (other !== undefined) throw atWork(other);
  const now = formatTimestamp(clock());
  // Two that open at once meet in an index, and the second one waits for the first.
  const prune = await answer<number>(
    connection,
    sql(
      `INSERT INTO daybook_prunes (command, actor, actor_type, recorded_by, reason, criteria, up_to, started_at, heartbeat, host, pid)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING prune`,
      intent.command,
      intent.actor,
      intent.actorType,
      intent.recordedBy,
      intent.reason,
      intent.criteria,
      intent.upTo,
      now,
      now,
      options.presence.host,
      options.presence.pid,
    ),
  );
  if (prune !== undefined) return prune;
  const [quicker] = await openAccounts(connection);
  throw atWork(quicker);
}

function atWork(other: PruneAccount | undefined): DaybookError {
  const who = other === undefined ? '' : `: process ${other.pid} on ${other.host}, since ${other.startedAt}`;
  return new DaybookError('busy', `another prune is at work${who}`);
}

/** Renews the lease and, once it is written, notes the archive. */
export async function renewPrune(
  { connection, clock }: Circumstances,
  prune: number,
  archive: string | null,
): Promise<void> {
  await connection.run(
    sql(
      `UPDATE daybook_prunes SET heartbeat = ?, archive = coalesce(?::text, archive) WHERE prune = ? AND state = 'open'`,
      formatTimestamp(clock()),
      archive,
      prune,
    ),
  );
}

/** Closes an account; where something was deleted, its entry is recorded in the same transaction. */
export async function closeAccount(
  { connection, clock }: Circumstances,
  prune: number,
  state: 'done' | 'cut_off',
): Promise<PruneAccount> {
  const changes = await connection.run(
    sql(
      `UPDATE daybook_prunes SET state = ?, finished_at = ? WHERE prune = ? AND state = 'open'`,
      state,
      formatTimestamp(clock()),
      prune,
    ),
  );
  const account = await accountOf(connection, prune);
  if (changes === 0 || account.deleted === 0) return account;
  const seq = await insertOne(connection, pruneEntry(account), clock);
  await connection.run(sql('UPDATE daybook_prunes SET entry = ? WHERE prune = ?', seq, prune));
  return { ...account, entry: seq };
}

/** Turns the accounts of prunes that ended before they were done into entries. Runs in the open transaction. */
export async function settleCutOff(on: Circumstances): Promise<void> {
  for (const account of await cutOffAccounts(on)) await closeAccount(on, account.prune, 'cut_off');
}

interface AccountRow {
  readonly prune: number;
  readonly command: string;
  readonly state: PruneAccount['state'];
  readonly actor: string;
  readonly actor_type: string;
  readonly recorded_by: string | null;
  readonly reason: string | null;
  readonly criteria: string;
  readonly up_to: string;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly heartbeat: string;
  readonly host: string;
  readonly pid: number;
  readonly deleted: number;
  readonly by_age: number;
  readonly by_count: number;
  readonly rules: string;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  readonly first_ts: string | null;
  readonly last_ts: string | null;
  readonly archive: string | null;
  readonly entry: number | null;
}

function toAccount(row: AccountRow): PruneAccount {
  return {
    prune: row.prune,
    command: row.command === 'clear' || row.command === 'erase' ? row.command : 'prune',
    state: row.state,
    actor: row.actor || 'unknown',
    actorType: row.actor_type || 'unknown',
    recordedBy: row.recorded_by,
    reason: row.reason,
    criteria: row.criteria,
    upTo: keptMark(row.up_to),
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    heartbeat: row.heartbeat,
    host: row.host,
    pid: row.pid,
    deleted: row.deleted,
    byAge: row.by_age,
    byCount: row.by_count,
    rules: readRuleCounts(row.rules) ?? [],
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    firstTs: row.first_ts,
    lastTs: row.last_ts,
    archive: row.archive,
    entry: row.entry,
  };
}

export async function accountOf(connection: Connection, prune: number): Promise<PruneAccount> {
  const [row] = await connection.all<AccountRow>(sql('SELECT * FROM daybook_prunes WHERE prune = ?', prune));
  if (row === undefined) throw new DaybookError('failed', `the account of prune ${prune} is gone`);
  return toAccount(row);
}

/** The accounts of prunes that are not closed, alive or not. */
async function openAccounts(connection: Connection): Promise<PruneAccount[]> {
  const rows = await connection.all<AccountRow>(sql(`SELECT * FROM daybook_prunes WHERE state = 'open'`));
  return rows.map(toAccount);
}

function alive(account: PruneAccount, { clock, options: { presence } }: Circumstances): boolean {
  // A heartbeat from the future means that the clock went back since, and says nothing.
  const beat = isStoredTimestamp(account.heartbeat) ? parseTimestamp(account.heartbeat) : 0;
  if (Math.abs(clock() - beat) > LEASE_MS) return false;
  return account.host !== presence.host || presence.lives(account.pid);
}

/** The accounts that are open although nobody is at work on them any more. */
export async function cutOffAccounts(on: Circumstances): Promise<PruneAccount[]> {
  return (await openAccounts(on.connection)).filter((account) => !alive(account, on));
}

/** How many entries all prunes together have deleted. */
export async function prunedSoFar(connection: Connection): Promise<number> {
  return counted(connection, sql('SELECT coalesce(sum(deleted), 0) FROM daybook_prunes'));
}

/** The last prune that deleted something and is closed. An erasure is none. */
export async function lastAccount(connection: Connection): Promise<PruneAccount | undefined> {
  const [row] = await connection.all<AccountRow>(
    sql(
      `SELECT * FROM daybook_prunes WHERE state <> 'open' AND deleted > 0 AND command <> 'erase' ORDER BY prune DESC LIMIT 1`,
    ),
  );
  return row === undefined ? undefined : toAccount(row);
}

/**
 * Whether an account `p` may have taken entries of a type: an erasure does not keep what it was asked, but skeletons, and
 * these tell.
 */
export const MAY_HAVE_TAKEN = `(p.command <> 'erase' OR EXISTS (
  SELECT FROM daybook_erased AS x WHERE x.prune = p.prune AND x.entity_type = ?))`;

/**
 * How many entries are accounted for. What is not, PostgreSQL cannot tell: a transaction that is taken back, or an id that
 * is there already, leaves a seq without an entry.
 */
export async function readTally(connection: Connection, entries: number): Promise<Tally> {
  const accounted = entries + (await prunedSoFar(connection));
  return { accounted, sequence: accounted };
}
