import { createHash } from 'node:crypto';
import { hasSigned, readNote, signedNote } from './notes.js';
import type { PublicKey } from './notes.js';
import { readRuns, runsLength, runsText } from './seqs.js';
import type { Run } from './seqs.js';

// The statement by which a removal is signed before the first entry goes. Its first line lets it pass for nothing else.

const FORM = 'daybook.removed/v1';

export interface Removal {
  readonly prune: number;
  /** The seqs that go, as runs. */
  readonly ranges: string;
  /** How many entries were sealed by then. */
  readonly size: number;
}

function removalText(origin: string, { prune, ranges, size }: Removal): string {
  const digest = createHash('sha256').update(ranges).digest('hex');
  const count = runsLength(readRuns(ranges) ?? []);
  return `${FORM}\n${origin}\nprune ${prune}\ncount ${count}\nranges ${digest}\nsize ${size}\n`;
}

/** A removal of these seqs, which must be in order, signed by the key. */
export function signedRemoval(
  { prune, runs, size }: { readonly prune: number; readonly runs: readonly Run[]; readonly size: number },
  privateKey: Uint8Array,
  key: PublicKey,
): { readonly ranges: string; readonly note: string } {
  const ranges = runsText(runs);
  return { ranges, note: signedNote(removalText(key.name, { prune, ranges, size }), privateKey, key) };
}

/** The seqs whose removal a note signs by one of the keys; undefined where it does not fit what is kept with it. */
export function signedRuns(
  { prune, ranges, note }: { readonly prune: number; readonly ranges: string; readonly note: string },
  keys: readonly PublicKey[],
): readonly Run[] | undefined {
  const read = readNote(note);
  const runs = readRuns(ranges);
  const size = Number(/\nsize (\d+)\n$/.exec(read?.text ?? '')?.[1]);
  if (read === undefined || runs === undefined) return undefined;
  const isSigned = keys.some(
    (key) => read.text === removalText(key.name, { prune, ranges, size }) && hasSigned(key, read),
  );
  return isSigned && read.signatures.length === 1 ? runs : undefined;
}
