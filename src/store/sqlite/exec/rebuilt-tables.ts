import type { CaptureSettings } from '../../../core/capture.js';
import { identityOf, rowJson } from '../capture/index.js';
import type { Connection } from '../engine/index.js';
import { describeTable, identifier } from '../tables/index.js';
import type { TableDescription } from '../tables/index.js';

/**
 * What captured tables held before a script dropped or renamed them, for as long as its transaction lasts: a table that
 * comes in their place has no triggers while it is filled, so only a comparison says whether its rows are the same.
 */
export interface RebuiltTables {
  /** Copies a table that is about to go, unless there is a copy of what it was earlier. */
  keep(table: string): void;
  /** Whether a table went, and has not come back the same. */
  isAwaited(table: string): boolean;
  /** Whether the rows of the table that has come are those that went; only columns that both have, and are not ignored, count. */
  isSame(now: TableDescription, settings: CaptureSettings): boolean;
  forget(table: string): void;
}

/** Nothing of it is kept here but how the tables looked: what a script takes back, its savepoint takes back of this too. */
export function rebuiltTables(connection: Connection): RebuiltTables {
  const descriptions = new Map<string, TableDescription>();
  const copyOf = (table: string): string => `daybook_before_${table.toLowerCase()}`;
  const isAwaited = (table: string): boolean =>
    connection.prepare('SELECT 1 FROM sqlite_temp_schema WHERE name = ?').get(copyOf(table)) !== undefined;
  return {
    keep: (table) => {
      if (isAwaited(table)) return;
      const description = describeTable(connection, table);
      descriptions.set(table.toLowerCase(), description);
      connection.exec(
        `CREATE TEMP TABLE ${identifier(copyOf(table))} AS SELECT ${description.columns.map(({ name }) => identifier(name)).join(', ')} FROM main.${identifier(table)}`,
      );
    },
    isAwaited,
    isSame: (now, settings) => {
      const before = descriptions.get(now.name.toLowerCase());
      if (before === undefined) return false;
      const compared = before.columns
        .map(({ name }) => name)
        .filter((name) => !settings.ignore.includes(name) && now.columns.some((column) => column.name === name));
      const then = rowsOf(before, compared, `temp.${identifier(copyOf(now.name))}`);
      const since = rowsOf(now, compared, `main.${identifier(now.name)}`);
      const differs = connection.prepare<[], number>(
        `SELECT (SELECT count(*) FROM (${then})) <> (SELECT count(*) FROM (${since}))
           OR EXISTS (${then} EXCEPT ${since}) OR EXISTS (${since} EXCEPT ${then})`,
      );
      return differs.pluck().get() === 0;
    },
    forget: (table) => {
      connection.exec(`DROP TABLE IF EXISTS temp.${identifier(copyOf(table))}`);
    },
  };
}

/** The ids and values of all rows, in the order and the form that both sides of a comparison have. */
function rowsOf(table: TableDescription, compared: readonly string[], source: string): string {
  const columns = compared.flatMap((name) => table.columns.find((column) => column.name === name) ?? []);
  return `SELECT ${identityOf(table, 't')}, ${rowJson({ ...table, columns }, SHOWN, 't')} FROM ${source} AS t`;
}

/** Nothing is hidden from a comparison. */
const SHOWN: Pick<CaptureSettings, 'ignore' | 'redact'> = { ignore: [], redact: [] };
