import type { JsonText } from './entry.js';
import { DaybookError } from './errors.js';
import { checkFilter, filterFlaw } from './filter-shape.js';
import type { Filter } from './filter.js';
import { shown } from './json.js';
import { formatTimestamp } from './timestamp.js';

/**
 * A filter as JSON text, to be kept in the database.
 *
 * @throws DaybookError 'usage' for what is no filter: a condition without a value would be left out
 */
export function filterToJson(filter: Filter): JsonText {
  checkFilter(filter);
  return JSON.stringify(filter);
}

/** A filter for people and other programs, to be printed as JSON: with its times as texts. */
export function datedFilter(filter: Filter): object {
  const { since, until } = filter;
  return {
    ...filter,
    ...(since === undefined ? {} : { since: formatTimestamp(since) }),
    ...(until === undefined ? {} : { until: formatTimestamp(until) }),
  };
}

/**
 * Reads what filterToJson wrote.
 *
 * @throws DaybookError 'failed' for anything else: a condition that is not understood must not be left out of a prune
 */
export function filterFromJson(text: JsonText): Filter {
  let filter: unknown;
  try {
    filter = JSON.parse(text);
  } catch {
    filter = undefined;
  }
  if (filterFlaw(filter) !== undefined) {
    throw new DaybookError('failed', `filter ${shown(text)} is not one that this daybook understands`);
  }
  return filter as Filter;
}

/** Whether a value is a filter that this daybook understands. */
export function isFilter(value: unknown): value is Filter {
  return filterFlaw(value) === undefined;
}
