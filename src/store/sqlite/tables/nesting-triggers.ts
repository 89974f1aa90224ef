import type { Connection } from '../engine/index.js';

/** A trigger of the application that may write into a table between the two moments at which capture sees a write of it. */
export interface NestingTrigger {
  readonly name: string;
  /** Whether it was made after capture, and so runs before it and is done by then. */
  readonly later: boolean;
}

interface TriggerRow {
  readonly name: string;
  readonly table: string;
  readonly sql: string;
  readonly later: number;
}

/**
 * The triggers that may write into a table while a write of it is under way: BEFORE triggers of its own that change
 * anything, those that a foreign key of the table to itself may set off, and triggers of other tables that name it, where
 * their foreign keys may. That one is told too many does no harm. Temporary triggers are not seen.
 */
export function nestingTriggers(connection: Connection, table: string): NestingTrigger[] {
  const triggers = connection
    .prepare<{ table: string }, TriggerRow>(
      `SELECT name, tbl_name AS "table", sql, rowid > coalesce((
           SELECT min(rowid) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = @table COLLATE NOCASE AND name GLOB 'daybook_capture_*'
         ), 0) AS later
       FROM sqlite_schema WHERE type = 'trigger' AND name NOT GLOB 'daybook_capture_*' AND NOT (name GLOB 'daybook_*' AND tbl_name GLOB 'daybook_*')`,
    )
    .all({ table });
  if (triggers.length === 0) return [];
  const followers = followersOf(connection, table);
  const own = table.toLowerCase();
  return triggers
    .filter(({ table: on, sql }) => {
      const [head, body] = headAndBody(sql);
      if (on.toLowerCase() !== own) {
        return followers.size > 0 && /\b(?:INSERT|REPLACE|UPDATE)\b/i.test(body) && body.toLowerCase().includes(own);
      }
      // Without a word for when, BEFORE is meant.
      const isBefore = !/\b(?:AFTER\s+(?:INSERT|UPDATE|DELETE)|DELETE\s+ON)\b/i.test(head);
      return isBefore
        ? /\b(?:INSERT|REPLACE|UPDATE|DELETE)\b/i.test(body)
        : followers.has(own) && /\b(?:INSERT|REPLACE)\b/i.test(body);
    })
    .map(({ name, table: on, later }) => ({ name, later: later === 1 && on.toLowerCase() === own }));
}

function headAndBody(sql: string): [head: string, body: string] {
  const begin = sql.search(/\bBEGIN\b/i);
  return [sql.slice(0, begin), sql.slice(begin)];
}

/** The tables, in lower case, of which rows change or go when one of this does. */
function followersOf(connection: Connection, table: string): ReadonlySet<string> {
  const names = connection
    .prepare<[string], string>(
      `SELECT DISTINCT lower(s.name) FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f
       WHERE s.type = 'table' AND f."table" = ? COLLATE NOCASE
         AND (f.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR f.on_update NOT IN ('NO ACTION', 'RESTRICT'))`,
    )
    .pluck();
  return new Set(names.all(table));
}
