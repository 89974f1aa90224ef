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
import type { PrunePlan, ResolvedRule } from '../../audit-store.js';
import { seqOf, and, concat, list, or, sql, wrap } from '../engine/index.js';
import type { Sql } from '../engine/index.js';

/**
 * The entry that last took this one back, unless that one was taken back in turn: each revert has at most one that
 * matters, the latest, so the chain is a line and its length decides.
 */
export function revertedBy(alias: string, upTo?: number, index: 'its index' | 'any index' = 'its index'): string {
  // In a walk over many pages an entry is judged as it stood at the first, like everything else.
  const known = upTo === undefined ? '' : ` AND r.seq <= ${upTo}`;
  const by = index === 'its index' ? ' INDEXED BY daybook_entries_by_reverts' : '';
  const latest = (id: string): string =>
    `(SELECT r.id FROM daybook_entries AS r${by} WHERE r.reverts = ${id}${known} ORDER BY r.seq DESC LIMIT 1)`;
  return `(WITH RECURSIVE chain (first, id, depth) AS (
    SELECT ${latest(`${alias}.id`)}, ${latest(`${alias}.id`)}, 1
    UNION ALL SELECT first, ${latest('chain.id')}, depth + 1 FROM chain WHERE chain.id IS NOT NULL AND depth < 1000
  ) SELECT CASE WHEN count(id) % 2 = 1 THEN first END FROM chain)`;
}

/** The time window of a filter: the choice of an index has a say in it. */
export type Window = Pick<Filter, 'since' | 'until'>;

/** The conditions of a filter but for its window. */
export function conditionsOf(filter: Filter, alias: string, upTo: number | undefined): Sql[] {
  return [...eachGiven(CONDITIONS, filter, alias).flat(), ...eachGiven(BESIDE, filter, alias, upTo).flat()];
}

/** Each piece holds or does not; of `not`, every single one excludes. */
const CONDITIONS: Table<Conditions, [alias: string], Sql[]> = {
  ...forLists((field) => (values: readonly string[], alias: string) => [listCondition(field, values, alias)]),
  entity: (patterns, alias) => [entityCondition(patterns, alias)],
  // lower() knows ASCII only, which is the promise; LIKE would need escapes and has a limit.
  search: (text, alias) => [sql(`instr(lower(${alias}.message), lower(?)) > 0`, text)],
  changed: (names, alias) => [changedCondition(names, alias)],
  meta: (pairs, alias) => pairs.map((pair) => metadataCondition(pair, alias)),
};

const BESIDE: Table<Omit<Beside, keyof Window>, [alias: string, upTo: number | undefined], Sql[]> = {
  // A column that is null has none of the values: IS NOT TRUE keeps it.
  not: (not, alias) =>
    eachGiven(CONDITIONS, not, alias)
      .flat()
      .map((piece) => wrap('(', piece, ') IS NOT TRUE')),
  reverted: (reverted, alias, upTo) => {
    // Most entries were never taken back: one look at a small index says so, before the chain is followed.
    const everTaken = `EXISTS (SELECT 1 FROM daybook_entries AS r WHERE r.reverts = ${alias}.id)`;
    const takenBack = revertedBy(alias, upTo);
    return [
      reverted ? sql(`${everTaken} AND ${takenBack} IS NOT NULL`) : sql(`NOT ${everTaken} OR ${takenBack} IS NULL`),
    ];
  },
};

/** The time window of a filter. */
export function windowOf(window: Window, alias = 'e'): Sql[] {
  return eachGiven(WINDOW, window, alias);
}

const WINDOW: Table<Window, [alias: string], Sql> = {
  since: (since, alias) => sql(`${alias}.ts_ms >= ?`, since),
  until: (until, alias) => sql(`${alias}.ts_ms <= ?`, until),
};

/** A filter as one condition, for the trail up to a seq or as it is now. */
export function filterCondition(filter: Filter, alias = 'e', upTo?: number): Sql {
  return and([...conditionsOf(filter, alias, upTo), ...windowOf(filter, alias)]);
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
    and([sql(`instr(lower(${alias}.entity_type), 'settlement') > 0`), changedAny(others, alias)]),
  ]);
}

function changedAny(names: readonly string[], alias: string): Sql {
  const below = names.map((name) =>
    sql('value = ? OR substr(value, 1, ?) = ?', name, [...name].length + 1, `${name}.`),
  );
  return concat(`EXISTS (SELECT 1 FROM json_each(${alias}.changed_fields) WHERE `, or(below), ')');
}

/** A string is compared as itself, any other value as its JSON text, so that numbers keep every digit. */
function metadataCondition(match: MetadataMatch, alias: string): Sql {
  const alternatives = jsonPaths(match.path).map((path) =>
    sql(
      `CASE json_type(${alias}.metadata, ?) WHEN 'text' THEN ${alias}.metadata ->> ? ELSE ${alias}.metadata -> ? END = ?`,
      path,
      path,
      path,
      match.value,
    ),
  );
  // Almost every entry has no metadata: that is told without reading JSON.
  return and([sql(`${alias}.metadata <> '{}'`), or(alternatives)]);
}

/** A segment of digits may be a key or a place in an array. Keys are quoted as JSON text is. */
export function jsonPaths(path: string): string[] {
  return path
    .split('.')
    .reduce<string[]>(
      (paths, segment) => {
        const keyed = paths.map((start) => `${start}.${JSON.stringify(segment)}`);
        return /^\d{1,9}$/.test(segment) ? [...keyed, ...paths.map((start) => `${start}[${Number(segment)}]`)] : keyed;
      },
      ['$'],
    )
    .slice(0, 64);
}

/** Whether a rule lets the entry `alias` fall: by its age, or because enough newer ones match. */
function falls(rule: ResolvedRule, alias: string): Sql {
  const limits: Sql[] = [];
  if (rule.before !== null) limits.push(sql(`${alias}.ts_ms < ?`, rule.before));
  if (rule.oldestKept !== null) {
    const { ms, seq } = rule.oldestKept;
    limits.push(sql(`${alias}.ts_ms < ? OR (${alias}.ts_ms = ? AND ${alias}.seq < ?)`, ms, ms, seq));
  }
  return or(limits);
}

/** Whether a rule matches the entry, as TRUE or FALSE and never NULL. */
export function ruleMatches(rule: ResolvedRule, alias = 'e'): Sql {
  return concat('((', filterCondition(rule.filter, alias), ') IS TRUE)');
}

/** Whether a doomed entry would fall by age alone: what counts as `by_age` in the account. */
export function fallsByAge(plan: PrunePlan): Sql {
  return and(
    plan.rules.map((rule) =>
      or([concat('NOT ', ruleMatches(rule)), rule.before === null ? sql('FALSE') : sql('e.ts_ms < ?', rule.before)]),
    ),
  );
}

/** Whether the entry was in the trail by a moment, given as UTC text. */
export function recordedBy(alias: string, moment: string): Sql {
  return sql(`coalesce(${alias}.recorded_at, ${alias}.ts) <= ?`, moment);
}

/**
 * Whether the rules of a plan let the entry fall: one matches, and each that matches lets it. What set a retention policy
 * stays as long as that does: it is how a change of the policy by other means is told.
 */
function due(plan: PrunePlan, alias: string): Sql {
  return and([
    sql(`${alias}.seq NOT IN (SELECT entry FROM daybook_retention_entries)`),
    sql(`+${alias}.seq <= ?`, seqOf(plan.upTo)),
    ...(plan.recordedBefore === null ? [] : [recordedBy(alias, plan.recordedBefore)]),
    ...[...plan.held, ...plan.kept].map((filter) => wrap('(', filterCondition(filter, alias), ') IS NOT TRUE')),
    or(plan.rules.map((rule) => ruleMatches(rule, alias))),
    ...plan.rules.map((rule) => or([concat('NOT ', ruleMatches(rule, alias)), falls(rule, alias)])),
  ]);
}

/**
 * Whether the entry `e` falls under a plan: it is due, and what it takes back (and what that one takes back, and so on)
 * does not stay. What is to be erased goes whatever stays.
 */
export function doomed(plan: PrunePlan): Sql {
  if (plan.erases) return due(plan, 'e');
  const earlier = concat('SELECT t.id, t.reverts, ', due(plan, 't'), ' FROM ');
  return concat(
    due(plan, 'e'),
    ' AND (e.reverts IS NULL OR NOT EXISTS (WITH RECURSIVE chain (id, reverts, due) AS (',
    earlier,
    'daybook_entries AS t WHERE t.id = e.reverts UNION ',
    earlier,
    'chain JOIN daybook_entries AS t ON t.id = chain.reverts) SELECT 1 FROM chain WHERE NOT due))',
  );
}

/** Entries dated later than this (milliseconds since 1970) stay, whatever the plan. */
export function horizon(plan: PrunePlan): number {
  return Math.max(
    ...plan.rules.map((rule) => Math.max((rule.before ?? -Infinity) - 1, rule.oldestKept?.ms ?? -Infinity)),
  );
}
