import { entityText } from './entity.js';
import { eachGiven, forLists } from './filter.js';
import type { Beside, Conditions, EntityPattern, Filter, Table } from './filter.js';
import { shown } from './json.js';
import { formatTimestamp } from './timestamp.js';

/** A filter in short words for people; times are UTC. */
export function describeFilter(filter: Filter): string {
  const words = [...eachGiven(CONDITION_WORDS, filter).flat(), ...eachGiven(BESIDE_WORDS, filter).flat()];
  return words.length === 0 ? 'every entry' : words.join(', ');
}

const CONDITION_WORDS: Table<Conditions, [], string[]> = {
  ...forLists((field) => (values: readonly string[]) => [`${field.replaceAll('_', ' ')} ${values.join(' or ')}`]),
  entity: (patterns) => [
    `entity ${patterns.map(({ type, id }: EntityPattern) => entityText(type ?? '', id ?? null)).join(' or ')}`,
  ],
  search: (text) => [`message with ${shown(text)}`],
  changed: (names) => [`changed ${names.join(' or ')}`],
  meta: (pairs) => pairs.map(({ path, value }) => `metadata ${path} is ${shown(value)}`),
};

const BESIDE_WORDS: Table<Beside, [], string[]> = {
  not: (not) =>
    eachGiven(CONDITION_WORDS, not)
      .flat()
      .map((words) => `not ${words}`),
  since: (since) => [`since ${formatTimestamp(since)}`],
  until: (until) => [`until ${formatTimestamp(until)}`],
  reverted: (reverted) => [reverted ? 'reverted' : 'not reverted'],
};
