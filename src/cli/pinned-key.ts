import type { PublicKey } from '../core/evidence/notes.js';
import { textOfFile } from './input.js';
import { underOption } from './under-option.js';

/** How a public key line begins. */
const KEY_LINE = /^[^+\s]+\+[0-9a-f]{8}\+/;

/** A public key that an option gives: a line, or the first line of a file that is one. Throws kind `data`. */
export async function pinnedKey(given: string, option: string): Promise<PublicKey> {
  const { readKeyLine } = await import('../core/evidence/notes.js');
  return keyGiven(given, option, readKeyLine);
}

/** The public keys of witnesses that an option gives, each as a line or in a file. Throws kind `data`. */
export async function witnessKeys(given: readonly string[] = []): Promise<PublicKey[]> {
  const { readWitnessKey } = await import('../core/evidence/notes.js');
  return given.map((key) => keyGiven(key, '--witness-key', readWitnessKey));
}

function keyGiven(given: string, option: string, readKeyLine: (line: string) => PublicKey): PublicKey {
  if (KEY_LINE.test(given)) return underOption(option, () => readKeyLine(given));
  const text = textOfFile(given, `${option} ${given}`);
  const line = text.split('\n').find((one) => KEY_LINE.test(one));
  return underOption(option, () => readKeyLine(line ?? text.trim()));
}
