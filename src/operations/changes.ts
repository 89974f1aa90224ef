import { amountPaths, hasAmounts } from '../core/amount-names.js';
import { namesOfChanged } from '../core/diff.js';
import { entityText } from '../core/entity.js';
import type { HistoryEntry } from '../core/entry.js';
import type { FieldChange } from '../core/field-change.js';
import type { Filter } from '../core/filter.js';
import { keyChangeOf, otherHalfOf } from '../core/key-change.js';
import type { Mark } from '../core/mark.js';
import { matches } from '../core/match.js';
import { documentIn, documentText, isJsonObject, parseMade, sameValue } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key } from '../store/audit-store.js';

const PAGE = 256;

/**
 * Every change of one field, oldest first, page by page: entries of that filter with old and new values whose changed
 * fields name it, or what is above or below it; a change of a key, which is two entries, is one change. A dotted path
 * goes on inside of a text that holds JSON, as in a column of documents. An amount of a settlement is found by all of its
 * names.
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
  const keyChanges = keyChangesOf(store, filter, upTo);
  let ofKey = await keyChanges.next();
  const found = function* (page: readonly HistoryEntry[]): Generator<FieldChange> {
    for (const entry of page) yield* changeOf(entry, field);
  };
  for await (const page of pagesOf(store, { ...filter, changed: above }, upTo)) {
    const last = page.at(-1);
    // The filter may ask for changed fields of its own.
    const asked = page.filter((entry) => matches(filter, entry, entry.reverted_by !== null));
    const within: HistoryEntry[] = [];
    for (; ofKey.done !== true && isBefore(ofKey.value, last); ofKey = await keyChanges.next())
      within.push(ofKey.value);
    const changes = [...found([...asked, ...within].toSorted((a, b) => (isBefore(a, b) ? -1 : 1)))];
    if (changes.length > 0) yield changes;
  }
  for (; ofKey.done !== true; ofKey = await keyChanges.next()) {
    const changes = [...found([ofKey.value])];
    if (changes.length > 0) yield changes;
  }
}

function isBefore(a: HistoryEntry, b: HistoryEntry | undefined): boolean {
  return b !== undefined && (a.ts < b.ts || (a.ts === b.ts && a.seq < b.seq));
}

async function* pagesOf(store: AuditStore, filter: Filter, upTo: Mark): AsyncGenerator<readonly HistoryEntry[]> {
  let after: Key | undefined;
  do {
    const page = await store.page({ filter, order: 'oldest', limit: PAGE, upTo, ...(after && { after }) });
    yield page.entries;
    after = page.next ?? undefined;
  } while (after !== undefined);
}

/**
 * The changes of keys that a filter takes, each as the one update that it is: the second of the two entries, with the
 * values before it, which the first one has.
 */
async function* keyChangesOf(store: AuditStore, filter: Filter, upTo: Mark): AsyncGenerator<HistoryEntry, void> {
  const { entity, since, until } = filter;
  // What became of one entity, or what it was, is found from its own entries; of all others, from what is gone.
  const ofOne = entity !== undefined && entity.every(({ id }) => id !== undefined);
  const actions = ofOne ? { action: ['delete', 'create'] } : { action: ['delete'], search: ' became ' };
  const { entity: _, ...others } = filter;
  const told = new Set<number>();
  const asked: Filter = {
    ...(entity && { entity }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...actions,
  };
  for await (const page of pagesOf(store, asked, upTo)) {
    for (const half of page) {
      const other = await otherHalf(store, half, upTo);
      if (other === undefined) continue;
      const [gone, come] = half.action === 'delete' ? [half, other] : [other, half];
      const change = keyChangeOf(gone, come);
      if (told.has(come.seq) || !matches(others, change, change.reverted_by !== null)) continue;
      told.add(come.seq);
      yield change;
    }
  }
}

async function otherHalf(store: AuditStore, half: HistoryEntry, upTo: Mark): Promise<HistoryEntry | undefined> {
  const { id, action } = otherHalfOf(half) ?? {};
  if (id === undefined || action === undefined) return undefined;
  const ms = parseTimestamp(half.ts);
  const filter: Filter = {
    entity: [{ id, ...(half.entity_type !== null && { type: half.entity_type }) }],
    action: [action],
    since: ms,
    until: ms,
  };
  const { entries } = await store.page({ filter, order: 'oldest', limit: PAGE, upTo });
  // A row may have had several keys within a millisecond: the halves of one change stand side by side, what is gone first.
  const distance = ({ seq }: HistoryEntry): number => {
    const isBehind = seq > half.seq === (half.action === 'delete');
    return Math.abs(seq - half.seq) + (isBehind ? 0 : 0.5);
  };
  return entries
    .filter((entry) => otherHalfOf(entry)?.id === half.entity_id)
    .toSorted((a, b) => distance(a) - distance(b))[0];
}

/** The change of a field in an entry, by the name that the amount of a settlement has there. */
function changeOf(entry: HistoryEntry, field: string): FieldChange[] {
  const paths = hasAmounts(entry.entity_type) ? amountPaths(field) : [field];
  for (const path of paths) {
    const found = changeIn(entry, path);
    if (found.length > 0) return found;
  }
  return [];
}

function changeIn(entry: HistoryEntry, field: string): FieldChange[] {
  // A create and a delete are no change of a field, even where one says which fields there are.
  if (entry.old_values === null || entry.new_values === null) return [];
  const changed = namesOfChanged(entry.changed_fields);
  const isNamed = changed.some((name) => name === field || name.startsWith(`${field}.`));
  if (!isNamed && !changed.some((name) => field.startsWith(`${name}.`))) return [];
  const [before, after] = [entry.old_values, entry.new_values].map((values) =>
    valueAt(parseMade(values), field.split('.')),
  );
  // A redacted value is named as changed, and looks the same; one below what changed may be the same.
  if (!isNamed && sameValue(before, after)) return [];
  const change = {
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
  return [change];
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
