import { expectOneOf } from '../core/given.js';
import { setContextSql, setPostgresContextSql } from '../store/attached.js';
import { changeContextOf, readContext } from './context.js';
import type { Context, Who } from './context.js';
import { told } from './errors.js';
import { expectKeys } from './question.js';

/** A statement, and the values for its `?`; in PostgreSQL, for its `$1`, `$2` and so on. */
export interface SqlText {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
}

/** What sets the context of a transaction, and what clears it. */
export interface ContextSql {
  readonly set: SqlText;
  readonly clear: SqlText;
}

export interface ContextSqlOptions {
  /** Whose SQL it is; `sqlite` where it is not given. */
  readonly engine?: 'sqlite' | 'postgres' | undefined;
}

/**
 * The statements that say in a transaction who changes rows, and why: for libraries whose transactions are asynchronous,
 * such as Kysely, Knex, Prisma and Drizzle. Run `set` first in the transaction, and `clear` last. A transaction that is
 * rolled back needs no `clear`. Where foreign keys are on, one that commits without it fails; where they are off, a context
 * holds for five seconds after its last use. In PostgreSQL it ends with the transaction by itself: `clear` is for what
 * follows in the same one.
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
export function contextSql(context: Context & Who, options: ContextSqlOptions = {}): ContextSql {
  return told(() => {
    expectKeys('contextSql', options, ['engine']);
    const { engine = 'sqlite' } = options;
    expectOneOf('engine', engine, ['sqlite', 'postgres']);
    const changing = changeContextOf(readContext(context));
    return engine === 'postgres' ? setPostgresContextSql(changing) : setContextSql(changing);
  });
}
