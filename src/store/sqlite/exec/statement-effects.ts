import Database from 'better-sqlite3';
import type { DaybookError } from '../../../core/errors.js';
import type { Connection } from '../engine/index.js';
import { explanation, isOfRows, refusedStatement } from './sql-script.js';
import type { SqlStatement, WholeStatement } from './sql-script.js';
import { identifier } from '../tables/index.js';

/** What a statement of somebody else's would do that has to be watched, read from the program that SQLite makes of it. */
export interface Effects {
  /** What it does to a savepoint. */
  readonly savepoint: { readonly does: 'begin' | 'release' | 'roll back'; readonly name: string } | null;
  /** Whether it writes itself where SQLite counts the rows of AUTOINCREMENT tables. */
  readonly counters: boolean;
}

/** SQL: whether a name is one of ours. */
export const isOurs = (column: string): string => `lower(${column}) GLOB 'daybook_*'`;

export const BELONGS = "belongs to the trail, which only daybook's own commands change";

/** Statements that end a transaction, begin another one, or cannot run within one, with what to do instead. */
const OUTSIDE: Readonly<Record<string, string>> = {
  BEGIN: 'exec runs all of its SQL in one transaction: leave it out',
  COMMIT: 'exec commits when all of its SQL has run: leave it out',
  END: 'exec commits when all of its SQL has run: leave it out',
  ROLLBACK: 'it would end the transaction that exec runs its SQL in',
  VACUUM: 'it cannot run in a transaction',
  ATTACH: 'exec changes one database, whose trail it writes to',
  DETACH: 'exec changes one database, whose trail it writes to',
};

/** Instructions that leave the transaction or the database. */
const LEAVING: ReadonlySet<string> = new Set([
  'AutoCommit',
  'Vacuum',
  'IncrVacuum',
  'JournalMode',
  'Checkpoint',
  'MaxPgcnt',
]);

const SAVEPOINT = ['begin', 'release', 'roll back'] as const;

/** The flag of OpenWrite that says that the root page is in a register: it is of a table that is only being made. */
const IN_REGISTER = 0x10;

/** What stands in the database while a statement is judged; after each that may change the schema, it is read anew. */
interface Surroundings {
  /** The tables of the trail by their root pages. */
  readonly tables: ReadonlyMap<number, string>;
  /** Triggers of others that speak of the trail, by name with their text. */
  readonly triggers: ReadonlyMap<string, string>;
  /** Whether a statement may fire one, also a temporary one: then all of its program has to be read. */
  readonly whole: boolean;
}

export interface Judge {
  /** What a statement would do. Throws kind `usage` where that is not for exec to do. */
  effects(statement: WholeStatement): Effects;
  /** Judges what a statement has left in the schema that would write to the trail later. Throws kind `usage`. */
  settled(statement: SqlStatement): void;
}

/** Has SQLite say what the statements of a script do. */
export function statementJudge(connection: Connection): Judge {
  let around = surroundings(connection);
  return {
    effects(statement) {
      if (statement.explained) return { savepoint: null, counters: false };
      return readEffects(connection, statement, around);
    },
    settled(statement) {
      const before = around;
      around = surroundings(connection);
      for (const [name, sql] of around.triggers) {
        if (before.triggers.get(name) !== sql) judgeTrigger(connection, name, statement, around);
      }
    },
  };
}

function surroundings(connection: Connection): Surroundings {
  const tables = connection
    .prepare<[], [number, string]>(
      `SELECT rootpage, lower(name) FROM main.sqlite_schema WHERE type = 'table' AND ${isOurs('name')}`,
    )
    .raw();
  const speaking = (schema: string): Map<string, string> =>
    new Map(
      connection
        .prepare<[], [string, string]>(`SELECT name, sql FROM ${schema}.sqlite_schema WHERE ${SPEAKS}`)
        .raw()
        .all(),
    );
  const triggers = speaking('main');
  return { tables: new Map(tables.all()), triggers, whole: triggers.size + speaking('temp').size > 0 };
}

/** A name has no escapes: whatever writes to a table has the name of that in its text. */
const SPEAKS = `type = 'trigger' AND NOT ${isOurs('name')} AND (instr(lower(sql), 'daybook_') OR instr(lower(sql), 'sqlite_sequence'))`;

function readEffects(connection: Connection, statement: WholeStatement, around: Surroundings): Effects {
  let savepoint: Effects['savepoint'] = null;
  let counters = false;
  // What stands around a statement that may change the schema has been put right since its end was found.
  const program = isOfRows(statement) ? statement.explanation : explanation(connection, statement.text);
  for (const step of steps(program, statement, around.whole)) {
    const { opcode, p1, name } = step;
    if (LEAVING.has(opcode) || (FUNCTION.test(opcode) && ATTACHING.test(name))) throw leaving(statement);
    if (opcode === 'Savepoint') savepoint = { does: SAVEPOINT[p1] ?? 'begin', name };
    if (isCounter(step)) counters = true;
    // Of a table that is dropped all triggers are dropped first: what is meant is the table.
    const dropped = DROP.test(opcode) && /^daybook_/i.test(name) ? (statement.table?.name ?? name) : undefined;
    const own = ownOf(step, around) ?? dropped;
    // REINDEX leaves what it writes as it is.
    if (own !== undefined && statement.words[0] !== 'REINDEX') {
      throw refusedStatement(statement, `${own.toLowerCase()} ${BELONGS}`);
    }
  }
  return { savepoint, counters };
}

const FUNCTION = /^(?:Pure)?Func/;
const ATTACHING = /^sqlite_(?:at|de)tach\(/;
const CHANGE = /^(?:Insert|Delete|Clear)$/;
const DROP = /^Drop(?:Table|Index|Trigger)$/;

/** Whether it writes where SQLite counts; what AUTOINCREMENT itself writes there has no name. */
function isCounter({ opcode, name }: Step): boolean {
  return CHANGE.test(opcode) && name === 'sqlite_sequence';
}

function leaving(statement: SqlStatement): DaybookError {
  const word = statement.words[0] ?? '';
  return refusedStatement(statement, `${word} is refused, since ${OUTSIDE[word] ?? 'it leaves the transaction'}`);
}

/**
 * The table of the trail that an instruction is about to write or to take away, where that is not for others. To record
 * is free, and what else happens to an entry the triggers of its table judge; triggers of ours may write all of ours.
 */
function ownOf({ opcode, p1, p2, p3, p5, trigger }: Step, { tables }: Surroundings): string | undefined {
  if (trigger !== null && /^daybook_/i.test(trigger)) return undefined;
  if (opcode === 'OpenWrite') {
    const table = p3 === 0 && (p5 & IN_REGISTER) === 0 ? tables.get(p2) : undefined;
    return table === 'daybook_entries' ? undefined : table;
  }
  if (opcode === 'Clear') return p2 === 0 ? tables.get(p1) : undefined;
  if (opcode === 'Destroy') return p3 === 0 ? tables.get(p1) : undefined;
  return undefined;
}

/** One instruction, and the trigger that it is of: null for the statement itself and for what foreign keys do. */
interface Step {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  /** What it is about: a table, a function, a trigger. */
  readonly name: string;
  readonly p5: number;
  readonly trigger: string | null;
}

/**
 * The program of a statement. Without `whole`, only the statement's own: the triggers of capture make programs of
 * thousands of steps.
 */
function* steps(program: WholeStatement['explanation'], statement: SqlStatement, whole: boolean): Generator<Step> {
  let listed;
  try {
    listed = program.iterate();
  } catch (error) {
    if (error instanceof Database.SqliteError) throw error;
    // The driver does not even explain a statement without values for its parameters.
    throw refusedStatement(statement, 'it holds a parameter, and there is no value for it: write the value');
  }
  let programs = 0;
  let trigger: string | null = null;
  for (const [address, opcode, p1, p2, p3, p4, p5] of listed) {
    const name = p4 ?? '';
    if (address === 0) {
      programs += 1;
      if (programs > 1 && !whole) return;
      trigger = name.startsWith(OF_TRIGGER) ? name.slice(OF_TRIGGER.length) : null;
    }
    yield { opcode, p1, p2, p3, name, p5, trigger };
  }
}

/** How the first instruction of a trigger names it. */
const OF_TRIGGER = '-- TRIGGER ';

/**
 * Refuses a trigger that would write to the trail whenever it fires, by whatever program: SQLite explains what makes it
 * fire. What it cannot explain cannot be judged.
 */
function judgeTrigger(connection: Connection, name: string, statement: SqlStatement, around: Surroundings): void {
  let seen = false;
  for (const firing of firings(connection, name)) {
    try {
      for (const step of steps(explanation(connection, firing), statement, true)) {
        if (step.trigger !== name) continue;
        seen = true;
        const own = ownOf(step, around) ?? (isCounter(step) ? step.name : undefined);
        if (own !== undefined)
          throw refusedStatement(statement, `the trigger ${name} writes to ${own}, which ${BELONGS}`);
      }
    } catch (error) {
      if (!(error instanceof Database.SqliteError)) throw error;
      // The other two may do; SQLite does not even read an INSERT into a view whose triggers are all for DELETE.
    }
  }
  if (seen) return;
  throw refusedStatement(
    statement,
    `the trigger ${name} speaks of the trail, and SQLite cannot say what it does: first make the tables that it needs`,
  );
}

/** Statements of which one makes a trigger fire. */
function firings(connection: Connection, trigger: string): string[] {
  const table = connection
    .prepare<[string], string>(`SELECT tbl_name FROM main.sqlite_schema WHERE type = 'trigger' AND name = ?`)
    .pluck()
    .get(trigger) as string;
  const named = `main.${identifier(table)}`;
  const columns = connection
    .prepare<[string], string>(`SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0`)
    .pluck()
    .all(table)
    .map((column) => `${identifier(column)} = ${identifier(column)}`);
  return [`INSERT INTO ${named} DEFAULT VALUES`, `UPDATE ${named} SET ${columns.join(', ')}`, `DELETE FROM ${named}`];
}
