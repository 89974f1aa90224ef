import type { Connection } from '../engine/index.js';

/** So many milliseconds between two tables belong to others: who waits for a lock looks again within that. */
const TURN = 20;

/**
 * How many milliseconds to wait between the changes of two tables' triggers. Each such change has all other connections
 * read the whole schema again, of which the triggers of many tables are most. Who is not through before the next change
 * begins anew, and SQLite gives up after 50 times: "database schema has changed". So others get twice the time that it
 * takes here, where it is measured.
 */
export function turnOfOthers(connection: Connection): number {
  const began = performance.now();
  connection.pragma('writable_schema = RESET');
  connection.prepare('SELECT 1 FROM daybook_captures').get();
  return TURN + 2 * (performance.now() - began);
}
