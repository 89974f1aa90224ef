import { newEntry } from './entry.js';
import type { Actor, JsonText, NewEntry } from './entry.js';
import { filterToJson } from './filter-json.js';
import type { Filter } from './filter.js';

/** A named retention rule. */
export interface Policy {
  readonly name: string;
  readonly filter: Filter;
  /** A duration as it was written, such as `90d`. */
  readonly maxAge: string | null;
  readonly maxEntries: number | null;
}

/** A rule as it stands in the database, and whether it is what the entry says that set it. */
export interface StandingPolicy {
  /** As text; a name that is none is shown by its bytes, `x'61FF'`, and goes by that. */
  readonly name: string;
  /** Null where it cannot be read, or is no longer there. */
  readonly policy: Policy | null;
  /** The seq of the entry that set it; null where there is none. */
  readonly entry: number | null;
  /** What is not as daybook left it, or null where all is well. */
  readonly problem: PolicyProblem | null;
}

export interface PolicyProblem {
  readonly code: 'policy_changed' | 'unreadable_row';
  readonly message: string;
}

/** A policy as JSON, in the shape that `retention list` prints. */
export function policyJson(policy: Policy): JsonText {
  const limits = JSON.stringify({ name: policy.name, max_age: policy.maxAge, max_entries: policy.maxEntries });
  return `${limits.slice(0, -1)},"filter":${filterToJson(policy.filter)}}`;
}

/** What a policy keeps, in words. */
export function describeLimits(policy: Policy): string {
  return [
    ...(policy.maxAge === null ? [] : [`at most ${policy.maxAge} old`]),
    ...(policy.maxEntries === null ? [] : [`at most ${policy.maxEntries} entries`]),
  ].join(', ');
}

/** What stood under the name of a policy before a change. */
export interface PolicyBefore {
  readonly policy: Policy | null;
  /** The same as JSON; of a rule that cannot be read, its texts. */
  readonly json: JsonText | null;
}

/** The entry that tells of a change of a policy; with `after` null it was removed, with `before` null it is new. */
export function policyEntry(actor: Actor, name: string, before: PolicyBefore | null, after: Policy | null): NewEntry {
  const known = before?.policy ?? null;
  const fields = known === null || after === null ? null : changedParts(known, after);
  const words =
    after === null ? 'removed' : before === null ? 'set' : fields?.length === 0 ? 'set as it stands' : 'changed';
  const limits = after === null ? '' : `: ${describeLimits(after)}`;
  return newEntry({
    ...actorOf(actor),
    ...aboutPolicy(name),
    action: after === null ? 'retention_remove' : 'retention_set',
    message: `retention policy ${name} ${words}${limits}`,
    old_values: before?.json ?? null,
    new_values: after === null ? null : policyJson(after),
    changed_fields: fields === null ? null : JSON.stringify(fields),
  });
}

/** The entry of a policy that was there before entries of policies were kept. */
export function foundPolicyEntry(actor: Actor, policy: Policy): NewEntry {
  return newEntry({
    ...actorOf(actor),
    ...aboutPolicy(policy.name),
    action: 'retention_set',
    message: `retention policy ${policy.name}, as the upgrade found it: ${describeLimits(policy)}`,
    new_values: policyJson(policy),
  });
}

/** Nothing else that a caller's object holds goes into the entry. */
function actorOf({ actor, actor_type, recorded_by }: Actor): Actor {
  return { actor, actor_type, recorded_by };
}

function aboutPolicy(name: string): Pick<NewEntry, 'category' | 'entity_type' | 'entity_id'> {
  return { category: 'system', entity_type: 'retention', entity_id: name };
}

function changedParts(before: Policy, after: Policy): string[] {
  return [
    ...(before.maxAge === after.maxAge ? [] : ['max_age']),
    ...(before.maxEntries === after.maxEntries ? [] : ['max_entries']),
    ...(filterToJson(before.filter) === filterToJson(after.filter) ? [] : ['filter']),
  ];
}
