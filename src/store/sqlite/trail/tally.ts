import type { Tally } from '../../../core/prune-account.js';
import { counted, reading, sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';

/**
 * How many entries are accounted for, and the last seq that was given, at one moment. The entries are counted in their
 * smallest index: a million take some milliseconds.
 */
export function readTally(connection: Connection): Tally {
  return reading(connection, () =>
    tallyOf(connection, counted(connection, sql('SELECT count(*) FROM daybook_entries'))),
  );
}

/** The same where so many entries were counted in the transaction that is open. */
export function tallyOf(connection: Connection, entries: number): Tally {
  const one = (text: string): number => counted(connection, sql(text));
  return {
    accounted: entries + one('SELECT coalesce(sum(deleted), 0) FROM daybook_prunes'),
    sequence: one(`SELECT coalesce(max(CAST(seq AS INTEGER)), 0) FROM sqlite_sequence WHERE name = 'daybook_entries'`),
  };
}

/** The last entry of a prune or a clear by which less was unaccounted for than now, or null where none says so. */
export function lastWithFewer(connection: Connection, { accounted, sequence }: Tally): number | null {
  const of = (member: string): string => `CASE WHEN json_valid(e.metadata) THEN e.metadata ->> '$.${member}' END`;
  const last = connection
    .prepare<[number], number>(
      `SELECT p.entry FROM daybook_prunes AS p JOIN daybook_entries AS e ON e.seq = p.entry
       WHERE abs(${of('sequence')} - ${of('accounted')}) < ? ORDER BY p.prune DESC LIMIT 1`,
    )
    .pluck();
  return last.get(Math.abs(sequence - accounted)) ?? null;
}
