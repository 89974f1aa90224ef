import { namesOfChanged } from '../core/diff.js';
import { entityText } from '../core/entity.js';
import type { HistoryEntry } from '../core/entry.js';
import type { FieldChange } from '../core/field-change.js';
import type { Filter } from '../core/filter.js';
import { matches } from '../core/match.js';
import { documentIn, documentText, isJsonObject, parseMade, sameValue } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import type { AuditStore, Key } from '../store/audit-store.js';

const PAGE = 256;

/**
 * Every change of one field, oldest first, page by page: entries of that filter with old and new values whose changed
 * fields name it, or what is above or below it. A dotted path goes on inside of a text that holds JSON, as in a column
 * of documents.
 *
 * @example for await (const page of changesOf(store, 'email', { entity: [{ type: 'users' }] })) console.log(page);
 */
export async function* changesOf(
  store: AuditStore,
  field: string,
  filter: Filter,
): AsyncGenerator<readonly FieldChange[]> {
  const upTo = await store.mark();
  const segments = field.split('.');
  const above = segments.map((_, index) => segments.slice(0, index + 1).join('.'));
  const asked: Filter = { ...filter, changed: above };
  for (let after: Key | undefined, more = true; more; more = after !== undefined) {
    const page = await store.page({
      filter: asked,
      order: 'oldest',
      limit: PAGE,
      upTo,
      ...(after === undefined ? {} : { after }),
    });
    // The filter may ask for changed fields of its own.
    const entries = page.entries.filter((entry) => matches(filter, entry, entry.reverted_by !== null));
    const changes = entries.flatMap((entry) => changeIn(entry, field) ?? []);
    if (changes.length > 0) yield changes;
    after = page.next ?? undefined;
  }
}

function changeIn(entry: HistoryEntry, field: string): FieldChange | undefined {
  // A create and a delete are no change of a field, even where one says which fields there are.
  if (entry.old_values === null || entry.new_values === null) return undefined;
  const changed = namesOfChanged(entry.changed_fields);
  const isNamed = changed.some((name) => name === field || name.startsWith(`${field}.`));
  if (!isNamed && !changed.some((name) => field.startsWith(`${name}.`))) return undefined;
  const [before, after] = [entry.old_values, entry.new_values].map((values) =>
    valueAt(parseMade(values), field.split('.')),
  );
  // A redacted value is named as changed, and looks the same; one below what changed may be the same.
  if (!isNamed && sameValue(before, after)) return undefined;
  return {
    seq: entry.seq,
    ts: entry.ts,
    entity: entityText(entry.entity_type, entry.entity_id),
    field,
    old: documentText(before ?? null),
    new: documentText(after ?? null),
    actor: entry.actor,
    actor_name: entry.actor_name,
    correlation_id: entry.correlation_id,
  };
}

/** The value at a path; keys may hold dots themselves, and a text may hold a document. */
function valueAt(value: JsonDocument | undefined, path: readonly string[]): JsonDocument | undefined {
  if (path.length === 0 || value === undefined) return value;
  const place = typeof value === 'string' ? documentWithin(value) : value;
  if (Array.isArray(place)) {
    const [index = '', ...rest] = path;
    return /^\d+$/.test(index) ? valueAt(place[Number(index)], rest) : undefined;
  }
  if (!isJsonObject(place)) return undefined;
  for (let length = 1; length <= path.length; length++) {
    const key = path.slice(0, length).join('.');
    const found = Object.hasOwn(place, key) ? valueAt(place[key], path.slice(length)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function documentWithin(text: string): JsonDocument | undefined {
  return /^\s*[[{]/.test(text) ? documentIn(text) : undefined;
}
