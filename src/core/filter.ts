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
  /**
   * Names in changed_fields: a name holds for itself and for every dotted path below it, and that of an amount for its
   * other names in entries about settlements.
   */
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

/**
 * Of each condition, what a place makes of it. Whatever handles the conditions of a filter is such a table, or a Record
 * of their names: a condition that one place forgot would match everything there, so it must not build.
 */
export type Table<Of, More extends readonly unknown[], Result> = {
  readonly [Name in keyof Of]-?: (value: Exclude<Of[Name], undefined>, ...more: More) => Result;
};

/** What a filter has beside the conditions that it may also exclude. */
export type Beside = Omit<Filter, keyof Conditions>;

/** What a table makes of the conditions that are given, in the order of the table. */
export function eachGiven<Of, More extends readonly unknown[], Result>(
  table: Table<Of, More, Result>,
  given: Of,
  ...more: More
): Result[] {
  return (Object.keys(table) as (keyof Of)[]).flatMap((name) => {
    const value = given[name];
    return value === undefined ? [] : [table[name](value as Exclude<Of[typeof name], undefined>, ...more)];
  });
}

/** The part of a table that is the same for every list of values. */
export function forLists<Result>(make: (field: ListField) => Result): Readonly<Record<ListField, Result>> {
  return Object.fromEntries(LIST_FIELDS.map((field) => [field, make(field)])) as Record<ListField, Result>;
}
