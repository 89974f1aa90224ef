import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entry, JsonText } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import { VERSION } from '../core/version.js';
import { jsonOf, objectOf } from './events.js';

const SEVERITIES: Readonly<Record<string, readonly [number, string]>> = {
  info: [9, 'INFO'],
  warning: [13, 'WARN'],
  error: [17, 'ERROR'],
};

/** What OpenTelemetry has a name for of its own. */
const NAMES: Readonly<Partial<Record<keyof Entry, string>>> = { actor: 'user.id', actor_name: 'user.name' };

/** The last millisecond that 64 bits of nanoseconds since 1970 hold. */
const LATEST = 18_446_744_073_709;

/**
 * A page of entries as a request of OTLP in JSON, on one line, as the file exporter and receiver of OpenTelemetry's
 * collector have it: an entry is a log record. Fields are attributes; documents are JSON as text.
 */
export function otlpPage(entries: readonly Entry[]): string {
  if (entries.length === 0) return '';
  const resource = objectOf({ attributes: `[${attribute('service.name', textValue('daybook'))}]` });
  const scope = objectOf({ name: jsonOf('daybook'), version: jsonOf(VERSION) });
  const records = `[${entries.map(recordOf).join(',')}]`;
  return `{"resourceLogs":[{"resource":${resource},"scopeLogs":[{"scope":${scope},"logRecords":${records}}]}]}\n`;
}

function recordOf(entry: Entry): JsonText {
  const [severity, severityText] = SEVERITIES[entry.severity] ?? [0, entry.severity];
  const attributes = ENTRY_FIELDS.filter((field) => field !== 'message' && entry[field] !== null).map((field) =>
    attribute(
      NAMES[field] ?? `daybook.${field}`,
      field === 'seq' ? `{"intValue":"${entry.seq}"}` : textValue(String(entry[field])),
    ),
  );
  return (
    objectOf({
      timeUnixNano: nanoseconds(entry.ts),
      observedTimeUnixNano: nanoseconds(entry.recorded_at ?? entry.ts),
      severityNumber: severity,
      severityText: jsonOf(severityText),
      body: textValue(entry.message),
      attributes: `[${attributes.join(',')}]`,
    }) ?? ''
  );
}

/** Nanoseconds since 1970, as text; 0 means an unknown time, and stands for all that the form cannot tell. */
function nanoseconds(ts: string): JsonText {
  const ms = parseTimestamp(ts);
  return ms < 0 || ms > LATEST ? '"0"' : `"${BigInt(ms) * 1_000_000n}"`;
}

function attribute(key: string, value: JsonText): JsonText {
  return `{"key":${JSON.stringify(key)},"value":${value}}`;
}

function textValue(text: string): JsonText {
  return `{"stringValue":${JSON.stringify(text)}}`;
}
