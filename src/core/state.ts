import type { JsonText } from './entry.js';

/** What a captured row was at a moment. */
export interface RowState {
  /** `type:id`, or the type alone where something is not known of all its rows. */
  readonly entity: string;
  readonly at: string;
  /** Null where the trail cannot know. */
  readonly exists: boolean | null;
  readonly values: JsonText | null;
  /** Of the last captured change until then; null where there was none, or it is gone. */
  readonly seq: number | null;
}

/** What an entity was at a moment, in the shape of the contract. */
export interface EntityState extends RowState {
  /** From when on the trail knows. */
  readonly known_since: string | null;
}

/** What an entity was after one captured change of it; the first may be what it was before all of them. */
export interface ReachedState extends RowState {
  readonly exists: boolean;
  /** Null, as `seq` is, for what it was when its capture began; and so is the rest. */
  readonly action: string | null;
  readonly actor: string | null;
  readonly correlation_id: string | null;
}
