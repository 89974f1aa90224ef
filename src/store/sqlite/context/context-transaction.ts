import { DaybookError } from '../../../core/errors.js';
import { attempt, isSqliteError, kept, nameOf, usedLately } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { clearContext, leakedContext, setContext, setHeldContext, settleContext } from './held-context.js';
import type { ChangeContext } from './held-context.js';

interface OuterContext extends ChangeContext {
  readonly used: number;
  readonly recent: number;
}

/**
 * Runs `work` in a transaction of an application's connection, or in a savepoint where one is open, under a context
 * that ends with it. A context that leaked earlier is settled first; one that is set around it holds again afterwards.
 *
 * @throws DaybookError of kind `usage` for work that gives a promise, or would: an async function is refused before any of
 * it has run. And whatever work and the database throw. Nothing of it has happened then, but for what a function that
 * gives a promise in another way does after its first `await`: that cannot be prevented.
 */
export function withContext<Application, Result>(
  connection: Connection,
  context: ChangeContext,
  clock: () => number,
  work: (application: Application) => Result,
  application: Application,
): Result {
  refuseLateWork(work);
  const own = <T>(does: () => T): T => attempt(nameOf(connection), does);
  const nested = own(() => connection.inTransaction);
  own(() => kept(connection, nested ? 'SAVEPOINT daybook_work' : 'BEGIN IMMEDIATE').run());
  try {
    const outer = own(() => begin(connection, context, nested, clock));
    const result = work(application);
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new DaybookError('usage', 'the work of a transaction must be synchronous, and it gave a promise', {
        field: 'work',
        value: work,
      });
    }
    own(() => (outer === undefined ? clearContext(connection) : restoreContext(connection, outer)));
    end(connection, nested);
    return result;
  } catch (error) {
    takeBack(connection, nested);
    throw error;
  }
}

/** Sets the context, and gives the one around it. */
function begin(
  connection: Connection,
  context: ChangeContext,
  nested: boolean,
  clock: () => number,
): OuterContext | undefined {
  const outer = nested ? contextAround(connection) : undefined;
  if (!nested) settleContext(connection, clock);
  setHeldContext(connection, context);
  return outer;
}

/** What the application's own constraints say at the end reaches it as it is. */
function end(connection: Connection, nested: boolean): void {
  try {
    kept(connection, nested ? 'RELEASE daybook_work' : 'COMMIT').run();
  } catch (error) {
    if (isSqliteError(error) && error.code.startsWith('SQLITE_CONSTRAINT')) throw error;
    attempt(nameOf(connection), () => {
      throw error;
    });
  }
}

/** Where work ended the transaction itself, no rollback takes the context back, and it would hold for good. */
function takeBack(connection: Connection, nested: boolean): void {
  if (!connection.inTransaction) {
    if (leakedContext(connection) !== null) clearContext(connection);
    return;
  }
  if (!nested) kept(connection, 'ROLLBACK').run();
  else connection.exec('ROLLBACK TO daybook_work; RELEASE daybook_work');
}

/** Functions whose work, or all but its first part, is done after they gave their result. */
const LATE = new Set(['[object AsyncFunction]', '[object GeneratorFunction]', '[object AsyncGeneratorFunction]']);

function refuseLateWork(work: unknown): void {
  if (typeof work === 'function' && !LATE.has(Object.prototype.toString.call(work))) return;
  throw new DaybookError('usage', 'the work of a transaction must be a function that is synchronous', {
    field: 'work',
    value: work,
  });
}

const CONTEXT_AROUND = `SELECT actor, actor_type AS actorType, correlation_id AS correlationId, reason, reverts,
    reverts_created AS revertsCreated, recorded_by AS recordedBy, used, ${usedLately('used')} AS recent
  FROM daybook_context`;

function contextAround(connection: Connection): OuterContext | undefined {
  return kept<[], OuterContext>(connection, CONTEXT_AROUND).get();
}

/** One that held when it was covered holds on, however long that was; one that had expired stays so. */
function restoreContext(connection: Connection, outer: OuterContext): void {
  setContext(connection, outer);
  if (outer.recent !== 1) kept(connection, 'UPDATE daybook_context SET used = ?').run(outer.used);
}
