import type { Actor, HistoryEntry } from '../core/entry.js';

/** SQL to run in one transaction, and what captured entries are to say of it. */
export interface ExecuteRequest {
  readonly sql: string;
  readonly actor: Actor;
  readonly reason: string | null;
  readonly correlationId: string | null;
  /** Whether the database enforces foreign keys meanwhile; they are checked in any case before the end. */
  readonly foreignKeys: boolean;
  /** Whether to take everything back in the end. */
  readonly dryRun: boolean;
}

/** What came of it, or with a dry run, what would. */
export interface Executed {
  readonly statements: number;
  /** Changed by the statements themselves, and not by triggers and foreign keys. */
  readonly rows: number;
  readonly entries: number;
  readonly firstSeq: number | null;
  readonly lastSeq: number | null;
  /** With a dry run, the entries in the order of recording, no more than the first thousand. */
  readonly wouldRecord: readonly HistoryEntry[];
}

/** What runs SQL with a context. */
export interface Executes {
  /**
   * Runs SQL in one transaction, all of it or nothing. Throws kind `usage` for SQL that is wrong or would end the
   * transaction, kind `refused` where a constraint, a trigger or a foreign key forbids a change.
   */
  execute(request: ExecuteRequest): Promise<Executed>;
}
