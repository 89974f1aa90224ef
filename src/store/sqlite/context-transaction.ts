import { DaybookError } from '../../core/errors.js';
import { writing } from './connection.js';
import type { Connection } from './connection.js';
import { clearContext, setContext, settleContext } from './context.js';
import type { ChangeContext } from './context.js';

interface OuterContext extends ChangeContext {
  readonly used: number;
  readonly live: number | bigint;
}

/** How long a context holds after its last use, in days: what the triggers of capture go by. */
const LIFE = '5.0 / 86400';

/**
 * Runs `work` in a transaction of an application's connection, or in a savepoint where one is open, under a context
 * that ends with it. A context that leaked earlier is settled first; one that is set around it holds again afterwards.
 *
 * @throws DaybookError of kind `usage` where work goes on after its end, and of kind `failed` where the context did not
 * hold until its last change; and whatever work and the database throw. Nothing of it has happened then.
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
    const outer = nested ? heldContext(connection) : undefined;
    const before = connection.prepare('SELECT coalesce(max(seq), 0) FROM daybook_entries').pluck().get();
    setContext(connection, context);
    const result = work();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new DaybookError('usage', 'the work of a transaction must be synchronous, and it gave a promise');
    }
    if (changedAfterExpiry(connection, before)) {
      throw new DaybookError(
        'failed',
        `the context of ${context.actor} expired, since no captured row changed for five seconds, and rows were changed after that: make the changes in one go, or each in a transaction of its own`,
      );
    }
    if (outer === undefined) clearContext(connection);
    else restoreContext(connection, outer);
    return result;
  });
}

function heldContext(connection: Connection): OuterContext | undefined {
  return connection
    .prepare<[], OuterContext>(
      `SELECT actor, actor_type AS actorType, correlation_id AS correlationId, reason, reverts, used,
         abs(julianday('now') - used) < ${LIFE} AS live
       FROM daybook_context`,
    )
    .get();
}

/** One that held when it was covered holds on, however long that was; one that had expired stays so. */
function restoreContext(connection: Connection, outer: OuterContext): void {
  setContext(connection, outer);
  if (!outer.live) connection.prepare('UPDATE daybook_context SET used = ?').run(outer.used);
}

/** Whether the context expired, which it does for good, and captured changes came after that without it. */
function changedAfterExpiry(connection: Connection, before: unknown): boolean {
  const found = connection
    .prepare(
      `SELECT 1 FROM daybook_context AS c, daybook_entries AS e
       WHERE NOT (abs(julianday('now') - c.used) < ${LIFE}) AND e.seq > ? AND e.category = 'entity'
         AND e.ts_ms >= CAST((c.used + ${LIFE} - 2440587.5) * 86400000 AS INTEGER) AND e.metadata ->> '$.table' IS NOT NULL
       LIMIT 1`,
    )
    .get(before);
  return found !== undefined;
}
