import type { Entry, JsonText } from './entry.js';
import type { SourceTime } from './import.js';
import { isJsonObject, parseDocument } from './json.js';
import { formatTimestamp } from './timestamp.js';

/** The key of the metadata that holds the time of a source in full, where it is finer than a millisecond. */
export const EXACT_TIME = 'ts_exact';

/** A time with all digits that its source has, `2026-03-05T14:07:09.256512Z`; undefined where a millisecond says it all. */
export function exactTime({ ms, finer, exact = finer }: SourceTime): string | undefined {
  return exact === '' ? undefined : `${formatTimestamp(ms).slice(0, -1)}${exact}Z`;
}

/** Metadata with the time in full; undefined where the source has that key itself. */
export function withExactTime(metadata: JsonText, exact: string): JsonText | undefined {
  if (metadata.includes(EXACT_TIME)) {
    const document = parseDocument(metadata);
    if (isJsonObject(document) && Object.hasOwn(document, EXACT_TIME)) return undefined;
  }
  const member = `${JSON.stringify(EXACT_TIME)}:${JSON.stringify(exact)}}`;
  return /^\{\s*\}$/.test(metadata) ? `{${member}` : `${metadata.trimEnd().slice(0, -1)},${member}`;
}

/** The digits of a written instant that are finer than a millisecond; empty where there are none. */
export function finerDigits(text: string | undefined): string {
  return /:\d\d\.\d{3}(\d+)/.exec(text ?? '')?.[1] ?? '';
}

/** The time of an entry in full: as its source had it, where the metadata keep that. */
export function entryExactTime({ ts, metadata }: Pick<Entry, 'ts' | 'metadata'>): string | undefined {
  if (!metadata.includes(EXACT_TIME)) return undefined;
  const document = parseDocument(metadata);
  const exact = isJsonObject(document) ? document[EXACT_TIME] : undefined;
  // Whoever wrote the entry may have written anything there.
  const isOfEntry = typeof exact === 'string' && exact.startsWith(ts.slice(0, -1)) && /\.\d{4,}Z$/.test(exact);
  return isOfEntry ? exact : undefined;
}

/** Whether one time in full is later than another of the same millisecond. */
export function isLater(one: string, other: string): boolean {
  return withoutZeros(one) > withoutZeros(other);
}

function withoutZeros(exact: string): string {
  return exact.replace(/0*Z$/, '');
}
