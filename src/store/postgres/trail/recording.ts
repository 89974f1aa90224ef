import { randomUUID } from 'node:crypto';
import { DaybookError } from '../../../core/errors.js';
import type { Entry, HistoryEntry, NewEntry } from '../../../core/entry.js';
import { formatTimestamp } from '../../../core/timestamp.js';
import type { CompareOutcome, RecordOutcome, RecordRequest } from '../../audit-store.js';
import { compared, foundThere } from '../../compared.js';
import { sql } from '../../sql.js';
import { GIVEN_COLUMNS } from '../engine/index.js';
import type { Connection, Generation, Statement } from '../engine/index.js';
import { findEntries, findEntry } from './find-entries.js';

export const COLUMNS = GIVEN_COLUMNS as readonly (keyof NewEntry)[];

const TYPES: Readonly<Partial<Record<keyof NewEntry, string>>> = {
  ts: 'timestamptz',
  recorded_at: 'timestamptz',
  metadata: 'json',
  old_values: 'json',
  new_values: 'json',
  changed_fields: 'json',
};

/** A UUIDv7 (RFC 9562, 5.7): who gives the ids of a batch knows which of its entries were there already. */
function uuidV7(ms: number): string {
  const time = Math.max(0, ms).toString(16).padStart(12, '0').slice(-12);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** More entries than these are taken to be new, until some were there: to look for them first takes as long as to record. */
const FEW = 100;

/** Whether entries are taken to be new. */
export function areTakenToBeNew(connection: Connection, entries: readonly unknown[]): boolean {
  return entries.length > FEW && !repeating.has(connection);
}

/** The connections on which entries came last that were there already. */
const repeating = new WeakSet<Connection>();

/** Has entries be looked for on this connection, until a batch is all new. */
export function lookFirstOn(connection: Connection): void {
  repeating.add(connection);
}

/**
 * All entries by one statement, in their order. What they say alike is one value, and each other column one list. What is
 * there already stays; it is looked for first where that is likely, since a seq that was given for nothing is not given
 * again. The directory gives names within the statement: none can change between its being looked up and its being
 * recorded.
 */
function insertOf(all: readonly Complete[], lookFirst: boolean): Statement {
  const [first] = all as readonly [Complete];
  const valueOf = (one: Complete, column: Column): string | null =>
    column === NAMED ? one.actorToName : one.entry[column];
  const columns: readonly Column[] = [...COLUMNS, NAMED];
  const differs = (column: Column): boolean =>
    column === 'id' || all.some((one) => valueOf(one, column) !== valueOf(first, column));
  const various = columns.filter(differs);
  const alike = columns.filter((column) => !various.includes(column));
  const read = (column: Column): string => `${various.includes(column) ? 'r' : 'a'}.${column}`;
  const selected = COLUMNS.map((column) => {
    const value = `${read(column)}::${TYPES[column] ?? 'text'}`;
    return column === 'actor_name' ? `coalesce(${value}, n.name)` : value;
  });
  return {
    sql: `INSERT INTO daybook_entries (${COLUMNS.join(', ')})
      SELECT ${selected.join(', ')}
      FROM (SELECT ${alike.map((column) => `?::text AS ${column}`).join(', ')}) AS a
      CROSS JOIN unnest(${various.map(() => '?::text[]').join(', ')}) WITH ORDINALITY AS r (${various.join(', ')}, place)
      LEFT JOIN daybook_actors AS n ON n.actor = ${read(NAMED)}
      ${lookFirst ? 'WHERE NOT EXISTS (SELECT FROM daybook_entries AS k WHERE k.id = r.id)' : ''}
      ORDER BY r.place
      ON CONFLICT (id) DO NOTHING
      RETURNING seq, id`,
    parameters: [
      ...alike.map((column) => valueOf(first, column)),
      ...various.map((column) => all.map((one) => valueOf(one, column))),
    ],
  };
}

/** The actor whose name the directory is to give. */
const NAMED = 'actor_to_name';
type Column = keyof NewEntry | typeof NAMED;

/** A request with an id and a time, and whose name the directory is to give. */
export interface Complete {
  readonly id: string;
  readonly request: RecordRequest;
  readonly entry: NewEntry;
  readonly actorToName: string | null;
}

export function complete(request: RecordRequest, clock: () => number): Complete {
  const { entry } = request;
  const now = clock();
  const id = entry.id ?? uuidV7(now);
  return {
    id,
    request,
    entry: { ...entry, id, ts: entry.ts ?? formatTimestamp(now) },
    actorToName: wantsName(request) ? entry.actor : null,
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

/** What the trail takes of these: the seqs by the ids. Those that it has already are left out. */
async function insert(connection: Connection, all: readonly Complete[]): Promise<Map<string, number>> {
  if (all.length === 0) return new Map();
  const recorded = await connection.rows<[seq: number, id: string]>(insertOf(all, !areTakenToBeNew(connection, all)));
  if (recorded.length < all.length) lookFirstOn(connection);
  // Where a run that broke off was begun again, what it had recorded comes first, and behind it all is new.
  else if (all.length > FEW) repeating.delete(connection);
  return new Map(recorded.map(([seq, id]) => [id, seq]));
}

/** Records one entry in the open transaction. */
export async function insertOne(connection: Connection, entry: NewEntry, clock: () => number): Promise<number> {
  const one = complete({ entry, given: [] }, clock);
  const seq = (await insert(connection, [one])).get(one.id);
  if (seq === undefined) throw notRecorded(1);
  return seq;
}

/** Records what is not there yet; an id that is there already is compared instead. Runs in the open transaction. */
export async function recordEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
  stopAtConflict: boolean,
  clock: () => number,
): Promise<RecordOutcome[]> {
  const all = requests.map((request) => complete(request, clock));
  if (!stopAtConflict) return recordThem(connection, all);
  await connection.run(sql('SAVEPOINT before_conflict'));
  const outcomes = await recordThem(connection, all);
  const conflict = outcomes.findIndex(({ outcome }) => outcome === 'conflict');
  if (conflict < 0) return outcomes;
  // Nothing behind it is recorded. It was not either, and so what comes before it is recorded as it was.
  await connection.run(sql('ROLLBACK TO SAVEPOINT before_conflict'));
  return recordThem(connection, all.slice(0, conflict + 1));
}

async function recordThem(connection: Connection, all: readonly Complete[]): Promise<RecordOutcome[]> {
  const first = new Map<string, Complete>();
  for (const one of all) if (!first.has(one.id)) first.set(one.id, one);
  const recorded = await insert(connection, [...first.values()]);
  const isRecorded = (one: Complete): boolean => recorded.has(one.id) && first.get(one.id) === one;
  const others = all.filter((one) => !isRecorded(one)).map(({ id }) => id);
  const there = await findEntries(connection, [...new Set(others)]);
  return all.map((one): RecordOutcome => {
    const { id } = one;
    const seq = recorded.get(id);
    if (seq !== undefined && isRecorded(one)) return { outcome: 'recorded', seq, id };
    const known = there.get(id);
    if (known === undefined) throw notRecorded(all.length);
    return foundThere(one.request, known);
  });
}

/** What is recorded of these, without recording anything. */
export async function compareEntries(
  connection: Connection,
  requests: readonly RecordRequest[],
): Promise<CompareOutcome[]> {
  const there = await findEntries(
    connection,
    requests.flatMap(({ entry }) => entry.id ?? []),
  );
  return requests.map((request) => {
    const known = request.entry.id === null ? undefined : there.get(request.entry.id);
    return known === undefined ? { outcome: 'missing' } : compared(request, known);
  });
}

/** Throws kind `refused` for an entry that is taken back already. */
export async function refuseTakenBack(
  connection: Connection,
  generations: readonly Generation[],
  entry: HistoryEntry,
): Promise<void> {
  if (entry.reverted_by === null) return;
  const by = (await findEntry(connection, generations, { id: entry.reverted_by }))?.seq ?? entry.reverted_by;
  throw new DaybookError('refused', `entry ${entry.seq} is taken back already, by entry ${by}`, {
    hint: `daybook show ${by}`,
  });
}

/** Throws kind `missing` where there is no such entry, and kind `refused` where it is taken back already. */
export async function expectNotTakenBack(
  connection: Connection,
  generations: readonly Generation[],
  id: string,
): Promise<void> {
  const target = await findEntry(connection, generations, { id });
  if (target === undefined) {
    throw new DaybookError('missing', `no entry ${id}`, { field: 'reverts', value: id });
  }
  await refuseTakenBack(connection, generations, target);
}

/** Records an entry that takes back another. The transaction must be serializable, so that two cannot both be the one. */
export async function recordRevert(
  connection: Connection,
  generations: readonly Generation[],
  entry: NewEntry & { readonly reverts: string },
  clock: () => number,
): Promise<Entry> {
  await expectNotTakenBack(connection, generations, entry.reverts);
  const seq = await insertOne(connection, entry, clock);
  const recorded = await findEntry(connection, generations, { seq });
  if (recorded === undefined) throw new DaybookError('failed', `entry ${seq} was recorded and cannot be read`);
  return recorded;
}

export function notRecorded(count: number): DaybookError {
  const what = count === 1 ? 'the entry is not recorded' : `${count} entries are not recorded`;
  return new DaybookError('failed', `${what}: a trigger on daybook_entries kept one out`, { hint: 'daybook status' });
}
