import { DaybookError } from '../../core/errors.js';
import type { Filter } from '../../core/filter.js';
import { filterFromJson } from '../../core/filter-text.js';
import { pruneEntry } from '../../core/prune-account.js';
import type { PruneAccount, PruneIntent, RuleCount } from '../../core/prune-account.js';
import { formatTimestamp, parseTimestamp } from '../../core/timestamp.js';
import type { Key, PruneForecast, PrunePlan, PruneRule, PrunedBatch, ResolvedRule } from '../audit-store.js';
import { doomed, fallsByAge, filterCondition, horizon, ruleMatches } from './compile.js';
import { counted, reading, writing } from './connection.js';
import type { Connection } from './connection.js';
import { chooseDrive, indexedBy } from './drive.js';
import { keyAt, lastSeq, readDoomed } from './pages.js';
import type { DoomedRow } from './pages.js';
import { inserter } from './recording.js';
import { and, concat, sql } from './sql.js';

/** A prune that gave no sign of life for so long is over, whatever its process id says: ids are used again. */
const LEASE_MS = 60_000;

/** Who this process is, for the lease that keeps two prunes apart. */
export interface Presence {
  readonly host: string;
  readonly pid: number;
  /** Whether a process with this id lives on this host. */
  readonly lives: (pid: number) => boolean;
}

/** What the writing functions need beside a connection. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly presence: Presence;
}

/** Turns rules into a plan for the trail as it is now. */
export function planPrune(
  connection: Connection,
  rules: readonly PruneRule[],
  reserved: readonly boolean[],
  recordedBefore: string | null,
): PrunePlan {
  return reading(connection, () => {
    const upTo = lastSeq(connection);
    const resolve = (rule: PruneRule, position: number): ResolvedRule => ({
      name: rule.name,
      filter: rule.filter,
      before: rule.before,
      oldestKept:
        rule.keep === null
          ? null
          : oldestKept(connection, rule.filter, rule.keep, reserved[position] === true, { upTo, recordedBefore }),
    });
    return { rules: rules.map(resolve), upTo, recordedBefore };
  });
}

/** The oldest entry that a count keeps, or null where it keeps all of them. */
function oldestKept(
  connection: Connection,
  filter: Filter,
  keep: number,
  reserve: boolean,
  trail: { upTo: number; recordedBefore: string | null },
): Key | null {
  const places = keep - (reserve ? 1 : 0);
  if (places === 0) return { ms: Number.MAX_SAFE_INTEGER, seq: 0 };
  return keyAt(connection, filter, trail, places - 1) ?? null;
}

interface ForecastRow {
  action: string;
  month: string;
  count: number;
  byAge: number;
  first: string;
  last: string;
  firstSeq: number;
  lastSeq: number;
  [rule: `rule${number}`]: number;
}

/** What a plan would take, counted in one walk. */
export function forecastPrune(connection: Connection, plan: PrunePlan): PruneForecast {
  return reading(connection, () => {
    const falling = fallsByAge(plan);
    const counts = plan.rules.map((rule, position) => concat('sum(', ruleMatches(rule), `) AS rule${position}`));
    const statement = concat(
      'SELECT e.action AS action, substr(e.ts, 1, 7) AS month, count(*) AS count, sum(',
      falling,
      ') AS byAge, min(e.ts) AS first, max(e.ts) AS last, min(e.seq) AS firstSeq, max(e.seq) AS lastSeq',
      ...counts.flatMap((count) => [', ', count]),
      doomedFrom(connection, plan),
      ' GROUP BY 1, 2',
    );
    const rows = connection.prepare<unknown[], ForecastRow>(statement.sql).all(...statement.parameters);
    const total = (pick: (row: ForecastRow) => number): number => rows.reduce((sum, row) => sum + pick(row), 0);
    const count = total((row) => row.count);
    const byAge = total((row) => row.byAge);
    return {
      count,
      byAge,
      byCount: count - byAge,
      first: rows.map((row) => row.first).toSorted()[0] ?? null,
      last:
        rows
          .map((row) => row.last)
          .toSorted()
          .at(-1) ?? null,
      firstSeq: least(rows.map((row) => row.firstSeq)),
      lastSeq: greatest(rows.map((row) => row.lastSeq)),
      actions: grouped(rows, 'action')
        .map(([action, sum]) => ({ action, count: sum }))
        .toSorted((a, b) => b.count - a.count),
      months: grouped(rows, 'month')
        .map(([month, sum]) => ({ month, count: sum }))
        .toSorted((a, b) => (a.month < b.month ? -1 : 1)),
      rules: plan.rules.map((rule, position) => ({
        name: rule.name,
        deleted: total((row) => row[`rule${position}`] ?? 0),
      })),
      unseen: count === 0 ? [] : unseenByCheckpoints(connection, plan),
    };
  });
}

function grouped(rows: readonly ForecastRow[], by: 'action' | 'month'): [string, number][] {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row[by], (sums.get(row[by]) ?? 0) + row.count);
  return [...sums];
}

/** FROM and WHERE for the doomed entries of a plan, by the narrowest index that one rule alone allows. */
function doomedFrom(connection: Connection, plan: PrunePlan): ReturnType<typeof sql> {
  const limit = horizon(plan);
  const [rule] = plan.rules;
  const drive = chooseDrive(
    connection,
    plan.rules.length === 1 && rule !== undefined ? { ...rule.filter, until: limit } : {},
  );
  const run = drive.runs.length === 1 ? drive.runs[0] : undefined;
  return concat(
    ` FROM daybook_entries AS e ${run === undefined ? 'INDEXED BY daybook_entries_by_time' : indexedBy(drive)} WHERE `,
    and([run ?? sql('TRUE'), sql('e.ts_ms <= ?', limit), doomed(plan)]),
  );
}

interface CheckpointRow {
  name: string;
  filter: string;
  seq: number;
  pending: number;
}

function checkpointRows(connection: Connection): CheckpointRow[] {
  return connection
    .prepare<[], CheckpointRow>('SELECT name, filter, seq, pending FROM daybook_checkpoints ORDER BY name')
    .all();
}

function unseenByCheckpoints(connection: Connection, plan: PrunePlan): { checkpoint: string; count: number }[] {
  return checkpointRows(connection).map((checkpoint) => {
    const statement = concat(
      'SELECT count(*)',
      doomedFrom(connection, plan),
      ' AND ',
      and([sql('e.seq > ?', checkpoint.seq), filterCondition(filterFromJson(checkpoint.filter))]),
    );
    return { checkpoint: checkpoint.name, count: counted(connection, statement) };
  });
}

/** Takes the lease and opens the account. */
export function openPrune(connection: Connection, intent: PruneIntent, circumstances: Circumstances): number {
  const { clock, presence } = circumstances;
  return writing(connection, () => {
    settleCutOff(connection, circumstances);
    const [other] = openAccounts(connection);
    if (other !== undefined) {
      throw new DaybookError(
        'busy',
        `another prune is at work: process ${other.pid} on ${other.host}, since ${other.startedAt}`,
      );
    }
    const now = formatTimestamp(clock());
    const { lastInsertRowid } = connection
      .prepare(
        `INSERT INTO daybook_prunes (command, actor, actor_type, recorded_by, reason, criteria, up_to, started_at, heartbeat, host, pid)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        intent.command,
        intent.actor,
        intent.actorType,
        intent.recordedBy,
        intent.reason,
        intent.criteria,
        intent.upTo,
        now,
        now,
        presence.host,
        presence.pid,
      );
    return Number(lastInsertRowid);
  });
}

/** Renews the lease and, once it is written, notes the archive. */
export function renewPrune(connection: Connection, prune: number, archive: string | null, clock: () => number): void {
  connection
    .prepare(
      `UPDATE daybook_prunes SET heartbeat = ?, archive = coalesce(?, archive) WHERE prune = ? AND state = 'open'`,
    )
    .run(formatTimestamp(clock()), archive, prune);
}

/** Deletes the next doomed entries of a plan in one transaction with their account. */
export function deleteBatch(
  connection: Connection,
  prune: number,
  plan: PrunePlan,
  batch: { readonly after: Key | undefined; readonly size: number },
  clock: () => number,
): PrunedBatch {
  // Which entries are next is found out before the lock is taken: entries never change, and no other prune is at work.
  const { rows, next } = readDoomed(connection, plan, batch.after, batch.size);
  let locked = 0;
  const account = writing(connection, () => {
    locked = performance.now();
    return deleteRows(connection, prune, plan, { rows, last: next === null }, clock);
  });
  return {
    deleted: rows.length,
    byAge: rows.filter((row) => row.byAge).length,
    byCount: rows.filter((row) => !row.byAge).length,
    lockMs: performance.now() - locked,
    next,
    account,
  };
}

function deleteRows(
  connection: Connection,
  prune: number,
  plan: PrunePlan,
  batch: { readonly rows: readonly DoomedRow[]; readonly last: boolean },
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
  const { changes } = connection
    .prepare('DELETE FROM daybook_entries WHERE seq IN (SELECT value FROM json_each(?))')
    .run(seqs);
  if (changes !== rows.length) {
    throw new DaybookError('failed', `${rows.length - changes} entries fell while this prune ran, and not by it`);
  }
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
  return batch.last ? closeAccount(connection, prune, 'done', clock) : accountOf(connection, prune);
}

function least(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b));
}

function greatest(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b));
}

/** Times are text of one width, so that their order is that of text. */
function latest(times: readonly (string | null)[]): string | null {
  return times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}

/** Counts, for each checkpoint, what goes before its exports saw it: the next export will say so. */
function countMissed(connection: Connection, seqs: string): void {
  for (const checkpoint of checkpointRows(connection)) {
    const condition = filterCondition(filterFromJson(checkpoint.filter));
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

/** Closes an account; where something was deleted, its entry is recorded in the same transaction. */
function closeAccount(
  connection: Connection,
  prune: number,
  state: 'done' | 'cut_off',
  clock: () => number,
): PruneAccount {
  const { changes } = connection
    .prepare(`UPDATE daybook_prunes SET state = ?, finished_at = ? WHERE prune = ? AND state = 'open'`)
    .run(state, formatTimestamp(clock()), prune);
  const account = accountOf(connection, prune);
  if (changes === 0 || account.deleted === 0) return account;
  const { seq } = inserter(connection, clock)(pruneEntry(account));
  connection.prepare('UPDATE daybook_prunes SET entry = ? WHERE prune = ?').run(seq, prune);
  return { ...account, entry: seq };
}

/** Closes an account before its plan is through. */
export function closePrune(
  connection: Connection,
  prune: number,
  state: 'done' | 'cut_off',
  clock: () => number,
): PruneAccount {
  return writing(connection, () => closeAccount(connection, prune, state, clock));
}

/** Turns the accounts of prunes that ended before they were done into entries. Runs in the open transaction. */
export function settleCutOff(connection: Connection, circumstances: Circumstances): void {
  for (const account of cutOffAccounts(connection, circumstances)) {
    closeAccount(connection, account.prune, 'cut_off', circumstances.clock);
  }
}

function alive(account: PruneAccount, { clock, presence }: Circumstances): boolean {
  // A heartbeat from the future means that the clock went back since, and says nothing.
  if (Math.abs(clock() - parseTimestamp(account.heartbeat)) > LEASE_MS) return false;
  return account.host !== presence.host || presence.lives(account.pid);
}

interface AccountRow {
  prune: number;
  command: 'prune' | 'clear';
  state: PruneAccount['state'];
  actor: string;
  actor_type: string;
  recorded_by: string | null;
  reason: string | null;
  criteria: string;
  up_to: number;
  started_at: string;
  finished_at: string | null;
  heartbeat: string;
  host: string;
  pid: number;
  deleted: number;
  by_age: number;
  by_count: number;
  rules: string;
  first_seq: number | null;
  last_seq: number | null;
  first_ts: string | null;
  last_ts: string | null;
  archive: string | null;
  entry: number | null;
}

function toAccount(row: AccountRow): PruneAccount {
  return {
    prune: row.prune,
    command: row.command,
    state: row.state,
    actor: row.actor,
    actorType: row.actor_type,
    recordedBy: row.recorded_by,
    reason: row.reason,
    criteria: row.criteria,
    upTo: row.up_to,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    heartbeat: row.heartbeat,
    host: row.host,
    pid: row.pid,
    deleted: row.deleted,
    byAge: row.by_age,
    byCount: row.by_count,
    rules: JSON.parse(row.rules) as RuleCount[],
    firstSeq: row.first_seq,
    lastSeq: row.last_seq,
    firstTs: row.first_ts,
    lastTs: row.last_ts,
    archive: row.archive,
    entry: row.entry,
  };
}

function accountOf(connection: Connection, prune: number): PruneAccount {
  const row = connection.prepare<[number], AccountRow>('SELECT * FROM daybook_prunes WHERE prune = ?').get(prune);
  if (row === undefined) throw new DaybookError('failed', `the account of prune ${prune} is gone`);
  return toAccount(row);
}

/** The accounts of prunes that are not closed, alive or not. */
function openAccounts(connection: Connection): PruneAccount[] {
  return connection.prepare<[], AccountRow>(`SELECT * FROM daybook_prunes WHERE state = 'open'`).all().map(toAccount);
}

/** The accounts that are open although nobody is at work on them any more. */
export function cutOffAccounts(connection: Connection, circumstances: Circumstances): PruneAccount[] {
  return openAccounts(connection).filter((account) => !alive(account, circumstances));
}

/** The last prune that deleted something and is closed. */
export function lastAccount(connection: Connection): PruneAccount | undefined {
  const row = connection
    .prepare<[], AccountRow>(
      `SELECT * FROM daybook_prunes WHERE state <> 'open' AND deleted > 0 ORDER BY prune DESC LIMIT 1`,
    )
    .get();
  return row === undefined ? undefined : toAccount(row);
}
