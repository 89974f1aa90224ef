import type { Statement } from 'better-sqlite3';
import { DaybookError } from '../../core/errors.js';
import type { Entry, HistoryEntry, NewEntry } from '../../core/entry.js';
import { ENTRY_FIELDS, JSON_FIELDS } from '../../core/entry.js';
import { sameDocument } from '../../core/json.js';
import { formatTimestamp } from '../../core/timestamp.js';
import type { CompareOutcome, RecordOutcome, RecordRequest } from '../audit-store.js';
import type { Connection } from './connection.js';
import { findEntry } from './pages.js';

/** All but the seq, which is the trail's to give. The id comes first, so that it can be left out. */
const COLUMNS = ENTRY_FIELDS.slice(1) as readonly (keyof NewEntry)[];

function insertOf(columns: readonly string[]): string {
  return `INSERT INTO daybook_entries (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})
    RETURNING seq, id`;
}

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
  return (entry, given = []) => insert(named(entry, given));
}

function plainInserter(connection: Connection, clock: () => number): (entry: NewEntry) => Recorded {
  // An application's own connection may give whole numbers as bigint.
  const prepared = (columns: readonly string[]) =>
    connection.prepare<unknown[], Recorded>(insertOf(columns)).safeIntegers(false);
  const withId = prepared(COLUMNS);
  const withoutId = prepared(COLUMNS.slice(1));
  return (entry) => {
    const values = COLUMNS.map((column) => (column === 'ts' ? (entry.ts ?? formatTimestamp(clock())) : entry[column]));
    const recorded = entry.id === null ? withoutId.get(...values.slice(1)) : withId.get(...values);
    if (recorded === undefined) throw new DaybookError('failed', 'SQLite said nothing of the entry that it inserted');
    return recorded;
  };
}

/** Puts the names of the directory into entries; each is looked up once, since the open transaction keeps them. */
function naming(connection: Connection): (entry: NewEntry, given: RecordRequest['given']) => NewEntry {
  let statement: Statement<[string], string> | undefined;
  const known = new Map<string, string | null>();
  const nameOf = (actor: string): string | null => {
    let name = known.get(actor);
    if (name === undefined) {
      statement ??= connection.prepare<[string], string>('SELECT name FROM daybook_actors WHERE actor = ?').pluck();
      name = statement.get(actor) ?? null;
      known.set(actor, name);
    }
    return name;
  };
  return (entry, given) => {
    if (entry.actor_name !== null || !isOfNow(entry) || given.includes('actor_name')) return entry;
    const name = nameOf(entry.actor);
    return name === null ? entry : { ...entry, actor_name: name };
  };
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

/**
 * Inserts many entries at once into the transaction that is open, all of them with an id or none: a statement for each
 * would be half of the time that recording takes.
 */
function insertMany(connection: Connection, entries: readonly NewEntry[], clock: () => number): Recorded[] {
  const columns = entries[0]?.id === null ? COLUMNS.slice(1) : COLUMNS;
  const rows = entries.map((entry) =>
    columns.map((column) => (column === 'ts' ? (entry.ts ?? formatTimestamp(clock())) : entry[column])),
  );
  const recorded = connection
    .prepare<[string], Recorded>(
      `INSERT INTO daybook_entries (${columns.join(', ')})
       SELECT ${columns.map((_, index) => `value ->> ${index}`).join(', ')} FROM jsonb_each(jsonb(?))
       RETURNING seq, id`,
    )
    .all(JSON.stringify(rows));
  if (recorded.length === entries.length) return recorded;
  throw new DaybookError('failed', `SQLite said of ${recorded.length} entries that they are in, of ${entries.length}`);
}

/** Records what is not there yet; an id that is there already is compared instead. Runs in the open transaction. */
export function recordEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
  stopAtConflict: boolean,
  clock: () => number,
): RecordOutcome[] {
  const outcomes: RecordOutcome[] = [];
  const there = idsThere(connection, requests);
  const named = naming(connection);
  let fresh: NewEntry[] = [];
  const flush = (): void => {
    const insert = fresh.length < MANY ? undefined : insertMany(connection, fresh, clock);
    const recorded = insert ?? fresh.map(plainInserter(connection, clock));
    for (const { seq, id } of recorded) outcomes.push({ outcome: 'recorded', seq, id });
    fresh = [];
  };
  for (const request of requests) {
    const { entry, given } = request;
    if (entry.id === null || !there.has(entry.id)) {
      if (fresh.length > 0 && (fresh[0]?.id === null) !== (entry.id === null)) flush();
      fresh.push(named(entry, given));
      // It may stand twice among these.
      if (entry.id !== null) there.add(entry.id);
      continue;
    }
    flush();
    const known = findEntry(connection, { id: entry.id });
    if (known === undefined) throw new DaybookError('failed', `entry ${entry.id} was there and cannot be read`);
    const { seq, id } = known;
    const fields = differing(request, known);
    outcomes.push(fields.length === 0 ? { outcome: 'skipped', seq, id } : { outcome: 'conflict', seq, id, fields });
    if (stopAtConflict && fields.length > 0) break;
  }
  flush();
  return outcomes;
}

/** Which of the ids are recorded already. */
function idsThere(connection: Connection, requests: readonly RecordRequest[]): Set<string> {
  const ids = requests.flatMap(({ entry }) => (entry.id === null ? [] : [entry.id]));
  if (ids.length === 0) return new Set();
  const found = connection
    .prepare<[string], string>('SELECT id FROM daybook_entries WHERE id IN (SELECT value FROM json_each(?))')
    .pluck()
    .all(JSON.stringify(ids));
  return new Set(found);
}

/** What is recorded of these, without recording anything. */
export function compareEntries(connection: Connection, requests: readonly RecordRequest[]): CompareOutcome[] {
  return requests.map((request) => {
    const known = request.entry.id === null ? undefined : findEntry(connection, { id: request.entry.id });
    if (known === undefined) return { outcome: 'missing' };
    const fields = differing(request, known);
    return fields.length === 0 ? { outcome: 'same' } : { outcome: 'conflict', fields };
  });
}

function differing({ entry, given }: RecordRequest, known: Entry): (keyof NewEntry)[] {
  return given.filter((field) => !sameValue(field, entry[field], known[field]));
}

function sameValue(field: keyof NewEntry, given: string | null, known: string | null): boolean {
  if (given === known) return true;
  return JSON_FIELDS.has(field) && given !== null && known !== null && sameDocument(given, known);
}

/** Throws kind `refused` for an entry that is taken back already. */
export function refuseTakenBack(connection: Connection, entry: HistoryEntry): void {
  if (entry.reverted_by === null) return;
  const by = findEntry(connection, { id: entry.reverted_by })?.seq ?? entry.reverted_by;
  throw new DaybookError('refused', `entry ${entry.seq} is taken back already, by entry ${by}`, {
    hint: `daybook show ${by}`,
  });
}

/** Records an entry that takes back another. Runs in the open transaction, so that two cannot both be the one. */
export function recordRevert(
  connection: Connection,
  entry: NewEntry & { readonly reverts: string },
  clock: () => number,
): Entry {
  const target = findEntry(connection, { id: entry.reverts });
  if (target === undefined) throw new DaybookError('missing', `no entry ${entry.reverts}`);
  refuseTakenBack(connection, target);
  const { seq } = inserter(connection, clock)(entry);
  const recorded = findEntry(connection, { seq });
  if (recorded === undefined) throw new DaybookError('failed', `entry ${seq} was recorded and cannot be read`);
  return recorded;
}
