import { LEAF_HEAD, TILE } from '../../../core/evidence/leaves.js';
import { SKELETON_FIELDS } from '../../../core/erasure.js';
import type { KeptSkeleton } from '../../../core/erasure.js';
import { firstOf } from '../../../core/evidence/seqs.js';
import type { Run } from '../../../core/evidence/seqs.js';
import type { Mark } from '../../../core/mark.js';
import type { LeafLines, SealTile, TilesAndLines } from '../../audit-store.js';
import { boundsOf } from '../../kept-tiles.js';
import { and, concat, sql } from '../../sql.js';
import { counted, firstBeyond, inTrail } from '../engine/index.js';
import type { Session } from '../engine/index.js';
import { readRawLines } from '../trail/index.js';
import { markAt } from './kept-seals.js';
import { inRuns, readTiles } from './tiles.js';

/** What stands before a line until its leaf is hashed. */
const ROOM = '.'.repeat(LEAF_HEAD);

/** Entries that are to be sealed: what one mark has and an earlier one has not, by seq. */
export async function leavesToSeal(
  { connection, generations }: Session,
  { beyond, upTo, after, limit }: { beyond: Mark | null; upTo: Mark; after: number; limit: number },
): Promise<LeafLines> {
  const which = and([
    sql('e.seq > ?', after),
    inTrail(upTo, generations),
    ...(beyond === null
      ? []
      : [concat('NOT (', inTrail(beyond, generations), ')'), concat('e.seq >= ', firstBeyond(beyond, generations))]),
  ]);
  return readRawLines(
    connection,
    ROOM,
    concat('FROM daybook_entries AS e WHERE ', which, ` ORDER BY e.seq LIMIT ${Math.round(limit)}`),
  );
}

/** The entries of runs, by seq. */
export async function leavesIn({ connection }: Session, runs: readonly Run[]): Promise<LeafLines> {
  const { sql: from, parameters } = inRuns(runs);
  return readRawLines(connection, ROOM, { sql: `${from} ORDER BY e.seq`, parameters });
}

/** What is left of erased entries of runs. */
async function skeletonsIn({ connection }: Session, runs: readonly Run[]): Promise<KeptSkeleton[]> {
  const { sql: from, parameters } = inRuns(runs, 'daybook_erased');
  const fields = SKELETON_FIELDS.map((field) => `e.${field}`).join(', ');
  return connection.all<KeptSkeleton>({ sql: `SELECT ${fields}, e.prune ${from}`, parameters });
}

/** Tiles and the entries that they hold. */
export async function tilesAndLines(
  on: Session,
  { from, count, size, after }: { from: number; count: number; size: number; after: number },
): Promise<TilesAndLines> {
  const { connection, generations } = on;
  const tiles = (await readTiles(connection, from, count)).map((tile) => cut(tile, size));
  const runs = tiles.flatMap((tile) => tile.runs ?? []);
  const { lines, count: found } = await leavesIn(on, runs);
  const [, last] = boundsOf(runs);
  const seen = inTrail(await markAt(connection, size), generations);
  const within = await counted(
    connection,
    concat(sql('SELECT count(*) FROM daybook_entries AS e WHERE e.seq > ? AND e.seq <= ? AND ', after, last), seen),
  );
  return { tiles, lines, count: found, within, skeletons: await skeletonsIn(on, runs) };
}

/** A tile with no more positions than a tree of this size has. */
function cut(tile: SealTile, size: number): SealTile {
  return { ...tile, runs: tile.runs && firstOf(tile.runs, Math.max(0, size - tile.tile * TILE)) };
}

/** The seqs that are there, of what could be sealed when so many entries were. */
export async function seqsThere(
  { connection, generations }: Session,
  { after, last, limit, size }: { after: number; last: number; limit: number; size: number },
): Promise<number[]> {
  const seen = inTrail(await markAt(connection, size), generations);
  const rows = await connection.rows<[number]>(
    concat(
      sql('SELECT e.seq FROM daybook_entries AS e WHERE e.seq > ? AND e.seq <= ? AND ', after, last),
      seen,
      sql(' ORDER BY e.seq LIMIT ?', limit),
    ),
  );
  return rows.map(([seq]) => seq);
}
