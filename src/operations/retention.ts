import { fixedMilliseconds, parseDuration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import { newEntry } from '../core/entry.js';
import type { Actor, JsonText, NewEntry } from '../core/entry.js';
import { filterToJson } from '../core/filter-text.js';
import type { AuditStore, Policy } from '../store/audit-store.js';

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
  const known = (await store.policies()).find((other) => other.name === policy.name);
  if (known !== undefined && policyJson(known) === policyJson(policy)) return { changed: false, entry: null };
  return {
    changed: true,
    entry: await store.changePolicy(policy.name, policy, policyEntry(actor, 'retention_set', known ?? null, policy)),
  };
}

/** Removes a policy and records that; throws kind `missing` where there is none of this name. */
export async function removePolicy(store: AuditStore, name: string, actor: Actor): Promise<PolicyChange> {
  const known = (await store.policies()).find((policy) => policy.name === name);
  if (known === undefined) {
    throw new DaybookError('missing', `no retention policy named ${JSON.stringify(name)}`, {
      hint: 'daybook retention list',
    });
  }
  return {
    changed: true,
    entry: await store.changePolicy(name, null, policyEntry(actor, 'retention_remove', known, null)),
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
    throw new DaybookError('refused', `--max-age ${policy.maxAge} keeps less than an hour of history`, {
      hint: '… --yes',
    });
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

/** A policy as JSON, in the shape that `retention list` prints. */
export function policyJson(policy: Policy): JsonText {
  const limits = JSON.stringify({ name: policy.name, max_age: policy.maxAge, max_entries: policy.maxEntries });
  return `${limits.slice(0, -1)},"filter":${filterToJson(policy.filter)}}`;
}

function policyEntry(actor: Actor, action: string, before: Policy | null, after: Policy | null): NewEntry {
  const name = after?.name ?? before?.name ?? '';
  const words = after === null ? 'removed' : before === null ? 'set' : 'changed';
  const limits = after === null ? '' : `: ${describeLimits(after)}`;
  return newEntry({
    ...actor,
    category: 'system',
    action,
    entity_type: 'retention',
    entity_id: name,
    message: `retention policy ${name} ${words}${limits}`,
    old_values: before === null ? null : policyJson(before),
    new_values: after === null ? null : policyJson(after),
    changed_fields: before === null || after === null ? null : JSON.stringify(changedParts(before, after)),
  });
}

function changedParts(before: Policy, after: Policy): string[] {
  return [
    ...(before.maxAge === after.maxAge ? [] : ['max_age']),
    ...(before.maxEntries === after.maxEntries ? [] : ['max_entries']),
    ...(filterToJson(before.filter) === filterToJson(after.filter) ? [] : ['filter']),
  ];
}

/** What a policy keeps, in words. */
export function describeLimits(policy: Policy): string {
  return [
    ...(policy.maxAge === null ? [] : [`at most ${policy.maxAge} old`]),
    ...(policy.maxEntries === null ? [] : [`at most ${policy.maxEntries} entries`]),
  ].join(', ');
}
