import { DaybookError } from '../core/errors.js';
import { cosignedAt, isCheckpointBy, readCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { leafHash, LEAF_HEAD, SALT_BYTES, TILE } from '../core/evidence/leaves.js';
import { keyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { signedRuns } from '../core/evidence/removal.js';
import { lookup, places, seqsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { isHandoverBy, isResumptionBy, keyIn, readHandover, termAt, termsOf } from '../core/evidence/terms.js';
import type { Term } from '../core/evidence/terms.js';
import { areEdges, edgeAt, eachLeaf, isOpening, saltsIn } from '../core/evidence/tiles.js';
import { EMPTY, grown, grownBy, rootOf } from '../core/evidence/tree.js';
import type { Frontier } from '../core/evidence/tree.js';
import { skeletonHash } from '../core/erasure.js';
import type { KeptSkeleton } from '../core/erasure.js';
import { collectFindings } from '../core/evidence/verdicts.js';
import type { Finding, Findings } from '../core/evidence/verdicts.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key, Seal, SealState, SealTile, TilesAndLines } from '../store/audit-store.js';
import { acceptedIn, ACCEPTANCE } from './accept-inserted.js';
import { checkAnchors } from './anchors.js';
import type { AnchorTold } from './anchors.js';
import { heard } from './heard.js';
import { leafHasher } from './leaf-hasher.js';
import type { Signed } from './seal-key.js';
import { waitingSince } from './seal-status.js';

/** What verifying came to, in the shape of the contract. */
export interface Verification {
  readonly verdict: 'intact' | 'self-consistent' | 'found';
  readonly subject: string;
  readonly origin: string | null;
  readonly key: { readonly id: string; readonly pinned: boolean } | null;
  readonly sealed: { readonly size: number; readonly at: string | null };
  readonly entries: EntryCounts;
  readonly seals: { readonly checked: number; readonly skipped: number };
  readonly anchors: readonly AnchorTold[];
  readonly findings: readonly Finding[];
  readonly complete: true;
}

export interface EntryCounts {
  readonly checked: number;
  readonly pruned: number;
  readonly archived: number;
  readonly erased: number;
  readonly unsealed: number;
  /** Of those that were checked, how many came from another system. */
  readonly imported: number;
  /** And how many were inserted before an earlier seal, and accepted. */
  readonly accepted: number;
}

export interface VerifyRequest {
  readonly subject: string;
  readonly now: number;
  /** Milliseconds that an entry may wait for a seal. */
  readonly grace: number;
  readonly strict: boolean;
  /** The key that is known from elsewhere. */
  readonly pinned: PublicKey | null;
  /** Checkpoints that are known from elsewhere, by the names of their files. */
  readonly checkpoints: readonly { readonly name: string; readonly text: string }[];
  /** What the key file says was signed last. */
  readonly signed: Signed | null;
  /** Whose cosignatures are known. */
  readonly witnesses?: readonly PublicKey[];
  /** What answers for entries that were pruned. */
  readonly archives?: readonly CheckedArchive[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** An archive that was checked with what was written beside it. */
export interface CheckedArchive {
  readonly path: string;
  readonly key: PublicKey;
  readonly findings: readonly Finding[];
  /** The seqs of the entries that it proves. */
  readonly proved: readonly Run[];
  /** The tiles of the tree by which it proves them: their roots, and the hashes of the last one where that is not full. */
  readonly tiles: readonly { readonly root: Buffer | null; readonly hashes: Buffer | null }[];
}

/** A root that the tree must have at a size. */
interface Target {
  readonly size: number;
  readonly root: Buffer;
  /** What it is called where it is a checkpoint from elsewhere; null for a seal of the trail. */
  readonly outside: string | null;
  /** Whether a prune keeps what it can be checked with, as for the last seal of each day. */
  readonly isKept: boolean;
}

/**
 * Checks every entry against its leaf, every leaf against its tile, and every root against what was signed of it. Writes
 * nothing, and what is recorded, sealed or pruned meanwhile makes no difference.
 */
export async function verifyTrail(store: AuditStore, request: VerifyRequest): Promise<Verification> {
  const findings = collectFindings();
  const state = await store.sealState();
  const trail = state.trails.at(-1);
  const seals = trail === undefined ? undefined : await checkSeals(store, state, request, findings);
  if (trail === undefined || seals === undefined || seals.size === 0) {
    findings.add('never-sealed', request.subject);
    const { count } = await store.extent({});
    return verification(request, findings, {
      origin: trail?.origin ?? null,
      key: trail === undefined ? null : keyOf(state, request.pinned),
      sealed: { size: 0, at: null },
      entries: { ...NO_ENTRIES, unsealed: count },
      seals: { checked: 0, skipped: 0 },
      anchors: [],
    });
  }
  // What is placed or lifted while the trail is read binds before that or after it.
  const before = await bindingHolds(store);
  const told = await toldEntries(store);
  const binding = new Set([...before, ...(await bindingHolds(store))]);
  for (const name of told.holds) if (!binding.has(name)) findings.add('held-missing', name);
  const walked = await walkTree(store, seals, told.accepted, request, findings);
  const { count: unsealed } = await store.extent({}, { beyond: state.mark });
  const { size } = seals;
  const anchors = await checkAnchors(store, { size, witnesses: request.witnesses ?? [], findings });
  const waiting = await waitingSince(store, state);
  if (waiting !== null && request.now - waiting > request.grace) findings.add('stale', formatTimestamp(waiting));
  if (request.pinned === null) findings.add('key-not-pinned', trail.key.split('+')[1] ?? '');
  return verification(request, findings, {
    origin: trail.origin,
    key: keyOf(state, request.pinned),
    sealed: { size, at: seals.at === null ? null : formatTimestamp(seals.at) },
    entries: { ...walked.entries, unsealed },
    seals: { checked: walked.checked, skipped: walked.skipped },
    anchors,
  });
}

/** Nothing was counted yet. */
export const NO_ENTRIES: EntryCounts = {
  checked: 0,
  pruned: 0,
  archived: 0,
  erased: 0,
  unsealed: 0,
  imported: 0,
  accepted: 0,
};

/** The key that signs now, and whether the pinned one leads to it. */
function keyOf({ trails, handovers }: SealState, pinned: PublicKey | null): { id: string; pinned: boolean } {
  const lines = (termsOf(trails, handovers) ?? []).map(({ key }) => keyLine(key));
  return {
    id: (lines.at(-1) ?? '').split('+')[1] ?? '',
    pinned: pinned !== null && lines.includes(keyLine(pinned)),
  };
}

/** A verification whose verdict follows from what was found. */
function verification(
  { subject, strict, pinned }: VerifyRequest,
  found: Findings,
  rest: Pick<Verification, 'origin' | 'key' | 'sealed' | 'entries' | 'seals' | 'anchors'>,
): Verification {
  const all = found.list();
  const faults = all.filter(({ severity }) => severity === 'fault' || strict);
  return {
    verdict: faults.length > 0 ? 'found' : pinned === null ? 'self-consistent' : 'intact',
    subject,
    ...rest,
    findings: all,
    complete: true,
  };
}

const TOLD_A_PAGE = 1000;

/** What the trail tells of holds, and of entries that were accepted: by the entries as they stand, and not by an index. */
async function toldEntries(
  store: AuditStore,
): Promise<{ readonly holds: ReadonlySet<string>; readonly accepted: readonly Run[] }> {
  const holds = new Set<string>();
  const accepted: Run[] = [];
  const upTo = await store.mark();
  const filter = { category: ['system'], action: ['hold_place', 'hold_release', ACCEPTANCE] };
  for (let after: Key | undefined; ;) {
    const query = { filter, order: 'recorded', limit: TOLD_A_PAGE, upTo } as const;
    const page = await store.rows(after === undefined ? query : { ...query, after }, [
      'action',
      'entity_type',
      'entity_id',
      'metadata',
    ]);
    for (const [action, type, name, metadata] of page.rows) {
      if (action === ACCEPTANCE) for (const run of acceptedIn(metadata)) accepted.push(run);
      else if (type !== 'hold') continue;
      else if (action === 'hold_place') holds.add(String(name));
      else holds.delete(String(name));
    }
    if (page.next === null) return { holds, accepted };
    after = page.next;
  }
}

async function bindingHolds(store: AuditStore): Promise<string[]> {
  return (await store.holds()).flatMap(({ name, binds }) => (binds ? [name] : []));
}

interface CheckedSeals {
  readonly keys: readonly PublicKey[];
  /** In the order of their sizes. */
  readonly targets: readonly Target[];
  /** When each seal was signed, in milliseconds since 1970, in the order of their sizes. */
  readonly times: readonly { readonly size: number; readonly at: number }[];
  /** The size of the last seal that can be believed. */
  readonly size: number;
  /** When it was signed, in milliseconds since 1970. */
  readonly at: number | null;
}

const SEALS_A_PAGE = 500;

/** Checks each seal by itself, and what is known from elsewhere against the key. */
async function checkSeals(
  store: AuditStore,
  { trails, handovers, last }: SealState,
  request: VerifyRequest,
  findings: Findings,
): Promise<CheckedSeals | undefined> {
  const terms = checkTerms(trails, handovers, request, findings);
  if (terms === undefined) return undefined;
  const seals: { size: number; root: Buffer; at: number }[] = [];
  let size = 0;
  let at: number | null = null;
  let after = 0;
  // What is sealed from now on is none of this verification.
  for (const end = last?.seal ?? 0; after < end;) {
    const page = (await store.seals(after, SEALS_A_PAGE)).filter(({ seal }) => seal <= end);
    if (page.length === 0) break;
    for (const seal of page) {
      const read = checkSeal(seal, terms, size, findings);
      if (read === undefined) continue;
      seals.push({ size: read.size, root: read.root, at: read.at });
      size = read.size;
      if (at !== null && read.at < at) findings.add('clock-back', read.size);
      at = read.at;
    }
    after = page.at(-1)?.seal ?? end;
  }
  const targets = seals.map((seal, index): Target => {
    const next = seals[index + 1];
    const isLast = next === undefined || tileOf(next.size) !== tileOf(seal.size) || dayOf(next.at) !== dayOf(seal.at);
    return { size: seal.size, root: seal.root, outside: null, isKept: isLast };
  });
  for (const { name, text } of outsideOf(request)) {
    const checkpoint = readCheckpoint(text);
    if (checkpoint === undefined) throw new DaybookError('data', `${name} is no checkpoint`);
    const names = terms.filter(({ key }) => key.name === checkpoint.origin);
    const own = termAt(terms, checkpoint.size);
    if (names.length === 0) findings.add('split-view', name);
    else if (!names.some(({ key }) => isCheckpointBy(key, checkpoint))) findings.add('bad-signature', name);
    // A name that a trail went on from has seals that the restored copy never had.
    else if (checkpoint.size > size || own?.key.name !== checkpoint.origin) findings.add('truncated', name);
    else if (!isCheckpointBy(own.key, checkpoint)) findings.add('wrong-term', name);
    else targets.push({ size: checkpoint.size, root: checkpoint.root, outside: name, isKept: false });
  }
  for (const { size: handed, note } of handovers) {
    const root = Buffer.from(readHandover(note)?.root ?? '', 'base64');
    if (handed > size) findings.add('truncated', 'a handover');
    else targets.push({ size: handed, root, outside: 'a handover', isKept: false });
  }
  return {
    keys: terms.map(({ key }) => key),
    targets: targets.toSorted((a, b) => a.size - b.size),
    times: seals,
    size,
    at,
  };
}

/** The tile in which a tree of this size ends. */
function tileOf(size: number): number {
  return Math.floor((size - 1) / TILE);
}

function dayOf(ms: number): number {
  return Math.floor(ms / 86_400_000);
}

/** The terms of the keys, each of which must be handed over or go on by a signed statement, and the pinned one among them. */
function checkTerms(
  trails: SealState['trails'],
  handovers: SealState['handovers'],
  { pinned }: VerifyRequest,
  findings: Findings,
): Term[] | undefined {
  const terms = termsOf(trails, handovers);
  if (terms === undefined || trails.some(({ key, origin }) => keyIn(key)?.name !== origin)) {
    findings.add('bad-seal', 'the public key');
    return undefined;
  }
  for (const [index, { size, note }] of handovers.entries()) {
    const next = readHandover(note);
    const old = terms.find(({ to, key }) => to === size && next !== undefined && key.name === next.next.name);
    if (old === undefined || next?.size !== size || !isHandoverBy(old.key, note)) {
      findings.add('bad-seal', `handover ${index + 1}`);
    }
  }
  for (const { origin, key, since, note } of trails.slice(1)) {
    const own = keyIn(key);
    if (own === undefined || !isResumptionBy(own, note, since)) findings.add('bad-seal', `the resumption as ${origin}`);
    findings.add('resumed', origin);
  }
  if (pinned !== null && !terms.some(({ key }) => keyLine(key) === keyLine(pinned))) {
    findings.add('bad-signature', keyLine(terms.at(-1)?.key ?? pinned));
  }
  return terms;
}

function outsideOf({ checkpoints, signed }: VerifyRequest): { name: string; text: string }[] {
  return [...checkpoints, ...(signed === null ? [] : [{ name: 'the key file', text: signed.note }])];
}

/** A seal that the key has signed, and that goes on behind the one before it; undefined for any other. */
function checkSeal(
  { seal, size, note }: Seal,
  terms: readonly Term[],
  before: number,
  findings: Findings,
): { size: number; root: Buffer; at: number } | undefined {
  const key = termAt(terms, size)?.key;
  const name = `seal ${seal}`;
  const checkpoint = readCheckpoint(note);
  if (checkpoint === undefined || checkpoint.size !== size || checkpoint.origin !== key?.name || size <= before) {
    findings.add('bad-seal', name);
    return undefined;
  }
  const seconds = cosignedAt(key, checkpoint);
  // Two signatures by the key and no other, byte for byte: nothing in a seal can be anything else.
  if (!isCheckpointBy(key, checkpoint) || seconds === null || checkpoint.note.signatures.length !== 2) {
    const isOther = terms.some(({ key: other }) => isCheckpointBy(other, checkpoint));
    findings.add(isOther && seconds === null ? 'wrong-term' : 'bad-signature', name);
    return undefined;
  }
  return { size, root: checkpoint.root, at: seconds * 1000 };
}

/** Batches of tiles come with about so many bytes of entries. */
const BATCH_BYTES = 1024 * 1024;
const MOST_TILES = 16;

interface Walked {
  readonly entries: Omit<EntryCounts, 'unsealed'>;
  readonly checked: number;
  readonly skipped: number;
}

/** Goes through all tiles with their entries, and grows the tree from them. */
async function walkTree(
  store: AuditStore,
  { keys, targets, times, size }: CheckedSeals,
  accepted: readonly Run[],
  request: VerifyRequest,
  findings: Findings,
): Promise<Walked> {
  const counts = { checked: 0, pruned: 0, archived: 0, erased: 0, imported: 0, accepted: 0 };
  const archives = expectArchives(request.archives ?? [], keys, findings);
  const isArchived = lookup(archives.flatMap(({ proved }) => proved));
  const isAccepted = lookup(accepted);
  const sealedBefore = timesBefore(times);
  const strays = new Set<number>();
  const roots = rootChecks(targets, findings);
  const removals = readRemovals(store, keys, findings);
  await removals.refresh();
  const end = Math.ceil(size / TILE);
  let after = 0;
  let from = 0;
  let tilesAtOnce = 1;
  const read = (): Promise<TilesAndLines> => store.tilesAndLines(from, Math.min(tilesAtOnce, end - from), size, after);
  const hasher = leafHasher(size);
  try {
    for (let batch = await read(); ;) {
      await heard();
      if (request.signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: nothing was verified');
      const count = Math.min(tilesAtOnce, end - from);
      const lines = new Map<number, ReadLine>();
      let behind = 0;
      eachLeaf(batch.lines, (seq, headAndLine) => {
        lines.set(seq, { index: lines.size, headAndLine });
        if (seq > after) behind += 1;
        else strays.delete(seq);
      });
      const last = batch.tiles.reduce(
        (greatest, { runs }) => Math.max(greatest, ...(runs ?? []).map(([, to]) => to)),
        0,
      );
      // A removal that was signed meanwhile came before the first entry that went.
      if (batch.count < Math.min(count * TILE, size - from * TILE)) await removals.refresh();
      // What stands between them and is none of them is sealed by a later tile, or was inserted.
      if (batch.within > behind) await collectStrays(store, strays, lines, { after, last, size });
      after = Math.max(after, last);
      const tiles = new Map(batch.tiles.map((tile) => [tile.tile, tile]));
      const skeletons = new Map(batch.skeletons.map((skeleton) => [skeleton.seq, skeleton]));
      const leavesOf = expectLeaves(lines.size, findings);
      for (let number = from; number < from + count; number++) {
        const leaves = Math.min(TILE, size - number * TILE);
        const tile = tiles.get(number);
        if (tile === undefined || !isTile(tile, leaves)) {
          findings.add('bad-seal', `tile ${number}`);
          roots.lost(leaves, tile?.runs ?? null);
          continue;
        }
        roots.grow(tile, leaves);
        for (const archive of archives) {
          if (!isInTree(archive, tile)) findings.add('split-view', archive.path);
        }
        checkLeaves(tile, leaves, lines, {
          counts,
          findings,
          leavesOf,
          removals,
          skeletons,
          isArchived,
          isAccepted,
          sealedBefore,
        });
      }
      from += count;
      const bytes = Math.max(batch.lines.length, 1);
      tilesAtOnce = Math.max(1, Math.min(MOST_TILES, tilesAtOnce * 2, Math.floor((BATCH_BYTES * count) / bytes)));
      // More is read while these are hashed.
      const hashing = hasher.hash(batch.lines, leavesOf.salts);
      const [hashes, next] = await Promise.all([hashing, from < end ? read() : undefined]);
      leavesOf.compare(hashes);
      request.onProgress?.(Math.min(from * TILE, size), size);
      if (next === undefined) break;
      batch = next;
    }
  } finally {
    await hasher.close();
  }
  // Also where everything is there, each of them must be as it was signed.
  await removals.refresh();
  await collectStrays(store, strays, new Map(), { after, last: Number.MAX_SAFE_INTEGER, size });
  for (const seq of [...strays].toSorted((a, b) => a - b)) findings.add('inserted', seq);
  return { entries: counts, ...roots.done() };
}

/** A line of a batch, behind room for its head, and which of them it is. */
interface ReadLine {
  readonly index: number;
  readonly headAndLine: Buffer;
}

interface ExpectedLeaves {
  /** The salt of each line. */
  readonly salts: Buffer;
  /** Expects that a line is what the leaf at a position of a tile was made of. */
  readonly expect: (seq: number, line: ReadLine, salt: Buffer, hashes: Buffer, position: number) => void;
  /** Compares that with what the lines come to. */
  readonly compare: (hashes: Buffer) => void;
}

/** What the leaves of so many lines must be. */
function expectLeaves(count: number, findings: Findings): ExpectedLeaves {
  const salts = Buffer.alloc(count * SALT_BYTES);
  const expected: ({ readonly seq: number; readonly hashes: Buffer; readonly position: number } | undefined)[] =
    Array.from({ length: count });
  const differs = (hash: Buffer, index: number, hashes: Buffer, position: number): boolean =>
    hash.compare(
      hashes,
      position * HASH_BYTES,
      (position + 1) * HASH_BYTES,
      index * HASH_BYTES,
      (index + 1) * HASH_BYTES,
    ) !== 0;
  return {
    salts,
    expect: (seq, { index, headAndLine }, salt, hashes, position) => {
      if (expected[index] === undefined) {
        expected[index] = { seq, hashes, position };
        salt.copy(salts, index * SALT_BYTES);
      } else if (differs(leafHash(salt, headAndLine.subarray(LEAF_HEAD)), 0, hashes, position)) {
        // A seq stands at two places only where somebody wrote it there.
        findings.add('altered', seq);
      }
    },
    compare: (hash) => {
      for (const [index, leaf] of expected.entries()) {
        if (leaf !== undefined && differs(hash, index, leaf.hashes, leaf.position)) findings.add('altered', leaf.seq);
      }
    },
  };
}

/** The archives that are what was sealed, by a key of the trail; what is wrong with the others is found. */
function expectArchives(
  archives: readonly CheckedArchive[],
  keys: readonly PublicKey[],
  findings: Findings,
): CheckedArchive[] {
  const lines = new Set(keys.map(keyLine));
  return archives.filter(({ path, key, findings: found }) => {
    for (const { code } of found) findings.add(code, path);
    const isOurs = lines.has(keyLine(key));
    if (!isOurs) findings.add('bad-signature', path);
    return isOurs;
  });
}

/** Whether the tree of an archive has the same tile, by all that is kept of both. */
function isInTree({ tiles }: CheckedArchive, { tile, root, hashes, edges }: SealTile): boolean {
  const theirs = tiles[tile];
  if (theirs === undefined) return true;
  if (theirs.root !== null) return root?.equals(theirs.root) === true;
  const known = theirs.hashes ?? Buffer.of();
  if (hashes.length > 0) return hashes.subarray(0, known.length).equals(known);
  const end = known.length / HASH_BYTES;
  const edge = root === null ? null : edgeAt(edges, root, end);
  if (!edge) return true;
  const made = rootOf(edge.reduce((tree, node) => grown(tree, node.root, node.width), EMPTY));
  return made.equals(rootOf(grownBy(EMPTY, known, 0, end)));
}

/** Whether a tile with so many leaves is as daybook writes it. */
function isTile(tile: SealTile, leaves: number): boolean {
  const { runs, hashes, root, edges } = tile;
  if (runs === null || seqsOf(runs).length !== leaves || !isOpening(tile)) return false;
  if (leaves < TILE) return hashes.length >= leaves * HASH_BYTES;
  if (root?.length !== HASH_BYTES) return false;
  // Where an edge is damaged, nobody would ask for it: its seal would be one that cannot be checked any more.
  if (hashes.length === 0) return edges !== null && areEdges(edges, root);
  return hashes.length === TILE * HASH_BYTES && rootOf(grownBy(EMPTY, hashes, 0, TILE)).equals(root);
}

const SEQS_A_PAGE = 10_000;

async function collectStrays(
  store: AuditStore,
  strays: Set<number>,
  known: ReadonlyMap<number, unknown>,
  { after, last, size }: { readonly after: number; readonly last: number; readonly size: number },
): Promise<void> {
  for (let at = after; at < last;) {
    const seqs = await store.seqsThere(at, last, SEQS_A_PAGE, size);
    for (const seq of seqs) if (!known.has(seq)) strays.add(seq);
    at = seqs.length < SEQS_A_PAGE ? last : (seqs.at(-1) ?? last);
  }
}

/** Compares the roots of the tree, as it grows, with what must be there. */
function rootChecks(
  targets: readonly Target[],
  findings: Findings,
): {
  readonly grow: (tile: SealTile, leaves: number) => void;
  /** A tile that cannot be read: what is above it cannot be made. */
  readonly lost: (leaves: number, runs: SealTile['runs']) => void;
  readonly done: () => { checked: number; skipped: number };
} {
  let frontier: Frontier | undefined = EMPTY;
  let size = 0;
  let next = 0;
  let checked = 0;
  let skipped = 0;
  // The seqs of the last entry under a root that was right, and of those that came since.
  let good: number | undefined;
  let since: number | undefined;
  let bad = false;

  const compare = (target: Target, root: Buffer | null | undefined, upTo: number): void => {
    if (root === null) {
      if (target.isKept) findings.add('bad-seal', `tile ${tileOf(target.size)}`);
      else if (target.outside === null) skipped += 1;
      else findings.add('uncheckable', target.outside);
      return;
    }
    if (root?.equals(target.root) === true) {
      if (target.outside === null) checked += 1;
      [good, since] = [upTo, undefined];
      return;
    }
    if (target.outside !== null) findings.add('split-view', target.outside);
    else if (!bad) {
      bad = true;
      findings.between('altered-between', since ?? good ?? 0, upTo);
    }
  };

  const reach = (leaves: number, runs: SealTile['runs'], rootAt: (leaf: number) => Buffer | null | undefined): void => {
    const seqs = runs === null ? [] : seqsOf(runs);
    for (let at = 0; next < targets.length && (targets[next] as Target).size <= size + leaves; next++) {
      const target = targets[next] as Target;
      const leaf = target.size - size;
      if (since === undefined && leaf > at) since = seqs[at];
      at = leaf;
      compare(target, rootAt(leaf), seqs[leaf - 1] ?? since ?? 0);
    }
    since ??= seqs[0];
    size += leaves;
  };

  return {
    grow: (tile, leaves) => {
      const before = frontier;
      const { hashes, root } = tile;
      reach(leaves, tile.runs, (leaf) => {
        if (before === undefined) return undefined;
        if (leaf === TILE && root !== null) return rootOf(grown(before, root, TILE));
        if (hashes.length > 0) return rootOf(grownBy(before, hashes, 0, leaf));
        const edge = edgeAt(tile.edges, root ?? Buffer.alloc(0), leaf);
        return edge && rootOf(edge.reduce((tree, node) => grown(tree, node.root, node.width), before));
      });
      if (before === undefined) return;
      frontier = leaves === TILE && root !== null ? grown(before, root, TILE) : grownBy(before, hashes, 0, leaves);
    },
    lost: (leaves, runs) => {
      frontier = undefined;
      reach(leaves, runs, () => undefined);
    },
    done: () => ({ checked, skipped }),
  };
}

/** What is signed of an entry: that a prune takes it, that this stays of it where it is erased, that something else does. */
type Signing = 'removed' | 'erased' | 'erased otherwise' | null;

interface Removals {
  readonly refresh: () => Promise<void>;
  readonly of: (seq: number, skeleton: KeptSkeleton | undefined) => Signing;
}

/** The removals that are signed as they stand there. */
function readRemovals(store: AuditStore, keys: readonly PublicKey[], findings: Findings): Removals {
  const runs: Run[] = [];
  const erasures: { readonly prune: number; readonly placeOf: (seq: number) => number; readonly hashes: Buffer }[] = [];
  let last = 0;
  let isIn = lookup(runs);
  return {
    refresh: async () => {
      const more = await store.removals(last);
      for (const removal of more) {
        const signed = signedRuns(removal, keys);
        if (signed === undefined) findings.add('bad-removal', `removal ${removal.removal}`);
        else if (removal.skeletons !== null) {
          erasures.push({ prune: removal.prune, placeOf: places(signed), hashes: removal.skeletons });
        } else for (const run of signed) runs.push(run);
        last = removal.removal;
      }
      if (more.length > 0) isIn = lookup(runs);
    },
    of: (seq, skeleton) => {
      const hash = skeleton && skeletonHash(skeleton);
      const at = erasures.flatMap(({ prune, placeOf, hashes }) => {
        const place = placeOf(seq);
        return place < 0 ? [] : [{ prune, signed: hashes.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES) }];
      });
      if (at.some(({ prune, signed }) => prune === skeleton?.prune && hash?.equals(signed) === true)) return 'erased';
      if (isIn(seq)) return 'removed';
      return at.length > 0 ? 'erased otherwise' : null;
    },
  };
}

/** How a line ends that came from no other system. */
const OWN = Buffer.from('"source":null}');

/** What stands before the time of an entry in its line, and what stands behind it where it is when that was recorded. */
const TIME = Buffer.from('","ts":"');
const UNTOLD = Buffer.from('","recorded_at":null,');
const TIME_BYTES = '2026-03-05T12:00:00.000Z'.length;

/** A transaction may be open for so long: its entries may be a little older than a seal that they came after. */
const OPEN_MS = 60_000;

/**
 * The least time that an entry at a place of the tree may bear, as it stands in a line, by the seal that was made before it
 * came; undefined before the second seal. Places are asked for in their order.
 */
function timesBefore(times: CheckedSeals['times']): (leaf: number) => Buffer | undefined {
  let next = 0;
  let least: Buffer | undefined;
  return (leaf) => {
    for (let time = times[next]; time !== undefined && time.size <= leaf; time = times[next]) {
      least = Buffer.from(formatTimestamp(time.at - OPEN_MS));
      next += 1;
    }
    return least;
  };
}

/** Whether an entry bears an older time than that, and does not say when it was recorded. */
function isBackdated(headAndLine: Buffer, least: Buffer | undefined): boolean {
  if (least === undefined) return false;
  const at = headAndLine.indexOf(TIME) + TIME.length;
  const end = at + TIME_BYTES;
  return headAndLine.compare(least, 0, TIME_BYTES, at, end) < 0 && headAndLine.indexOf(UNTOLD, end) === end;
}

/** Compares the entries of a tile with their leaves. */
function checkLeaves(
  tile: SealTile,
  leaves: number,
  lines: ReadonlyMap<number, ReadLine>,
  {
    counts,
    findings,
    leavesOf,
    removals,
    skeletons,
    isArchived,
    isAccepted,
    sealedBefore,
  }: {
    counts: Record<'checked' | 'pruned' | 'archived' | 'erased' | 'imported' | 'accepted', number>;
    findings: Findings;
    leavesOf: ExpectedLeaves;
    removals: Removals;
    skeletons: ReadonlyMap<number, KeptSkeleton>;
    isArchived: (seq: number) => boolean;
    isAccepted: (seq: number) => boolean;
    sealedBefore: (leaf: number) => Buffer | undefined;
  },
): void {
  const saltOf = saltsIn(tile);
  for (const [position, seq] of seqsOf(tile.runs ?? []).entries()) {
    if (position >= leaves) break;
    const line = lines.get(seq);
    const salt = saltOf(position);
    const skeleton = skeletons.get(seq);
    if (line === undefined) {
      // A prune or an erasure destroys the salt with the entry.
      if (salt !== undefined) findings.add('missing', seq);
      else accountFor(seq, skeleton, removals.of(seq, skeleton), { counts, findings, isArchived });
    } else if (salt === undefined) {
      findings.add(removals.of(seq, skeleton) === null ? 'unopenable' : 'reappeared', seq);
    } else {
      const { headAndLine } = line;
      leavesOf.expect(seq, line, salt, tile.hashes, position);
      counts.checked += 1;
      if (!headAndLine.subarray(-OWN.length).equals(OWN)) counts.imported += 1;
      if (isAccepted(seq)) counts.accepted += 1;
      else if (isBackdated(headAndLine, sealedBefore(tile.tile * TILE + position))) findings.add('backdated', seq);
      if (skeleton !== undefined) findings.add('bad-removal', `skeleton ${seq}`);
    }
  }
}

/** Accounts for an entry that is gone with its salt. */
function accountFor(
  seq: number,
  skeleton: KeptSkeleton | undefined,
  signing: Signing,
  {
    counts,
    findings,
    isArchived,
  }: {
    counts: Record<'pruned' | 'archived' | 'erased', number>;
    findings: Findings;
    isArchived: (seq: number) => boolean;
  },
): void {
  if (signing === null) findings.add('pruned-unattested', seq);
  else if (signing === 'erased') counts.erased += 1;
  else if (signing === 'removed' && skeleton === undefined) counts[isArchived(seq) ? 'archived' : 'pruned'] += 1;
  // What is left of it is gone, or says something else than was signed.
  else findings.add('bad-removal', `skeleton ${seq}`);
}
