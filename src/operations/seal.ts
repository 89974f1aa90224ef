import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { cosignedAt, readCheckpoint, signedCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { TILE } from '../core/evidence/leaves.js';
import { keyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { firstOf, runsBehind, runsLength, runsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { termsOf } from '../core/evidence/terms.js';
import { addLeaf, eachLeaf, growingTile, openingOf, saltsAhead, tilesAhead } from '../core/evidence/tiles.js';
import type { GrowingTile } from '../core/evidence/tiles.js';
import { EMPTY, grown, grownBy, rootOf } from '../core/evidence/tree.js';
import type { Frontier } from '../core/evidence/tree.js';
import type { Mark } from '../core/mark.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore, SealState, SealTile } from '../store/audit-store.js';
import { acceptInserted } from './accept-inserted.js';
import type { Acceptance } from './accept-inserted.js';
import { heard } from './heard.js';
import { leafHasher } from './leaf-hasher.js';
import { changeSealKey, readSealKey } from './seal-key.js';
import type { SealKey, Signed } from './seal-key.js';

/** What sealing came to, in the shape of the contract. */
export interface SealResult {
  readonly origin: string;
  readonly size: number;
  readonly added: number;
  /** In base64. */
  readonly root: string;
  readonly at: string | null;
  /** The checkpoint. */
  readonly note: string | null;
  readonly unsealed: number;
  /** How many of those that were added had been inserted before an earlier seal. */
  readonly accepted: number;
}

export interface SealRun {
  readonly now: number;
  /** Seals what was inserted before the last seal as well, and records who lets that be. */
  readonly accept?: Acceptance;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** With those of one more page, 16 tiles are put into the database at once: it is locked for some milliseconds then. */
const TILES_A_BATCH = 13;

/** The log flows back after so many of them, before others would have to wait for that: it is of some megabytes then. */
const BATCHES_AN_UPKEEP = 16;

/** Pages of entries are of about so many bytes, or of so many entries. */
const PAGE_BYTES = 1024 * 1024;
const LARGEST_PAGE = 1024;

/**
 * Seals what is new with the key of the trail: hashes it onto what the key has signed last, keeps the tiles, and signs the
 * new root. Throws kind `missing` where nothing was ever begun, kind `refused` where the database holds less than the key
 * has signed, or something else, and kind `busy` while somebody else seals.
 */
export async function seal(store: AuditStore, key: SealKey, run: SealRun): Promise<SealResult> {
  if (key.handover !== null) return seal(store, await finishHandover(store, key), run);
  const state = await store.sealState();
  expectKey(state, key);
  if (run.accept === undefined && key.pending === null && state.last?.note === key.signed?.note) {
    const nothingNew = await resultOf(store, key.key, key.signed, 0);
    if (nothingNew.unsealed === 0) return nothingNew;
  }
  await store.leaseSeals();
  let leased = true;
  try {
    // Another process may have signed since the key was read, but none does from now on.
    const read = readSealKey(key.path);
    const before = await finishPending(store, read);
    if (before !== read) {
      leased = false;
      await store.leaseSeals();
      leased = true;
    }
    expectSame(await store.sealState(), before.signed);
    const late = run.accept === undefined ? [] : await acceptInserted(store, run.accept);
    const tree = await growTree(store, before.signed, late, run);
    if (tree === undefined) return await resultOf(store, key.key, before.signed, 0);
    const { frontier } = tree;
    const mark = state.signsMark ? tree.mark : null;
    const checkpoint = { origin: key.key.name, size: frontier.size, root: rootOf(frontier), mark };
    const note = signedCheckpoint(checkpoint, before.privateKey, before.key, Math.floor(run.now / 1000));
    const pending = { ...before, pending: { ...tree, note } };
    await changeSealKey(store.origin, before, pending);
    await store.putSeal({ size: frontier.size, note });
    leased = false;
    await changeSealKey(store.origin, pending, { ...pending, signed: pending.pending, pending: null });
    const added = frontier.size - (before.signed?.frontier.size ?? 0);
    return { ...(await resultOf(store, key.key, pending.pending, added)), accepted: runsLength(late) };
  } finally {
    // What failed is what is told: a lease that stays ends by itself.
    if (leased) await store.releaseSeals().catch(() => undefined);
  }
}

/** Keeps a handover that was signed and then cut off. */
async function finishHandover(store: AuditStore, key: SealKey): Promise<SealKey> {
  const { handover } = key;
  const { handovers } = await store.sealState();
  if (handover !== null && !handovers.some(({ note }) => note === handover.note)) {
    await store.putHandover(handover, keyLine(key.key), NOBODY);
  }
  const settled = { ...key, handover: null };
  await changeSealKey(store.origin, key, settled);
  return settled;
}

/** Who began what is finished here is not known any more. */
const NOBODY: Actor = { actor: 'daybook', actor_type: 'system', recorded_by: null };

/** Throws where the key is not that of the trail. */
function expectKey({ trails, handovers }: SealState, { path, key }: SealKey): void {
  const trail = trails.at(-1);
  if (trail === undefined) {
    throw new DaybookError('missing', 'nothing is sealed here yet', { hint: 'daybook seal init' });
  }
  const current = termsOf(trails, handovers)?.at(-1)?.key;
  if (current !== undefined && keyLine(current) === keyLine(key)) return;
  throw new DaybookError(
    'refused',
    `${path} holds the key of ${key.name}, and not the one that this trail is sealed with as ${trail.origin}`,
  );
}

/** Throws kind `refused` where the database does not hold what the key has signed last. */
function expectSame({ last }: Pick<SealState, 'last'>, signed: Signed | null): void {
  const there = last?.size ?? 0;
  const size = signed?.frontier.size ?? 0;
  if (there < size) throw behind(there, size);
  if (there > size) {
    throw new DaybookError(
      'refused',
      `the database is sealed up to ${there} entries, and the key file knows of ${size}: it is an old copy, so bring the newest one back`,
    );
  }
  if (last !== null && last.note !== signed?.note) {
    throw new DaybookError(
      'refused',
      `the database has another seal over its ${there} entries than the one that this key signed`,
      { hint: 'daybook verify' },
    );
  }
}

/** The trail became shorter than what was signed of it. */
function behind(there: number, size: number): DaybookError {
  return new DaybookError(
    'refused',
    `behind: the database is sealed up to ${there} entries, and the key has signed ${size}: bring the newer database back, or, where it is lost, go on from the restored one with daybook seal resume`,
    // Pasted, resume would sign that the newer one is lost: that is decided, and not proposed.
    { hint: 'daybook seal status' },
  );
}

/** Keeps what was signed and then cut off, as it was signed. Gives the key as it stands then; the lease is ended. */
async function finishPending(store: AuditStore, key: SealKey): Promise<SealKey> {
  const { pending, signed } = key;
  if (pending === null) return key;
  const { last } = await store.sealState();
  if (last?.note === pending.note) {
    await store.releaseSeals();
  } else {
    expectSame({ last }, signed);
    if (!(await holds(store, signed?.frontier ?? EMPTY, pending.frontier))) {
      throw behind(last?.size ?? 0, pending.frontier.size);
    }
    await store.putSeal({ size: pending.frontier.size, note: pending.note });
  }
  const settled = { ...key, signed: pending, pending: null };
  await changeSealKey(store.origin, key, settled);
  return settled;
}

/** What a tree of this size can be grown from, by the tiles; undefined where these are not there. */
export async function frontierAt(store: AuditStore, size: number): Promise<Frontier | undefined> {
  return grownFrom(store, EMPTY, size);
}

/** Whether the tiles in the database lead from one frontier to another. */
async function holds(store: AuditStore, from: Frontier, to: Frontier): Promise<boolean> {
  const frontier = await grownFrom(store, from, to.size);
  return frontier !== undefined && rootOf(frontier).equals(rootOf(to));
}

/** A frontier grown by the tiles in the database; undefined where these do not reach so far. */
async function grownFrom(store: AuditStore, from: Frontier, size: number): Promise<Frontier | undefined> {
  let frontier = from;
  while (frontier.size < size) {
    const number = Math.floor(frontier.size / TILE);
    const tile = await store.tile(number);
    const end = Math.min(size - number * TILE, TILE);
    const begin = frontier.size - number * TILE;
    if (tile === undefined) return undefined;
    if (tile.hashes.length >= end * HASH_BYTES) frontier = grownBy(frontier, tile.hashes, begin, end);
    // A prune has taken all of it since.
    else if (begin === 0 && end === TILE && tile.root !== null) frontier = grown(frontier, tile.root, TILE);
    else return undefined;
  }
  return frontier;
}

/** From where on entries are read: what comes late first, and then what stands behind a seq. */
interface Unread {
  readonly late: readonly Run[];
  readonly after: number;
}

interface Page {
  readonly lines: Buffer;
  readonly seqs: readonly number[];
  readonly next: Unread;
  /** Whether there was nothing more. */
  readonly isEnd: boolean;
}

/** Adds what comes late and what is new to the tree, tile by tile; undefined where nothing is new. */
async function growTree(
  store: AuditStore,
  signed: Signed | null,
  late: readonly Run[],
  { signal, onProgress }: SealRun,
): Promise<{ readonly frontier: Frontier; readonly mark: Mark } | undefined> {
  const beyond = signed?.mark ?? null;
  const { upTo, count: total } = await store.extent({}, beyond === null ? {} : { beyond });
  const begun = signed?.frontier ?? EMPTY;
  const number = Math.floor(begun.size / TILE);
  const count = begun.size % TILE;
  const first = growingTile(number, count === 0 ? undefined : await store.tile(number), count);
  let limit = 64;
  // The frontier holds the whole tiles, and what was signed of the one that grows: the rest of that is added at the end.
  let grownTo = { frontier: begun, held: count, growing: first, unread: { late, after: 0 } as Unread };
  // Where an entry falls between its being read and its tile being kept, all that was read since is read again.
  let kept = { ...grownTo, growing: copyOf(first) };
  let full: SealTile[] = [];
  let fresh: number[] = [];
  let batches = 0;

  const read = async ({ late: asking, after }: Unread): Promise<Page> => {
    const asked = firstOf(asking, limit);
    const page = asked.length > 0 ? await store.leavesIn(asked) : await store.leavesToSeal(beyond, upTo, after, limit);
    const seqs: number[] = [];
    eachLeaf(page.lines, (seq) => seqs.push(seq));
    const fitting = 2 ** Math.floor(Math.log2((PAGE_BYTES * page.count) / page.lines.length));
    limit = Math.max(1, Math.min(LARGEST_PAGE, fitting || LARGEST_PAGE));
    // Late ones are behind us also where they are there no more.
    const next =
      asked.length > 0
        ? { late: runsBehind(asking, asked.at(-1)?.[1] ?? 0), after }
        : { late: [], after: seqs.at(-1) ?? after };
    return { lines: page.lines, seqs, next, isEnd: page.count === 0 && asked.length === 0 };
  };

  const keep = async (durable: boolean): Promise<boolean> => {
    const { growing } = grownTo;
    const tiles = growing.count > 0 ? [...full, tileOf(growing, null)] : full;
    const lockMs = await store.putTiles(tiles, runsOf(fresh), durable);
    if (lockMs === undefined) grownTo = { ...kept, growing: copyOf(kept.growing) };
    else kept = { ...grownTo, growing: copyOf(growing) };
    [full, fresh] = [[], []];
    batches += 1;
    if (batches % BATCHES_AN_UPKEEP === 0) await store.upkeep();
    return lockMs !== undefined;
  };

  const add = ({ seqs, next }: Page, hashes: Buffer, [, ...ahead]: readonly GrowingTile[]): void => {
    for (const [index, seq] of seqs.entries()) {
      const { growing, frontier, held } = grownTo;
      addLeaf(growing, seq, hashes, index * HASH_BYTES);
      fresh.push(seq);
      if (growing.count < TILE) continue;
      const root = rootOf(grownBy(EMPTY, growing.hashes, 0, TILE));
      full.push(tileOf(growing, root));
      grownTo = {
        ...grownTo,
        // What was signed of a tile is never made anew from what the database says of it.
        frontier: held === 0 ? grown(frontier, root, TILE) : grownBy(frontier, growing.hashes, held, TILE),
        held: 0,
        growing: ahead.shift() ?? growingTile(growing.tile + 1, undefined, 0),
      };
    }
    grownTo.unread = next;
  };

  const hasher = leafHasher(total);
  try {
    let page = await read(grownTo.unread);
    for (;;) {
      await heard();
      if (signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: nothing was signed');
      if (page.isEnd) {
        if (grownTo.unread.after === 0) return undefined;
        if (await keep(true)) {
          const { frontier, held, growing } = grownTo;
          return { frontier: grownBy(frontier, growing.hashes, held, growing.count), mark: upTo };
        }
        page = await read(grownTo.unread);
        continue;
      }
      const tiles = tilesAhead(grownTo.growing, page.seqs.length);
      const hashing = hasher.hash(page.lines, saltsAhead(tiles, page.seqs.length));
      const [hashes, following] = await Promise.all([hashing, read(page.next)]);
      add(page, hashes, tiles);
      onProgress?.(grownTo.frontier.size - grownTo.held + grownTo.growing.count - begun.size, total);
      const isKept = full.length < TILES_A_BATCH || (await keep(false));
      page = isKept ? following : await read(grownTo.unread);
    }
  } finally {
    await hasher.close();
  }
}

function tileOf(growing: GrowingTile, root: Buffer | null): SealTile {
  const { tile, hashes, runs, count } = growing;
  return {
    tile,
    root,
    runs,
    hashes: Buffer.from(hashes.subarray(0, count * HASH_BYTES)),
    edges: null,
    ...openingOf(growing),
  };
}

function copyOf(growing: GrowingTile): GrowingTile {
  return { ...growing, hashes: Buffer.from(growing.hashes), runs: [...growing.runs] };
}

async function resultOf(store: AuditStore, key: PublicKey, signed: Signed | null, added: number): Promise<SealResult> {
  const { count } = await store.extent({}, signed === null ? {} : { beyond: signed.mark });
  return {
    origin: key.name,
    size: signed?.frontier.size ?? 0,
    added,
    root: rootOf(signed?.frontier ?? EMPTY).toString('base64'),
    at: signed === null ? null : sealedAt(key, signed.note),
    note: signed?.note ?? null,
    unsealed: count,
    accepted: 0,
  };
}

/** The time that a key has signed with a checkpoint, as UTC text. */
function sealedAt(key: PublicKey, note: string): string | null {
  const checkpoint = readCheckpoint(note);
  const seconds = checkpoint === undefined ? null : cosignedAt(key, checkpoint);
  return seconds === null ? null : formatTimestamp(seconds * 1000);
}
