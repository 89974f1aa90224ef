import { changedFields } from '../core/diff.js';
import type { JsonText } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { ImportedEntry, SourceRecord, SourceTime, SourceValue } from '../core/import.js';
import { documentText, isJsonObject, parseDocument, shown } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { required, textOf } from './values.js';

/** What the formats share that tell of rows before and after a change: their entries look as capture makes them. */

export type RowAction = 'create' | 'update' | 'delete';

/** One change of one row, as such a trail has it. */
export interface RowChange {
  /** Of the entry. */
  readonly id: string;
  readonly time: SourceTime;
  readonly action: RowAction;
  readonly type: string;
  /** The id of the row before and after; null where there is none, or it is not known. */
  readonly oldId: string | null;
  readonly newId: string | null;
  readonly before: JsonText | null;
  readonly after: JsonText | null;
  /** JSON; null where the trail does not say: then they are computed from the values of an update. */
  readonly changed: JsonText | null;
  /** Who, why, and in which unit of work. */
  readonly fields: Partial<ImportedEntry['fields']>;
  readonly metadata: ReadonlyMap<string, SourceValue>;
}

/** The entry of a row's change; another key makes two, as capture does: what the row was, gone, and what it is, come. */
export function rowEntries(change: RowChange): ImportedEntry[] {
  const { id, time, action, type, oldId, newId, before, after } = change;
  const changed =
    change.changed ??
    (action === 'update' && before !== null && after !== null ? JSON.stringify(changedFields(before, after)) : null);
  const entry = (
    name: string,
    own: Pick<ImportedEntry['fields'], 'action' | 'entity_id' | 'message' | 'old_values' | 'new_values'>,
    more: readonly (readonly [string, string])[] = [],
  ): ImportedEntry => ({
    id: name,
    time,
    fields: {
      ...change.fields,
      entity_type: type,
      changed_fields: own.action === 'delete' && action === 'update' ? null : changed,
      metadata: sourceObject(new Map([...change.metadata, ...more])),
      ...own,
    },
  });
  if (action === 'update' && oldId !== null && newId !== null && oldId !== newId) {
    const gone = { action: 'delete', entity_id: oldId, message: `${type} ${oldId} became ${newId}` };
    const come = { action: 'create', entity_id: newId, message: `${type} ${newId} was ${oldId}` };
    return [
      entry(id, { ...gone, old_values: before, new_values: null }, [['key_changed_to', newId]]),
      entry(`${id}:key`, { ...come, old_values: null, new_values: after }, [['key_changed_from', oldId]]),
    ];
  }
  const entityId = (action === 'delete' ? oldId : newId) ?? newId ?? oldId;
  const message = changeMessage(action, entityId === null ? type : `${type} ${entityId}`, changed);
  return [entry(id, { action, entity_id: entityId, message, old_values: before, new_values: after })];
}

/** What a change is called for people: `name, email of users 42 changed`, and never longer than a page. */
export function changeMessage(action: string, title: string, changed: JsonText | null): string {
  if (action !== 'update') return `${title} ${action.replace(/e?$/, 'ed')}`;
  if (changed === null) return `${title} changed`;
  return `${namesText(JSON.parse(changed) as string[])} of ${title} changed`;
}

/** As long as no table's columns are; a document may have tens of thousands of paths. */
const LONGEST = 2000;
const NAMED = 5;
const LONGEST_NAME = 60;

/** All names, or the first of very many and how many more there are. */
function namesText(names: readonly string[]): string {
  const text = names.join(', ');
  if (names.length === 0) return 'nothing';
  if (text.length <= LONGEST) return text;
  const first = names.slice(0, NAMED).map((name) => Array.from(name).slice(0, LONGEST_NAME).join(''));
  return first.join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');
}

/** The key of a row, in the form of capture; null where its values do not hold it. */
export function keyIn(values: JsonText | null, columns: readonly string[]): string | null {
  const row = values === null ? null : parseDocument(values);
  if (!isJsonObject(row)) return null;
  const parts = columns.map((name) => (Object.hasOwn(row, name) ? row[name] : null) ?? null);
  return parts.includes(null) ? null : keyText(parts);
}

/** The values of a key as the id of an entity: one as its text, several as a JSON array. */
export function keyText(parts: JsonDocument[]): string {
  const [first] = parts;
  if (parts.length > 1 || first === undefined) return documentText(parts);
  return typeof first === 'string' ? first : documentText(first);
}

const KEY_OF_TABLE = /\s*([^(),]+?)\s*\(([^()]*)\)\s*(?:,|$)/y;

/**
 * The columns of each table's key: `memberships(user_id, organization_id), sessions(token)`.
 * Throws kind `usage` for anything else.
 */
export function rowKeys(
  setting: string | undefined,
  known: Readonly<Record<string, readonly string[]>> = {},
): (type: string) => readonly string[] {
  const keys = new Map(Object.entries(known));
  const text = setting ?? '';
  for (let end = 0; end < text.length;) {
    KEY_OF_TABLE.lastIndex = end;
    const [whole, table = '', columns = ''] = KEY_OF_TABLE.exec(text) ?? [];
    const names = columns.split(',').map((name) => name.trim());
    if (whole === undefined || names.includes('')) {
      throw new DaybookError(
        'usage',
        `--key ${shown(text)} is not table(column, …), such as memberships(user_id, organization_id)`,
      );
    }
    keys.set(table, names);
    end += whole.length;
  }
  return (type) => keys.get(type) ?? ['id'];
}

/** The type of a table's rows: tables of another schema than `public` carry it in front. */
export function tableType(record: SourceRecord, schemaColumn: string): string {
  const table = required(record, 'table_name');
  const schema = textOf(record.values[schemaColumn], schemaColumn);
  return schema === null || schema === '' || schema === 'public' ? table : `${schema}.${table}`;
}

/** What a word of the source means. Throws kind `data` for one that is not known. */
export function meaningOf<Meaning>(
  record: SourceRecord,
  name: string,
  words: Readonly<Record<string, Meaning>>,
): Meaning {
  const word = required(record, name).toUpperCase();
  const meaning = Object.hasOwn(words, word) ? words[word] : undefined;
  if (meaning !== undefined) return meaning;
  throw new DaybookError('data', `${name} ${shown(word)} is not one of ${Object.keys(words).join(', ')}`);
}

/**
 * What the other columns hold, under their names, for metadata: nothing is dropped, and whatever the next version of the
 * source adds is kept. Numbers become text, so that CSV and JSON lines say the same.
 */
export function otherColumns(record: SourceRecord, told: ReadonlySet<string>): Map<string, SourceValue> {
  const others = new Map<string, SourceValue>();
  for (const [name, value] of Object.entries(record.values)) {
    if (told.has(name) || value === null || value === '') continue;
    const isDocument = Array.isArray(value) || isJsonObject(value);
    others.set(name, isDocument || value instanceof Uint8Array ? value : textOf(value, name));
  }
  return others;
}

/** Long enough for nanoseconds, and for every serial number. */
const FINER_DIGITS = 9;
const SERIAL_DIGITS = 20;

/** A time of which many rows have the same, in order by their serial numbers whatever order they come in. */
export function serialTime(time: SourceTime, serial: string): SourceTime {
  if (!/^\d+$/.test(serial)) return time;
  const finer = time.finer.padEnd(FINER_DIGITS, '0') + serial.padStart(SERIAL_DIGITS, '0');
  return { ms: time.ms, finer, exact: time.finer };
}

/** The entry of a table that was emptied at once: it says nothing of the rows. */
export function truncation({
  id,
  time,
  type,
  fields,
  metadata,
}: Pick<RowChange, 'id' | 'time' | 'type' | 'fields' | 'metadata'>): ImportedEntry {
  const own = { action: 'truncate', entity_type: type, message: `${type} emptied`, metadata: sourceObject(metadata) };
  return { id, time, fields: { ...fields, ...own } };
}
