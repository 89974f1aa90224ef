import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { GroupField } from '../../../core/report.js';
import { parseTimestamp } from '../../../core/timestamp.js';
import type { Group, GroupQuery, Groups } from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { counted, inTrail, momentText, timeText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { namesOf, readNames } from '../names/index.js';
import { filterCondition, revertedBy } from '../trail/index.js';
import type { Judged } from '../trail/index.js';

/** A field to group by. */
export interface Dimension {
  readonly shown: string;
  readonly present: string;
}

const plain = (field: string): Dimension => ({ shown: `e.${field}`, present: `e.${field} IS NOT NULL` });
const TABLE = `(e.metadata ->> 'table') COLLATE "C"`;
const FIELD = `f.value COLLATE "C"`;

export const DIMENSIONS: Readonly<Record<GroupField, Dimension>> = {
  category: plain('category'),
  action: plain('action'),
  severity: plain('severity'),
  actor: plain('actor'),
  actor_type: plain('actor_type'),
  scope: plain('scope'),
  entity: { shown: `coalesce(e.entity_type, '') || ':' || e.entity_id`, present: 'e.entity_id IS NOT NULL' },
  entity_type: plain('entity_type'),
  correlation_id: plain('correlation_id'),
  source: plain('source'),
  field: { shown: FIELD, present: 'f.value IS NOT NULL' },
  table: { shown: TABLE, present: `(${TABLE}) IS NOT NULL` },
};

/** The keys of a group, and then what is counted of it. */
type Row = [...keys: (string | null)[], count: number, first: string, last: string, lastSeq: number];

/** Entries by what they have in common, most frequent first. */
export async function readGroups(
  connection: Connection,
  generations: readonly Generation[],
  { filter, by, limit, upTo, seen }: GroupQuery,
): Promise<Groups> {
  const dimensions = by.map((field) => DIMENSIONS[field]);
  const judged = upTo === undefined ? { generations } : { generations, upTo };
  const matching = and([filterCondition(filter, judged), ...(upTo === undefined ? [] : [inTrail(upTo, generations)])]);
  const condition = and([matching, sql(dimensions[0]?.present ?? 'TRUE')]);
  const keys = dimensions.map(({ shown }, index) => `${shown} AS key${index}`).join(', ');
  const places = by.map((_, index) => index + 1).join(', ');
  const from = ` FROM daybook_entries AS e${expanded(by)} WHERE `;
  const rows = await connection.rows<Row>(
    concat(
      `SELECT ${keys}, count(*), ${timeText('min(e.ts)')}, ${timeText('max(e.ts)')}, max(e.seq)`,
      from,
      condition,
      ` GROUP BY ${places} ORDER BY count(*) DESC, ${orderOf(by)} LIMIT ${limit + 1}`,
    ),
  );
  const groups = rows.slice(0, limit).map((row) => ({ keys: keysOf(row, by), row }));
  const reverted = await revertedGroups(connection, judged, { by, keys, places, from, condition });
  const names: ReadonlyMap<string, string>[] = [];
  for (const [index, field] of by.entries()) {
    const keysOfField = groups.flatMap((group) => group.keys[index] ?? []);
    names.push(await nameGroups(connection, field, keysOfField, filter));
  }
  const scopes = groups.flatMap((group) => group.keys[0] ?? []);
  const entities = seen && (await entitiesSeen(connection, generations, scopes, seen));
  return {
    groups: Array.from(groups, ({ keys: own, row }): Group => {
      const [count, first, last, lastSeq] = row.slice(by.length) as [number, string, string, number];
      return {
        keys: own,
        names: own.map((key, index) => names[index]?.get(key ?? '') ?? null),
        count,
        reverted: reverted.get(JSON.stringify(own)) ?? 0,
        first: parseTimestamp(first),
        last: parseTimestamp(last),
        lastSeq,
        ...(entities && { entities: entities.get(own[0] ?? '') ?? 0 }),
      };
    }),
    more: rows.length > limit,
    total: await counted(connection, concat('SELECT count(*) FROM daybook_entries AS e WHERE ', matching)),
  };
}

/** Null comes first, as in every engine. */
function orderOf(by: readonly GroupField[]): string {
  return by.map((_, index) => `${index + 1} NULLS FIRST`).join(', ');
}

function keysOf(row: readonly unknown[], by: readonly GroupField[]): (string | null)[] {
  return by.map((_, index) => row[index] as string | null);
}

/** The table of changed fields, where these are asked for. */
export function expanded(by: readonly GroupField[]): string {
  return by.includes('field')
    ? ' LEFT JOIN LATERAL json_array_elements_text(e.changed_fields) AS f (value) ON TRUE'
    : '';
}

/** How many entities each of these scopes has among entries of a filter. */
async function entitiesSeen(
  connection: Connection,
  generations: readonly Generation[],
  scopes: readonly string[],
  filter: Filter,
): Promise<ReadonlyMap<string, number>> {
  const condition = filterCondition(filter, { generations });
  const rows = await connection.rows<[scope: string, count: number]>({
    sql: `SELECT scope, count(*) FROM (SELECT DISTINCT e.scope, e.entity_type, e.entity_id FROM daybook_entries AS e
        WHERE e.scope = ANY (?::text[]) AND e.entity_id IS NOT NULL AND ${condition.sql}) AS s GROUP BY scope`,
    parameters: [scopes, ...condition.parameters],
  });
  return new Map(rows);
}

async function nameGroups(
  connection: Connection,
  field: GroupField,
  keys: readonly string[],
  filter: Filter,
): Promise<ReadonlyMap<string, string>> {
  if (field === 'scope') return readNames(connection, [...new Set(keys)]);
  return field === 'actor' || field === 'entity'
    ? namesOf(connection, field, [...new Set(keys)], filter)
    : new Map<string, string>();
}

interface Grouping {
  readonly by: readonly GroupField[];
  readonly keys: string;
  readonly places: string;
  readonly from: string;
  readonly condition: Sql;
}

/** How many entries of each group are taken back: found from what takes back, which is little, as a rule. */
async function revertedGroups(
  connection: Connection,
  judged: Judged,
  { by, keys, places, from, condition }: Grouping,
): Promise<ReadonlyMap<string, number>> {
  const rows = await connection.rows<[...keys: (string | null)[], count: number]>(
    concat(
      `SELECT ${keys}, count(*)`,
      from,
      'e.id IN (SELECT r.reverts FROM daybook_entries AS r WHERE r.reverts IS NOT NULL) AND ',
      revertedBy('e', judged),
      ' IS NOT NULL AND ',
      condition,
      ` GROUP BY ${places}`,
    ),
  );
  return new Map(rows.map((row) => [JSON.stringify(keysOf(row, by)), row[by.length] as number]));
}

/** How many match from each edge up to the next one, all in one walk. */
export async function countBetween(
  connection: Connection,
  generations: readonly Generation[],
  filter: Filter,
  edges: readonly number[],
  upTo: Mark,
): Promise<readonly number[]> {
  if (edges.length < 2) return [];
  const moments = edges.map(momentText);
  const condition = and([
    filterCondition(filter, { upTo, generations }),
    inTrail(upTo, generations),
    sql('e.ts >= ?::timestamptz AND e.ts < ?::timestamptz', moments[0] ?? '', moments.at(-1) ?? ''),
  ]);
  const rows = await connection.rows<[place: number, count: number]>({
    sql: `SELECT width_bucket(e.ts, ?::timestamptz[]), count(*) FROM daybook_entries AS e WHERE ${condition.sql} GROUP BY 1`,
    parameters: [moments, ...condition.parameters],
  });
  const counts = new Map(rows);
  return edges.slice(1).map((_, index) => counts.get(index + 1) ?? 0);
}
