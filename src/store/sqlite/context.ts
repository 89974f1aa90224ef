import type { Connection } from './connection.js';

/** Who is acting in a transaction, and why: what captured entries say of it. */
export interface ChangeContext {
  readonly actor: string;
  readonly actorType: string;
  readonly correlationId: string | null;
  readonly reason: string | null;
  /** The id of the entry that the changes take back. */
  readonly reverts: string | null;
}

/** Sets the context of the open transaction, in the same SQL that any program may use (docs/capture.md). */
export function setContext(connection: Connection, context: ChangeContext): void {
  connection
    .prepare(
      `INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason, reverts) VALUES (?, ?, ?, ?, ?)`,
    )
    .run(context.actor, context.actorType, context.correlationId, context.reason, context.reverts);
}

/** Clears the context: a transaction must not leave it behind. */
export function clearContext(connection: Connection): void {
  connection.prepare('DELETE FROM daybook_context').run();
}

/** The context that a transaction left behind, or undefined: what can be seen from outside has leaked. */
export function leakedContext(connection: Connection): { actor: string; actor_type: string } | undefined {
  return connection
    .prepare<[], { actor: string; actor_type: string }>('SELECT actor, actor_type FROM daybook_context')
    .get();
}
