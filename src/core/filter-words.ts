import {
  eachGiven,
  forLists,
  type Beside,
  type Conditions,
  type EntityPattern,
  type Filter,
  type Table,
} from './filter.js';
import { formatTimestamp } from './timestamp.js';

/** The option of each condition. */
export const CONDITION_OPTIONS = {
  category: 'category',
  action: 'action',
  severity: 'severity',
  actor: 'actor',
  actor_type: 'actor-type',
  scope: 'scope',
  entity: 'entity',
  correlation_id: 'correlation',
  source: 'source',
  search: 'search',
  changed: 'changed',
  meta: 'meta',
} as const satisfies Record<keyof Conditions, string>;

/** A filter as the words of a command line that asks for it. */
export function filterWords(filter: Filter): string[] {
  const conditions = pairsOf(filter).flatMap(([option, value]) => optionWords(`--${option}`, value));
  return [...conditions, ...eachGiven(BESIDE, filter).flat()];
}

const BESIDE: Table<Beside, [], string[]> = {
  not: (not) => pairsOf(not).flatMap(([option, value]) => ['--not', `${option}=${value}`]),
  since: (since) => ['--since', formatTimestamp(since)],
  until: (until) => ['--until', formatTimestamp(until)],
  reverted: (reverted) => [reverted ? '--reverted' : '--not-reverted'],
};

/** A value that looks like an option stands in one word with its own. */
function optionWords(option: string, value: string): string[] {
  return value.startsWith('-') ? [`${option}=${value}`] : [option, value];
}

/** Each condition with its values, as an option and what is written behind it. */
function pairsOf(conditions: Conditions): [string, string][] {
  return eachGiven(PAIRS, conditions).flat();
}

const many =
  <Value>(name: keyof Conditions, word: (value: Value) => string) =>
  (values: readonly Value[]): [string, string][] =>
    values.map((value) => [CONDITION_OPTIONS[name], word(value)]);
const asItIs = (value: string): string => value;

const PAIRS: Table<Conditions, [], [string, string][]> = {
  ...forLists((field) => many(field, asItIs)),
  entity: many('entity', entityWord),
  search: (text) => [[CONDITION_OPTIONS.search, text]],
  changed: many('changed', asItIs),
  meta: many('meta', ({ path, value }) => `${path}=${value}`),
};

function entityWord({ type = '', id }: EntityPattern): string {
  return id === undefined ? type : `${type}:${id}`;
}
