import { HASH_BYTES } from './hashing.js';
import {
  COSIGNATURE,
  decoded,
  hasSigned,
  isSignedBy,
  keyId,
  readNote,
  signaturesBy,
  signBytes,
  signedNote,
} from './notes.js';
import type { PublicKey, Signature, SignedNote } from './notes.js';

// A checkpoint of C2SP (https://c2sp.org/tlog-checkpoint): what the whole tree came to at a size.

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  /** The mark of the trail that it was made of, where that must be signed: a line behind the root, as extensions are. */
  readonly mark?: string | null;
}

export interface ReadCheckpoint extends Checkpoint {
  readonly mark: string | null;
  readonly note: SignedNote;
}

const MARK = 'mark ';

/** The text that is signed. */
function checkpointText({ origin, size, root, mark }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n${typeof mark === 'string' ? `${MARK}${mark}\n` : ''}`;
}

/**
 * A checkpoint signed by a key: once over the text alone, which every tool for Ed25519 can verify, and once with the time
 * (cosignature/v1), in whole seconds since 1970.
 */
export function signedCheckpoint(
  checkpoint: Checkpoint,
  privateKey: Uint8Array,
  key: PublicKey,
  seconds: number,
): string {
  const text = checkpointText(checkpoint);
  return signedNote(text, privateKey, key, [cosignature(text, privateKey, key, seconds)]);
}

/** A signature over a checkpoint's text and a time, as witnesses give it. */
function cosignature(text: string, privateKey: Uint8Array, key: PublicKey, seconds: number): Signature {
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const bytes = Buffer.concat([time, signBytes(privateKey, cosigned(text, seconds))]);
  return { name: key.name, id: keyId(key, COSIGNATURE), bytes };
}

function cosigned(text: string, seconds: number | bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** The time that the first cosignature of a checkpoint claims, in seconds since 1970; null where there is none. */
export function timeOf({ note }: ReadCheckpoint): number | null {
  const timed = note.signatures.find(({ bytes }) => bytes.length === 72);
  return timed === undefined ? null : Number(timed.bytes.readBigUInt64BE());
}

/** Reads a checkpoint, whoever signed it; undefined for what is none. */
export function readCheckpoint(text: string): ReadCheckpoint | undefined {
  const note = readNote(text);
  if (note === undefined) return undefined;
  const [origin = '', size = '', encoded = '', ...rest] = note.text.slice(0, -1).split('\n');
  const root = decoded(encoded);
  if (origin === '' || !/^(?:0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) return undefined;
  if (root?.length !== HASH_BYTES || rest.includes('')) return undefined;
  const mark = rest.find((line) => line.startsWith(MARK))?.slice(MARK.length) ?? null;
  return { origin, size: Number(size), root, mark, note };
}

/** Whether a key has signed a checkpoint, over its text. */
export function isCheckpointBy(key: PublicKey, checkpoint: ReadCheckpoint): boolean {
  return hasSigned(key, checkpoint.note);
}

/**
 * The time, in seconds since 1970, that a key has signed with a checkpoint; null where it signed none, or where one of
 * its signatures is false.
 */
export function cosignedAt(key: PublicKey, { note }: ReadCheckpoint): number | null {
  const claimed = signaturesBy(note, key, COSIGNATURE).map(({ bytes }) => {
    if (bytes.length !== 72) return null;
    const seconds = bytes.readBigUInt64BE();
    return isSignedBy(key.key, cosigned(note.text, seconds), bytes.subarray(8)) ? Number(seconds) : null;
  });
  return claimed.includes(null) ? null : (claimed[0] ?? null);
}
