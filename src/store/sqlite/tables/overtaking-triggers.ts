import type { Connection } from '../engine/index.js';

/**
 * The BEFORE triggers of a table that may change its rows: directly, by another table whose triggers do, or by one that its
 * foreign keys follow. For a row that such a trigger changes before the row's own change, SQLite gives all later triggers
 * OLD as it was before both. They are found by the names in their text: that one is told too many does no harm.
 */
export function overtakingTriggers(connection: Connection, table: string): string[] {
  const triggers = connection
    .prepare<[], { name: string; on: string; sql: string }>(
      `SELECT name, lower(tbl_name) AS "on", lower(sql) AS sql FROM sqlite_schema
       WHERE type = 'trigger' AND name NOT GLOB 'daybook_*' ORDER BY name`,
    )
    .all()
    .map(({ name, on, sql }) => {
      const begin = sql.search(/\bbegin\b/);
      return { name, on, head: sql.slice(0, begin), body: sql.slice(begin) };
    })
    .filter(({ body }) => /\b(?:insert|replace|update|delete)\b/.test(body));
  const leading = new Set([table.toLowerCase(), ...followedBy(connection, table)]);
  const leads = (body: string): boolean => [...leading].some((name) => speaksOf(body, name));
  for (let known = 0; known < leading.size;) {
    known = leading.size;
    for (const { on, body } of triggers) if (leads(body)) leading.add(on);
  }
  // Without a word for when, BEFORE is meant.
  return triggers
    .filter(
      ({ on, head, body }) =>
        on === table.toLowerCase() && !/\bafter\s+(?:insert|update|delete)\b/.test(head) && leads(body),
    )
    .map(({ name }) => name);
}

/** Whether a name stands in a text, and not within a longer word. */
function speaksOf(text: string, name: string): boolean {
  const word = /[\w$\u0080-\uffff]/;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!word.test(text.charAt(at - 1)) && !word.test(text.charAt(at + name.length))) return true;
  }
  return false;
}

/** The tables, in lower case, whose changes a foreign key of this one follows. */
function followedBy(connection: Connection, table: string): string[] {
  return connection
    .prepare<[string], string>(
      `SELECT DISTINCT lower("table") FROM pragma_foreign_key_list(?)
       WHERE on_delete NOT IN ('NO ACTION', 'RESTRICT') OR on_update NOT IN ('NO ACTION', 'RESTRICT')`,
    )
    .pluck()
    .all(table);
}
