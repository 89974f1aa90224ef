import { TILE } from '../../../core/evidence/leaves.js';
import type { SealedRemoval, SealTile } from '../../audit-store.js';
import { withEdges, withoutEntries } from '../../kept-tiles.js';
import type { EndingSeal } from '../../kept-tiles.js';
import { sql } from '../../sql.js';
import type { Connection } from '../engine/index.js';
import { tilesWithAny, writeTiles } from './tiles.js';

/** Keeps a signed removal. In the open transaction. */
export async function putRemoval(
  connection: Connection,
  { prune, ranges, note, skeletons }: Omit<SealedRemoval, 'removal'>,
): Promise<void> {
  await connection.run({
    sql: 'INSERT INTO daybook_seal_removals (prune, ranges, note, skeletons) VALUES (?, ?, ?, ?)',
    parameters: [prune, ranges, note, skeletons],
  });
}

export async function readRemovals(connection: Connection, after: number): Promise<SealedRemoval[]> {
  const rows = await connection.all<Omit<SealedRemoval, 'skeletons'> & { readonly skeletons: string | null }>(
    sql(
      `SELECT removal, prune, ranges, note, encode(skeletons, 'hex') AS skeletons FROM daybook_seal_removals
       WHERE removal > ? ORDER BY removal`,
      after,
    ),
  );
  return rows.map(({ removal, prune, ranges, note, skeletons }) => ({
    removal,
    prune,
    ranges,
    note,
    skeletons: skeletons === null ? null : Buffer.from(skeletons, 'hex'),
  }));
}

/**
 * Destroys what opens the leaves of these entries, which go in the same transaction, behind `lockTiles`: their hashes, which
 * others still need, say nothing from then on. Of a tile whose entries are all gone only its root stays, with what older
 * seals need.
 */
export async function destroySalts(connection: Connection, seqs: readonly number[]): Promise<void> {
  if (seqs.length === 0) return;
  const gone = new Set(seqs);
  const closed: SealTile[] = [];
  for (const tile of await tilesWithAny(connection, seqs)) {
    const without = withoutEntries(tile, gone);
    if (without === undefined) continue;
    closed.push(
      without.isClosed
        ? withEdges(without.tile, await endingIn(connection, tile.tile))
        : { ...without.tile, edges: null },
    );
  }
  await writeTiles(connection, closed);
}

/** The seals that end inside a tile. */
async function endingIn(connection: Connection, tile: number): Promise<EndingSeal[]> {
  return connection.all<EndingSeal>(
    sql(
      `SELECT size, note, EXISTS (SELECT FROM daybook_anchors AS a WHERE a.size = s.size) AS anchored
       FROM daybook_seals AS s WHERE size > ? AND size <= ? ORDER BY size`,
      tile * TILE,
      (tile + 1) * TILE,
    ),
  );
}
