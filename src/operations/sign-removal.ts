import { signedRemoval } from '../core/evidence/removal.js';
import type { Run } from '../core/evidence/seqs.js';
import type { AuditStore, Key, PrunePlan } from '../store/audit-store.js';
import type { SealKey } from './seal-key.js';
import { seal } from './seal.js';

const PAGE = 10_000;

/** Seals the trail up to its end, and signs that what a plan dooms goes. Nothing of it may go before this is done. */
export async function signDoomed(
  store: AuditStore,
  prune: number,
  plan: PrunePlan,
  { key, now }: { readonly key: SealKey; readonly now: number },
): Promise<void> {
  const { size } = await seal(store, key, { now });
  const runs: [number, number][] = [];
  for (let after: Key | undefined; ;) {
    const query = { filter: {}, order: 'recorded', limit: PAGE, upTo: plan.upTo, doomedBy: plan } as const;
    const page = await store.rows(after === undefined ? query : { ...query, after }, ['seq']);
    for (const [seq] of page.rows as readonly (readonly [number])[]) {
      const last = runs.at(-1);
      if (last !== undefined && last[1] + 1 === seq) last[1] = seq;
      else runs.push([seq, seq]);
    }
    if (page.next === null) break;
    after = page.next;
  }
  const removal = signedRemoval({ prune, runs: runs satisfies readonly Run[], size }, key.privateKey, key.key);
  await store.putRemoval({ prune, ...removal });
}
