import type { Entry, NewEntry } from '../core/entry.js';
import { recogniseRequest } from '../core/recognised.js';
import type { CompareOutcome, RecordOutcome, RecordRequest } from './recording.js';

// What becomes of an id that is there already, whatever engine has it.

/** How what is asked for compares with the entry of its id. */
export function compared(
  request: RecordRequest,
  known: NewEntry,
): Exclude<CompareOutcome, { readonly outcome: 'missing' }> {
  const { differing: fields, forgotten } = recogniseRequest(request, known);
  if (fields.length > 0) return { outcome: 'conflict', fields };
  return { outcome: 'same', ...(forgotten.length > 0 && { forgotten }) };
}

/** What becomes of what is to be recorded where its id is there already. */
export function foundThere(request: RecordRequest, known: Entry): RecordOutcome {
  const { seq, id } = known;
  const found = compared(request, known);
  return found.outcome === 'conflict' ? { ...found, seq, id } : { ...found, outcome: 'skipped', seq, id };
}
