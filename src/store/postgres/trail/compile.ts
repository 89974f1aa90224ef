import { otherAmountPaths } from '../../../core/amount-names.js';
import { eachGiven, forLists } from '../../../core/filter.js';
import type {
  Beside,
  Conditions,
  EntityPattern,
  Filter,
  ListField,
  MetadataMatch,
  Table,
} from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { PrunePlan, ResolvedRule } from '../../audit-store.js';
import { and, concat, list, or, sql, wrap } from '../../sql.js';
import type { Sql } from '../../sql.js';
import { inTrail, momentText } from '../engine/index.js';
import type { Generation } from '../engine/index.js';

/** The moment at which entries are judged: a mark, or now. */
export interface Judged {
  readonly upTo?: Mark | undefined;
  readonly generations: readonly Generation[];
}

/**
 * The entry that last took this one back, unless that one was taken back in turn: each revert has at most one that
 * matters, the latest, so the chain is a line and its length decides.
 */
export function revertedBy(alias: string, { upTo, generations }: Judged): Sql {
  // In a walk over many pages an entry is judged as it stood at the first, like everything else.
  const known = upTo === undefined ? sql('TRUE') : inTrail(upTo, generations, 'r');
  const latest = (id: string): Sql =>
    concat(
      `(SELECT r.id FROM daybook_entries AS r WHERE r.reverts = ${id} AND `,
      known,
      ' ORDER BY r.seq DESC LIMIT 1)',
    );
  return concat(
    // Most entries were never taken back: one look at a small index says so, before the chain is followed.
    `(CASE WHEN ${everTaken(alias)} THEN (WITH RECURSIVE chain (first, id, depth) AS (SELECT `,
    latest(`${alias}.id`),
    ', ',
    latest(`${alias}.id`),
    ', 1 UNION ALL SELECT first, ',
    latest('chain.id'),
    `, depth + 1 FROM chain WHERE chain.id IS NOT NULL AND depth < 1000)
    SELECT CASE WHEN count(id) % 2 = 1 THEN min(first) END FROM chain) END)`,
  );
}

/** Not EXISTS: PostgreSQL would read all entries there are, once for each page, where it takes a page for many rows. */
function everTaken(alias: string): string {
  return `(SELECT r.seq FROM daybook_entries AS r WHERE r.reverts = ${alias}.id LIMIT 1) IS NOT NULL`;
}

/** The conditions of a filter but for its window. */
function conditionsOf(filter: Filter, alias: string, judged: Judged): Sql[] {
  return [...eachGiven(CONDITIONS, filter, alias).flat(), ...eachGiven(BESIDE, filter, alias, judged).flat()];
}

/** Each piece holds or does not; of `not`, every single one excludes. */
const CONDITIONS: Table<Conditions, [alias: string], Sql[]> = {
  ...forLists((field) => (values: readonly string[], alias: string) => [listCondition(field, values, alias)]),
  entity: (patterns, alias) => [entityCondition(patterns, alias)],
  // By the rules of "C", lower() knows ASCII only, which is the promise.
  search: (text, alias) => [sql(`strpos(lower(${alias}.message), lower(?::text COLLATE "C")) > 0`, text)],
  changed: (names, alias) => [changedCondition(names, alias)],
  meta: (pairs, alias) => pairs.map((pair) => metadataCondition(pair, alias)),
};

type Window = Pick<Filter, 'since' | 'until'>;

const BESIDE: Table<Omit<Beside, keyof Window>, [alias: string, judged: Judged], Sql[]> = {
  // A column that is null has none of the values: IS NOT TRUE keeps it.
  not: (not, alias) =>
    eachGiven(CONDITIONS, not, alias)
      .flat()
      .map((piece) => wrap('(', piece, ') IS NOT TRUE')),
  reverted: (reverted, alias, judged) => [concat(revertedBy(alias, judged), reverted ? ' IS NOT NULL' : ' IS NULL')],
};

/** The time window of a filter. */
export function windowOf(window: Window, alias = 'e'): Sql[] {
  return eachGiven(WINDOW, window, alias);
}

const WINDOW: Table<Window, [alias: string], Sql> = {
  since: (since, alias) => sql(`${alias}.ts >= ?::timestamptz`, momentText(since)),
  until: (until, alias) => sql(`${alias}.ts <= ?::timestamptz`, momentText(until)),
};

/** A filter as one condition. */
export function filterCondition(filter: Filter, judged: Judged, alias = 'e'): Sql {
  return and([...conditionsOf(filter, alias, judged), ...windowOf(filter, alias)]);
}

function listCondition(field: ListField, values: readonly string[], alias: string): Sql {
  return values.length === 1
    ? sql(`${alias}.${field} = ?`, values[0] ?? '')
    : wrap(`${alias}.${field} IN (`, list(values), ')');
}

function entityCondition(patterns: readonly EntityPattern[], alias: string): Sql {
  return or(
    patterns.map((pattern) =>
      and([
        ...(pattern.type === undefined ? [] : [sql(`${alias}.entity_type = ?`, pattern.type)]),
        ...(pattern.id === undefined ? [] : [sql(`${alias}.entity_id = ?`, pattern.id)]),
      ]),
    ),
  );
}

function changedCondition(names: readonly string[], alias: string): Sql {
  const others = otherAmountPaths(names);
  if (others.length === 0) return changedAny(names, alias);
  return or([
    changedAny(names, alias),
    and([sql(`strpos(lower(${alias}.entity_type), 'settlement') > 0`), changedAny(others, alias)]),
  ]);
}

function changedAny(names: readonly string[], alias: string): Sql {
  const below = names.map((name) => sql('f.value = ? OR starts_with(f.value, ?)', name, `${name}.`));
  return concat(
    `EXISTS (SELECT FROM json_array_elements_text(${alias}.changed_fields) AS f (value) WHERE `,
    or(below),
    ')',
  );
}

/** A string is compared as itself, any other value as its JSON text, so that numbers keep every digit. */
function metadataCondition(match: MetadataMatch, alias: string): Sql {
  const alternatives = jsonSteps(match.path).map((steps) => {
    const before = steps.slice(0, -1).map(stepOf);
    const last = stepOf(steps.at(-1) ?? '');
    const start = concat(`${alias}.metadata`, ...before.flatMap((step) => [' -> ', step]));
    const text = concat('(', start, ' ->> ', last, ')');
    // As text, null is nothing.
    return match.value === 'null'
      ? concat('(', text, ` = 'null' OR json_typeof(`, start, ' -> ', last, `) = 'null')`)
      : concat(text, sql(' = ?', match.value));
  });
  return or(alternatives);
}

function stepOf(step: string | number): Sql {
  return typeof step === 'number' ? sql(String(step)) : sql('?::text', step);
}

/** The ways to read a path: a segment of digits may be a key or a place in an array. */
function jsonSteps(path: string): (string | number)[][] {
  return path
    .split('.')
    .reduce<(string | number)[][]>(
      (paths, segment) => {
        const keyed = paths.map((start) => [...start, segment]);
        return /^\d{1,9}$/.test(segment) ? [...keyed, ...paths.map((start) => [...start, Number(segment)])] : keyed;
      },
      [[]],
    )
    .slice(0, 64);
}

/** Whether a rule lets the entry `alias` fall: by its age, or because enough newer ones match. */
function falls(rule: ResolvedRule, alias: string): Sql {
  const limits: Sql[] = [];
  if (rule.before !== null) limits.push(sql(`${alias}.ts < ?::timestamptz`, momentText(rule.before)));
  if (rule.oldestKept !== null) {
    const { ms, seq } = rule.oldestKept;
    limits.push(sql(`(${alias}.ts, ${alias}.seq) < (?::timestamptz, ?::bigint)`, momentText(ms), seq));
  }
  return or(limits);
}

/** Whether a rule matches the entry, as TRUE or FALSE and never NULL. */
export function ruleMatches(rule: ResolvedRule, generations: readonly Generation[], alias = 'e'): Sql {
  return concat('((', filterCondition(rule.filter, { generations }, alias), ') IS TRUE)');
}

/** Whether a doomed entry would fall by age alone: what counts as `by_age` in the account. */
export function fallsByAge(plan: PrunePlan, generations: readonly Generation[]): Sql {
  return and(
    plan.rules.map((rule) =>
      or([
        concat('NOT ', ruleMatches(rule, generations)),
        rule.before === null ? sql('FALSE') : sql('e.ts < ?::timestamptz', momentText(rule.before)),
      ]),
    ),
  );
}

/** Whether the entry was in the trail by a moment, given as UTC text. */
export function recordedBy(alias: string, moment: string): Sql {
  return sql(`coalesce(${alias}.recorded_at, ${alias}.ts) <= ?::timestamptz`, moment);
}

/**
 * Whether the rules of a plan let the entry fall: one matches, and each that matches lets it. What set a retention policy
 * stays as long as that does: it is how a change of the policy by other means is told.
 */
function due(plan: PrunePlan, generations: readonly Generation[], alias: string): Sql {
  return and([
    sql(`${alias}.seq NOT IN (SELECT entry FROM daybook_retention_entries)`),
    inTrail(plan.upTo, generations, alias),
    ...(plan.recordedBefore === null ? [] : [recordedBy(alias, plan.recordedBefore)]),
    ...[...plan.held, ...plan.kept].map((filter) =>
      wrap('(', filterCondition(filter, { generations }, alias), ') IS NOT TRUE'),
    ),
    or(plan.rules.map((rule) => ruleMatches(rule, generations, alias))),
    ...plan.rules.map((rule) => or([concat('NOT ', ruleMatches(rule, generations, alias)), falls(rule, alias)])),
  ]);
}

/**
 * Whether the entry `e` falls under a plan: it is due, and what it takes back (and what that one takes back, and so on)
 * does not stay. What is to be erased goes whatever stays.
 */
export function doomed(plan: PrunePlan, generations: readonly Generation[]): Sql {
  if (plan.erases) return due(plan, generations, 'e');
  const earlier = concat('SELECT t.id, t.reverts, ', due(plan, generations, 't'), ' FROM ');
  return concat(
    due(plan, generations, 'e'),
    ' AND (e.reverts IS NULL OR NOT EXISTS (WITH RECURSIVE chain (id, reverts, due) AS (',
    earlier,
    'daybook_entries AS t WHERE t.id = e.reverts UNION ',
    earlier,
    'chain JOIN daybook_entries AS t ON t.id = chain.reverts) SELECT FROM chain WHERE NOT due))',
  );
}

/** Entries dated later than this (milliseconds since 1970) stay, whatever the plan. */
export function horizon(plan: PrunePlan): number {
  return Math.max(
    ...plan.rules.map((rule) => Math.max((rule.before ?? -Infinity) - 1, rule.oldestKept?.ms ?? -Infinity)),
  );
}
