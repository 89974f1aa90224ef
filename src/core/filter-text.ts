import { entityText } from './entity.js';
import { SEVERITIES, type JsonText } from './entry.js';
import { DaybookError } from './errors.js';
import {
  LIST_FIELDS,
  type Conditions,
  type EntityPattern,
  type Filter,
  type ListField,
  type MetadataMatch,
} from './filter.js';
import { quoted } from './json.js';
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

interface Draft extends Partial<Record<ListField, string[]>> {
  entity?: EntityPattern[];
  search?: string;
  changed?: string[];
  meta?: MetadataMatch[];
}

/** The conditions under the names of their options, with the properties that they are typed into. */
const CONDITION_OPTIONS = {
  category: 'category',
  action: 'action',
  severity: 'severity',
  actor: 'actor',
  'actor-type': 'actorType',
  scope: 'scope',
  entity: 'entity',
  correlation: 'correlation',
  source: 'source',
  search: 'search',
  changed: 'changed',
  meta: 'meta',
} as const satisfies Record<string, keyof FilterInput>;

type ConditionOption = keyof typeof CONDITION_OPTIONS;

const OPTION_NAMES = Object.keys(CONDITION_OPTIONS) as ConditionOption[];

/** Ids and names hold commas; these do not. */
const COMMA_SEPARATED: ReadonlySet<string> = new Set(['category', 'action', 'severity', 'actorType']);

function usage(message: string): DaybookError {
  return new DaybookError('usage', message);
}

/**
 * Turns typed options into a filter. The clock is only asked where a time is given.
 *
 * @throws DaybookError 'usage', naming the option and the value
 */
export async function parseFilter(input: FilterInput, clock: () => Clock): Promise<Filter> {
  const conditions: Draft = {};
  for (const option of OPTION_NAMES) {
    for (const value of [input[CONDITION_OPTIONS[option]] ?? []].flat()) {
      addCondition(conditions, option, value, `--${option}`);
    }
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

function addExclusion(not: Draft, text: string): void {
  const [name, value] = splitOnce(text, '=');
  const option = OPTION_NAMES.find((candidate) => candidate === name);
  if (option === undefined) {
    throw usage(`--not ${quoted(text)} names no filter: write <filter>=<value> with one of ${OPTION_NAMES.join(', ')}`);
  }
  if (value === undefined) throw usage(`--not ${quoted(text)} has no value: write ${option}=<value>`);
  if (option === 'search' && not.search !== undefined) {
    throw usage(`--not search=${quoted(value)} is one too many: only one text can be excluded`);
  }
  addCondition(not, option, value, `--not ${option}`);
}

function addCondition(conditions: Draft, option: ConditionOption, value: string, label: string): void {
  if (value === '') throw usage(`${label} is empty: give it a value`);
  switch (option) {
    case 'entity':
      (conditions.entity ??= []).push(parseEntity(value, label));
      break;
    case 'search':
      conditions.search = value;
      break;
    case 'changed':
      (conditions.changed ??= []).push(value);
      break;
    case 'meta': {
      const [path, expected] = splitOnce(value, '=');
      if (path === '' || expected === undefined) {
        throw usage(`${label} ${quoted(value)} is not <path>=<value>, such as ${label} request.method=POST`);
      }
      (conditions.meta ??= []).push({ path, value: expected });
      break;
    }
    default: {
      const field = listField(option);
      (conditions[field] ??= []).push(...parseList(option, value, label));
    }
  }
}

function listField(option: Exclude<ConditionOption, 'entity' | 'search' | 'changed' | 'meta'>): ListField {
  if (option === 'actor-type') return 'actor_type';
  return option === 'correlation' ? 'correlation_id' : option;
}

function parseList(option: ConditionOption, value: string, label: string): string[] {
  const items = splitList(CONDITION_OPTIONS[option], value);
  for (const item of items) {
    if (item === '') throw usage(`${label} ${quoted(value)} holds an empty item: separate values by single commas`);
    if (option === 'severity' && !SEVERITIES.some((severity) => severity === item)) {
      throw usage(`${label} ${quoted(item)} is not one of ${SEVERITIES.join(', ')}`);
    }
    if (option === 'scope' && !/^[^:]+:[^]+$/.test(item)) {
      throw usage(`${label} ${quoted(item)} is not <kind>:<id>, such as tenant:42`);
    }
  }
  return items;
}

function splitList(property: keyof FilterInput, value: string): string[] {
  return COMMA_SEPARATED.has(property) ? value.split(',') : [value];
}

function parseEntity(text: string, label: string): EntityPattern {
  const [type, id] = splitOnce(text, ':');
  if (id === '') throw usage(`${label} ${quoted(text)} has no id: write <type>, <type>:<id> or :<id>`);
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
      `--since ${quoted(input.since)} (${formatTimestamp(bounds.since)}) is after --until ${quoted(input.until)} (${formatTimestamp(bounds.until)})`,
    );
  }
  return bounds;
}

function usesTime(input: FilterInput): boolean {
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

/**
 * A filter as it was asked, as canonical JSON: the same for the same options in any order, and the same tomorrow. It
 * binds cursors and checkpoints to their filter. The zone counts only where a time does.
 */
export function filterQuestion(input: FilterInput, zone: string): string {
  const question: Record<string, unknown> = usesTime(input) ? { zone } : {};
  for (const property of Object.keys(input) as (keyof FilterInput)[]) {
    const value = input[property];
    if (Array.isArray(value)) {
      const items = (value as readonly string[]).flatMap((item) => splitList(property, item));
      if (items.length > 0) question[property] = [...new Set(items)].toSorted();
    } else if (value !== undefined) {
      question[property] = value;
    }
  }
  return JSON.stringify(question, Object.keys(question).toSorted());
}

const NOT_ACTOR = 'actor=';

/** What was typed for actors: ids, or names. */
export function actorTexts(input: FilterInput): string[] {
  const excluded = (input.not ?? []).filter((text) => text.startsWith(NOT_ACTOR));
  return [...(input.actor ?? []), ...excluded.map((text) => text.slice(NOT_ACTOR.length))];
}

/** The same with the ids of actors in place of what was typed, each once. */
export function withActorIds(input: FilterInput, ids: ReadonlyMap<string, string>): FilterInput {
  const idOf = (text: string): string => ids.get(text) ?? text;
  const not = input.not?.map((text) =>
    text.startsWith(NOT_ACTOR) ? NOT_ACTOR + idOf(text.slice(NOT_ACTOR.length)) : text,
  );
  return {
    ...input,
    actor: input.actor === undefined ? undefined : [...new Set(input.actor.map(idOf))],
    not: not === undefined ? undefined : [...new Set(not)],
  };
}

/** A filter as JSON text, to be kept in the database. */
export function filterToJson(filter: Filter): JsonText {
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
  if (!isFilter(filter))
    throw new DaybookError('failed', `filter ${quoted(text)} is not one that this daybook understands`);
  return filter;
}

/** Whether a value is a filter that this daybook understands. */
export function isFilter(value: unknown): value is Filter {
  if (!isRecord(value)) return false;
  const { not, since, until, reverted, ...conditions } = value;
  return (
    isConditions(conditions) &&
    (not === undefined || (isRecord(not) && isConditions(not))) &&
    [since, until].every((bound) => bound === undefined || Number.isSafeInteger(bound)) &&
    (reverted === undefined || typeof reverted === 'boolean')
  );
}

function isConditions(value: Record<string, unknown>): boolean {
  return Object.entries(value).every(([name, condition]) => {
    if (name === 'search') return typeof condition === 'string';
    if (!Array.isArray(condition)) return false;
    if (name === 'entity') return condition.every((item) => hasOnlyTexts(item, ['type', 'id'], 1));
    if (name === 'meta') return condition.every((item) => hasOnlyTexts(item, ['path', 'value'], 2));
    return (
      (name === 'changed' || LIST_FIELDS.some((field) => field === name)) &&
      condition.every((item) => typeof item === 'string')
    );
  });
}

function hasOnlyTexts(value: unknown, names: readonly string[], atLeast: number): boolean {
  if (!isRecord(value)) return false;
  const members = Object.entries(value);
  return (
    members.length >= atLeast && members.every(([name, member]) => names.includes(name) && typeof member === 'string')
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A filter in short words for people; times are UTC. */
export function describeFilter(filter: Filter): string {
  const words = [
    ...describeConditions(filter, ''),
    ...describeConditions(filter.not ?? {}, 'not '),
    ...(filter.since === undefined ? [] : [`since ${formatTimestamp(filter.since)}`]),
    ...(filter.until === undefined ? [] : [`until ${formatTimestamp(filter.until)}`]),
    ...(filter.reverted === undefined ? [] : [filter.reverted ? 'reverted' : 'not reverted']),
  ];
  return words.length === 0 ? 'every entry' : words.join(', ');
}

function describeConditions(conditions: Conditions, prefix: string): string[] {
  const words = LIST_FIELDS.flatMap((field) => {
    const values = conditions[field];
    return values === undefined ? [] : [`${field.replaceAll('_', ' ')} ${values.join(' or ')}`];
  });
  const { entity, search, changed, meta } = conditions;
  if (entity !== undefined)
    words.push(`entity ${entity.map(({ type, id }) => entityText(type ?? '', id ?? null)).join(' or ')}`);
  if (search !== undefined) words.push(`message with ${quoted(search)}`);
  if (changed !== undefined) words.push(`changed ${changed.join(' or ')}`);
  for (const { path, value } of meta ?? []) words.push(`metadata ${path} is ${quoted(value)}`);
  return words.map((word) => prefix + word);
}
