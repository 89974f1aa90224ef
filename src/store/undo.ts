import type { UndoOutcome, UndoRequest } from '../core/undo.js';

/** What takes captured changes back out of the tables. */
export interface Undoes {
  /**
   * Undoes captured changes, all in one transaction, the last one first; where there are conflicts and no force,
   * nothing. Throws kind `refused` for an entry that cannot be undone, and where the database forbids it.
   */
  undo(request: UndoRequest): Promise<UndoOutcome>;
}
