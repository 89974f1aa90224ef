import type { Filter } from '../../../core/filter.js';
import type { Mark } from '../../../core/mark.js';
import type { Extent, Within } from '../../audit-store.js';
import { and, concat } from '../../sql.js';
import { answer, counted, currentSnapshot, firstBeyond, inTrail, markOf } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { filterCondition } from './compile.js';

/** The trail as the open transaction sees it. */
export async function currentMark(connection: Connection, generations: readonly Generation[]): Promise<Mark> {
  return markOf(generations.at(-1)?.generation ?? 0, await currentSnapshot(connection));
}

/** The trail as it is at this moment or was at a mark, and how many of its entries match. */
export async function readExtent(
  connection: Connection,
  generations: readonly Generation[],
  filter: Filter,
  { upTo, beyond }: Within = {},
): Promise<Extent> {
  const mark = upTo ?? (await currentMark(connection, generations));
  const within = [
    inTrail(mark, generations),
    ...(beyond === undefined
      ? []
      : [concat('NOT (', inTrail(beyond, generations), ')'), concat('e.seq >= ', firstBeyond(beyond, generations))]),
  ];
  const count = await counted(
    connection,
    concat(
      'SELECT count(*) FROM daybook_entries AS e WHERE ',
      and([filterCondition(filter, { upTo, generations }), ...within]),
    ),
  );
  const seen = inTrail(mark, generations);
  const last = concat('SELECT e.seq FROM daybook_entries AS e WHERE ', seen, ' ORDER BY e.seq DESC LIMIT 1');
  return { upTo: mark, count, lastSeq: (await answer<number>(connection, last)) ?? 0 };
}
