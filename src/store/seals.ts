import type { Actor } from '../core/entry.js';
import type { KeptSkeleton } from '../core/erasure.js';
import type { Run } from '../core/evidence/seqs.js';
import type { Mark } from '../core/mark.js';

// What seals keep in the database. Places: a position of the tree is given when an entry is sealed, in the order of
// sealing and for ever; a tile holds 256 of them, and its runs say which seq stands at which. A run is a piece of that
// list, and not a piece of the trail: in PostgreSQL, where entries become visible in another order than that of their seqs,
// and where an entry was sealed late, runs go back. What is to be sealed next is told by marks alone: what was not in the
// trail at the mark of the last seal, and is now. Within one seal, positions go by seq; what was accepted late comes first.

/** From where on seals bear an origin, and the key that they begin with. */
export interface SealTrail {
  readonly origin: string;
  /** A public key line. */
  readonly key: string;
  /** How many entries were sealed when it began. */
  readonly since: number;
  /** The statement by which it goes on with another origin's tree. */
  readonly note: string | null;
}

export interface Seal {
  /** In the order in which they were kept. */
  readonly seal: number;
  readonly size: number;
  /** The checkpoint. */
  readonly note: string;
}

/** A handover from one key to the next. */
export interface SealHandover {
  readonly size: number;
  readonly note: string;
}

export interface SealTile {
  readonly tile: number;
  /** The root of its 256 leaves, once it is full. */
  readonly root: Buffer | null;
  /** The seqs that it holds, by position; null where another program made it unreadable. */
  readonly runs: readonly Run[] | null;
  /** The hashes of its leaves; empty where all of them are pruned. */
  readonly hashes: Buffer;
  /** What all its salts come from, as long as no entry of it was deleted. */
  readonly secret: Buffer | null;
  /** The salts of the entries that stay: a bit for each position, and 16 bytes for each bit that is set. */
  readonly salts: Buffer | null;
  /** Where the tile is wholly pruned: the subtree roots that some seals which end inside it need. */
  readonly edges: Buffer | null;
}

/** What is sealed, as a whole. */
export interface SealState {
  /** In the order of their sizes; empty where nothing was ever sealed. */
  readonly trails: readonly SealTrail[];
  readonly handovers: readonly SealHandover[];
  readonly last: Seal | null;
  /** The trail as it was when it was sealed last: later entries are not sealed. */
  readonly mark: Mark;
  /** Whether a seal must sign its mark: where what is in the tiles does not say which entries were there. */
  readonly signsMark: boolean;
}

/** Entries as lines of `daybook-line/1`, each behind room for the head of a leaf and before a line feed. */
export interface LeafLines {
  readonly lines: Buffer;
  readonly count: number;
}

/** Tiles with the entries of theirs that are there, at one moment. */
export interface TilesAndLines extends LeafLines {
  readonly tiles: readonly SealTile[];
  /** How many entries of those that could be sealed by then have a seq behind `after`, up to the greatest of the tiles. */
  readonly within: number;
  /** What is left of those that were erased. */
  readonly skeletons: readonly KeptSkeleton[];
}

/** Entries that were removed, and the statement that was signed before the first of them went. */
export interface SealedRemoval {
  readonly removal: number;
  readonly prune: number;
  readonly ranges: string;
  readonly note: string;
  /** The hashes of the skeletons that stay of them; null for a removal of which nothing stays. */
  readonly skeletons: Buffer | null;
}

/** What somebody else said of a seal, as it came. */
export interface Anchor {
  /** In the order in which they were kept. */
  readonly anchor: number;
  /** Of which seal it is. */
  readonly size: number;
  readonly kind: string;
  readonly content: Buffer;
}

export interface Seals {
  sealState(): Promise<SealState>;
  /** Begins to seal, and records that. Throws kind `refused` where something is sealed already. */
  beginSeals(trail: Omit<SealTrail, 'note'>, actor: Actor): Promise<void>;
  /** Keeps others from sealing meanwhile. Throws kind `busy` where somebody seals. */
  leaseSeals(): Promise<void>;
  /** Ends that, where it was not ended by `putSeal`. */
  releaseSeals(): Promise<void>;
  /** Entries that are to be sealed: not in the trail at `beyond` yet, in it at `upTo`, by seq and behind `after`. */
  leavesToSeal(beyond: Mark | null, upTo: Mark, after: number, limit: number): Promise<LeafLines>;
  /** The entries of runs that are there, by seq. */
  leavesIn(runs: readonly Run[]): Promise<LeafLines>;
  /**
   * Puts tiles in their places under the lease, and says how long the write lock was held; undefined, with nothing
   * written, where one of the entries in `fresh` is there no more. Only what is `durable` outlives a power cut.
   */
  putTiles(tiles: readonly SealTile[], fresh: readonly Run[], durable: boolean): Promise<number | undefined>;
  /** Keeps a seal, and ends the lease. */
  putSeal(seal: Omit<Seal, 'seal'>): Promise<void>;
  /** Keeps a handover to the next key, and records that. */
  putHandover(handover: SealHandover, key: string, actor: Actor): Promise<void>;
  /** Begins another name for the same tree, and records that. */
  resumeSeals(trail: SealTrail, reason: string, actor: Actor): Promise<void>;
  /** Keeps an anchor, and records that; gives the seq of the entry. */
  putAnchor(anchor: Omit<Anchor, 'anchor'>, actor: Actor): Promise<number>;
  /** In the order in which they were kept. */
  anchors(): Promise<readonly Anchor[]>;
  /** Keeps a signed removal; nothing of it may go before. */
  putRemoval(removal: Omit<SealedRemoval, 'removal'>): Promise<void>;
  /** Removals behind one of them, in the order in which they were kept. */
  removals(after: number): Promise<readonly SealedRemoval[]>;
  /** Seals behind one of them, in the order in which they were kept. */
  seals(after: number, limit: number): Promise<readonly Seal[]>;
  tile(tile: number): Promise<SealTile | undefined>;
  /** So many tiles from one on. */
  tiles(from: number, count: number): Promise<readonly SealTile[]>;
  /** The tile that holds an entry. */
  tileOf(seq: number): Promise<SealTile | undefined>;
  /**
   * So many tiles from one on, cut to `size` positions in all, and the entries that they hold; `after` and the greatest seq
   * of them bound `within`.
   */
  tilesAndLines(from: number, count: number, size: number, after: number): Promise<TilesAndLines>;
  /** The seqs that are there, behind `after` and up to `last`, of what could be sealed when `size` entries were. */
  seqsThere(after: number, last: number, limit: number, size: number): Promise<readonly number[]>;
}
