import { createReadStream } from 'node:fs';
import { cosignedAt, isCheckpointBy } from '../core/evidence/checkpoint.js';
import type { ReadCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { leafHash, TILE } from '../core/evidence/leaves.js';
import { ED25519, keyId, keyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { lookup, runsLength, runsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { EMPTY, grown, grownBy, rootOf } from '../core/evidence/tree.js';
import type { Frontier } from '../core/evidence/tree.js';
import { collectFindings } from '../core/evidence/verdicts.js';
import type { Findings } from '../core/evidence/verdicts.js';
import { formatTimestamp } from '../core/timestamp.js';
import { eachLine } from './each-line.js';
import { openProofs } from './proofs-file.js';
import type { OpenTile, ProofsFile } from './proofs-file.js';
import { NO_ENTRIES } from './verify-trail.js';
import type { CheckedArchive, Verification } from './verify-trail.js';

export interface ExportRequest {
  /** The export or archive, NDJSON or that compressed. */
  readonly path: string;
  /** The file that was written beside it. */
  readonly proofs: string;
  readonly pinned: PublicKey | null;
  /** Whether what is only suspicious is a fault. */
  readonly strict?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Checks an export or an archive with what was written beside it: that each line is what was sealed, and that all are
 * there. Throws kind `data` for what is none.
 */
export async function verifyExport({
  path,
  proofs,
  pinned,
  strict = false,
  signal,
}: ExportRequest): Promise<Verification> {
  const { findings, key, checkpoint, checked, unsealed } = await checkLines(path, proofs, signal);
  if (pinned !== null && keyLine(pinned) !== keyLine(key)) findings.add('bad-signature', keyLine(key));
  if (pinned === null) findings.add('key-not-pinned', keyId(key, ED25519).toString('hex'));
  return verification({ path, pinned, strict, key, checkpoint }, findings.list(), { checked, unsealed });
}

/** Checks an archive, for what the trail has forgotten of it. Throws kind `data` for what is none. */
export async function checkArchive(path: string, proofs: string, signal?: AbortSignal): Promise<CheckedArchive> {
  const { findings, key, tiles, proved } = await checkLines(path, proofs, signal);
  const found = findings.list();
  // One that is not what was sealed answers for nothing.
  const isWhole = !found.some(({ severity }) => severity === 'fault');
  return { path, key, findings: found, proved: isWhole ? proved : [], tiles };
}

interface CheckedLines {
  readonly key: PublicKey;
  readonly checkpoint: ReadCheckpoint;
  readonly findings: Findings;
  /** The seqs of the entries that have leaves. */
  readonly proved: readonly Run[];
  readonly tiles: CheckedArchive['tiles'];
  readonly checked: number;
  readonly unsealed: number;
}

async function checkLines(path: string, proofs: string, signal: AbortSignal | undefined): Promise<CheckedLines> {
  const file = await openProofs(proofs, `the file of proofs ${proofs}`, signal);
  try {
    return await compareLines(path, file, signal);
  } finally {
    file.close();
  }
}

async function compareLines(path: string, proofs: ProofsFile, signal: AbortSignal | undefined): Promise<CheckedLines> {
  const { key, checkpoint, entries, roots } = proofs;
  const findings = collectFindings();
  if (checkpoint.origin !== key.name || !isCheckpointBy(key, checkpoint)) {
    findings.add('bad-signature', 'the checkpoint');
  }
  const isListed = lookup(entries);
  // Lines come in another order than leaves, but in one that is like it: few tiles are open at once.
  const open = new Map<number, OpenTile>();
  const made = new Map<number, MadeTile>();
  let checked = 0;
  let unsealed = 0;
  await eachLine(createReadStream(path), { named: path, gzip: path.endsWith('.gz'), signal }, (line) => {
    const seq = Number(/^\{"seq":(\d{1,16}),/.exec(line.subarray(0, 32).toString('latin1'))?.[1] ?? 0);
    const place = proofs.placeOf(seq);
    const position = place?.position ?? 0;
    const tile =
      place === undefined || made.has(place.tile) ? undefined : (open.get(place.tile) ?? proofs.open(place.tile));
    const salt = tile?.saltOf(position);
    if (tile === undefined || salt === undefined || tile.seen.has(position)) {
      // What came after the seal is listed, and not sealed.
      if (place === undefined && isListed(seq)) unsealed += 1;
      else findings.add('inserted', seq);
      return;
    }
    checked += 1;
    const raw = tile.raw.get(seq);
    // It says what the file shows with signs in the place of what is none.
    const isShown = raw !== undefined && Buffer.from(raw.toString()).equals(line);
    if (isShown) findings.add('not-utf8', seq);
    leafHash(salt, isShown ? raw : line).copy(tile.hashes, position * HASH_BYTES);
    tile.seen.add(position);
    open.set(tile.tile, tile);
    if (tile.seen.size < tile.seqs.length) return;
    open.delete(tile.tile);
    made.set(tile.tile, madeOf(tile, isListed));
  });
  let frontier: Frontier = EMPTY;
  let gone = 0;
  const proved: Run[] = [];
  const tiles: { root: Buffer | null; hashes: Buffer | null }[] = [];
  let last: MadeTile | undefined;
  for (const [number, given] of roots.entries()) {
    if (!proofs.opens(number)) {
      frontier = grown(frontier, given as Buffer, TILE);
      tiles.push({ root: given, hashes: null });
      continue;
    }
    last = made.get(number) ?? madeOf(open.get(number) ?? proofs.open(number), isListed);
    const { root, hashes, lost, differs, bounds } = last;
    findings.add('incomplete', ...lost);
    gone += lost.length;
    if (differs) findings.between('altered-between', ...bounds);
    frontier = hashes === null ? grown(frontier, root, TILE) : grownBy(frontier, hashes, 0, hashes.length / HASH_BYTES);
    for (const run of last.listed) proved.push(run);
    tiles.push({ root: hashes === null ? root : null, hashes });
  }
  const later = runsLength(entries) - checked - unsealed - gone;
  if (later > 0) findings.add('incomplete', `${later} entries that are not sealed`);
  if (!rootOf(frontier).equals(checkpoint.root) && gone === 0) {
    if (last === undefined) findings.add('altered-between', 'the file of proofs');
    else findings.between('altered-between', ...last.bounds);
  }
  return { key, checkpoint, findings, proved, tiles, checked, unsealed };
}

/** What a tile came to. */
interface MadeTile {
  /** What it must be where that is known, else what was made. */
  readonly root: Buffer;
  /** Its leaves, where it is not full. */
  readonly hashes: Buffer | null;
  /** The seqs of the entries that the file lacks. */
  readonly lost: readonly number[];
  readonly differs: boolean;
  readonly bounds: readonly [number, number];
  /** The seqs that the file is said to hold. */
  readonly listed: readonly Run[];
}

function madeOf({ seqs, hashes, root, seen }: OpenTile, isListed: (seq: number) => boolean): MadeTile {
  const lost = seqs.filter((_, position) => !seen.has(position));
  const own = rootOf(grownBy(EMPTY, hashes, 0, seqs.length));
  return {
    // A copy: what was made is a piece of something larger.
    root: root ?? Buffer.from(Uint8Array.from(own).buffer),
    hashes: seqs.length === TILE ? null : hashes,
    lost,
    differs: lost.length === 0 && root !== null && !own.equals(root),
    bounds: [Math.min(...seqs), Math.max(...seqs)],
    listed: runsOf(seqs.filter((seq) => isListed(seq))),
  };
}

function verification(
  {
    path,
    pinned,
    strict,
    key,
    checkpoint,
  }: { path: string; pinned: PublicKey | null; strict: boolean; key: PublicKey; checkpoint: ReadCheckpoint },
  findings: Verification['findings'],
  counts: Pick<Verification['entries'], 'checked' | 'unsealed'>,
): Verification {
  const faults = findings.filter(({ severity }) => severity === 'fault' || strict);
  const seconds = cosignedAt(key, checkpoint);
  return {
    verdict: faults.length > 0 ? 'found' : pinned === null ? 'self-consistent' : 'intact',
    subject: path,
    origin: checkpoint.origin,
    key: { id: keyId(key, ED25519).toString('hex'), pinned: pinned !== null && keyLine(pinned) === keyLine(key) },
    sealed: { size: checkpoint.size, at: seconds === null ? null : formatTimestamp(seconds * 1000) },
    entries: { ...NO_ENTRIES, ...counts },
    seals: { checked: faults.length > 0 ? 0 : 1, skipped: 0 },
    anchors: [],
    findings,
    complete: true,
  };
}
