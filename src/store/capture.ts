import type { Capture, CaptureAdded, CaptureChange, CaptureRequest, CheckedCase } from '../core/capture.js';
import type { Actor } from '../core/entry.js';

/** What records the changes of an application's rows. */
export interface Captures {
  /** The captured tables, with what is wrong with them. */
  captures(): Promise<readonly Capture[]>;
  /**
   * Records the changes of the rows of these tables from now on, or in another way; as it is already, nothing changes.
   * With several tables, a column counts for those that have it. All or none.
   * Throws kind `missing` without the table, kind `usage` for a column that none has, and kind `refused` for a table
   * that cannot be captured, a type that another table has, and columns that look like secrets.
   */
  addCaptures(tables: readonly string[], request: CaptureRequest, actor: Actor): Promise<readonly CaptureAdded[]>;
  /**
   * Fits captures (all, where none is named) to what their tables are now; what was changed meanwhile is a gap. Throws
   * kind `missing`.
   */
  refreshCaptures(tables: readonly string[], actor: Actor): Promise<readonly CaptureChange[]>;
  /** Where a table is not captured, nothing changes. Throws kind `missing` where there is no such table. */
  removeCaptures(tables: readonly string[], actor: Actor): Promise<readonly CaptureChange[]>;
  /** Tries each kind of statement on rows of these tables (all, where none is named), and leaves no trace. */
  checkCaptures(tables: readonly string[]): Promise<readonly CheckedCase[]>;
  /** The actor of a context that a transaction left behind, or null. */
  leakedContext(): Promise<string | null>;
}
