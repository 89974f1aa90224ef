import type { Prunes, Retains } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { closeAccount, cutOffAccounts, lastAccount, openPrune, prunedSoFar, renewPrune } from '../trail/index.js';
import { deleteBatch } from './batches.js';
import { forecastPrune, planPrune } from './plan.js';
import { changePolicy, readPolicies, standingPolicies } from './policies.js';

/** What deletes entries. */
export function prunesOf(session: Session): Prunes {
  const { connection, generations, read, write } = session;
  return {
    plan: (rules, reserved, planning) =>
      read(() => planPrune(connection, generations, rules, reserved, planning ?? {})),
    forecast: (plan) => read(() => forecastPrune(connection, generations, plan)),
    openPrune: (intent) => write(() => openPrune(session, intent)),
    renewPrune: (prune, archive) => write(() => renewPrune(session, prune, archive ?? null)),
    deleteBatch: (prune, plan, after, size) => deleteBatch(session, prune, plan, { after, size }),
    closePrune: (prune, state) => write(() => closeAccount(session, prune, state)),
    lastPrune: () => read(() => lastAccount(connection)),
    prunedSoFar: () => read(() => prunedSoFar(connection)),
    cutOffPrunes: () => read(() => cutOffAccounts(session)),
  };
}

/** What keeps the retention rules. */
export function retainsOf({ connection, clock, read, write }: Session): Retains {
  return {
    policies: () => read(() => readPolicies(connection)),
    standingPolicies: () => read(() => standingPolicies(connection)),
    changePolicy: (name, policy, actor) => write(() => changePolicy(connection, name, policy, actor, clock)),
  };
}
