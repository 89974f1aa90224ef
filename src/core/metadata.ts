import { DaybookError } from './errors.js';
import type { JsonText } from './entry.js';
import { documentText, isJsonObject, parseDocument, parseMade, shown } from './json.js';
import type { JsonDocument, JsonObject } from './json.js';

/**
 * Puts `k=v` (text) and `k:=v` (JSON) pairs into a document; a dotted key goes into nested objects, so that the same
 * path finds it again. Throws kind `usage` for a pair that is none, kind `data` for bad JSON or a key that is taken.
 */
export function metadataWith(base: JsonText, pairs: readonly string[]): JsonText {
  if (pairs.length === 0) return base;
  const document = parseDocument(base);
  if (!isJsonObject(document)) throw new DaybookError('data', `--metadata ${shown(document)} is not a JSON object`);
  for (const pair of pairs) {
    const { path, value } = readPair(pair);
    put(document, path, value, pair);
  }
  return documentText(document);
}

function readPair(pair: string): { path: string[]; value: JsonDocument } {
  const equals = pair.indexOf('=');
  const json = pair[equals - 1] === ':';
  const path = pair.slice(0, json ? equals - 1 : equals).split('.');
  if (equals === -1 || path.some((segment) => segment === '')) {
    throw new DaybookError('usage', `--meta ${shown(pair)} is not key=text, nor key:=JSON`);
  }
  const text = pair.slice(equals + 1);
  if (!json) return { path, value: text };
  try {
    return { path, value: parseDocument(text) };
  } catch (error) {
    if (error instanceof DaybookError) throw new DaybookError('data', `--meta ${path.join('.')}: ${error.message}`);
    throw error;
  }
}

function put(document: JsonObject, path: readonly string[], value: JsonDocument, pair: string): void {
  let place = document;
  for (const segment of path.slice(0, -1)) {
    if (!Object.hasOwn(place, segment)) define(place, segment, {});
    const next = place[segment];
    if (!isJsonObject(next)) throw taken(pair, segment);
    place = next;
  }
  const last = path.at(-1) ?? '';
  if (Object.hasOwn(place, last)) throw taken(pair, last);
  define(place, last, value);
}

/** Unlike an assignment, this makes a key of `__proto__`. */
function define(object: JsonObject, key: string, value: JsonDocument): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function taken(pair: string, key: string): DaybookError {
  return new DaybookError('data', `--meta ${shown(pair)}: ${shown(key)} has a value already`);
}

/** Metadata that say why, as the entries of captured rows do. A reason that they say themselves stays. */
export function withReason(metadata: JsonText, reason: string): JsonText {
  const document = parseMade(metadata) as JsonObject;
  return Object.hasOwn(document, 'reason') ? metadata : documentText({ ...document, reason });
}
