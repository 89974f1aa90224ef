import { DaybookError } from '../core/errors.js';
import { shown } from '../core/json.js';
import { shellWord } from '../core/shell.js';
import type { RecordOutcome, RecordRequest } from './recording.js';

// What is asked of entries that an application records of itself, whatever engine has them.

/** The entity type of an entry that does not say who: a table that is captured as it may ask for that. */
export function typeOfUnsigned({ entry, given }: RecordRequest): string | null {
  return given.includes('actor') || entry.actor !== 'unknown' ? null : entry.entity_type;
}

/** The error for an entry that does not say who, though a table asks for that. */
export function unsigned(type: string, table: string): DaybookError {
  return new DaybookError('refused', `an entry about ${shown(type)} must say who: ${table} is captured so`, {
    field: 'actor',
    value: undefined,
  });
}

/** Throws kind `refused` where an id is there already with other content. */
export function expectNoConflict(outcomes: RecordOutcome[]): RecordOutcome[] {
  const conflict = outcomes.find((one) => one.outcome === 'conflict');
  if (conflict?.outcome !== 'conflict') return outcomes;
  const { id, fields } = conflict;
  throw new DaybookError('refused', `id ${id} is recorded already, with another ${fields.join(', ')}`, {
    hint: `daybook show ${shellWord(id)}`,
    field: 'id',
    value: id,
  });
}
