import type { Actor } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import type { SqlStatement } from '../../core/sql-statements.js';
import { liftCapture, readCaptures, refreshCapture, reinstallCaptures } from './captures.js';
import type { Change } from './captures.js';
import type { Connection } from './connection.js';

/** Statements that leave the schema as it is: scripts are full of them, and looking costs as much as a small one. */
export const ROWS_ONLY: ReadonlySet<string> = new Set([
  'INSERT',
  'REPLACE',
  'UPDATE',
  'DELETE',
  'SELECT',
  'VALUES',
  'WITH',
]);

/** Stands around every statement of a script. */
interface CaptureKeeper {
  before(statement: SqlStatement): void;
  after(statement: SqlStatement): void;
}

/**
 * Takes capture off a table that is to be altered or dropped, since its triggers would forbid that or vanish silently, and
 * puts it back on whatever lacks it as soon as the schema has changed.
 */
export function captureKeeper(connection: Connection, clock: () => number, actor: Actor): CaptureKeeper {
  const schemaVersion = connection.prepare<[], number>('PRAGMA schema_version').pluck();
  let seen = schemaVersion.get();
  // Captures that were not whole before this script: what they missed is a gap, which putting them back must not hide.
  let broken: string[] | undefined;
  let looks: ReadonlyMap<string, string> = new Map();
  return {
    before({ words, table, explained: isExplained }) {
      if (ROWS_ONLY.has(words[0] ?? '') || isExplained) return;
      if (broken === undefined) {
        broken = readCaptures(connection).flatMap((capture) => (capture.problem === null ? [] : [capture.table]));
        looks = looksOf(connection);
      }
      if (table !== null && (table.schema ?? 'main') === 'main') liftCapture(connection, table.name);
    },
    after({ words }) {
      if (ROWS_ONLY.has(words[0] ?? '') || schemaVersion.get() === seen) return;
      const now = looksOf(connection);
      const changed = [...now.keys()].filter((table) => now.get(table) !== looks.get(table));
      broken = broken?.filter((table) => !refreshed(connection, table, { actor, clock }));
      if (changed.length > 0) reinstallCaptures(connection, changed, clock, actor);
      looks = looksOf(connection);
      seen = schemaVersion.get();
    },
  };
}

/**
 * All that a captured table is in the schema, by its name, to tell whether a statement changed it: to see what is wrong
 * takes longer. Nothing alters the text of a trigger of capture but what alters that of its table.
 */
function looksOf(connection: Connection): ReadonlyMap<string, string> {
  const rows = connection
    .prepare<[], [table: string, look: string | null]>(
      `SELECT c.table_name, group_concat(s.look, char(0)) FROM daybook_captures AS c LEFT JOIN (
         SELECT tbl_name, rowid || ' ' || name || ' ' || iif(name GLOB 'daybook_capture_*', length(sql), sql) AS look
         FROM sqlite_schema ORDER BY rowid
       ) AS s ON s.tbl_name = c.table_name COLLATE NOCASE GROUP BY c.table_name`,
    )
    .raw()
    .all();
  return new Map(rows.map(([table, look]) => [table, look ?? '']));
}

/** Refreshes a capture, where its table is there and can be captured. */
function refreshed(connection: Connection, table: string, change: Change): boolean {
  try {
    refreshCapture(connection, table, change);
    return true;
  } catch (error) {
    if (error instanceof DaybookError && (error.kind === 'missing' || error.kind === 'refused')) return false;
    throw error;
  }
}
