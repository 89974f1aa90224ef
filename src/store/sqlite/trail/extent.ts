import type { Filter } from '../../../core/filter.js';
import type { Extent, Within } from '../../audit-store.js';
import { filterCondition } from './compile.js';
import { counted, reading, markOf, seqOf, and, concat, sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

export function lastSeq(connection: Connection): number {
  return connection.prepare<[], number | null>('SELECT max(seq) FROM daybook_entries').pluck().get() ?? 0;
}

/** The trail as it is at this moment or was at a mark, and how many of its entries match. */
export function readExtent(connection: Connection, filter: Filter, { upTo, beyond }: Within = {}): Extent {
  return reading(connection, () => {
    // Nothing lies beyond it within this one read.
    const newest = lastSeq(connection);
    const last = upTo === undefined ? newest : Math.min(seqOf(upTo), newest);
    const statement = concat(
      'SELECT count(*) FROM daybook_entries AS e WHERE ',
      and([
        filterCondition(filter, 'e', last),
        ...(last === newest ? [] : [sql('e.seq <= ?', last)]),
        ...(beyond === undefined ? [] : [sql('e.seq > ?', seqOf(beyond))]),
      ]),
    );
    return { upTo: markOf(last), count: counted(connection, statement), lastSeq: last };
  });
}
