import type { Actor } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { captureOf, liftCapture, readCaptures, refreshCapture, reinstallCaptures, tableOf } from '../capture/index.js';
import type { Change } from '../capture/index.js';
import type { Connection } from '../engine/index.js';
import { liftMirrors, reinstallMirrors } from '../mirrors/index.js';
import type { LiftedMirror } from '../mirrors/index.js';
import { rebuiltTables } from './rebuilt-tables.js';
import { isOfRows } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';

/** Stands around every statement of a script. */
interface CaptureKeeper {
  before(statement: SqlStatement): void;
  after(statement: SqlStatement): void;
  /** Behind the last one. */
  end(): void;
}

/**
 * Takes capture and mirrors off a table that is to be altered or dropped, since their triggers would forbid that, vanish
 * silently or keep entries from being recorded, and puts them back on whatever lacks them as soon as the schema has
 * changed. A table that was dropped or renamed and made anew
 * has it back as soon as its rows are what they were; where they never are, that is a gap.
 */
export function captureKeeper(connection: Connection, clock: () => number, actor: Actor): CaptureKeeper {
  const schemaVersion = connection.prepare<[], number>('PRAGMA schema_version').pluck();
  let seen = schemaVersion.get();
  // Captures that were not whole before this script: what they missed is a gap, which putting them back must not hide.
  let broken: string[] | undefined;
  let looks: ReadonlyMap<string, string> = new Map();
  let lifted: LiftedMirror[] = [];
  const rebuilt = rebuiltTables(connection);
  const change: Change = { clock, actor };
  /** Whether a table that came in place of a captured one is not, or not yet, what that was. */
  const isOther = (name: string): boolean => {
    if (!rebuilt.isAwaited(name)) return false;
    const table = tableOf(connection, name);
    if (table === undefined || !rebuilt.isSame(table, captureOf(connection, name).settings)) return true;
    rebuilt.forget(name);
    return false;
  };
  return {
    before(statement) {
      const { text, words, table } = statement;
      if (isOfRows(statement) || statement.explained) return;
      if (broken === undefined) {
        broken = readCaptures(connection).flatMap((capture) => (capture.problem === null ? [] : [capture.table]));
        looks = looksOf(connection);
      }
      if (table === null || (table.schema ?? 'main').toLowerCase() !== 'main') return;
      lifted.push(...liftMirrors(connection, table.name));
      const captured = liftCapture(connection, table.name);
      const isWhole = captured !== undefined && looks.has(captured) && !broken.includes(captured);
      if (isWhole && (words[0] === 'DROP' || RENAMES.test(text)) && tableOf(connection, captured) !== undefined) {
        rebuilt.keep(captured);
      }
    },
    after(statement) {
      if (isOfRows(statement) || schemaVersion.get() === seen) return;
      const now = looksOf(connection);
      const changed = [...now.keys()].filter((table) => now.get(table) !== looks.get(table) && !isOther(table));
      broken = broken?.filter((table) => !refreshed(connection, table, change));
      if (changed.length > 0) reinstallCaptures(connection, changed, clock, actor);
      lifted = reinstallMirrors(connection, lifted);
      looks = looksOf(connection);
      seen = schemaVersion.get();
    },
    end() {
      for (const table of looks.keys()) {
        if (!rebuilt.isAwaited(table)) continue;
        if (isOther(table)) refreshed(connection, table, change, 'was rebuilt, and its rows are not what they were');
        else reinstallCaptures(connection, [table], clock, actor);
        rebuilt.forget(table);
      }
    },
  };
}

/** ALTER TABLE ... RENAME TO, and what looks like it: to keep a copy in vain only takes time. */
const RENAMES = /\brename\b(?!\s+column\b)/i;

/**
 * All that a captured table is in the schema, by its name, and whatever else speaks of it, to tell whether a statement
 * changed that: to see what is wrong takes longer. Nothing alters the text of a trigger of capture but what alters that of its table.
 */
function looksOf(connection: Connection): ReadonlyMap<string, string> {
  const rows = connection
    .prepare<[], [table: string, look: string | null]>(
      `SELECT c.table_name, group_concat(s.look, char(0)) FROM daybook_captures AS c LEFT JOIN (
         SELECT name, tbl_name, sql, rowid || ' ' || name || ' ' || iif(name GLOB 'daybook_capture_*', length(sql), sql) AS look
         FROM sqlite_schema ORDER BY rowid
       ) AS s ON s.tbl_name = c.table_name COLLATE NOCASE
         OR (s.name NOT GLOB 'daybook_*' AND instr(lower(s.sql), lower(c.table_name)))
       GROUP BY c.table_name`,
    )
    .raw()
    .all();
  return new Map(rows.map(([table, look]) => [table, look ?? '']));
}

/** Refreshes a capture, where its table is there and can be captured. */
function refreshed(connection: Connection, table: string, change: Change, why?: string): boolean {
  try {
    refreshCapture(connection, table, change, why);
    return true;
  } catch (error) {
    if (error instanceof DaybookError && (error.kind === 'missing' || error.kind === 'refused')) return false;
    throw error;
  }
}
