import type { JsonText } from './entry.js';

/** What an entity was at a moment, in the shape of the contract. */
export interface EntityState {
  /** `type:id`, or the type alone where something is not known of all its rows. */
  readonly entity: string;
  readonly at: string;
  /** Null where the trail cannot know. */
  readonly exists: boolean | null;
  readonly values: JsonText | null;
  /** Of the last captured change until then; null where there was none, or it is gone. */
  readonly seq: number | null;
  /** From when on the trail knows. */
  readonly known_since: string | null;
}

/** What an entity was after one captured change of it; the first may be what it was before all of them. */
export interface ReachedState {
  readonly entity: string;
  readonly at: string;
  readonly exists: boolean;
  readonly values: JsonText | null;
  /** Null for what it was when its capture began, as are the rest then. */
  readonly seq: number | null;
  readonly action: string | null;
  readonly actor: string | null;
  /** As it was then, for what people read: no format for programs has it. */
  readonly actor_name: string | null;
  readonly correlation_id: string | null;
}
