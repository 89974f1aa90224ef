import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { DaybookError, unreadable } from '../core/errors.js';
import { readCheckpoint } from '../core/evidence/checkpoint.js';
import type { ReadCheckpoint } from '../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../core/evidence/hashing.js';
import { TILE } from '../core/evidence/leaves.js';
import { readKeyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { lookup, readRuns, runsLength, seqsOf } from '../core/evidence/seqs.js';
import type { Run } from '../core/evidence/seqs.js';
import { saltsIn } from '../core/evidence/tiles.js';
import { isObject, keptJson } from '../core/kept-json.js';
import { eachLine } from './each-line.js';
import { heard } from './heard.js';
import { PROOFS_FORM } from './write-proofs.js';

/** A tile that an export has entries of, or that is not full. */
export interface OpenTile {
  readonly tile: number;
  readonly seqs: readonly number[];
  readonly hashes: Buffer;
  readonly saltOf: (position: number) => Buffer | undefined;
  /** Null for the last one, which is not full: only the root of all says what it must be. */
  readonly root: Buffer | null;
  /** The positions whose leaves are known: at first those of which the export has no entry. */
  readonly seen: Set<number>;
  /** Lines with text that is no UTF-8, as they were sealed. */
  readonly raw: ReadonlyMap<number, Buffer>;
}

/** Seqs that grow by one, and stand so from a position of a tile on. */
interface Piece {
  readonly run: Run;
  readonly tile: number;
  readonly position: number;
}

/** What was written beside an export. Where each tile stands is kept in memory, and what is in it is read when it is asked for. */
export interface ProofsFile {
  readonly key: PublicKey;
  readonly checkpoint: ReadCheckpoint;
  readonly entries: readonly Run[];
  /** The roots of all tiles, in their order: null for one that is not full. */
  readonly roots: readonly (Buffer | null)[];
  /** Whether an export has entries of a tile, or needs its leaves: the root alone is there of all others. */
  readonly opens: (tile: number) => boolean;
  readonly open: (tile: number) => OpenTile;
  /** Where a seq stands. */
  readonly placeOf: (seq: number) => { readonly tile: number; readonly position: number } | undefined;
  readonly close: () => void;
}

/** Opens a file of proofs, which is `named` in messages. Throws kind `data` for what is none. */
export async function openProofs(path: string, named: string, signal?: AbortSignal): Promise<ProofsFile> {
  const bad = (): DaybookError => new DaybookError('data', `${named} is no file of proofs, or is damaged`);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw unreadable(named, error);
  }
  try {
    if (!fstatSync(descriptor).isFile()) throw new DaybookError('data', `${named} is no file that can be read twice`);
    const { head, lines, pieces } = await readThrough(descriptor, { named, bad, signal });
    const placeOf = placesOf(pieces);
    const isIn = lookup(head.entries);
    return {
      ...head,
      roots: lines.map(({ root }) => root),
      opens: (tile) => lines[tile]?.opens === true,
      open: (tile) => {
        const { at, length, root } = lines[tile] as TileLine;
        const bytes = Buffer.alloc(length);
        readSync(descriptor, bytes, 0, length, at);
        const read = readTile(bytes, tile, head.checkpoint.size);
        if (read === undefined || read.runs === null) throw bad();
        return openTile(read.fields, { tile, runs: read.runs, root }, isIn, bad);
      },
      placeOf,
      close: () => closeSync(descriptor),
    };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

interface TileLine {
  /** Where it stands in the file. */
  readonly at: number;
  readonly length: number;
  readonly root: Buffer | null;
  readonly opens: boolean;
}

interface Head {
  readonly key: PublicKey;
  readonly checkpoint: ReadCheckpoint;
  readonly entries: readonly Run[];
}

async function readThrough(
  descriptor: number,
  { named, bad, signal }: { named: string; bad: () => DaybookError; signal: AbortSignal | undefined },
): Promise<{ head: Head; lines: readonly TileLine[]; pieces: readonly Piece[] }> {
  let head: Head | undefined;
  const lines: TileLine[] = [];
  const pieces: Piece[] = [];
  let at = 0;
  await eachLine(chunksOf(descriptor), { named, signal }, (line) => {
    const here = at;
    at += line.length + 1;
    if (head === undefined) {
      head = readHead(line);
      if (head === undefined) throw bad();
      return;
    }
    const tile = lines.length;
    const read = readTile(line, tile, head.checkpoint.size);
    if (read === undefined) throw bad();
    // A small piece of a Buffer would keep all of the memory that it was cut from.
    const root = read.root && Buffer.from(Uint8Array.from(read.root).buffer);
    lines.push({ at: here, length: line.length, root, opens: read.runs !== null });
    let position = 0;
    for (const run of read.runs ?? []) {
      pieces.push({ run, tile, position });
      position += run[1] - run[0] + 1;
    }
  });
  if (head === undefined || lines.length !== Math.ceil(head.checkpoint.size / TILE)) throw bad();
  return { head, lines, pieces };
}

const CHUNK = 64 * 1024;

async function* chunksOf(descriptor: number): AsyncGenerator<Buffer> {
  for (let at = 0; ;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const read = readSync(descriptor, chunk, 0, CHUNK, at);
    if (read === 0) return;
    at += read;
    yield chunk.subarray(0, read);
    await heard();
  }
}

function readHead(line: Buffer): Head | undefined {
  const fields = keptJson(line.toString());
  if (!isObject(fields) || fields['form'] !== PROOFS_FORM) return undefined;
  const checkpoint = readCheckpoint(String(fields['checkpoint']));
  const entries = readRuns(String(fields['entries']));
  if (checkpoint === undefined || entries === undefined) return undefined;
  return { key: readKeyLine(String(fields['key'])), checkpoint, entries };
}

/** A tile as it is written; undefined for what is none of a tree of this size. */
function readTile(
  line: Buffer,
  tile: number,
  size: number,
): { fields: Record<string, unknown>; root: Buffer | null; runs: readonly Run[] | null } | undefined {
  const fields = keptJson(line.toString());
  if (!isObject(fields) || fields['tile'] !== tile) return undefined;
  const root = bytesIn(fields['root']);
  if (fields['runs'] === undefined) return root?.length === HASH_BYTES ? { fields, root, runs: null } : undefined;
  const runs = readRuns(String(fields['runs'])) ?? [];
  return runsLength(runs) === Math.min(TILE, size - tile * TILE) ? { fields, root, runs } : undefined;
}

function bytesIn(value: unknown): Buffer | null {
  return typeof value === 'string' ? Buffer.from(value, 'base64') : null;
}

function openTile(
  fields: Record<string, unknown>,
  { tile, runs, root }: { tile: number; runs: readonly Run[]; root: Buffer | null },
  isIn: (seq: number) => boolean,
  bad: () => DaybookError,
): OpenTile {
  const seqs = seqsOf(runs);
  const saltOf = saltsIn({ secret: bytesIn(fields['secret']), salts: bytesIn(fields['salts']) });
  const hashes = Buffer.alloc(seqs.length * HASH_BYTES);
  const others = [...seqs.keys()].filter((position) => !isIn(seqs[position] as number));
  const given = bytesIn(fields['hashes']) ?? Buffer.of();
  if (given.length !== others.length * HASH_BYTES) throw bad();
  others.forEach((position, index) =>
    given.copy(hashes, position * HASH_BYTES, index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );
  const raw = new Map(
    Object.entries(isObject(fields['raw']) ? fields['raw'] : {}).map(([seq, sealed]) => [
      Number(seq),
      Buffer.from(String(sealed), 'base64'),
    ]),
  );
  return { tile, seqs, hashes, saltOf, root, seen: new Set(others), raw };
}

function placesOf(pieces: readonly Piece[]): ProofsFile['placeOf'] {
  const sorted = pieces.toSorted((a, b) => a.run[0] - b.run[0]);
  return (seq) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as Piece).run[0] <= seq) low = middle + 1;
      else high = middle;
    }
    const piece = sorted[low - 1];
    if (piece === undefined || seq > piece.run[1]) return undefined;
    return { tile: piece.tile, position: piece.position + seq - piece.run[0] };
  };
}
