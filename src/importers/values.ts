import { isLosslessNumber } from 'lossless-json';
import { DaybookError } from '../core/errors.js';
import type { SourceRecord, SourceValue } from '../core/import.js';
import type { JsonText } from '../core/entry.js';
import { documentText, normalizeDocument, parseDocument, shown } from '../core/json.js';

/** A value as text, whatever the source has it as; null for what is missing. Throws kind `data` for bytes and documents. */
export function textOf(value: SourceValue | undefined, name: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (isLosslessNumber(value)) return value.toString();
  if (value instanceof Uint8Array) throw new DaybookError('data', `${name} is ${value.byteLength} bytes, not a text`);
  throw new DaybookError('data', `${name} ${shown(value)} is not a text`);
}

/** The text of a field; empty text counts as missing. */
export function optional(record: SourceRecord, name: string): string | null {
  return textOf(record.values[name], name) || null;
}

/** The text of a field that must be there. Throws kind `data`. */
export function required(record: SourceRecord, name: string): string {
  const text = optional(record, name);
  if (text === null) throw new DaybookError('data', `${name} is missing`);
  return text;
}

/** A JSON object, as text or as the value of a JSON line; null where it is missing. Throws kind `data`. */
export function objectOf(value: SourceValue | undefined, name: string): JsonText | null {
  if (value === undefined || value === null || value === '') return null;
  const text = jsonOf(value, name);
  if (!text.startsWith('{')) throw new DaybookError('data', `${name} ${shown(text)} is not a JSON object`);
  return text;
}

/** Any JSON value as text: a text is read as JSON. */
function jsonOf(value: SourceValue, name: string): JsonText {
  try {
    return typeof value === 'string' ? normalizeDocument(value) : documentText(value as never);
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    throw new DaybookError('data', `${name} ${error.message}`);
  }
}

/**
 * A list of texts, as a JSON array or in PostgreSQL's notation `{a,"b,c","NULL"}`; null where it is missing.
 * Throws kind `data` for anything else.
 */
export function listOf(value: SourceValue | undefined, name: string): JsonText | null {
  if (value === undefined || value === null || value === '') return null;
  const items = Array.isArray(value) ? value : typeof value === 'string' ? textList(value) : undefined;
  if (items === undefined || !items.every((item) => typeof item === 'string')) {
    throw new DaybookError('data', `${name} ${shown(value)} is not a list of texts`);
  }
  return JSON.stringify(items);
}

function textList(text: string): unknown[] | undefined {
  if (text.startsWith('[')) {
    const list = parseDocument(text);
    return Array.isArray(list) ? list : undefined;
  }
  if (!/^\{.*\}$/s.test(text)) return undefined;
  const inside = text.slice(1, -1);
  if (inside === '') return [];
  const items: (string | null)[] = [];
  const item = /(?:"((?:[^"\\]|\\.)*)"|([^",{}\\]+))(,|$)/gsy;
  for (let end = 0; end < inside.length; end = item.lastIndex) {
    item.lastIndex = end;
    const found = item.exec(inside);
    if (found === null) return undefined;
    const [, inQuotes, bare = ''] = found;
    // Without quotes it is nothing, as JSON has it; within them a text.
    items.push(inQuotes?.replaceAll(/\\(.)/gs, '$1') ?? (/^null$/i.test(bare) ? null : bare));
    // A comma with nothing behind it.
    if (found[3] === ',' && item.lastIndex === inside.length) return undefined;
  }
  return items;
}
