import { isLosslessNumber } from 'lossless-json';
import { hasAmounts, otherAmountPaths } from './amount-names.js';
import { namesOfChanged } from './diff.js';
import type { JsonText, NewEntry } from './entry.js';
import { eachGiven, forLists } from './filter.js';
import type { Beside, Conditions, EntityPattern, Filter, MetadataMatch, Table } from './filter.js';
import { documentText, isJsonObject, parseMade, type JsonDocument } from './json.js';
import { parseTimestamp } from './timestamp.js';

/** An entry whose time is known, whether it has been recorded or not. */
export type DatedEntry = Omit<NewEntry, 'ts'> & { readonly ts: string };

/**
 * Whether a filter takes an entry: what the stores do in their own language, said in plain TypeScript. Whether the
 * entry has been taken back cannot be seen from it, so the caller says.
 */
export function matches(filter: Filter, entry: DatedEntry, reverted = false): boolean {
  return (
    eachGiven(CONDITIONS, filter, entry, 'all').every(Boolean) &&
    eachGiven(BESIDE, filter, entry, reverted).every(Boolean)
  );
}

/** Of several metadata values, all are asked for, and any excludes. */
type OfMetadata = 'all' | 'any';

const CONDITIONS: Table<Conditions, [entry: DatedEntry, ofMetadata: OfMetadata], boolean> = {
  ...forLists((field) => (values: readonly string[], entry: DatedEntry) => {
    const value = entry[field];
    return value !== null && values.includes(value);
  }),
  entity: (patterns, entry) => patterns.some((pattern) => isEntity(pattern, entry)),
  search: (text, entry) => foldAscii(entry.message).includes(foldAscii(text)),
  changed: (names, entry) => {
    const all = hasAmounts(entry.entity_type) ? [...names, ...otherAmountPaths(names)] : names;
    return all.some((name) => hasChanged(name, entry.changed_fields));
  },
  meta: (pairs, entry, ofMetadata) => {
    const document = parseMade(entry.metadata);
    const found = pairs.map((pair) => holds(pair, document));
    return ofMetadata === 'all' ? found.every(Boolean) : found.some(Boolean);
  },
};

const BESIDE: Table<Beside, [entry: DatedEntry, reverted: boolean], boolean> = {
  not: (not, entry) => !eachGiven(CONDITIONS, not, entry, 'any').some(Boolean),
  since: (since, entry) => parseTimestamp(entry.ts) >= since,
  until: (until, entry) => parseTimestamp(entry.ts) <= until,
  reverted: (wanted, _entry, reverted) => wanted === reverted,
};

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
