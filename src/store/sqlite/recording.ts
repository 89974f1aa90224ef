import { DaybookError } from '../../core/errors.js';
import type { Entry, NewEntry } from '../../core/entry.js';
import { JSON_FIELDS } from '../../core/entry.js';
import { newId } from '../../core/identifiers.js';
import { sameDocument } from '../../core/json.js';
import { formatTimestamp } from '../../core/timestamp.js';
import type { RecordOutcome, RecordRequest } from '../audit-store.js';
import type { Connection } from './connection.js';
import { findEntry } from './pages.js';

const COLUMNS: readonly (keyof NewEntry)[] = [
  'id',
  'ts',
  'recorded_at',
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'actor_name',
  'recorded_by',
  'scope',
  'entity_type',
  'entity_id',
  'entity_name',
  'message',
  'metadata',
  'old_values',
  'new_values',
  'changed_fields',
  'correlation_id',
  'reverts',
  'source',
];

const INSERT = `INSERT INTO daybook_entries (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})`;

/** Inserts entries one after the other into the transaction that is open, with one prepared statement. */
export function inserter(
  connection: Connection,
  clock: () => number,
): (entry: NewEntry) => { seq: number; id: string } {
  const insert = connection.prepare(INSERT);
  return (entry) => {
    const id = entry.id ?? newId();
    const ts = entry.ts ?? formatTimestamp(clock());
    const values = COLUMNS.map((column) => (column === 'id' ? id : column === 'ts' ? ts : entry[column]));
    return { seq: Number(insert.run(values).lastInsertRowid), id };
  };
}

/** Records what is not there yet; an id that is there already is compared instead. Runs in the open transaction. */
export function recordEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
  stopAtConflict: boolean,
  clock: () => number,
): RecordOutcome[] {
  const insert = inserter(connection, clock);
  const outcomes: RecordOutcome[] = [];
  for (const { entry, given } of requests) {
    const known = entry.id === null ? undefined : findEntry(connection, { id: entry.id });
    if (known === undefined) {
      outcomes.push({ outcome: 'recorded', ...insert(entry) });
      continue;
    }
    const fields = given.filter((field) => !sameValue(field, entry[field], known[field]));
    const { seq, id } = known;
    outcomes.push(fields.length === 0 ? { outcome: 'skipped', seq, id } : { outcome: 'conflict', seq, id, fields });
    if (stopAtConflict && fields.length > 0) break;
  }
  return outcomes;
}

function sameValue(field: keyof NewEntry, given: string | null, known: string | null): boolean {
  if (given === known) return true;
  return JSON_FIELDS.has(field) && given !== null && known !== null && sameDocument(given, known);
}

/** Records an entry that takes back another. Runs in the open transaction, so that two cannot both be the one. */
export function recordRevert(
  connection: Connection,
  entry: NewEntry & { readonly reverts: string },
  clock: () => number,
): Entry {
  const target = findEntry(connection, { id: entry.reverts });
  if (target === undefined) throw new DaybookError('missing', `no entry ${entry.reverts}`);
  if (target.reverted_by !== null) {
    const by = findEntry(connection, { id: target.reverted_by });
    throw new DaybookError(
      'refused',
      `entry ${target.seq} is taken back already, by entry ${by?.seq ?? target.reverted_by}`,
      {
        hint: `daybook show ${by?.seq ?? target.reverted_by}`,
      },
    );
  }
  const { seq } = inserter(connection, clock)(entry);
  const recorded = findEntry(connection, { seq });
  if (recorded === undefined) throw new DaybookError('failed', `entry ${seq} was recorded and cannot be read`);
  return recorded;
}
