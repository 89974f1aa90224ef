import { mayHaveTaken } from '../../../core/prune-reach.js';
import type { CaptureSpan } from '../../../core/capture.js';
import { readRuleCounts } from '../../../core/prune-account.js';
import type { Mark } from '../../../core/mark.js';
import type {
  CapturedChange,
  CapturedMoment,
  EvidencePage,
  PruneReach,
  RowEvidence,
  TablePlace,
} from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { answer, firstBeyond, identifier, inTrail, literal, momentText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { currentMark, MAY_HAVE_TAKEN } from '../trail/index.js';
import { readInstalled } from './installed.js';
import { keyTexts, rowText, typeOf } from './row-text.js';
import { describe } from './tables.js';
import type { TableDescription } from './tables.js';

/** An entry of capture, and not one that an application recorded or imported about the same entity. */
function captured(e: string): string {
  return `${e}.category = 'entity' AND ${e}.action IN ('create', 'update', 'delete') AND ${e}.entity_id IS NOT NULL
  AND ${e}.recorded_at IS NULL AND ${e}.source IS NULL AND ${e}.metadata ->> 'table' IS NOT NULL`;
}

/** The trail as the open transaction sees it, and what it needs to tell which part of it was there at a mark. */
export interface Seen {
  readonly connection: Connection;
  readonly generations: readonly Generation[];
}

/** Up to which seq changes are earlier ones, and where the span of a moment ends. */
function boundsOf({ span, at }: CapturedMoment): { readonly until: number; readonly bySeq: number } {
  const until = span.untilSeq ?? Number.MAX_SAFE_INTEGER;
  return { until, bySeq: 'seq' in at ? Math.min(at.seq, until) : until };
}

interface ChangesRow {
  readonly id: string;
  readonly last_seq: number | null;
  readonly last_action: CapturedChange['action'];
  readonly last_before: string | null;
  readonly last_after: string | null;
  readonly first_seq: number | null;
  readonly first_action: CapturedChange['action'];
  readonly first_before: string | null;
  readonly first_after: string | null;
  readonly first_seen: boolean;
}

type Changes = Pick<RowEvidence, 'last' | 'first'> & { readonly id: string; readonly firstSeen: boolean };

/**
 * The last captured change of each of these entities up to a moment, and the first one after it; whether that was in the
 * trail at a mark. Who changes a row waits for whoever did before, so that of one row seqs are in the order of the changes.
 */
async function changesOf(
  { connection, generations }: Seen,
  moment: CapturedMoment,
  ids: readonly string[],
  mark: Mark | null,
): Promise<Changes[]> {
  if (ids.length === 0) return [];
  const { entityType, span, at } = moment;
  const { until, bySeq } = boundsOf(moment);
  const change = (where: Sql, direction: 'ASC' | 'DESC'): Sql =>
    concat(
      'SELECT e.seq, e.tx, e.action, e.old_values AS before, e.new_values AS after FROM daybook_entries AS e WHERE ',
      and([sql('e.entity_id = k.id COLLATE "C" AND e.entity_type = ?', entityType), where, sql(captured('e'))]),
      ` ORDER BY e.seq ${direction} LIMIT 1`,
    );
  const time = (comparison: string): Sql =>
    'ms' in at ? sql(`e.ts ${comparison} ?::timestamptz`, momentText(at.ms)) : sql('TRUE');
  const last = change(and([sql('e.seq > ? AND e.seq <= ?', span.sinceSeq, bySeq), time('<=')]), 'DESC');
  // By time, what was recorded before the last earlier change is none of the later ones.
  const beyond = 'seq' in at ? bySeq : span.sinceSeq;
  const first = change(
    and([sql('e.seq > greatest(?::bigint, coalesce(l.seq, 0)) AND e.seq <= ?', beyond, until), time('>')]),
    'ASC',
  );
  const rows = await connection.all<ChangesRow>(
    concat(
      `SELECT k.id, l.seq AS last_seq, l.action AS last_action, l.before AS last_before, l.after AS last_after,
         f.seq AS first_seq, f.action AS first_action, f.before AS first_before, f.after AS first_after, coalesce(`,
      mark === null ? 'TRUE' : inTrail(mark, generations, 'f'),
      sql(
        `, FALSE) AS first_seen FROM (
           SELECT value #>> '{}' AS id, place FROM json_array_elements(?::json) WITH ORDINALITY AS u (value, place)) AS k
         LEFT JOIN LATERAL (`,
        JSON.stringify(ids),
      ),
      last,
      ') AS l ON TRUE LEFT JOIN LATERAL (',
      first,
      ') AS f ON TRUE ORDER BY k.place',
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    firstSeen: row.first_seen,
    last:
      row.last_seq === null
        ? null
        : { seq: row.last_seq, action: row.last_action, before: row.last_before, after: row.last_after },
    first:
      row.first_seq === null
        ? null
        : { seq: row.first_seq, action: row.first_action, before: row.first_before, after: row.first_after },
  }));
}

/** What tells of one row at a moment. */
export async function rowEvidence(seen: Seen, moment: CapturedMoment, id: string, live: boolean): Promise<RowEvidence> {
  const [changes] = await changesOf(seen, moment, [id], null);
  return {
    id,
    last: changes?.last ?? null,
    first: changes?.first ?? null,
    live: live ? await liveRow(seen.connection, moment.entityType, id) : null,
  };
}

/** The row of an entity as it is in its table now, in the form that entries have. */
async function liveRow(connection: Connection, entityType: string, id: string): Promise<string | null> {
  const capture = await readInstalled(connection, entityType);
  const table = capture && (await describe(connection, capture.relation));
  if (capture === undefined || table === undefined) return null;
  const { identity, json, from } = await rowText(connection, table, capture.settings);
  const found = await answer<string>(
    connection,
    sql(`SELECT ${json} FROM ${from} WHERE ${narrowed(table, id)}(${identity}) = ?`, id),
  );
  return found ?? null;
}

/** A condition that the index of a key serves, where that is one column of whole numbers. The id has digits alone then. */
function narrowed({ primaryKey, columns }: TableDescription, id: string): string {
  const [only = '', ...others] = primaryKey;
  const type = columns.find(({ name }) => name === only)?.type ?? '';
  if (others.length > 0 || !/^(?:integer|bigint|smallint)$/.test(type) || !/^-?\d{1,18}$/.test(id)) return '';
  return `t.${identifier(only)} = (${id})::bigint AND `;
}

/** A place of ours: marks say what was there, and the key is text that its types read. */
export type Place = TablePlace<Mark, string>;

export interface TableWalk {
  readonly live: boolean;
  readonly place: Place | null;
  readonly size: number;
}

/**
 * A page of what tells of the rows at a moment. First come the entities that changed after it, in the order of their
 * changes; then the rows of the table that did not, in the order of the key. While the second walk goes on, others
 * write: what came into the trail since the page before is told first in each page, and counts where the walk had not come
 * to its row.
 */
export async function tableEvidence(seen: Seen, moment: CapturedMoment, walk: TableWalk): Promise<EvidencePage> {
  const place: Place = walk.place ?? {
    phase: 'changed',
    after: null,
    upTo: await currentMark(seen.connection, seen.generations),
    from: walk.live ? await earliestLater(seen.connection, moment) : -Infinity,
  };
  return place.phase === 'changed'
    ? changedPage(seen, moment, walk, place)
    : unchangedPage(seen, moment, walk.size, place);
}

/** A time in milliseconds, as it is asked for. */
const MS = '(extract(epoch FROM e.ts) * 1000)::bigint';

/** The time from which on changes after the moment are found. */
async function earliestLater(connection: Connection, { entityType, at }: CapturedMoment): Promise<number> {
  if ('ms' in at) return at.ms + 1;
  const later = sql(`SELECT ${MS} FROM daybook_entries AS e WHERE e.entity_type = ? AND e.seq > ?`, entityType, at.seq);
  return (await answer<number>(connection, concat(later, ' ORDER BY e.ts LIMIT 1'))) ?? Infinity;
}

async function changedPage(
  seen: Seen,
  moment: CapturedMoment,
  { live, size }: TableWalk,
  place: Place & { phase: 'changed' },
): Promise<EvidencePage> {
  const { entityType, span, at } = moment;
  const { from, after, upTo } = place;
  // Without the table, an entity that changed before the moment alone counts as well.
  const beyond = live && 'seq' in at ? Math.max(at.seq, span.sinceSeq) : span.sinceSeq;
  const within = (e: string): Sql =>
    and([
      sql(`${e}.entity_type = ? AND ${e}.ts >= ?::timestamptz`, entityType, momentText(from)),
      sql(`${e}.seq > ? AND ${e}.seq <= ?`, beyond, boundsOf(moment).until),
      inTrail(upTo, seen.generations, e),
    ]);
  const found = await seen.connection.all<{ ms: number; seq: number; id: string; fresh: boolean }>(
    concat(
      `SELECT ${MS} AS ms, e.seq, e.entity_id AS id, ${captured('e')} AND NOT EXISTS (
         SELECT FROM daybook_entries AS b WHERE b.entity_id = e.entity_id AND (b.ts, b.seq) < (e.ts, e.seq) AND ${captured('b')} AND `,
      within('b'),
      ') AS fresh FROM daybook_entries AS e WHERE ',
      within('e'),
      ...(after === null
        ? []
        : [sql(' AND (e.ts, e.seq) > (?::timestamptz, ?::bigint)', momentText(after.ms), after.seq)]),
      ` ORDER BY e.ts, e.seq LIMIT ${size}`,
    ),
  );
  const fresh = found.filter((one) => one.fresh).map(({ id }) => id);
  const changes = await changesOf(seen, moment, fresh, live ? upTo : null);
  // What was recorded since this walk began belongs to its second part.
  const rows = changes
    .filter(({ first, firstSeen }) => !live || (first !== null && firstSeen))
    .map(({ id, last, first }) => ({ id, last, first, live: null }));
  const final = found.at(-1);
  if (final !== undefined && found.length === size) {
    return { rows, next: { ...place, after: { ms: final.ms, seq: final.seq } } };
  }
  return { rows, next: live ? { phase: 'unchanged', key: null, upTo } : null };
}

async function unchangedPage(
  seen: Seen,
  moment: CapturedMoment,
  size: number,
  place: Place & { phase: 'unchanged' },
): Promise<EvidencePage> {
  const { connection, generations } = seen;
  const capture = await readInstalled(connection, moment.entityType);
  const table = capture && (await describe(connection, capture.relation));
  if (capture === undefined || table === undefined) return { rows: [], next: null };
  const meanwhile = place.meanwhile ?? { upTo: await currentMark(connection, generations), after: 0 };
  const late = await changedMeanwhile(seen, moment, { table, size: size * 8, place, meanwhile });
  const { key, upTo } = place;
  // So many at once that they fill a page: the table comes with a later one.
  if (late.after !== null) {
    const rest = { upTo: meanwhile.upTo, after: late.after };
    return { rows: late.rows, next: { phase: 'unchanged', key, upTo, meanwhile: rest } };
  }
  if (place.meanwhile !== undefined) {
    return { rows: late.rows, next: { phase: 'unchanged', key, upTo: meanwhile.upTo } };
  }
  const { identity, json, from } = await rowText(connection, table, capture.settings);
  const names = table.primaryKey.map((name) => `t.${identifier(name)}`).join(', ');
  const beyond = key === null ? sql('TRUE') : sql(`(${names}) > (${parametersOf(table)})`, ...key);
  const found = await connection.rows<[id: string, live: string, ...key: string[]]>(
    concat(
      `SELECT ${identity}, ${json}, ${keyTexts(table)} FROM ${from} WHERE `,
      beyond,
      ` ORDER BY ${names} LIMIT ${size}`,
    ),
  );
  const changes = await changesOf(
    seen,
    moment,
    found.map(([id]) => id),
    null,
  );
  const unchanged = changes.flatMap(({ id, last, first }, index) =>
    first === null ? [{ id, last, first, live: found[index]?.[1] ?? null }] : [],
  );
  const [, , ...final] = found.at(-1) ?? [];
  const next: Place | null =
    found.length < size ? null : { phase: 'unchanged', key: final as string[], upTo: meanwhile.upTo };
  return { rows: [...late.rows, ...unchanged], next };
}

/** A question mark of its type for each column of the key. */
function parametersOf(table: TableDescription): string {
  return table.primaryKey.map((name) => `?::${typeOf(table, name)}`).join(', ');
}

/** The rows beyond the walk that changed for the first time since the page before: they are not found any more. */
async function changedMeanwhile(
  seen: Seen,
  moment: CapturedMoment,
  {
    table,
    size,
    place,
    meanwhile,
  }: {
    readonly table: TableDescription;
    readonly size: number;
    readonly place: Place & { phase: 'unchanged' };
    readonly meanwhile: { readonly upTo: Mark; readonly after: number };
  },
): Promise<{ readonly rows: RowEvidence[]; readonly after: number | null }> {
  const { connection, generations } = seen;
  const { primaryKey } = table;
  const was = primaryKey.map((name) => `(e.old_values ->> ${literal(name)})::${typeOf(table, name)}`).join(', ');
  const isBeyond =
    place.key === null
      ? sql('TRUE')
      : concat(`e.action <> 'create' AND (${was}) > (`, sql(parametersOf(table), ...place.key), ')');
  const found = await connection.all<{ seq: number; id: string; beyond: boolean }>(
    concat(
      'SELECT e.seq, e.entity_id AS id, ',
      isBeyond,
      ' AS beyond FROM daybook_entries AS e WHERE ',
      and([
        sql('e.entity_type = ? AND e.seq > ?', moment.entityType, Math.max(meanwhile.after, moment.span.sinceSeq)),
        sql('e.seq <= ?', boundsOf(moment).until),
        sql(captured('e')),
        inTrail(meanwhile.upTo, generations),
        concat('NOT (', inTrail(place.upTo, generations), ')'),
        concat('e.seq >= ', firstBeyond(place.upTo, generations)),
      ]),
      ` ORDER BY e.seq LIMIT ${size}`,
    ),
  );
  const beyond = found.filter((one) => one.beyond);
  const ids = [...new Set(beyond.map(({ id }) => id))];
  const seqs = new Set(beyond.map(({ seq }) => seq));
  const changes = await changesOf(seen, moment, ids, null);
  const rows = changes
    .filter(({ first }) => first !== null && first.before !== null && seqs.has(first.seq))
    .map(({ id, last, first }) => ({ id, last, first, live: null }));
  return { rows, after: found.length < size ? null : (found.at(-1)?.seq ?? null) };
}

/** How far prunes may have taken captured entries of a type, or of one entity, from a span; null where none did. */
export async function pruneReach(
  connection: Connection,
  entityType: string,
  id: string | null,
  span: CaptureSpan,
): Promise<PruneReach | null> {
  const accounts = await connection.all<PruneReach & { criteria: string; rules: string }>(
    sql(
      `SELECT criteria, rules, last_ts AS ts, last_seq AS seq FROM daybook_prunes AS p
       WHERE deleted > 0 AND ${MAY_HAVE_TAKEN} AND last_seq > ? AND first_seq < ?`,
      entityType,
      span.sinceSeq,
      span.untilSeq ?? Number.MAX_SAFE_INTEGER,
    ),
  );
  return accounts
    .filter(({ criteria, rules }) => mayHaveTaken(criteria, readRuleCounts(rules) ?? [], entityType, id))
    .reduce<PruneReach | null>(
      (reach, { ts, seq }) => ({
        ts: reach === null || ts > reach.ts ? ts : reach.ts,
        seq: Math.max(reach?.seq ?? 0, seq),
      }),
      null,
    );
}
