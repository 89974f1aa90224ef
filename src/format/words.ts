import { entityText } from '../core/entity.js';
import type { HistoryEntry } from '../core/entry.js';
import { visible } from '../terminal/sanitize.js';
import type { Clock } from '../terminal/time.js';

/** One line of safe text: the only way that an entry's text gets onto a line for people. */
export function oneLine(text: string): string {
  return visible(text, { newlines: 'mark' });
}

/** Who did it: the name as it was then, else the id. */
export function actorText(entry: { readonly actor: string | null; readonly actor_name: string | null }): string {
  return oneLine(entry.actor_name ?? entry.actor ?? '') || '-';
}

/** `type:id`, as `history` takes it. */
export function shownEntity(entry: Pick<HistoryEntry, 'entity_type' | 'entity_id'>): string {
  return oneLine(entityText(entry.entity_type, entry.entity_id) ?? '-');
}

/** The message without line feeds at its end, and with a mark that needs no colour where the entry was taken back. */
export function messageText(entry: Pick<HistoryEntry, 'message' | 'reverted_by'>): string {
  const message = oneLine(entry.message.replace(/\n+$/, ''));
  return entry.reverted_by === null ? message : `[reverted] ${message}`;
}

/** A moment in full, as a clock of its zone shows it. */
export function timeText(clock: Clock, ts: string): string {
  const { weekday, date, time, zone } = clock.text(ts);
  return `${weekday} ${date} ${time} ${zone}`;
}
