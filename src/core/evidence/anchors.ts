import { readCheckpoint } from './checkpoint.js';
import type { ReadCheckpoint } from './checkpoint.js';
import { HASH_BYTES } from './hashing.js';
import { readTimestamp } from './timestamps.js';

// What somebody else says of a seal: that it was there at a time.

export type AnchorKind = 'rfc3161' | 'ots' | 'cosignature';

/** An anchor by what its file says: of which note it is (by its SHA-256), or of which checkpoint. */
export type ReadAnchor =
  | { readonly kind: 'rfc3161'; readonly digest: Buffer; readonly at: number }
  | { readonly kind: 'ots'; readonly digest: Buffer; readonly at: null }
  | { readonly kind: 'cosignature'; readonly checkpoint: ReadCheckpoint; readonly at: null };

/** How a file of OpenTimestamps begins: its mark, version 1, and that a SHA-256 follows. */
const OTS = Buffer.concat([
  Buffer.of(0),
  Buffer.from('OpenTimestamps'),
  Buffer.of(0, 0),
  Buffer.from('Proof'),
  Buffer.from('00bf89e2e884e892940108', 'hex'),
]);

/** Reads the answer of an authority for timestamps, a file of OpenTimestamps, or a checkpoint; undefined for any other. */
export function readAnchor(bytes: Buffer): ReadAnchor | undefined {
  const timestamp = readTimestamp(bytes);
  if (timestamp !== undefined) return { kind: 'rfc3161', ...timestamp };
  const digest = bytes.subarray(OTS.length, OTS.length + HASH_BYTES);
  if (bytes.subarray(0, OTS.length).equals(OTS) && digest.length === HASH_BYTES)
    return { kind: 'ots', digest, at: null };
  const checkpoint = readCheckpoint(bytes.toString());
  return checkpoint === undefined ? undefined : { kind: 'cosignature', checkpoint, at: null };
}
