import type { Actor } from '../core/entry.js';
import type { Policy, StandingPolicy } from '../core/policy.js';

export type { Policy, StandingPolicy } from '../core/policy.js';

/** What keeps the retention rules. */
export interface Retains {
  /**
   * The retention policies, by name: what a prune that nobody watches may carry out. Throws kind `refused` where one is
   * not what daybook set, or cannot be read.
   */
  policies(): Promise<readonly Policy[]>;
  /** Every policy as it stands, and every one that daybook set and did not remove, with what is wrong with it. */
  standingPolicies(): Promise<readonly StandingPolicy[]>;
  /**
   * Keeps or, with null, removes a policy, in one transaction with the entry that tells of it; gives the seq of that, or
   * null where nothing changes.
   */
  changePolicy(name: string, policy: Policy | null, actor: Actor): Promise<number | null>;
}
