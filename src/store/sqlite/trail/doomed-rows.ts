import type { Cell } from '../../../core/cell.js';
import type { Key, PageQuery, PrunePlan } from '../../audit-store.js';
import { fallsByAge, ruleMatches } from './compile.js';
import { concat, join, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import { pageStatement } from './page-statement.js';

/** A doomed entry as a batch of a prune needs it. */
export interface DoomedRow {
  readonly seq: number;
  readonly ts: string;
  readonly byAge: boolean;
  /** For each rule of the plan, whether it matches. */
  readonly rules: readonly boolean[];
}

/**
 * The next doomed entries of a plan, oldest first. What one of them takes back comes with it, however young it is: it
 * would hold again for as long as they fall apart, and for good where the prune is cut off between them. An erasure takes
 * what it is asked for and nothing else.
 */
export function readDoomed(
  connection: Connection,
  plan: PrunePlan,
  after: Key | undefined,
  limit: number,
): { readonly rows: readonly DoomedRow[]; readonly next: Key | null } {
  const query: PageQuery = {
    filter: {},
    order: 'oldest',
    limit,
    upTo: plan.upTo,
    doomedBy: plan,
    ...(after === undefined ? {} : { after }),
  };
  const selected = concat(
    'e.seq, e.ts, e.reverts, ',
    join([fallsByAge(plan), ...plan.rules.map((rule) => ruleMatches(rule))], ', '),
  );
  const all = (statement: Sql): Cell[][] =>
    connection
      .prepare<unknown[], Cell[]>(statement.sql)
      .raw()
      .all(...statement.parameters);
  const found = all(pageStatement(connection, query, selected, sql('?', limit + 1)));
  const page = found.slice(0, limit);
  const taking = plan.erases ? [] : page.filter((row) => row[2] !== null);
  const taken = taking.length === 0 ? [] : all(takenBack(selected, seqsOf(taking), seqsOf(page)));
  const rows = [...page, ...taken].map((row) => ({
    seq: row[0] as number,
    ts: row[1] as string,
    byAge: row[3] === 1,
    rules: plan.rules.map((_, position) => row[4 + position] === 1),
  }));
  const last = found[limit - 1];
  const next =
    found.length <= limit || last === undefined ? null : { ms: last.at(-2) as number, seq: last.at(-1) as number };
  return { rows, next };
}

function seqsOf(rows: readonly (readonly Cell[])[]): string {
  return JSON.stringify(rows.map((row) => row[0]));
}

/** What the entries `taking` take back, and what that takes back, and so on, but for what is in `known`. */
function takenBack(selected: Sql, taking: string, known: string): Sql {
  return concat(
    sql(
      `WITH RECURSIVE taken (id, reverts) AS (
        SELECT t.id, t.reverts FROM daybook_entries AS t WHERE t.seq IN (SELECT value FROM json_each(?))
        UNION SELECT t.id, t.reverts FROM taken JOIN daybook_entries AS t ON t.id = taken.reverts) SELECT `,
      taking,
    ),
    selected,
    ' FROM daybook_entries AS e WHERE e.id IN (SELECT id FROM taken) AND e.seq NOT IN (SELECT value FROM json_each(',
    sql('?', known),
    '))',
  );
}
