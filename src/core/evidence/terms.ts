import { DaybookError } from '../errors.js';
import { keyLine, hasSigned, readKeyLine, readNote, signedNote } from './notes.js';
import type { PublicKey } from './notes.js';

// Which key signs under which name, from which size of the tree on.

const HANDOVER = 'daybook.key/v1';
const RESUME = 'daybook.resume/v1';

/** From behind one size up to another, both counted in entries. */
export interface Term {
  readonly key: PublicKey;
  readonly from: number;
  readonly to: number;
}

export interface Handover {
  readonly size: number;
  /** In base64. */
  readonly root: string;
  readonly next: PublicKey;
}

function handoverText(origin: string, { size, root, next }: Handover): string {
  return `${HANDOVER}\n${origin}\nsize ${size}\nroot ${root}\nkey ${keyLine(next)}\n`;
}

/** A handover, signed by the key that ends its term and by the one that begins it. */
export function signedHandover(
  handover: Handover,
  old: { readonly key: PublicKey; readonly privateKey: Uint8Array },
  nextPrivateKey: Uint8Array,
): string {
  const text = handoverText(old.key.name, handover);
  const next = readNote(signedNote(text, nextPrivateKey, handover.next));
  return signedNote(text, old.privateKey, old.key, next?.signatures ?? []);
}

/** Reads a handover, whoever signed it; undefined for what is none. */
export function readHandover(note: string): Handover | undefined {
  const [, size, root, line] =
    /^daybook\.key\/v1\n[^\n]+\nsize (\d{1,15})\nroot ([^\n]+)\nkey ([^\n]+)\n/.exec(note) ?? [];
  const next = line === undefined ? undefined : keyIn(line);
  return next === undefined ? undefined : { size: Number(size), root: root ?? '', next };
}

/** Whether a handover is signed by the key that ends its term, and by the one that begins it. */
export function isHandoverBy(old: PublicKey, note: string): boolean {
  const read = readNote(note);
  const handover = readHandover(note);
  if (read === undefined || handover === undefined || read.signatures.length !== 2) return false;
  return read.text === handoverText(old.name, handover) && hasSigned(old, read) && hasSigned(handover.next, read);
}

export interface Resumption {
  readonly from: string;
  readonly last: { readonly size: number; readonly root: string };
  readonly shared: { readonly size: number; readonly root: string };
  readonly reason: string;
}

function resumeText(origin: string, { from, last, shared, reason }: Resumption): string {
  return `${RESUME}\n${origin}\nfrom ${from}\nlast ${last.size} ${last.root}\nshared ${shared.size} ${shared.root}\nreason ${JSON.stringify(reason)}\n`;
}

/** The statement by which a trail goes on under another name, from what a restored copy shares with the old one. */
export function signedResumption(resumption: Resumption, privateKey: Uint8Array, key: PublicKey): string {
  return signedNote(resumeText(key.name, resumption), privateKey, key);
}

/** Whether a statement by which a trail goes on is signed by its key. */
export function isResumptionBy(key: PublicKey, note: string | null, since: number): boolean {
  const read = note === null ? undefined : readNote(note);
  return (
    read !== undefined &&
    read.text.startsWith(`${RESUME}\n${key.name}\n`) &&
    read.text.includes(`\nshared ${since} `) &&
    read.signatures.length === 1 &&
    hasSigned(key, read)
  );
}

/** The terms of the keys of a trail, by what its database says; undefined where that cannot be read. */
export function termsOf(
  trails: readonly { readonly key: string; readonly since: number }[],
  handovers: readonly { readonly size: number; readonly note: string }[],
): Term[] | undefined {
  const begins = [
    ...trails.map(({ key, since }, order) => ({ key: keyIn(key), from: since, order })),
    ...handovers.map(({ size, note }, order) => ({
      key: readHandover(note)?.next,
      from: size,
      order: trails.length + order,
    })),
  ].toSorted((a, b) => a.from - b.from || a.order - b.order);
  const terms: Term[] = [];
  for (const [index, { key, from }] of begins.entries()) {
    if (key === undefined) return undefined;
    terms.push({ key, from, to: begins[index + 1]?.from ?? Infinity });
  }
  return terms;
}

/** The term that a seal over so many entries is in: the first that reaches to it. */
export function termAt(terms: readonly Term[], size: number): Term | undefined {
  return terms.find(({ to }) => size <= to) ?? terms.at(-1);
}

/** Reads a public key line; undefined for what is none. */
export function keyIn(line: string): PublicKey | undefined {
  try {
    return readKeyLine(line);
  } catch (error) {
    if (error instanceof DaybookError) return undefined;
    throw error;
  }
}
