import { runsLength, runsText } from '../../../core/evidence/seqs.js';
import type { Run } from '../../../core/evidence/seqs.js';
import type { SealTile } from '../../audit-store.js';
import { boundsOf, keptRuns, tilesOf } from '../../kept-tiles.js';
import type { TileBounds } from '../../kept-tiles.js';
import { sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';
import type { Circumstances } from '../trail/index.js';
import { renewLease } from './lease.js';

interface TileRow {
  tile: number;
  first_seq: number;
  last_seq: number;
  root: Buffer | null;
  secret: Buffer | null;
  seqs: string;
  hashes: Buffer;
  salts: Buffer | null;
  edges: Buffer | null;
}

/** A tile as it is kept. What other programs made of its seqs is not read: they do not fit then. */
function toTile({ seqs, first_seq: first, last_seq: last, ...tile }: TileRow): SealTile {
  return { ...tile, runs: keptRuns(seqs, first, last) };
}

export function readTile(connection: Connection, tile: number): SealTile | undefined {
  const row = connection.prepare<[number], TileRow>('SELECT * FROM daybook_seal_tiles WHERE tile = ?').get(tile);
  return row === undefined ? undefined : toTile(row);
}

export function readTiles(connection: Connection, from: number, count: number): SealTile[] {
  return connection
    .prepare<[number, number], TileRow>('SELECT * FROM daybook_seal_tiles WHERE tile >= ? AND tile < ? ORDER BY tile')
    .all(from, from + count)
    .map(toTile);
}

/** The tiles that may hold a seq between two. */
export function tilesWithin(connection: Connection, first: number, last: number): SealTile[] {
  return connection
    .prepare<[number, number], TileRow>(
      'SELECT * FROM daybook_seal_tiles WHERE last_seq >= ? AND first_seq <= ? ORDER BY last_seq',
    )
    .all(first, last)
    .map(toTile);
}

/** The tiles that may hold one of these seqs. */
export function tilesWithAny(connection: Connection, seqs: readonly number[]): SealTile[] {
  const [first, last] = boundsOf(seqs.map((seq) => [seq, seq]));
  const bounds = connection
    .prepare<[number, number], TileBounds>(
      'SELECT tile, first_seq, last_seq FROM daybook_seal_tiles WHERE last_seq >= ? AND first_seq <= ?',
    )
    .all(first, last);
  return connection
    .prepare<[string], TileRow>('SELECT * FROM daybook_seal_tiles WHERE tile IN (SELECT value FROM json_each(?))')
    .all(JSON.stringify(tilesOf(bounds, seqs)))
    .map(toTile);
}

/** The condition that a seq is in one of the runs of a JSON array, which is the FROM before it. */
export function inRuns(runs: readonly Run[]): { readonly from: string; readonly parameter: string } {
  return {
    from: `json_each(?) AS run CROSS JOIN daybook_entries AS e ON e.seq BETWEEN run.value ->> 0 AND run.value ->> 1`,
    parameter: JSON.stringify(runs),
  };
}

/** How many entries of runs are there, as SQL. */
function countIn(runs: readonly Run[]): Sql {
  const { from, parameter } = inRuns(runs);
  return sql(`SELECT count(*) FROM ${from}`, parameter);
}

/**
 * Puts tiles in their places, and says how long the lock was held; undefined where an entry of `fresh` is gone. In the open
 * transaction.
 */
export function putTiles(
  connection: Connection,
  tiles: readonly SealTile[],
  fresh: readonly Run[],
  circumstances: Circumstances,
): number | undefined {
  const began = performance.now();
  renewLease(connection, circumstances);
  const { sql: text, parameters } = countIn(fresh);
  const there = connection
    .prepare<unknown[], number>(text)
    .pluck()
    .get(...parameters);
  if (there !== runsLength(fresh)) return undefined;
  const put = connection.prepare(
    `INSERT OR REPLACE INTO daybook_seal_tiles (tile, first_seq, last_seq, root, secret, seqs, hashes, salts, edges)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const { tile, root, secret, runs, hashes, salts, edges } of tiles) {
    put.run(tile, ...boundsOf(runs ?? []), root, secret, runsText(runs ?? []), hashes, salts, edges);
  }
  return performance.now() - began;
}
