import { HASH_BYTES, sha256, sha256Into } from './hashing.js';

// The Merkle tree of RFC 6962 over leaves that are hashed already. A range is [from, to), as in the RFC's D[from:to].

const NODE = Buffer.of(1);
const EMPTY_ROOT = sha256(new Uint8Array());

/** SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.concat([NODE, left, right]));
}

/**
 * What a tree can be grown from without its leaves: the roots of the whole subtrees that it is made of, the largest first.
 * The size says how large each is: one for each bit that is set in it.
 */
export interface Frontier {
  readonly size: number;
  readonly nodes: readonly Buffer[];
}

export const EMPTY: Frontier = { size: 0, nodes: [] };

/** The sizes of the subtrees that a tree is made of, the largest first. */
export function subtreeSizes(size: number): number[] {
  const sizes: number[] = [];
  for (let rest = size; rest > 0; rest -= sizes.at(-1) ?? rest) sizes.push(2 ** Math.floor(Math.log2(rest)));
  return sizes;
}

/**
 * A frontier with one more whole subtree at its right end. It must be no larger than the smallest that is there, and begin
 * at a multiple of its own size.
 */
export function grown(frontier: Frontier, root: Buffer, leaves = 1): Frontier {
  const nodes = [...frontier.nodes];
  let node = root;
  for (let width = leaves; Math.floor(frontier.size / width) % 2 === 1; width *= 2) {
    node = nodeHash(nodes.pop() as Buffer, node);
  }
  return { size: frontier.size + leaves, nodes: [...nodes, node] };
}

/** The root of the tree that a frontier stands for. */
export function rootOf({ nodes }: Frontier): Buffer {
  const last = nodes.at(-1);
  if (last === undefined) return EMPTY_ROOT;
  return nodes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}

/**
 * A frontier with the leaves from `from` to `to` of `hashes` (32 bytes each) at its right end: as few steps as the subtrees
 * allow. The first leaf must stand in the tree at the place that it has in `hashes`, counted modulo their number.
 */
export function grownBy(frontier: Frontier, hashes: Buffer, from: number, to: number): Frontier {
  let result = frontier;
  for (const { at, width } of subtrees(from, to)) result = grown(result, wholeRoot(hashes, at, width), width);
  return result;
}

/** The whole subtrees of the leaves from one position on, up to another: each with its first position and its width. */
export function subtrees(from: number, to: number): { readonly at: number; readonly width: number }[] {
  const pieces: { at: number; width: number }[] = [];
  for (let at = from; at < to;) {
    let width = 1;
    while (at % (width * 2) === 0 && at + width * 2 <= to) width *= 2;
    pieces.push({ at, width });
    at += width;
  }
  return pieces;
}

/** The root of `width` leaves, which must be a power of two. */
function wholeRoot(hashes: Buffer, from: number, width: number): Buffer {
  const work = Buffer.from(hashes.subarray(from * HASH_BYTES, (from + width) * HASH_BYTES));
  const pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  for (let count = width; count > 1; count /= 2) {
    for (let index = 0; index < count; index += 2) {
      work.copy(pair, 1, index * HASH_BYTES, (index + 2) * HASH_BYTES);
      sha256Into(work, (index / 2) * HASH_BYTES, pair);
    }
  }
  return work.subarray(0, HASH_BYTES);
}

/** The root of a range of leaves, by whatever knows one. */
export type RangeRoot = (from: number, to: number) => Buffer;

/** Where the RFC splits a tree: the largest power of two below its size. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** PATH(leaf, D[0:size]) of RFC 6962: the siblings on the way from a leaf to the root, the lowest first. */
export function inclusionPath(leaf: number, size: number, root: RangeRoot, from = 0): Buffer[] {
  if (size === 1) return [];
  const split = splitOf(size);
  return leaf < split
    ? [...inclusionPath(leaf, split, root, from), root(from + split, from + size)]
    : [...inclusionPath(leaf - split, size - split, root, from + split), root(from, from + split)];
}

/** PROOF(first, D[0:size]) of RFC 6962: that the tree of the first leaves is the beginning of this one. */
export function consistencyPath(first: number, size: number, root: RangeRoot): Buffer[] {
  return first === 0 || first === size ? [] : subproof(first, size, root, 0, true);
}

function subproof(first: number, size: number, root: RangeRoot, from: number, whole: boolean): Buffer[] {
  if (first === size) return whole ? [] : [root(from, from + size)];
  const split = splitOf(size);
  return first <= split
    ? [...subproof(first, split, root, from, whole), root(from + split, from + size)]
    : [...subproof(first - split, size - split, root, from + split, false), root(from, from + split)];
}

/** The root that a path leads to from a leaf; undefined where it is too long or too short for a tree of this size. */
export function rootByPath(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | undefined {
  if (index < 0 || index >= size) return undefined;
  const climb = (at: number, width: number, level: number): Buffer | undefined => {
    if (width === 1) return level === 0 ? leaf : undefined;
    const sibling = path[level - 1];
    if (sibling === undefined) return undefined;
    const split = splitOf(width);
    const below = at < split ? climb(at, split, level - 1) : climb(at - split, width - split, level - 1);
    if (below === undefined) return undefined;
    return at < split ? nodeHash(below, sibling) : nodeHash(sibling, below);
  };
  return climb(index, size, path.length);
}

/** Whether a path shows that the tree of one root is the beginning of the tree of the other. */
export function isConsistent(
  first: { readonly size: number; readonly root: Buffer },
  second: { readonly size: number; readonly root: Buffer },
  path: readonly Buffer[],
): boolean {
  if (first.size > second.size) return false;
  if (first.size === second.size) return path.length === 0 && first.root.equals(second.root);
  if (first.size === 0) return path.length === 0 && first.root.equals(EMPTY_ROOT);
  // As in RFC 9162, 2.1.4.2.
  let node = first.size - 1;
  let last = second.size - 1;
  while (node % 2 === 1) {
    node = (node - 1) / 2;
    last = Math.floor(last / 2);
  }
  const rest = node === 0 ? [first.root, ...path] : [...path];
  const start = rest.shift();
  if (start === undefined) return false;
  let [before, after] = [start, start];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (node % 2 === 0 && node !== 0) {
        node /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      after = nodeHash(after, sibling);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && before.equals(first.root) && after.equals(second.root);
}
