import type { Capture } from '../../../core/capture.js';
import { namesOfChanged } from '../../../core/diff.js';
import type { HistoryEntry, JsonText } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import type { Mark } from '../../../core/mark.js';
import { REDACTED } from '../../../core/redact.js';
import type { UndoConflict, UndoneChange, UndoOutcome, UndoRequest } from '../../../core/undo.js';
import { concat, join, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { areHalves, captureMarkOf, undoStep } from '../../undo-steps.js';
import type { CaptureMark, UndoRow, UndoStep } from '../../undo-steps.js';
import { describe, readCaptures, rowText, typeOf } from '../capture/index.js';
import type { RowText, TableDescription } from '../capture/index.js';
import { contextCall } from '../context/index.js';
import { answer, asApplication, identifier, inTrail } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { currentMark, filterCondition, findEntry, refuseTakenBack } from '../trail/index.js';
import { textLiteral } from './text-literal.js';

/**
 * Undoes captured changes in one transaction, the last one first: each is judged by what the ones before it left.
 * `settle` runs first within it. Nothing is kept of a dry run, nor where there are conflicts and no force.
 *
 * Throws kind `refused` for an entry that cannot be undone at all, and where the database forbids what it was before.
 */
export async function undoChanges(
  session: Session,
  request: UndoRequest,
  settle: () => Promise<void>,
): Promise<UndoOutcome> {
  try {
    // Serializable, so that nobody changes what is judged here, and no two take back one entry.
    return await session.write(
      async () => {
        await settle();
        return undoAll(session, request);
      },
      { serializable: true },
    );
  } catch (error) {
    if (error instanceof TakenBack) return error.outcome;
    throw error;
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

async function undoAll(session: Session, request: UndoRequest): Promise<UndoOutcome> {
  const run = await beginRun(session, request);
  let last: number | null = null;
  try {
    for (const seq of await seqsOf(run)) {
      last = seq;
      await undoEntry(run, seq);
    }
    last = null;
    // What was put off to the end is looked at now.
    await asApplication(session.connection, session.options.schema, () =>
      session.connection.script('SET CONSTRAINTS ALL IMMEDIATE'),
    );
  } catch (error) {
    // What is broken by going on in spite of a conflict is no news.
    if (request.force || run.conflicts.length === 0) throw forbidden(error, last);
    throw new TakenBack(outcomeOf(run, false));
  }
  const kept = !request.dryRun && (run.conflicts.length === 0 || request.force);
  if (!kept) throw new TakenBack(outcomeOf(run, false));
  return outcomeOf(run, true);
}

/** What the rules of the database forbid is refused: a constraint, a trigger, a foreign key at the end. */
function forbidden(error: unknown, seq: number | null): unknown {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (!/^(?:22|23|27|2B|428C9|44|P0|DB)/.test(code)) return error;
  const what = seq === null ? 'this' : `entry ${seq}`;
  return new DaybookError('refused', `the database forbids undoing ${what} (${message}): nothing was undone`, {
    cause: error,
  });
}

interface Run {
  readonly session: Session;
  readonly connection: Connection;
  readonly request: UndoRequest;
  readonly upTo: Mark;
  readonly tables: Map<string, CapturedTable>;
  /** Entries that were undone with their other half. */
  readonly halves: Set<number>;
  readonly undone: UndoneChange[];
  readonly conflicts: UndoConflict[];
  readonly script: string[];
  leftOut: number;
}

async function beginRun(session: Session, request: UndoRequest): Promise<Run> {
  const { connection, generations } = session;
  return {
    session,
    connection,
    request,
    upTo: await currentMark(connection, generations),
    tables: new Map(),
    halves: new Set(),
    undone: [],
    conflicts: [],
    script: [],
    leftOut: 0,
  };
}

function outcomeOf({ undone, conflicts, leftOut, script, request }: Run, applied: boolean): UndoOutcome {
  const changes = request.dryRun && undone.some((change) => change.done !== 'nothing');
  const whole = ['\\set ON_ERROR_STOP on', 'BEGIN;', ...script, 'COMMIT;'];
  return { applied, undone, conflicts, leftOut, script: changes ? whole : [] };
}

/** The entries that are to be undone, the last one first. */
async function seqsOf({ connection, request, upTo, session: { generations } }: Run): Promise<readonly number[]> {
  if ('seq' in request.entries) return [request.entries.seq];
  const rows = await connection.rows<[number]>(
    concat(
      'SELECT e.seq FROM daybook_entries AS e WHERE (',
      filterCondition(request.entries.filter, { upTo, generations }),
      ') AND ',
      inTrail(upTo, generations),
      ' ORDER BY e.seq DESC',
    ),
  );
  return rows.map(([seq]) => seq);
}

/** A value as JSON that PostgreSQL wrote; null stands for NULL, and for the null of a document. */
type Row = UndoRow<JsonText>;

interface CapturedTable {
  readonly description: TableDescription;
  readonly capture: Capture;
  readonly text: RowText;
  /** Columns of json and of jsonb. */
  readonly documents: ReadonlySet<string>;
}

/** A captured change, with both halves where it was one of the key. */
interface Change {
  readonly seq: number;
  /** The entry whose id the undo carries; of a change of the key, the delete of the new key takes back its creation, */
  readonly id: string;
  /** and the creation of the old key its delete. */
  readonly createdId: string | null;
  readonly entity: string;
  readonly entry: HistoryEntry;
  readonly table: CapturedTable;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly rekeyed: boolean;
}

async function undoEntry(run: Run, seq: number): Promise<void> {
  if (run.halves.has(seq)) return;
  const { connection, session, request } = run;
  const entry = await findEntry(connection, session.generations, { seq });
  if (entry === undefined) throw new DaybookError('missing', `no entry ${seq}`);
  const mark = captureMarkOf(entry);
  if (mark === undefined) {
    if ('filter' in request.entries) {
      run.leftOut += 1;
      return;
    }
    throw new DaybookError(
      'refused',
      `entry ${seq} is no change that capture recorded here, and --apply undoes only these`,
    );
  }
  await refuseTakenBack(connection, session.generations, entry);
  const change = await changeOf(run, entry, mark);
  const before = await lastOwn(connection);
  const step = await stepOf(run, change);
  if (step !== null) {
    const { actor, reason, correlationId } = request;
    const context = contextCall({
      actor: actor.actor,
      actorType: actor.actor_type,
      recordedBy: actor.recorded_by,
      correlationId,
      reason,
      reverts: change.id,
      revertsCreated: change.createdId,
    });
    await connection.rows(scripted(run, context));
    const statement = scripted(run, statementOf(change.table, step));
    const count = await asApplication(connection, session.options.schema, () => connection.run(statement));
    if (count !== 1) {
      throw new DaybookError('refused', `the database passed over undoing entry ${seq}: nothing was undone`);
    }
  }
  const entries = await connection.rows<[number]>(sql(`SELECT e.seq ${OWN} AND e.seq > ? ORDER BY e.seq`, before));
  if (step !== null && entries.length === 0) {
    throw new DaybookError('refused', `no entry came of undoing entry ${seq}: nothing was undone`);
  }
  run.undone.push({
    seq: change.seq,
    entity: change.entity,
    done: step?.done ?? 'nothing',
    fields: step?.done === 'update' ? step.sets.map(([name]) => name) : [],
    entries: entries.map(([own]) => own),
  });
}

/** The entries of the open transaction. */
const OWN = 'FROM daybook_entries AS e WHERE e.tx = pg_current_xact_id()';

async function lastOwn(connection: Connection): Promise<number> {
  return (await answer<number>(connection, sql(`SELECT max(e.seq) ${OWN}`))) ?? 0;
}

/** Reads what an entry says of its row. Throws kind `refused` where nothing can be undone by it. */
async function changeOf(run: Run, entry: HistoryEntry, mark: CaptureMark): Promise<Change> {
  const table = await tableOf(run, entry, mark.table);
  const entity = `${entry.entity_type}:${entry.entity_id}`;
  const row = (one: HistoryEntry, field: 'old_values' | 'new_values'): Promise<Row> => recorded(run, one, field, table);
  if (mark.becameKey === null && mark.wasKey === null) {
    const change = { seq: entry.seq, id: entry.id, createdId: null, entity, entry, table, rekeyed: false };
    return {
      ...change,
      before: entry.action === 'create' ? null : await row(entry, 'old_values'),
      after: entry.action === 'delete' ? null : await row(entry, 'new_values'),
    };
  }
  const other = await otherHalf(run, entry, mark);
  if (other === undefined) {
    throw new DaybookError('refused', `entry ${entry.seq} changed a key, and its other half is no longer in the trail`);
  }
  await refuseTakenBack(run.connection, run.session.generations, other);
  run.halves.add(other.seq);
  const [gone, come] = mark.becameKey === null ? [other, entry] : [entry, other];
  return {
    seq: come.seq,
    id: come.id,
    createdId: gone.id,
    entity: `${come.entity_type}:${come.entity_id}`,
    entry: come,
    table,
    before: await row(gone, 'old_values'),
    after: await row(come, 'new_values'),
    rekeyed: true,
  };
}

/** The other entry of a change of the key: of the same transaction, and the nearest; others may have seqs between them. */
async function otherHalf(
  { connection, session }: Run,
  entry: HistoryEntry,
  mark: CaptureMark,
): Promise<HistoryEntry | undefined> {
  const [order, key] = mark.becameKey === null ? ['<', mark.wasKey] : ['>', mark.becameKey];
  const seq = await answer<number>(
    connection,
    sql(
      `SELECT e.seq FROM daybook_entries AS e WHERE e.entity_id = ? AND e.entity_type = ? AND e.seq ${order} ?
         AND e.tx = (SELECT o.tx FROM daybook_entries AS o WHERE o.seq = ?) ORDER BY e.seq ${order === '<' ? 'DESC' : 'ASC'} LIMIT 1`,
      key,
      entry.entity_type,
      entry.seq,
      entry.seq,
    ),
  );
  if (seq === undefined) return undefined;
  const other = await findEntry(connection, session.generations, { seq });
  return other !== undefined && (areHalves(entry, other) || areHalves(other, entry)) ? other : undefined;
}

/** The table of a type, whatever it was called then. */
async function tableOf(run: Run, { seq, entity_type: type }: HistoryEntry, name: string): Promise<CapturedTable> {
  const known = run.tables.get(type ?? '');
  if (known !== undefined) return known;
  const { connection } = run;
  const capture = (await readCaptures(connection)).find(({ settings }) => settings.entityType === type);
  if (capture === undefined) {
    throw new DaybookError(
      'refused',
      `table ${name} of entry ${seq} is no longer captured: an undo would leave no trace`,
      { hint: 'daybook capture list' },
    );
  }
  const relation = await answer<number>(
    connection,
    sql('SELECT relation::bigint FROM daybook_captures WHERE entity_type = ?', type),
  );
  const description = await describe(connection, relation ?? 0);
  if (capture.problem !== null || description === undefined) {
    throw new DaybookError(
      'refused',
      `table ${name} of entry ${seq} ${capture.problem ?? 'is gone'}: an undo may leave no trace`,
      {
        hint: 'daybook capture refresh',
      },
    );
  }
  const documents = await connection.rows<[string]>(
    sql(
      `SELECT a.attname FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
       WHERE a.attrelid = ? AND a.attnum > 0 AND coalesce(nullif(t.typbasetype, 0), t.oid) IN ('json'::regtype, 'jsonb'::regtype)`,
      description.oid,
    ),
  );
  const table = {
    description,
    capture,
    // The values themselves, of which entries may not tell.
    text: await rowText(connection, description, { redact: [], ignore: [] }),
    documents: new Set(documents.map(([column]) => column)),
  };
  run.tables.set(type ?? '', table);
  return table;
}

async function recorded(
  { connection }: Run,
  entry: HistoryEntry,
  field: 'old_values' | 'new_values',
  { description }: CapturedTable,
): Promise<Row> {
  const row = await rowOf(
    connection,
    sql(`SELECT e.${field} AS j FROM daybook_entries AS e WHERE e.seq = ?`, entry.seq),
  );
  if (row === null || !description.primaryKey.every((column) => row.has(column))) {
    throw new DaybookError(
      'refused',
      `the ${field} of entry ${entry.seq} are not those of a row of ${description.name}`,
    );
  }
  return row;
}

/** The members of a JSON object as PostgreSQL has them, each as it was written; null where there is none. */
async function rowOf(connection: Connection, object: Sql): Promise<Row | null> {
  const members = await connection.rows<[name: string, value: string | null]>(
    concat(`SELECT m.key, nullif(m.value::text, 'null') FROM (`, object, ') AS o, json_each(o.j) AS m'),
  );
  return members.length === 0 ? null : new Map(members);
}

async function stepOf(run: Run, change: Change): Promise<UndoStep<JsonText> | null> {
  const { before, after, table, rekeyed, seq, entity } = change;
  const { description, capture, documents } = table;
  const later = await laterChanges(run, change);
  const now =
    after === null ? await rowAt(run, table, before ?? new Map(), false) : await rowAt(run, table, after, true);
  const { step, conflicts } = undoStep<JsonText>({
    seq,
    entity,
    before,
    after,
    rekeyed,
    changedFields: change.entry.changed_fields,
    columns: description.columns.map(({ name }) => name),
    settable: description.columns.filter(({ generated }) => !generated).map(({ name }) => name),
    primaryKey: description.primaryKey,
    settings: capture.settings,
    now,
    old: rekeyed && before !== null ? await rowAt(run, table, before, true) : null,
    laterChange: (field) =>
      later.find(({ fields }) => fields.some((one) => one === field || one.startsWith(`${field}.`)))?.seq ?? null,
    values: {
      same: (one, other) => one === other,
      isRedacted: (value) => value === JSON.stringify(REDACTED),
      documentIn: (column, value) => {
        if (value === null) return null;
        if (documents.has(column)) return value;
        return capture.settings.json.includes(column) && value.startsWith('"') ? (JSON.parse(value) as string) : null;
      },
      ofDocument: (column, text) => (documents.has(column) ? text : JSON.stringify(text)),
    },
  });
  run.conflicts.push(...conflicts);
  return step;
}

/** The captured entries behind this one that changed its row, the last one first, without those of the undo itself. */
async function laterChanges(
  { connection }: Run,
  { seq, entry: { entity_type, entity_id } }: Change,
): Promise<{ readonly seq: number; readonly fields: readonly string[] }[]> {
  const rows = await connection.rows<[number, string | null]>(
    sql(
      `SELECT e.seq, e.changed_fields FROM daybook_entries AS e WHERE e.entity_id = ? AND e.entity_type = ? AND e.seq > ?
         AND e.tx <> pg_current_xact_id() AND e.recorded_at IS NULL AND e.source IS NULL AND e.metadata ->> 'table' IS NOT NULL
       ORDER BY e.seq DESC`,
      entity_id,
      entity_type,
      seq,
    ),
  );
  return rows.map(([own, fields]) => ({ seq: own, fields: namesOfChanged(fields) }));
}

/** The row with the key of another as it is now, or null; `exactly`, 'A' is not the key 'a', whatever compares them. */
async function rowAt({ connection }: Run, table: CapturedTable, row: Row, exactly: boolean): Promise<Row | null> {
  const { text, description } = table;
  const now = await rowOf(
    connection,
    concat(`SELECT (${text.json})::json AS j FROM ${text.from} WHERE `, sameKey(table, row, 't.')),
  );
  if (now === null || !exactly) return now;
  return description.primaryKey.every((name) => now.get(name) === row.get(name)) ? now : null;
}

function sameKey(table: CapturedTable, row: Row, of = ''): Sql {
  return join(
    table.description.primaryKey.map((name) =>
      concat(`${of}${identifier(name)} = `, valueOf(table, name, row.get(name) ?? null)),
    ),
    ' AND ',
  );
}

/** A value as SQL of the column's type. A json that could not be kept as it is was kept as its text. */
function valueOf({ description, documents }: CapturedTable, name: string, value: JsonText | null): Sql {
  if (value === null) return sql('NULL');
  const text = value.startsWith('"') ? (JSON.parse(value) as string) : value;
  const written = documents.has(name) && !text.includes(String.raw`\u`) ? value : text;
  return sql(`?::${typeOf(description, name)}`, written);
}

function statementOf(table: CapturedTable, step: UndoStep<JsonText>): Sql {
  const { description, text } = table;
  switch (step.done) {
    case 'insert':
      return concat(
        `INSERT INTO ${description.quoted} (${step.values.map(([name]) => identifier(name)).join(', ')}) OVERRIDING SYSTEM VALUE VALUES (`,
        join(
          step.values.map(([name, value]) => valueOf(table, name, value)),
          ', ',
        ),
        ')',
      );
    case 'delete':
      return concat(`DELETE FROM ${text.from} WHERE `, sameKey(table, step.row));
    case 'update':
      return concat(
        `UPDATE ${text.from} SET `,
        join(
          step.sets.map(([name, value]) => concat(`${identifier(name)} = `, valueOf(table, name, value))),
          ', ',
        ),
        ' WHERE ',
        sameKey(table, step.row),
      );
  }
}

/** Keeps a statement for the script of a dry run, with its values in it. */
function scripted(run: Run, statement: Sql): Sql {
  if (run.request.dryRun) {
    let place = 0;
    const text = statement.sql.replaceAll(/"[^"]*"|'[^']*'|\?/g, (piece) =>
      piece === '?' ? textLiteral(String(statement.parameters[place++] ?? '')) : piece,
    );
    run.script.push(`${text};`);
  }
  return statement;
}
