import { createHash } from 'node:crypto';
import type { ImportFormat, SourceRecord } from '../core/import.js';
import { sourceObject } from '../core/import.js';
import { otherColumns } from './row-changes.js';
import { timeReader } from './time-formats.js';
import { objectOf, optional, required, textOf } from './values.js';

/** What tells one request from the others: the table has no key, and its rows expire. */
const IDENTIFYING = ['created_at', 'user_id', 'ip_address', 'component', 'request_type', 'request_method', 'path'];
const NEEDED = ['created_at', 'path', 'request_method', 'response_code'];
const TOLD = new Set(['created_at', 'user_id', 'path', 'request_method', 'request_details', 'delete_at']);

/** The requests that LNbits' core keeps in its table `audit`, until their `delete_at`. */
export const lnbitsAudit: ImportFormat = {
  name: 'lnbits-audit',
  description: "requests to LNbits: the table audit of its core's database",
  kinds: ['sqlite', 'csv', 'ndjson'],
  table: 'audit',
  source: 'lnbits-audit',
  needs: NEEDED,
  settings: ['timeFormat'],
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    return (record) => {
      const [method, path] = [required(record, 'request_method'), required(record, 'path')];
      const code = optional(record, 'response_code');
      const user = optional(record, 'user_id');
      const details = objectOf(record.values['request_details'], 'request_details');
      const metadata = otherColumns(record, TOLD);
      return [
        {
          id: `${source}:${fingerprint(record)}`,
          time: readTime(record.values['created_at'], 'created_at'),
          fields: {
            category: 'request',
            action: method.toLowerCase(),
            severity: code === null || code < '400' ? 'info' : code < '500' ? 'warning' : 'error',
            ...(user !== null && { actor: user, actor_type: 'user' }),
            entity_type: 'path',
            entity_id: path,
            message: [method, path, ...(code === null ? [] : [code])].join(' '),
            metadata: withDetails(sourceObject(metadata), details),
          },
        },
      ];
    };
  },
};

function withDetails(metadata: string, details: string | null): string {
  if (details === null) return metadata;
  return `${metadata.slice(0, -1)}${metadata === '{}' ? '' : ','}"request_details":${details}}`;
}

function fingerprint({ values }: SourceRecord): string {
  const texts = [...IDENTIFYING, 'response_code', 'duration'].map((name) => textOf(values[name], name) || null);
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 32);
}
