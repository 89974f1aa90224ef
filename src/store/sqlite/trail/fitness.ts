import { ENTRY_FIELDS } from '../../../core/entry.js';
import type { HistoryField } from '../../../core/entry.js';
import { Damaged } from '../../../core/errors.js';
import { revertedBy } from './compile.js';
import type { Connection } from '../engine/index.js';
import { ENTRIES_TABLE, FIT, INSERT_GUARD, isSqliteError } from '../engine/index.js';

/** The connections that have the function which says that a field is not what it should be. */
const looking = new WeakSet<Connection>();

/** How a field of the entry `e` is read. */
export type ColumnOf = (field: HistoryField) => string;

/**
 * How the fields of an entry are read now. Where the table of entries is as daybook makes it, its CHECKs and its guard
 * have seen to what it holds. Where it is not, each field is looked at on its way out, and one that is not what it should be throws
 * kind `missing`, naming the seq: a document is put into JSON as it stands, and could forge what comes behind it.
 */
export function columnOf(connection: Connection): ColumnOf {
  if (isAsMade(connection)) return plain;
  if (!looking.has(connection)) {
    connection.function('daybook_unfit', { directOnly: true }, (seq, field) => {
      throw unfit(Number(seq), String(field));
    });
    looking.add(connection);
  }
  return (field) =>
    field === 'reverted_by'
      ? plain(field)
      : `CASE WHEN ${FIT[field]} THEN e.${field} ELSE daybook_unfit(e.seq, '${field}') END`;
}

function plain(field: HistoryField): string {
  return field === 'reverted_by' ? revertedBy('e') : `e.${field}`;
}

/**
 * Whether the table of entries is defined as daybook makes it, and its guard has always been there: without it, anything
 * may have been recorded before `init` put it back. Both may change at any time: only asking tells.
 */
function isAsMade(connection: Connection): boolean {
  const made = connection
    .prepare<[string, string], number>(
      `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'daybook_entries' AND sql = ?
         OR type = 'trigger' AND name = 'daybook_entries_append_only_insert' AND sql = ?`,
    )
    .pluck();
  if (made.get(ENTRIES_TABLE, INSERT_GUARD) !== 2) return false;
  const putBack = connection
    .prepare<[], number>(
      `SELECT 1 FROM daybook_entries WHERE action = 'init' AND category = 'system'
         AND instr(metadata, 'daybook_entries_append_only_insert')`,
    )
    .pluck();
  return putBack.get() === undefined;
}

/**
 * What SQLite says where it comes to a document that is none while it looks for entries: which one it was, it does not
 * say. Null for any other error.
 */
export function unfitDocument(connection: Connection, error: unknown): Damaged | null {
  if (!isSqliteError(error)) return null;
  if (!/^(?:malformed JSON|JSON cannot hold BLOB values)$/.test(error.message)) return null;
  const [found] = unfitFields(connection, 1);
  return found === undefined ? null : unfit(...found);
}

/** The first entries that hold what none can, with the field: of all of them it is asked, one by one. */
export function unfitFields(connection: Connection, limit: number): [seq: number, field: string][] {
  const first = `CASE ${ENTRY_FIELDS.map((field) => `WHEN (${FIT[field]}) IS NOT TRUE THEN '${field}'`).join(' ')} END`;
  return connection
    .prepare<[], [seq: number, field: string]>(
      `SELECT e.seq, ${first} AS unfit FROM daybook_entries AS e NOT INDEXED WHERE unfit IS NOT NULL ORDER BY e.seq LIMIT ${limit}`,
    )
    .raw()
    .all();
}

function unfit(seq: number, field: string): Damaged {
  return new Damaged(`entry ${seq} is damaged: its ${field} is not what an entry can have there`, {
    hint: 'daybook status --check --deep',
  });
}
