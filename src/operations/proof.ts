import { DaybookError } from '../core/errors.js';
import { readCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { LEAF_HEAD, TILE } from '../core/evidence/leaves.js';
import { consistencyText, proofText } from '../core/evidence/proofs.js';
import { seqsOf } from '../core/evidence/seqs.js';
import { eachLeaf, edgeAt, saltsIn } from '../core/evidence/tiles.js';
import { consistencyPath, EMPTY, grown, grownBy, inclusionPath, rootOf, splitOf } from '../core/evidence/tree.js';
import type { RangeRoot } from '../core/evidence/tree.js';
import type { AuditStore, Seal, SealTile } from '../store/audit-store.js';
import { findEntry } from './revert.js';

/**
 * A proof that an entry is sealed, in the form of C2SP's tlog-proof, under the last seal: with it, the public key and nothing
 * else anybody can check the entry. Throws kind `missing` where there is no such entry, and kind `refused` where it is not
 * sealed yet.
 */
export async function proveEntry(store: AuditStore, named: string): Promise<string> {
  const { seq } = await findEntry(store, named);
  const last = await lastSeal(store);
  const place = await store.tileOf(seq);
  const position = place === undefined ? -1 : seqsOf(place.runs ?? []).indexOf(seq);
  const leaf = place === undefined ? -1 : place.tile * TILE + position;
  if (place === undefined || position < 0 || leaf >= last.size) throw notSealed(seq);
  const salt = saltsIn(place)(position);
  if (salt === undefined) {
    throw new DaybookError('failed', `entry ${seq} cannot be proved: what opens its leaf was destroyed`, {
      hint: 'daybook verify',
    });
  }
  const { lines } = await store.tilesAndLines(place.tile, 1, last.size, 0);
  let line: Buffer | undefined;
  eachLeaf(lines, (at, headAndLine) => {
    if (at === seq) line = headAndLine.subarray(LEAF_HEAD);
  });
  if (line === undefined) throw new DaybookError('missing', `no entry ${seq}`);
  const roots = await rangeRoots(store, last.size, [leaf]);
  return proofText({ index: leaf, salt, line, path: inclusionPath(leaf, last.size, roots), checkpoint: last.note });
}

/**
 * A proof that one seal holds all of an earlier one. Throws kind `missing` where there is no seal of such a size, and kind
 * `refused` where what it needs is pruned.
 */
export async function proveConsistency(
  store: AuditStore,
  first: Seal['size'],
  second: Seal['size'] | null,
): Promise<string> {
  const after = second === null ? await lastSeal(store) : await sealOf(store, second);
  const before = await sealOf(store, first);
  if (before.size > after.size) {
    throw new DaybookError('usage', `${first} is more than ${after.size}: the earlier seal comes first`);
  }
  const roots = await rangeRoots(store, after.size, [before.size - 1, before.size]);
  return consistencyText({
    before: before.note,
    after: after.note,
    path: consistencyPath(before.size, after.size, roots),
  });
}

function notSealed(seq: number): DaybookError {
  return new DaybookError('refused', `entry ${seq} is not sealed yet`, { hint: 'daybook seal' });
}

async function lastSeal(store: AuditStore): Promise<Seal> {
  const { last, trails } = await store.sealState();
  if (trails.length === 0)
    throw new DaybookError('missing', 'nothing is sealed here yet', { hint: 'daybook seal init' });
  if (last === null) throw new DaybookError('refused', 'nothing is sealed yet', { hint: 'daybook seal' });
  return last;
}

async function sealOf(store: AuditStore, size: number): Promise<Seal> {
  for (let after = 0; ;) {
    const page = await store.seals(after, 500);
    const found = page.find((seal) => seal.size === size);
    if (found !== undefined) return found;
    const last = page.at(-1);
    if (last === undefined)
      throw new DaybookError('missing', `no seal over ${size} entries`, { hint: 'daybook seal list' });
    after = last.seal;
  }
}

const TILES_A_PAGE = 64;

/** Roots of ranges of a tree: within a tile only of those that hold one of `leaves`, or the end. */
async function rangeRoots(store: AuditStore, size: number, leaves: readonly number[]): Promise<RangeRoot> {
  const whole = Math.floor(size / TILE);
  const needed = new Set([...leaves, size - 1].map((leaf) => Math.floor(leaf / TILE)));
  const roots: Buffer[] = [];
  const tiles = new Map<number, SealTile>();
  for (let from = 0; from <= whole; from += TILES_A_PAGE) {
    for (const tile of await store.tiles(from, TILES_A_PAGE)) {
      if (tile.root !== null) roots[tile.tile] = tile.root;
      if (needed.has(tile.tile)) tiles.set(tile.tile, tile);
    }
  }
  const within = (from: number, to: number): Buffer => {
    const number = Math.floor(from / TILE);
    const tile = tiles.get(number);
    const at = from - number * TILE;
    const end = to - number * TILE;
    if (tile !== undefined && tile.hashes.length >= end * HASH_BYTES) {
      return rootOf(grownBy(EMPTY, tile.hashes.subarray(at * HASH_BYTES), 0, end - at));
    }
    const edge = at > 0 || tile === undefined ? null : edgeAt(tile.edges, tile.root ?? Buffer.alloc(0), end);
    if (!edge) throw new DaybookError('refused', 'what this proof needs is pruned: it can no longer be made');
    return rootOf(edge.reduce((tree, node) => grown(tree, node.root, node.width), EMPTY));
  };
  const rangeRoot: RangeRoot = (from, to) => {
    const width = to - from;
    const root = width === TILE && from % TILE === 0 ? roots[from / TILE] : undefined;
    if (root !== undefined) return root;
    if (width <= TILE) return within(from, to);
    const split = splitOf(width);
    return rootOf({ size: width, nodes: [rangeRoot(from, from + split), rangeRoot(from + split, to)] });
  };
  return rangeRoot;
}

/** The size that a text names: a number, or a file that holds a checkpoint. */
export function sizeOf(text: string, named: string): number {
  const size = /^\d{1,15}$/.test(text) ? Number(text) : readCheckpoint(text)?.size;
  if (size === undefined) throw new DaybookError('data', `${named} is neither the size of a seal nor a checkpoint`);
  return size;
}
