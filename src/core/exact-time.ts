import type { JsonText } from './entry.js';
import type { SourceTime } from './import.js';
import { isJsonObject, parseDocument } from './json.js';
import { formatTimestamp } from './timestamp.js';

/** The key of the metadata that holds the time of a source in full, where it is finer than a millisecond. */
const EXACT_TIME = 'ts_exact';

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
