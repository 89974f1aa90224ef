import { DaybookError } from '../../../core/errors.js';
import type { Executed, ExecuteRequest } from '../../audit-store.js';
import { sql } from '../../sql.js';
import { capturedColumns, followTables } from '../capture/index.js';
import { setContext } from '../context/index.js';
import { answer, connect, counted, identifier } from '../engine/index.js';
import type { Connection, Server, Session } from '../engine/index.js';
import { findRecorded } from '../trail/index.js';
import { statementsOf } from './sql-script.js';
import type { SqlStatement } from './sql-script.js';

/** Takes the transaction back, with what came of it until then. */
class TakenBack extends Error {
  readonly executed: Executed;

  constructor(executed: Executed) {
    super('taken back');
    this.executed = executed;
  }
}

/**
 * Runs a script in one transaction, under a context that captured entries take over. All of it happens or nothing. It has
 * a connection of its own, which ends with what the script sets there.
 *
 * @throws DaybookError 'usage' for a statement that cannot be part of it or that PostgreSQL does not understand, 'refused'
 *   where a constraint, a trigger or a missing right forbids a change
 */
export async function executeSql(session: Session, request: ExecuteRequest): Promise<Executed> {
  const statements = framed(statementsOf(request.sql));
  if (statements.length === 0) throw new DaybookError('usage', 'the SQL holds no statement');
  const server = await connect(session.options);
  try {
    return await server.write(() => runAll(server, session, statements, request));
  } catch (error) {
    if (error instanceof TakenBack) return error.executed;
    throw error;
  } finally {
    await server.close();
  }
}

/**
 * Without each BEGIN that has its COMMIT: Django has them around a migration, and Prisma around a part of one. All of it is
 * in one transaction here, so that none of it stays without the rest. Throws for any other.
 */
function framed(all: readonly SqlStatement[]): readonly SqlStatement[] {
  let begun: SqlStatement | undefined;
  const inner = new Set(all);
  for (const statement of all) {
    const { words } = statement;
    if (words[0] === 'BEGIN' || words.join(' ') === 'START TRANSACTION') begun ??= statement;
    else if (begun !== undefined && /^(?:COMMIT|END)(?: TRANSACTION| WORK)?$/.test(words.join(' '))) {
      inner.delete(begun);
      inner.delete(statement);
      begun = undefined;
    }
  }
  const statements = [...inner];
  for (const statement of statements) {
    const { words } = statement;
    const ending = OUTSIDE[words[0] ?? ''] ?? OUTSIDE[words.slice(0, 2).join(' ')];
    const within = words[0] === 'ROLLBACK' && (words[1] === 'TO' || words[2] === 'TO');
    if (ending === undefined || within) continue;
    throw new DaybookError('usage', `${nameOf(statement)}: ${words[0] ?? ''} is refused, since ${ending}`);
  }
  return statements;
}

/** Statements that end a transaction or begin another one, with what to do instead. */
const OUTSIDE: Readonly<Record<string, string>> = {
  BEGIN: 'exec runs all of its SQL in one transaction: leave it out',
  'START TRANSACTION': 'exec runs all of its SQL in one transaction: leave it out',
  COMMIT: 'exec commits when all of its SQL has run: leave it out',
  END: 'exec commits when all of its SQL has run: leave it out',
  ROLLBACK: 'it would end the transaction that exec runs its SQL in',
  ABORT: 'it would end the transaction that exec runs its SQL in',
  'PREPARE TRANSACTION': 'it would end the transaction that exec runs its SQL in',
};

async function runAll(
  { connection, asked }: Server,
  session: Session,
  statements: readonly SqlStatement[],
  request: ExecuteRequest,
): Promise<Executed> {
  const { actor, correlationId, reason } = request;
  const captured = await capturedColumns(connection);
  const definition = await definitionOf(connection, asked.schema);
  const own = (await answer<string>(connection, sql('SELECT pg_current_xact_id()::text'))) ?? '';
  await setContext(connection, {
    actor: actor.actor,
    actorType: actor.actor_type,
    recordedBy: actor.recorded_by,
    correlationId,
    reason,
  });
  await connection.script('SET LOCAL search_path TO DEFAULT');
  let rows = 0;
  for (const statement of statements) rows += await run(connection, statement);
  await deferred(connection);
  await connection.script('RESET SESSION AUTHORIZATION');
  await connection.script('RESET ROLE');
  await connection.script(`SET LOCAL search_path = pg_catalog, ${identifier(asked.schema)}, pg_temp`);
  if ((await definitionOf(connection, asked.schema)) !== definition || (await touchedOurs(connection, asked.schema))) {
    throw new DaybookError(
      'usage',
      `the SQL would change schema ${asked.schema}, which belongs to the trail and only daybook's own commands change; nothing was changed`,
    );
  }
  await followTables(connection, captured, { actor, clock: session.clock, schema: asked.schema });
  const [entries = 0, firstSeq = null, lastSeq = null] =
    (
      await connection.rows<[number, number | null, number | null]>(
        sql('SELECT count(*), min(seq), max(seq) FROM daybook_entries WHERE tx = ?::xid8', own),
      )
    )[0] ?? [];
  const executed = { statements: statements.length, rows, entries, firstSeq, lastSeq, wouldRecord: [] };
  if (!request.dryRun) return executed;
  throw new TakenBack({ ...executed, wouldRecord: await findRecorded(connection, session.generations, own, SHOWN) });
}

/** Runs a statement to its end, and gives how many rows it changed itself. */
async function run(connection: Connection, statement: SqlStatement): Promise<number> {
  try {
    const { command, rows } = await connection.script(statement.text);
    return CHANGES.has(command) ? rows : 0;
  } catch (error) {
    throw explained(`${nameOf(statement)}: `, error);
  }
}

const CHANGES: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** What was put off to the end is looked at now, so that what it says is said like the rest. */
async function deferred(connection: Connection): Promise<void> {
  try {
    await connection.script('SET CONSTRAINTS ALL IMMEDIATE');
  } catch (error) {
    throw explained('', error);
  }
}

/** What PostgreSQL says of a statement, with its place in the script, and the kind that it has there. */
function explained(where: string, error: unknown): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  const refused = /^(?:23|44|27|2B|P0001|DB001|42501)/.test(code);
  if (!refused && !/^(?:22|42|25|0A|2D|2F|3F|3D|26|34|54|08P01|55006|55P04)/.test(code)) return error;
  // A standby says so with its own words.
  if (code === '25006') return error;
  const text = `${where}${message.replace(/^daybook: /, '')}; nothing was changed`;
  return new DaybookError(refused ? 'refused' : 'usage', text, { cause: error });
}

/** What a statement is called in a message: where it stands and how it begins. */
function nameOf({ text, line }: SqlStatement): string {
  const start = text.slice(0, 200).replaceAll(/\s+/g, ' ').trim();
  return `line ${line}, ${start.length > 60 ? `${start.slice(0, 59).trimEnd()}…` : start}`;
}

/** All that makes the schema of the trail what it is, in one text. */
async function definitionOf(connection: Connection, schema: string): Promise<string> {
  const text = await answer<string>(
    connection,
    sql(
      `SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
         SELECT concat_ws(' ', 'c', c.oid, c.relname, c.relkind, coalesce(c.relacl::text, ''), c.relowner) FROM pg_class AS c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?)
         UNION ALL SELECT concat_ws(' ', 'a', a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attisdropped, coalesce(a.attacl::text, '')) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?) AND a.attnum > 0
         UNION ALL SELECT concat_ws(' ', 't', t.oid, t.tgname, t.tgenabled, t.tgfoid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?)
         UNION ALL SELECT concat_ws(' ', 'r', k.oid, k.conname, k.convalidated) FROM pg_constraint AS k WHERE k.connamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?)
         UNION ALL SELECT concat_ws(' ', 'p', p.oid, p.proname, p.prosecdef, md5(p.prosrc), coalesce(p.proacl::text, ''), coalesce(p.proconfig::text, '')) FROM pg_proc AS p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = ?)
       ) AS lines (line)`,
      schema,
      schema,
      schema,
      schema,
      schema,
    ),
  );
  return text ?? '';
}

/** Whether the open transaction has changed rows of the trail's own tables: to record is free, and nothing else. */
async function touchedOurs(connection: Connection, schema: string): Promise<boolean> {
  const count = await counted(
    connection,
    sql(
      `SELECT count(*) FROM pg_stat_xact_all_tables WHERE schemaname = ?
       AND (n_tup_upd + n_tup_del > 0 OR (n_tup_ins > 0 AND relname <> 'daybook_entries'))`,
      schema,
    ),
  );
  return count > 0;
}

/** So many entries of a dry run are shown; the rest is only counted. */
const SHOWN = 1000;
