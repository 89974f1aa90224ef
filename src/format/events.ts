import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry, JsonText } from '../core/entry.js';
import type { Cell } from '../core/cell.js';
import { documentText, madeDocumentIn, plainObject } from '../core/json.js';

// What the forms of events share that collectors take. Each has all fields of an entry, under its own names.

/** A row of ENTRY_FIELDS as the entry that it is. */
export function entryOf(row: readonly Cell[]): Entry {
  return Object.fromEntries(ENTRY_FIELDS.map((field, position) => [field, row[position] ?? null])) as unknown as Entry;
}

/** The severities of syslog (RFC 5424), which others count by as well. */
export function syslogSeverity(severity: string): number {
  return severity === 'error' ? 3 : severity === 'warning' ? 4 : 6;
}

/** A text as JSON; null for one that is not there. */
export function jsonOf(text: string | null): JsonText | null {
  return text === null ? null : JSON.stringify(text);
}

/** A JSON object of those members that are there, in their order; null where none is. */
export function objectOf(members: Readonly<Record<string, JsonText | number | null>>): JsonText | null {
  const there = Object.entries(members).filter(([, value]) => value !== null);
  return there.length === 0 ? null : `{${there.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/**
 * A document of the trail as a value inside other JSON, on one line and with every digit. What is none, as a damaged trail
 * may hold it, comes as the text that it is: raw, it would forge other fields.
 */
export function embedded(document: JsonText | null): JsonText | null {
  if (document === null) return null;
  const plain = plainObject(document);
  if (plain !== undefined) return plain;
  const value = madeDocumentIn(document);
  return value === undefined ? JSON.stringify(document) : documentText(value);
}
