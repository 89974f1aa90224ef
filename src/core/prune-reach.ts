import type { JsonText } from './entry.js';
import { eachGiven, forLists, type Conditions, type EntityPattern, type Filter, type Table } from './filter.js';
import { readCriteria, readRuleCounts } from './prune-account.js';
import type { RuleCount } from './prune-account.js';

/** What every entry of a row change has in common. */
const ACTIONS = ['create', 'update', 'delete'];

/**
 * Whether a prune may have taken row changes of a type, or of one entity, by the criteria of its account and by what its
 * rules took: those of capture, or those that were imported from these sources. In doubt it may have.
 */
export function mayHaveTaken(
  criteria: JsonText,
  rules: readonly RuleCount[],
  entityType: string,
  id: string | null,
  sources: readonly string[] = [],
): boolean {
  return filtersThatTook(criteria, rules).some((filter) => {
    const conditions = eachGiven(MAY_MATCH, filter, entityType, id, sources);
    return conditions.every(Boolean) && !eachGiven(EXCLUDES, filter.not ?? {}, entityType, id, sources).some(Boolean);
  });
}

/** Whether a prune may have taken entries of a type, of whatever kind they are. In doubt it may have. */
export function mayHaveTakenType(criteria: JsonText, rules: readonly RuleCount[], entityType: string): boolean {
  const ofType = ({ type }: EntityPattern): boolean => type === undefined || type === entityType;
  return filtersThatTook(criteria, rules).some(
    (filter) =>
      filter.entity?.some(ofType) !== false &&
      filter.not?.entity?.some((one: EntityPattern) => one.id === undefined && ofType(one)) !== true,
  );
}

/**
 * Whether of each entity of a type a prune took the oldest entries, and none from between: so it is where its rules ask
 * for nothing but age, number and entity. In doubt it is not so.
 */
export function tookOldestFirst(criteria: JsonText): boolean {
  const asked = filtersOf(criteria);
  return asked !== undefined && asked.every((filter) => eachGiven(OLDEST_FIRST, filter).every(Boolean));
}

/**
 * Up to which time prunes may have taken row changes of a type, or of one entity, that were imported from these sources;
 * `between` counts only those that may have left older ones of the same row. Null where none did.
 */
export function importedReach(
  accounts: readonly { readonly criteria: JsonText; readonly rules: JsonText; readonly ts: string }[],
  entityType: string,
  id: string | null,
  sources: readonly string[],
): { readonly any: string | null; readonly between: string | null } {
  const took = accounts.filter(({ criteria, rules }) =>
    mayHaveTaken(criteria, readRuleCounts(rules) ?? [], entityType, id, sources),
  );
  const latest = (some: readonly { readonly ts: string }[]): string | null =>
    some.reduce<string | null>((reach, { ts }) => (reach === null || ts > reach ? ts : reach), null);
  return { any: latest(took), between: latest(took.filter(({ criteria }) => !tookOldestFirst(criteria))) };
}

/** The filters of the rules, or undefined where they are not understood. */
function filtersOf(criteria: JsonText): Filter[] | undefined {
  return readCriteria(criteria)?.map(({ filter = {} }) => filter);
}

/** The filters of the rules that took something; one that takes everything where they are not understood. */
function filtersThatTook(criteria: JsonText, rules: readonly RuleCount[]): Filter[] {
  const filters = filtersOf(criteria);
  return filters === undefined ? [{}] : filters.filter((_, position) => rules[position]?.deleted !== 0);
}

type Changes = [entityType: string, id: string | null, sources: readonly string[]];

const always = (): boolean => true;
const never = (): boolean => false;

/** Whether row changes of a type, or of one entity, may meet a condition. Those of capture have no source. */
const MAY_MATCH: Table<Conditions, Changes, boolean> = {
  category: (values) => values.includes('entity'),
  action: (values) => ACTIONS.some((action) => values.includes(action)),
  severity: (values) => values.includes('info'),
  source: (values, _type, _id, sources) => sources.some((source) => values.includes(source)),
  entity: (patterns, entityType, id) =>
    patterns.some(
      (pattern) =>
        (pattern.type === undefined || pattern.type === entityType) &&
        (pattern.id === undefined || id === null || pattern.id === id),
    ),
  actor: always,
  actor_type: always,
  scope: always,
  correlation_id: always,
  search: always,
  changed: always,
  meta: always,
};

/** Whether all of them meet a condition. */
const EXCLUDES: Table<Conditions, Changes, boolean> = {
  category: (values) => values.includes('entity'),
  action: (values) => ACTIONS.every((action) => values.includes(action)),
  severity: (values) => values.includes('info'),
  source: (values, _type, _id, sources) => sources.length > 0 && sources.every((source) => values.includes(source)),
  entity: (patterns, entityType, id) =>
    patterns.some(
      (pattern) =>
        (pattern.type === undefined || pattern.type === entityType) && (pattern.id === undefined || pattern.id === id),
    ),
  actor: never,
  actor_type: never,
  scope: never,
  correlation_id: never,
  search: never,
  changed: never,
  meta: never,
};

/** Whether a condition leaves the newest entries of each entity where they are, or takes or leaves all of them. */
const WHOLE_ENTITIES: Table<Conditions, [], boolean> = {
  ...forLists(() => never),
  entity: always,
  search: never,
  changed: never,
  meta: never,
};
const OLDEST_FIRST: Table<Filter, [], boolean> = {
  ...WHOLE_ENTITIES,
  not: (not) => eachGiven(WHOLE_ENTITIES, not).every(Boolean),
  since: never,
  until: always,
  reverted: never,
};
