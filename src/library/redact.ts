import { wrongValue } from '../core/given.js';

/** The dotted paths of values that must not be kept. Throws kind `usage` for what is no list of them. */
export function readRedact(given: unknown): readonly string[] {
  if (given === undefined) return [];
  const isPath = (path: unknown): boolean => typeof path === 'string' && path !== '';
  if (Array.isArray(given) && Array.from<unknown>(given).every(isPath)) return given as readonly string[];
  throw wrongValue('redact', given, 'a list of dotted paths');
}
