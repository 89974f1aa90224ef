import type { JsonText } from './entry.js';
import { documentText, isJsonObject, parseDocument, type JsonDocument } from './json.js';

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]';

/**
 * Replaces the value at each dotted path, also inside every element of the arrays on the way, and says which paths were
 * found. A key that itself holds dots is found too: what was named as secret must not slip through.
 */
export function redact(text: JsonText, paths: readonly string[]): { text: JsonText; found: Set<string> } {
  const document = parseDocument(text);
  const found = new Set(paths.filter((path) => redactPath(document, path.split('.'))));
  return { text: found.size === 0 ? text : documentText(document), found };
}

function redactPath(value: JsonDocument, segments: readonly string[]): boolean {
  // Not `some`: every place must be visited.
  if (Array.isArray(value)) return value.map((item) => redactPath(item, segments)).includes(true);
  if (!isJsonObject(value)) return false;
  let found = false;
  for (let length = 1; length <= segments.length; length++) {
    const key = segments.slice(0, length).join('.');
    if (!Object.hasOwn(value, key)) continue;
    if (length === segments.length) {
      value[key] = REDACTED;
      found = true;
    } else if (redactPath(value[key] ?? null, segments.slice(length))) {
      found = true;
    }
  }
  return found;
}

/**
 * Names of changed fields without those of hidden keys: a name at or below a redacted path becomes that path. Each name
 * stays once, in order.
 */
export function collapse(fields: readonly string[], paths: readonly string[]): string[] {
  // Where one redacted path stands inside another, the outer one hides more.
  const outermostFirst = paths.toSorted((a, b) => a.length - b.length);
  const names = fields.map(
    (field) => outermostFirst.find((path) => field === path || field.startsWith(`${path}.`)) ?? field,
  );
  return [...new Set(names)];
}
