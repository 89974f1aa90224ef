import { before as durationBefore } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import { expectWhole, wrongValue } from '../core/given.js';
import { executePrune, policyRules, preparePrune, rehearsePrune } from '../operations/prune.js';
import type { PruneResult } from '../operations/prune.js';
import type { AuditStore, PruneRule as StoreRule } from '../store/audit-store.js';
import { actorOf, readContext, within } from './context.js';
import type { Context, Who } from './context.js';
import { durationOf, expectKeys, filterOf, millisecondsOf, zoneOf } from './question.js';
import type { EntryFilter } from './question.js';
import type { Instant } from './entry-fields.js';

/** Which entries fall: those that match, and are older than one of both, or beyond the newest so many that match. */
export interface PruneRule {
  /** Else every entry. */
  readonly filter?: EntryFilter;
  /** A duration such as `90d`: a whole number and `s`, `min`, `h`, `d`, `w`, `mo` or `y`. */
  readonly olderThan?: string;
  readonly before?: Instant;
  readonly maxEntries?: number;
}

export interface PruneRequest extends Partial<Who> {
  /** An entry falls where one rule matches it, and every rule that matches lets it fall. `policies`: those of the database. */
  readonly rules: readonly PruneRule[] | 'policies';
  /** Says what would go, and deletes nothing. */
  readonly dryRun?: boolean;
  /** A new file that the entries are written to first, as NDJSON; compressed where its name ends in `.gz`. */
  readonly archive?: string;
  /** Why: it is kept with the account. */
  readonly reason?: string;
  /** The IANA zone of months and years in durations; else UTC. */
  readonly zone?: string;
  /** Ends it early; what was deleted by then is accounted for. */
  readonly signal?: AbortSignal;
  /** Is told how many entries are archived or deleted, of how many. */
  readonly onProgress?: (step: 'archiving' | 'deleting', done: number, total: number) => void;
}

const KEYS = [
  'rules',
  'dryRun',
  'archive',
  'reason',
  'zone',
  'signal',
  'onProgress',
  'actor',
  'actorType',
  'recordedBy',
] as const satisfies readonly (keyof PruneRequest)[];

const RULE_KEYS = ['filter', 'olderThan', 'before', 'maxEntries'] as const satisfies readonly (keyof PruneRule)[];

/** Prunes by rules or policies, as the program does. */
export async function prune(
  store: AuditStore,
  request: PruneRequest,
  outer: Context,
  busyTimeout: number,
): Promise<PruneResult> {
  expectKeys('a prune', request, KEYS);
  const { rules: asked, dryRun, archive, zone = 'UTC', signal, onProgress } = request;
  const { actor, actorType, recordedBy, reason } = request;
  const context = within(outer, readContext({ actor, actorType, recordedBy, reason }));
  const by = actorOf(context);
  const now = Date.now();
  const resolved = zoneOf(zone);
  const rules =
    asked === 'policies' ? policyRules(await store.policies(), now, resolved) : rulesOf(asked, now, resolved);
  const wish = { command: 'prune', rules, actor: by, reason: context.reason ?? null } as const;
  const prepared = await preparePrune(store, wish, now);
  if (dryRun === true) return rehearsePrune(store, prepared);
  return executePrune(store, prepared, {
    busyTimeout,
    ...(archive !== undefined && { archive }),
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && { onProgress }),
  });
}

function rulesOf(asked: unknown, now: number, zone: string): StoreRule[] {
  if (!Array.isArray(asked) || asked.length === 0) throw wrongValue('rules', asked, "a list of rules, or 'policies'");
  return Array.from<PruneRule>(asked).map((rule) => {
    expectKeys('a rule', rule, RULE_KEYS, 'rules');
    const { olderThan, before, maxEntries } = rule;
    if (olderThan === undefined && before === undefined && maxEntries === undefined) {
      throw new DaybookError('usage', 'a rule has olderThan, before or maxEntries: without one it would take nothing', {
        field: 'rules',
        value: rule,
      });
    }
    if (olderThan !== undefined && before !== undefined) {
      throw new DaybookError('usage', 'a rule has olderThan or before, and not both', {
        field: 'before',
        value: before,
      });
    }
    if (maxEntries !== undefined) expectWhole('maxEntries', maxEntries, 0);
    return {
      name: null,
      filter: filterOf(rule.filter),
      before:
        olderThan === undefined ? beforeOf(before) : durationBefore(now, durationOf('olderThan', olderThan), zone),
      keep: maxEntries ?? null,
    };
  });
}

function beforeOf(before: Instant | undefined): number | null {
  return before === undefined ? null : millisecondsOf('before', before);
}
