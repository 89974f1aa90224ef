import { DaybookError } from '../../../core/errors.js';
import { writing, usedLately } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { clearContext, holdContext, leakedContext, setContext, settleContext } from './held-context.js';
import type { ChangeContext } from './held-context.js';

interface OuterContext extends ChangeContext {
  readonly used: number;
  readonly recent: number | bigint;
}

/**
 * Runs `work` in a transaction of an application's connection, or in a savepoint where one is open, under a context
 * that ends with it. A context that leaked earlier is settled first; one that is set around it holds again afterwards.
 *
 * @throws DaybookError of kind `usage` for work that gives a promise; and whatever work and the database throw. Nothing
 * of it has happened then.
 */
export function withContext<Result>(
  connection: Connection,
  context: ChangeContext,
  clock: () => number,
  work: () => Result,
): Result {
  const nested = connection.inTransaction;
  return writing(connection, () => {
    if (!nested) settleContext(connection, clock);
    const outer = nested ? contextAround(connection) : undefined;
    setContext(connection, context);
    holdContext(connection);
    const result = attempted(connection, work);
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new DaybookError('usage', 'the work of a transaction must be synchronous, and it gave a promise');
    }
    if (outer === undefined) clearContext(connection);
    else restoreContext(connection, outer);
    return result;
  });
}

/** Where work fails after it ended the transaction itself, no rollback takes the context back, and it holds for good. */
function attempted<Result>(connection: Connection, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!connection.inTransaction && leakedContext(connection) !== null) clearContext(connection);
    throw error;
  }
}

function contextAround(connection: Connection): OuterContext | undefined {
  return connection
    .prepare<[], OuterContext>(
      `SELECT actor, actor_type AS actorType, correlation_id AS correlationId, reason, reverts,
         reverts_created AS revertsCreated, recorded_by AS recordedBy, used, ${usedLately('used')} AS recent
       FROM daybook_context`,
    )
    .get();
}

/** One that held when it was covered holds on, however long that was; one that had expired stays so. */
function restoreContext(connection: Connection, outer: OuterContext): void {
  setContext(connection, outer);
  if (!outer.recent) connection.prepare('UPDATE daybook_context SET used = ?').run(outer.used);
}
