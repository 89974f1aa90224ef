import { ENTRY_FIELDS } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { SourceValue } from '../core/import.js';
import { isJsonObject, parseDocument, shown } from '../core/json.js';
import { textOf } from './values.js';

/** What a record may say: not the import's own words, which are where it comes from and when it was recorded. */
export type RecordField = Exclude<keyof NewEntry, 'recorded_at' | 'source'>;

export const RECORD_FIELDS = ENTRY_FIELDS.filter(
  (field): field is RecordField => field !== 'seq' && field !== 'recorded_at' && field !== 'source',
);

/** A field that can be mapped: one of an entry, or `entity` for type and id at once. */
export type MappedField = RecordField | 'entity';

/** What is put together: the value at a path, or a text. */
export type Part = { readonly constant: string } | { readonly path: string };

/** Where a field comes from, as `--map` says it. */
export interface Mapping {
  readonly field: MappedField;
  /** As it was written, for messages. */
  readonly text: string;
  /** Of these the first that leads to something counts; each is one part, or the texts of several. */
  readonly ways: readonly (readonly Part[])[];
}

const FIELDS: readonly string[] = [...RECORD_FIELDS, 'entity'];

/**
 * Reads `field=key`, `field=path.into.documents`, `field="constant"`, several of them with `|` between them, of which the
 * first that leads to something counts, and `field="org:"+key`, which are put together.
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
  return { field: field as MappedField, text, ways: waysOf(text, right) };
}

/** A constant in double quotes, or what stands up to the next `|` or `+`. */
const PART = /\s*(?:("(?:[^"\\]|\\.)*")|([^"|+]+?))\s*([|+]|$)/sy;

function waysOf(text: string, right: string): Mapping['ways'] {
  const ways: Part[][] = [[]];
  for (let end = 0; end < right.length; end = PART.lastIndex) {
    PART.lastIndex = end;
    const [, constant, path = '', next] = PART.exec(right) ?? [];
    // A sign with nothing behind it.
    if (next === undefined || (next !== '' && PART.lastIndex === right.length)) {
      const hint = right.startsWith('"') ? 'has a constant that is not one text in double quotes' : 'cannot be read';
      throw wrong(text, `${hint}: write key, "constant", key|other or "kind:"+key`);
    }
    ways.at(-1)?.push(constant === undefined ? { path } : { constant: constantOf(text, constant) });
    if (next === '|') ways.push([]);
  }
  // A key may hold these signs itself.
  return right.includes('"') || (ways.length === 1 && ways[0]?.length === 1) ? ways : [[{ path: right }], ...ways];
}

function constantOf(text: string, constant: string): string {
  try {
    return parseDocument(constant) as string;
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    throw wrong(text, 'has a constant that is not one text in double quotes');
  }
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

/** What the first way of a map leads to that is not empty; where all are empty, what the first of them does. */
export function firstOf(
  values: Readonly<Record<string, SourceValue>>,
  { field, ways }: Pick<Mapping, 'field' | 'ways'>,
): (Found & { readonly name: string }) | undefined {
  let empty: (Found & { readonly name: string }) | undefined;
  for (const parts of ways) {
    const found = together(values, field, parts);
    if (found === undefined) continue;
    if (found.value !== null && found.value !== '') return found;
    empty ??= found;
  }
  return empty;
}

/** One part as it is, or the texts of several; nothing where one of them is nothing. */
function together(
  values: Readonly<Record<string, SourceValue>>,
  field: MappedField,
  parts: readonly Part[],
): (Found & { readonly name: string }) | undefined {
  const found = parts.map((part) =>
    'constant' in part ? { value: part.constant, key: undefined, name: field } : pathFound(values, part.path),
  );
  if (found.length === 1) return found[0];
  if (found.includes(undefined)) return undefined;
  const texts = found.map((one) => textOf(one?.value, one?.name ?? field) ?? '');
  const value = texts.includes('') ? null : texts.join('');
  return { value, key: undefined, name: found.find((one) => one?.name !== field)?.name ?? field };
}

function pathFound(
  values: Readonly<Record<string, SourceValue>>,
  path: string,
): (Found & { readonly name: string }) | undefined {
  const found = follow(values, path);
  return found && { ...found, name: path };
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
  if (Array.isArray(document)) return keyedMember(document, path);
  return undefined;
}

/** The value of a member that says its key, as OpenTelemetry has them: `{"key": "user.id", "value": {"stringValue": "7"}}`. */
function keyedMember(list: readonly unknown[], key: string): SourceValue | undefined {
  const member = list.find((one) => isJsonObject(one) && one['key'] === key && Object.hasOwn(one, 'value'));
  if (!isJsonObject(member)) return undefined;
  const { value } = member;
  const [only, ...others] = isJsonObject(value) ? Object.entries(value) : [];
  return only !== undefined && others.length === 0 && /^[a-z]+Value$/.test(only[0]) ? only[1] : value;
}

function readText(text: string): unknown {
  try {
    return parseDocument(text);
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    return undefined;
  }
}
