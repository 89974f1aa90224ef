import { sourceObject } from '../core/import.js';
import type { ImportedEntry, ImportFormat, SourceRecord } from '../core/import.js';
import { documentText, parseDocument } from '../core/json.js';
import type { JsonObject } from '../core/json.js';
import { importedId } from './ids.js';
import { keyIn, meaningOf, otherColumns, rowEntries, rowKeys, serialTime } from './row-changes.js';
import type { RowAction, RowChange } from './row-changes.js';
import { timeReader } from './time-formats.js';
import { listOf, objectOf, optional, required } from './values.js';

const ACTIONS: Readonly<Record<string, RowAction | 'deprecated'>> = {
  INSERT: 'create',
  UPDATE: 'update',
  DELETE: 'delete',
  // A change of a revision that was not the latest any more: it was refused, and is recorded.
  DEPRECATED: 'deprecated',
};

const TOLD = new Set([
  'id',
  'table_name',
  'record_id',
  'action',
  'old_values',
  'new_values',
  'changed_fields',
  'user_id',
  'actor_email',
  'actor_type',
  'migration_name',
  'created_at',
]);

/** Rows of audit_logs, which triggers on the tables of ProConnect write. */
export const auditLogs: ImportFormat = {
  name: 'audit-logs',
  description: "row changes by trigger: ProConnect's table audit_logs, exported from PostgreSQL",
  kinds: ['csv', 'ndjson'],
  source: 'audit-logs',
  needs: ['id', 'table_name', 'record_id', 'action', 'created_at'],
  settings: ['key', 'timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, key }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    // Its record_id is one number: of a membership that is the user's.
    const keyOf = rowKeys(key, { users_organizations: ['user_id', 'organization_id'] });
    return (record) => {
      const id = required(record, 'id');
      const type = required(record, 'table_name');
      const before = objectOf(record.values['old_values'], 'old_values');
      const after = objectOf(record.values['new_values'], 'new_values');
      const recordId = optional(record, 'record_id');
      const [oldId, newId] = [keyIn(before, keyOf(type)), keyIn(after, keyOf(type))];
      const { actor, actorType, told } = whoActed(record);
      const others = otherColumns(record, TOLD);
      if (recordId !== null && recordId !== (newId ?? oldId)) told.set('record_id', recordId);
      const change = {
        id: importedId(source, id),
        // All rows of a transaction have its time.
        time: serialTime(readTime(record.values['created_at'], 'created_at'), id),
        type,
        oldId: oldId ?? recordId,
        newId: newId ?? recordId,
        before,
        after,
        changed: listOf(record.values['changed_fields'], 'changed_fields'),
        fields: { actor, actor_type: actorType, correlation_id: optional(record, 'migration_name') },
        metadata: new Map([...others, ...told]),
      };
      const action = meaningOf(record, 'action', ACTIONS);
      const made = action === 'deprecated' ? [refusedChange(change)] : rowEntries({ ...change, action });
      const scope = others.get('scope');
      // Earlier versions had it among the metadata.
      return typeof scope !== 'string' || !/^[^:]+:./s.test(scope)
        ? made
        : Array.from(made, (entry) => ({ ...inScope(entry, scope), earlier: [{ fields: entry.fields }] }));
    };
  },
};

/** What was to be changed and was not: no change, and so without changed fields. */
function refusedChange({
  id,
  time,
  type,
  newId,
  before,
  after,
  fields,
  metadata,
}: Omit<RowChange, 'action'>): ImportedEntry {
  const own = {
    action: 'deprecated',
    entity_type: type,
    entity_id: newId,
    message: `a change of ${type} ${newId ?? ''} was refused: its revision was not the latest`,
    old_values: before,
    new_values: after,
    changed_fields: null,
    metadata: sourceObject(metadata),
  };
  return { id, time, fields: { ...fields, ...own } };
}

function inScope(entry: ImportedEntry, scope: string): ImportedEntry {
  const { scope: _, ...metadata } = parseDocument(entry.fields.metadata ?? '{}') as JsonObject;
  return { ...entry, fields: { ...entry.fields, scope, metadata: documentText(metadata) } };
}

/**
 * Who acted, and what the columns say beyond that. A change without context has no actor and the type `system`, or that
 * of the column's default, which has its quotes: nobody said who it was, and so it is unknown.
 */
function whoActed(record: SourceRecord): { actor: string; actorType: string; told: Map<string, string> } {
  const stored = optional(record, 'actor_type');
  const said = stored?.replace(/^'(.*)'$/s, '$1') ?? 'unknown';
  const email = optional(record, 'actor_email');
  const userId = optional(record, 'user_id');
  const actor = email ?? userId ?? 'unknown';
  let actorType = said;
  if (said === 'system' || said === 'unknown') {
    if (optional(record, 'migration_name') !== null) actorType = 'migration';
    else if (actor === 'unknown') actorType = 'unknown';
  }
  const told = new Map<string, string>();
  if (stored !== null && stored !== actorType) told.set('actor_type', stored);
  if (userId !== null && userId !== actor) told.set('user_id', userId);
  return { actor, actorType, told };
}
