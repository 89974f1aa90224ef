import type { Explanation, PageQuery } from '../../audit-store.js';
import { conditionsOf, doomed, horizon, windowOf } from './compile.js';
import { seqOf, and, concat, join, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { chooseDrive, indexedBy } from './drive.js';

/**
 * The statement of a page: `selected`, then the key of each row. It reads one index in its own order: a list of values
 * is a merge of ordered runs, and a page behind a key has two runs for each, the rest of that millisecond and what lies
 * beyond it, for thousands of entries may share one.
 */
export function pageStatement(
  connection: Connection,
  query: PageQuery,
  selected: Sql,
  limit: Sql,
  further: readonly Sql[] = [],
): Sql {
  const rule = query.doomedBy?.rules.length === 1 ? query.doomedBy.rules[0] : undefined;
  const filter = rule === undefined ? query.filter : rule.filter;
  const until =
    query.doomedBy === undefined ? filter.until : Math.min(horizon(query.doomedBy), filter.until ?? Infinity);
  const upTo = seqOf(query.upTo);
  const beyond = query.beyond === undefined ? undefined : seqOf(query.beyond);
  // Only the run and the stretch are to be the range that is read. The plus keeps all else out of SQLite's choice: with
  // statistics that an application left, it would skip through the index, or take a list for the range, and sort.
  const conditions = [
    ...conditionsOf(query.filter, '+e', upTo),
    // Where the rule gives the range, the window of the question is a condition like any other.
    ...(rule === undefined ? [] : windowOf(query.filter, '+e')),
    ...(query.doomedBy === undefined ? [] : [doomed(query.doomedBy)]),
    ...(query.sparedBy === undefined ? [] : [concat('NOT (', doomed(query.sparedBy), ')')]),
    sql(query.order === 'recorded' ? 'e.seq <= ?' : '+e.seq <= ?', upTo),
    ...(beyond === undefined || query.order === 'recorded' ? [] : [sql('+e.seq > ?', beyond)]),
    ...further,
  ];
  const keyed = concat('SELECT ', selected, ', e.ts_ms AS key_ms, e.seq AS key_seq FROM daybook_entries AS e ');
  if (query.order === 'recorded') {
    return concat(
      keyed,
      'NOT INDEXED WHERE ',
      and([
        ...conditions,
        ...between(filter.since, until),
        sql('e.seq > ?', Math.max(query.after?.seq ?? 0, beyond ?? 0)),
      ]),
      ' ORDER BY e.seq LIMIT ',
      limit,
    );
  }
  const drive = chooseDrive(connection, { ...filter, ...(until === undefined ? {} : { until }) });
  const runs = drive.runs.flatMap((run) =>
    stretches(query, filter.since, until).map((stretch) =>
      concat(keyed, `${indexedBy(drive)} WHERE `, and([run, stretch, ...conditions])),
    ),
  );
  const direction = query.order === 'newest' ? 'DESC' : 'ASC';
  return concat(join(runs, ' UNION ALL '), ` ORDER BY key_ms ${direction}, key_seq ${direction} LIMIT `, limit);
}

/** The parts of a window that lie behind the key, each of them one range of an index. */
function stretches(query: PageQuery, since: number | undefined, until: number | undefined): Sql[] {
  if (query.after === undefined) return [and(between(since, until))];
  const { ms, seq } = query.after;
  return query.order === 'newest'
    ? [sql('e.ts_ms = ? AND e.seq < ?', ms, seq), and(between(since, Math.min(ms - 1, until ?? Infinity)))]
    : [sql('e.ts_ms = ? AND e.seq > ?', ms, seq), and(between(Math.max(ms + 1, since ?? -Infinity), until))];
}

function between(since: number | undefined, until: number | undefined): Sql[] {
  return [
    ...(since === undefined ? [] : [sql('e.ts_ms >= ?', since)]),
    ...(until === undefined ? [] : [sql('e.ts_ms <= ?', until)]),
  ];
}

/** The SQL of a page and how SQLite means to run it. */
export function explainPage(connection: Connection, query: PageQuery): Explanation {
  const statement = pageStatement(connection, query, sql('e.*'), sql('?', query.limit + 1));
  const plan = connection
    .prepare<unknown[], { id: number; parent: number; detail: string }>(`EXPLAIN QUERY PLAN ${statement.sql}`)
    .all(...statement.parameters);
  const depth = new Map<number, number>();
  const lines = plan.map((step) => {
    depth.set(step.id, (depth.get(step.parent) ?? -1) + 1);
    return `${'  '.repeat(depth.get(step.id) ?? 0)}${step.detail}`;
  });
  return { sql: statement.sql, parameters: statement.parameters, plan: lines };
}
