import { isUtf8 } from 'node:buffer';
import type { Filter } from '../core/filter.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { LEAF_HEAD, TILE } from '../core/evidence/leaves.js';
import { addSeq, firstOf, lookup, runsOf, runsText, seqsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { keyLine } from '../core/evidence/notes.js';
import { termAt, termsOf } from '../core/evidence/terms.js';
import { closedAt, eachLeaf } from '../core/evidence/tiles.js';
import { DaybookError } from '../core/errors.js';
import type { Mark } from '../core/mark.js';
import type { AuditStore, Key, PrunePlan, SealTile } from '../store/audit-store.js';
import type { ExportTarget } from './export-into.js';

/** Which entries a file holds. */
export interface FileEntries {
  readonly filter: Filter;
  readonly upTo: Mark;
  readonly beyond?: Mark;
  readonly doomedBy?: PrunePlan;
}

export const PROOFS_FORM = 'daybook-proofs/v1';

const SEQS_A_PAGE = 10_000;
const TILES_A_PAGE = 16;

/** The seqs of the entries of a file, as runs in order. */
export async function runsOfEntries(store: AuditStore, entries: FileEntries): Promise<Run[]> {
  const runs: Run[] = [];
  for (let after: Key | undefined; ;) {
    const query = { ...entries, order: 'recorded', limit: SEQS_A_PAGE } as const;
    const page = await store.rows(after === undefined ? query : { ...query, after }, ['seq']);
    for (const [seq] of page.rows as readonly (readonly [number])[]) addSeq(runs, seq);
    if (page.next === null) return runs;
    after = page.next;
  }
}

/**
 * Writes what proves the entries of a file under the last seal, as lines of JSON: the checkpoint, and of each tile what its
 * root can be made of. Of a tile that is in the file as a whole that is its secret, else the salts of what is in the
 * file and the hashes of the rest. Throws kind `refused` where nothing is sealed.
 */
export async function writeProofs(store: AuditStore, runs: readonly Run[], target: ExportTarget): Promise<void> {
  const { trails, handovers, last } = await store.sealState();
  const term = last === null ? undefined : termAt(termsOf(trails, handovers) ?? [], last.size);
  if (term === undefined || last === null) {
    throw new DaybookError('refused', 'nothing is sealed yet, so nothing can be proved', { hint: 'daybook seal' });
  }
  const isIn = lookup(runs);
  const head = { form: PROOFS_FORM, key: keyLine(term.key), checkpoint: last.note, entries: runsText(runs) };
  await target.write(`${JSON.stringify(head)}\n`);
  const end = Math.ceil(last.size / TILE);
  for (let from = 0; from < end; from += TILES_A_PAGE) {
    const tiles = await store.tiles(from, Math.min(TILES_A_PAGE, end - from));
    for (const tile of tiles) {
      const proof = await tileProof(store, tile, Math.min(TILE, last.size - tile.tile * TILE), isIn);
      await target.write(`${JSON.stringify(proof)}\n`);
    }
  }
}

/** What the root of a tile can be made of, with the entries of a file. */
async function tileProof(
  store: AuditStore,
  tile: SealTile,
  leaves: number,
  isIn: (seq: number) => boolean,
): Promise<object> {
  const held = firstOf(tile.runs ?? [], leaves);
  const seqs = seqsOf(held);
  const inside = seqs.flatMap((seq, position) => (isIn(seq) ? [position] : []));
  const root = tile.root === null || leaves < TILE ? {} : { root: tile.root.toString('base64') };
  if (inside.length === 0 && 'root' in root) return { tile: tile.tile, ...root };
  const raw = await rawLines(store, runsOf(inside.map((position) => seqs[position] as number)));
  const runs = { tile: tile.tile, runs: runsText(held), ...root, ...(raw !== undefined && { raw }) };
  if (inside.length === TILE && tile.secret !== null) return { ...runs, secret: tile.secret.toString('base64') };
  const within = new Set(inside);
  const others = new Set([...seqs.keys()].filter((position) => !within.has(position)));
  const { salts } = closedAt(tile, leaves, others);
  const hashes = [...others].map((at) => tile.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
  return { ...runs, salts: salts?.toString('base64') ?? '', hashes: Buffer.concat(hashes).toString('base64') };
}

/**
 * The lines that are sealed with text that is no UTF-8, by seq and in base64: a file cannot show them byte for byte.
 * Undefined where there are none.
 */
async function rawLines(store: AuditStore, runs: readonly Run[]): Promise<Record<number, string> | undefined> {
  const { lines } = await store.leavesIn(runs);
  if (isUtf8(lines)) return undefined;
  const raw: Record<number, string> = {};
  eachLeaf(lines, (seq, headAndLine) => {
    if (!isUtf8(headAndLine)) raw[seq] = headAndLine.subarray(LEAF_HEAD).toString('base64');
  });
  return raw;
}
