import type { ImportFormat } from '../core/import.js';
import type { JsonText } from '../core/entry.js';
import { isJsonObject, parseDocument } from '../core/json.js';
import { changeFields, underOneNaming } from './amounts.js';
import type { ValueChange } from './amounts.js';
import { entityTypeOf } from './entity-type.js';
import { importedId } from './ids.js';
import { unknownColumns, withOthers } from './others.js';
import { timeReader } from './time-formats.js';
import { objectOf, optional, required } from './values.js';

const COLUMNS = ['id', 'settlement_id', 'action_type', 'author_user_id', 'notes', 'payload_json', 'created_at'];
const TOLD = new Set(COLUMNS);

/** The adjustments of cash machines' settlements, in a table of their own. The types of action are an open set. */
export const settlementAudit: ImportFormat = {
  name: 'settlement-audit',
  description: "adjustments of cash machines' settlements: the table dca_settlement_audit of an LNbits extension",
  kinds: ['sqlite', 'csv', 'ndjson'],
  table: 'dca_settlement_audit',
  // Not the name of the file: the extension was renamed, and its file with it.
  source: 'settlement-audit',
  needs: COLUMNS,
  settings: ['entityType', 'timeFormat'],
  // A row's place says nothing: its key is a text, and an export may be in any order.
  inOrder: false,
  reader: ({ source, assumedZone, timeFormat, entityType }) => {
    const readTime = timeReader({ assumedZone, timeFormat });
    const type = entityTypeOf(entityType ?? 'settlement');
    return (record) => {
      // The payload is kept as it was written, so that every word and field of it can be compared with its source.
      const payload = objectOf(record.values['payload_json'], 'payload_json');
      return [
        {
          id: importedId(source, required(record, 'id')),
          time: readTime(record.values['created_at'], 'created_at'),
          fields: {
            action: required(record, 'action_type'),
            actor: required(record, 'author_user_id'),
            actor_type: 'user',
            entity_type: type,
            entity_id: required(record, 'settlement_id'),
            message: optional(record, 'notes') ?? '',
            metadata: withOthers(payload ?? '{}', unknownColumns(record, TOLD)),
            ...(payload !== null && changeFields(underOneNaming(changesOf(payload)))),
          },
        },
      ];
    };
  },
};

/** What a payload tells in pairs: `original_gross` and `new_gross`. */
function changesOf(payload: JsonText): ValueChange[] {
  const document = parseDocument(payload);
  if (!isJsonObject(document)) return [];
  return Object.entries(document).flatMap(([key, before]) => {
    const name = /^original_(.+)$/s.exec(key)?.[1];
    const after = name === undefined ? undefined : document[`new_${name}`];
    return name === undefined || after === undefined ? [] : [{ name, before, after }];
  });
}
