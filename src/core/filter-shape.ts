import { SEVERITIES } from './entry.js';
import { DaybookError } from './errors.js';
import {
  forLists,
  type Beside,
  type Conditions,
  type EntityPattern,
  type Filter,
  type MetadataMatch,
} from './filter.js';
import { shown } from './json.js';

/** What a condition takes, in words, and whether a value is such a thing. */
interface Shape {
  readonly takes: string;
  readonly isIt: (value: unknown) => boolean;
}

/** An empty list is refused like anything else that asks for nothing: it is a list that somebody forgot to fill. */
const listOf = (takes: string, isItem: (item: unknown) => boolean): Shape => ({
  takes: `a list of ${takes}`,
  // Array.from: every() would pass over the holes of a list.
  isIt: (value) => Array.isArray(value) && value.length > 0 && Array.from<unknown>(value).every(isItem),
});

const isText = (value: unknown): value is string => typeof value === 'string';
const TEXTS = listOf('texts', isText);

const CONDITIONS = {
  ...forLists(() => TEXTS),
  severity: listOf(SEVERITIES.join(', '), (item) => SEVERITIES.some((severity) => severity === item)),
  entity: listOf('{type, id}, {type} or {id}, each a text', (item) =>
    hasTexts(item, { type: 'may', id: 'may' } satisfies Members<EntityPattern>),
  ),
  search: { takes: 'a text that is not empty', isIt: (value) => isText(value) && value !== '' },
  changed: TEXTS,
  meta: listOf('{path, value}, both texts', (item) =>
    hasTexts(item, { path: 'must', value: 'must' } satisfies Members<MetadataMatch>),
  ),
} satisfies Record<keyof Conditions, Shape>;

const TIME: Shape = { takes: 'a whole number of milliseconds since 1970', isIt: Number.isSafeInteger };

const BESIDE = {
  not: { takes: 'an object of conditions', isIt: isObject },
  since: TIME,
  until: TIME,
  reverted: { takes: 'true or false', isIt: (value) => typeof value === 'boolean' },
} satisfies Record<keyof Beside, Shape>;

/** What is wrong with a filter, and where. */
interface Flaw {
  readonly text: string;
  readonly field: string;
  readonly value: unknown;
}

/** What is wrong with a value that should be a filter; undefined for a filter. */
export function filterFlaw(value: unknown): string | undefined {
  return flawOf(value)?.text;
}

function flawOf(value: unknown): Flaw | undefined {
  if (!isObject(value)) {
    return { text: `a filter must be an object of conditions, and is ${kindOf(value)}`, field: 'filter', value };
  }
  const flaw = flawIn(value, { ...CONDITIONS, ...BESIDE }, '');
  if (flaw !== undefined || !Object.hasOwn(value, 'not')) return flaw;
  return flawIn(value['not'] as Record<string, unknown>, CONDITIONS, 'not.');
}

/**
 * Refuses what is no filter. A condition that nobody knows, or that has no value, would match everything.
 *
 * @throws DaybookError 'usage', naming the condition
 */
export function checkFilter(filter: Filter): void {
  const flaw = flawOf(filter);
  if (flaw !== undefined) throw new DaybookError('usage', flaw.text, { field: flaw.field, value: flaw.value });
}

function flawIn(
  value: Record<string, unknown>,
  shapes: Readonly<Record<string, Shape>>,
  under: string,
): Flaw | undefined {
  for (const [name, given] of Object.entries(value)) {
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : undefined;
    if (shape === undefined) {
      const text = `a filter has no condition ${shown(under + name)}: it has ${Object.keys(shapes).join(', ')}`;
      return { text, field: `filter.${under}${name}`, value: given };
    }
    if (!shape.isIt(given)) {
      const text = `condition ${under}${name} must be ${shape.takes}, and is ${kindOf(given)}`;
      return { text, field: `filter.${under}${name}`, value: given };
    }
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (!Array.isArray(value)) return typeof value === 'object' ? 'another kind of object' : shown(value);
  return value.length === 0 ? 'an empty list' : 'a list of something else';
}

/** A plain object: of a Map, or of a promise that nobody awaited, no condition would be seen. */
function isObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Which texts an item of a list has: at least one of those that it may have. */
type Members<Item> = Readonly<Record<Item extends unknown ? keyof Item : never, 'must' | 'may'>>;

function hasTexts(item: unknown, members: Readonly<Record<string, 'must' | 'may'>>): boolean {
  if (!isObject(item)) return false;
  const given = Object.entries(item);
  return (
    given.length > 0 &&
    given.every(([name, value]) => Object.hasOwn(members, name) && isText(value)) &&
    Object.entries(members).every(([name, how]) => how === 'may' || Object.hasOwn(item, name))
  );
}
