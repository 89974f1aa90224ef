import { LEAF_HEAD, TILE } from '../../../core/evidence/leaves.js';
import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { KeptSkeleton } from '../../../core/erasure.js';
import { firstOf } from '../../../core/evidence/seqs.js';
import type { Run } from '../../../core/evidence/seqs.js';
import type { Mark } from '../../../core/mark.js';
import type { LeafLines, SealTile, TilesAndLines } from '../../audit-store.js';
import { boundsOf } from '../../kept-tiles.js';
import { counted, seqOf, sql } from '../engine/index.js';
import type { Connection } from '../engine/index.js';
import { readRawLines } from '../trail/index.js';
import { markAt } from './kept-seals.js';
import { inRuns, readTiles } from './tiles.js';

/** What stands before a line until its leaf is hashed. */
const ROOM = '.'.repeat(LEAF_HEAD);

/** Entries that are to be sealed, by seq: in SQLite a mark is a seq. */
export function leavesToSeal(
  connection: Connection,
  { beyond, upTo, after, limit }: { beyond: Mark | null; upTo: Mark; after: number; limit: number },
): LeafLines {
  return readRawLines(connection, ROOM, (line) =>
    sql(
      `SELECT CAST(coalesce(group_concat(line, ''), '') AS BLOB), count(*) FROM (SELECT ${line} AS line
         FROM daybook_entries AS e WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT ${limit})`,
      Math.max(beyond === null ? 0 : seqOf(beyond), after),
      seqOf(upTo),
    ),
  );
}

/** The entries of runs, by seq. */
export function leavesIn(connection: Connection, runs: readonly Run[]): LeafLines {
  const there = inRuns(runs);
  return readRawLines(connection, ROOM, (line) =>
    sql(
      `SELECT CAST(coalesce(group_concat(line, ''), '') AS BLOB), count(*) FROM (SELECT ${line} AS line FROM ${there.from})`,
      there.parameter,
    ),
  );
}

/** Tiles and the entries that they hold. */
export function tilesAndLines(
  connection: Connection,
  { from, count, size, after }: { from: number; count: number; size: number; after: number },
): TilesAndLines {
  const tiles = readTiles(connection, from, count).map((tile) => cut(tile, size));
  const runs = tiles.flatMap((tile) => tile.runs ?? []);
  const { lines, count: found } = leavesIn(connection, runs);
  const [, last] = boundsOf(runs);
  const within = counted(
    connection,
    sql('SELECT count(*) FROM daybook_entries AS e WHERE e.seq > ? AND e.seq <= ?', after, last),
  );
  return { tiles, lines, count: found, within, skeletons: skeletonsIn(connection, runs) };
}

/** What is left of erased entries of runs. */
function skeletonsIn(connection: Connection, runs: readonly Run[]): KeptSkeleton[] {
  return connection
    .prepare<[string], KeptSkeleton>(
      `SELECT ${SKELETON_FIELDS.map((field) => `x.${field}`).join(', ')}, x.prune FROM json_each(?) AS run
       CROSS JOIN daybook_erased AS x ON x.seq BETWEEN run.value ->> 0 AND run.value ->> 1`,
    )
    .all(JSON.stringify(runs));
}

/** A tile with no more positions than a tree of this size has. */
function cut(tile: SealTile, size: number): SealTile {
  return { ...tile, runs: tile.runs && firstOf(tile.runs, Math.max(0, size - tile.tile * TILE)) };
}

/** The seqs that are there, of what could be sealed when so many entries were: up to the greatest of them. */
export function seqsThere(
  connection: Connection,
  { after, last, limit, size }: { after: number; last: number; limit: number; size: number },
): number[] {
  return connection
    .prepare<[number, number, number], number>(
      'SELECT seq FROM daybook_entries WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
    )
    .pluck()
    .all(after, Math.min(last, seqOf(markAt(connection, size))), limit);
}
