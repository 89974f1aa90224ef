import { ENTRY_FIELDS } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { SourceValue } from '../core/import.js';
import { isJsonObject, parseDocument, shown } from '../core/json.js';

/** What a record may say: not the import's own words, which are where it comes from and when it was recorded. */
export type RecordField = Exclude<keyof NewEntry, 'recorded_at' | 'source'>;

export const RECORD_FIELDS = ENTRY_FIELDS.filter(
  (field): field is RecordField => field !== 'seq' && field !== 'recorded_at' && field !== 'source',
);

/** A field that can be mapped: one of an entry, or `entity` for type and id at once. */
export type MappedField = RecordField | 'entity';

/** Where a field comes from, as `--map` says it. */
export interface Mapping {
  readonly field: MappedField;
  /** As it was written, for messages. */
  readonly text: string;
  readonly from: { readonly constant: string } | { readonly path: string };
}

const FIELDS: readonly string[] = [...RECORD_FIELDS, 'entity'];

/**
 * Reads `field=key`, `field=path.into.documents` and `field="constant"`.
 * Throws kind `usage`, naming the map, for what is none of these, for an unknown field, and for one that is mapped twice.
 */
export function readMappings(texts: readonly string[]): readonly Mapping[] {
  const mappings = texts.map(readMapping);
  for (const [index, { field, text }] of mappings.entries()) {
    const taken = (other: Mapping): boolean =>
      other.field === field || (field === 'entity' && /^entity_(?:type|id)$/.test(other.field));
    const twice = mappings.find((other, place) => place !== index && taken(other));
    if (twice !== undefined) throw wrong(text, `gives what ${twice.text} gives, too`);
  }
  return mappings;
}

function readMapping(text: string): Mapping {
  const equals = text.indexOf('=');
  const field = text.slice(0, Math.max(equals, 0)).trim();
  const right = text.slice(equals + 1).trim();
  if (equals < 0 || right === '') throw wrong(text, 'is not field=key, field="constant" or field=path.to.value');
  if (!FIELDS.includes(field)) {
    throw wrong(text, `gives ${shown(field)}, which is no field of an entry: they are ${FIELDS.join(', ')}`);
  }
  return { field: field as MappedField, text, from: sourceOf(text, right) };
}

function sourceOf(text: string, right: string): Mapping['from'] {
  if (!right.startsWith('"')) return { path: right };
  try {
    const constant = parseDocument(right);
    if (typeof constant === 'string') return { constant };
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
  }
  throw wrong(text, 'has a constant that is not one text in double quotes');
}

function wrong(text: string, problem: string): DaybookError {
  return new DaybookError('usage', `--map ${shown(text)} ${problem}`, {
    hint: 'daybook import --help',
  });
}

/** What a path leads to. */
export interface Found {
  readonly value: SourceValue;
  /** The key of the record, where its whole value was asked for: it is told then. */
  readonly key: string | undefined;
}

/**
 * Follows a path into a record: a key of it, or a key with keys below it, separated by dots; a number is also a place in
 * an array. A key may hold dots itself. A text on the way is read as JSON. Undefined where it leads nowhere.
 */
export function follow(values: Readonly<Record<string, SourceValue>>, path: string): Found | undefined {
  if (Object.hasOwn(values, path)) return { value: values[path] ?? null, key: path };
  const value = below(values, path);
  return value === undefined ? undefined : { value, key: undefined };
}

function below(place: unknown, path: string): SourceValue | undefined {
  const document = typeof place === 'string' ? readText(place) : place;
  if (Array.isArray(document) || isJsonObject(document)) {
    const object = document as unknown as Readonly<Record<string, SourceValue>>;
    if (Object.hasOwn(object, path) && path !== 'length') return object[path];
    for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
      const key = path.slice(0, dot);
      const found = Object.hasOwn(object, key) ? below(object[key], path.slice(dot + 1)) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function readText(text: string): unknown {
  try {
    return parseDocument(text);
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    return undefined;
  }
}
