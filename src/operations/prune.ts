import { setTimeout as sleep } from 'node:timers/promises';
import { before as durationBefore, parseDuration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import type { Actor, JsonText } from '../core/entry.js';
import { filterToJson } from '../core/filter-json.js';
import { keptMark } from '../core/mark.js';
import { matches } from '../core/match.js';
import { pruneEntry } from '../core/prune-account.js';
import type { PruneAccount, Removing, RuleCount } from '../core/prune-account.js';
import { formatTimestamp, isInRange } from '../core/timestamp.js';
import type { AuditStore, Key, Policy, PruneForecast, PrunePlan, PruneRule } from '../store/audit-store.js';
import { writeArchive } from './archive.js';
import type { Archive } from './archive.js';
import { shortSizes } from './batches.js';
import { LARGE_LOG } from './log-size.js';
import type { SealKey } from './seal-key.js';

export interface PruneRequest {
  readonly command: Removing;
  readonly rules: readonly PruneRule[];
  readonly actor: Actor;
  readonly reason: string | null;
}

export interface PreparedPrune extends PruneRequest {
  /** How many entries all prunes had deleted when the plan was made. */
  readonly prunedBefore: number;
  readonly plan: PrunePlan;
  readonly forecast: PruneForecast;
}

/** What a prune did or, rehearsed, would do, in the shape of the contract. */
export interface PruneResult {
  readonly dry_run: boolean;
  readonly deleted: number;
  readonly by_age: number;
  readonly by_count: number;
  readonly remaining: number;
  readonly oldest_remaining: string | null;
  readonly policies: readonly RuleCount[];
  readonly archive: Archive | null;
  readonly longest_lock_ms: number;
  readonly freed_bytes: number;
  readonly entry: number | null;
  /** How many more were due, and are kept by holds. */
  readonly held: number;
}

export interface PruneRun {
  readonly archive?: string;
  readonly busyTimeout: number;
  /** Signs what goes, where the trail is sealed; with the time by which it is sealed up to its end before. */
  readonly sealKey?: SealKey;
  readonly now?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: 'archiving' | 'deleting', done: number, total: number) => void;
}

/** A batch holds the write lock for about so long. */
const BATCH_MS = 25;
/**
 * Then everybody else has as long, up to this: who has waited for less than 53 ms in SQLite's busy handler sleeps for 20
 * at most, and so wakes in the pause.
 */
const PAUSE_MS = 25;
/**
 * The log begins anew only once it has flowed back whole, and what others write meanwhile puts that off. In a pause of
 * this length their own commits see to the rest.
 */
const LONG_PAUSE_MS = 75;
const RENEW_MS = 5000;

/**
 * A batch that took longer, as it does where others need the processors, finds them in a longer sleep of that handler: so
 * many milliseconds at the most, for who has waited for so long. A shorter pause would let the next batch begin before.
 */
const SLEEPS_MS = [
  { waited: 178, sleep: 100 },
  { waited: 128, sleep: 50 },
  { waited: 53, sleep: 25 },
] as const;
/** Who wakes needs a processor then, too. */
const WAKING_MS = 5;

/** How many entries to delete at once, and how many pages to give back. */
const DELETING = { first: 100, smallest: 10, largest: 5000 };
const GIVING_BACK = { first: 64, smallest: 16, largest: 4096 };

/** The rules of the retention policies, with their ages resolved. */
export function policyRules(policies: readonly Policy[], now: number, zone: string): PruneRule[] {
  return policies.map((policy) => ({
    name: policy.name,
    filter: policy.filter,
    before: policy.maxAge === null ? null : durationBefore(now, parseDuration(policy.maxAge), zone),
    keep: policy.maxEntries,
  }));
}

/** Plans a prune for the trail as it is now; nothing is written. */
export async function preparePrune(store: AuditStore, request: PruneRequest, now: number): Promise<PreparedPrune> {
  const prunedBefore = await store.prunedSoFar();
  const none = request.rules.map(() => false);
  const plan = await store.plan(request.rules, none, { erases: request.command === 'erase' });
  const forecast = await store.forecast(plan);
  // Only a prune that takes something is recorded, and only then does its own entry ask for a place of those kept.
  if (forecast.count === 0) return { ...request, prunedBefore, plan, forecast };
  const own = { ...pruneEntry(sampleAccount(request)), ts: formatTimestamp(now) };
  const reserved = request.rules.map((rule) => rule.keep !== null && matches(rule.filter, own));
  if (!reserved.some(Boolean)) return { ...request, prunedBefore, plan, forecast };
  const reservedPlan = await store.plan(request.rules, reserved);
  return { ...request, prunedBefore, plan: reservedPlan, forecast: await store.forecast(reservedPlan) };
}

/** What the plan would leave, without doing it. */
export async function rehearsePrune(store: AuditStore, prepared: PreparedPrune): Promise<PruneResult> {
  const { forecast } = prepared;
  const trail = await store.extent({});
  return {
    dry_run: true,
    deleted: forecast.count,
    by_age: forecast.byAge,
    by_count: forecast.byCount,
    remaining: trail.count - forecast.count + (forecast.count > 0 ? 1 : 0),
    oldest_remaining: await oldestStaying(store, prepared.plan),
    policies: named(forecast.rules),
    archive: null,
    longest_lock_ms: 0,
    freed_bytes: 0,
    entry: null,
    held: forecast.held,
  };
}

async function oldestStaying(store: AuditStore, plan: PrunePlan): Promise<string | null> {
  const upTo = await store.mark();
  const { rows } = await store.rows({ filter: {}, order: 'oldest', limit: 1, upTo, sparedBy: plan }, ['ts']);
  return (rows[0]?.[0] as string | undefined) ?? null;
}

/**
 * Carries a plan out: takes the lease, writes the archive, deletes in short batches with pauses as long, gives space
 * back, and leaves the account as an entry. Entries that were recorded after the plan are never touched.
 */
export async function executePrune(store: AuditStore, prepared: PreparedPrune, run: PruneRun): Promise<PruneResult> {
  const { plan, forecast } = prepared;
  let deleted = 0;
  const watched: PruneRun = {
    ...run,
    onProgress: (step, done, total) => {
      if (step === 'deleting') deleted = done;
      run.onProgress?.(step, done, total);
    },
  };
  if (forecast.count === 0) return result(store, undefined, null, 0, 0, forecast.held);
  const prune = await whenFree(run, () =>
    store.openPrune({
      command: prepared.command,
      actor: prepared.actor.actor,
      actorType: prepared.actor.actor_type,
      recordedBy: prepared.actor.recorded_by,
      reason: prepared.reason,
      criteria: criteriaOf(prepared),
      upTo: plan.upTo,
    }),
  );
  let archive: Archive | null = null;
  try {
    // What was planned, and perhaps confirmed, no longer holds where another prune came between.
    if ((await store.prunedSoFar()) !== prepared.prunedBefore) {
      throw new DaybookError(
        'busy',
        'another prune has deleted entries since this one was planned: nothing was deleted',
        {
          hint: '…',
        },
      );
    }
    if (run.archive !== undefined) {
      archive = await archiveDoomed(store, prune, prepared, run.archive, run);
      await store.renewPrune(prune, JSON.stringify(archive));
    }
    if (run.sealKey !== undefined)
      await signRemoval(store, prune, plan, {
        key: run.sealKey,
        now: run.now ?? 0,
        archive: run.archive,
      });
    const { account, longest } = await deleteDoomed(store, prune, prepared, watched);
    const space = await giveBackSpace(store, run);
    return await result(store, account, archive, Math.max(longest, space.longest), space.freed, forecast.held);
  } catch (error) {
    // What fell by now is accounted for, and the lease is free for the next one; the first failure is the one to tell.
    await store.closePrune(prune, 'cut_off').catch(() => undefined);
    throw withDeleted(error, deleted, forecast.count);
  }
}

/** A failure, with what had been deleted by then; an interrupt has said that itself. */
function withDeleted(error: unknown, deleted: number, count: number): unknown {
  if (!(error instanceof DaybookError) || error.kind === 'interrupted' || deleted === 0) return error;
  const { kind, message, hint } = error;
  return new DaybookError(kind, `${message}; ${deleted} of ${count} entries were deleted, and are accounted for`, {
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}

/** Seals the trail up to its end, and signs what goes: from then on a prune that is cut off is covered for its plan. */
async function signRemoval(
  store: AuditStore,
  prune: number,
  plan: PrunePlan,
  sealing: { readonly key: SealKey; readonly now: number; readonly archive: string | undefined },
): Promise<void> {
  const { signDoomed } = await import('./sign-removal.js');
  await signDoomed(store, prune, plan, sealing);
}

async function archiveDoomed(
  store: AuditStore,
  prune: number,
  prepared: PreparedPrune,
  path: string,
  run: PruneRun,
): Promise<Archive> {
  let renewed = performance.now();
  const total = prepared.forecast.count;
  return writeArchive(store, prepared.plan, {
    path,
    expected: total,
    signal: run.signal,
    onPage: async (written) => {
      run.onProgress?.('archiving', written, total);
      if (performance.now() - renewed < RENEW_MS) return;
      renewed = performance.now();
      await store.renewPrune(prune);
    },
  });
}

async function deleteDoomed(
  store: AuditStore,
  prune: number,
  prepared: PreparedPrune,
  run: PruneRun,
): Promise<{ account: PruneAccount; longest: number }> {
  const sizes = shortSizes(BATCH_MS, DELETING);
  let longest = 0;
  let after: Key | undefined;
  let deleted = 0;
  for (;;) {
    if (run.signal?.aborted === true) {
      throw new DaybookError(
        'interrupted',
        `interrupted: ${deleted} of ${prepared.forecast.count} entries were deleted, and are accounted for`,
      );
    }
    const position = after;
    const batchSize = sizes.next();
    const batch = await whenFree(run, () => store.deleteBatch(prune, prepared.plan, position, batchSize));
    longest = Math.max(longest, batch.lockMs);
    run.onProgress?.('deleting', batch.account.deleted, prepared.forecast.count);
    if (batch.next === null) return { account: batch.account, longest };
    after = batch.next;
    deleted = batch.account.deleted;
    sizes.took(batch.deleted, batch.lockMs);
    await pause(store, batch.lockMs, batch.readMs);
  }
}

/**
 * Leaves the lock to others after it was held for so long; the next batch asks for it `readMs` later. Meanwhile the log
 * flows back, or their commits would have to see to it.
 */
async function pause(store: AuditStore, lockMs: number, readMs: number): Promise<void> {
  const released = performance.now();
  const log = await store.upkeep();
  const restMs = Math.max(log > LARGE_LOG / 4 ? LONG_PAUSE_MS : 0, restAfter(lockMs));
  await sleep(Math.max(1, restMs - readMs - (performance.now() - released)));
}

/** How long to leave the lock to others after it was held for so long. */
export function restAfter(lockMs: number): number {
  const sleeping = SLEEPS_MS.find(({ waited }) => lockMs >= waited);
  return sleeping === undefined ? Math.min(lockMs, PAUSE_MS) : sleeping.sleep + WAKING_MS;
}

async function giveBackSpace(store: AuditStore, run: PruneRun): Promise<{ freed: number; longest: number }> {
  let freed = 0;
  let longest = 0;
  const sizes = shortSizes(BATCH_MS, GIVING_BACK);
  while (run.signal?.aborted !== true) {
    const began = performance.now();
    const pages = sizes.next();
    const slice = await store.giveBackSpace(pages).catch(whenBusy);
    const elapsed = performance.now() - began;
    if (slice <= 0) break;
    freed += slice;
    longest = Math.max(longest, elapsed);
    sizes.took(pages, elapsed);
    await pause(store, elapsed, 0);
  }
  return { freed, longest };
}

/** Space that cannot be given back now is not lost: the next prune tries again. */
function whenBusy(error: unknown): number {
  if (error instanceof DaybookError && error.kind === 'busy') return 0;
  throw error;
}

/** Tries again while another prune holds the lease, for as long as one waits for a lock. */
async function whenFree<T>({ busyTimeout, signal }: PruneRun, work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + busyTimeout;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DaybookError) || error.kind !== 'busy' || performance.now() >= deadline) throw error;
      if (signal?.aborted === true) throw new DaybookError('interrupted', `interrupted: ${error.message}`);
      await sleep(Math.min(100, Math.max(1, deadline - performance.now())));
    }
  }
}

async function result(
  store: AuditStore,
  account: PruneAccount | undefined,
  archive: Archive | null,
  longest: number,
  freed: number,
  held: number,
): Promise<PruneResult> {
  const trail = await store.extent({});
  const { rows } = await store.rows({ filter: {}, order: 'oldest', limit: 1, upTo: trail.upTo }, ['ts']);
  return {
    dry_run: false,
    deleted: account?.deleted ?? 0,
    by_age: account?.byAge ?? 0,
    by_count: account?.byCount ?? 0,
    remaining: trail.count,
    oldest_remaining: (rows[0]?.[0] as string | undefined) ?? null,
    policies: named(account?.rules ?? []),
    archive,
    longest_lock_ms: Math.round(longest * 10) / 10,
    freed_bytes: freed,
    entry: account?.entry ?? null,
    held,
  };
}

function named(rules: readonly RuleCount[]): RuleCount[] {
  return rules.filter((rule) => rule.name !== null);
}

/** The rules as the account keeps them. Of an erasure only what they ask about: the person's id would stay with them. */
function criteriaOf({ command, rules }: Pick<PruneRequest, 'command' | 'rules'>): JsonText {
  if (command === 'erase') return JSON.stringify(rules.flatMap(({ filter }) => Object.keys(filter)).join(', '));
  const parts = rules.map((rule) => {
    const limits = {
      ...(rule.name === null ? {} : { policy: rule.name }),
      // A bound beyond the last year, as `clear` has it, is none.
      ...(rule.before === null || !isInRange(rule.before) ? {} : { before: formatTimestamp(rule.before) }),
      ...(rule.keep === null ? {} : { max_entries: rule.keep }),
    };
    return `${JSON.stringify({ ...limits, filter: null }).slice(0, -5)}${filterToJson(rule.filter)}}`;
  });
  return `[${parts.join(',')}]`;
}

/** An account to ask whether the entry of this prune will match a rule, before there is one. */
function sampleAccount(request: PruneRequest): PruneAccount {
  return {
    command: request.command,
    actor: request.actor.actor,
    actorType: request.actor.actor_type,
    recordedBy: request.actor.recorded_by,
    reason: request.reason,
    criteria: criteriaOf(request),
    upTo: keptMark(''),
    prune: 0,
    state: 'done',
    startedAt: '',
    finishedAt: null,
    deleted: 1,
    byAge: 0,
    byCount: 0,
    rules: [],
    firstSeq: null,
    lastSeq: null,
    firstTs: null,
    lastTs: null,
    archive: null,
    entry: null,
    host: '',
    pid: 0,
    heartbeat: '',
  };
}
