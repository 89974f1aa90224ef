import type { AuditStore } from '../audit-store.js';
import { withCheckedQuestions } from '../checked.js';
import { attempt } from './engine/index.js';
import type { Connection, SqliteOptions } from './engine/index.js';
import { lazily } from './lazily.js';
import { openSession } from './session.js';
import { checkpointsOf, readsOf, recordsOf } from './trail/index.js';

export { openLive, openReadable } from './engine/index.js';
export type { SqliteOptions } from './engine/index.js';

/**
 * Opens the trail in a SQLite database. Its rooms are put together here: what every command needs at once, and the rest
 * when it is asked for, since loading all of it would be a tenth of start-up.
 * Throws kind `missing` where there is none, or one that this program does not know, and kind `busy`.
 */
export function openSqlite(options: SqliteOptions): AuditStore {
  const session = openSession(options);
  const { path, presence, lent } = options;
  return withCheckedQuestions({
    origin: { file: lent === undefined ? path : fileOf(lent), presence },
    ...recordsOf(session),
    ...readsOf(session),
    ...checkpointsOf(session),
    ...lazily(async () => (await import('./reports/index.js')).reportsOf(session), {
      groups: true,
      groupNames: true,
      countBetween: true,
      courses: true,
      hours: true,
      bursts: true,
    }),
    ...lazily(async () => (await import('./prune/index.js')).retainsOf(session), {
      policies: true,
      standingPolicies: true,
      changePolicy: true,
    }),
    ...lazily(async () => (await import('./prune/index.js')).prunesOf(session), {
      plan: true,
      forecast: true,
      openPrune: true,
      renewPrune: true,
      deleteBatch: true,
      closePrune: true,
      lastPrune: true,
      prunedSoFar: true,
      cutOffPrunes: true,
    }),
    ...lazily(async () => (await import('./names/index.js')).directoryOf(session), {
      actors: true,
      actorNames: true,
      actorsMeant: true,
      changeActor: true,
      importNames: true,
    }),
    ...lazily(async () => (await import('./capture/index.js')).capturesOf(session), {
      captures: true,
      addCaptures: true,
      refreshCaptures: true,
      removeCaptures: true,
      checkCaptures: true,
      leakedContext: true,
    }),
    ...lazily(async () => (await import('./capture/index.js')).evidenceOf(session), {
      captureHistory: true,
      rowEvidence: true,
      tableEvidence: true,
      pruneReach: true,
      importedHistory: true,
      importedChanges: true,
    }),
    ...lazily(async () => (await import('./undo/index.js')).undoesOf(session), { undo: true }),
    ...lazily(async () => (await import('./mirrors/index.js')).mirrorsOf(session), {
      mirrors: true,
      resolveMirror: true,
      compareMirror: true,
      mirrorPrunes: true,
      addMirror: true,
      removeMirror: true,
    }),
    ...lazily(async () => (await import('./exec/index.js')).executesOf(session), { execute: true }),
    ...lazily(async () => (await import('./holds/index.js')).holdsOf(session), {
      holds: true,
      placeHold: true,
      releaseHold: true,
    }),
    ...lazily(async () => (await import('./seals/index.js')).sealsOf(session), {
      sealState: true,
      beginSeals: true,
      leaseSeals: true,
      releaseSeals: true,
      leavesToSeal: true,
      leavesIn: true,
      putTiles: true,
      putSeal: true,
      putHandover: true,
      resumeSeals: true,
      putAnchor: true,
      anchors: true,
      putRemoval: true,
      removals: true,
      seals: true,
      tile: true,
      tiles: true,
      tileOf: true,
      tilesAndLines: true,
      seqsThere: true,
    }),
    ...lazily(async () => (await import('./upkeep/index.js')).upkeepOf(session), {
      othersHaveWritten: true,
      unreadableRows: true,
      giveBackSpace: true,
      upkeep: true,
      facts: true,
      foreignTriggers: true,
      damage: true,
      backup: true,
    }),
    close: async () => {
      if (lent === undefined) attempt(path, () => session.connection.close());
    },
  });
}

/** The file of a connection that an application lends us; undefined where it has none. */
function fileOf({ name }: Connection): string | undefined {
  return name === '' || name === ':memory:' ? undefined : name;
}
