import { isObject, keptJson } from '../kept-json.js';
import { readCheckpoint } from './checkpoint.js';
import type { ReadCheckpoint } from './checkpoint.js';
import { HASH_BYTES } from './hashing.js';
import { SALT_BYTES } from './leaves.js';
import { decoded } from './notes.js';

// A proof of C2SP (https://c2sp.org/tlog-proof): what is not in the tree itself, the salt and the line, is its extra data.

const FORM = 'c2sp.org/tlog-proof@v1';
const CONSISTENCY = 'daybook-consistency/v1';

export interface Proof {
  readonly index: number;
  readonly salt: Buffer;
  readonly line: Buffer;
  readonly path: readonly Buffer[];
  /** The checkpoint, as text. */
  readonly checkpoint: string;
}

/** A proof as text. The extra data are the salt and the line behind it. */
export function proofText({ index, salt, line, path, checkpoint }: Proof): string {
  const extra = Buffer.concat([salt, line]).toString('base64');
  return `${FORM}\nextra ${extra}\nindex ${index}\n${pathLines(path)}\n${checkpoint}`;
}

function pathLines(path: readonly Buffer[]): string {
  return path.map((hash) => `${hash.toString('base64')}\n`).join('');
}

/** Reads a proof; undefined for what is none. */
export function readProof(
  text: string,
): (Omit<Proof, 'checkpoint'> & { readonly checkpoint: ReadCheckpoint }) | undefined {
  const [, extra, index, hashes = ''] =
    /^c2sp\.org\/tlog-proof@v1\nextra ([A-Za-z0-9+/]+=*)\nindex (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n)*)\n/.exec(
      text,
    ) ?? [];
  if (extra === undefined || index === undefined) return undefined;
  const head = `${FORM}\nextra ${extra}\nindex ${index}\n${hashes}\n`;
  const checkpoint = readCheckpoint(text.slice(head.length));
  const bytes = decoded(extra);
  const path = hashes
    .split('\n')
    .slice(0, -1)
    .map((hash) => Buffer.from(hash, 'base64'));
  const isWritten = pathLines(path) === hashes;
  if (checkpoint === undefined || !isWritten || bytes === undefined || bytes.length < SALT_BYTES) return undefined;
  return {
    index: Number(index),
    salt: bytes.subarray(0, SALT_BYTES),
    line: bytes.subarray(SALT_BYTES),
    path,
    checkpoint,
  };
}

/** What shows that one checkpoint holds all of another. */
export function consistencyText({
  before,
  after,
  path,
}: {
  readonly before: string;
  readonly after: string;
  readonly path: readonly Buffer[];
}): string {
  const proof = { form: CONSISTENCY, before, after, path: path.map((hash) => hash.toString('base64')) };
  return `${JSON.stringify(proof, null, 2)}\n`;
}

/** Reads what `consistencyText` writes; undefined for what is none. */
export function readConsistency(
  text: string,
): { readonly before: ReadCheckpoint; readonly after: ReadCheckpoint; readonly path: readonly Buffer[] } | undefined {
  const held = keptJson(text);
  if (!isObject(held) || held['form'] !== CONSISTENCY || !Array.isArray(held['path'])) return undefined;
  const [before, after] = [held['before'], held['after']].map((note) => readCheckpoint(String(note)));
  const path = held['path'].map((hash) => Buffer.from(String(hash), 'base64'));
  if (before === undefined || after === undefined || path.some((hash) => hash.length !== HASH_BYTES)) return undefined;
  return { before, after, path };
}
