import type { CaptureSpan } from '../../../core/capture.js';
import { EARLIEST, LATEST, formatTimestamp, isStoredTimestamp } from '../../../core/timestamp.js';
import type { Connection } from '../engine/index.js';

interface SpanRow extends Omit<CaptureSpan, 'sinceTs' | 'untilTs'> {
  span: number;
  table: string;
  sinceTs: string;
  untilTs: string | null;
}

const SPANS = `SELECT span, table_name AS "table", since_seq AS sinceSeq, since_ts AS sinceTs, until_seq AS untilSeq,
  until_ts AS untilTs, ended FROM daybook_capture_spans`;

/** The spans of an entity type, earliest first, those of captures that were removed among them. */
export function spansOf(connection: Connection, entityType: string): CaptureSpan[] {
  return connection
    .prepare<[string], SpanRow>(`${SPANS} WHERE entity_type = ? ORDER BY span`)
    .all(entityType)
    .map(({ sinceSeq, sinceTs, untilSeq, untilTs, ended }) => ({
      sinceSeq,
      sinceTs: sinceOf(sinceTs),
      untilSeq,
      untilTs: untilOf(untilTs),
      ended,
    }));
}

/** Of a time that another program spoiled, as little is taken to be known as can be. */
function sinceOf(ts: string): string {
  return isStoredTimestamp(ts) ? ts : formatTimestamp(LATEST);
}

function untilOf(ts: string | null): string | null {
  return ts === null || isStoredTimestamp(ts) ? ts : formatTimestamp(EARLIEST);
}

/** The spans with a time that is none, by the table that they are of. */
export function unreadableSpans(connection: Connection): SpanRow[] {
  return connection
    .prepare<[], SpanRow>(`${SPANS} ORDER BY span`)
    .all()
    .filter(({ sinceTs, untilTs }) => sinceOf(sinceTs) !== sinceTs || untilOf(untilTs) !== untilTs);
}

/** Gives spoiled spans the times of the entries that they name, where these are there. Runs in the open transaction. */
export function mendSpans(connection: Connection): { what: string; held: Record<string, unknown> }[] {
  const time = connection.prepare<[number | null], string>('SELECT ts FROM daybook_entries WHERE seq = ?').pluck();
  return unreadableSpans(connection).map(({ span, table, sinceSeq, sinceTs, untilSeq, untilTs }) => {
    const since = isStoredTimestamp(sinceTs) ? sinceTs : (time.get(sinceSeq) ?? sinceOf(sinceTs));
    const until = untilTs === null || isStoredTimestamp(untilTs) ? untilTs : (time.get(untilSeq) ?? untilOf(untilTs));
    connection
      .prepare('UPDATE daybook_capture_spans SET since_ts = ?, until_ts = ? WHERE span = ?')
      .run(since, until, span);
    return { what: `span ${span} of the capture of ${table}`, held: { since_ts: sinceTs, until_ts: untilTs } };
  });
}
