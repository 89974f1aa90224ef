import { DaybookError } from '../../../core/errors.js';
import type { Connection } from '../engine/index.js';
import { clearContext, leakedContext } from '../context/index.js';
import { isOfRows, refusedStatement, statementName } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';
import { BELONGS, isOurs } from './statement-effects.js';
import type { Effects } from './statement-effects.js';
import { identifier } from '../tables/index.js';

/**
 * Holds what belongs to the trail while statements of somebody else run, and looks behind each of them whether it is what
 * it was. This stands behind the judgement of what a statement would do, and does not rely on it.
 */
export interface HeldTrail {
  /** Runs a statement. Throws where the trail is not what it was behind it, or the transaction is over. */
  run<T>(statement: SqlStatement, effects: Effects, work: () => T): T;
}

/** For a connection that is there for one script alone, before its transaction: what it leaves there goes with it. */
export function holdTrail(connection: Connection): HeldTrail {
  let held = false;
  connection.function('daybook_held', () => (held ? 1 : 0));
  const tables = connection
    .prepare<[], string>(`SELECT name FROM main.sqlite_schema WHERE type = 'table' AND ${isOurs('name')}`)
    .pluck()
    .all();
  for (const table of tables) holdTable(connection, table);
  const counters = connection
    .prepare<[], Counter>(`SELECT name, seq FROM main.sqlite_sequence WHERE ${isOurs('name')} ORDER BY name, seq`)
    .raw();
  // A pragma acts while SQLite reads it: how the connection is set is compared with how it was in the beginning.
  const settings = settingsOf(connection);
  const look = (statement: SqlStatement, now: () => readonly Kept[]): Look => ({
    counters: counters.all(),
    // Looking takes as long as a small statement, and a statement of rows alone changes nothing of this.
    kept: new Map(isOfRows(statement) ? [] : [...schemaOf(connection), ...now()]),
  });
  return {
    run(statement, effects, work) {
      const before = look(statement, () => settings);
      let result;
      held = true;
      try {
        result = work();
      } catch (error) {
        if (!connection.inTransaction) expectRolledBack(connection, statement);
        throw error;
      } finally {
        held = false;
      }
      if (!connection.inTransaction) {
        expectRolledBack(connection, statement);
        throw ended(statement, 'nothing was changed');
      }
      // What a savepoint takes back, it takes back to where all of this was right.
      if (effects.savepoint === null)
        compare(
          statement,
          before,
          look(statement, () => settingsOf(connection)),
          effects,
        );
      return result;
    },
  };
}

/** What is refused for each table of the trail, whoever asks. Capture writes to the last three within statements of others. */
const HELD_EVENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  daybook_entries: {
    UPDATE: 'entries never change, record another one that reverts it',
    DELETE: 'entries are only deleted by daybook prune and daybook clear',
  },
  daybook_changes: {},
  daybook_replaced: {},
  daybook_writes: {},
};

/** Temporary triggers fire on this connection alone, and before all others. */
function holdTable(connection: Connection, table: string): void {
  const belongs = `${table} ${BELONGS}`;
  const events = HELD_EVENTS[table] ?? { INSERT: belongs, UPDATE: belongs, DELETE: belongs };
  for (const [event, reason] of Object.entries(events)) {
    connection.exec(
      `CREATE TEMP TRIGGER ${identifier(`daybook_held_${table}_${event}`)} BEFORE ${event} ON main.${identifier(table)} WHEN daybook_held()
       BEGIN SELECT RAISE(ABORT, '${`daybook: ${reason}`.replaceAll("'", "''")}'); END`,
    );
  }
}

type Counter = [name: string, seq: number];
type Kept = [name: string, value: string];

interface Look {
  /** How far SQLite has counted the rows of each table. */
  readonly counters: readonly Counter[];
  /** What is ours in the schema and how the connection is set, by name. */
  readonly kept: ReadonlyMap<string, string>;
}

/** What a name would hide that daybook asks SQLite for. */
const HIDING = `lower(name) GLOB 'pragma_*' OR lower(name) IN ('json_each', 'json_tree')`;

function schemaOf(connection: Connection): Kept[] {
  return ['main', 'temp'].flatMap((schema) =>
    connection
      .prepare<[], [type: string, name: string, table: string, sql: string | null]>(
        `SELECT type, name, tbl_name, sql FROM ${schema}.sqlite_schema WHERE ${isOurs('name')} OR ${isOurs('tbl_name')} OR ${HIDING}`,
      )
      .raw()
      .all()
      .map(([type, name, table, sql]): Kept => [`${schema} ${type} ${name}`, `${table} ${sql}`]),
  );
}

/** What the trail relies on. What a script may set, such as recursive_triggers, is not among it. */
const SETTINGS = [
  'database_list',
  'foreign_keys',
  'ignore_check_constraints',
  'journal_mode',
  'locking_mode',
  'query_only',
  'secure_delete',
  'synchronous',
  'trusted_schema',
  'writable_schema',
] as const;

function settingsOf(connection: Connection): Kept[] {
  return SETTINGS.map((name) => [`PRAGMA ${name}`, JSON.stringify(connection.pragma(name))]);
}

function compare(statement: SqlStatement, before: Look, after: Look, effects: Effects): void {
  const names = [...new Set([...before.kept.keys(), ...after.kept.keys()])];
  const changed = names.find((name) => before.kept.get(name) !== after.kept.get(name));
  if (changed !== undefined) {
    throw refusedStatement(statement, `it changes what ${BELONGS} (${changed}); nothing was changed`);
  }
  const known = new Map(before.counters);
  const isKept = ([name, seq]: Counter): boolean =>
    known.get(name) === seq || (name === 'daybook_entries' && !effects.counters && seq > (known.get(name) ?? 0));
  if (after.counters.length < known.size || !after.counters.every(isKept) || !areDistinct(after.counters)) {
    throw refusedStatement(statement, `it changes how SQLite counts what ${BELONGS}; nothing was changed`);
  }
}

function areDistinct(counters: readonly Counter[]): boolean {
  return new Map(counters).size === counters.length;
}

/**
 * Makes sure that a transaction that is over was rolled back. The context of the script was set within it: where it can
 * be seen now, what ran was committed, and it must not stay.
 */
function expectRolledBack(connection: Connection, statement: SqlStatement): void {
  if (leakedContext(connection) === null) return;
  clearContext(connection);
  throw ended(statement, 'what ran before it was committed, and stays');
}

function ended(statement: SqlStatement, outcome: string): DaybookError {
  return new DaybookError('failed', `${statementName(statement)}: it ended the transaction: ${outcome}`);
}
