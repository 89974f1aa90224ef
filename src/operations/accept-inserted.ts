import type { Actor } from '../core/entry.js';
import { newEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { TILE } from '../core/evidence/leaves.js';
import { addSeq, firstOf, lookup, readRuns, runsLength, runsText } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { isObject, keptJson } from '../core/kept-json.js';
import type { AuditStore, Key } from '../store/audit-store.js';

/** Who lets entries be sealed late, and why. */
export interface Acceptance {
  readonly reason: string;
  readonly actor: Actor;
}

const ACTION = 'seal_accept';
const TILES_A_PAGE = 64;
const ROWS_A_PAGE = 10_000;

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
    action: ACTION,
    severity: 'warning',
    message: reason,
    metadata: JSON.stringify({ count, seqs: runsText(inserted) }),
  });
  await store.record([{ entry, given: [] }]);
  return inserted;
}

/** The seqs of entries that were there when the last seal was made, by what the trail says, and that no seal has. */
async function insertedEntries(store: AuditStore): Promise<Run[]> {
  const { last, mark } = await store.sealState();
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
  if (size === 0) return inserted;
  for await (const [seq] of told(store, {}, ['seq'], mark)) {
    if (!isSealed(seq as number)) addSeq(inserted, seq as number);
  }
  return inserted;
}

/** The seqs of entries that were accepted, by what the trail tells of it. */
export async function acceptedEntries(store: AuditStore): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const filter = { category: ['system'], action: [ACTION] };
  for await (const [metadata] of told(store, filter, ['metadata'], await store.mark())) {
    const held = keptJson(String(metadata));
    if (isObject(held)) for (const run of readRuns(String(held['seqs'])) ?? []) runs.push(run);
  }
  return runs;
}

type Query = Parameters<AuditStore['rows']>;

/** The rows of what matches, in the order of recording. */
async function* told(
  store: AuditStore,
  filter: Query[0]['filter'],
  columns: Query[1],
  upTo: Query[0]['upTo'],
): AsyncGenerator<readonly unknown[]> {
  for (let after: Key | undefined; ;) {
    const query = { filter, order: 'recorded', limit: ROWS_A_PAGE, upTo } as const;
    const page = await store.rows(after === undefined ? query : { ...query, after }, columns);
    yield* page.rows;
    if (page.next === null) return;
    after = page.next;
  }
}
