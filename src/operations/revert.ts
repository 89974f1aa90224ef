import { DaybookError } from '../core/errors.js';
import { newEntry } from '../core/entry.js';
import type { Actor, Entry, HistoryEntry, NewEntry } from '../core/entry.js';
import type { ErasedEntry } from '../core/erasure.js';
import type { AuditStore } from '../store/audit-store.js';

/** Reads `<seq|id>` as the contract has it: an id is never all digits. */
export function entryKey(text: string): { readonly seq: number } | { readonly id: string } {
  return /^\d+$/.test(text) ? { seq: Number(text) } : { id: text };
}

/** Finds the entry that `<seq|id>` names. Throws kind `missing`. */
export async function findEntry(store: AuditStore, text: string): Promise<HistoryEntry> {
  const found = await findEntryOrErased(store, text);
  if (!('erased_by' in found)) return found;
  const { seq, erased_by: by } = found;
  throw new DaybookError('missing', `entry ${seq} was erased`, { hint: `daybook show ${by ?? seq}` });
}

/** The same, or what is left of it where it was erased. */
export async function findEntryOrErased(store: AuditStore, text: string): Promise<HistoryEntry | ErasedEntry> {
  const key = entryKey(text);
  const found = (await store.find(key)) ?? ('seq' in key ? await store.findErased(key.seq) : undefined);
  if (found === undefined) throw new DaybookError('missing', `no entry ${text}`);
  return found;
}

/**
 * Takes an entry back by a new one about the same entity. Throws kind `refused` where it is taken back already, kind
 * `missing` where there is none.
 */
export async function revert(store: AuditStore, key: string, actor: Actor, reason: string): Promise<Entry> {
  return store.revert(revertOf(await findEntry(store, key), actor, reason));
}

/** The entry that takes back another, about the same entity. */
export function revertOf(
  target: Entry,
  actor: Partial<Actor>,
  reason: string,
): NewEntry & { readonly reverts: string } {
  return {
    ...newEntry({
      ...actor,
      category: target.category,
      action: 'revert',
      message: reason,
      scope: target.scope,
      entity_type: target.entity_type,
      entity_id: target.entity_id,
      entity_name: target.entity_name,
    }),
    reverts: target.id,
  };
}
