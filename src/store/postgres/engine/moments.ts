import { EARLIEST, formatTimestamp, LATEST } from '../../../core/timestamp.js';

/** A column of a time as entries show it: UTC, of one width. */
export function timeText(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/**
 * Milliseconds since 1970 as PostgreSQL reads a time. As text, since its numbers of seconds would be rounded. Beyond the
 * years that entries have there is only before and after all of them.
 */
export function momentText(ms: number): string {
  if (ms < EARLIEST) return '-infinity';
  return ms > LATEST ? 'infinity' : formatTimestamp(ms);
}
