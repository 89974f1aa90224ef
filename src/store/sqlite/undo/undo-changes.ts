import { isUtf8 } from 'node:buffer';
import Database from 'better-sqlite3';
import type { Statement } from 'better-sqlite3';
import type { Capture } from '../../../core/capture.js';
import type { HistoryEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { REDACTED } from '../../../core/redact.js';
import type { UndoConflict, UndoneChange, UndoOutcome, UndoRequest } from '../../../core/undo.js';
import { areHalves, captureMarkOf, undoStep } from '../../undo-steps.js';
import type { CaptureMark, UndoStep } from '../../undo-steps.js';
import { findCapture, readRecorded, sameSqlValue, valueLiteral } from '../capture/index.js';
import type { SqlValue } from '../capture/index.js';
import { filterCondition, findEntry, lastSeq, refuseTakenBack } from '../trail/index.js';
import { writing, HELD } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { contextValues, SET_CONTEXT } from '../context/index.js';
import { foreignKeyFaults, newFaults, describeTable, identifier } from '../tables/index.js';
import type { TableColumn, TableDescription } from '../tables/index.js';

/**
 * Undoes captured changes in one transaction, the last one first: each is judged by what the ones before it left.
 * `settle` runs first within it. Nothing is kept of a dry run, nor where there are conflicts and no force.
 *
 * Throws kind `refused` for an entry that cannot be undone at all, and where the database forbids what it was before.
 */
export function undoChanges(connection: Connection, request: UndoRequest, settle: () => void): UndoOutcome {
  let last: number | null = null;
  try {
    return writing(connection, () => {
      settle();
      const run = beginRun(connection, request);
      try {
        for (const seq of seqsOf(run)) {
          last = seq;
          undoEntry(run, seq);
        }
      } catch (error) {
        // What is broken by going on in spite of a conflict is no news.
        if (request.force || run.conflicts.length === 0) throw error;
        throw new TakenBack(outcomeOf(run, false));
      }
      endRun(run);
      last = null;
      if (run.conflicts.length > 0 && !request.force) throw new TakenBack(outcomeOf(run, false));
      if (request.dryRun) {
        refuseBrokenReferences(run);
        throw new TakenBack(outcomeOf(run, false));
      }
      return outcomeOf(run, true);
    });
  } catch (error) {
    if (error instanceof TakenBack) return error.outcome;
    throw forbidden(error, last);
  }
}

/** Rolls the transaction back, and brings out what it came to. */
class TakenBack extends Error {
  readonly outcome: UndoOutcome;

  constructor(outcome: UndoOutcome) {
    super('taken back');
    this.outcome = outcome;
  }
}

/** What the rules of the database forbid is refused: a constraint, a trigger, a foreign key at the end. */
function forbidden(error: unknown, seq: number | null): unknown {
  if (!(error instanceof Database.SqliteError) || !/^SQLITE_(?:CONSTRAINT|MISMATCH)/.test(error.code)) return error;
  const what = seq === null ? 'this' : `entry ${seq}`;
  return new DaybookError('refused', `the database forbids undoing ${what} (${error.message}): nothing was undone`, {
    cause: error,
  });
}

interface Run {
  readonly connection: Connection;
  readonly request: UndoRequest;
  /** The last entry before the undo. */
  readonly upTo: number;
  readonly encoding: string;
  readonly tables: Map<string, CapturedTable>;
  readonly statements: Map<string, Statement<unknown[]>>;
  /** Entries that were undone with their other half. */
  readonly halves: Set<number>;
  readonly undone: UndoneChange[];
  readonly conflicts: UndoConflict[];
  readonly script: string[];
  leftOut: number;
}

function beginRun(connection: Connection, request: UndoRequest): Run {
  const run: Run = {
    connection,
    request,
    upTo: lastSeq(connection),
    encoding: connection.pragma('encoding', { simple: true }) as string,
    tables: new Map(),
    statements: new Map(),
    halves: new Set(),
    undone: [],
    conflicts: [],
    script: [],
    leftOut: 0,
  };
  if (request.dryRun) {
    run.script.push('.bail on', 'PRAGMA foreign_keys = ON;', 'BEGIN IMMEDIATE;');
    connection.exec(`SAVEPOINT ${REHEARSAL}`);
  }
  return run;
}

function endRun(run: Run): void {
  execute(run, ['DELETE FROM daybook_context']);
  if (run.request.dryRun) run.script.push('COMMIT;');
}

const REHEARSAL = 'daybook_rehearsal';

/** Throws kind `refused` where the COMMIT that a rehearsal never comes to would fail, by a deferred foreign key. */
function refuseBrokenReferences({ connection }: Run): void {
  const afterwards = foreignKeyFaults(connection);
  connection.exec(`ROLLBACK TO ${REHEARSAL}`);
  const wrong = newFaults(foreignKeyFaults(connection), afterwards);
  if (wrong === undefined) return;
  throw new DaybookError(
    'refused',
    `the database forbids undoing this (FOREIGN KEY: ${wrong}): nothing would be undone`,
  );
}

function outcomeOf(run: Run, applied: boolean): UndoOutcome {
  const { undone, conflicts, leftOut, script } = run;
  const changes = undone.some((change) => change.done !== 'nothing');
  return { applied, undone, conflicts, leftOut, script: changes ? script : [] };
}

/** The entries that are to be undone, the last one first. */
function seqsOf({ connection, request, upTo }: Run): readonly number[] {
  if ('seq' in request.entries) return [request.entries.seq];
  const condition = filterCondition(request.entries.filter, 'e', upTo);
  return connection
    .prepare<unknown[], number>(
      `SELECT e.seq FROM daybook_entries AS e WHERE (${condition.sql}) AND e.seq <= ? ORDER BY e.seq DESC`,
    )
    .pluck()
    .all(...condition.parameters, upTo);
}

type Row = ReadonlyMap<string, SqlValue>;

interface CapturedTable {
  readonly description: TableDescription;
  readonly capture: Capture;
  /** The columns that a statement can set. */
  readonly settable: readonly TableColumn[];
}

/** The row before and after a change: one of them at least. */
type Rows =
  | { readonly before: Row; readonly after: Row }
  | { readonly before: null; readonly after: Row }
  | { readonly before: Row; readonly after: null };

/** A captured change, with both halves where it was one of the key. */
type Change = Rows & {
  readonly seq: number;
  /** The entry whose id the undo carries; of a change of the key, the delete of the new key takes back its creation, */
  readonly id: string;
  /** and the creation of the old key its delete. */
  readonly createdId: string | null;
  readonly entity: string;
  readonly entry: HistoryEntry;
  readonly table: CapturedTable;
  /** Whether the key changed: then nothing says which redacted values did. */
  readonly rekeyed: boolean;
};

function undoEntry(run: Run, seq: number): void {
  if (run.halves.has(seq)) return;
  const entry = entryAt(run, seq);
  const mark = captureMarkOf(entry);
  if (mark === undefined) {
    if ('filter' in run.request.entries) {
      run.leftOut += 1;
      return;
    }
    throw new DaybookError(
      'refused',
      `entry ${seq} is no change that capture recorded here, and --apply undoes only these`,
    );
  }
  refuseTakenBack(run.connection, entry);
  const change = changeOf(run, entry, mark);
  const before = lastSeq(run.connection);
  const step = stepOf(run, change);
  if (step !== null) {
    const { actor, reason, correlationId } = run.request;
    const context = contextValues({
      actor: actor.actor,
      actorType: actor.actor_type,
      correlationId,
      reason,
      reverts: change.id,
      revertsCreated: change.createdId,
      recordedBy: actor.recorded_by,
    });
    // It holds until it is cleared, which happens in the same transaction.
    execute(run, [`${SET_CONTEXT} (`, ...separated(context.map((value) => ({ value }))), `, ${HELD})`]);
    if (execute(run, step.statement) !== 1) {
      throw new DaybookError('refused', `the database passed over undoing entry ${seq}: nothing was undone`);
    }
  }
  const entries = entriesSince(run.connection, before);
  if (step !== null && entries.length === 0) {
    throw new DaybookError('refused', `no entry came of undoing entry ${seq}: nothing was undone`);
  }
  run.undone.push({
    seq: change.seq,
    entity: change.entity,
    done: step?.done ?? 'nothing',
    fields: step?.fields ?? [],
    entries,
  });
}

function entryAt(run: Run, seq: number): HistoryEntry {
  const entry = findEntry(run.connection, { seq });
  if (entry === undefined) throw new DaybookError('missing', `no entry ${seq}`);
  return entry;
}

function entriesSince(connection: Connection, seq: number): number[] {
  return connection
    .prepare<[number], number>('SELECT seq FROM daybook_entries WHERE seq > ? ORDER BY seq')
    .pluck()
    .all(seq);
}

/** Reads what an entry says of its row. Throws kind `refused` where nothing can be undone by it. */
function changeOf(run: Run, entry: HistoryEntry, mark: CaptureMark): Change {
  const table = tableOf(run, entry.seq, mark.table);
  const entity = `${entry.entity_type}:${entry.entity_id}`;
  if (mark.becameKey === null && mark.wasKey === null) {
    const change = { seq: entry.seq, id: entry.id, createdId: null, entity, entry, table, rekeyed: false };
    const row = (field: 'old_values' | 'new_values'): Row => recorded(run, entry, field, table);
    if (entry.action === 'create') return { ...change, before: null, after: row('new_values') };
    if (entry.action === 'delete') return { ...change, before: row('old_values'), after: null };
    return { ...change, before: row('old_values'), after: row('new_values') };
  }
  const other = findEntry(run.connection, { seq: entry.seq + (mark.becameKey === null ? -1 : 1) });
  if (other === undefined || !(areHalves(entry, other) || areHalves(other, entry))) {
    throw new DaybookError('refused', `entry ${entry.seq} changed a key, and its other half is no longer in the trail`);
  }
  refuseTakenBack(run.connection, other);
  run.halves.add(other.seq);
  const [gone, come] = mark.becameKey === null ? [other, entry] : [entry, other];
  return {
    seq: come.seq,
    id: come.id,
    createdId: gone.id,
    entity: `${come.entity_type}:${come.entity_id}`,
    entry: come,
    table,
    before: recorded(run, gone, 'old_values', table),
    after: recorded(run, come, 'new_values', table),
    rekeyed: true,
  };
}

function tableOf(run: Run, seq: number, name: string): CapturedTable {
  const known = run.tables.get(name);
  if (known !== undefined) return known;
  const capture = findCapture(run.connection, name);
  if (capture === undefined) {
    throw new DaybookError(
      'refused',
      `table ${name} of entry ${seq} is no longer captured: an undo would leave no trace`,
      { hint: 'daybook capture list' },
    );
  }
  if (capture.problem !== null) {
    throw new DaybookError('refused', `table ${name} of entry ${seq} ${capture.problem}: an undo may leave no trace`, {
      hint: 'daybook capture refresh',
    });
  }
  const description = describeTable(run.connection, capture.table);
  const table = { description, capture, settable: description.columns.filter((column) => !column.generated) };
  run.tables.set(name, table);
  return table;
}

function recorded(
  run: Run,
  entry: HistoryEntry,
  field: 'old_values' | 'new_values',
  { description }: CapturedTable,
): Row {
  const text = entry[field];
  const row = text === null ? undefined : readRecorded(text);
  if (text !== null && row === undefined) {
    throw new DaybookError(
      'refused',
      `the ${field} of entry ${entry.seq} hold what no row of ${description.name} does: a JSON function wrote a text there, and a daybook before schema 6 recorded it as a document (docs/capture.md)`,
    );
  }
  if (row === undefined || !description.primaryKey.every((column) => row.has(column))) {
    throw new DaybookError(
      'refused',
      `the ${field} of entry ${entry.seq} are not those of a row of ${description.name}`,
    );
  }
  // What is no UTF-8 was replaced when it was read.
  if (text?.includes('\ufffd') === true && run.encoding === 'UTF-8') {
    const bytes = run.connection
      .prepare<[number], Buffer>(`SELECT CAST(${field} AS BLOB) FROM daybook_entries WHERE seq = ?`)
      .pluck()
      .get(entry.seq);
    if (bytes !== undefined && !isUtf8(bytes)) {
      throw new DaybookError('refused', `the ${field} of entry ${entry.seq} hold text that is not UTF-8`);
    }
  }
  return row;
}

/** A piece of SQL, or a value in it. */
type Piece = string | { readonly value: SqlValue };

interface Step {
  readonly done: UndoneChange['done'];
  readonly fields: readonly string[];
  readonly statement: readonly Piece[];
}

/** What undoes a change as the row is now, conflicts overruled and noted; null where nothing is left to do. */
function stepOf(run: Run, change: Change): Step | null {
  const { before, after, table, rekeyed, seq, entity } = change;
  const { description, capture } = table;
  const { step, conflicts } = undoStep<Exclude<SqlValue, null>>({
    seq,
    entity,
    before,
    after,
    rekeyed,
    changedFields: change.entry.changed_fields,
    columns: description.columns.map(({ name }) => name),
    settable: table.settable.map(({ name }) => name),
    primaryKey: description.primaryKey,
    settings: capture.settings,
    now: after === null ? rowAt(run, table, before, 'as the key is compared') : rowAt(run, table, after, 'exactly'),
    old: rekeyed && before !== null ? rowAt(run, table, before, 'exactly') : null,
    laterChange: (field) => laterChange(run, change, field),
    values: {
      same: sameSqlValue,
      isRedacted: (value) => value === REDACTED,
      documentIn: (column, value) =>
        capture.settings.json.includes(column) && typeof value === 'string' ? value : null,
      ofDocument: (_column, text) => text,
    },
  });
  run.conflicts.push(...conflicts);
  return (
    step && {
      done: step.done,
      fields: step.done === 'update' ? step.sets.map(([name]) => name) : [],
      statement: statementOf(table, step),
    }
  );
}

/** The last captured entry that named the field as changed, behind this one. */
function laterChange(run: Run, change: Change, field: string): number | null {
  const { entity_type, entity_id } = change.entry;
  return (
    run.connection
      .prepare<unknown[], number>(
        `SELECT seq FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity
         WHERE entity_id = ? AND entity_type = ? AND seq > ? AND seq <= ?
           AND e.recorded_at IS NULL AND e.source IS NULL AND e.metadata ->> '$.table' = ? AND EXISTS (
           SELECT 1 FROM json_each(e.changed_fields) WHERE value = ? OR substr(value, 1, ?) = ?)
         ORDER BY seq DESC LIMIT 1`,
      )
      .pluck()
      .get(
        entity_id,
        entity_type,
        change.seq,
        run.upTo,
        change.table.description.name,
        field,
        field.length + 1,
        `${field}.`,
      ) ?? null
  );
}

/** The statement of a step. */
function statementOf(table: CapturedTable, step: UndoStep<Exclude<SqlValue, null>>): Piece[] {
  const name = identifier(table.description.name);
  switch (step.done) {
    case 'insert':
      return [
        `INSERT INTO ${name} (${step.values.map(([column]) => identifier(column)).join(', ')}) VALUES (`,
        ...separated(step.values.map(([, value]) => ({ value }))),
        ')',
      ];
    case 'delete':
      return [`DELETE FROM ${name} WHERE `, ...sameKey(table, step.row)];
    case 'update':
      return [
        `UPDATE ${name} SET `,
        ...step.sets.flatMap(([column, value], index): Piece[] => [
          `${index === 0 ? '' : ', '}${identifier(column)} = `,
          { value },
        ]),
        ' WHERE ',
        ...sameKey(table, step.row),
      ];
  }
}

function sameKey({ description }: CapturedTable, row: Row): Piece[] {
  return description.primaryKey.flatMap((name, index): Piece[] => [
    `${index === 0 ? '' : ' AND '}${identifier(name)} IS `,
    { value: row.get(name) ?? null },
  ]);
}

function separated(pieces: readonly Piece[]): Piece[] {
  return pieces.flatMap((piece, index) => (index === 0 ? [piece] : [', ', piece]));
}

/** The row with the key of another as it is now, or null; `exactly`, 1.0 is not the key 1, nor 'A' the key 'a'. */
function rowAt(run: Run, table: CapturedTable, row: Row, compared: 'exactly' | 'as the key is compared'): Row | null {
  const { description, settable } = table;
  const columns = settable.map((column) => identifier(column.name)).join(', ');
  const { sql, values } = bound([
    `SELECT ${columns} FROM ${identifier(description.name)} WHERE `,
    ...sameKey(table, row),
  ]);
  const found = (
    prepared(run, sql)
      .raw()
      .all(...values) as SqlValue[][]
  ).map((cells) => new Map(settable.map(({ name }, index) => [name, cells[index] ?? null])));
  if (found.length > 1) {
    throw new DaybookError('refused', `${found.length} rows of ${description.name} have the same key, with NULL in it`);
  }
  const [one] = found;
  if (one === undefined) return null;
  const same = description.primaryKey.every((name) => sameSqlValue(one.get(name) ?? null, row.get(name) ?? null));
  return same || compared !== 'exactly' ? one : null;
}

function bound(pieces: readonly Piece[]): { readonly sql: string; readonly values: readonly SqlValue[] } {
  return {
    sql: pieces.map((piece) => (typeof piece === 'string' ? piece : '?')).join(''),
    values: pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.value])),
  };
}

function prepared(run: Run, sql: string): Statement<unknown[]> {
  const known = run.statements.get(sql);
  if (known !== undefined) return known;
  const statement = run.connection.prepare<unknown[]>(sql).safeIntegers();
  run.statements.set(sql, statement);
  return statement;
}

/** Runs a statement, keeps it for the script, and says how many rows it changed itself. */
function execute(run: Run, pieces: readonly Piece[]): number {
  if (run.request.dryRun) {
    const text = pieces.map((piece) => (typeof piece === 'string' ? piece : valueLiteral(piece.value, run.encoding)));
    run.script.push(`${text.join('')};`);
  }
  const { sql, values } = bound(pieces);
  return prepared(run, sql).run(...values).changes;
}
