// Apart from the engine: who uses the library need not have the types of its driver.

/**
 * What daybook needs of a connection that an application has open: `exec` and `prepare`, as better-sqlite3, node:sqlite and
 * libsql have them.
 */
export interface OpenConnection {
  exec(sql: string): unknown;
  prepare(sql: string): OpenStatement;
}

/** What daybook needs of a statement. */
export interface OpenStatement {
  run(...values: never[]): unknown;
  all(...values: never[]): unknown[];
}
