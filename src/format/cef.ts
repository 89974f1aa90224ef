import { entityText } from '../core/entity.js';
import type { Entry } from '../core/entry.js';
import { parseTimestamp } from '../core/timestamp.js';
import { VERSION } from '../core/version.js';

/** Of 0 to 10, as CEF counts. */
const SEVERITIES: Readonly<Record<string, number>> = { info: 3, warning: 6, error: 9 };

/**
 * An entry as a line of CEF (Common Event Format). The six custom strings that CEF has hold what people search by; what
 * it has no name for stands under names that begin with `daybook`.
 */
export function cefLine(entry: Entry): string {
  const header = ['daybook', 'daybook', VERSION, entry.action, entry.action].map(headerText).join('|');
  const fields: Readonly<Record<string, string | number | null>> = {
    rt: parseTimestamp(entry.ts),
    externalId: entry.id,
    act: entry.action,
    cat: entry.category,
    suid: entry.actor,
    suser: entry.actor_name,
    msg: entry.message,
    ...labelled('cn1', 'seq', entry.seq),
    ...labelled('cs1', 'entity', entityText(entry.entity_type, entry.entity_id)),
    ...labelled('cs2', 'entityName', entry.entity_name),
    ...labelled('cs3', 'scope', entry.scope),
    ...labelled('cs4', 'correlationId', entry.correlation_id),
    ...labelled('cs5', 'changedFields', entry.changed_fields),
    ...labelled('cs6', 'metadata', entry.metadata),
    daybookSeverity: entry.severity,
    daybookActorType: entry.actor_type,
    daybookRecordedAt: entry.recorded_at,
    daybookRecordedBy: entry.recorded_by,
    daybookOldValues: entry.old_values,
    daybookNewValues: entry.new_values,
    daybookReverts: entry.reverts,
    daybookSource: entry.source,
  };
  const extension = Object.entries(fields)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => `${name}=${extensionText(String(value))}`);
  return `CEF:0|${header}|${SEVERITIES[entry.severity] ?? SEVERITIES['info']}|${extension.join(' ')}\n`;
}

function labelled(key: string, label: string, value: string | number | null): Record<string, string | number | null> {
  return value === null ? {} : { [`${key}Label`]: label, [key]: value };
}

/** A header stays on its line, and has escapes for its separator and for the backslash alone. */
function headerText(text: string): string {
  return text.replaceAll(/[\\|]/g, String.raw`\$&`).replaceAll(/[\r\n]+/g, ' ');
}

function extensionText(text: string): string {
  return text
    .replaceAll(/[\\=]/g, String.raw`\$&`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`);
}
