import { SEVERITIES } from './entry.js';
import { DaybookError } from './errors.js';
import { CONDITION_OPTIONS } from './filter-words.js';
import type { Conditions, EntityPattern, Filter, ListField } from './filter.js';
import { shown } from './json.js';
import { didYouMean } from './nearest.js';
import type { Clock } from './period.js';
import { formatTimestamp } from './timestamp.js';

type Texts = readonly string[] | undefined;

/** A filter as it was typed: one property an option, each with the texts that it was given. */
export interface FilterInput {
  readonly category?: Texts;
  readonly action?: Texts;
  readonly severity?: Texts;
  readonly actor?: Texts;
  readonly actorType?: Texts;
  readonly scope?: Texts;
  readonly entity?: Texts;
  readonly correlation?: Texts;
  readonly source?: Texts;
  readonly changed?: Texts;
  readonly meta?: Texts;
  readonly not?: Texts;
  readonly search?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly in?: string | undefined;
  readonly reverted?: boolean | undefined;
}

/** What each property takes. */
const INPUT = {
  category: 'texts',
  action: 'texts',
  severity: 'texts',
  actor: 'texts',
  actorType: 'texts',
  scope: 'texts',
  entity: 'texts',
  correlation: 'texts',
  source: 'texts',
  changed: 'texts',
  meta: 'texts',
  not: 'texts',
  search: 'text',
  since: 'text',
  until: 'text',
  in: 'text',
  reverted: 'true or false',
} as const satisfies Record<keyof FilterInput, string>;

/** Conditions while they are gathered. */
type Draft = {
  -readonly [Name in keyof Conditions]: Conditions[Name] extends readonly (infer Item)[] | undefined
    ? Item[]
    : Conditions[Name];
};

interface TypedCondition {
  /** The property that it is typed into. */
  readonly property: keyof FilterInput;
  /** Adds one value; `label` is how it was asked. */
  readonly add: (draft: Draft, value: string, label: string) => void;
}

const CONDITIONS = {
  category: { property: 'category', add: addTexts('category', itemsOf) },
  action: { property: 'action', add: addTexts('action', itemsOf) },
  severity: { property: 'severity', add: addTexts('severity', severitiesOf) },
  actor: { property: 'actor', add: addTexts('actor') },
  actor_type: { property: 'actorType', add: addTexts('actor_type', itemsOf) },
  scope: { property: 'scope', add: addTexts('scope', scopeOf) },
  entity: {
    property: 'entity',
    add: (draft, value, label) => (draft.entity ??= []).push(parseEntity(value, label)),
  },
  correlation_id: { property: 'correlation', add: addTexts('correlation_id') },
  source: { property: 'source', add: addTexts('source') },
  search: { property: 'search', add: (draft, value) => (draft.search = value) },
  changed: { property: 'changed', add: addTexts('changed') },
  meta: {
    property: 'meta',
    add: (draft, value, label) => {
      const [path, expected] = splitOnce(value, '=');
      if (path === '' || expected === undefined) {
        throw usage(`${label} ${shown(value)} is not <path>=<value>, such as ${label} request.method=POST`);
      }
      (draft.meta ??= []).push({ path, value: expected });
    },
  },
} as const satisfies Record<keyof Conditions, TypedCondition>;

const NAMES = Object.keys(CONDITIONS) as (keyof Conditions)[];

function usage(message: string): DaybookError {
  return new DaybookError('usage', message);
}

/**
 * Turns typed options into a filter. The clock is only asked where a time is given.
 *
 * @throws DaybookError 'usage', naming the option and the value
 */
export async function parseFilter(input: FilterInput, clock: () => Clock): Promise<Filter> {
  checkInput(input);
  const conditions: Draft = {};
  for (const name of NAMES) {
    const { property, add } = CONDITIONS[name];
    const label = `--${CONDITION_OPTIONS[name]}`;
    for (const value of [input[property] ?? []].flat()) add(conditions, notEmpty(value, label), label);
  }
  const not: Draft = {};
  for (const text of input.not ?? []) addExclusion(not, text);
  return {
    ...conditions,
    ...(Object.keys(not).length > 0 && { not }),
    ...(await parseBounds(input, clock)),
    ...(input.reverted !== undefined && { reverted: input.reverted }),
  };
}

/** Refuses what is no such input: a property that nobody reads, or an empty list, would ask for everything. */
function checkInput(input: FilterInput): void {
  for (const [name, value] of Object.entries(input)) {
    const takes = Object.hasOwn(INPUT, name) ? INPUT[name as keyof FilterInput] : undefined;
    if (takes === undefined) {
      throw usage(`a filter has no option ${shown(name)}: it has ${Object.keys(INPUT).join(', ')}`);
    }
    if (value === undefined) continue;
    const isIt =
      takes === 'texts'
        ? Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string')
        : typeof value === (takes === 'text' ? 'string' : 'boolean');
    if (!isIt) throw usage(`option ${name} of a filter takes ${takes}: leave it out where nothing is asked`);
  }
}

function addExclusion(not: Draft, text: string): void {
  const [option, value] = splitOnce(text, '=');
  const name = NAMES.find((candidate) => CONDITION_OPTIONS[candidate] === option);
  if (name === undefined) {
    const options = NAMES.map((candidate) => CONDITION_OPTIONS[candidate]).join(', ');
    const meant = didYouMean(
      option,
      NAMES.map((candidate) => CONDITION_OPTIONS[candidate]),
    );
    throw usage(`--not ${shown(text)} names no filter${meant}: write <filter>=<value> with one of ${options}`);
  }
  if (value === undefined) throw usage(`--not ${shown(text)} has no value: write ${option}=<value>`);
  if (name === 'search' && not.search !== undefined) {
    throw usage(`--not search=${shown(value)} is one too many: only one text can be excluded`);
  }
  const label = `--not ${option}`;
  CONDITIONS[name].add(not, notEmpty(value, label), label);
}

function notEmpty(value: string, label: string): string {
  if (value === '') throw usage(`${label} is empty: give it a value`);
  return value;
}

function addTexts(
  name: ListField | 'changed',
  read: (value: string, label: string) => string[] = (value) => [value],
): TypedCondition['add'] {
  return (draft, value, label) => (draft[name] ??= []).push(...read(value, label));
}

function itemsOf(value: string, label: string): string[] {
  const items = value.split(',');
  if (items.includes('')) throw usage(`${label} ${shown(value)} holds an empty item: separate values by single commas`);
  return items;
}

function severitiesOf(value: string, label: string): string[] {
  const items = itemsOf(value, label);
  const wrong = items.find((item) => !SEVERITIES.some((severity) => severity === item));
  if (wrong !== undefined) {
    throw usage(`${label} ${shown(wrong)} is not one of ${SEVERITIES.join(', ')}${didYouMean(wrong, SEVERITIES)}`);
  }
  return items;
}

function scopeOf(value: string, label: string): string[] {
  if (/^[^:]+:[^]+$/.test(value)) return [value];
  throw usage(`${label} ${shown(value)} is not <kind>:<id>, such as tenant:42`);
}

function parseEntity(text: string, label: string): EntityPattern {
  const [type, id] = splitOnce(text, ':');
  if (id === '') throw usage(`${label} ${shown(text)} has no id: write <type>, <type>:<id> or :<id>`);
  if (id === undefined) return { type };
  return type === '' ? { id } : { type, id };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const position = text.indexOf(separator);
  return position < 0 ? [text, undefined] : [text.slice(0, position), text.slice(position + 1)];
}

async function parseBounds(input: FilterInput, clock: () => Clock): Promise<Pick<Filter, 'since' | 'until'>> {
  if (!usesTime(input)) return {};
  if (input.in !== undefined && (input.since !== undefined || input.until !== undefined)) {
    throw usage('--in is --since and --until at once: give it alone');
  }
  // Luxon is heavy, and most questions hold no time.
  const { resolveIn, resolveSince, resolveUntil } = await import('./period.js');
  const now = clock();
  if (input.in !== undefined) return named('--in', input.in, (text) => resolveIn(text, now));
  const since =
    input.since === undefined ? {} : named('--since', input.since, (text) => ({ since: resolveSince(text, now) }));
  const until =
    input.until === undefined ? {} : named('--until', input.until, (text) => ({ until: resolveUntil(text, now) }));
  const bounds: Pick<Filter, 'since' | 'until'> = { ...since, ...until };
  if (bounds.since !== undefined && bounds.until !== undefined && bounds.since > bounds.until) {
    throw usage(
      `--since ${shown(input.since)} (${formatTimestamp(bounds.since)}) is after --until ${shown(input.until)} (${formatTimestamp(bounds.until)})`,
    );
  }
  return bounds;
}

export function usesTime(input: FilterInput): boolean {
  return input.since !== undefined || input.until !== undefined || input.in !== undefined;
}

/** Puts the name of the option before what is wrong with its value. */
function named<Result>(option: string, text: string, resolve: (text: string) => Result): Result {
  if (text === '') throw usage(`${option} is empty: give it a time`);
  try {
    return resolve(text);
  } catch (error) {
    if (error instanceof DaybookError) throw usage(`${option}: ${error.message}`);
    throw error;
  }
}
