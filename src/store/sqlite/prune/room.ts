import type { Prunes, Retains } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { closePrune, cutOffAccounts, lastAccount, openPrune, prunedSoFar, renewPrune } from '../trail/index.js';
import { deleteBatch } from './batches.js';
import { forecastPrune, planPrune } from './plan.js';
import { changePolicy, readPolicies, standingPolicies } from './policies.js';

/** What deletes entries. */
export function prunesOf({ connection, options, clock, read, change }: Session): Prunes {
  return {
    plan: (rules, reserved, planning) => read(() => planPrune(connection, rules, reserved, planning ?? {})),
    forecast: (plan) => read(() => forecastPrune(connection, plan)),
    openPrune: (intent) => change(() => openPrune(connection, intent, options)),
    renewPrune: (prune, archive) => change(() => renewPrune(connection, prune, archive ?? null, clock)),
    deleteBatch: (prune, plan, after, size) =>
      change(() => deleteBatch(connection, prune, plan, { after, size }, clock)),
    closePrune: (prune, state) => change(() => closePrune(connection, prune, state, clock)),
    lastPrune: () => read(() => lastAccount(connection)),
    prunedSoFar: () => read(() => prunedSoFar(connection)),
    cutOffPrunes: () => read(() => cutOffAccounts(connection, options)),
  };
}

/** What keeps the retention rules. */
export function retainsOf({ connection, clock, readAtOnce, write }: Session): Retains {
  return {
    policies: () => readAtOnce(() => readPolicies(connection)),
    standingPolicies: () => readAtOnce(() => standingPolicies(connection)),
    changePolicy: (name, policy, actor) => write(() => changePolicy(connection, name, policy, actor, clock)),
  };
}
