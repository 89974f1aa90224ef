import { randomBytes } from 'node:crypto';
import { HASH_BYTES } from './hashing.js';
import { LEAF_HEAD, SALT_BYTES, saltsOf, SECRET_BYTES, TILE } from './leaves.js';
import { addSeq, firstOf } from './seqs.js';
import type { Run } from './seqs.js';
import { EMPTY, grown, grownBy, rootOf, subtrees } from './tree.js';

/** What opens the leaves of a tile: a secret for all of them, or a salt for each that stays. */
export interface Opening {
  readonly secret: Buffer | null;
  readonly salts: Buffer | null;
}

/** A bit for each position, the lowest first. */
const MASK_BYTES = TILE / 8;

/** The salt of each position of a tile; undefined where it was destroyed. */
export function saltsIn({ secret, salts }: Opening): (position: number) => Buffer | undefined {
  if (secret?.length === SECRET_BYTES) {
    const all = saltsOf(secret);
    return (position) => all.subarray(position * SALT_BYTES, (position + 1) * SALT_BYTES);
  }
  const found = new Map<number, Buffer>();
  if (salts !== null) {
    let offset = MASK_BYTES;
    for (let position = 0; position < TILE; position++) {
      if (!isSet(salts, position)) continue;
      const salt = salts.subarray(offset, offset + SALT_BYTES);
      if (salt.length === SALT_BYTES) found.set(position, salt);
      offset += SALT_BYTES;
    }
  }
  return (position) => found.get(position);
}

function isSet(mask: Uint8Array, position: number): boolean {
  return ((mask[position >> 3] ?? 0) & (1 << (position & 7))) !== 0;
}

/** Salts as they are kept without a secret; null where none is left. */
function keptSalts(salts: ReadonlyMap<number, Buffer>): Buffer | null {
  if (salts.size === 0) return null;
  const mask = Buffer.alloc(MASK_BYTES);
  const positions = [...salts.keys()].toSorted((a, b) => a - b);
  for (const position of positions)
    mask.writeUInt8(mask.readUInt8(position >> 3) | (1 << (position & 7)), position >> 3);
  return Buffer.concat([mask, ...positions.map((position) => salts.get(position) as Buffer)]);
}

/** Whether what opens a tile is written as daybook writes it, with nothing else in it. */
export function isOpening({ secret, salts }: Opening): boolean {
  if (secret !== null) return secret.length === SECRET_BYTES && salts === null;
  if (salts === null) return true;
  const count = Array.from({ length: TILE }, (_, position) => isSet(salts, position)).filter(Boolean).length;
  return count > 0 && salts.length === MASK_BYTES + count * SALT_BYTES;
}

/** A tile that leaves are added to. */
export interface GrowingTile {
  readonly tile: number;
  readonly hashes: Buffer;
  runs: Run[];
  /** How many leaves it has. */
  count: number;
  readonly secret: Buffer | null;
  readonly salts: Map<number, Buffer>;
  readonly saltOf: (position: number) => Buffer | undefined;
}

/**
 * A tile to go on with: a new one, or what is kept of one that has `count` leaves. What was destroyed of its salts stays
 * so, and new leaves get salts of their own.
 */
export function growingTile(
  tile: number,
  kept: (Opening & { readonly hashes: Buffer; readonly runs: readonly Run[] | null }) | undefined,
  count: number,
): GrowingTile {
  const hashes = Buffer.alloc(TILE * HASH_BYTES);
  if (kept === undefined || count === 0) {
    const secret = randomBytes(SECRET_BYTES);
    return { tile, hashes, runs: [], count: 0, secret, salts: new Map(), saltOf: saltsIn({ secret, salts: null }) };
  }
  kept.hashes.copy(hashes, 0, 0, count * HASH_BYTES);
  const runs = firstOf(kept.runs ?? [], count);
  const opened = saltsIn(kept);
  const { secret } = kept;
  const salts = new Map<number, Buffer>();
  if (secret === null) {
    for (let position = 0; position < TILE; position++) {
      const salt = position < count ? opened(position) : randomBytes(SALT_BYTES);
      if (salt !== undefined) salts.set(position, Buffer.from(salt));
    }
  }
  return { tile, hashes, runs, count, secret, salts, saltOf: secret === null ? (at) => salts.get(at) : opened };
}

/** The tiles that so many more leaves go to: the one that grows, and those behind it. */
export function tilesAhead(growing: GrowingTile, leaves: number): GrowingTile[] {
  const tiles = [growing];
  for (let room = TILE - growing.count; room < leaves; room += TILE) {
    tiles.push(growingTile(growing.tile + tiles.length, undefined, 0));
  }
  return tiles;
}

/** The salts of so many more leaves, one after the other. */
export function saltsAhead(tiles: readonly GrowingTile[], leaves: number): Buffer {
  const salts = Buffer.alloc(leaves * SALT_BYTES);
  let leaf = 0;
  for (const { count, saltOf } of tiles) {
    for (let position = count; position < TILE && leaf < leaves; position++, leaf++) {
      saltOf(position)?.copy(salts, leaf * SALT_BYTES);
    }
  }
  return salts;
}

/** Adds a leaf: its hash stands in `hashes` from `at` on. */
export function addLeaf(growing: GrowingTile, seq: number, hashes: Buffer, at: number): void {
  hashes.copy(growing.hashes, growing.count * HASH_BYTES, at, at + HASH_BYTES);
  addSeq(growing.runs, seq);
  growing.count += 1;
}

/** What of a growing tile is kept. */
export function openingOf({ secret, salts, count }: GrowingTile): Opening {
  if (secret !== null) return { secret, salts: null };
  return { secret, salts: keptSalts(new Map([...salts].filter(([position]) => position < count))) };
}

const LINE_FEED = 0x0a;
const SEQ_AT = LEAF_HEAD + '{"seq":'.length;

/** Each line of a page with its seq. A line stands behind room for its head, and before a line feed. */
export function eachLeaf(lines: Buffer, take: (seq: number, headAndLine: Buffer) => void): void {
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf(LINE_FEED, at + LEAF_HEAD);
    const line = lines.subarray(at, end);
    let seq = 0;
    for (let digit = SEQ_AT; digit < line.length; digit++) {
      const value = (line[digit] as number) - 0x30;
      if (value < 0 || value > 9) break;
      seq = seq * 10 + value;
    }
    at = end + 1;
    take(seq, line);
  }
}

/** A tile without what opens the leaves at some positions; null where nothing is left that opens one. */
export function closedAt(opening: Opening, count: number, positions: ReadonlySet<number>): Opening {
  const saltOf = saltsIn(opening);
  const left = new Map<number, Buffer>();
  for (let position = 0; position < count; position++) {
    const salt = positions.has(position) ? undefined : saltOf(position);
    if (salt !== undefined) left.set(position, salt);
  }
  return { secret: null, salts: keptSalts(left) };
}

/**
 * What is kept of a tile whose entries are all gone, for trees that end inside it: for each, how many of its leaves they
 * have, the subtree roots over these, and those over the rest, by which they still lead to the tile's root.
 */
export function edgesOf(hashes: Buffer, ends: readonly number[]): Buffer {
  const pieces = ends.map((end) =>
    Buffer.concat([
      Buffer.of(end),
      ...[...subtrees(0, end), ...subtrees(end, TILE)].map(({ at, width }) =>
        rootOf(grownBy(EMPTY, hashes.subarray(at * HASH_BYTES, (at + width) * HASH_BYTES), 0, width)),
      ),
    ]),
  );
  return Buffer.concat(pieces);
}

interface Edge {
  /** So many leaves. */
  readonly end: number;
  /** The subtree roots over these, and over the rest of the tile. */
  readonly before: readonly { readonly root: Buffer; readonly width: number }[];
  readonly after: readonly { readonly root: Buffer; readonly width: number }[];
}

/** Reads what `edgesOf` writes. A piece that is cut off has roots that are too short. */
function readEdges(edges: Buffer | null): Edge[] {
  const read: Edge[] = [];
  for (let at = 0; edges !== null && at < edges.length;) {
    const end = edges[at] as number;
    at += 1;
    const nodes = [...subtrees(0, end), ...subtrees(end, TILE)].map(({ width }) => {
      const root = edges.subarray(at, at + HASH_BYTES);
      at += HASH_BYTES;
      return { root, width };
    });
    const count = subtrees(0, end).length;
    read.push({ end, before: nodes.slice(0, count), after: nodes.slice(count) });
  }
  return read;
}

function leadsTo({ before, after }: Edge, root: Buffer): boolean {
  const nodes = [...before, ...after];
  if (nodes.some((node) => node.root.length !== HASH_BYTES)) return false;
  return rootOf(nodes.reduce((tree, node) => grown(tree, node.root, node.width), EMPTY)).equals(root);
}

/** Whether what is kept of a tile for the trees that end in it leads to its root, each once and in their order. */
export function areEdges(edges: Buffer | null, root: Buffer): boolean {
  const read = readEdges(edges);
  return read.every((edge, at) => edge.end > (read[at - 1]?.end ?? 0) && leadsTo(edge, root));
}

/**
 * The subtree roots over the first leaves of a tile, by what was kept of it: null where nothing was for this number, and
 * undefined where what was kept does not lead to the tile's root.
 */
export function edgeAt(edges: Buffer | null, root: Buffer, end: number): Edge['before'] | null | undefined {
  const edge = readEdges(edges).find((one) => one.end === end);
  if (edge === undefined) return null;
  return leadsTo(edge, root) ? edge.before : undefined;
}
