import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { DaybookError } from '../errors.js';
import { sha256 } from './hashing.js';

// Signed notes of C2SP (https://c2sp.org/signed-note): a text, an empty line, and a line for each signature.

/** The algorithms of C2SP that daybook writes and reads. */
export const ED25519 = 0x01;
export const COSIGNATURE = 0x04;

/** A public key of Ed25519 (32 bytes), and the name that it signs under. */
export interface PublicKey {
  readonly name: string;
  readonly key: Buffer;
}

export interface Signature {
  readonly name: string;
  /** The first four bytes of SHA-256(name || LF || algorithm || key). */
  readonly id: Buffer;
  readonly bytes: Buffer;
}

export interface SignedNote {
  /** With the line feed at its end. */
  readonly text: string;
  readonly signatures: readonly Signature[];
}

const ID_BYTES = 4;
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A new private key of Ed25519, as its 32 bytes. */
export function newPrivateKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8_HEAD.length);
}

/** The public key of a private one. */
export function publicKeyOf(privateKey: Uint8Array, name: string): PublicKey {
  const spki = createPublicKey(privateKeyObject(privateKey)).export({ format: 'der', type: 'spki' });
  return { name, key: spki.subarray(SPKI_HEAD.length) };
}

function privateKeyObject(privateKey: Uint8Array): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, privateKey]), format: 'der', type: 'pkcs8' });
}

/** Ed25519 over bytes. */
export function signBytes(privateKey: Uint8Array, bytes: Uint8Array): Buffer {
  return sign(null, bytes, privateKeyObject(privateKey));
}

/** Whether a signature of Ed25519 over bytes is the key's. */
export function isSignedBy(key: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  const object = createPublicKey({ key: Buffer.concat([SPKI_HEAD, key]), format: 'der', type: 'spki' });
  return verify(null, bytes, object, signature);
}

/** By which a signature names its key. */
export function keyId({ name, key }: PublicKey, algorithm: number): Buffer {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(algorithm), key])).subarray(0, ID_BYTES);
}

/** A public key on one line, as verifiers of C2SP take it: `name+id+base64(algorithm || key)`. */
export function keyLine(key: PublicKey): string {
  const encoded = Buffer.concat([Buffer.of(ED25519), key.key]).toString('base64');
  return `${key.name}+${keyId(key, ED25519).toString('hex')}+${encoded}`;
}

/** Reads a public key line. Throws kind `data` for what is none, or does not fit together. */
export function readKeyLine(line: string): PublicKey {
  const bad = (why: string): DaybookError =>
    new DaybookError('data', `${JSON.stringify(line.slice(0, 200))} is no public key line: ${why}`);
  const parts = /^(?<name>[^+\s]+)\+(?<id>[0-9a-f]{8})\+(?<encoded>[A-Za-z0-9+/]+=*)$/.exec(line.trim())?.groups;
  if (parts === undefined) throw bad('one is name+id+base64, as daybook seal key prints it');
  const bytes = decoded(parts['encoded'] as string);
  if (bytes === undefined || bytes[0] !== ED25519 || bytes.length !== 33) throw bad('it holds no key of Ed25519');
  const key = { name: parts['name'] as string, key: bytes.subarray(1) };
  if (keyId(key, ED25519).toString('hex') !== parts['id']) throw bad('its id is that of another key');
  return key;
}

/**
 * Reads the public key line of a witness of C2SP: a key of Ed25519 that signs checkpoints with their time. Throws kind
 * `data` for what is none, or does not fit together.
 */
export function readWitnessKey(line: string): PublicKey {
  const [, name = '', id = '', encoded = ''] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(line.trim()) ?? [];
  const bytes = decoded(encoded);
  // Some witnesses hand out the line of their key as such.
  if (bytes?.[0] !== COSIGNATURE) return readKeyLine(line);
  const key = { name, key: bytes.subarray(1) };
  if (bytes.length === 33 && keyId(key, COSIGNATURE).toString('hex') === id) return key;
  throw new DaybookError('data', `${JSON.stringify(line.slice(0, 200))} is no public key line of a witness`);
}

/** Base64 as it is written and no other way, or undefined. */
export function decoded(base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes : undefined;
}

/** Whether a text may be the name of a key: not empty, without white space and plus. */
export function isKeyName(name: string): boolean {
  return /^[^\s+\p{Cc}]+$/u.test(name) && name.isWellFormed();
}

/** A text with a signature by a key of Ed25519 over it, and with those that are given. */
export function signedNote(
  text: string,
  privateKey: Uint8Array,
  key: PublicKey,
  more: readonly Signature[] = [],
): string {
  const own = { name: key.name, id: keyId(key, ED25519), bytes: signBytes(privateKey, Buffer.from(text)) };
  return noteText({ text, signatures: [own, ...more] });
}

/** A note as text. */
export function noteText({ text, signatures }: SignedNote): string {
  const lines = signatures.map(({ name, id, bytes }) => `— ${name} ${Buffer.concat([id, bytes]).toString('base64')}\n`);
  return `${text}\n${lines.join('')}`;
}

/** A note as it came: the mail and the shell leave other ends of lines, and add empty lines behind. */
export function asNote(text: string): string {
  return `${text.replaceAll('\r\n', '\n').trimEnd()}\n`;
}

/** Reads a signed note; undefined for what is none. */
export function readNote(note: string): SignedNote | undefined {
  const end = note.lastIndexOf('\n\n');
  if (end <= 0 || !note.endsWith('\n')) return undefined;
  const lines = note.slice(end + 2, -1).split('\n');
  const signatures = lines.map(readSignature);
  if (signatures.some((signature) => signature === undefined)) return undefined;
  // Nothing else can be told from what was signed.
  if (/[\p{Cc}]/u.test(note.replaceAll('\n', '')) || !note.isWellFormed()) return undefined;
  return { text: note.slice(0, end + 1), signatures: signatures as Signature[] };
}

function readSignature(line: string): Signature | undefined {
  const parts = /^— (?<name>[^\s+]+) (?<encoded>[A-Za-z0-9+/]+=*)$/u.exec(line)?.groups;
  const bytes = parts === undefined ? undefined : decoded(parts['encoded'] as string);
  if (parts === undefined || bytes === undefined || bytes.length <= ID_BYTES) return undefined;
  return { name: parts['name'] as string, id: bytes.subarray(0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
}

/** The signatures of a note that name a key with an algorithm. */
export function signaturesBy(note: SignedNote, key: PublicKey, algorithm: number): Signature[] {
  const id = keyId(key, algorithm);
  return note.signatures.filter((signature) => signature.name === key.name && signature.id.equals(id));
}

/** Whether a note has a signature by the key over its text, and none that only says so. */
export function hasSigned(key: PublicKey, note: SignedNote): boolean {
  const claimed = signaturesBy(note, key, ED25519);
  const bytes = Buffer.from(note.text);
  return claimed.length > 0 && claimed.every((signature) => isSignedBy(key.key, bytes, signature.bytes));
}
