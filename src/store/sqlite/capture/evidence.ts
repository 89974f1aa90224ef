import type { Statement } from 'better-sqlite3';
import { madeDocumentIn } from '../../../core/json.js';
import type { JsonDocument } from '../../../core/json.js';
import type {
  CapturedChange,
  CapturedMoment,
  EvidencePage,
  Key,
  KeyValue,
  RowEvidence,
  TablePlace,
} from '../../audit-store.js';
import { identityOf, rowJson } from './triggers.js';
import { readRecorded, valueOf } from './recorded-values.js';
import { readInstalled } from './installed.js';
import type { Connection } from '../engine/index.js';
import { columnOf, lastSeq } from '../trail/index.js';
import type { ColumnOf } from '../trail/index.js';
import { describeTable, identifier } from '../tables/index.js';
import type { TableDescription } from '../tables/index.js';

/** Beyond every time and every seq. */
const END = Number.MAX_SAFE_INTEGER;

/** An entry of capture, and not one that an application recorded or imported about the same entity. */
function captured(alias: string): string {
  return `${alias}.category = 'entity' AND ${alias}.action IN ('create', 'update', 'delete')
    AND ${alias}.recorded_at IS NULL AND ${alias}.source IS NULL AND ${alias}.metadata ->> '$.table' IN (SELECT table_name FROM daybook_capture_spans WHERE entity_type = @type)`;
}

/** The parameters that a moment gives to every statement here. */
interface Bounds {
  readonly type: string;
  readonly since: number;
  readonly until: number;
  /** Changes up to this time and this seq are earlier ones. */
  readonly ms: number;
  readonly seq: number;
  /** Changes after this time may be later ones. */
  readonly laterMs: number;
}

function boundsOf({ entityType, span, at }: CapturedMoment): Bounds {
  const until = span.untilSeq ?? END;
  return {
    type: entityType,
    since: span.sinceSeq,
    until,
    ms: 'ms' in at ? at.ms : END,
    seq: 'ms' in at ? until : Math.min(at.seq, until),
    laterMs: 'ms' in at ? at.ms : -END,
  };
}

/**
 * A captured change of one entity: the last of the earlier ones, or the first of the later. The index alone gives the
 * seqs of the entity in the order of recording; whether one is of capture is asked of as few as need be. (The LIMIT keeps
 * the inner order.)
 */
export function changeSql(which: 'last' | 'first', column: ColumnOf): string {
  const [time, seq, direction] =
    which === 'last'
      ? ['e.ts_ms <= @ms', 'e.seq > @since AND e.seq <= @seq', 'DESC']
      : ['e.ts_ms > @laterMs', 'e.seq > @seq AND e.seq <= @until', 'ASC'];
  return `SELECT e.seq, e.action, ${column('old_values')} AS before, ${column('new_values')} AS after FROM daybook_entries AS e WHERE e.seq = (
    SELECT k.seq FROM (
      SELECT e.seq FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity
      WHERE e.entity_id = @id AND e.entity_type = @type AND ${time} AND ${seq} ORDER BY e.seq ${direction} LIMIT -1
    ) AS k WHERE EXISTS (SELECT 1 FROM daybook_entries AS c WHERE c.seq = k.seq AND ${captured('c')}) LIMIT 1)`;
}

/** Reads what the trail tells of one entity after another. */
function changesReader(
  connection: Connection,
  moment: CapturedMoment,
): (id: string) => Pick<RowEvidence, 'last' | 'first'> {
  const bounds = boundsOf(moment);
  const column = columnOf(connection);
  const read = (which: 'last' | 'first'): Statement<[Bounds & { id: string }], CapturedChange> =>
    connection.prepare<[Bounds & { id: string }], CapturedChange>(changeSql(which, column));
  const lastOf = read('last');
  const firstOf = read('first');
  return (id) => {
    const last = lastOf.get({ ...bounds, id }) ?? null;
    // By time, what was recorded before the last earlier change is none of the later ones.
    const seq = Math.max('seq' in moment.at ? bounds.seq : bounds.since, last?.seq ?? 0);
    return { last, first: firstOf.get({ ...bounds, id, seq }) ?? null };
  };
}

/** What tells of one row at a moment. */
export function rowEvidence(connection: Connection, moment: CapturedMoment, id: string, live: boolean): RowEvidence {
  return {
    id,
    ...changesReader(connection, moment)(id),
    live: live ? liveRow(connection, moment.entityType, id) : null,
  };
}

/** The row of an entity as it is in its table now, in the form that entries have. */
function liveRow(connection: Connection, entityType: string, id: string): string | null {
  const capture = readInstalled(connection, entityType);
  if (capture === undefined) return null;
  const table = describeTable(connection, capture.table);
  const row = connection
    .prepare<unknown[], string>(
      `SELECT ${rowJson(table, capture.settings, 't')} FROM ${identifier(table.name)} AS t
       WHERE ${keyOf(table)
         .map(({ column, collation }) => `${column} IS ? COLLATE ${collation}`)
         .join(' AND ')} AND ${identityOf(table, 't')} = ?`,
    )
    .pluck();
  for (const key of keysFor(table, id)) {
    const found = row.get(...key, id);
    if (found !== undefined) return found;
  }
  return null;
}

/** The columns of the primary key with the collation of its index, so that it serves. */
function keyOf(table: TableDescription): { readonly column: string; readonly collation: string }[] {
  const key = table.uniqueKeys.find(
    ({ columns }) =>
      columns.length === table.primaryKey.length && columns.every(({ name }, at) => name === table.primaryKey[at]),
  );
  return table.primaryKey.map((name, at) => ({
    column: `t.${identifier(name)}`,
    collation: identifier(key?.columns[at]?.collation ?? 'BINARY'),
  }));
}

/** The keys that an id may stand for: the text of a single value does not say of which type it is. */
function keysFor(table: TableDescription, id: string): KeyValue[][] {
  if (table.primaryKey.length > 1) {
    const values = madeDocumentIn(id);
    return Array.isArray(values) && values.length === table.primaryKey.length ? [values.map(keyValue)] : [];
  }
  if (/^[{"]/.test(id)) return [[keyValue(madeDocumentIn(id) ?? null)]];
  const values: KeyValue[] = [id];
  if (/^-?\d{1,19}$/.test(id) && BigInt.asIntN(64, BigInt(id)) === BigInt(id)) values.push(BigInt(id));
  if (id.trim() !== '' && !Number.isNaN(Number(id))) values.push(Number(id));
  if (id === 'null') values.push(null);
  return values.map((value) => [value]);
}

function keyValue(value: JsonDocument): KeyValue {
  return valueOf(value) ?? null;
}

export interface TableWalk {
  readonly live: boolean;
  readonly place: TablePlace<number> | null;
  readonly size: number;
}

/**
 * A page of what tells of the rows at a moment. First come the entities that changed after it, in the order of their
 * changes; then the rows of the table that did not, in the order of the key. While the second walk goes on, others
 * write: what changed since the page before comes first in each page, and counts where the walk had not come to its row.
 */
export function tableEvidence(connection: Connection, moment: CapturedMoment, walk: TableWalk): EvidencePage {
  const place = walk.place ?? {
    phase: 'changed',
    after: null,
    upTo: lastSeq(connection),
    from: earliestLater(connection, moment, walk.live),
  };
  return place.phase === 'changed'
    ? changedPage(connection, moment, walk, place)
    : unchangedPage(connection, moment, walk.size, place);
}

/** The time from which on changes after the moment are found; without the table, all changes of the span count. */
function earliestLater(connection: Connection, moment: CapturedMoment, live: boolean): number {
  if (!live) return -END;
  if ('ms' in moment.at) return moment.at.ms + 1;
  return (
    connection
      .prepare<[string, number], number>(
        `SELECT e.ts_ms FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity_type
         WHERE e.entity_type = ? AND e.seq > ? ORDER BY e.ts_ms LIMIT 1`,
      )
      .pluck()
      .get(moment.entityType, moment.at.seq) ?? END
  );
}

interface FoundEntry {
  readonly ms: number;
  readonly seq: number;
  readonly id: string | null;
}

/** Entries of the type from a time on, in the order of time: each range is one of the index. */
function entriesSql(where: string): string {
  return `SELECT e.ts_ms AS ms, e.seq, e.entity_id AS id FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity_type
    WHERE e.entity_type = @type AND e.seq > @beyond AND e.seq <= @upTo AND ${where} ORDER BY e.ts_ms, e.seq LIMIT @size`;
}

function changedPage(
  connection: Connection,
  moment: CapturedMoment,
  { live, size }: TableWalk,
  place: TablePlace<number> & { phase: 'changed' },
): EvidencePage {
  const bounds = boundsOf(moment);
  const { from, after } = place;
  const upTo = Math.min(place.upTo, bounds.until);
  // Without the table, an entity that changed before the moment alone counts as well.
  const beyond = live && 'seq' in moment.at ? Math.max(moment.at.seq, bounds.since) : bounds.since;
  const range = { type: bounds.type, beyond, upTo };
  const found: FoundEntry[] =
    after === null
      ? []
      : connection
          .prepare<[object], FoundEntry>(entriesSql('e.ts_ms = @ms AND e.seq > @seq'))
          .all({ ...range, ...after, size });
  if (found.length < size) {
    found.push(
      ...connection
        .prepare<[object], FoundEntry>(entriesSql('e.ts_ms >= @from'))
        .all({ ...range, from: after === null ? from : after.ms + 1, size: size - found.length }),
    );
  }
  const isCaptured = connection
    .prepare<[object], number>(`SELECT 1 FROM daybook_entries AS c WHERE c.seq = @seq AND ${captured('c')}`)
    .pluck();
  const earlier = connection
    .prepare<[object], number>(
      `SELECT 1 FROM daybook_entries AS e INDEXED BY daybook_entries_by_entity
       WHERE e.entity_id = @id AND e.entity_type = @type AND e.ts_ms BETWEEN @from AND @ms
         AND (e.ts_ms < @ms OR e.seq < @seq) AND e.seq > @beyond AND e.seq <= @upTo AND ${captured('e')} LIMIT 1`,
    )
    .pluck();
  const changesOf = changesReader(connection, moment);
  const rows: RowEvidence[] = [];
  for (const { ms, seq, id } of found) {
    if (id === null || isCaptured.get({ type: bounds.type, seq }) === undefined) continue;
    if (earlier.get({ ...range, from, ms, seq, id }) !== undefined) continue;
    const { last, first } = changesOf(id);
    // What was recorded since this walk began belongs to its second part.
    if (live && (first === null || first.seq > place.upTo)) continue;
    rows.push({ id, last, first, live: null });
  }
  const final = found.at(-1);
  if (final !== undefined && found.length === size) {
    return { rows, next: { ...place, after: { ms: final.ms, seq: final.seq } satisfies Key } };
  }
  return { rows, next: live ? { phase: 'unchanged', key: null, upTo: place.upTo } : null };
}

function unchangedPage(
  connection: Connection,
  moment: CapturedMoment,
  size: number,
  place: TablePlace<number> & { phase: 'unchanged' },
): EvidencePage {
  const capture = readInstalled(connection, moment.entityType);
  if (capture === undefined) return { rows: [], next: null };
  const table = describeTable(connection, capture.table);
  const changesOf = changesReader(connection, moment);
  const { rows, upTo, complete } = changedMeanwhile(connection, moment, { table, changesOf, size: size * 8, place });
  // So many at once that they fill a page: the table comes with the next one.
  if (!complete) return { rows, next: { ...place, upTo } };
  const key = keyOf(table);
  const beyond = place.key === null ? { sql: 'TRUE', parameters: [] } : beyondSql(key, place.key);
  const found = connection
    .prepare<unknown[], [id: string, live: string, ...key: KeyValue[]]>(
      `SELECT ${identityOf(table, 't')}, ${rowJson(table, capture.settings, 't')}, ${key.map(({ column }) => column).join(', ')}
       FROM ${identifier(table.name)} AS t WHERE ${beyond.sql}
       ORDER BY ${key.map(({ column, collation }) => `${column} COLLATE ${collation}`).join(', ')} LIMIT ${size}`,
    )
    .raw()
    .safeIntegers()
    .all(...beyond.parameters);
  let last: KeyValue[] | null = null;
  for (const [id, live, ...values] of found) {
    last = values;
    const changes = changesOf(id);
    if (changes.first === null) rows.push({ id, ...changes, live });
  }
  return { rows, next: found.length < size ? null : { phase: 'unchanged', key: last, upTo } };
}

/** A condition for the keys behind this one, in the order of its index; nulls come first in it. */
function beyondSql(
  key: readonly { readonly column: string; readonly collation: string }[],
  values: readonly KeyValue[],
): { readonly sql: string; readonly parameters: readonly KeyValue[] } {
  const collated = key.map(({ column, collation }) => `${column} COLLATE ${collation}`);
  if (!values.includes(null)) {
    return { sql: `(${collated.join(', ')}) > (${values.map(() => '?').join(', ')})`, parameters: values };
  }
  const cases = collated.map((column, at) => {
    const same = collated.slice(0, at).map((one) => `${one} IS ?`);
    const value = values[at] ?? null;
    const [sql, parameters] = value === null ? [`${column} IS NOT NULL`, []] : [`${column} > ?`, [value]];
    return { sql: [...same, sql].join(' AND '), parameters: [...values.slice(0, at), ...parameters] };
  });
  return { sql: `(${cases.map(({ sql }) => sql).join(' OR ')})`, parameters: cases.flatMap((one) => one.parameters) };
}

/** The rows beyond the walk that changed for the first time since the page before: they are not found any more. */
function changedMeanwhile(
  connection: Connection,
  moment: CapturedMoment,
  {
    table,
    changesOf,
    size,
    place,
  }: {
    readonly table: TableDescription;
    readonly changesOf: (id: string) => Pick<RowEvidence, 'last' | 'first'>;
    readonly size: number;
    readonly place: TablePlace<number> & { phase: 'unchanged' };
  },
): { readonly rows: RowEvidence[]; readonly upTo: number; readonly complete: boolean } {
  const { type, since, until } = boundsOf(moment);
  const found = connection
    .prepare<[object], { seq: number; id: string }>(
      `SELECT e.seq, e.entity_id AS id FROM daybook_entries AS e NOT INDEXED
       WHERE e.seq > @from AND e.seq <= @until AND e.entity_type = @type AND e.entity_id IS NOT NULL AND ${captured('e')}
       ORDER BY e.seq LIMIT @size`,
    )
    .all({ type, from: Math.max(place.upTo, since), until, size });
  const rows: RowEvidence[] = [];
  let seen = place.upTo;
  for (const { seq, id } of found) {
    seen = seq;
    const changes = changesOf(id);
    if (changes.first?.seq !== seq || changes.first.before === null) continue;
    if (place.key === null || isBeyond(connection, table, changes.first.before, place.key)) {
      rows.push({ id, ...changes, live: null });
    }
  }
  const complete = found.length < size;
  return { rows, upTo: complete ? lastSeq(connection) : seen, complete };
}

/** Whether the walk through the table has yet to come to where this row was. */
function isBeyond(connection: Connection, table: TableDescription, row: string, key: readonly KeyValue[]): boolean {
  const values = readRecorded(row);
  const own = table.primaryKey.map((name) => values?.get(name) ?? null);
  const beyond = beyondSql(
    keyOf(table).map(({ collation }, at) => ({ column: `v.k${at}`, collation })),
    key,
  );
  return (
    connection
      .prepare<unknown[], number>(
        `SELECT 1 FROM (SELECT ${own.map((_, at) => `? AS k${at}`).join(', ')}) AS v WHERE ${beyond.sql}`,
      )
      .get(...own, ...beyond.parameters) !== undefined
  );
}
