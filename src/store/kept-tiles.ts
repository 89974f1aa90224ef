import { readCheckpoint, timeOf } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { TILE } from '../core/evidence/leaves.js';
import { readRuns, runsLength, seqsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { closedAt, edgesOf } from '../core/evidence/tiles.js';
import type { SealTile } from './seals.js';

// What is the same of the tiles, whatever engine keeps them.

/** The least and the greatest seq of runs. */
export function boundsOf(runs: readonly Run[]): [first: number, last: number] {
  let [first, last] = [Infinity, 0];
  for (const [from, to] of runs) {
    first = Math.min(first, from);
    last = Math.max(last, to);
  }
  return [Math.min(first, last), last];
}

/** The seqs of a tile as they are kept; null where another program made them what does not fit to their bounds. */
export function keptRuns(seqs: string, first: number, last: number): readonly Run[] | null {
  const runs = readRuns(seqs);
  if (runs === undefined || runsLength(runs) > TILE) return null;
  const bounds = boundsOf(runs);
  return bounds[0] === first && bounds[1] === last ? runs : null;
}

/** Between which seqs a tile is. */
export interface TileBounds {
  readonly tile: number;
  readonly first_seq: number;
  readonly last_seq: number;
}

/** The tiles that may hold one of these seqs: entries that go together may lie far apart. */
export function tilesOf(bounds: readonly TileBounds[], seqs: Iterable<number>): number[] {
  const sorted = Float64Array.from(seqs).toSorted();
  return bounds.flatMap(({ tile, first_seq: first, last_seq: last }) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? 0) < first) low = middle + 1;
      else high = middle;
    }
    return (sorted[low] ?? Infinity) <= last ? [tile] : [];
  });
}

/** A seal that ends inside a tile. */
export interface EndingSeal {
  readonly size: number;
  readonly note: string;
  readonly anchored: boolean;
}

/**
 * A tile without what opens the leaves of entries that go; undefined where none of them is in it. Where nothing is left to
 * open, `isClosed` says so: then its hashes may go, but for what some seals need.
 */
export function withoutEntries(
  tile: SealTile,
  gone: ReadonlySet<number>,
): { readonly tile: SealTile; readonly isClosed: boolean } | undefined {
  const held = seqsOf(tile.runs ?? []);
  const positions = new Set(held.flatMap((seq, position) => (gone.has(seq) ? [position] : [])));
  if (positions.size === 0) return undefined;
  const { secret, salts } = closedAt(tile, held.length, positions);
  return { tile: { ...tile, secret, salts }, isClosed: salts === null };
}

/**
 * A full tile with what is kept in the place of its hashes: for the last seal of each day, and for what was anchored. Its
 * hashes stay where that would be more.
 */
export function withEdges(tile: SealTile, seals: readonly EndingSeal[]): SealTile {
  if (tile.root === null || tile.hashes.length !== TILE * HASH_BYTES) return { ...tile, edges: null };
  const ends = seals.flatMap(({ size, note, anchored }, index) =>
    anchored || dayOf(note) !== dayOf(seals[index + 1]?.note) ? [size - tile.tile * TILE] : [],
  );
  const edges = edgesOf(
    tile.hashes,
    ends.filter((end) => end < TILE),
  );
  return edges.length < tile.hashes.length ? { ...tile, hashes: Buffer.alloc(0), edges } : { ...tile, edges: null };
}

function dayOf(note: string | undefined): number | null {
  const checkpoint = note === undefined ? undefined : readCheckpoint(note);
  const seconds = checkpoint === undefined ? null : timeOf(checkpoint);
  return seconds === null ? null : Math.floor(seconds / 86_400);
}
