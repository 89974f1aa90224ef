import { sourceObject } from '../core/import.js';
import type { JsonText } from '../core/entry.js';
import type { JsonDocument } from '../core/json.js';

/** Words of one amount: those that came later, and the first ones, which entries are told in. */
const FIRST_WORDS: ReadonlyMap<string, string> = new Map([
  ['wire', 'gross'],
  ['principal', 'net'],
  ['fee', 'commission'],
]);

/** A value before and after. */
export interface ValueChange {
  readonly name: string;
  /** As it was written, where that is another word. */
  readonly written?: string;
  readonly before: JsonDocument;
  readonly after: JsonDocument;
}

/**
 * Brings changes under one naming, whichever words they were written in. A name keeps its own word where the first word
 * stands beside it, and of two changes of one name the first holds.
 */
export function underOneNaming(changes: readonly ValueChange[]): ValueChange[] {
  const written = new Set(changes.map(({ name }) => name));
  const named = new Map<string, ValueChange>();
  for (const change of changes) {
    const first = FIRST_WORDS.get(change.name);
    const name = first === undefined || written.has(first) ? change.name : first;
    if (named.has(name)) continue;
    named.set(name, name === change.name ? change : { ...change, name, written: change.name });
  }
  return [...named.values()];
}

/** The values before and after as an entry has them; nothing where nothing changed hands. */
export function changeFields(
  changes: readonly ValueChange[],
): { readonly old_values: JsonText; readonly new_values: JsonText } | undefined {
  if (changes.length === 0) return undefined;
  return {
    old_values: sourceObject(changes.map(({ name, before }) => [name, before])),
    new_values: sourceObject(changes.map(({ name, after }) => [name, after])),
  };
}
