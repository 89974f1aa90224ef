import type { Actor } from './entry.js';
import type { Filter } from './filter.js';

/** Which captured changes are to be undone, by whom and why. */
export interface UndoRequest {
  /** One entry, or all that match, the last one first. */
  readonly entries: { readonly seq: number } | { readonly filter: Filter };
  readonly actor: Actor;
  readonly reason: string;
  /** Ties together the entries that the undo makes. */
  readonly correlationId: string | null;
  /** Undoes what can be undone in spite of conflicts. */
  readonly force: boolean;
  /** Changes nothing, and gives the SQL. */
  readonly dryRun: boolean;
}

/** Why a change cannot be undone as it stands. */
export type UndoObstacle =
  /** The field has another value now than the change gave it. */
  | 'changed'
  /** There is no row any more that could be changed back. */
  | 'row gone'
  /** A row with the key of the deleted one is there again. */
  | 'row there'
  /** The value was replaced before it was recorded. */
  | 'redacted'
  /** The value was never recorded. */
  | 'not kept'
  /** The table has no such column any more. */
  | 'column gone';

export interface UndoConflict {
  /** The entry that is to be undone. */
  readonly seq: number;
  readonly entity: string;
  /** A column, or a dotted path within one; null where it is about the whole row. */
  readonly field: string | null;
  readonly obstacle: UndoObstacle;
  /** The last entry that changed the field since, where there is one. */
  readonly by: number | null;
}

/** One change that was undone. */
export interface UndoneChange {
  /** The entry that was undone; of a change of the key, which is two, the later one. */
  readonly seq: number;
  readonly entity: string;
  /** What was done to the row; `nothing` where all was as before already. */
  readonly done: 'update' | 'insert' | 'delete' | 'nothing';
  /** The columns that were set, for an update. */
  readonly fields: readonly string[];
  /** The seqs of the entries that came of it. */
  readonly entries: readonly number[];
}

export interface UndoOutcome {
  /** Whether anything was kept: not in a dry run, and not where there are conflicts. */
  readonly applied: boolean;
  readonly undone: readonly UndoneChange[];
  readonly conflicts: readonly UndoConflict[];
  /** How many entries matched that are no captured changes. */
  readonly leftOut: number;
  /** The SQL of a dry run, one statement each. */
  readonly script: readonly string[];
}
