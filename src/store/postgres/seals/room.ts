import type { Seals } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { putAnchor, readAnchors } from './anchors.js';
import { beginSeals, putHandover, putSeal, readSeals, readSealState, resumeSeals } from './kept-seals.js';
import { leaseSeals, releaseSeals } from './lease.js';
import { leavesIn, leavesToSeal, seqsThere, tilesAndLines } from './leaves.js';
import { putRemoval, readRemovals } from './removals.js';
import { putTiles, readTiles, tilesWithin } from './tiles.js';

/** What keeps seals. */
export function sealsOf(session: Session): Seals {
  const { connection, read, write } = session;
  return {
    sealState: () => read(() => readSealState(connection)),
    beginSeals: (trail, actor) => write(() => beginSeals(session, trail, actor)),
    leaseSeals: () => write(() => leaseSeals(session)),
    releaseSeals: () => write(() => releaseSeals(session)),
    leavesToSeal: (beyond, upTo, after, limit) => read(() => leavesToSeal(session, { beyond, upTo, after, limit })),
    leavesIn: (runs) => read(() => leavesIn(session, runs)),
    putTiles: (tiles, fresh, durable) => write(() => putTiles(session, tiles, fresh), { durable }),
    putSeal: (seal) => write(() => putSeal(session, seal)),
    putHandover: (handover, key, actor) => write(() => putHandover(session, handover, key, actor)),
    resumeSeals: (trail, reason, actor) => write(() => resumeSeals(session, trail, reason, actor)),
    putAnchor: (anchor, actor) => write(() => putAnchor(session, anchor, actor)),
    anchors: () => read(() => readAnchors(connection)),
    putRemoval: (removal) => write(() => putRemoval(connection, removal)),
    removals: (after) => read(() => readRemovals(connection, after)),
    seals: (after, limit) => read(() => readSeals(connection, after, limit)),
    tile: async (tile) => (await read(() => readTiles(connection, tile, 1)))[0],
    tiles: (from, count) => read(() => readTiles(connection, from, count)),
    tileOf: async (seq) =>
      (await read(() => tilesWithin(connection, seq, seq))).find(({ runs }) =>
        runs?.some(([from, to]) => from <= seq && seq <= to),
      ),
    tilesAndLines: (from, count, size, after) => read(() => tilesAndLines(session, { from, count, size, after })),
    seqsThere: (after, last, limit, size) => read(() => seqsThere(session, { after, last, limit, size })),
  };
}
