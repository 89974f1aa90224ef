import { randomBytes } from 'node:crypto';
import type { Actor } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { readAnchor } from '../core/evidence/anchors.js';
import type { AnchorKind, ReadAnchor } from '../core/evidence/anchors.js';
import { cosignedAt, readCheckpoint } from '../core/evidence/checkpoint.js';
import { sha256 } from '../core/evidence/hashing.js';
import { COSIGNATURE, signaturesBy } from '../core/evidence/notes.js';
import type { PublicKey } from '../core/evidence/notes.js';
import { timestampRequest } from '../core/evidence/timestamps.js';
import type { Findings } from '../core/evidence/verdicts.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { Anchor, AuditStore, Seal } from '../store/audit-store.js';

/** What somebody else said of a seal, in the shape of the contract. */
export interface AnchorTold {
  readonly kind: AnchorKind;
  /** Of which seal. */
  readonly size: number;
  /** The time that it bears; null where none was checked. */
  readonly at: string | null;
  /** The witnesses that it names. */
  readonly by: readonly string[];
  /** Whether it is of this seal, and of a cosignature also whether a witness that is known has signed it. */
  readonly checked: boolean;
}

/** A request for a timestamp (RFC 3161) of the last seal: of the SHA-256 of its note. Throws kind `refused` where there is none. */
export async function requestTimestamp(
  store: AuditStore,
): Promise<{ readonly size: number; readonly request: Buffer }> {
  const { last } = await store.sealState();
  if (last === null) throw new DaybookError('refused', 'nothing is sealed yet', { hint: 'daybook seal' });
  return { size: last.size, request: timestampRequest(sha256(Buffer.from(last.note)), randomBytes(8)) };
}

/**
 * Keeps what somebody else said of a seal. Throws kind `data` for a file of no known form, kind `usage` for a cosignature
 * without the key of its witness, and kind `refused` for what is of no seal of this trail, or is not signed by the witness.
 */
export async function addAnchor(
  store: AuditStore,
  {
    name,
    content,
    witnesses,
    actor,
  }: {
    readonly name: string;
    readonly content: Buffer;
    readonly witnesses: readonly PublicKey[];
    readonly actor: Actor;
  },
): Promise<AnchorTold> {
  const read = readAnchor(content);
  if (read === undefined) {
    throw new DaybookError(
      'data',
      `${name} is neither an answer of RFC 3161 that grants a timestamp, nor a file of OpenTimestamps, nor a checkpoint`,
    );
  }
  let found: Seal | undefined;
  for await (const seal of eachSeal(store)) if (isOf(read, seal)) found = seal;
  if (found === undefined)
    throw new DaybookError('refused', `${name} is of no seal of this trail`, { hint: 'daybook seal list' });
  const told = tellAnchor(read, found.size, witnesses);
  if (read.kind === 'cosignature' && !told.checked) {
    if (witnesses.length === 0) {
      throw new DaybookError('usage', `${name} is checked with the key of a witness: give it with --witness-key`);
    }
    throw new DaybookError(
      'refused',
      `${name} has no cosignature by ${witnesses.map((key) => key.name).join(', ')}, or a false one`,
    );
  }
  await store.putAnchor({ size: found.size, kind: read.kind, content }, actor);
  return told;
}

/** Whether an anchor is of a seal. */
function isOf(read: ReadAnchor, { size, note }: Seal): boolean {
  if (read.kind !== 'cosignature') return read.digest.equals(sha256(Buffer.from(note)));
  return read.checkpoint.size === size && read.checkpoint.note.text === readCheckpoint(note)?.note.text;
}

function tellAnchor(read: ReadAnchor, size: number, witnesses: readonly PublicKey[]): AnchorTold {
  const told = { kind: read.kind, size };
  if (read.kind !== 'cosignature') {
    return { ...told, at: read.at === null ? null : formatTimestamp(read.at), by: [], checked: true };
  }
  const { checkpoint } = read;
  const times = witnesses.map((key) => cosignedAt(key, checkpoint));
  const seconds = times.find((time) => time !== null) ?? null;
  return {
    ...told,
    at: seconds === null ? null : formatTimestamp(seconds * 1000),
    by: [...new Set(checkpoint.note.signatures.flatMap(({ name }) => (name === checkpoint.origin ? [] : [name])))],
    checked: seconds !== null && !hasFalse(checkpoint, witnesses),
  };
}

/** Whether a checkpoint bears a cosignature that only says that it is by one of the witnesses. */
function hasFalse(
  checkpoint: Extract<ReadAnchor, { kind: 'cosignature' }>['checkpoint'],
  witnesses: readonly PublicKey[],
): boolean {
  return witnesses.some(
    (key) => signaturesBy(checkpoint.note, key, COSIGNATURE).length > 0 && cosignedAt(key, checkpoint) === null,
  );
}

/**
 * All anchors, against the seals that they are of. What does not fit is found: an anchor of more than is sealed (`size`) as
 * `truncated`, a cosignature of another root as `split-view`.
 */
export async function checkAnchors(
  store: AuditStore,
  {
    size,
    witnesses,
    findings,
  }: { readonly size: number; readonly witnesses: readonly PublicKey[]; readonly findings?: Findings },
): Promise<AnchorTold[]> {
  const anchors = await store.anchors();
  if (anchors.length === 0) return [];
  const wanted = new Set(anchors.map((anchor) => anchor.size));
  const seals = new Map<number, Seal>();
  for await (const seal of eachSeal(store)) if (wanted.has(seal.size)) seals.set(seal.size, seal);
  return anchors.flatMap((anchor) => checkAnchor(anchor, seals.get(anchor.size), { size, witnesses, findings }) ?? []);
}

function checkAnchor(
  { anchor, size, content }: Anchor,
  seal: Seal | undefined,
  known: { readonly size: number; readonly witnesses: readonly PublicKey[]; readonly findings: Findings | undefined },
): AnchorTold | undefined {
  const name = `anchor ${anchor}`;
  const read = readAnchor(content);
  if (read === undefined) {
    known.findings?.add('bad-seal', name);
    return undefined;
  }
  const isFalse = read.kind === 'cosignature' && hasFalse(read.checkpoint, known.witnesses);
  if (isFalse) known.findings?.add('bad-signature', name);
  else if (size > known.size) known.findings?.add('truncated', name);
  else if (seal === undefined || !isOf(read, seal))
    known.findings?.add(read.kind === 'cosignature' ? 'split-view' : 'bad-seal', name);
  const told = tellAnchor(read, size, known.witnesses);
  return { ...told, checked: told.checked && seal !== undefined && isOf(read, seal) };
}

const SEALS_A_PAGE = 500;

/** Every seal, oldest first. */
export async function* eachSeal(store: AuditStore): AsyncGenerator<Seal> {
  for (let after = 0; ;) {
    const seals = await store.seals(after, SEALS_A_PAGE);
    yield* seals;
    if (seals.length < SEALS_A_PAGE) return;
    after = seals.at(-1)?.seal ?? after;
  }
}
