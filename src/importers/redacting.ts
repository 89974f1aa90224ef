import { changedFields } from '../core/diff.js';
import type { JsonText } from '../core/entry.js';
import type { ImportedEntry, SourceRecord } from '../core/import.js';
import { collapse, redact } from '../core/redact.js';

type Reader = (record: SourceRecord) => readonly ImportedEntry[];

/**
 * A reader whose entries have `[redacted]` in the place of what stands at these dotted paths of their values and
 * metadata. Their changed fields still name it. `found` gets the paths that were there.
 */
export function redacting(reader: Reader, paths: readonly string[], found: Set<string>): Reader {
  const hide = (text: JsonText): JsonText => {
    const redacted = redact(text, paths);
    for (const path of redacted.found) found.add(path);
    return redacted.text;
  };
  const hidden = (fields: ImportedEntry['fields']): ImportedEntry['fields'] => {
    const { old_values: before, new_values: after, metadata } = fields;
    // Compared before they are hidden, or a secret that changed would look as if it had not.
    const computed = before && after ? JSON.stringify(changedFields(before, after)) : undefined;
    const changed = fields.changed_fields === undefined ? computed : fields.changed_fields;
    return {
      ...fields,
      ...(before && { old_values: hide(before) }),
      ...(after && { new_values: hide(after) }),
      ...(metadata !== undefined && { metadata: hide(metadata) }),
      ...(changed && { changed_fields: JSON.stringify(collapse(JSON.parse(changed) as string[], paths)) }),
    };
  };
  return (record) => {
    const entries = reader(record);
    return Array.from(entries, ({ fields, earlier, ...rest }) => ({
      ...rest,
      fields: hidden(fields),
      ...(earlier && {
        earlier: earlier.map(({ fields: was, ...one }) => ({ ...one, ...(was && { fields: hidden(was) }) })),
      }),
    }));
  };
}
