import { readCheckpoint, timeOf } from '../../../core/evidence/checkpoint.js';
import { HASH_BYTES } from '../../../core/evidence/hashing.js';
import { TILE } from '../../../core/evidence/leaves.js';
import { seqsOf } from '../../../core/evidence/seqs.js';
import { closedAt, edgesOf } from '../../../core/evidence/tiles.js';
import type { SealedRemoval, SealTile } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { tilesWithin } from './tiles.js';

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
  let [first, last] = [Infinity, 0];
  for (const seq of seqs) {
    first = Math.min(first, seq);
    last = Math.max(last, seq);
  }
  const put = connection.prepare(
    'UPDATE daybook_seal_tiles SET secret = ?, salts = ?, hashes = ?, edges = ? WHERE tile = ?',
  );
  for (const tile of tilesWithin(connection, first, last)) {
    const held = seqsOf(tile.runs ?? []);
    const positions = new Set(held.flatMap((seq, position) => (gone.has(seq) ? [position] : [])));
    if (positions.size === 0) continue;
    const { secret, salts } = closedAt(tile, held.length, positions);
    const kept = salts === null ? edgesKept(connection, tile) : undefined;
    put.run(secret, salts, kept === undefined ? tile.hashes : Buffer.alloc(0), kept ?? null, tile.tile);
  }
}

/**
 * What is kept of a full tile in the place of its hashes: for the last seal of each day, and for what was anchored.
 * Undefined where its hashes stay, as what is kept would be more.
 */
function edgesKept(connection: Connection, { tile, root, hashes }: SealTile): Buffer | undefined {
  if (root === null || hashes.length !== TILE * HASH_BYTES) return undefined;
  const seals = connection
    .prepare<[number, number], { size: number; note: string; anchored: number }>(
      `SELECT size, note, EXISTS (SELECT 1 FROM daybook_anchors AS a WHERE a.size = s.size) AS anchored
       FROM daybook_seals AS s WHERE size > ? AND size <= ? ORDER BY size`,
    )
    .all(tile * TILE, (tile + 1) * TILE);
  const dayOf = (note: string | undefined): number | null => {
    const checkpoint = note === undefined ? undefined : readCheckpoint(note);
    const seconds = checkpoint === undefined ? null : timeOf(checkpoint);
    return seconds === null ? null : Math.floor(seconds / 86_400);
  };
  const ends = seals.flatMap(({ size, note, anchored }, index) =>
    anchored === 1 || dayOf(note) !== dayOf(seals[index + 1]?.note) ? [size - tile * TILE] : [],
  );
  const edges = edgesOf(
    hashes,
    ends.filter((end) => end < TILE),
  );
  return edges.length < hashes.length ? edges : undefined;
}
