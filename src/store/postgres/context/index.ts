import type { Connection } from '../engine/index.js';

/** Who is acting in a transaction, and why: what captured entries say of it. */
export interface ChangeContext {
  readonly actor: string;
  readonly actorType: string;
  readonly correlationId: string | null;
  readonly reason: string | null;
  readonly recordedBy: string | null;
  /** The id of the entry that the changes take back, */
  readonly reverts?: string | null;
  /** and of a change of the key the entry that its second one takes back. */
  readonly revertsCreated?: string | null;
}

/** Tells the open transaction who acts. It ends with the transaction by itself, so that nothing leaks through a pool. */
export async function setContext(connection: Connection, context: ChangeContext): Promise<void> {
  const { actor, actorType, correlationId, reason, recordedBy, reverts, revertsCreated } = context;
  await connection.rows({
    sql: `SELECT set_config('daybook.actor', ?, true), set_config('daybook.actor_type', ?, true),
      set_config('daybook.correlation_id', ?, true), set_config('daybook.reason', ?, true),
      set_config('daybook.recorded_by', ?, true), set_config('daybook.reverts', ?, true),
      set_config('daybook.reverts_created', ?, true)`,
    parameters: [actor, actorType, correlationId, reason, recordedBy, reverts, revertsCreated].map(
      (value) => value ?? '',
    ),
  });
}
