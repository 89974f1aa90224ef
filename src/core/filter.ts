/** The columns that a filter compares with a list of values. */
export const LIST_FIELDS = [
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'scope',
  'correlation_id',
  'source',
] as const;

export type ListField = (typeof LIST_FIELDS)[number];

/** `type`, `type:id` or `:id`. */
export type EntityPattern =
  | { readonly type: string; readonly id: string }
  | { readonly type: string; readonly id?: never }
  | { readonly id: string; readonly type?: never };

/** A value in the metadata, found by its dotted path and compared as text. */
export interface MetadataMatch {
  readonly path: string;
  readonly value: string;
}

/** Conditions on one entry. Within a list, any value will do; `meta` asks for all of its matches. */
export interface Conditions extends Partial<Readonly<Record<ListField, readonly string[]>>> {
  readonly entity?: readonly EntityPattern[];
  /** A literal part of the message, ASCII case ignored. */
  readonly search?: string;
  /** Names in changed_fields: a name holds for itself and for every dotted path below it. */
  readonly changed?: readonly string[];
  readonly meta?: readonly MetadataMatch[];
}

/**
 * Which entries: plain data, the same for history, count, export, prune and the rest. Every condition must hold, and
 * none of `not` (there, each single condition excludes).
 */
export interface Filter extends Conditions {
  readonly not?: Conditions;
  /** Milliseconds since 1970, inclusive. */
  readonly since?: number;
  /** Milliseconds since 1970, inclusive. */
  readonly until?: number;
  readonly reverted?: boolean;
}
