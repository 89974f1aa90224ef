import { DaybookError } from './errors.js';
import { listed, shown } from './json.js';

// What an application gives is looked at before anything is made of it: it may come without types, from the address of a
// page. A name would be pasted into SQL, and a limit that is no number is no limit.

/** The error for a value that is not what its field takes. */
export function wrongValue(field: string, value: unknown, takes: string): DaybookError {
  const is = Array.isArray(value) && value.length === 0 ? 'an empty list' : shown(value);
  return new DaybookError('usage', `${field} must be ${takes}, and is ${is}`, { field, value });
}

/** Throws kind `usage` for what is not one of these. */
export function expectOneOf(field: string, value: unknown, allowed: readonly string[]): void {
  if (!allowed.some((one) => one === value)) throw wrongValue(field, value, `one of ${listed(allowed)}`);
}

/** Throws kind `usage` for what is no list of some of these, each once. */
export function expectSomeOf(field: string, value: unknown, allowed: readonly string[]): void {
  if (!Array.isArray(value) || value.length === 0) throw wrongValue(field, value, `a list of ${listed(allowed)}`);
  // Array.from: forEach() would pass over the holes of a list.
  const given = Array.from<unknown>(value);
  for (const one of given) expectOneOf(field, one, allowed);
  const twice = given.find((one, position) => given.indexOf(one) !== position);
  if (twice !== undefined) {
    throw new DaybookError('usage', `${field} has ${shown(twice)} twice`, { field, value: twice });
  }
}

/** Throws kind `usage` for what is no whole number from `least` on. */
export function expectWhole(field: string, value: unknown, least: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) {
    throw wrongValue(field, value, `a whole number from ${least} on`);
  }
}
