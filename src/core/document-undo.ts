import { DaybookError } from './errors.js';
import { documentText, isJsonObject, parseDocument, sameValue } from './json.js';
import type { JsonDocument, JsonObject } from './json.js';

/** What comes of taking a change back out of a document that was changed again since. */
export interface PutBack {
  readonly text: string;
  /** The dotted paths at which the document has neither the new value nor the old one. */
  readonly conflicts: readonly string[];
}

/**
 * The document as it is now with every path at which `before` and `after` differ put back; also where that is a conflict.
 * Null where one of the three is no JSON object that can be read exactly.
 */
export function putBack(before: string, after: string, now: string, column: string): PutBack | null {
  const documents = [before, after, now].map(objectOf);
  const [old, made, current] = documents;
  if (old === undefined || made === undefined || current === undefined) return null;
  const conflicts: string[] = [];
  const text = documentText(merged(old, made, current, column, conflicts));
  return { text, conflicts };
}

function objectOf(text: string): JsonObject | undefined {
  try {
    const document = parseDocument(text);
    return isJsonObject(document) ? document : undefined;
  } catch (error) {
    if (error instanceof DaybookError && error.kind === 'data') return undefined;
    throw error;
  }
}

function merged(old: JsonObject, made: JsonObject, now: JsonObject, path: string, conflicts: string[]): JsonObject {
  const members = new Map(Object.entries(now));
  for (const key of new Set([...Object.keys(old), ...Object.keys(made)])) {
    const before = member(old, key);
    const after = member(made, key);
    const current = member(now, key);
    if (sameValue(before, after) || sameValue(current, before)) continue;
    const place = `${path}.${key}`;
    if (isJsonObject(before) && isJsonObject(after) && isJsonObject(current)) {
      members.set(key, merged(before, after, current, place, conflicts));
      continue;
    }
    if (!sameValue(current, after)) conflicts.push(place);
    if (before === undefined) members.delete(key);
    else members.set(key, before);
  }
  // A key such as __proto__ is a key like any other here.
  return Object.fromEntries(members);
}

function member(object: JsonObject, key: string): JsonDocument | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
