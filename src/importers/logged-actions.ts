import type { JsonText } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { ImportFormat, SourceRecord } from '../core/import.js';
import { shown } from '../core/json.js';
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

const ACTIONS: Readonly<Record<string, RowAction | 'truncate'>> = {
  I: 'create',
  U: 'update',
  D: 'delete',
  T: 'truncate',
};

const TOLD = new Set([
  'event_id',
  'schema_name',
  'table_name',
  'session_user_name',
  'action_tstamp_tx',
  'action_tstamp_stm',
  'action_tstamp_clk',
  'transaction_id',
  'action',
  'row_data',
  'changed_fields',
]);

/** The rows of 2ndQuadrant's audit trigger: `row_data` is the new row of an insert, else the old one; all is hstore. */
export const loggedActions: ImportFormat = {
  name: 'logged-actions',
  description: "2ndQuadrant's table audit.logged_actions, exported from PostgreSQL",
  kinds: ['csv', 'ndjson'],
  source: 'logged-actions',
  needs: ['event_id', 'schema_name', 'table_name', 'action_tstamp_tx', 'action', 'row_data', 'changed_fields'],
  settings: ['key', 'timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, key }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    const keyOf = rowKeys(key);
    return (record) => {
      const serial = required(record, 'event_id');
      const id = importedId(source, serial);
      const clock = ['action_tstamp_clk', 'action_tstamp_stm'].find((name) => optional(record, name) !== null);
      const column = clock ?? 'action_tstamp_tx';
      const time = serialTime(readTime(record.values[column], column), serial);
      const action = meaningOf(record, 'action', ACTIONS);
      const type = tableType(record, 'schema_name');
      const metadata = otherColumns(record, TOLD);
      const user = optional(record, 'session_user_name');
      const transaction = optional(record, 'transaction_id');
      const fields = {
        ...(user !== null && { actor: user, actor_type: 'user' }),
        // A serial number, as ids are.
        correlation_id: transaction === null ? null : `${source}:${transaction}`,
      };
      if (action === 'truncate') return [truncation({ id, time, type, fields, metadata })];
      const row = rowOf(record, 'row_data');
      const changes = rowOf(record, 'changed_fields');
      const before = action === 'create' ? null : row;
      const after = action === 'create' ? row : action === 'delete' ? null : merged(row, changes);
      return rowEntries({
        id,
        time,
        action,
        type,
        oldId: keyIn(jsonOf(before), keyOf(type)),
        newId: keyIn(jsonOf(after), keyOf(type)),
        before: jsonOf(before),
        after: jsonOf(after),
        changed: action === 'update' && changes !== null ? JSON.stringify([...changes.keys()]) : null,
        fields,
        metadata,
      });
    };
  },
};

/** The columns of a row, by name: what hstore holds are texts and nulls. */
type Row = ReadonlyMap<string, string | null>;

function merged(row: Row | null, changes: Row | null): Row | null {
  return row === null ? changes : new Map([...row, ...(changes ?? [])]);
}

function jsonOf(row: Row | null): JsonText | null {
  if (row === null) return null;
  const members = Array.from(row, ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}

/** `"id"=>"1", "name"=>NULL`, or the same as a JSON object; null where it is missing. Throws kind `data` for anything else. */
function rowOf(record: SourceRecord, name: string): Row | null {
  const value = record.values[name];
  if (value === undefined || value === null || value === '') return null;
  const pairs =
    typeof value === 'string' && !value.startsWith('{') ? hstorePairs(value) : jsonPairs(objectOf(value, name));
  if (pairs === undefined) throw new DaybookError('data', `${name} ${shown(String(value))} is not hstore`);
  return new Map(pairs);
}

function jsonPairs(json: JsonText | null): [string, string | null][] | undefined {
  const members = Object.entries(JSON.parse(json ?? '{}') as Record<string, unknown>);
  const isFlat = members.every(([, value]) => value === null || typeof value === 'string');
  return isFlat ? (members as [string, string | null][]) : undefined;
}

const TEXT = String.raw`"((?:[^"\\]|\\.)*)"`;
const PAIR = new RegExp(String.raw`\s*${TEXT}\s*=>\s*(?:${TEXT}|NULL)\s*(,|$)`, 'giy');

function hstorePairs(text: string): [string, string | null][] | undefined {
  const pairs: [string, string | null][] = [];
  const plain = (quoted: string): string => quoted.replaceAll(/\\(.)/gs, '$1');
  for (let end = 0; end < text.length; end = PAIR.lastIndex) {
    PAIR.lastIndex = end;
    const found = PAIR.exec(text);
    if (found === null) return undefined;
    const [, name = '', value, separator] = found;
    pairs.push([plain(name), value === undefined ? null : plain(value)]);
    if (separator === ',' && PAIR.lastIndex === text.length) return undefined;
  }
  return pairs;
}
