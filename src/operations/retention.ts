import { fixedMilliseconds, parseDuration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import type { Actor } from '../core/entry.js';
import type { Policy } from '../core/policy.js';
import type { AuditStore } from '../store/audit-store.js';

/** A policy that keeps less than this long is a slip of the pen more often than a wish. */
const FLOOR_MS = 3_600_000;

export interface PolicyChange {
  readonly changed: boolean;
  /** The seq of the entry that tells of it; null where nothing changed. */
  readonly entry: number | null;
}

/**
 * Keeps a policy under its name and records that; setting it as it is changes and records nothing.
 * Throws kind `usage` for a policy that says nothing or would delete everything, kind `refused` below the floor of one
 * hour unless `confirmed`.
 */
export async function setPolicy(
  store: AuditStore,
  policy: Policy,
  actor: Actor,
  confirmed: boolean,
): Promise<PolicyChange> {
  checkPolicy(policy, confirmed);
  const entry = await store.changePolicy(policy.name, policy, actor);
  return { changed: entry !== null, entry };
}

/** Removes a policy and records that; throws kind `missing` where there is none of this name. */
export async function removePolicy(store: AuditStore, name: string, actor: Actor): Promise<PolicyChange> {
  const entry = await store.changePolicy(name, null, actor);
  if (entry === null) {
    throw new DaybookError('missing', `no retention policy named ${JSON.stringify(name)}`, {
      hint: 'daybook retention list',
    });
  }
  return { changed: true, entry };
}

/**
 * The policies that a prune carries out. Where nobody is asked, they must be what daybook set (kind `refused`); where
 * somebody is, what was changed otherwise comes with the warnings that are to be said first. A policy that cannot be read
 * may spare anything, so that nothing goes while it stands.
 */
export async function policiesToCarryOut(
  store: Pick<AuditStore, 'policies' | 'standingPolicies'>,
  attended: boolean,
): Promise<{ readonly policies: readonly Policy[]; readonly warnings: readonly string[] }> {
  const standing = attended ? await store.standingPolicies() : [];
  if (!attended || standing.some(({ problem }) => problem?.code === 'unreadable_row')) {
    return { policies: await store.policies(), warnings: [] };
  }
  return {
    policies: standing.flatMap(({ policy }) => policy ?? []),
    warnings: standing.flatMap(({ problem }) => problem?.message ?? []),
  };
}

function checkPolicy(policy: Policy, confirmed: boolean): void {
  if (policy.maxAge === null && policy.maxEntries === null) {
    // The same command without its filter would be a policy for every entry.
    const hint = Object.keys(policy.filter).length > 0 ? {} : { hint: '… --max-age 90d' };
    throw new DaybookError('usage', `policy ${policy.name} needs --max-age or --max-entries`, hint);
  }
  checkKeep(policy.maxEntries, '--max-entries');
  if (policy.maxAge === null) return;
  const duration = parseDuration(policy.maxAge);
  checkAge(duration.amount, policy.maxAge, '--max-age');
  const calendar = duration.unit === 'mo' || duration.unit === 'y';
  if (!calendar && fixedMilliseconds(duration) < FLOOR_MS && !confirmed) {
    throw new DaybookError(
      'refused',
      `--max-age ${policy.maxAge} keeps less than an hour of history (--yes sets it all the same)`,
    );
  }
}

/** Throws kind `usage` for a count of 0, which some take for "keep all" and others for "delete all". */
export function checkKeep(keep: number | null, option: string): void {
  if (keep === 0) {
    throw new DaybookError(
      'usage',
      `${option} 0 would delete every entry: leave it out to keep all, or use daybook clear`,
    );
  }
}

/** Throws kind `usage` for an age of 0, for the same reason. */
export function checkAge(amount: number, text: string, option: string): void {
  if (amount === 0) {
    throw new DaybookError(
      'usage',
      `${option} ${text} would delete every entry: leave it out to keep all, or use daybook clear`,
    );
  }
}
