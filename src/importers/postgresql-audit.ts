import type { JsonText } from '../core/entry.js';
import type { ImportFormat } from '../core/import.js';
import { documentText, parseDocument } from '../core/json.js';
import type { JsonObject } from '../core/json.js';
import { importedId } from './ids.js';
import {
  keyIn,
  meaningOf,
  otherColumns,
  rowEntries,
  rowKeys,
  serialTime,
  tableType,
  truncation,
} from './row-changes.js';
import type { RowAction } from './row-changes.js';
import { timeReader } from './time-formats.js';
import { objectOf, optional, required } from './values.js';

const VERBS: Readonly<Record<string, RowAction | 'truncate'>> = {
  INSERT: 'create',
  UPDATE: 'update',
  DELETE: 'delete',
  TRUNCATE: 'truncate',
};

const TOLD = new Set([
  'id',
  'table_name',
  'issued_at',
  'verb',
  'old_data',
  'changed_data',
  'transaction_id',
  'actor_id',
]);

/** postgresql-audit's activity, joined with its transaction, which knows who acted. */
export const postgresqlAudit: ImportFormat = {
  name: 'postgresql-audit',
  description:
    "postgresql-audit's table activity, exported from PostgreSQL with actor_id and client_addr of transaction",
  kinds: ['csv', 'ndjson'],
  source: 'postgresql-audit',
  needs: ['id', 'table_name', 'issued_at', 'verb', 'old_data', 'changed_data'],
  settings: ['key', 'timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, key }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    const keyOf = rowKeys(key);
    return (record) => {
      const serial = required(record, 'id');
      const id = importedId(source, serial);
      const time = serialTime(readTime(record.values['issued_at'], 'issued_at'), serial);
      const action = meaningOf(record, 'verb', VERBS);
      const type = tableType(record, 'schema_name');
      const metadata = otherColumns(record, TOLD);
      const actor = optional(record, 'actor_id');
      const transaction = optional(record, 'transaction_id');
      const fields = {
        ...(actor !== null && { actor, actor_type: 'user' }),
        // A serial number, as ids are.
        correlation_id: transaction === null ? null : `${source}:${transaction}`,
      };
      if (action === 'truncate') return [truncation({ id, time, type, fields, metadata })];
      const old = objectOf(record.values['old_data'], 'old_data') ?? '{}';
      const changes = objectOf(record.values['changed_data'], 'changed_data') ?? '{}';
      const before = action === 'create' ? null : old;
      const after = action === 'delete' ? null : merged(old, changes);
      return rowEntries({
        id,
        time,
        action,
        type,
        oldId: keyIn(before, keyOf(type)),
        newId: keyIn(after, keyOf(type)),
        before,
        after,
        changed: action === 'update' ? JSON.stringify(Object.keys(parseDocument(changes) as JsonObject)) : null,
        fields,
        metadata,
      });
    };
  },
};

/** The row after a change: changed_data has only the columns that differ. */
function merged(before: JsonText, changes: JsonText): JsonText {
  return documentText({ ...(parseDocument(before) as JsonObject), ...(parseDocument(changes) as JsonObject) });
}
