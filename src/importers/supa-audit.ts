import type { ImportFormat } from '../core/import.js';
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

const OPERATIONS: Readonly<Record<string, RowAction | 'truncate'>> = {
  INSERT: 'create',
  UPDATE: 'update',
  DELETE: 'delete',
  TRUNCATE: 'truncate',
};

const TOLD = new Set(['id', 'op', 'ts', 'table_name', 'record', 'old_record', 'auth_uid']);

/** supa_audit's record_version. It knows who acted only within Supabase. */
export const supaAudit: ImportFormat = {
  name: 'supa-audit',
  description: "supa_audit's table audit.record_version, exported from PostgreSQL",
  kinds: ['csv', 'ndjson'],
  source: 'supa-audit',
  needs: ['id', 'op', 'ts', 'table_schema', 'table_name', 'record', 'old_record'],
  settings: ['key', 'timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, key }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    const keyOf = rowKeys(key);
    return (record) => {
      const serial = required(record, 'id');
      const id = importedId(source, serial);
      const time = serialTime(readTime(record.values['ts'], 'ts'), serial);
      const action = meaningOf(record, 'op', OPERATIONS);
      const type = tableType(record, 'table_schema');
      const metadata = otherColumns(record, TOLD);
      const user = optional(record, 'auth_uid');
      const fields = user === null ? {} : { actor: user, actor_type: 'user' };
      if (action === 'truncate') return [truncation({ id, time, type, fields, metadata })];
      const before = objectOf(record.values['old_record'], 'old_record');
      const after = objectOf(record.values['record'], 'record');
      return rowEntries({
        id,
        time,
        action,
        type,
        // Its own ids say which versions are of one row, and not which row that is.
        oldId: keyIn(before, keyOf(type)) ?? optional(record, 'old_record_id'),
        newId: keyIn(after, keyOf(type)) ?? optional(record, 'record_id'),
        before,
        after,
        changed: null,
        fields,
        metadata,
      });
    };
  },
};
