import { fixedMilliseconds } from '../core/duration.js';
import type { Duration } from '../core/duration.js';
import { DaybookError } from '../core/errors.js';
import type { Filter } from '../core/filter.js';
import { filterWords } from '../core/filter-words.js';
import type { BurstRow } from '../core/report.js';
import { shellWord } from '../core/shell.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { AuditStore } from '../store/audit-store.js';

export interface BurstReport {
  readonly more: boolean;
  readonly rows: readonly BurstRow[];
}

/**
 * The fullest window of each actor who has more than so many entries in one, the fullest first. `database` is named in
 * the commands where it is given. Throws kind `usage` for a window of no fixed length, or of none.
 *
 * @example await burstReport(store, { filter: {}, window: parseDuration('1h'), moreThan: 10, limit: 50 });
 */
export async function burstReport(
  store: AuditStore,
  request: {
    readonly filter: Filter;
    readonly window: Duration;
    readonly moreThan: number;
    readonly limit: number;
    readonly database?: string | undefined;
  },
): Promise<BurstReport> {
  const { filter, moreThan, limit, database } = request;
  const window = fixedMilliseconds(request.window);
  if (window === 0) {
    const { text } = request.window;
    throw new DaybookError('usage', `a window of ${text} holds nothing`, { field: 'window', value: text });
  }
  const { bursts, more } = await store.bursts({ filter, window, moreThan, limit });
  const rows = bursts.map(({ actor, name, count, first, last, firstSeq, lastSeq, entries = count }) => ({
    actor,
    count,
    first: formatTimestamp(first),
    last: formatTimestamp(last),
    window: request.window.text,
    name,
    first_seq: firstSeq,
    last_seq: lastSeq,
    command: historyCommand(
      { ...filter, actor: [actor], since: first, until: last },
      Math.max(count, entries),
      database,
    ),
  }));
  return { more, rows };
}

function historyCommand(filter: Filter, limit: number, database: string | undefined): string {
  const words = [...(database === undefined ? [] : ['--db', database]), 'history', ...filterWords(filter)];
  return ['daybook', ...words, '-n', String(limit)].map(shellWord).join(' ');
}
