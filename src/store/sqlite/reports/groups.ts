import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { GroupField } from '../../../core/report.js';
import type { Group, GroupQuery, Groups } from '../../audit-store.js';
import { conditionsOf, filterCondition, revertedBy, windowOf, chooseDrive, indexedBy } from '../trail/index.js';
import { counted, reading, seqOf, and, concat, join, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { namesOf, readNames } from '../names/index.js';
import { entriesToCount } from './key-changes.js';

/** A field to group by. */
export interface Dimension {
  /** What a group says of it. */
  readonly shown: string;
  /** What makes a group: columns of an index in its order, so that nothing need be sorted. */
  readonly columns: readonly string[];
  readonly present: string;
  readonly index?: string;
}

const TYPED_ENTITY = `coalesce(e.entity_type, '') || ':' || e.entity_id`;
/** Most entries have no metadata: that is told without reading JSON. */
const TABLE = `CASE WHEN e.metadata <> '{}' THEN e.metadata ->> '$.table' END`;

function plain(field: string): Dimension {
  return { shown: `e.${field}`, columns: [`e.${field}`], present: `e.${field} IS NOT NULL` };
}

function indexed(field: string, name: string): Dimension {
  return { ...plain(field), index: `daybook_entries_by_${name}` };
}

export const DIMENSIONS: Readonly<Record<GroupField, Dimension>> = {
  category: indexed('category', 'category'),
  action: indexed('action', 'action'),
  severity: indexed('severity', 'severity'),
  actor: indexed('actor', 'actor'),
  actor_type: indexed('actor_type', 'actor_type'),
  scope: indexed('scope', 'scope'),
  entity: {
    shown: TYPED_ENTITY,
    columns: ['e.entity_id', 'e.entity_type'],
    present: 'e.entity_id IS NOT NULL',
    index: 'daybook_entries_by_entity',
  },
  entity_type: indexed('entity_type', 'entity_type'),
  correlation_id: indexed('correlation_id', 'correlation'),
  source: indexed('source', 'source'),
  field: { shown: 'f.value', columns: ['f.value'], present: 'f.value IS NOT NULL' },
  table: { shown: TABLE, columns: [TABLE], present: `(${TABLE}) IS NOT NULL` },
};

interface GroupRow {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  readonly lastSeq: number;
  readonly [key: `key${number}`]: string | null;
}

/** Entries by what they have in common, most frequent first. */
export function readGroups(connection: Connection, { filter, by, limit, upTo: mark, seen }: GroupQuery): Groups {
  return reading(connection, () => {
    const dimensions = by.map((field) => DIMENSIONS[field]);
    const upTo = mark === undefined ? {} : { upTo: seqOf(mark) };
    const matching = and([
      filterCondition(filter, 'e', upTo.upTo),
      ...(upTo.upTo === undefined ? [] : [sql('+e.seq <= ?', upTo.upTo)]),
    ]);
    const condition = and([matching, sql(dimensions[0]?.present ?? 'TRUE')]);
    const changes = entriesToCount(connection, filter, { withFields: by.includes('field'), ...upTo });
    const entries = changes ?? sql('daybook_entries');
    const statement = concat(
      'SELECT ',
      shown(dimensions),
      ', count(*) AS count, min(e.ts_ms) AS first, max(e.ts_ms) AS last, max(e.seq) AS lastSeq FROM ',
      entries,
      ` AS e ${changes === undefined ? walked(filter, dimensions) : ''}${expanded(by)} WHERE `,
      condition,
      ` GROUP BY ${grouping(dimensions)} ORDER BY count(*) DESC, ${positions(by)} LIMIT `,
      sql('?', limit + 1),
    );
    const rows = connection.prepare<unknown[], GroupRow>(statement.sql).all(...statement.parameters);
    const groups = rows.slice(0, limit).map((row) => ({ keys: by.map((_, index) => keyOf(row, index)), row }));
    const names = by.map((field, index) =>
      nameGroups(
        connection,
        field,
        groups.flatMap(({ keys }) => keys[index] ?? []),
        filter,
      ),
    );
    const reverted = revertedGroups(
      connection,
      dimensions,
      { by, entries, condition, ...upTo },
      new Set(groups.map(({ keys }) => placeOf(keys))),
    );
    const entitiesOf = seen === undefined ? undefined : entitiesSeen(connection, seen);
    return {
      groups: Array.from(groups, ({ keys, row: { count, first, last, lastSeq } }): Group => ({
        keys,
        names: keys.map((key, index) => names[index]?.get(key ?? '') ?? null),
        count,
        reverted: reverted.get(placeOf(keys)) ?? 0,
        first,
        last,
        lastSeq,
        ...(entitiesOf && { entities: entitiesOf(keys[0] ?? '') }),
      })),
      more: rows.length > limit,
      total: total(connection, { by, entries, condition: matching }, rows, limit),
    };
  });
}

/** What is counted: which entries, as a table and a condition, and by what. */
interface Counted {
  readonly by: readonly GroupField[];
  readonly entries: Sql;
  readonly condition: Sql;
  readonly upTo?: number;
}

/** Fields that every entry has, and one value of. */
const ALWAYS: ReadonlySet<GroupField> = new Set(['category', 'action', 'severity', 'actor', 'actor_type'] as const);

/** How many entries match: what the groups add up to, where each entry is in one of them and all are there. */
function total(
  connection: Connection,
  { by, entries, condition }: Counted,
  rows: readonly GroupRow[],
  limit: number,
): number {
  const [first, ...others] = by;
  const sums = first !== undefined && ALWAYS.has(first) && !others.includes('field') && rows.length <= limit;
  if (sums) return rows.reduce((sum, { count }) => sum + count, 0);
  return counted(connection, concat('SELECT count(*) FROM ', entries, ' AS e WHERE ', condition));
}

function shown(dimensions: readonly Dimension[]): string {
  return dimensions.map((dimension, index) => `${dimension.shown} AS key${index}`).join(', ');
}

/** Behind the first, entries of a type without an id are of no entity like any others: there, what is shown decides. */
function grouping([first, ...others]: readonly Dimension[]): string {
  return [...(first?.columns ?? []), ...others.map((dimension) => dimension.shown)].join(', ');
}

function positions(by: readonly GroupField[]): string {
  return by.map((_, index) => index + 1).join(', ');
}

function keyOf(row: GroupRow, index: number): string | null {
  const key = row[`key${index}`] ?? null;
  // A program may have put numbers among the names of changed fields.
  return key === null ? null : String(key);
}

function placeOf(keys: readonly (string | null)[]): string {
  return JSON.stringify(keys);
}

/** The table of changed fields, where these are asked for. */
export function expanded(by: readonly GroupField[]): string {
  return by.includes('field') ? ' LEFT JOIN json_each(e.changed_fields) AS f' : '';
}

/**
 * Without a filter, the index of the field has the groups in a row. With one, SQLite chooses between reading what the
 * filter leaves and sorting that, and reading all in the order of the groups.
 */
function walked(filter: Filter, dimensions: readonly Dimension[]): string {
  const [only, ...more] = dimensions;
  return Object.keys(filter).length === 0 && more.length === 0 && only?.index !== undefined
    ? `INDEXED BY ${only.index}`
    : '';
}

/** How many entities a scope has among entries of a filter. */
function entitiesSeen(connection: Connection, filter: Filter): (scope: string) => number {
  const condition = filterCondition(filter);
  const statement = connection
    .prepare<unknown[], number>(
      `SELECT count(*) FROM (SELECT DISTINCT e.entity_type, e.entity_id FROM daybook_entries AS e
       WHERE e.scope = ? AND e.entity_id IS NOT NULL AND ${condition.sql})`,
    )
    .pluck();
  return (scope) => statement.get(scope, ...condition.parameters) ?? 0;
}

function nameGroups(
  connection: Connection,
  field: GroupField,
  keys: readonly string[],
  filter: Filter,
): ReadonlyMap<string, string> {
  if (field === 'scope') return readNames(connection, [...new Set(keys)]);
  return field === 'actor' || field === 'entity'
    ? namesOf(connection, field, [...new Set(keys)], filter)
    : new Map<string, string>();
}

/** How many entries of each of these groups are taken back: found from what takes back, which is little, as a rule. */
function revertedGroups(
  connection: Connection,
  dimensions: readonly Dimension[],
  { by, entries, condition, upTo }: Counted,
  wanted: ReadonlySet<string>,
): ReadonlyMap<string, number> {
  const statement = concat(
    `SELECT ${shown(dimensions)}, count(*) AS count
     FROM (SELECT DISTINCT r.reverts AS id FROM daybook_entries AS r INDEXED BY daybook_entries_by_reverts WHERE r.reverts IS NOT NULL) AS t
     CROSS JOIN `,
    entries,
    ` AS e ON e.id = t.id${expanded(by)} WHERE ${revertedBy('e', upTo)} IS NOT NULL AND `,
    condition,
    ` GROUP BY ${grouping(dimensions)}`,
  );
  const counts = new Map<string, number>();
  for (const row of connection.prepare<unknown[], GroupRow>(statement.sql).iterate(...statement.parameters)) {
    const place = placeOf(by.map((_, index) => keyOf(row, index)));
    if (wanted.has(place)) counts.set(place, row.count);
  }
  return counts;
}

/** How many match from each edge up to the next one: each is one stretch of an index. */
export function countBetween(
  connection: Connection,
  filter: Filter,
  edges: readonly number[],
  mark: Mark,
): readonly number[] {
  return reading(connection, () => {
    const upTo = seqOf(mark);
    const within = between(filter, edges);
    const changes = entriesToCount(connection, within, { withFields: false, upTo });
    if (changes !== undefined) {
      const condition = and([filterCondition(within, 'e', upTo), sql('e.seq <= ?', upTo)]);
      return countEach(connection, concat('SELECT e.ts_ms FROM ', changes, ' AS e WHERE ', condition), edges);
    }
    const drive = chooseDrive(connection, filter);
    const conditions = [...conditionsOf(filter, '+e', upTo), ...windowOf(filter, '+e'), sql('+e.seq <= ?', upTo)];
    const counts = drive.runs.map((run) =>
      concat(
        `(SELECT count(*) FROM daybook_entries AS e ${indexedBy(drive)} WHERE `,
        and([run, sql('e.ts_ms >= b.start AND e.ts_ms < b.end'), ...conditions]),
        ')',
      ),
    );
    const statement = concat(
      'SELECT ',
      join(counts, ' + ', '0'),
      ' FROM (SELECT value AS start, lead(value) OVER (ORDER BY key) AS end FROM json_each(',
      sql('?', JSON.stringify(edges)),
      ')) AS b WHERE b.end IS NOT NULL ORDER BY b.start',
    );
    return connection
      .prepare<unknown[], number>(statement.sql)
      .pluck()
      .all(...statement.parameters);
  });
}

/** A filter for what is between the edges: nothing else needs to be looked at. */
export function between(filter: Filter, edges: readonly number[]): Filter {
  const [first = 0, last = 0] = [edges[0], edges.at(-1)];
  const { since = first, until = last - 1 } = filter;
  return { ...filter, since: Math.max(since, first), until: Math.min(until, last - 1) };
}

/** Counts what matches between the edges, which ascend, where no index has the answer. */
function countEach(connection: Connection, matching: Sql, edges: readonly number[]): readonly number[] {
  const counts = edges.slice(1).map(() => 0);
  for (const ms of connection
    .prepare<unknown[], number>(matching.sql)
    .pluck()
    .iterate(...matching.parameters)) {
    const index = lastUpTo(edges, ms);
    const count = counts[index];
    if (count !== undefined) counts[index] = count + 1;
  }
  return counts;
}

/** The place of the last edge that is not behind a moment; -1 where all are. */
export function lastUpTo(edges: readonly number[], ms: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? Infinity) <= ms) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
