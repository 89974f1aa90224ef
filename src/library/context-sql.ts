import { setContextSql } from '../store/attached.js';
import { expectWho, readContext } from './context.js';
import type { Context, Who } from './context.js';
import { told } from './errors.js';

/** A statement, and the values for its `?`. */
export interface SqlText {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
}

/** What sets the context of a transaction, and what clears it. */
export interface ContextSql {
  readonly set: SqlText;
  readonly clear: SqlText;
}

/**
 * The statements that say in a transaction who changes rows, and why: for libraries whose transactions are asynchronous,
 * such as Kysely, Knex, Prisma and Drizzle. Run `set` first in the transaction, and `clear` last. A transaction that is
 * rolled back needs no `clear`. Where foreign keys are on, one that commits without it fails; where they are off, a context
 * holds for five seconds after its last use.
 *
 * Throws kind `usage` for a context without an actor.
 *
 * @example
 * const { set, clear } = contextSql({ actor: 'u-42', correlationId: request.id });
 * await knex.transaction(async (transaction) => {
 *   await transaction.raw(set.sql, [...set.parameters]);
 *   await transaction('users').where({ id: 42 }).update({ email: 'ines@example.org' });
 *   await transaction.raw(clear.sql);
 * });
 */
export function contextSql(context: Context & Who): ContextSql {
  return told(() => {
    const read = readContext(context);
    const { actor, actorType = 'user', recordedBy = null } = expectWho(read);
    const { correlationId = null, reason = null } = read;
    return setContextSql({ actor, actorType, recordedBy, correlationId, reason });
  });
}
