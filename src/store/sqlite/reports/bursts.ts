import type { Burst, BurstQuery, Bursts } from '../../audit-store.js';
import { filterCondition } from '../trail/index.js';
import { reading, concat, sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { namesOf } from '../names/index.js';
import { entriesToCount } from './key-changes.js';

interface Peak {
  readonly actor: string;
  readonly count: number;
  readonly last: number;
}

/**
 * The fullest window of each actor: for every entry, how many of the same actor lie within the window that ends with
 * it, and of those the most. SQLite reads the index in its order and keeps one window at a time.
 */
export function readBursts(connection: Connection, { filter, window, moreThan, limit }: BurstQuery): Bursts {
  return reading(connection, () => {
    const condition = filterCondition(filter);
    const changes = entriesToCount(connection, filter, { withFields: false });
    const everything = Object.keys(filter).length === 0 && changes === undefined;
    const statement = concat(
      // Of several rows with the maximum, SQLite keeps the others columns of the first.
      'SELECT actor, max(n) AS count, ts_ms AS last FROM (SELECT e.actor, e.ts_ms, count(*) OVER (PARTITION BY e.actor ORDER BY e.ts_ms RANGE BETWEEN ',
      // A parameter cannot bound a frame; this one is a number of ours.
      `${window - 1} PRECEDING AND CURRENT ROW) AS n FROM `,
      changes ?? sql('daybook_entries'),
      ` AS e ${everything ? 'INDEXED BY daybook_entries_by_actor' : ''} WHERE `,
      condition,
      ') GROUP BY actor HAVING max(n) > ',
      sql('?', moreThan),
      ' ORDER BY count DESC, actor LIMIT ',
      sql('?', limit + 1),
    );
    const peaks = connection.prepare<unknown[], Peak>(statement.sql).all(...statement.parameters);
    const found = peaks.slice(0, limit);
    const names = namesOf(
      connection,
      'actor',
      found.map(({ actor }) => actor),
      filter,
    );
    const ends = concat(
      `SELECT min(first) AS first, min(firstSeq) AS firstSeq, max(lastSeq) AS lastSeq FROM (
         SELECT first_value(e.ts_ms) OVER w AS first, first_value(e.seq) OVER w AS firstSeq, last_value(e.seq) OVER w AS lastSeq
         FROM `,
      changes ?? sql('daybook_entries'),
      ` AS e ${changes === undefined ? 'INDEXED BY daybook_entries_by_actor' : ''}
         WHERE e.actor = ? AND e.ts_ms BETWEEN ? AND ? AND `,
      condition,
      ' WINDOW w AS (ORDER BY e.ts_ms, e.seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))',
    );
    const all =
      changes &&
      connection
        .prepare<unknown[], number>(
          `SELECT count(*) FROM daybook_entries AS e WHERE e.actor = ? AND e.ts_ms BETWEEN ? AND ? AND ${condition.sql}`,
        )
        .pluck();
    const within = connection.prepare<unknown[], Pick<Burst, 'first' | 'firstSeq' | 'lastSeq'>>(ends.sql);
    return {
      bursts: found.flatMap(({ actor, count, last }): Burst[] => {
        const burst = [actor, last - window + 1, last];
        const range = within.get(...(changes?.parameters ?? []), ...burst, ...condition.parameters);
        if (range === undefined) return [];
        const entries = all?.get(...burst, ...condition.parameters);
        const also = entries === undefined ? {} : { entries };
        return [{ actor, name: names.get(actor) ?? null, count, last, ...range, ...also }];
      }),
      more: peaks.length > limit,
    };
  });
}
