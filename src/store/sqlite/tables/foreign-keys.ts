import Database from 'better-sqlite3';
import type { Connection } from '../engine/index.js';
import { foreignKeysOf } from './foreign-key-list.js';
import type { ForeignKey } from './foreign-key-list.js';
import { identifier, rowidName } from './table-description.js';

/** Rows that refer to a row that is not there: all with the same values in the same table. */
interface Violation {
  readonly table: string;
  readonly parent: string;
  readonly columns: string;
  /** The values as SQL writes them; null where the rows have no rowid to look them up by. */
  readonly values: string | null;
  /** One of the rows. */
  readonly row: number | null;
  readonly count: number;
}

/** What is wrong with the foreign keys of a database at one moment. */
export interface ForeignKeyFaults {
  /** By what they are about and not by their rowids, which are others after a table was rebuilt. */
  readonly violations: ReadonlyMap<string, Violation>;
  /** Tables whose foreign keys cannot be checked, as where the parent has no such key, with what SQLite says. */
  readonly unchecked: ReadonlyMap<string, string>;
}

/** Checks every foreign key, whether or not they are enforced. */
export function foreignKeyFaults(connection: Connection): ForeignKeyFaults {
  const violations = new Map<string, Violation>();
  const unchecked = new Map<string, string>();
  for (const table of tablesWithForeignKeys(connection)) {
    try {
      for (const key of foreignKeysOf(connection, table)) {
        for (const violation of violationsOf(connection, table, key)) {
          const { parent, columns, values } = violation;
          const about = JSON.stringify([table.toLowerCase(), parent.toLowerCase(), columns.toLowerCase(), values]);
          violations.set(about, violation);
        }
      }
    } catch (error) {
      if (!(error instanceof Database.SqliteError) || error.code !== 'SQLITE_ERROR') throw error;
      unchecked.set(table.toLowerCase(), error.message);
    }
  }
  return { violations, unchecked };
}

function tablesWithForeignKeys(connection: Connection): string[] {
  return connection
    .prepare<[], string>(
      `SELECT DISTINCT s.name FROM sqlite_schema AS s, pragma_foreign_key_list(s.name) WHERE s.type = 'table'`,
    )
    .pluck()
    .all();
}

function violationsOf(connection: Connection, table: string, key: ForeignKey): Violation[] {
  const rowid = rowidOf(connection, table);
  const columns = key.columns.join(', ');
  const values = key.columns.map((column) => `quote(t.${identifier(column)})`).join(` || ', ' || `);
  const source =
    rowid === undefined
      ? `SELECT NULL AS row, NULL AS "values" FROM pragma_foreign_key_check(?) AS c WHERE c.fkid = ?`
      : `SELECT c.rowid AS row, ${values} AS "values" FROM pragma_foreign_key_check(?) AS c
         LEFT JOIN ${identifier(table)} AS t ON t.${rowid} = c.rowid WHERE c.fkid = ?`;
  return connection
    .prepare<[string, number], Pick<Violation, 'row' | 'values' | 'count'>>(
      `SELECT max(row) AS row, "values", count(*) AS count FROM (${source}) GROUP BY "values"`,
    )
    .all(table, key.id)
    .map(({ row, values: held, count }) => ({ table, parent: key.parent, columns, row, values: held, count }));
}

/** A name by which the rowid of a table can be asked for; undefined where it has none, or columns hide it. */
function rowidOf(connection: Connection, table: string): string | undefined {
  const has = connection
    .prepare<[string], number>(`SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'`)
    .pluck()
    .get(table);
  if (has !== 0) return undefined;
  const columns = connection.prepare<[string], string>('SELECT name FROM pragma_table_xinfo(?)').pluck();
  return rowidName(columns.all(table)) ?? undefined;
}

/** How many faults are told: the first ones show what went wrong. */
const TOLD = 5;

/** Says what is wrong now and was not before; undefined where nothing is. */
export function newFaults(before: ForeignKeyFaults, after: ForeignKeyFaults): string | undefined {
  const told: string[] = [];
  let count = 0;
  for (const [table, message] of after.unchecked) {
    if (before.unchecked.has(table)) continue;
    count += 1;
    told.push(message);
  }
  for (const [about, violation] of after.violations) {
    const more = violation.count - (before.violations.get(about)?.count ?? 0);
    if (more <= 0 || before.unchecked.has(violation.table.toLowerCase())) continue;
    count += more;
    told.push(violationText(violation, more));
  }
  if (count === 0) return undefined;
  const rest = told.length > TOLD ? `; and ${told.length - TOLD} more` : '';
  return `${told.slice(0, TOLD).join('; ')}${rest}`;
}

function violationText({ table, row, columns, values, parent }: Violation, count: number): string {
  const where = count > 1 ? `${count} rows of ${table}` : row === null ? `a row of ${table}` : `${table} row ${row}`;
  const value = values === null ? columns : `${columns} ${values.length > 60 ? `${values.slice(0, 59)}…` : values}`;
  return `${where}: ${value} is not in ${parent}`;
}
