import type { ImportFormat } from '../core/import.js';
import { namedId } from './ids.js';
import { unknownColumns, withOthers } from './others.js';
import { timeReader } from './time-formats.js';
import { objectOf, optional, required } from './values.js';

/** Its seq orders it, and says nothing beyond that. */
const TOLD = new Set([
  'seq',
  'id',
  'ts',
  'category',
  'action',
  'severity',
  'actor',
  'entity_type',
  'entity_id',
  'entity_name',
  'message',
  'metadata',
]);

/** LedGrab's activity log. Its rows stand in the order of recording, and their ids are made to be unique. */
export const ledgrab: ImportFormat = {
  name: 'ledgrab',
  description: "LedGrab's activity log: the table activity_log of its database",
  kinds: ['sqlite', 'csv', 'ndjson'],
  table: 'activity_log',
  source: 'ledgrab',
  needs: ['id', 'ts', 'category', 'action', 'severity', 'actor', 'message'],
  settings: ['timeFormat'],
  inOrder: true,
  reader: ({ source, isNamed = false, assumedZone, timeFormat }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    return (record) => {
      const actor = required(record, 'actor');
      return [
        {
          ...namedId({ source, isNamed }, required(record, 'id'), /^al_[0-9a-f]{8}$/),
          time: readTime(record.values['ts'], 'ts'),
          fields: {
            category: required(record, 'category'),
            action: required(record, 'action'),
            severity: required(record, 'severity'),
            actor,
            // It keeps no kind of actor; who is called system is the program itself.
            actor_type: actor === 'system' ? 'system' : 'unknown',
            entity_type: optional(record, 'entity_type'),
            entity_id: optional(record, 'entity_id'),
            entity_name: optional(record, 'entity_name'),
            message: optional(record, 'message') ?? '',
            metadata: withOthers(objectOf(record.values['metadata'], 'metadata') ?? '{}', unknownColumns(record, TOLD)),
          },
        },
      ];
    };
  },
};
