import type { JsonText } from './entry.js';

/** One change of one field. */
export interface FieldChange {
  readonly seq: number;
  readonly ts: string;
  /** Null for an entry that is about none. */
  readonly entity: string | null;
  readonly field: string;
  /** JSON text; `null` also where the field was not there. */
  readonly old: JsonText;
  readonly new: JsonText;
  readonly actor: string;
  /** As it was then, for what people read: no format for programs has it. */
  readonly actor_name: string | null;
  readonly correlation_id: string | null;
}

/** The keys of a change in formats for programs, in the order of the contract. */
export const CHANGE_FIELDS = [
  'seq',
  'ts',
  'entity',
  'field',
  'old',
  'new',
  'actor',
  'correlation_id',
] as const satisfies readonly (keyof FieldChange)[];
