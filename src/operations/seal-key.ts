import { readFileSync } from 'node:fs';
import { DaybookError, unreadable } from '../core/errors.js';
import type { Frontier } from '../core/evidence/tree.js';
import { keyLine, publicKeyOf, readKeyLine } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { isObject, isTexts, keptJson } from '../core/kept-json.js';
import { keptMark } from '../core/mark.js';
import type { Mark } from '../core/mark.js';
import type { Origin, SealHandover } from '../store/audit-store.js';
import { openOutput } from './output-file.js';
import { outputPlaces } from './output-place.js';

/** What a key has signed last: all that the next seal is made from, so that nothing sealed is ever read again. */
export interface Signed {
  readonly frontier: Frontier;
  /** The trail as it was then. */
  readonly mark: Mark;
  /** The checkpoint. */
  readonly note: string;
}

/** The file that holds the private key and what it has signed. It stands outside the database, and is written whole. */
export interface SealKey {
  readonly path: string;
  readonly key: PublicKey;
  readonly privateKey: Buffer;
  readonly signed: Signed | null;
  /** What was signed and may not stand in the database yet: it is kept there, byte for byte, before anything else. */
  readonly pending: Signed | null;
  /** A handover to this key that may not stand in the database yet. */
  readonly handover: SealHandover | null;
}

const FORM = 'daybook-seal-key/v1';

/** Reads a key file. Throws kind `missing` where there is none, kind `data` for what is none. */
export function readSealKey(path: string): SealKey {
  const text = readKeyText(path);
  const held = keptJson(text);
  const bad = (why: string): DaybookError => new DaybookError('data', `${path} is no key file of daybook: ${why}`);
  if (!isObject(held) || held['form'] !== FORM) throw bad(`it does not say ${FORM}`);
  const { key: line, private: encoded } = held;
  if (typeof line !== 'string' || typeof encoded !== 'string') throw bad('it holds no key');
  const key = readKeyLine(line);
  const privateKey = Buffer.from(encoded, 'base64');
  if (privateKey.length !== 32 || !publicKeyOf(privateKey, key.name).key.equals(key.key)) {
    throw bad('its private key is not that of its public key');
  }
  const [signed, pending] = [held['signed'], held['pending']].map((state) => {
    const read = state === null ? null : readSigned(state);
    if (read === undefined) throw bad('what it has signed cannot be read');
    return read;
  });
  const handover = held['handover'] ?? null;
  if (
    handover !== null &&
    !(isObject(handover) && Number.isSafeInteger(handover['size']) && typeof handover['note'] === 'string')
  ) {
    throw bad('its handover cannot be read');
  }
  return {
    path,
    key,
    privateKey,
    signed: signed ?? null,
    pending: pending ?? null,
    handover: handover as SealHandover | null,
  };
}

/** The text of a key file. Throws kind `missing` where there is none. */
function readKeyText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unreadable(path, error);
    throw new DaybookError('missing', `no key file at ${path}: --seal-key says where it is`, { cause: error });
  }
}

function readSigned(state: unknown): Signed | undefined {
  if (!isObject(state)) return undefined;
  const { size, frontier, mark, note } = state;
  if (!Number.isSafeInteger(size) || !isTexts(frontier)) return undefined;
  if (typeof mark !== 'string' || typeof note !== 'string') return undefined;
  const nodes = frontier.map((node) => Buffer.from(node, 'base64'));
  return { frontier: { size: size as number, nodes }, mark: keptMark(mark), note };
}

function signedJson(signed: Signed | null): object | null {
  if (signed === null) return null;
  const { frontier, mark, note } = signed;
  return { size: frontier.size, frontier: frontier.nodes.map((node) => node.toString('base64')), mark, note };
}

function keyText({ key, privateKey, signed, pending, handover }: SealKey): string {
  const held = {
    form: FORM,
    key: keyLine(key),
    private: privateKey.toString('base64'),
    signed: signedJson(signed),
    pending: signedJson(pending),
    ...(handover === null ? {} : { handover }),
  };
  return `${JSON.stringify(held, null, 2)}\n`;
}

/** Makes a key file that was not there. Throws kind `refused` where one was. */
export async function makeSealKey(origin: Origin, key: SealKey): Promise<void> {
  await writeText(origin, key.path, keyText(key), 'never');
}

/**
 * Puts what a key has signed into its file, synced and renamed. Throws kind `busy` where the file is not what it was: to
 * sign then could contradict what another process has signed.
 */
export async function changeSealKey(origin: Origin, before: SealKey, after: SealKey): Promise<void> {
  if (keyText(readSealKey(before.path)) !== keyText(before)) {
    throw new DaybookError('busy', `${before.path} was changed by another process: nothing was signed`, { hint: '…' });
  }
  await writeText(origin, before.path, keyText(after), true);
}

async function writeText(origin: Origin, path: string, text: string, force: true | 'never'): Promise<void> {
  const place = outputPlaces(origin, { '--seal-key': path }, { regular: true })['--seal-key'];
  const file = await openOutput(place, { force, gzip: false, unchecked: true });
  try {
    await file.write(text);
    await file.finish();
  } finally {
    await file.abandon();
  }
}
