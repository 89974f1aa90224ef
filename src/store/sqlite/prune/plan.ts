import { ACCOUNTS_OF_ITSELF } from '../../../core/erasure.js';
import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Key, PruneForecast, PrunePlan, PruneRule, ResolvedRule } from '../../audit-store.js';
import {
  doomed,
  fallsByAge,
  filterCondition,
  horizon,
  ruleMatches,
  chooseDrive,
  indexedBy,
  keyAt,
  lastSeq,
  checkpointReaches,
} from '../trail/index.js';
import { counted, reading, markOf, and, concat, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { heldFilters } from '../holds/index.js';
import { greatest, least } from './extremes.js';

/** Turns rules into a plan for the trail as it is now. */
export function planPrune(
  connection: Connection,
  rules: readonly PruneRule[],
  reserved: readonly boolean[],
  { recordedBefore = null, erases = false }: { readonly recordedBefore?: string | null; readonly erases?: boolean },
): PrunePlan {
  return reading(connection, () => {
    const upTo = markOf(lastSeq(connection));
    const resolve = (rule: PruneRule, position: number): ResolvedRule => ({
      name: rule.name,
      filter: rule.filter,
      before: rule.before,
      oldestKept:
        rule.keep === null
          ? null
          : oldestKept(connection, rule.filter, rule.keep, reserved[position] === true, { upTo, recordedBefore }),
    });
    const kept = erases ? [ACCOUNTS_OF_ITSELF] : [];
    return { rules: rules.map(resolve), upTo, recordedBefore, held: heldFilters(connection), kept, erases };
  });
}

/** The oldest entry that a count keeps, or null where it keeps all of them. */
function oldestKept(
  connection: Connection,
  filter: Filter,
  keep: number,
  reserve: boolean,
  trail: { upTo: Mark; recordedBefore: string | null },
): Key | null {
  const places = keep - (reserve ? 1 : 0);
  if (places === 0) return { ms: Number.MAX_SAFE_INTEGER, seq: 0 };
  return keyAt(connection, filter, trail, places - 1) ?? null;
}

interface ForecastRow {
  action: string;
  month: string;
  count: number;
  byAge: number;
  first: string;
  last: string;
  firstSeq: number;
  lastSeq: number;
  [rule: `rule${number}`]: number;
}

/** What a plan would take, counted in one walk. */
export function forecastPrune(connection: Connection, plan: PrunePlan): PruneForecast {
  return reading(connection, () => {
    const falling = fallsByAge(plan);
    const counts = plan.rules.map((rule, position) => concat('sum(', ruleMatches(rule), `) AS rule${position}`));
    const statement = concat(
      'SELECT e.action AS action, substr(e.ts, 1, 7) AS month, count(*) AS count, sum(',
      falling,
      ') AS byAge, min(e.ts) AS first, max(e.ts) AS last, min(e.seq) AS firstSeq, max(e.seq) AS lastSeq',
      ...counts.flatMap((count) => [', ', count]),
      doomedFrom(connection, plan),
      ' GROUP BY 1, 2',
    );
    const rows = connection.prepare<unknown[], ForecastRow>(statement.sql).all(...statement.parameters);
    const total = (pick: (row: ForecastRow) => number): number => rows.reduce((sum, row) => sum + pick(row), 0);
    const count = total((row) => row.count);
    const byAge = total((row) => row.byAge);
    return {
      count,
      held: heldBack(connection, plan, count, 'held'),
      kept: heldBack(connection, plan, count, 'kept'),
      byAge,
      byCount: count - byAge,
      first: rows.map((row) => row.first).toSorted()[0] ?? null,
      last:
        rows
          .map((row) => row.last)
          .toSorted()
          .at(-1) ?? null,
      firstSeq: least(rows.map((row) => row.firstSeq)),
      lastSeq: greatest(rows.map((row) => row.lastSeq)),
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
      unseen: count === 0 ? [] : unseenByCheckpoints(connection, plan),
    };
  });
}

/** How many more a plan would take without what keeps them. */
function heldBack(connection: Connection, plan: PrunePlan, count: number, without: 'held' | 'kept'): number {
  if (plan[without].length === 0) return 0;
  return counted(connection, concat('SELECT count(*)', doomedFrom(connection, { ...plan, [without]: [] }))) - count;
}

function grouped(rows: readonly ForecastRow[], by: 'action' | 'month'): [string, number][] {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(row[by], (sums.get(row[by]) ?? 0) + row.count);
  return [...sums];
}

/** FROM and WHERE for the doomed entries of a plan, by the narrowest index that one rule alone allows. */
function doomedFrom(connection: Connection, plan: PrunePlan): Sql {
  const limit = horizon(plan);
  const [rule] = plan.rules;
  const drive = chooseDrive(
    connection,
    plan.rules.length === 1 && rule !== undefined ? { ...rule.filter, until: limit } : {},
  );
  const run = drive.runs.length === 1 ? drive.runs[0] : undefined;
  return concat(
    ` FROM daybook_entries AS e ${run === undefined ? 'INDEXED BY daybook_entries_by_time' : indexedBy(drive)} WHERE `,
    and([run ?? sql('TRUE'), sql('e.ts_ms <= ?', limit), doomed(plan)]),
  );
}

function unseenByCheckpoints(connection: Connection, plan: PrunePlan): { checkpoint: string; count: number }[] {
  return checkpointReaches(connection).map((checkpoint) => {
    const statement = concat(
      'SELECT count(*)',
      doomedFrom(connection, plan),
      ' AND ',
      and([sql('e.seq > ?', checkpoint.seq), filterCondition(checkpoint.filter ?? {})]),
    );
    return { checkpoint: checkpoint.name, count: counted(connection, statement) };
  });
}
