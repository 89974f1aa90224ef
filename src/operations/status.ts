import { before as durationBefore } from '../core/duration.js';
import { mirrorName } from '../core/mirror.js';
import { shellWord } from '../core/shell.js';
import type { Duration } from '../core/duration.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore, PruneRule } from '../store/audit-store.js';
import { LARGE_LOG } from './log-size.js';
import { policyRules } from './prune.js';

export interface Problem {
  readonly code:
    | 'overdue'
    | 'prune_cut_off'
    | 'schema_object_missing'
    | 'wal_large'
    | 'future_entries'
    | 'checkpoint_missed'
    | 'capture_gap'
    | 'mirror_broken'
    | 'context_left'
    | 'policy_changed'
    | 'unreadable_row';
  readonly message: string;
}

/** What `status` tells, in the shape of the contract. */
export interface Status {
  readonly database: string;
  readonly schema_version: number;
  readonly entries: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly bytes: { readonly file: number; readonly wal: number; readonly free: number };
  readonly policies: readonly { readonly name: string; readonly due: number }[];
  readonly last_prune: { readonly at: string; readonly deleted: number; readonly entry: number | null } | null;
  readonly problems: readonly Problem[];
}

export interface StatusRequest {
  readonly database: string;
  readonly now: number;
  readonly zone: string;
  /** How long something may be due before that is a problem. */
  readonly grace: Duration;
}

/** A log of this size has not flowed back for long: some reader holds it, or nobody checkpoints. */

/** What the database holds and what is wrong with it; nothing is written. */
export async function status(store: AuditStore, request: StatusRequest): Promise<Status> {
  const { now, zone } = request;
  const facts = await store.facts(now);
  const standing = await store.standingPolicies();
  const policies = standing.flatMap(({ policy }) => policy ?? []);
  const due = await dueNow(store, policyRules(policies, now, zone));
  const last = await store.lastPrune();
  const graceStart = durationBefore(now, request.grace, zone);
  const overdue = await dueThen(store, policyRules(policies, graceStart, zone), formatTimestamp(graceStart));
  const cutOff = await store.cutOffPrunes();
  const missed = await store.missedByCheckpoints();

  const problems: Problem[] = [];
  if (overdue > 0) {
    problems.push({
      code: 'overdue',
      message: `${overdue} entries have been due for more than ${request.grace.text}: is daybook prune run?`,
    });
  }
  for (const account of cutOff) {
    problems.push({
      code: 'prune_cut_off',
      message: `the ${account.command} that ${account.actor} began at ${account.startedAt} was cut off after ${account.deleted} entries: run it again`,
    });
  }
  for (const name of facts.missing) {
    problems.push({
      code: 'schema_object_missing',
      message: `${name} is missing or was changed: daybook init puts it back`,
    });
  }
  if (facts.bytes.wal > LARGE_LOG) {
    problems.push({
      code: 'wal_large',
      message: `the write-ahead log has grown to ${facts.bytes.wal} bytes: some reader keeps a transaction open`,
    });
  }
  if (facts.future > 0) {
    problems.push({
      code: 'future_entries',
      message: `${facts.future} entries are dated in the future: was a clock wrong?`,
    });
  }
  for (const { checkpoint, count } of missed) {
    problems.push({
      code: 'checkpoint_missed',
      message: `${count} entries were pruned before checkpoint ${checkpoint} had exported them`,
    });
  }
  problems.push(...standing.flatMap(({ problem }) => problem ?? []));
  for (const { message } of await store.unreadableRows()) problems.push({ code: 'unreadable_row', message });
  problems.push(...(await triggerProblems(store)));
  const leaked = await store.leakedContext();
  if (leaked !== null) {
    problems.push({
      code: 'context_left',
      message: `a transaction left the context of ${leaked} behind: it must clear it before it commits (docs/capture.md)`,
    });
  }
  return {
    database: request.database,
    schema_version: facts.schemaVersion,
    entries: facts.entries,
    oldest: facts.oldest,
    newest: facts.newest,
    bytes: facts.bytes,
    policies: due,
    last_prune:
      last === undefined ? null : { at: last.finishedAt ?? last.heartbeat, deleted: last.deleted, entry: last.entry },
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

/** What is wrong with captures and mirrors: rows change without an entry, or entries are not shown. */
export async function triggerProblems(store: Pick<AuditStore, 'captures' | 'mirrors'>): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { table, problem } of await store.captures()) {
    if (problem !== null) {
      problems.push({
        code: 'capture_gap',
        message: `captured table ${table} ${problem}: changes may go unrecorded until daybook capture refresh ${shellWord(table)}`,
      });
    }
  }
  for (const mirror of await store.mirrors()) {
    if (mirror.problem !== null) {
      const name = mirrorName(mirror);
      const again = mirror.isThere ? 'daybook mirror add shows the entries again, ' : '';
      problems.push({
        code: 'mirror_broken',
        message: `mirror ${name} ${mirror.problem}: ${again}daybook mirror remove ${shellWord(name)} ends it`,
      });
    }
  }
  return problems;
}
