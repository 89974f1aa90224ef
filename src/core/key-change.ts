import { changedFields } from './diff.js';
import type { HistoryEntry } from './entry.js';
import { isJsonObject, parseMade } from './json.js';

// A change of a row's key is two entries: a delete of what it was and a create of what it is, which name each other.

/** Which entry would be the other half of such a change; undefined for one that is no half. */
export function otherHalfOf({
  action,
  metadata,
}: Pick<HistoryEntry, 'action' | 'metadata'>): { readonly id: string; readonly action: string } | undefined {
  if (!metadata.includes('"key_changed_')) return undefined;
  const members = parseMade(metadata);
  if (!isJsonObject(members)) return undefined;
  const [id, other] =
    action === 'delete' ? [members['key_changed_to'], 'create'] : [members['key_changed_from'], 'delete'];
  return typeof id === 'string' && (action === 'delete' || action === 'create') ? { id, action: other } : undefined;
}

/** Both halves as the one update that they are. */
export function keyChangeOf(gone: HistoryEntry, come: HistoryEntry): HistoryEntry {
  const { old_values: before } = gone;
  const { new_values: after } = come;
  const computed = before === null || after === null ? null : JSON.stringify(changedFields(before, after));
  return {
    ...come,
    action: 'update',
    old_values: before,
    changed_fields: come.changed_fields ?? computed,
    reverted_by: come.reverted_by ?? gone.reverted_by,
  };
}
