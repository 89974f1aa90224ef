import { isLosslessNumber } from 'lossless-json';
import { namesOfChanged } from './diff.js';
import type { JsonText, NewEntry } from './entry.js';
import { LIST_FIELDS, type Conditions, type EntityPattern, type Filter, type MetadataMatch } from './filter.js';
import { documentText, isJsonObject, parseMade, type JsonDocument } from './json.js';
import { parseTimestamp } from './timestamp.js';

/** An entry whose time is known, whether it has been recorded or not. */
export type DatedEntry = Omit<NewEntry, 'ts'> & { readonly ts: string };

/**
 * Whether a filter takes an entry: what the stores do in their own language, said in plain TypeScript. Whether the
 * entry has been taken back cannot be seen from it, so the caller says.
 */
export function matches(filter: Filter, entry: DatedEntry, reverted = false): boolean {
  const ms = parseTimestamp(entry.ts);
  if (filter.since !== undefined && ms < filter.since) return false;
  if (filter.until !== undefined && ms > filter.until) return false;
  if (filter.reverted !== undefined && filter.reverted !== reverted) return false;
  if (!conditionResults(filter, entry, 'all').every(Boolean)) return false;
  return filter.not === undefined || !conditionResults(filter.not, entry, 'any').some(Boolean);
}

/** Whether each condition that is given holds; `metadata` says whether all matches are asked for or any. */
function conditionResults(conditions: Conditions, entry: DatedEntry, metadata: 'all' | 'any'): boolean[] {
  const results: boolean[] = [];
  for (const field of LIST_FIELDS) {
    const value = entry[field];
    if (conditions[field] !== undefined) results.push(value !== null && conditions[field].includes(value));
  }
  const { entity, search, changed, meta } = conditions;
  if (entity !== undefined) results.push(entity.some((pattern) => isEntity(pattern, entry)));
  if (search !== undefined) results.push(foldAscii(entry.message).includes(foldAscii(search)));
  if (changed !== undefined) results.push(changed.some((name) => hasChanged(name, entry.changed_fields)));
  if (meta !== undefined) {
    const document = parseMade(entry.metadata);
    const found = meta.map((match) => holds(match, document));
    results.push(metadata === 'all' ? found.every(Boolean) : found.some(Boolean));
  }
  return results;
}

function isEntity(pattern: EntityPattern, entry: DatedEntry): boolean {
  return (
    (pattern.type === undefined || pattern.type === entry.entity_type) &&
    (pattern.id === undefined || pattern.id === entry.entity_id)
  );
}

function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function hasChanged(name: string, changedFields: JsonText | null): boolean {
  return namesOfChanged(changedFields).some((field) => field === name || field.startsWith(`${name}.`));
}

function holds(match: MetadataMatch, metadata: JsonDocument): boolean {
  let value: JsonDocument | undefined = metadata;
  for (const segment of match.path.split('.')) {
    if (Array.isArray(value)) value = /^\d+$/.test(segment) ? value[Number(segment)] : undefined;
    else if (isJsonObject(value) && Object.hasOwn(value, segment)) value = value[segment];
    else return false;
  }
  return value !== undefined && comparedText(value) === match.value;
}

/** A string is itself, a number its digits as written, anything else its JSON text. */
export function comparedText(value: JsonDocument): string {
  if (typeof value === 'string') return value;
  return isLosslessNumber(value) ? value.value : documentText(value);
}
