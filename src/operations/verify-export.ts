import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DaybookError, unreadable } from '../core/errors.js';
import { cosignedAt, isCheckpointBy, readCheckpoint } from '../core/evidence/checkpoint.js';
import type { ReadCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { leafHash, TILE } from '../core/evidence/leaves.js';
import { ED25519, keyId, keyLine, readKeyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { lookup, readRuns, runsLength, runsOf, seqsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { saltsIn } from '../core/evidence/tiles.js';
import { EMPTY, grown, grownBy, rootOf } from '../core/evidence/tree.js';
import type { Frontier } from '../core/evidence/tree.js';
import { collectFindings } from '../core/evidence/verdicts.js';
import type { Findings } from '../core/evidence/verdicts.js';
import { isObject, keptJson } from '../core/kept-json.js';
import { formatTimestamp } from '../core/timestamp.js';
import { NO_ENTRIES } from './verify-trail.js';
import type { CheckedArchive, Verification } from './verify-trail.js';
import { PROOFS_FORM } from './write-proofs.js';

export interface ExportRequest {
  /** The export or archive, NDJSON or that compressed. */
  readonly path: string;
  /** What was written beside it. */
  readonly proofs: string;
  readonly pinned: PublicKey | null;
  /** Whether what is only suspicious is a fault. */
  readonly strict?: boolean;
}

/** A tile that the file has entries of. */
interface OpenTile {
  readonly tile: number;
  readonly seqs: readonly number[];
  readonly hashes: Buffer;
  readonly saltOf: (position: number) => Buffer | undefined;
  /** Null for the last one, which is not full: only the root of all says what it must be. */
  readonly root: Buffer | null;
  readonly seen: Set<number>;
  /** Lines with text that is no UTF-8, as they were sealed. */
  readonly raw: ReadonlyMap<number, Buffer>;
}

interface Proofs {
  readonly key: PublicKey;
  readonly checkpoint: ReadCheckpoint;
  readonly entries: readonly Run[];
  /** In their order: what the file has entries of, and the roots of the others. */
  readonly tiles: readonly (OpenTile | Buffer)[];
}

function readProofs(text: string, named: string): Proofs {
  const bad = (): DaybookError => new DaybookError('data', `${named} is no file of proofs, or is damaged`);
  const [head, ...lines] = text.trimEnd().split('\n').map(keptJson);
  if (!isObject(head) || head['form'] !== PROOFS_FORM) throw bad();
  const checkpoint = readCheckpoint(String(head['checkpoint']));
  const entries = readRuns(String(head['entries']));
  if (checkpoint === undefined || entries === undefined) throw bad();
  const isIn = lookup(entries);
  const bytes = (value: unknown): Buffer | null => (typeof value === 'string' ? Buffer.from(value, 'base64') : null);
  const tiles = lines.map((line, tile) => {
    if (!isObject(line) || line['tile'] !== tile) throw bad();
    const root = bytes(line['root']);
    if (line['runs'] === undefined) {
      if (root?.length !== HASH_BYTES) throw bad();
      return root;
    }
    const leaves = Math.min(TILE, checkpoint.size - tile * TILE);
    const runs = readRuns(String(line['runs'])) ?? [];
    if (runsLength(runs) !== leaves) throw bad();
    const seqs = seqsOf(runs);
    const saltOf = saltsIn({ secret: bytes(line['secret']), salts: bytes(line['salts']) });
    const hashes = Buffer.alloc(leaves * HASH_BYTES);
    const others = [...seqs.keys()].filter((position) => !isIn(seqs[position] as number));
    const given = bytes(line['hashes']) ?? Buffer.of();
    if (given.length !== others.length * HASH_BYTES) throw bad();
    others.forEach((position, index) =>
      given.copy(hashes, position * HASH_BYTES, index * HASH_BYTES, (index + 1) * HASH_BYTES),
    );
    const raw = new Map(
      Object.entries(isObject(line['raw']) ? line['raw'] : {}).map(([seq, sealed]) => [
        Number(seq),
        Buffer.from(String(sealed), 'base64'),
      ]),
    );
    return { tile, seqs, hashes, saltOf, root, seen: new Set(others), raw };
  });
  if (tiles.length !== Math.ceil(checkpoint.size / TILE)) throw bad();
  return { key: readKeyLine(String(head['key'])), checkpoint, entries, tiles };
}

/**
 * Checks an export or an archive with what was written beside it: that each line is what was sealed, and that all are
 * there. Throws kind `data` for what is none.
 */
export async function verifyExport({ path, proofs, pinned, strict = false }: ExportRequest): Promise<Verification> {
  const { findings, key, checkpoint, checked, unsealed } = await checkLines(path, proofs);
  if (pinned !== null && keyLine(pinned) !== keyLine(key)) findings.add('bad-signature', keyLine(key));
  if (pinned === null) findings.add('key-not-pinned', keyId(key, ED25519).toString('hex'));
  return verification({ path, pinned, strict, key, checkpoint }, findings.list(), { checked, unsealed });
}

/** Checks an archive, for what the trail has forgotten of it. Throws kind `data` for what is none. */
export async function checkArchive(path: string, proofs: string): Promise<CheckedArchive> {
  const { findings, key, entries, tiles, open } = await checkLines(path, proofs);
  const isListed = lookup(entries);
  const found = findings.list();
  return {
    path,
    key,
    findings: found,
    // One that is not what was sealed answers for nothing.
    proved: found.some(({ severity }) => severity === 'fault')
      ? []
      : runsOf(open.flatMap(({ seqs }) => seqs.filter((seq) => isListed(seq)))),
    tiles: tiles.map((tile) => {
      if (Buffer.isBuffer(tile)) return { root: tile, hashes: null };
      return { root: tile.root, hashes: tile.root === null ? tile.hashes : null };
    }),
  };
}

interface CheckedLines extends Proofs {
  readonly findings: Findings;
  readonly open: readonly OpenTile[];
  readonly checked: number;
  readonly unsealed: number;
}

async function checkLines(path: string, text: string): Promise<CheckedLines> {
  const findings = collectFindings();
  const { key, checkpoint, entries, tiles } = readProofs(text, `the file of proofs of ${path}`);
  if (checkpoint.origin !== key.name || !isCheckpointBy(key, checkpoint))
    findings.add('bad-signature', 'the checkpoint');
  const open = tiles.filter((tile): tile is OpenTile => !Buffer.isBuffer(tile));
  const placeOf = placesOf(open);
  const isListed = lookup(entries);
  let checked = 0;
  let unsealed = 0;
  await eachLine(path, (line) => {
    const seq = Number(/^\{"seq":(\d{1,16}),/.exec(line.subarray(0, 32).toString('latin1'))?.[1] ?? 0);
    const place = placeOf(seq);
    const salt = place?.tile.saltOf(place.position);
    if (place === undefined || salt === undefined || place.tile.seen.has(place.position)) {
      // What came after the seal is listed, and not sealed.
      if (place === undefined && isListed(seq)) unsealed += 1;
      else findings.add('inserted', seq);
      return;
    }
    checked += 1;
    place.tile.seen.add(place.position);
    const raw = place.tile.raw.get(seq);
    // It says what the file shows with signs in the place of what is none.
    const isShown = raw !== undefined && Buffer.from(raw.toString()).equals(line);
    if (isShown) findings.add('not-utf8', seq);
    leafHash(salt, isShown ? raw : line).copy(place.tile.hashes, place.position * HASH_BYTES);
  });
  let frontier: Frontier = EMPTY;
  let gone = 0;
  for (const tile of tiles) {
    if (Buffer.isBuffer(tile)) {
      frontier = grown(frontier, tile, TILE);
      continue;
    }
    const lost = tile.seqs.filter((_, position) => !tile.seen.has(position));
    findings.add('incomplete', ...lost);
    gone += lost.length;
    const made = rootOf(grownBy(EMPTY, tile.hashes, 0, tile.seqs.length));
    const must = tile.root ?? made;
    if (lost.length === 0 && !made.equals(must)) findings.between('altered-between', ...boundsOf(tile.seqs));
    frontier =
      tile.seqs.length === TILE ? grown(frontier, must, TILE) : grownBy(frontier, tile.hashes, 0, tile.seqs.length);
  }
  const later = runsLength(entries) - checked - unsealed - gone;
  if (later > 0) findings.add('incomplete', `${later} entries that are not sealed`);
  if (!rootOf(frontier).equals(checkpoint.root) && gone === 0) {
    const last = open.at(-1);
    findings.between('altered-between', ...boundsOf(last?.seqs ?? []));
  }
  return { key, checkpoint, entries, tiles, findings, open, checked, unsealed };
}

function boundsOf(seqs: readonly number[]): [number, number] {
  return [Math.min(...seqs), Math.max(...seqs)];
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

/** Where a seq stands: in runs of seqs that grow by one, each in one tile. */
function placesOf(tiles: readonly OpenTile[]): (seq: number) => { tile: OpenTile; position: number } | undefined {
  const pieces = tiles
    .flatMap((tile) =>
      tile.seqs.flatMap((seq, position) =>
        position > 0 && tile.seqs[position - 1] === seq - 1 ? [] : [{ seq, position, tile }],
      ),
    )
    .toSorted((a, b) => a.seq - b.seq);
  return (seq) => {
    let [low, high] = [0, pieces.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pieces[middle]?.seq ?? Infinity) <= seq) low = middle + 1;
      else high = middle;
    }
    const piece = pieces[low - 1];
    if (piece === undefined) return undefined;
    const position = piece.position + seq - piece.seq;
    return piece.tile.seqs[position] === seq ? { tile: piece.tile, position } : undefined;
  };
}

/** Calls back with each line of a file, compressed or not, without its line feed. */
async function eachLine(path: string, take: (line: Buffer) => void): Promise<void> {
  let rest: Buffer = Buffer.of();
  const read = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, at)) {
        take(bytes.subarray(at, end));
        at = end + 1;
      }
      rest = bytes.subarray(at);
    }
    if (rest.length > 0) take(rest);
  };
  try {
    await (path.endsWith('.gz')
      ? pipeline(createReadStream(path), createGunzip(), read)
      : pipeline(createReadStream(path), read));
  } catch (error) {
    throw unreadable(path, error);
  }
}
