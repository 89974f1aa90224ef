import { randomUUID } from 'node:crypto';
import type { Actor } from '../core/entry.js';
import type { Filter } from '../core/filter.js';
import type { UndoOutcome } from '../core/undo.js';
import type { AuditStore } from '../store/audit-store.js';
import { findEntry } from './revert.js';

export interface UndoOptions {
  readonly reason: string;
  /** Undoes what can be undone in spite of conflicts. */
  readonly force?: boolean;
  /** Changes nothing, and gives the SQL. */
  readonly dryRun?: boolean;
}

/**
 * Undoes one captured change, by its seq or id, or all that match a filter, in one transaction. The entries that come of
 * a set have a correlation id of their own, so that they can be undone together as well. Where there are conflicts and no
 * force, nothing is done, and they are in the outcome.
 *
 * @example
 * const { applied, conflicts } = await undo(store, '1042', actor, { reason: 'wrong address' });
 */
export async function undo(
  store: AuditStore,
  which: string | Filter,
  actor: Actor,
  { reason, force = false, dryRun = false }: UndoOptions,
): Promise<UndoOutcome> {
  const one = typeof which === 'string' ? await findEntry(store, which) : undefined;
  return store.undo({
    entries: one === undefined ? { filter: which as Filter } : { seq: one.seq },
    actor,
    reason,
    correlationId: one === undefined ? `undo:${randomUUID()}` : null,
    force,
    dryRun,
  });
}
