import type { HistoryEntry, HistoryField } from '../core/entry.js';
import type { Cell } from '../core/cell.js';
import { clockFor } from '../terminal/time.js';
import { actorText, shownEntity, messageText, oneLine } from './words.js';

/** What a line shows: reading the rest of an entry would cost more than all of this. */
export const LINE_FIELDS = [
  'seq',
  'ts',
  'severity',
  'actor',
  'actor_name',
  'action',
  'entity_type',
  'entity_id',
  'message',
  'reverted_by',
] as const satisfies readonly HistoryField[];

type LineEntry = Pick<HistoryEntry, (typeof LINE_FIELDS)[number]>;

function lineEntry(row: readonly Cell[]): LineEntry {
  const entry: Record<string, Cell | undefined> = {};
  LINE_FIELDS.forEach((field, position) => (entry[field] = row[position]));
  return entry as unknown as LineEntry;
}

/**
 * Rows of LINE_FIELDS as lines for pipes, grep and logs: time, severity, seq, actor, action, entity, message. A line
 * depends on nothing but its entry.
 */
export async function lineFormatter(zone: string): Promise<(rows: readonly (readonly Cell[])[]) => string> {
  const clock = await clockFor(zone);
  return (rows) => {
    let text = '';
    for (const row of rows) {
      const entry = lineEntry(row);
      const severity = oneLine(entry.severity).padEnd('warning'.length);
      const what = `${actorText(entry)} ${oneLine(entry.action)} ${shownEntity(entry)} ${messageText(entry)}`;
      text += `${clock.iso(entry.ts)} ${severity} #${entry.seq} ${what}`.trimEnd() + '\n';
    }
    return text;
  };
}
