import { TILE } from '../../../core/evidence/leaves.js';
import type { SealedRemoval } from '../../audit-store.js';
import { withEdges, withoutEntries } from '../../kept-tiles.js';
import type { EndingSeal } from '../../kept-tiles.js';
import type { Connection } from '../engine/index.js';
import { tilesWithAny } from './tiles.js';

/** Keeps a signed removal. In the open transaction. */
export function putRemoval(
  connection: Connection,
  { prune, ranges, note, skeletons }: Omit<SealedRemoval, 'removal'>,
): void {
  connection
    .prepare('INSERT INTO daybook_seal_removals (prune, ranges, note, skeletons) VALUES (?, ?, ?, ?)')
    .run(prune, ranges, note, skeletons);
}

export function readRemovals(connection: Connection, after: number): SealedRemoval[] {
  return connection
    .prepare<[number], SealedRemoval>(
      'SELECT removal, prune, ranges, note, skeletons FROM daybook_seal_removals WHERE removal > ? ORDER BY removal',
    )
    .all(after);
}

/**
 * Destroys what opens the leaves of these entries, which go in the same transaction: their hashes, which others still need,
 * say nothing from then on. Of a tile whose entries are all gone only its root stays, with what older seals need.
 */
export function destroySalts(connection: Connection, seqs: readonly number[]): void {
  if (seqs.length === 0) return;
  const gone = new Set(seqs);
  const put = connection.prepare(
    'UPDATE daybook_seal_tiles SET secret = ?, salts = ?, hashes = ?, edges = ? WHERE tile = ?',
  );
  for (const tile of tilesWithAny(connection, seqs)) {
    const without = withoutEntries(tile, gone);
    if (without === undefined) continue;
    const { secret, salts, hashes, edges } = without.isClosed
      ? withEdges(without.tile, endingIn(connection, tile.tile))
      : { ...without.tile, edges: null };
    put.run(secret, salts, hashes, edges, tile.tile);
  }
}

/** The seals that end inside a tile. */
function endingIn(connection: Connection, tile: number): EndingSeal[] {
  return connection
    .prepare<[number, number], { size: number; note: string; anchored: number }>(
      `SELECT size, note, EXISTS (SELECT 1 FROM daybook_anchors AS a WHERE a.size = s.size) AS anchored
       FROM daybook_seals AS s WHERE size > ? AND size <= ? ORDER BY size`,
    )
    .all(tile * TILE, (tile + 1) * TILE)
    .map(({ size, note, anchored }) => ({ size, note, anchored: anchored === 1 }));
}
