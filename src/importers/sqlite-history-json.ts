import { DaybookError } from '../core/errors.js';
import type { ImportFormat, ImportSettings, SourceRecord } from '../core/import.js';
import { sourceJson, sourceObject } from '../core/import.js';
import { isJsonObject, parseDocument } from '../core/json.js';
import type { JsonDocument, JsonObject } from '../core/json.js';
import { changeMessage, keyText, meaningOf, otherColumns } from './row-changes.js';
import type { RowAction } from './row-changes.js';
import { timeReader } from './time-formats.js';
import { objectOf, optional, required } from './values.js';

const PREFIX = '_history_json_';

const OPERATIONS: Readonly<Record<string, RowAction>> = { INSERT: 'create', UPDATE: 'update', DELETE: 'delete' };

const TOLD = ['id', 'timestamp', 'operation', 'updated_values', 'group'];

/** A history that sqlite-history-json keeps of one table. It has new values only: those that an update does not change are not in it. */
export const sqliteHistoryJson: ImportFormat = {
  name: 'sqlite-history-json',
  description: 'a history of sqlite-history-json: one of the tables _history_json_…, with --table',
  kinds: ['sqlite'],
  source: 'sqlite-history-json',
  needs: ['id', 'timestamp', 'operation', 'updated_values'],
  settings: ['entityType', 'timeFormat'],
  inOrder: true,
  reader: ({ source, table = '', entityType, assumedZone = 'UTC', timeFormat, lookup }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    if (!table.startsWith(PREFIX)) {
      const hint = `… --table ${PREFIX}${table}`;
      throw new DaybookError('usage', `table ${table} is no history: their names begin with ${PREFIX}`, { hint });
    }
    const followed = table.slice(PREFIX.length);
    const type = entityType ?? followed;
    const noteOf = groupNotes(lookup);
    return (record) => {
      const columns = Object.keys(record.values).filter((name) => name.startsWith('pk_'));
      const key = columns.map(
        (name) => [name.slice('pk_'.length), parseDocument(sourceJson(record.values[name]))] as const,
      );
      const entityId = keyText(key.map(([, value]) => value));
      const action = meaningOf(record, 'operation', OPERATIONS);
      const updated = plainValues(record);
      const values = action === 'create' ? { ...Object.fromEntries(key), ...updated } : updated;
      const changed = action === 'update' && updated !== null ? JSON.stringify(Object.keys(updated)) : null;
      const group = optional(record, 'group');
      const note = group === null ? null : noteOf(group);
      const metadata = otherColumns(record, new Set([...TOLD, ...columns]));
      if (note !== null) metadata.set('reason', note);
      return [
        {
          // Each history counts from 1.
          id: `${source}:${followed}:${required(record, 'id')}`,
          time: readTime(record.values['timestamp'], 'timestamp'),
          fields: {
            action,
            entity_type: type,
            entity_id: entityId,
            message: changeMessage(action, `${type} ${entityId}`, changed),
            new_values: values === null ? null : sourceObject(Object.entries(values)),
            changed_fields: changed,
            correlation_id: group === null ? null : `${source}:${group}`,
            metadata: sourceObject(metadata),
          },
        },
      ];
    };
  },
};

/** The note of a group; always null in a history from before changes could be grouped. */
function groupNotes(lookup: ImportSettings['lookup']): (group: string) => string | null {
  let notes: ((group: string) => string | null) | undefined;
  return (group) => (notes ??= lookup?.('_history_json', 'id', 'note') ?? (() => null))(group);
}

/** The new values; nothing is written `{"null": 1}` there, and a BLOB `{"hex": "00FF"}`, which becomes what capture makes of one. */
function plainValues(record: SourceRecord): JsonObject | null {
  const text = objectOf(record.values['updated_values'], 'updated_values');
  if (text === null) return null;
  const values = Object.entries(parseDocument(text) as JsonObject);
  return Object.fromEntries(values.map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: JsonDocument): JsonDocument {
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, 'null')) return null;
  return typeof value['hex'] === 'string' ? { $blob: value['hex'].toLowerCase() } : value;
}
