import type { Filter } from '../../../core/filter.js';
import { HOURS_OF_WEEK } from '../../../core/hours.js';
import type { ClockChange } from '../../../core/hours.js';
import type { Mark } from '../../../core/mark.js';
import type { CoursePoint, CourseQuery } from '../../audit-store.js';
import { and, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { inTrail, momentText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { filterCondition } from '../trail/index.js';
import { DIMENSIONS, expanded } from './groups.js';

/** How the entries of groups are spread over the stretches between edges, in one walk. */
export async function readCourses(
  connection: Connection,
  generations: readonly Generation[],
  { filter, by, keys, edges, upTo, limit }: CourseQuery,
): Promise<CoursePoint[]> {
  if (edges.length < 2) return [];
  const { shown, present } = DIMENSIONS[by];
  const moments = edges.map(momentText);
  const condition = and([
    thoseOf(filter, upTo, generations),
    sql(present),
    sql('e.ts >= ?::timestamptz AND e.ts < ?::timestamptz', moments[0] ?? '', moments.at(-1) ?? ''),
  ]);
  const rows = await connection.rows<[place: number, key: string, count: number]>({
    sql: `SELECT width_bucket(e.ts, ?::timestamptz[]), ${shown}, count(*) FROM daybook_entries AS e${expanded([by])}
      WHERE ${condition.sql}${keys === undefined ? '' : ` AND ${shown} = ANY (?::text[])`} GROUP BY 1, 2 LIMIT ${limit}`,
    parameters: [moments, ...condition.parameters, ...(keys === undefined ? [] : [keys])],
  });
  return rows.map(([place, key, count]) => ({ place: place - 1, key, count }));
}

/** So many whole weeks before 1970 there is no entry: what is counted from there on is never negative. */
const WEEKS_BEFORE = 103_000;

/** How many match in each hour of the week, in one walk. */
export async function readHours(
  connection: Connection,
  generations: readonly Generation[],
  filter: Filter,
  clocks: readonly ClockChange[],
  upTo: Mark,
): Promise<readonly number[]> {
  const condition = thoseOf(filter, upTo, generations);
  // Whatever is before the first change has its clocks.
  const changes = clocks.map(({ since }, index) => (index === 0 ? '-infinity' : momentText(since)));
  const rows = await connection.rows<[hour: number, count: number]>({
    sql: `SELECT mod(floor((extract(epoch FROM e.ts) * 1000 + coalesce((?::bigint[])[width_bucket(e.ts, ?::timestamptz[])], 0))
        / 3600000)::bigint + ${WEEKS_BEFORE * HOURS_OF_WEEK + 72}, ${HOURS_OF_WEEK}), count(*)
      FROM daybook_entries AS e WHERE ${condition.sql} GROUP BY 1`,
    parameters: [clocks.map(({ offset }) => String(offset)), changes, ...condition.parameters],
  });
  const counts = new Map(rows.map(([hour, count]) => [Number(hour), count]));
  return Array.from({ length: HOURS_OF_WEEK }, (_, hour) => counts.get(hour) ?? 0);
}

function thoseOf(filter: Filter, upTo: Mark, generations: readonly Generation[]): Sql {
  return and([filterCondition(filter, { upTo, generations }), inTrail(upTo, generations)]);
}
