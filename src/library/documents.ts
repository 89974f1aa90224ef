import type { LosslessNumber } from 'lossless-json';
import { JSON_FIELDS } from '../core/entry.js';
import type { Entry, HistoryEntry, JsonText } from '../core/entry.js';
import { parseMade } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';

/** How the documents of entries come out: as values of `JSON.parse`, as text, or as values whose numbers keep every digit. */
export type DocumentForm = 'values' | 'text' | 'lossless';

export const DOCUMENT_FORMS: readonly DocumentForm[] = ['values', 'text', 'lossless'];

/** A value as `JSON.parse` gives it: a number beyond 2^53 has lost digits. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** A value whose numbers keep the text that they were written with. */
export type LosslessValue =
  null | boolean | LosslessNumber | string | LosslessValue[] | { [key: string]: LosslessValue };

/** A document in the form that a trail was opened with. */
export type DocumentOf<Form extends DocumentForm> = Form extends 'text'
  ? JsonText
  : { [key: string]: Form extends 'lossless' ? LosslessValue : JsonValue };

/** Any JSON value in that form. */
export type ValueOf<Form extends DocumentForm> = Form extends 'text'
  ? JsonText
  : Form extends 'lossless'
    ? LosslessValue
    : JsonValue;

/** An entry as it was recorded. Times are UTC text, `2026-03-05T14:07:09.123Z`. */
export interface TrailEntry<Form extends DocumentForm = 'values'> extends Omit<
  Entry,
  'metadata' | 'old_values' | 'new_values' | 'changed_fields'
> {
  readonly metadata: DocumentOf<Form>;
  readonly old_values: DocumentOf<Form> | null;
  readonly new_values: DocumentOf<Form> | null;
  readonly changed_fields: (Form extends 'text' ? JsonText : readonly string[]) | null;
  /** The id of the entry that took it back. */
  readonly reverted_by: string | null;
}

/** A document in the form that is asked for. */
export function documentAs(text: JsonText | null, form: DocumentForm): JsonText | JsonValue | JsonDocument {
  if (text === null || form === 'text') return text;
  return form === 'values' ? (JSON.parse(text) as JsonValue) : parseMade(text);
}

/** An entry with its documents in the form that is asked for. */
export function entryAs<Form extends DocumentForm>(entry: HistoryEntry, form: Form): TrailEntry<Form> {
  const documents = [...JSON_FIELDS].map((field) => [field, documentAs(entry[field] as JsonText | null, form)]);
  return { ...entry, ...Object.fromEntries(documents) } as TrailEntry<Form>;
}
