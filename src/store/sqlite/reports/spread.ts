import type { Filter } from '../../../core/filter.js';
import { HOURS_OF_WEEK, hourOfWeek } from '../../../core/hours.js';
import type { ClockChange } from '../../../core/hours.js';
import type { Mark } from '../../../core/mark.js';
import type { CoursePoint, CourseQuery } from '../../audit-store.js';
import { and, concat, join, reading, seqOf, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { chooseDrive, conditionsOf, filterCondition, indexedBy, windowOf } from '../trail/index.js';
import { between, DIMENSIONS, expanded, lastUpTo } from './groups.js';
import { entriesToCount } from './key-changes.js';

// Counting happens here and not in SQL: a row that comes along costs less than one that SQLite sorts into groups.

/** How the entries of groups are spread over the stretches between edges, in one walk. */
export function readCourses(
  connection: Connection,
  { filter, by, keys, edges, upTo, limit }: CourseQuery,
): CoursePoint[] {
  const { shown, present } = DIMENSIONS[by];
  const wanted = [
    sql(present),
    ...(keys === undefined ? [] : [sql(`${shown} IN (SELECT value FROM json_each(?))`, JSON.stringify(keys))]),
  ];
  return reading(connection, () => {
    const places = edges.slice(1).map(() => new Map<string, number>());
    let points = 0;
    const asked = {
      filter: between(filter, edges),
      upTo,
      withFields: by === 'field',
      columns: `e.ts_ms, ${shown}`,
      joined: expanded([by]),
      wanted,
    };
    for (const [ms, value] of walk<[number, unknown]>(connection, asked)) {
      // A program may have put numbers among the names of changed fields.
      const key = String(value);
      const counts = places[lastUpTo(edges, ms)];
      const count = counts?.get(key);
      if (count === undefined && ++points > limit) break;
      counts?.set(key, (count ?? 0) + 1);
    }
    return places
      .flatMap((counts, place) => Array.from(counts, ([key, count]) => ({ place, key, count })))
      .slice(0, limit);
  });
}

/** How many match in each hour of the week, in one walk. */
export function readHours(
  connection: Connection,
  filter: Filter,
  clocks: readonly ClockChange[],
  upTo: Mark,
): readonly number[] {
  const changes = clocks.map(({ since }) => since);
  return reading(connection, () => {
    const counts = Array.from({ length: HOURS_OF_WEEK }, () => 0);
    const asked = { filter, upTo, withFields: false, columns: 'e.ts_ms', joined: '', wanted: [] };
    for (const [ms] of walk<[number]>(connection, asked)) {
      const hour = hourOfWeek(ms, clocks[Math.max(0, lastUpTo(changes, ms))]?.offset ?? 0);
      counts[hour] = (counts[hour] ?? 0) + 1;
    }
    return counts;
  });
}

interface Walk {
  readonly filter: Filter;
  readonly upTo: Mark;
  readonly withFields: boolean;
  readonly columns: string;
  readonly joined: string;
  readonly wanted: readonly Sql[];
}

/** Columns of what reports count, in no order. */
function walk<Row>(
  connection: Connection,
  { filter, upTo: mark, withFields, columns, joined, wanted }: Walk,
): IterableIterator<Row> {
  const upTo = seqOf(mark);
  const changes = entriesToCount(connection, filter, { withFields, upTo });
  const statement =
    changes === undefined
      ? fromIndexes(connection, filter, upTo, { columns, joined, wanted })
      : concat(
          `SELECT ${columns} FROM `,
          changes,
          ` AS e${joined} WHERE `,
          and([filterCondition(filter, 'e', upTo), sql('e.seq <= ?', upTo), ...wanted]),
        );
  return connection
    .prepare<unknown[], Row>(statement.sql)
    .raw()
    .iterate(...statement.parameters);
}

/** Each run of the index with the least to read. */
function fromIndexes(
  connection: Connection,
  filter: Filter,
  upTo: number,
  { columns, joined, wanted }: Pick<Walk, 'columns' | 'joined' | 'wanted'>,
): Sql {
  const drive = chooseDrive(connection, filter);
  const conditions = [...conditionsOf(filter, '+e', upTo), sql('+e.seq <= ?', upTo), ...windowOf(filter), ...wanted];
  const runs = drive.runs.map((run) =>
    concat(
      `SELECT ${columns} FROM daybook_entries AS e ${indexedBy(drive)}${joined} WHERE `,
      and([run, ...conditions]),
    ),
  );
  return join(runs, ' UNION ALL ');
}
