import type { Statement } from 'better-sqlite3';
import type { Connection } from './connection.js';

const statements = new WeakMap<Connection, Map<string, Statement>>();

/**
 * A statement that is prepared once for a connection, and lives as long as that: to prepare one takes several times as
 * long as to run it. Its text must be one of few, so that they do not pile up, and whoever asks for a text makes of its
 * rows always the same. An application's own connection may give whole numbers as bigint; here they are numbers.
 */
export function kept<Parameters extends unknown[], Row>(
  connection: Connection,
  text: string,
): Statement<Parameters, Row> {
  let known = statements.get(connection);
  if (known === undefined) statements.set(connection, (known = new Map()));
  let statement = known.get(text);
  if (statement === undefined) {
    statement = connection.prepare(text);
    if (statement.reader) statement.safeIntegers(false);
    known.set(text, statement);
  }
  return statement as unknown as Statement<Parameters, Row>;
}
