import { JSON_FIELDS } from './entry.js';
import type { EntryField, JsonText, NewEntry } from './entry.js';
import { isJsonObject, parseDocument, sameDocument, sameValue } from './json.js';
import type { JsonObject } from './json.js';

/** How what is to be recorded compares with the entry that has its id. */
export interface Recognised {
  /** The fields that differ: with one, these are two contents of one id. */
  readonly differing: readonly (keyof NewEntry)[];
  /** What the entry has and its source does not say any more: `actor`, `metadata.user_id`. */
  readonly forgotten: readonly string[];
}

/** Compares what is to be recorded with the entry that has its id: as a writer says it, or as a source does. */
export function recogniseRequest(
  {
    entry,
    given,
    ofSource,
  }: {
    readonly entry: NewEntry;
    readonly given: readonly (keyof NewEntry)[];
    readonly ofSource?: { readonly earlier: readonly NewEntry[] };
  },
  known: NewEntry,
): Recognised {
  if (ofSource === undefined) return { differing: differingFields(entry, given, known), forgotten: [] };
  return recogniseRecord(entry, given, known, ofSource.earlier);
}

/** The fields of these in which an entry differs from the one that is recorded. */
function differingFields(entry: NewEntry, given: readonly (keyof NewEntry)[], known: NewEntry): (keyof NewEntry)[] {
  return given.filter((field) => !isSame(field, entry[field], known[field]));
}

/**
 * Whether a record of a source is the one that an entry was made of. A source may forget what it once said, as where a
 * foreign key empties a column, and say more in the metadata; the entry keeps what it has. `earlier` is what earlier
 * versions made of the same record.
 */
export function recogniseRecord(
  entry: NewEntry,
  given: readonly (keyof NewEntry)[],
  known: NewEntry,
  earlier: readonly NewEntry[],
): Recognised {
  const [now, ...then] = [entry, ...earlier].map((one) => recognise(one, given, known)) as [Recognised];
  const same = [now, ...then].filter(({ differing }) => differing.length === 0);
  return same.find(({ forgotten }) => forgotten.length === 0) ?? same[0] ?? now;
}

function recognise(entry: NewEntry, given: readonly (keyof NewEntry)[], known: NewEntry): Recognised {
  const differing: (keyof NewEntry)[] = [];
  const forgotten: string[] = [];
  for (const field of differingFields(entry, given, known)) {
    const lost = forgottenOf(field, entry, known);
    if (lost === undefined) differing.push(field);
    else for (const name of lost) forgotten.push(name);
  }
  return { differing, forgotten };
}

function isSame(field: keyof NewEntry, said: string | null, known: string | null): boolean {
  if (said === known) return true;
  return JSON_FIELDS.has(field) && said !== null && known !== null && sameDocument(said, known);
}

const DOCUMENTS: ReadonlySet<EntryField> = new Set(['metadata', 'old_values', 'new_values']);

/** What is missing of a field that differs; undefined where it says something else. */
function forgottenOf(field: keyof NewEntry, entry: NewEntry, known: NewEntry): readonly string[] | undefined {
  const [said, was] = [entry[field], known[field]];
  if (was === null) return undefined;
  if (said === null || said === '') return [field];
  if (DOCUMENTS.has(field)) return forgottenIn(field, said, was);
  const saysLess =
    ((field === 'actor' || field === 'actor_type') && said === 'unknown') ||
    // Who it was is told by less than before: an address, where there was an id.
    (field === 'actor' && Object.values(membersOf(known.metadata)).includes(said));
  return saysLess ? [field] : undefined;
}

function forgottenIn(field: keyof NewEntry, said: JsonText, was: JsonText): readonly string[] | undefined {
  const [now, then] = [membersOf(said), membersOf(was)];
  const lost: string[] = [];
  for (const [name, value] of Object.entries(then)) {
    // Among values before and after, null is a value like any other.
    const isEmptied = field === 'metadata' && now[name] === null && value !== null;
    if (!Object.hasOwn(now, name) || isEmptied) lost.push(`${field}.${name}`);
    else if (!sameValue(now[name], value)) return undefined;
  }
  const isMore = Object.keys(now).some((name) => !Object.hasOwn(then, name));
  return isMore && field !== 'metadata' ? undefined : lost;
}

function membersOf(text: JsonText): JsonObject {
  const document = parseDocument(text);
  return isJsonObject(document) ? document : {};
}
