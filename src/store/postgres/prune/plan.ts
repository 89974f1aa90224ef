import { ACCOUNTS_OF_ITSELF } from '../../../core/erasure.js';
import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Key, PruneForecast, PrunePlan, PruneRule, ResolvedRule } from '../../audit-store.js';
import { and, concat, sql } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { counted, inTrail, momentText, timeText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { heldFilters } from '../holds/index.js';
import {
  checkpointReaches,
  currentMark,
  doomed,
  fallsByAge,
  filterCondition,
  horizon,
  keyAt,
  ruleMatches,
} from '../trail/index.js';

/** Turns rules into a plan for the trail as it is now. */
export async function planPrune(
  connection: Connection,
  generations: readonly Generation[],
  rules: readonly PruneRule[],
  reserved: readonly boolean[],
  { recordedBefore = null, erases = false }: { readonly recordedBefore?: string | null; readonly erases?: boolean },
): Promise<PrunePlan> {
  const upTo = await currentMark(connection, generations);
  const oldestKept = async (filter: Filter, keep: number, reserve: boolean): Promise<Key | null> => {
    const places = keep - (reserve ? 1 : 0);
    if (places === 0) return { ms: Number.MAX_SAFE_INTEGER, seq: 0 };
    return (await keyAt(connection, generations, filter, { upTo, recordedBefore }, places - 1)) ?? null;
  };
  const resolved: ResolvedRule[] = [];
  for (const [position, { name, filter, before, keep }] of rules.entries()) {
    const kept = keep === null ? null : await oldestKept(filter, keep, reserved[position] === true);
    resolved.push({ name, filter, before, oldestKept: kept });
  }
  const kept = erases ? [ACCOUNTS_OF_ITSELF] : [];
  return { rules: resolved, upTo, recordedBefore, held: await heldFilters(connection), kept, erases };
}

interface ForecastRow {
  readonly action: string;
  readonly month: string;
  readonly count: number;
  readonly byAge: number;
  readonly first: string;
  readonly last: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly [rule: `rule${number}`]: number;
}

/** What a plan would take, counted in one walk. */
export async function forecastPrune(
  connection: Connection,
  generations: readonly Generation[],
  plan: PrunePlan,
): Promise<PruneForecast> {
  const counts = plan.rules.map((rule, position) =>
    concat(', count(*) FILTER (WHERE ', ruleMatches(rule, generations), `) AS rule${position}`),
  );
  const statement = concat(
    `SELECT e.action AS action, to_char(e.ts AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS count, count(*) FILTER (WHERE `,
    fallsByAge(plan, generations),
    `) AS "byAge", ${timeText('min(e.ts)')} AS first, ${timeText('max(e.ts)')} AS last, min(e.seq) AS "firstSeq", max(e.seq) AS "lastSeq"`,
    ...counts,
    doomedFrom(plan, generations),
    ' GROUP BY 1, 2 ORDER BY 1, 2',
  );
  const rows = await connection.all<ForecastRow>(statement);
  const total = (pick: (row: ForecastRow) => number): number => rows.reduce((sum, row) => sum + pick(row), 0);
  const count = total((row) => row.count);
  const byAge = total((row) => row.byAge);
  return {
    count,
    held: await heldBack(connection, generations, plan, count, 'held'),
    kept: await heldBack(connection, generations, plan, count, 'kept'),
    byAge,
    byCount: count - byAge,
    first: rows.map((row) => row.first).toSorted()[0] ?? null,
    last:
      rows
        .map((row) => row.last)
        .toSorted()
        .at(-1) ?? null,
    firstSeq: rows.length === 0 ? null : Math.min(...rows.map((row) => row.firstSeq)),
    lastSeq: rows.length === 0 ? null : Math.max(...rows.map((row) => row.lastSeq)),
    actions: grouped(rows, 'action')
      .map(([action, sum]) => ({ action, count: sum }))
      .toSorted((a, b) => b.count - a.count),
    months: grouped(rows, 'month')
      .map(([month, sum]) => ({ month, count: sum }))
      .toSorted((a, b) => (a.month < b.month ? -1 : 1)),
    rules: plan.rules.map((rule, position) => ({
      name: rule.name,
      deleted: total((row) => row[`rule${position}`] ?? 0),
    })),
    unseen: count === 0 ? [] : await unseenByCheckpoints(connection, generations, plan),
  };
}

/** How many more a plan would take without what keeps them. */
async function heldBack(
  connection: Connection,
  generations: readonly Generation[],
  plan: PrunePlan,
  count: number,
  without: 'held' | 'kept',
): Promise<number> {
  if (plan[without].length === 0) return 0;
  const all = concat('SELECT count(*)', doomedFrom({ ...plan, [without]: [] }, generations));
  return (await counted(connection, all)) - count;
}

function grouped(rows: readonly ForecastRow[], by: 'action' | 'month'): [string, number][] {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row[by], (sums.get(row[by]) ?? 0) + row.count);
  return [...sums];
}

/** FROM and WHERE for the doomed entries of a plan; where one rule decides, its filter says which index. */
function doomedFrom(plan: PrunePlan, generations: readonly Generation[]): Sql {
  return concat(
    ' FROM daybook_entries AS e WHERE ',
    and([sql('e.ts <= ?::timestamptz', momentText(horizon(plan))), doomed(plan, generations)]),
  );
}

async function unseenByCheckpoints(
  connection: Connection,
  generations: readonly Generation[],
  plan: PrunePlan,
): Promise<{ checkpoint: string; count: number }[]> {
  const unseen: { checkpoint: string; count: number }[] = [];
  for (const { name, filter, mark } of await checkpointReaches(connection)) {
    const statement = concat(
      'SELECT count(*)',
      doomedFrom(plan, generations),
      ' AND ',
      unseenBy(mark, filter, generations),
    );
    unseen.push({ checkpoint: name, count: await counted(connection, statement) });
  }
  return unseen;
}

/** What a checkpoint at this mark has not exported. */
export function unseenBy(mark: Mark, filter: Filter | null, generations: readonly Generation[]): Sql {
  return and([concat('NOT (', inTrail(mark, generations), ')'), filterCondition(filter ?? {}, { generations })]);
}
