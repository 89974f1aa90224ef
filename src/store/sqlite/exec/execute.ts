import Database from 'better-sqlite3';
import type { HistoryEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Executed, ExecuteRequest } from '../../audit-store.js';
import { captureKeeper } from './kept-captures.js';
import { missingInTrigger, markOf } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { clearContext, holdContext, setContext } from '../context/index.js';
import { foreignKeyFaults, newFaults } from '../tables/index.js';
import { generatedFrame } from './generated-frame.js';
import type { GeneratedFrame } from './generated-frame.js';
import { holdTrail } from './held-trail.js';
import type { HeldTrail } from './held-trail.js';
import { readMirrors } from '../mirrors/index.js';
import { lastSeq, readPage } from '../trail/index.js';
import { refusePragma } from './pragmas.js';
import { savepointStack } from './savepoint-stack.js';
import { isOfRows, refusedStatement, sqlScript, statementName } from './sql-script.js';
import type { SqlScript, SqlStatement } from './sql-script.js';
import { statementJudge } from './statement-effects.js';

export interface ExecuteOptions {
  readonly clock: () => number;
  /** What every write does first, in its transaction. */
  readonly settle: () => void;
}

/**
 * Runs a script in one transaction, under a context that captured entries take over. All of it happens or nothing. The
 * connection must be there for this alone: what the script sets and leaves there, no rollback takes back.
 *
 * @throws DaybookError 'usage' for a statement that cannot be part of it or that SQLite does not understand, 'refused'
 *   where a constraint, a trigger or a foreign key forbids a change
 */
export function executeSql(connection: Connection, request: ExecuteRequest, options: ExecuteOptions): Executed {
  const script = sqlScript(connection, request.sql);
  if (script.next() === undefined) throw new DaybookError('usage', 'the SQL holds no statement');
  // SQLite ignores this within a transaction.
  connection.pragma(`foreign_keys = ${request.foreignKeys ? 'ON' : 'OFF'}`);
  const trail = holdTrail(connection);
  connection.exec('BEGIN IMMEDIATE');
  try {
    options.settle();
    const executed = runAll(connection, script, trail, request, options);
    finish(connection, request.dryRun);
    return executed;
  } catch (error) {
    // A conflict clause, a trigger or a full disk may have rolled back already.
    if (connection.inTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

function runAll(
  connection: Connection,
  script: SqlScript,
  trail: HeldTrail,
  request: ExecuteRequest,
  options: ExecuteOptions,
): Executed {
  const faults = foreignKeyFaults(connection);
  const before = lastSeq(connection);
  enterContext(connection, request);
  const captures = captureKeeper(connection, options.clock, request.actor);
  const judge = statementJudge(connection);
  const savepoints = savepointStack();
  const run = runner(connection);
  const frame = generatedFrame(request.foreignKeys);
  let statements = 0;
  let rows = 0;
  for (let next = script.next(); next !== undefined; next = script.next()) {
    let statement: SqlStatement = next;
    try {
      refuseUnread(next, frame);
      const isOfFrame = frame.takes(next);
      const whole = script.complete(next);
      statement = whole;
      if (isOfFrame) continue;
      captures.before(whole);
      const effects = judge.effects(whole);
      savepoints.take(whole, effects);
      rows += trail.run(whole, effects, () => run(whole));
      if (!isOfRows(whole)) judge.settled(whole);
      captures.after(whole);
      statements += 1;
    } catch (error) {
      throw isOfMirror(connection, statement, error) ? error : explained(statement, error);
    }
  }
  frame.end();
  savepoints.end();
  captures.end();
  clearContext(connection);
  const wrong = newFaults(faults, foreignKeyFaults(connection));
  if (wrong !== undefined) {
    throw new DaybookError('refused', `rows would refer to rows that are not there: ${wrong}; nothing was changed`);
  }
  const recorded = connection
    .prepare<[number], Pick<Executed, 'entries' | 'firstSeq' | 'lastSeq'>>(
      'SELECT count(*) AS entries, min(seq) AS firstSeq, max(seq) AS lastSeq FROM daybook_entries WHERE seq > ?',
    )
    .get(before) as Pick<Executed, 'entries' | 'firstSeq' | 'lastSeq'>;
  return {
    statements,
    rows,
    ...recorded,
    wouldRecord: request.dryRun ? firstEntries(connection, before, recorded.lastSeq ?? before) : [],
  };
}

/** Refuses what must not even be read by SQLite: a pragma acts while it is, and what begins with no word is none of ours to know. */
function refuseUnread(statement: SqlStatement, frame: GeneratedFrame): void {
  if (statement.words.length === 0) throw refusedStatement(statement, 'a statement begins with a word');
  if (statement.pragma === 'foreign_keys') frame.agree(statement);
  else if (statement.pragma !== null) refusePragma(statement, statement.pragma);
}

/** Sets the context for all of the script: it is cleared before the end, and an error takes it back. */
function enterContext(connection: Connection, { actor, correlationId, reason }: ExecuteRequest): void {
  setContext(connection, {
    actor: actor.actor,
    actorType: actor.actor_type,
    correlationId,
    reason,
    recordedBy: actor.recorded_by,
  });
  holdContext(connection);
}

/**
 * Runs statements to their end and gives how many rows each changed itself; rows that it returns are passed over. They are
 * not prepared: the driver keeps what it prepared until memory is collected, and each holds the code of all triggers.
 */
function runner(connection: Connection): (statement: SqlStatement) => number {
  const counters = connection.prepare<[], [total: number, last: number]>('SELECT total_changes(), changes()').raw();
  return (statement) => {
    const before = counters.get()?.[0];
    connection.exec(statement.text);
    if (!isOfRows(statement)) return 0;
    const [total, last] = counters.get() ?? [0, 0];
    // What changes nothing at all leaves the count of the statement before it.
    return total === before ? 0 : last;
  };
}

/** Whether an entry could not be shown where its mirror is broken: no fault of the statement, which does not speak of that. */
function isOfMirror(connection: Connection, { text }: SqlStatement, error: unknown): boolean {
  const missing = error instanceof Database.SqliteError ? missingInTrigger(error.message) : undefined;
  if (missing === undefined || text.includes(missing)) return false;
  return readMirrors(connection).some(({ problem }) => problem !== null);
}

/** Gives what SQLite says of a statement its place in the script, and the kind that it has there. */
function explained(statement: SqlStatement, error: unknown): unknown {
  const say = (kind: 'usage' | 'refused', message: string): DaybookError =>
    new DaybookError(kind, `${statementName(statement)}: ${message}; nothing was changed`, { cause: error });
  if (!(error instanceof Database.SqliteError)) return error;
  const { code, message } = error;
  if (code.startsWith('SQLITE_CONSTRAINT') || code === 'SQLITE_MISMATCH') return say('refused', message);
  if (code === 'SQLITE_ERROR' || code === 'SQLITE_TOOBIG') return say('usage', message);
  return error;
}

function finish(connection: Connection, dryRun: boolean): void {
  try {
    connection.exec(dryRun ? 'ROLLBACK' : 'COMMIT');
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT')) {
      throw new DaybookError('refused', `${error.message}; nothing was changed`, { cause: error });
    }
    throw error;
  }
}

/** So many entries of a dry run are shown; the rest is only counted. */
const SHOWN = 1000;

function firstEntries(connection: Connection, before: number, upTo: number): HistoryEntry[] {
  const entries: HistoryEntry[] = [];
  for (let after = before; entries.length < SHOWN;) {
    const limit = SHOWN - entries.length;
    const query = { filter: {}, order: 'recorded', limit, upTo: markOf(upTo), after: { ms: 0, seq: after } } as const;
    const page = readPage(connection, query);
    entries.push(...page.entries);
    if (page.next === null) break;
    after = page.next.seq;
  }
  return entries;
}
