import { before as durationBefore } from '../core/duration.js';
import type { Duration } from '../core/duration.js';
import { isPassed } from '../core/hold.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore, DatabaseSize, Interruptible, PruneRule } from '../store/audit-store.js';
import { problemsIn, unaccountedOf } from './problems.js';
import type { Findings, Problem } from './problems.js';
import { policyRules } from './prune.js';
import type { SealKey } from './seal-key.js';

/** What `status` tells, in the shape of the contract. */
export interface Status {
  readonly database: string;
  readonly schema_version: number;
  readonly entries: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly bytes: DatabaseSize;
  /** Of an engine that has such. */
  readonly vacuum?: { readonly dead_rows: number; readonly last: string | null };
  /** How many seqs have neither an entry nor a prune that accounts for it, and the last entry of a prune that knew of fewer. */
  readonly unaccounted: { readonly count: number; readonly since: number | null };
  readonly policies: readonly { readonly name: string; readonly due: number }[];
  readonly last_prune: { readonly at: string; readonly deleted: number; readonly entry: number | null } | null;
  /** The captured tables with the triggers of an earlier daybook, which go on recording until they are refreshed. */
  readonly outdated_captures: readonly string[];
  /** What keeps entries from being deleted; `passed` where its time is over, and it binds all the same. */
  readonly holds: readonly StandingHold[];
  readonly problems: readonly Problem[];
}

export interface StandingHold {
  readonly name: string;
  readonly until: string | null;
  readonly passed: boolean;
  readonly binds: boolean;
}

export interface StatusRequest {
  readonly database: string;
  readonly now: number;
  readonly zone: string;
  /** How long something may be due before that is a problem. */
  readonly grace: Duration;
  /** To look at every page and every row, in a copy: making that can be interrupted. */
  readonly deep?: { readonly interruptible: Interruptible };
  /** The key of the seals, where it is at hand. */
  readonly sealKey?: SealKey | null;
  /** Whether entries that nothing accounts for are a problem. */
  readonly strict?: boolean;
}

/** What is wrong with seals: they are read only where there are any. */
async function sealProblems(store: AuditStore, key: SealKey | null, graceStart: number): Promise<Findings['seals']> {
  const state = await store.sealState();
  if (state.trails.length === 0) return { waitingSince: null, behind: null };
  const { keyState, waitingSince } = await import('./seal-status.js');
  const waiting = await waitingSince(store, state);
  const isBehind = key !== null && keyState(state, key) === 'behind';
  return {
    waitingSince: waiting !== null && waiting < graceStart ? formatTimestamp(waiting) : null,
    behind: isBehind ? { there: state.last?.size ?? 0, signed: key.signed?.frontier.size ?? 0 } : null,
  };
}

/** What the database holds and what is wrong with it; nothing is written. */
export async function status(store: AuditStore, request: StatusRequest): Promise<Status> {
  const { now, zone } = request;
  // First of all: what is damaged may not come further.
  const damage = request.deep === undefined ? [] : await store.damage(request.deep.interruptible);
  const facts = await store.facts(now);
  const standing = await store.standingPolicies();
  const policies = standing.flatMap(({ policy }) => policy ?? []);
  const due = await dueNow(store, policyRules(policies, now, zone));
  const last = await store.lastPrune();
  const graceStart = durationBefore(now, request.grace, zone);
  const overdue = await dueThen(store, policyRules(policies, graceStart, zone), formatTimestamp(graceStart));
  const captures = await store.captures();
  const problems = problemsIn({
    database: request.database,
    facts,
    overdue: { count: overdue, grace: request.grace.text },
    cutOff: await store.cutOffPrunes(),
    missed: await store.missedByCheckpoints(),
    captures,
    mirrors: await store.mirrors(),
    leaked: await store.leakedContext(),
    policies: standing.flatMap(({ problem }) => problem ?? []),
    unreadable: await store.unreadableRows(),
    foreignTriggers: await store.foreignTriggers(),
    strict: request.strict ?? false,
    seals: await sealProblems(store, request.sealKey ?? null, graceStart),
    damage,
  });
  return {
    database: request.database,
    schema_version: facts.schemaVersion,
    entries: facts.entries,
    oldest: facts.oldest,
    newest: facts.newest,
    bytes: facts.bytes,
    ...(facts.vacuum && { vacuum: facts.vacuum }),
    unaccounted: { count: unaccountedOf(facts.tally), since: facts.fewerUnaccounted },
    policies: due,
    last_prune:
      last === undefined ? null : { at: last.finishedAt ?? last.heartbeat, deleted: last.deleted, entry: last.entry },
    outdated_captures: captures.flatMap(({ table, outdated }) => (outdated ? [table] : [])),
    holds: (await store.holds()).map((hold) => ({
      name: hold.name,
      until: hold.until,
      passed: isPassed(hold, now),
      binds: hold.binds,
    })),
    problems,
  };
}

async function dueNow(store: AuditStore, rules: readonly PruneRule[]): Promise<{ name: string; due: number }[]> {
  if (rules.length === 0) return [];
  const plan = await store.plan(
    rules,
    rules.map(() => false),
  );
  const forecast = await store.forecast(plan);
  return forecast.rules.map((rule) => ({ name: rule.name ?? '', due: rule.deleted }));
}

/** How much would have been due at an earlier moment already, in the trail as it was then. */
async function dueThen(store: AuditStore, rules: readonly PruneRule[], recordedBefore: string): Promise<number> {
  if (rules.length === 0) return 0;
  const plan = await store.plan(
    rules,
    rules.map(() => false),
    { recordedBefore },
  );
  return (await store.forecast(plan)).count;
}
