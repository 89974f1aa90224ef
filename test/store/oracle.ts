import { parse, stringify } from 'lossless-json';
import type { NewEntry } from '../../src/core/entry.js';
import type { Beside, Conditions, Filter } from '../../src/core/filter.js';

// Which entries a filter takes, by the words of the contract. It is written for these tests alone and shares no code with
// the program (its types apart): what both got wrong in one place, no test could see.

type Judged = Omit<NewEntry, 'ts'> & { readonly ts: string };

type Oracle<Of> = { readonly [Name in keyof Of]-?: (asked: Exclude<Of[Name], undefined>, entry: Judged) => boolean[] };

/** For each condition, whether each of what it asks for holds: one answer, but for metadata. */
const CONDITIONS: Oracle<Conditions> = {
  category: (asked, entry) => [asked.includes(entry.category)],
  action: (asked, entry) => [asked.includes(entry.action)],
  severity: (asked, entry) => [asked.includes(entry.severity)],
  actor: (asked, entry) => [asked.includes(entry.actor)],
  actor_type: (asked, entry) => [asked.includes(entry.actor_type)],
  scope: (asked, entry) => [entry.scope !== null && asked.includes(entry.scope)],
  correlation_id: (asked, entry) => [entry.correlation_id !== null && asked.includes(entry.correlation_id)],
  source: (asked, entry) => [entry.source !== null && asked.includes(entry.source)],
  entity: (asked, entry) => {
    const fits = (wanted: string | undefined, is: string | null): boolean => wanted === undefined || wanted === is;
    return [asked.some(({ type, id }) => fits(type, entry.entity_type) && fits(id, entry.entity_id))];
  },
  search: (asked, entry) => [lowerAscii(entry.message).indexOf(lowerAscii(asked)) >= 0],
  changed: (asked, entry) => {
    const changed = JSON.parse(entry.changed_fields ?? '[]') as string[];
    const isOfSettlement = (entry.entity_type ?? '').toLowerCase().includes('settlement');
    const known = isOfSettlement ? asked.flatMap(amountNames) : asked;
    return [known.some((name) => changed.some((one) => `${one}.`.startsWith(`${name}.`)))];
  },
  meta: (asked, entry) => asked.map(({ path, value }) => textAt(parse(entry.metadata), path.split('.')) === value),
};

const NAMES = Object.keys(CONDITIONS) as (keyof Conditions)[];

function answers(conditions: Conditions, entry: Judged): boolean[] {
  return NAMES.filter((name) => conditions[name] !== undefined).flatMap((name) =>
    (CONDITIONS[name] as (asked: unknown, entry: Judged) => boolean[])(conditions[name], entry),
  );
}

/** Every condition holds, and none of those that exclude. */
export function takes(filter: Filter, entry: Judged, reverted: boolean): boolean {
  const { not = {}, since = -Infinity, until = Infinity, reverted: wanted = reverted } = filter;
  // Whoever adds a condition of the whole filter comes by here.
  ({ not, since, until, reverted: wanted }) satisfies Record<keyof Beside, unknown>;
  const ms = Date.parse(entry.ts);
  return (
    ms >= since &&
    ms <= until &&
    wanted === reverted &&
    !answers(filter, entry).includes(false) &&
    !answers(not, entry).includes(true)
  );
}

function lowerAscii(text: string): string {
  return Array.from(text, (letter) => (letter >= 'A' && letter <= 'Z' ? letter.toLowerCase() : letter)).join('');
}

/** A text as it is, anything else as its JSON with every digit; undefined where there is nothing. */
function textAt(value: unknown, path: readonly string[]): string | undefined {
  const [segment, ...rest] = path;
  if (segment === undefined) return typeof value === 'string' ? value : stringify(value);
  if (Array.isArray(value)) {
    const index = /^[0-9]+$/.test(segment) ? Number(segment) : -1;
    return index >= 0 && index < value.length ? textAt(value[index], rest) : undefined;
  }
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain || !Object.hasOwn(value, segment)) return undefined;
  return textAt((value as Record<string, unknown>)[segment], rest);
}

/** A path with its last word as the amounts of settlements are called, of which all names of one amount count as one. */
function amountNames(path: string): string[] {
  const groups = ['gross wire', 'net principal', 'commission fee'].map((words) => words.split(' '));
  const [, before = '', word = ''] = /^((?:.*\.)?)([^.]*?)(?:_sats)?$/s.exec(path) ?? [];
  const group = groups.find((words) => words.includes(word));
  return group === undefined ? [path] : group.flatMap((one) => [`${before}${one}`, `${before}${one}_sats`]);
}
