import type { Statement } from 'better-sqlite3';
import { DaybookError } from '../../../core/errors.js';
import type { Entry, HistoryEntry, NewEntry } from '../../../core/entry.js';
import { ENTRY_FIELDS } from '../../../core/entry.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { BatchOutcome, CompareOutcome, RecordOutcome, RecordRequest } from '../../audit-store.js';
import { compared, foundThere } from '../../compared.js';
import { kept } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { expectRecorded, furtherTriggers, notRecorded } from './entry-triggers.js';
import type { Inserted } from './entry-triggers.js';
import { findEntries, findEntry } from './find-entries.js';

/** All but the seq, which is the trail's to give. The id comes first, so that it can be left out. */
const COLUMNS = ENTRY_FIELDS.slice(1) as readonly (keyof NewEntry)[];

function insertOf(columns: readonly string[]): string {
  return `INSERT INTO daybook_entries (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
    RETURNING seq, id`;
}

const INSERT_WITH_ID = insertOf(COLUMNS);
const INSERT_WITHOUT_ID = insertOf(COLUMNS.slice(1));

/**
 * Inserts entries one after the other into the transaction that is open. The schema gives an id to those without, and the
 * directory of names a name to actors without, unless that is among what the writer has `given`.
 */
export function inserter(
  connection: Connection,
  clock: () => number,
): (entry: NewEntry, given?: RecordRequest['given']) => Recorded {
  const insert = plainInserter(connection, clock);
  const named = naming(connection);
  return (entry, given = []) => {
    const recorded = insert(named(entry, given));
    expectRecorded(connection, [{ request: { entry, given }, recorded }], named);
    return recorded;
  };
}

function plainInserter(connection: Connection, clock: () => number): (entry: NewEntry) => Recorded {
  return (entry) => {
    const values = COLUMNS.map((column) => (column === 'ts' ? (entry.ts ?? formatTimestamp(clock())) : entry[column]));
    const recorded =
      entry.id === null
        ? kept<unknown[], Recorded>(connection, INSERT_WITHOUT_ID).get(...values.slice(1))
        : kept<unknown[], Recorded>(connection, INSERT_WITH_ID).get(...values);
    if (recorded === undefined) throw notRecorded(1, furtherTriggers(connection));
    return recorded;
  };
}

/** Puts the names of the directory into entries; each is looked up once, since the open transaction keeps them. */
function naming(connection: Connection): (entry: NewEntry, given: RecordRequest['given']) => NewEntry {
  const known = new Map<string, string | null>();
  const nameOf = (actor: string): string | null => {
    let name = known.get(actor);
    if (name === undefined) {
      const statement = kept<[string], string>(connection, 'SELECT name FROM daybook_actors WHERE actor = ?');
      name = statement.pluck().get(actor) ?? null;
      // Another program put it there, and no entry can hold it: who acts is said without it.
      if (name?.includes('\0') === true) name = null;
      known.set(actor, name);
    }
    return name;
  };
  return (entry, given) => {
    if (!wantsName({ entry, given })) return entry;
    const name = nameOf(entry.actor);
    return name === null ? entry : { ...entry, actor_name: name };
  };
}

/** Whether the directory gives the entry its actor's name, where it knows one. */
function wantsName({ entry, given }: RecordRequest): boolean {
  return entry.actor_name === null && isOfNow(entry) && !given.includes('actor_name');
}

/** What an actor was called at another time, or in another trail, is not for the directory of today to say. */
function isOfNow({ ts, recorded_at: recordedAt, source }: NewEntry): boolean {
  return ts === null && recordedAt === null && source === null;
}

interface Recorded {
  readonly seq: number;
  readonly id: string;
}

/** Fewer than these are inserted one by one: the statement for many takes longer to prepare. */
const MANY = 8;

/** Inserts many entries at once, all of them with an id or none, under the names that the directory has for their actors. */
interface ManyInserter {
  /** Says what they became. */
  told(requests: readonly RecordRequest[], clock: () => number): Recorded[];
  untold(requests: readonly RecordRequest[], clock: () => number): void;
}

const manyInserters = new WeakMap<Connection, ManyInserter>();

function inserterOfMany(connection: Connection): ManyInserter {
  const known = manyInserters.get(connection) ?? manyInserter(connection);
  manyInserters.set(connection, known);
  return known;
}

/** More statements than these are no longer the same ones. */
const STATEMENTS_KEPT = 20;

/**
 * One statement takes all rows from a table that is not there but for it: a statement for each row would be half of the
 * time that recording takes. What all rows say alike, as an import's source, it is given once.
 */
function manyInserter(connection: Connection): ManyInserter {
  let rows: () => Iterable<(string | null)[]> = () => [];
  const places = COLUMNS.map((_, index) => `value_${index}`);
  connection.table('daybook_rows_to_insert', {
    columns: [...places, 'actor_to_name'],
    *rows() {
      yield* rows();
    },
  });
  const statements = new Map<string, Statement<unknown[], Recorded>>();
  const statementFor = (values: ReadonlyMap<string, string>, returning: string): Statement<unknown[], Recorded> => {
    const sql = `INSERT INTO daybook_entries (${[...values.keys()].join(', ')})
      SELECT ${[...values.values()].join(', ')} FROM daybook_rows_to_insert
      ${returning}`;
    const found = statements.get(sql) ?? connection.prepare<unknown[], Recorded>(sql);
    if (statements.size >= STATEMENTS_KEPT) statements.clear();
    statements.set(sql, found);
    return found;
  };
  /** Hands the rows to the statement for them, and gives it and the rest that it needs. */
  const ready = (
    requests: readonly RecordRequest[],
    clock: () => number,
    returning = '',
  ): [Statement<unknown[], Recorded>, (string | null)[]] => {
    const [{ entry: first }] = requests as readonly [RecordRequest];
    const columns = first.id === null ? COLUMNS.slice(1) : COLUMNS;
    const named = requests.map(wantsName);
    const someNamed = named.includes(true);
    // Each that has no time of its own asks the clock for one.
    const differs = (column: keyof NewEntry): boolean =>
      (column === 'ts' && first.ts === null) ||
      (column === 'actor_name' && someNamed) ||
      requests.some(({ entry }) => entry[column] !== first[column]);
    const various = columns.filter(differs);
    const alike = columns.filter((column) => !various.includes(column));
    const valueOf = (entry: NewEntry, column: keyof NewEntry): string | null =>
      column === 'ts' ? (entry.ts ?? formatTimestamp(clock())) : entry[column];
    // A row has a value for each of the places, of which the statement asks for the first. One array does for all: SQLite
    // is through with a row when it asks for the next.
    const row = [...places, ''].map((): string | null => null);
    rows = function* () {
      for (const [position, { entry }] of requests.entries()) {
        for (const [index, column] of various.entries()) row[index] = valueOf(entry, column);
        if (someNamed) row[places.length] = named[position] === true ? entry.actor : null;
        yield row;
      }
    };
    const values = new Map<string, string>(alike.map((column) => [column, '?']));
    for (const [index, column] of various.entries()) values.set(column, places[index] as string);
    // Within the statement: no name can change between its being looked up and its being recorded.
    if (someNamed) values.set('actor_name', `coalesce(${values.get('actor_name')}, (${NAME_OF_ACTOR}))`);
    return [statementFor(values, returning), alike.map((column) => first[column])];
  };
  const checked = (count: number, requests: readonly RecordRequest[]): void => {
    if (count === requests.length) return;
    throw notRecorded(requests.length, furtherTriggers(connection));
  };
  return {
    told: (requests, clock) => {
      const [statement, values] = ready(requests, clock, 'RETURNING seq, id');
      const recorded = statement.all(...values);
      checked(recorded.length, requests);
      return recorded;
    },
    untold: (requests, clock) => {
      const [statement, values] = ready(requests, clock);
      checked(statement.run(...values).changes, requests);
    },
  };
}

/** The actor is null where no name is wanted, and nobody has that id. */
const NAME_OF_ACTOR = 'SELECT name FROM daybook_actors WHERE actor = actor_to_name';

/** Records what is not there yet; an id that is there already is compared instead. Runs in the open transaction. */
export function recordEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
  stopAtConflict: boolean,
  clock: () => number,
): RecordOutcome[] {
  // Most often none is there, and then asking first would be for nothing.
  const { outcomes, inserted } =
    recordAllAsNew(connection, requests, clock) ?? recordUnlessThere(connection, requests, stopAtConflict, clock);
  expectRecorded(connection, inserted, naming(connection));
  return outcomes;
}

interface RecordedAll {
  readonly outcomes: RecordOutcome[];
  readonly inserted: readonly Inserted[];
}

/** Nothing, and undefined, where the entries are few, or one of their ids is there already or stands among them twice. */
function recordAllAsNew(
  connection: Connection,
  requests: readonly RecordRequest[],
  clock: () => number,
): RecordedAll | undefined {
  if (!areManyAlike(requests) || !takesMany(connection)) return undefined;
  try {
    const recorded = connection.transaction(() => inserterOfMany(connection).told(requests, clock))();
    return { outcomes: recorded.map(recordedOutcome), inserted: together(requests, recorded) };
  } catch (error) {
    // An application's trigger may have ended the transaction around this, too.
    if (connection.inTransaction && requests[0]?.entry.id !== null && isConstraint(error)) return undefined;
    throw error;
  }
}

/** Whether the driver of a connection has what gives rows to one statement. */
function takesMany(connection: Connection): boolean {
  return typeof connection.table === 'function';
}

/** Whether one statement takes them: they are worth it, and all have an id or none has. */
function areManyAlike(requests: readonly RecordRequest[]): boolean {
  return (
    requests.length >= MANY && requests.every(({ entry }) => (entry.id === null) === (requests[0]?.entry.id === null))
  );
}

/**
 * Records entries that are all new by one statement that is its own transaction. Within a transaction of several, SQLite
 * keeps what each page was before a statement that a trigger may end, as the guard of the trail is one: that is half of
 * the time. Nothing, and undefined, where it takes more than that: where they are few, or only some have an id, where one
 * of their ids is there already or stands among them twice, and where there is another trigger on entries: it may end a
 * statement half-way, and what comes of it has to be looked at before it stands.
 */
export function recordByOneStatement(
  connection: Connection,
  requests: readonly RecordRequest[],
  clock: () => number,
): BatchOutcome[] | undefined {
  if (!areManyAlike(requests) || !takesMany(connection) || furtherTriggers(connection).length > 0) return undefined;
  try {
    inserterOfMany(connection).untold(requests, clock);
    return requests.map(() => ({ outcome: 'recorded' }));
  } catch (error) {
    if (isConstraint(error)) return undefined;
    throw error;
  }
}

function isConstraint(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_CONSTRAINT');
}

function together(requests: readonly RecordRequest[], recorded: readonly Recorded[]): Inserted[] {
  return requests.map((request, index) => ({ request, recorded: recorded[index] }));
}

function recordedOutcome({ seq, id }: Recorded): RecordOutcome {
  return { outcome: 'recorded', seq, id };
}

function recordUnlessThere(
  connection: Connection,
  requests: readonly RecordRequest[],
  stopAtConflict: boolean,
  clock: () => number,
): RecordedAll {
  const outcomes: RecordOutcome[] = [];
  const inserted: Inserted[] = [];
  const there = findEntries(connection, idsOf(requests));
  const added = new Set<string>();
  const insert = inserter(connection, clock);
  let fresh: RecordRequest[] = [];
  const flush = (): void => {
    if (fresh.length === 0) return;
    const many =
      fresh.length < MANY || !takesMany(connection) ? undefined : inserterOfMany(connection).told(fresh, clock);
    const recorded = many ?? fresh.map(({ entry, given }) => insert(entry, given));
    outcomes.push(...recorded.map(recordedOutcome));
    inserted.push(...together(fresh, recorded));
    fresh = [];
  };
  for (const request of requests) {
    const { entry } = request;
    if (entry.id === null || !(there.has(entry.id) || added.has(entry.id))) {
      if (fresh.length > 0 && (fresh[0]?.entry.id === null) !== (entry.id === null)) flush();
      fresh.push(request);
      // It may stand twice among these.
      if (entry.id !== null) added.add(entry.id);
      continue;
    }
    flush();
    const known = there.get(entry.id) ?? findEntry(connection, { id: entry.id });
    if (known === undefined) throw new DaybookError('failed', `entry ${entry.id} was there and cannot be read`);
    const found = foundThere(request, known);
    outcomes.push(found);
    if (stopAtConflict && found.outcome === 'conflict') break;
  }
  flush();
  return { outcomes, inserted };
}

function idsOf(requests: readonly RecordRequest[]): string[] {
  return requests.flatMap(({ entry }) => (entry.id === null ? [] : [entry.id]));
}

/** What is recorded of these, without recording anything. */
export function compareEntries(connection: Connection, requests: readonly RecordRequest[]): CompareOutcome[] {
  const there = findEntries(connection, idsOf(requests));
  return requests.map((request) => {
    const known = request.entry.id === null ? undefined : there.get(request.entry.id);
    if (known === undefined) return { outcome: 'missing' };
    return compared(request, known);
  });
}

/** Throws kind `refused` for an entry that is taken back already. */
export function refuseTakenBack(connection: Connection, entry: HistoryEntry): void {
  if (entry.reverted_by === null) return;
  const by = findEntry(connection, { id: entry.reverted_by })?.seq ?? entry.reverted_by;
  throw new DaybookError('refused', `entry ${entry.seq} is taken back already, by entry ${by}`, {
    hint: `daybook show ${by}`,
  });
}

/** Throws kind `missing` where there is no such entry, and kind `refused` where it is taken back already. */
export function expectNotTakenBack(connection: Connection, id: string): void {
  const target = findEntry(connection, { id });
  if (target === undefined) {
    throw new DaybookError('missing', `no entry ${id}`, { field: 'reverts', value: id });
  }
  refuseTakenBack(connection, target);
}

/** Records an entry that takes back another. Runs in the open transaction, so that two cannot both be the one. */
export function recordRevert(
  connection: Connection,
  entry: NewEntry & { readonly reverts: string },
  clock: () => number,
): Entry {
  expectNotTakenBack(connection, entry.reverts);
  const { seq } = inserter(connection, clock)(entry);
  const recorded = findEntry(connection, { seq });
  if (recorded === undefined) throw new DaybookError('failed', `entry ${seq} was recorded and cannot be read`);
  return recorded;
}
