import type { Actor } from '../core/entry.js';
import { newEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { TILE } from '../core/evidence/leaves.js';
import { addSeq, firstOf, lookup, readRuns, runsLength, runsText } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { isObject, keptJson } from '../core/kept-json.js';
import type { AuditStore } from '../store/audit-store.js';

/** Who lets entries be sealed late, and why. */
export interface Acceptance {
  readonly reason: string;
  readonly actor: Actor;
}

export const ACCEPTANCE = 'seal_accept';
const TILES_A_PAGE = 64;
const SEQS_A_PAGE = 10_000;

/**
 * Finds the entries that stand before the last seal and are not sealed, and records that they are accepted; none: nothing
 * is recorded. Gives their seqs, in order. Nobody else may seal meanwhile.
 */
export async function acceptInserted(store: AuditStore, { reason, actor }: Acceptance): Promise<readonly Run[]> {
  const inserted = await insertedEntries(store);
  if (inserted.length === 0) return inserted;
  const count = runsLength(inserted);
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: ACCEPTANCE,
    severity: 'warning',
    message: reason,
    metadata: JSON.stringify({ count, seqs: runsText(inserted) }),
  });
  await store.record([{ entry, given: [] }]);
  return inserted;
}

/** The seqs of entries that were there when the last seal was made, by what the trail says, and that no seal has. */
async function insertedEntries(store: AuditStore): Promise<Run[]> {
  const { last } = await store.sealState();
  const size = last?.size ?? 0;
  const sealed: Run[] = [];
  for (let from = 0; from * TILE < size; from += TILES_A_PAGE) {
    for (const { tile, runs } of await store.tiles(from, TILES_A_PAGE)) {
      if (runs === null) {
        throw new DaybookError('refused', `tile ${tile} of the seals cannot be read`, { hint: 'daybook verify' });
      }
      sealed.push(...firstOf(runs, Math.max(0, size - tile * TILE)));
    }
  }
  const isSealed = lookup(sealed);
  const inserted: Run[] = [];
  for (let after = 0; size > 0;) {
    const seqs = await store.seqsThere(after, Number.MAX_SAFE_INTEGER, SEQS_A_PAGE, size);
    for (const seq of seqs) if (!isSealed(seq)) addSeq(inserted, seq);
    if (seqs.length < SEQS_A_PAGE) break;
    after = seqs.at(-1) ?? after;
  }
  return inserted;
}

/** The seqs of the entries that an acceptance tells of in its metadata. */
export function acceptedIn(metadata: unknown): readonly Run[] {
  const held = keptJson(String(metadata));
  return isObject(held) ? (readRuns(String(held['seqs'])) ?? []) : [];
}
