import { LIST_FIELDS } from '../../../core/filter.js';
import type { Filter } from '../../../core/filter.js';
import type { Explanation, PageQuery } from '../../audit-store.js';
import { and, concat, join, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { firstBeyond, inTrail, momentText, timeText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { doomed, filterCondition, horizon, windowOf } from './compile.js';

/** More runs than this would cost more to merge than the filter saves. */
const MOST_RUNS = 32;

/** What a page is ordered by, as SQL. */
const ORDERS: Readonly<Record<PageQuery['order'], string>> = {
  newest: 'e.ts DESC, e.seq DESC',
  oldest: 'e.ts, e.seq',
  recorded: 'e.seq',
};

interface PageOptions {
  readonly further?: readonly Sql[];
  readonly offset?: number;
  readonly key?: string;
}

/** The key of a row: its time as text, and its seq. */
const KEY = `${timeText('e.ts')} AS key_ts, e.seq AS key_seq`;

/** The same with the time in milliseconds: to write it as text takes as long as to read the row. */
export const NUMBER_KEY = `(date_part('epoch', e.ts) * 1000)::bigint AS key_ts, e.seq AS key_seq`;

/**
 * The statement of a page: `selected`, then the time and the seq of each row. An index has the rows in their order. Of a
 * list of values, each is a run of its own, and the runs are merged: PostgreSQL would read a list in no order, and sort
 * all that matches for each page.
 */
export function pageStatement(
  generations: readonly Generation[],
  query: PageQuery,
  selected: Sql,
  limit: number,
  { further = [], offset = 0, key = KEY }: PageOptions = {},
): Sql {
  const conditions = and([...conditionsOf(generations, query), ...further]);
  const runs = query.order === 'recorded' ? [sql('TRUE')] : runsOf(driving(query));
  const order = ORDERS[query.order];
  const ending = ` ORDER BY ${order} LIMIT ${limit + offset}`;
  const source =
    runs.length === 1
      ? concat('daybook_entries AS e WHERE ', and([runs[0] ?? sql('TRUE'), conditions]))
      : concat(
          '(',
          join(
            runs.map((run) =>
              concat('(SELECT e.* FROM daybook_entries AS e WHERE ', and([run, conditions]), `${ending})`),
            ),
            ' UNION ALL ',
          ),
          ') AS e',
        );
  return concat('SELECT ', selected, `, ${key} FROM `, source, ending, ...(offset === 0 ? [] : [` OFFSET ${offset}`]));
}

/** The filter that says which index the rows come from: that of a rule, where only one decides. */
function driving(query: PageQuery): Filter {
  const rule = query.doomedBy?.rules.length === 1 ? query.doomedBy.rules[0] : undefined;
  return rule === undefined ? query.filter : rule.filter;
}

function conditionsOf(generations: readonly Generation[], query: PageQuery): Sql[] {
  const { filter, order, upTo, beyond, doomedBy, sparedBy, after } = query;
  const until = doomedBy === undefined ? undefined : horizon(doomedBy);
  return [
    filterCondition(filter, { upTo, generations }),
    ...(until === undefined ? [] : windowOf({ until })),
    ...(doomedBy === undefined ? [] : [doomed(doomedBy, generations)]),
    ...(sparedBy === undefined ? [] : [concat('NOT (', doomed(sparedBy, generations), ')')]),
    inTrail(upTo, generations),
    ...(beyond === undefined ? [] : [concat('NOT (', inTrail(beyond, generations), ')')]),
    // What lies before it is not even looked at. A later page has its key for that.
    ...(beyond === undefined || after !== undefined ? [] : [concat('e.seq >= ', firstBeyond(beyond, generations))]),
    ...(after === undefined ? [] : [BEHIND[order](after)]),
  ];
}

const BEHIND: Readonly<Record<PageQuery['order'], (after: NonNullable<PageQuery['after']>) => Sql>> = {
  newest: ({ ms, seq }) => sql('(e.ts, e.seq) < (?::timestamptz, ?::bigint)', momentText(ms), seq),
  oldest: ({ ms, seq }) => sql('(e.ts, e.seq) > (?::timestamptz, ?::bigint)', momentText(ms), seq),
  recorded: ({ seq }) => sql('e.seq > ?', seq),
};

/** One condition for each run: of the shortest list that the filter has, each value; else one run for all. */
function runsOf(filter: Filter): Sql[] {
  const lists = [
    ...LIST_FIELDS.flatMap((field) => {
      const values = [...new Set(filter[field] ?? [])];
      return values.length > 1 ? [values.map((value) => sql(`e.${field} = ?`, value))] : [];
    }),
    ...entityRuns(filter),
  ].filter((runs) => runs.length <= MOST_RUNS);
  return lists.toSorted((a, b) => a.length - b.length)[0] ?? [sql('TRUE')];
}

/** Patterns that no entry can match two of. */
function entityRuns({ entity = [] }: Filter): Sql[][] {
  const patterns = new Map(entity.map((pattern) => [JSON.stringify([pattern.type, pattern.id]), pattern]));
  const alike = (part: 'type' | 'id'): boolean =>
    new Set(entity.map((pattern) => pattern[part] === undefined)).size === 1;
  if (patterns.size < 2 || !alike('type') || !alike('id')) return [];
  return [
    [...patterns.values()].map(({ type, id }) =>
      and([
        ...(type === undefined ? [] : [sql('e.entity_type = ?', type)]),
        ...(id === undefined ? [] : [sql('e.entity_id = ?', id)]),
      ]),
    ),
  ];
}

/** The SQL of a page and how PostgreSQL means to run it. */
export async function explainPage(
  connection: Connection,
  generations: readonly Generation[],
  query: PageQuery,
): Promise<Explanation> {
  const statement = pageStatement(generations, query, sql('e.*'), query.limit + 1);
  const plan = await connection.rows<[string]>({ ...statement, sql: `EXPLAIN ${statement.sql}` });
  return { sql: statement.sql, parameters: statement.parameters, plan: plan.map(([line]) => line) };
}
