import { SKELETON_FIELDS, skeletonHash } from '../core/erasure.js';
import type { Skeleton } from '../core/erasure.js';
import { signedRemoval } from '../core/evidence/removal.js';
import { DaybookError } from '../core/errors.js';
import type { Run } from '../core/evidence/seqs.js';
import type { AuditStore, Key, PrunePlan } from '../store/audit-store.js';
import type { SealKey } from './seal-key.js';
import { openOutput } from './output-file.js';
import { outputPlaces } from './output-place.js';
import { seal } from './seal.js';
import { verifyExport } from './verify-export.js';
import { runsOfEntries, writeProofs } from './write-proofs.js';

/** Seals the trail up to its end, writes what proves the archive, and signs that what a plan dooms goes. Nothing of it may go before this is done. */
export async function signDoomed(
  store: AuditStore,
  prune: number,
  plan: PrunePlan,
  { key, now, archive }: { readonly key: SealKey; readonly now: number; readonly archive?: string | undefined },
): Promise<void> {
  const { size } = await seal(store, key, { now });
  const runs = await runsOfEntries(store, { filter: {}, upTo: plan.upTo, doomedBy: plan });
  if (archive !== undefined) await proveArchive(store, runs, archive, key);
  const skeletons = plan.erases ? await skeletonHashes(store, plan) : null;
  const removal = signedRemoval({ prune, runs, skeletons, size }, key.privateKey, key.key);
  await store.putRemoval({ prune, ...removal, skeletons });
}

const SKELETONS_A_PAGE = 10_000;

/** What is signed of the skeletons that stay of a plan, in the order of seqs. */
async function skeletonHashes(store: AuditStore, plan: PrunePlan): Promise<Buffer> {
  const hashes: Buffer[] = [];
  for (let after: Key | undefined; ;) {
    const query = { filter: {}, upTo: plan.upTo, doomedBy: plan, order: 'recorded', limit: SKELETONS_A_PAGE } as const;
    const page = await store.rows(after === undefined ? query : { ...query, after }, SKELETON_FIELDS);
    for (const cells of page.rows) {
      hashes.push(
        skeletonHash(Object.fromEntries(SKELETON_FIELDS.map((field, at) => [field, cells[at]])) as unknown as Skeleton),
      );
    }
    if (page.next === null) return Buffer.concat(hashes);
    after = page.next;
  }
}

/** Writes what proves an archive beside it, and checks the archive with that before anything of it goes. */
async function proveArchive(store: AuditStore, runs: readonly Run[], archive: string, { key }: SealKey): Promise<void> {
  const path = `${archive}.proof`;
  const place = outputPlaces(store.origin, { '--archive': path }, { regular: true })['--archive'];
  const file = await openOutput(place, { force: 'never', gzip: false, unchecked: true });
  try {
    await writeProofs(store, runs, file);
    await file.finish();
  } finally {
    await file.abandon();
  }
  const { verdict, findings } = await verifyExport({ path: archive, proofs: path, pinned: key });
  if (verdict === 'intact') return;
  const found = findings.map(({ code }) => code).join(', ');
  throw new DaybookError('failed', `the archive ${archive} is not what was sealed (${found}): nothing was deleted`);
}
