import type { JsonText } from './entry.js';
import { documentText, isJsonObject, parseMade, sameValue, type JsonDocument } from './json.js';

/** A field that differs; undefined on the side that does not have it. */
export interface FieldDifference {
  readonly path: string;
  readonly old: JsonText | undefined;
  readonly new: JsonText | undefined;
}

/**
 * The dotted paths at which two documents differ: first those of the old one in its order, then those that are new.
 * Objects on both sides are descended into, an array is compared whole, numbers by their text; null is not missing.
 */
export function changedFields(oldText: JsonText, newText: JsonText): string[] {
  return diffFields(oldText, newText).map((difference) => difference.path);
}

/** The names in an entry's changed_fields; what else another program has put there names no field. */
export function namesOfChanged(changedFieldsText: JsonText | null): string[] {
  const names = JSON.parse(changedFieldsText ?? '[]') as unknown[];
  return names.filter((name) => typeof name === 'string');
}

/** changedFields with the values. Against null, every top-level field of the other side differs. */
export function diffFields(oldText: JsonText | null, newText: JsonText | null): FieldDifference[] {
  if (oldText === newText) return [];
  const differences: FieldDifference[] = [];
  compare('', parseMade(oldText ?? '{}'), parseMade(newText ?? '{}'), differences);
  return differences;
}

function compare(
  path: string,
  before: JsonDocument | undefined,
  after: JsonDocument | undefined,
  differences: FieldDifference[],
): void {
  if (isJsonObject(before) && isJsonObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const name = path === '' ? key : `${path}.${key}`;
      compare(
        name,
        Object.hasOwn(before, key) ? before[key] : undefined,
        Object.hasOwn(after, key) ? after[key] : undefined,
        differences,
      );
    }
  } else if (!sameValue(before, after)) {
    differences.push({ path, old: optionalText(before), new: optionalText(after) });
  }
}

function optionalText(value: JsonDocument | undefined): JsonText | undefined {
  return value === undefined ? undefined : documentText(value);
}
