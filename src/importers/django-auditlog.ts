import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { ImportFormat, ImportSettings, SourceRecord, SourceValue } from '../core/import.js';
import { isJsonObject, parseDocument, shown } from '../core/json.js';
import type { JsonDocument, JsonObject } from '../core/json.js';
import { importedId } from './ids.js';
import { changeMessage, meaningOf, otherColumns, serialTime } from './row-changes.js';
import { timeReader } from './time-formats.js';
import { optional, required } from './values.js';

const ACTIONS = { '0': 'create', '1': 'update', '2': 'delete', '3': 'access' } as const;

const TOLD = new Set([
  'id',
  'object_pk',
  'object_repr',
  'action',
  'changes',
  'changes_text',
  'timestamp',
  'actor_id',
  'actor_email',
  'username',
  'cid',
  'app_label',
  'model',
  'object_id',
  'additional_data',
  'serialized_data',
]);

/** django-auditlog's log entries. Their values are what Django's `str` makes of them: nothing is `"None"`. */
export const djangoAuditlog: ImportFormat = {
  name: 'django-auditlog',
  description: "django-auditlog's table auditlog_logentry, best with app_label, model and username joined to it",
  kinds: ['sqlite', 'csv', 'ndjson'],
  table: 'auditlog_logentry',
  source: 'django-auditlog',
  needs: ['id', 'object_pk', 'action', 'changes', 'timestamp', 'content_type_id'],
  settings: ['timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, lookup }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    const modelOf = modelReader(lookup);
    const nameOf = found(lookup, 'auth_user', 'id', 'username');
    return (record) => {
      const serial = required(record, 'id');
      const action = meaningOf(record, 'action', ACTIONS);
      const type = modelOf(record);
      const key = required(record, 'object_pk');
      const actorId = optional(record, 'actor_id');
      const email = optional(record, 'actor_email');
      const actor = actorId ?? email;
      const { changes, leftText } = changesOf(record);
      const { before, after, changed, others } = valuesOf(changes, action);
      const metadata = otherColumns(record, TOLD);
      if (email !== null && email !== actor) metadata.set('actor_email', email);
      const objectId = optional(record, 'object_id');
      if (objectId !== null && objectId !== key) metadata.set('object_id', objectId);
      for (const name of ['additional_data', 'serialized_data']) {
        const document = documentIn(record.values[name], name);
        if (document !== null) metadata.set(name, document);
      }
      if (others !== null) metadata.set('changes', others);
      if (leftText !== null) metadata.set('changes_text', leftText);
      return [
        {
          id: importedId(source, serial),
          time: serialTime(readTime(record.values['timestamp'], 'timestamp'), serial),
          unmatched: leftText !== null && changes === null,
          fields: {
            action,
            ...(actor !== null && { actor, actor_type: 'user' }),
            actor_name: optional(record, 'username') ?? (actorId === null ? null : nameOf(actorId)),
            entity_type: type,
            entity_id: key,
            entity_name: optional(record, 'object_repr'),
            message: changeMessage(action, `${type} ${key}`, changed),
            old_values: before,
            new_values: after,
            changed_fields: changed,
            correlation_id: optional(record, 'cid'),
            metadata: sourceObject(metadata),
          },
        },
      ];
    };
  },
};

/** `shop.product`: joined to the record, else from the table of content types, else by its number. */
function modelReader(lookup: ImportSettings['lookup']): (record: SourceRecord) => string {
  const appOf = found(lookup, 'django_content_type', 'id', 'app_label');
  const nameOf = found(lookup, 'django_content_type', 'id', 'model');
  return (record) => {
    const number = required(record, 'content_type_id');
    const app = optional(record, 'app_label') ?? appOf(number);
    const model = optional(record, 'model') ?? nameOf(number);
    return app === null || model === null ? `content_type.${number}` : `${app}.${model}`;
  };
}

/** Looks into another table of the source; always null where there is none: a text has no tables, and users may live elsewhere. */
function found(
  lookup: ImportSettings['lookup'],
  table: string,
  key: string,
  value: string,
): (id: string) => string | null {
  return lookup?.(table, key, value, true) ?? (() => null);
}

/** What changed, and the text of old rows where it is not that. Throws kind `data` for changes that are no object. */
function changesOf(record: SourceRecord): { readonly changes: JsonObject | null; readonly leftText: string | null } {
  const text = optional(record, 'changes_text');
  const changes = documentIn(record.values['changes'], 'changes');
  if (isJsonObject(changes)) return { changes, leftText: text };
  if (changes !== null) throw new DaybookError('data', `changes ${shown(changes)} is not a JSON object`);
  // Before its version 3 changes were a text, and rows that were not converted still have it.
  const old = documentIn(record.values['changes_text'], 'changes_text');
  return isJsonObject(old) ? { changes: old, leftText: null } : { changes: null, leftText: text };
}

/** A document, also as JSON text within JSON, which some versions wrote; what is no JSON stays a text. */
function documentIn(value: SourceValue | undefined, name: string): JsonDocument {
  let document = value;
  while (typeof document === 'string' && document !== '') {
    try {
      document = parseDocument(document);
    } catch (error) {
      if (error instanceof DaybookError) return document as string;
      throw error;
    }
  }
  if (typeof document === 'number' || typeof document === 'bigint' || document instanceof Uint8Array) {
    throw new DaybookError('data', `${name} is not JSON`);
  }
  return document === undefined || document === '' ? null : document;
}

type Action = (typeof ACTIONS)[keyof typeof ACTIONS];

/** Values before and after of the fields that have both; what has another shape, as many-to-many changes, is kept whole. */
function valuesOf(changes: JsonObject | null, action: Action) {
  const pairs = Object.entries(changes ?? {}).filter(
    (entry): entry is [string, [JsonDocument, JsonDocument]] => Array.isArray(entry[1]) && entry[1].length === 2,
  );
  const others = Object.entries(changes ?? {}).filter(([name]) => !pairs.some(([pair]) => pair === name));
  const side = (which: 0 | 1, isNothing: boolean): string | null => {
    const values = pairs.map(([name, pair]) => [name, pair[which]] as const);
    // What a new object was before, and a deleted one is now, is nothing in every field.
    if (pairs.length === 0 || (isNothing && values.every(([, value]) => value === 'None' || value === null)))
      return null;
    return sourceObject(values);
  };
  return {
    before: side(0, action === 'create'),
    after: side(1, action === 'delete'),
    changed: action === 'update' && changes !== null ? JSON.stringify(Object.keys(changes)) : null,
    others: others.length === 0 ? null : Object.fromEntries(others),
  };
}
