import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry } from '../core/entry.js';
import { syslogSeverity } from './events.js';

/** The facility of audit logs. */
const FACILITY = 13;

/** The private number that is kept for examples (RFC 5612): we have none of our own. */
const ELEMENT = 'daybook@32473';

/** What the header and the message hold already, as it is. */
const ELSEWHERE: ReadonlySet<keyof Entry> = new Set(['ts', 'message'] as const);

/**
 * An entry as a message of syslog (RFC 5424): all of it is structured data, but for the time and the message. A message
 * ends with a line feed, and line breaks in texts become `#012` and `#015`, as syslog daemons write them; with `octets`
 * its length in bytes stands in front (RFC 6587), and every text stays as it is.
 */
export function syslogMessage(entry: Entry, { octets }: { readonly octets: boolean }): string {
  const pri = FACILITY * 8 + syslogSeverity(entry.severity);
  const id = /^[\x21-\x7e]{1,32}$/.test(entry.action) ? entry.action : '-';
  const parameters = ENTRY_FIELDS.filter((field) => !ELSEWHERE.has(field) && entry[field] !== null).map(
    (field) => ` ${field}="${String(entry[field]).replaceAll(/["\\\]]/g, String.raw`\$&`)}"`,
  );
  const message = entry.message === '' ? '' : ` ${entry.message}`;
  const text = `<${pri}>1 ${entry.ts} - daybook - ${id} [${ELEMENT}${parameters.join('')}]${message}`;
  if (octets) return `${Buffer.byteLength(text)} ${text}`;
  return `${text.replaceAll('\n', '#012').replaceAll('\r', '#015')}\n`;
}
