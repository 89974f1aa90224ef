import type { CaptureSpan } from '../../../core/capture.js';
import { DaybookError } from '../../../core/errors.js';
import { isObject, keptJson } from '../../../core/kept-json.js';
import type { Presence } from '../../../core/presence.js';
import { pruneEntry, readCriteria, readRuleCounts } from '../../../core/prune-account.js';
import type { PruneAccount, PruneIntent, Removing, Tally } from '../../../core/prune-account.js';
import { formatTimestamp, isStoredTimestamp, parseTimestamp } from '../../../core/timestamp.js';
import { importedReach as importedReachOf, mayHaveTaken } from '../../../core/prune-reach.js';
import type { PruneReach } from '../../audit-store.js';
import { counted, writing, markOf, seqOf, sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { inserter } from './recording.js';
import { readTally } from './tally.js';

/** A prune that gave no sign of life for so long is over, whatever its process id says: ids are used again. */
const LEASE_MS = 60_000;

/** What the writing functions need beside a connection. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly presence: Presence;
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
        seqOf(intent.upTo),
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

/**
 * Closes an account; where something was deleted, its entry is recorded in the same transaction. The `tally` in it may
 * have been read before: to count in here would keep others waiting.
 */
export function closeAccount(
  connection: Connection,
  prune: number,
  state: 'done' | 'cut_off',
  clock: () => number,
  tally: Tally,
): PruneAccount {
  const { changes } = connection
    .prepare(`UPDATE daybook_prunes SET state = ?, finished_at = ? WHERE prune = ? AND state = 'open'`)
    .run(state, formatTimestamp(clock()), prune);
  const account = accountOf(connection, prune);
  if (changes === 0 || account.deleted === 0) return account;
  const { seq } = inserter(connection, clock)(pruneEntry(account, tally));
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
  const tally = readTally(connection);
  return writing(connection, () => closeAccount(connection, prune, state, clock, tally));
}

/** Turns the accounts of prunes that ended before they were done into entries. Runs in the open transaction. */
export function settleCutOff(connection: Connection, circumstances: Circumstances): void {
  for (const account of cutOffAccounts(connection, circumstances)) {
    closeAccount(connection, account.prune, 'cut_off', circumstances.clock, readTally(connection));
  }
}

function alive(account: PruneAccount, { clock, presence }: Circumstances): boolean {
  // A heartbeat from the future means that the clock went back since, and says nothing.
  if (Math.abs(clock() - parseTimestamp(account.heartbeat)) > LEASE_MS) return false;
  return account.host !== presence.host || presence.lives(account.pid);
}

interface AccountRow {
  prune: number;
  command: Removing;
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

/** Longer ago than any lease. */
const NEVER = '1970-01-01T00:00:00.000Z';

/**
 * A row in which everything can be read and becomes an entry: what another program spoiled is kept as text, and stands for
 * a prune that may have taken anything. If it
 * were an error, nobody could record any more while such an account is open.
 */
function readableRow(row: AccountRow): AccountRow {
  const plain = <T extends string | null>(text: T): T => (text?.replaceAll('\0', '\ufffd') ?? null) as T;
  const archive = row.archive === null ? null : keptJson(row.archive);
  return {
    ...row,
    command: row.command === 'clear' || row.command === 'erase' ? row.command : 'prune',
    actor: plain(row.actor) || 'unknown',
    actor_type: plain(row.actor_type) || 'unknown',
    recorded_by: plain(row.recorded_by),
    reason: plain(row.reason),
    criteria: isKept(row.criteria) || readCriteria(row.criteria) ? row.criteria : JSON.stringify(row.criteria),
    started_at: plain(row.started_at),
    finished_at: plain(row.finished_at),
    heartbeat: isStoredTimestamp(row.heartbeat) ? row.heartbeat : NEVER,
    host: plain(row.host),
    rules: readRuleCounts(row.rules) === undefined ? '[]' : row.rules,
    first_ts: plain(row.first_ts),
    last_ts: plain(row.last_ts),
    archive:
      row.archive === null || isKept(row.archive) || isArchive(archive) ? row.archive : JSON.stringify(row.archive),
  };
}

/** Whether it is a text that could not be read and was kept. */
function isKept(json: string): boolean {
  return typeof keptJson(json) === 'string';
}

function isArchive(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.values(value).every((part) => part === null || typeof part === 'string' || typeof part === 'number')
  );
}

/** The columns of a row that another program spoiled, with what they are read as. */
function spoiledColumns(row: AccountRow): [keyof AccountRow, string | null][] {
  return Object.entries(readableRow(row)).filter(([name, value]) => row[name as keyof AccountRow] !== value) as [
    keyof AccountRow,
    string | null,
  ][];
}

/** The accounts that cannot be read as they are, by their numbers, with the names of what was spoiled. */
export function spoiledAccounts(connection: Connection): { prune: number; columns: string[] }[] {
  return spoiledRows(connection).map(({ row, columns }) => ({
    prune: row.prune,
    columns: columns.map(([name]) => name),
  }));
}

function spoiledRows(
  connection: Connection,
): { row: AccountRow; columns: readonly [keyof AccountRow, string | null][] }[] {
  const rows = connection.prepare<[], AccountRow>('SELECT * FROM daybook_prunes ORDER BY prune').iterate();
  return [...rows].flatMap((row) => {
    const columns = spoiledColumns(row);
    return columns.length === 0 ? [] : [{ row, columns }];
  });
}

/** Makes spoiled accounts readable, and gives for each what it is and what it held. Runs in the open transaction. */
export function mendAccounts(connection: Connection): { what: string; held: Record<string, unknown> }[] {
  return spoiledRows(connection).map(({ row, columns }) => {
    for (const [name, value] of columns) {
      connection.prepare(`UPDATE daybook_prunes SET ${name} = ? WHERE prune = ?`).run(value, row.prune);
    }
    return {
      what: `the account of prune ${row.prune}`,
      held: Object.fromEntries(columns.map(([name]) => [name, row[name]])),
    };
  });
}

function toAccount(spoilable: AccountRow): PruneAccount {
  const row = readableRow(spoilable);
  return {
    prune: row.prune,
    command: row.command,
    state: row.state,
    actor: row.actor,
    actorType: row.actor_type,
    recordedBy: row.recorded_by,
    reason: row.reason,
    criteria: row.criteria,
    upTo: markOf(row.up_to),
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

export function accountOf(connection: Connection, prune: number): PruneAccount {
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

/** How many entries all prunes together have deleted. */
export function prunedSoFar(connection: Connection): number {
  return counted(connection, sql('SELECT coalesce(sum(deleted), 0) FROM daybook_prunes'));
}

/** The last prune that deleted something and is closed. An erasure is none. */
export function lastAccount(connection: Connection): PruneAccount | undefined {
  const row = connection
    .prepare<[], AccountRow>(
      `SELECT * FROM daybook_prunes WHERE state <> 'open' AND deleted > 0 AND command <> 'erase' ORDER BY prune DESC LIMIT 1`,
    )
    .get();
  return row === undefined ? undefined : toAccount(row);
}

/**
 * Whether an account `p` may have taken entries of a type: an erasure does not keep what it was asked, but skeletons, and
 * these tell.
 */
export const MAY_HAVE_TAKEN = `(p.command <> 'erase' OR EXISTS (
  SELECT 1 FROM daybook_erased AS x WHERE x.prune = p.prune AND x.entity_type = ?))`;

/** How far prunes may have taken captured entries of a type, or of one entity, from a span. */
export function pruneReach(
  connection: Connection,
  entityType: string,
  id: string | null,
  span: CaptureSpan,
): PruneReach | null {
  const accounts = connection
    .prepare<[string, number, number], { criteria: string; rules: string; ts: string; seq: number }>(
      `SELECT criteria, rules, last_ts AS ts, last_seq AS seq FROM daybook_prunes AS p
       WHERE deleted > 0 AND ${MAY_HAVE_TAKEN} AND last_seq > ? AND first_seq < ?`,
    )
    .all(entityType, span.sinceSeq, span.untilSeq ?? Number.MAX_SAFE_INTEGER)
    .filter((account) => mayHaveTaken(account.criteria, readRuleCounts(account.rules) ?? [], entityType, id));
  return accounts.reduce<PruneReach | null>(
    (reach, { ts, seq }) => ({
      ts: reach === null || ts > reach.ts ? ts : reach.ts,
      seq: Math.max(seq, reach?.seq ?? 0),
    }),
    null,
  );
}

/** Up to which time prunes may have taken imported row changes: see `importedReach` of the core. */
export function importedReach(
  connection: Connection,
  entityType: string,
  id: string | null,
  sources: readonly string[],
): ReturnType<typeof importedReachOf> {
  const accounts = connection
    .prepare<[string], { criteria: string; rules: string; ts: string }>(
      `SELECT criteria, rules, last_ts AS ts FROM daybook_prunes AS p WHERE deleted > 0 AND ${MAY_HAVE_TAKEN}`,
    )
    .all(entityType);
  return importedReachOf(accounts, entityType, id, sources);
}
