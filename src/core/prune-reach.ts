import type { JsonText } from './entry.js';
import type { Conditions, EntityPattern, Filter } from './filter.js';
import { readCriteria } from './prune-account.js';
import type { RuleCount } from './prune-account.js';

/** What every entry of capture has in common. */
const ACTIONS = ['create', 'update', 'delete'];

/**
 * Whether a prune may have taken captured entries of a type, or of one entity, by the criteria of its account and by
 * what its rules took. In doubt it may have.
 */
export function mayHaveTaken(
  criteria: JsonText,
  rules: readonly RuleCount[],
  entityType: string,
  id: string | null,
): boolean {
  const asked = readCriteria(criteria);
  if (asked === undefined) return true;
  return asked.some(({ filter = {} }, position) => rules[position]?.deleted !== 0 && mayMatch(filter, entityType, id));
}

/** Whether a prune may have taken entries of a type, of whatever kind they are. In doubt it may have. */
export function mayHaveTakenType(criteria: JsonText, rules: readonly RuleCount[], entityType: string): boolean {
  const asked = readCriteria(criteria);
  if (asked === undefined) return true;
  const of = ({ type }: EntityPattern): boolean => type === undefined || type === entityType;
  return asked.some(
    ({ filter = {} }, position) =>
      rules[position]?.deleted !== 0 &&
      filter.entity?.some(of) !== false &&
      filter.not?.entity?.some((one: EntityPattern) => one.id === undefined && of(one)) !== true,
  );
}

/**
 * Whether of each entity of a type a prune took the oldest entries, and none from between: so it is where its rules ask
 * for nothing but age, number and entity. In doubt it is not so.
 */
export function tookOldestFirst(criteria: JsonText): boolean {
  const asked = readCriteria(criteria);
  if (asked === undefined) return false;
  return asked.every(
    ({ filter = {} }) => hasOnly(filter, ['entity', 'not', 'until']) && hasOnly(filter.not ?? {}, ['entity']),
  );
}

function hasOnly(conditions: object, names: readonly string[]): boolean {
  return Object.keys(conditions).every((name) => names.includes(name));
}

function mayMatch(filter: Filter, entityType: string, id: string | null): boolean {
  const { category, action, severity, source, entity } = filter;
  const apart =
    category?.includes('entity') === false ||
    severity?.includes('info') === false ||
    source !== undefined ||
    (action !== undefined && !ACTIONS.some((one) => action.includes(one))) ||
    (entity !== undefined &&
      !entity.some(
        (pattern) =>
          (pattern.type === undefined || pattern.type === entityType) &&
          (pattern.id === undefined || id === null || pattern.id === id),
      ));
  return !apart && !excludes(filter.not ?? {}, entityType, id);
}

/** Whether one condition alone keeps all of them out. */
function excludes(not: Conditions, entityType: string, id: string | null): boolean {
  return (
    not.category?.includes('entity') === true ||
    not.severity?.includes('info') === true ||
    (not.action !== undefined && ACTIONS.every((one) => not.action?.includes(one))) ||
    not.entity?.some(
      (pattern) =>
        (pattern.type === undefined || pattern.type === entityType) && (pattern.id === undefined || pattern.id === id),
    ) === true
  );
}
