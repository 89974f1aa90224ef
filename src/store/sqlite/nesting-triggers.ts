import type { Connection } from './connection.js';

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
 * The triggers that may write into a table while a write of it is under way: BEFORE triggers of its own that write, and
 * triggers of other tables that name it, where a foreign key may set them off. That one is told too many does no harm.
 */
export function nestingTriggers(connection: Connection, table: string): NestingTrigger[] {
  const triggers = connection
    .prepare<{ table: string }, TriggerRow>(
      `SELECT name, tbl_name AS "table", sql, rowid > coalesce((
           SELECT min(rowid) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = @table COLLATE NOCASE AND name GLOB 'daybook_capture_*'
         ), 0) AS later
       FROM sqlite_schema WHERE type = 'trigger' AND name NOT GLOB 'daybook_*'`,
    )
    .all({ table });
  const own = table.toLowerCase();
  const nesting = triggers.filter(({ table: on, sql }) => {
    const [head, body] = headAndBody(sql);
    if (!/\b(?:INSERT|REPLACE|UPDATE)\b/i.test(body)) return false;
    // Without a word for when, BEFORE is meant.
    if (on.toLowerCase() === own) return !/\b(?:AFTER\s+(?:INSERT|UPDATE|DELETE)|DELETE\s+ON)\b/i.test(head);
    return body.toLowerCase().includes(own);
  });
  const isSetOff = nesting.some(({ table: on }) => on.toLowerCase() !== own) && hasFollowers(connection, table);
  return nesting
    .filter(({ table: on }) => on.toLowerCase() === own || isSetOff)
    .map(({ name, table: on, later }) => ({ name, later: later === 1 && on.toLowerCase() === own }));
}

function headAndBody(sql: string): [head: string, body: string] {
  const begin = sql.search(/\bBEGIN\b/i);
  return [sql.slice(0, begin), sql.slice(begin)];
}

/** Whether rows of other tables change or go when one of this does. */
function hasFollowers(connection: Connection, table: string): boolean {
  return (
    connection
      .prepare<[string], number>(
        `SELECT 1 FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) AS f
         WHERE s.type = 'table' AND f."table" = ? COLLATE NOCASE
           AND (f.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR f.on_update NOT IN ('NO ACTION', 'RESTRICT')) LIMIT 1`,
      )
      .get(table) !== undefined
  );
}
