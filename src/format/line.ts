import type { HistoryEntry } from '../core/entry.js';
import { clockFor } from '../terminal/time.js';
import { actorText, entityText, messageText, oneLine } from './words.js';

/**
 * Entries as lines for pipes, grep and logs: time, severity, seq, actor, action, entity, message. A line depends on
 * nothing but its entry.
 */
export async function lineFormatter(zone: string): Promise<(entries: readonly HistoryEntry[]) => string> {
  const clock = await clockFor(zone);
  return (entries) => {
    let text = '';
    for (const entry of entries) {
      const severity = oneLine(entry.severity).padEnd('warning'.length);
      const what = `${actorText(entry)} ${oneLine(entry.action)} ${entityText(entry)} ${messageText(entry)}`;
      text += `${clock.iso(entry.ts)} ${severity} #${entry.seq} ${what}`.trimEnd() + '\n';
    }
    return text;
  };
}
