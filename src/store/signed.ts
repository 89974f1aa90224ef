import type { NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { shown } from '../core/json.js';
import { withReason } from '../core/metadata.js';
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

/** What the transaction of an application says of who and why. */
export interface HeldContext {
  readonly actor: string;
  readonly actor_type: string;
  readonly recorded_by: string | null;
  readonly correlation_id: string | null;
  readonly reason: string | null;
}

/** An entry with what the context says and it does not. Who is said as one: who names an actor does not get the kind of another. */
export function withContextOf({ entry, given }: RecordRequest, context: HeldContext): RecordRequest {
  const { actor, actor_type, recorded_by, correlation_id, reason } = context;
  const who = given.includes('actor') ? {} : { actor, actor_type, recorded_by };
  const why: Partial<NewEntry> = {
    ...(given.includes('correlation_id') ? {} : { correlation_id }),
    ...(reason === null ? {} : { metadata: withReason(entry.metadata, reason) }),
  };
  return { entry: { ...entry, ...who, ...why }, given };
}
