import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry, JsonText } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import { jsonOf, objectOf, syslogSeverity } from './events.js';

/** What the fields of GELF hold already, as it is. */
const ELSEWHERE: ReadonlySet<keyof Entry> = new Set(['message'] as const);

/**
 * An entry as a message of GELF 1.1. Its own fields begin with `_`, and are texts and numbers: documents are JSON as text.
 * The id is `_entry_id`, since GELF takes no `_id`.
 */
export function gelfLine(entry: Entry): string {
  const own = ENTRY_FIELDS.filter((field) => !ELSEWHERE.has(field)).map((field): [string, JsonText | number | null] => [
    field === 'id' ? '_entry_id' : `_${field}`,
    field === 'seq' ? entry.seq : jsonOf(entry[field]),
  ]);
  return `${objectOf({
    version: jsonOf('1.1'),
    host: jsonOf('daybook'),
    // It must say something.
    short_message: jsonOf(entry.message.trim() === '' ? entry.action : entry.message),
    timestamp: parseTimestamp(entry.ts) / 1000,
    level: syslogSeverity(entry.severity),
    ...Object.fromEntries(own),
  })}\n`;
}
