import { parseTimestamp } from '../../../core/timestamp.js';
import type { BurstQuery, Bursts } from '../../audit-store.js';
import { concat, sql } from '../../sql.js';
import { timeText } from '../engine/index.js';
import type { Connection, Generation } from '../engine/index.js';
import { namesOf } from '../names/index.js';
import { filterCondition } from '../trail/index.js';

type Peak = [actor: string, count: number, first: string, last: string, firstSeq: number, lastSeq: number];

/**
 * The fullest window of each actor: for every entry, how many of the same actor lie within the window that ends with it,
 * and of those the most; the earliest where several are as full.
 */
export async function readBursts(
  connection: Connection,
  generations: readonly Generation[],
  { filter, window, moreThan, limit }: BurstQuery,
): Promise<Bursts> {
  const frame = `PARTITION BY e.actor ORDER BY e.ts RANGE BETWEEN interval '${window - 1} milliseconds' PRECEDING AND CURRENT ROW`;
  const statement = concat(
    `SELECT p.actor, p.n, ${timeText('w.first')}, ${timeText('p.ts')}, w.first_seq, w.last_seq FROM (
       SELECT DISTINCT ON (actor) actor, ts, n FROM (
         SELECT e.actor, e.ts, count(*) OVER (${frame}) AS n FROM daybook_entries AS e WHERE `,
    filterCondition(filter, { generations }),
    `) AS counted ORDER BY actor, n DESC, ts) AS p
     CROSS JOIN LATERAL (SELECT min(e.ts) AS first, (array_agg(e.seq ORDER BY e.ts, e.seq))[1] AS first_seq,
         (array_agg(e.seq ORDER BY e.ts DESC, e.seq DESC))[1] AS last_seq
       FROM daybook_entries AS e WHERE e.actor = p.actor AND e.ts BETWEEN p.ts - interval '${window - 1} milliseconds' AND p.ts AND `,
    filterCondition(filter, { generations }),
    ') AS w WHERE p.n > ',
    sql('?::bigint', moreThan),
    ` ORDER BY p.n DESC, p.actor LIMIT ${limit + 1}`,
  );
  const peaks = await connection.rows<Peak>(statement);
  const found = peaks.slice(0, limit);
  const names = await namesOf(
    connection,
    'actor',
    found.map(([actor]) => actor),
    filter,
  );
  return {
    bursts: found.map(([actor, count, first, last, firstSeq, lastSeq]) => ({
      actor,
      name: names.get(actor) ?? null,
      count,
      first: parseTimestamp(first),
      last: parseTimestamp(last),
      firstSeq,
      lastSeq,
    })),
    more: peaks.length > limit,
  };
}
