import { LIST_FIELDS } from './filter.js';
import type { Conditions, EntityPattern, Filter, ListField } from './filter.js';
import { formatTimestamp } from './timestamp.js';

/** A filter as the words of a command line that asks for it. */
export function filterWords(filter: Filter): string[] {
  const { since, until, reverted, not } = filter;
  return [
    ...conditionWords(filter).flatMap(([option, value]) => optionWords(`--${option}`, value)),
    ...conditionWords(not ?? {}).flatMap(([option, value]) => ['--not', `${option}=${value}`]),
    ...(since === undefined ? [] : ['--since', formatTimestamp(since)]),
    ...(until === undefined ? [] : ['--until', formatTimestamp(until)]),
    ...(reverted === undefined ? [] : [reverted ? '--reverted' : '--not-reverted']),
  ];
}

/** A value that looks like an option stands in one word with its own. */
function optionWords(option: string, value: string): string[] {
  return value.startsWith('-') ? [`${option}=${value}`] : [option, value];
}

function conditionWords(conditions: Conditions): [string, string][] {
  const { entity, search, changed, meta } = conditions;
  return [
    ...LIST_FIELDS.flatMap((field) => (conditions[field] ?? []).map((value) => pair(OPTIONS[field], value))),
    ...(entity ?? []).map((pattern) => pair('entity', entityWord(pattern))),
    ...(search === undefined ? [] : [pair('search', search)]),
    ...(changed ?? []).map((name) => pair('changed', name)),
    ...(meta ?? []).map(({ path, value }) => pair('meta', `${path}=${value}`)),
  ];
}

const pair = (option: string, value: string): [string, string] => [option, value];

const OPTIONS: Readonly<Record<ListField, string>> = {
  category: 'category',
  action: 'action',
  severity: 'severity',
  actor: 'actor',
  actor_type: 'actor-type',
  scope: 'scope',
  correlation_id: 'correlation',
  source: 'source',
};

function entityWord({ type = '', id }: EntityPattern): string {
  return id === undefined ? type : `${type}:${id}`;
}
