import { newEntry } from '../../../core/entry.js';
import type { Connection } from '../engine/index.js';
import { HELD, kept } from '../engine/index.js';
import { inserter } from '../trail/index.js';

/** Who is acting in a transaction, and why: what captured entries say of it. */
export interface ChangeContext {
  readonly actor: string;
  readonly actorType: string;
  readonly correlationId: string | null;
  readonly reason: string | null;
  /** The id of the entry that the changes take back, */
  readonly reverts?: string | null;
  /** and of a change of the key the entry that its second one takes back. */
  readonly revertsCreated?: string | null;
  /** Who runs the program, where it acts for somebody else. */
  readonly recordedBy?: string | null;
}

/** As any program may set the context (docs/capture.md): the values, and when it was last used, come in brackets behind it. */
export const SET_CONTEXT =
  'INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason, reverts, reverts_created, recorded_by, used) VALUES';

/** The values of a context in the order of SET_CONTEXT, but for its last use. */
export function contextValues(context: ChangeContext): (string | null)[] {
  const { actor, actorType, correlationId, reason, reverts, revertsCreated, recordedBy } = context;
  return [actor, actorType, correlationId, reason, reverts ?? null, revertsCreated ?? null, recordedBy ?? null];
}

/** Sets the context of the open transaction. */
export function setContext(connection: Connection, context: ChangeContext): void {
  kept(connection, `${SET_CONTEXT} (?, ?, ?, ?, ?, ?, ?, julianday('now'))`).run(...contextValues(context));
}

/** The statements that set and clear a context, for whoever runs them himself. */
export function setContextSql(context: ChangeContext): {
  readonly set: { readonly sql: string; readonly parameters: readonly (string | null)[] };
  readonly clear: { readonly sql: string; readonly parameters: readonly (string | null)[] };
} {
  const { actor, actorType, correlationId, reason, recordedBy } = context;
  const sql =
    'INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason, recorded_by) VALUES (?, ?, ?, ?, ?)';
  return {
    set: { sql, parameters: [actor, actorType, correlationId, reason, recordedBy ?? null] },
    clear: { sql: CLEAR_CONTEXT, parameters: [] },
  };
}

const CLEAR_CONTEXT = 'DELETE FROM daybook_context';

/** Sets a context as `holdContext` does, at once. */
export function setHeldContext(connection: Connection, context: ChangeContext): void {
  kept(connection, `${SET_CONTEXT} (?, ?, ?, ?, ?, ?, ?, ${HELD})`).run(...contextValues(context));
}

/**
 * Makes the context hold for as long as it is there. Only for whom clears it in the same transaction whatever happens:
 * a statement may search for longer than a context lives before it comes to the first row that it changes.
 */
export function holdContext(connection: Connection): void {
  kept(connection, `UPDATE daybook_context SET used = ${HELD}`).run();
}

/** Clears the context: a transaction must not leave it behind. */
export function clearContext(connection: Connection): void {
  kept(connection, CLEAR_CONTEXT).run();
}

/** Who left a context behind, or null: one that can be seen from outside has leaked. */
export function leakedContext(connection: Connection): string | null {
  return kept<[], string>(connection, 'SELECT actor FROM daybook_context').pluck().get() ?? null;
}

/** Clears a context that leaked, before it is taken for this transaction's, and records that. */
export function settleContext(connection: Connection, clock: () => number): void {
  const actor = leakedContext(connection);
  if (actor === null) return;
  clearContext(connection);
  inserter(
    connection,
    clock,
  )(
    newEntry({
      category: 'system',
      action: 'context_clear',
      severity: 'warning',
      actor: 'daybook',
      actor_type: 'system',
      message: `a transaction left the context of ${actor} behind: changes by others may have been taken for theirs`,
      metadata: JSON.stringify({ actor }),
    }),
  );
}
