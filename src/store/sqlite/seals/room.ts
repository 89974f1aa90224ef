import type { Seals } from '../../audit-store.js';
import { hurrying, writing } from '../engine/index.js';
import type { Session } from '../engine/index.js';
import { putAnchor, readAnchors } from './anchors.js';
import { leaseSeals, releaseSeals } from './lease.js';
import { leavesIn, leavesToSeal, seqsThere, tilesAndLines } from './leaves.js';
import { beginSeals, putHandover, putSeal, resumeSeals, readSeals, readSealState } from './kept-seals.js';
import { putRemoval, readRemovals } from './removals.js';
import { putTiles, readTile, readTiles, tilesWithin } from './tiles.js';

/** What keeps seals. */
export function sealsOf({ connection, options, clock, read, readAtOnce, write, change }: Session): Seals {
  return {
    sealState: () => readAtOnce(() => readSealState(connection)),
    beginSeals: (trail, actor) => write(() => beginSeals(connection, trail, actor, clock)),
    leaseSeals: () => write(() => leaseSeals(connection, options)),
    releaseSeals: () => write(() => releaseSeals(connection, options)),
    leavesToSeal: (beyond, upTo, after, limit) => read(() => leavesToSeal(connection, { beyond, upTo, after, limit })),
    leavesIn: (runs) => read(() => leavesIn(connection, runs)),
    putTiles: (tiles, fresh, durable) =>
      change(() =>
        hurrying(connection, durable, () => writing(connection, () => putTiles(connection, tiles, fresh, options))),
      ),
    putSeal: (seal) => write(() => putSeal(connection, seal, options)),
    putHandover: (handover, key, actor) => write(() => putHandover(connection, handover, { key, actor, clock })),
    resumeSeals: (trail, reason, actor) => write(() => resumeSeals(connection, trail, { reason, actor, clock })),
    putAnchor: (anchor, actor) => write(() => putAnchor(connection, anchor, actor, clock)),
    anchors: () => read(() => readAnchors(connection)),
    putRemoval: (removal) => write(() => putRemoval(connection, removal)),
    removals: (after) => read(() => readRemovals(connection, after)),
    seals: (after, limit) => read(() => readSeals(connection, after, limit)),
    tile: (tile) => read(() => readTile(connection, tile)),
    tiles: (from, count) => read(() => readTiles(connection, from, count)),
    tileOf: (seq) =>
      read(() =>
        tilesWithin(connection, seq, seq).find(({ runs }) => runs?.some(([from, to]) => from <= seq && seq <= to)),
      ),
    tilesAndLines: (from, count, size, after) =>
      readAtOnce(() => tilesAndLines(connection, { from, count, size, after })),
    seqsThere: (after, last, limit, size) => readAtOnce(() => seqsThere(connection, { after, last, limit, size })),
  };
}
