// Nothing of this loads the driver: who only wants the statements may have none.

import type { HeldContext } from '../../signed.js';
import { sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
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

/** SQL that tells the open transaction who acts. It ends with the transaction by itself, so that nothing leaks through a pool. */
export function contextCall(context: ChangeContext): Sql {
  const { actor, actorType, correlationId, reason, recordedBy, reverts, revertsCreated } = context;
  const values = [actor, actorType, correlationId, reason, recordedBy, reverts, revertsCreated];
  return sql(
    `SELECT set_config('daybook.actor', ?, true), set_config('daybook.actor_type', ?, true),
      set_config('daybook.correlation_id', ?, true), set_config('daybook.reason', ?, true),
      set_config('daybook.recorded_by', ?, true), set_config('daybook.reverts', ?, true),
      set_config('daybook.reverts_created', ?, true)`,
    ...values.map((value) => value ?? ''),
  );
}

/** Tells the open transaction who acts. */
export async function setContext(connection: Connection, context: ChangeContext): Promise<void> {
  await connection.rows(contextCall(context));
}

/** The statements that set and clear a context, for whoever runs them himself. */
export function setContextSql({ actor, actorType, correlationId, reason, recordedBy }: ChangeContext): {
  readonly set: { readonly sql: string; readonly parameters: readonly string[] };
  readonly clear: { readonly sql: string; readonly parameters: readonly string[] };
} {
  const names = ['actor', 'actor_type', 'correlation_id', 'reason', 'recorded_by'];
  const setting = (value: (at: number) => string): string =>
    `SELECT ${names.map((name, at) => `set_config('daybook.${name}', ${value(at)}, true)`).join(', ')}`;
  return {
    set: {
      // Drivers that write values into the text ask for what type they are.
      sql: setting((at) => `$${at + 1}::text`),
      parameters: [actor, actorType, correlationId, reason, recordedBy].map((value) => value ?? ''),
    },
    clear: { sql: setting(() => `''`), parameters: [] },
  };
}

/** The context that holds in the open transaction, as entries name it; undefined where nobody says who acts. */
export async function heldContext(connection: Connection): Promise<HeldContext | undefined> {
  const told = (name: string): string => `nullif(current_setting('daybook.${name}', true), '')`;
  const [held] = await connection.all<HeldContext>({
    sql: `SELECT ${told('actor')} AS actor, coalesce(${told('actor_type')}, 'user') AS actor_type, ${told('recorded_by')} AS recorded_by,
      ${told('correlation_id')} AS correlation_id, ${told('reason')} AS reason WHERE ${told('actor')} IS NOT NULL`,
    parameters: [],
  });
  return held;
}

/** The context as it is set, so that it can be set again. */
export async function contextAround(connection: Connection): Promise<ChangeContext> {
  const told = (name: string, as: string): string =>
    `coalesce(current_setting('daybook.${name}', true), '') AS "${as}"`;
  const [around] = await connection.all<ChangeContext>({
    sql: `SELECT ${told('actor', 'actor')}, ${told('actor_type', 'actorType')}, ${told('correlation_id', 'correlationId')}, ${told('reason', 'reason')},
      ${told('recorded_by', 'recordedBy')}, ${told('reverts', 'reverts')}, ${told('reverts_created', 'revertsCreated')}`,
    parameters: [],
  });
  return around as ChangeContext;
}
