import type { JsonText } from '../core/entry.js';
import { sourceObject } from '../core/import.js';
import type { SourceRecord, SourceValue } from '../core/import.js';
import { parseDocument } from '../core/json.js';
import type { JsonDocument, JsonObject } from '../core/json.js';

/** Puts what has no field of its own into the metadata, below names that are not taken: nothing is dropped. */
export function withOthers(metadata: JsonText, others: readonly (readonly [string, SourceValue])[]): JsonText {
  if (others.length === 0) return metadata;
  const members = new Map(Object.entries(parseDocument(metadata) as JsonObject));
  for (const [key, value] of others) {
    let name = key;
    while (members.has(name)) name += '_';
    members.set(name, value as JsonDocument);
  }
  return sourceObject(members);
}

/** What the columns hold that a format does not know, such as those of the next version of its source. */
export function unknownColumns({ values }: SourceRecord, known: ReadonlySet<string>): [string, SourceValue][] {
  const others: [string, SourceValue][] = [];
  for (const name of Object.keys(values)) {
    const value = values[name];
    if (!known.has(name) && value !== undefined && value !== null) others.push([name, value]);
  }
  return others;
}
