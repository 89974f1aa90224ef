import type { NewEntry } from '../../../core/entry.js';
import { ENTRY_FIELDS } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { RecordRequest } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { GUARD_TRIGGERS, kept } from '../engine/index.js';

/** An entry that was inserted, with what SQLite said of it; undefined where a trigger kept it out. */
export interface Inserted {
  readonly request: RecordRequest;
  readonly recorded: { readonly seq: number; readonly id: string } | undefined;
}

/** What other triggers than our guards, by their text, stand on the table of entries: those of mirrors among them. */
export function furtherTriggers(connection: Connection): string[] {
  return kept<string[], string>(connection, FURTHER_TRIGGERS)
    .pluck()
    .all(...GUARD_TRIGGERS);
}

const FURTHER_TRIGGERS = `SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'daybook_entries' COLLATE NOCASE
  AND sql NOT IN (${GUARD_TRIGGERS.map(() => '?').join(', ')}) ORDER BY name`;

/**
 * Makes sure, where a trigger of somebody else's could have seen to the contrary, that entries are there as they were
 * given, and as `named` puts the directory's names into them. Runs in the transaction that recorded them, and behind the last
 * of them: a trigger may take any back.
 * Throws kind `failed`, so that none of them is recorded.
 */
export function expectRecorded(
  connection: Connection,
  inserted: readonly Inserted[],
  named: (entry: NewEntry, given: RecordRequest['given']) => NewEntry,
): void {
  const triggers = furtherTriggers(connection);
  if (triggers.length === 0 || inserted.length === 0) return;
  const rows = connection
    .prepare<[string], Record<string, unknown>>(
      `SELECT ${ENTRY_FIELDS.join(', ')} FROM daybook_entries WHERE seq IN (SELECT value FROM json_each(?))`,
    )
    .safeIntegers(false)
    .all(JSON.stringify(inserted.map(({ recorded }) => recorded?.seq)));
  const there = new Map(rows.map((row) => [row['seq'], row]));
  const isThere = ({ request: { entry, given }, recorded }: Inserted): boolean =>
    isAsGiven(named(entry, given), recorded, there.get(recorded?.seq));
  if (inserted.every(isThere)) return;
  throw notRecorded(inserted.length, triggers);
}

function isAsGiven(entry: NewEntry, recorded: Inserted['recorded'], row: Record<string, unknown> | undefined): boolean {
  if (recorded === undefined || row === undefined || row['id'] !== recorded.id) return false;
  return ENTRY_FIELDS.every((field) => {
    if (field === 'seq') return true;
    // The id may come from the schema, and the time from the clock.
    return row[field] === entry[field] || ((field === 'id' || field === 'ts') && entry[field] === null);
  });
}

/** The error for entries that SQLite has not taken as they were given, with triggers of somebody else's beside them. */
export function notRecorded(count: number, triggers: readonly string[]): DaybookError {
  const what = count === 1 ? 'the entry is not recorded' : `${count} entries are not recorded`;
  if (triggers.length === 0) return new DaybookError('failed', `${what}: SQLite did not take all that it was given`);
  const them = count === 1 ? 'it' : 'one of them';
  const did = `a trigger on daybook_entries (${triggers.join(', ')}) kept ${them} out, took it back or changed it`;
  return new DaybookError('failed', `${what}: ${did}`, {
    hint: 'daybook status',
  });
}
