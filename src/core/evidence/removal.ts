import { createHash } from 'node:crypto';
import { HASH_BYTES } from './hashing.js';
import { hasSigned, readNote, signedNote } from './notes.js';
import type { PublicKey } from './notes.js';
import { readRuns, runsLength, runsText } from './seqs.js';
import type { Run } from './seqs.js';

// The statements by which a removal, or an erasure, is signed before the first entry goes. Their first lines let them pass
// for nothing else.

const REMOVED = 'daybook.removed/v1';
const ERASED = 'daybook.erased/v1';

interface Statement {
  readonly prune: number;
  /** The seqs that go, as runs. */
  readonly ranges: string;
  /** What is signed of the skeletons that stay of them, one hash after the other; null where nothing stays. */
  readonly skeletons: Buffer | null;
  /** How many entries were sealed by then. */
  readonly size: number;
}

function statementText(origin: string, { prune, ranges, skeletons, size }: Statement): string {
  const digest = (of: string | Buffer): string => createHash('sha256').update(of).digest('hex');
  const count = runsLength(readRuns(ranges) ?? []);
  const went = `count ${count}\nranges ${digest(ranges)}\n`;
  return skeletons === null
    ? `${REMOVED}\n${origin}\nprune ${prune}\n${went}size ${size}\n`
    : `${ERASED}\n${origin}\nerase ${prune}\n${went}skeletons ${digest(skeletons)}\nsize ${size}\n`;
}

/** A removal of these seqs, which must be in order, signed by the key. */
export function signedRemoval(
  { runs, ...rest }: Omit<Statement, 'ranges'> & { readonly runs: readonly Run[] },
  privateKey: Uint8Array,
  key: PublicKey,
): { readonly ranges: string; readonly note: string } {
  const ranges = runsText(runs);
  return { ranges, note: signedNote(statementText(key.name, { ...rest, ranges }), privateKey, key) };
}

/** The seqs whose removal a note signs by one of the keys; undefined where it does not fit what is kept with it. */
export function signedRuns(
  { note, ...kept }: Omit<Statement, 'size'> & { readonly note: string },
  keys: readonly PublicKey[],
): readonly Run[] | undefined {
  const read = readNote(note);
  const runs = readRuns(kept.ranges);
  const size = Number(/\nsize (\d+)\n$/.exec(read?.text ?? '')?.[1]);
  if (read === undefined || runs === undefined) return undefined;
  if (kept.skeletons !== null && kept.skeletons.length !== runsLength(runs) * HASH_BYTES) return undefined;
  const isSigned = keys.some((key) => read.text === statementText(key.name, { ...kept, size }) && hasSigned(key, read));
  return isSigned && read.signatures.length === 1 ? runs : undefined;
}
