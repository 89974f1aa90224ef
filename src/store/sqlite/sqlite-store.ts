import type { AuditStore, BatchOutcome } from '../audit-store.js';
import { withCheckedFilters } from '../checked.js';
import { backupTo } from './backup.js';
import { attempt, openTrail, reading, writing } from './connection.js';
import type { Connection } from './connection.js';
import { leakedContext, settleContext } from './context.js';
import { foreignTriggers, futureFrom, isOwn, readFacts } from './facts.js';
import { unfitDocument } from './fitness.js';
import { markOf } from './marks.js';
import {
  explainPage,
  findEntry,
  lastSeq,
  readExtent,
  readFields,
  readLines,
  readPage,
  readRows,
  readValues,
} from './pages.js';
import {
  closePrune,
  cutOffAccounts,
  lastAccount,
  openPrune,
  prunedSoFar,
  pruneReach,
  renewPrune,
  settleCutOff,
} from './prune-accounts.js';
import type { Circumstances } from './prune-accounts.js';
import { compareEntries, recordByOneStatement, recordEntries, recordRevert } from './recording.js';
import { changePolicy, readPolicies, standingPolicies } from './policies.js';
import { beginCheckpoint, moveCheckpoint, readCheckpoint, readMissed } from './settings.js';
import { standingFile } from './standing-file.js';
import { checkpointLog, hurrying } from './write-ahead-log.js';

export interface SqliteStoreOptions extends Circumstances {
  readonly path: string;
  /** A private copy to read instead, where the file itself cannot be. */
  readonly copy?: string | undefined;
  /** Reading commands open read-only, and so cannot write by mistake. */
  readonly readonly: boolean;
  /** Milliseconds to wait for a lock before an operation is `busy`. */
  readonly busyTimeout: number;
  /** Whether the trail is read once, from end to end. */
  readonly sequential?: boolean;
}

/**
 * Opens the trail in a SQLite database.
 * Throws kind `missing` where there is none, or one that this program does not know, and kind `busy`.
 */
export function openSqliteStore(options: SqliteStoreOptions): AuditStore {
  const { path, clock } = options;
  const { connection, expectStanding } = openStanding(options);
  const read = async <T>(work: (connection: Connection) => T): Promise<T> =>
    attempt(
      path,
      () => {
        try {
          return work(connection);
        } catch (error) {
          throw unfitDocument(connection, error) ?? error;
        }
      },
      options.readonly,
    );
  /** Every write first settles what a killed prune left open, and a context that leaked: both become entries first. */
  const settle = (on: Connection = connection): void => {
    settleCutOff(on, options);
    settleContext(on, clock);
  };
  const needsSettling = (): boolean =>
    leakedContext(connection) !== null || cutOffAccounts(connection, options).length > 0;
  /** What was written is said to be only where the file that has it is still the one that was named. */
  const written = <T>(work: () => T): T => {
    const result = attempt(path, work);
    expectStanding();
    return result;
  };
  const writeNow = <T>(work: (connection: Connection) => T): T =>
    written(() =>
      writing(connection, () => {
        settle();
        return work(connection);
      }),
    );
  /** What goes on for longer than one statement. */
  const slowly = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      return attempt(
        path,
        () => {
          throw error;
        },
        options.readonly,
      );
    }
  };
  const write = async <T>(work: (connection: Connection) => T): Promise<T> => writeNow(work);
  /** What has a transaction of its own. */
  const changing = async <T>(work: () => T): Promise<T> => written(work);

  /** Changes when another connection has committed. */
  let version: number | undefined;

  // What only some commands need is loaded when it is: all of it would be a tenth of start-up.
  const capturing = () => import('./capturing.js');
  const mirroring = () => import('./mirroring.js');
  const pruning = () => import('./pruning.js');
  const naming = () => import('./naming.js');
  const reporting = () => import('./reporting.js');
  const checking = () => import('./unreadable.js');

  return withCheckedFilters({
    origin: { file: path, presence: options.presence },
    record: (requests, { stopAtConflict = false } = {}) =>
      write(() => recordEntries(connection, requests, stopAtConflict, clock)),
    recordOneOfMany: async (requests, { stopAtConflict = false, durable = false } = {}) => {
      const recordThem = (): readonly BatchOutcome[] =>
        written(() => (needsSettling() ? undefined : recordByOneStatement(connection, requests, clock))) ??
        writeNow(() => recordEntries(connection, requests, stopAtConflict, clock));
      return durable ? recordThem() : hurrying(connection, false, recordThem);
    },
    compare: (requests) => read(() => reading(connection, () => compareEntries(connection, requests))),
    revert: (entry) => write(() => recordRevert(connection, entry, clock)),
    execute: async (request) => {
      const { executeSql } = await capturing();
      return changing(() => {
        // A connection of its own, whose settings, temporary tables and triggers end with it.
        const own = openTrail(options);
        try {
          return leavingFreed(own, () => executeSql(own, request, { clock, settle: () => settle(own) }));
        } finally {
          own.close();
        }
      });
    },

    page: (query) => read(() => readPage(connection, query)),
    rows: (query, columns) => read(() => readRows(connection, query, columns)),
    lines: (query, columns) => read(() => readLines(connection, query, columns)),
    fields: (query, columns) => read(() => readFields(connection, query, columns)),
    explain: (query) => read(() => explainPage(connection, query)),
    find: (key) => read(() => findEntry(connection, key)),
    extent: (filter, within) => read(() => readExtent(connection, filter, within)),
    mark: () =>
      read(() => {
        // Who waits for entries would wait for ever.
        expectStanding();
        return markOf(lastSeq(connection));
      }),
    values: (field, filter) => read(() => readValues(connection, field, filter)),
    groups: async (query) => {
      const { readGroups } = await reporting();
      return read(() => readGroups(connection, query));
    },
    countBetween: async (filter, edges, upTo) => {
      const { countBetween } = await reporting();
      return read(() => countBetween(connection, filter, edges, upTo));
    },
    bursts: async (query) => {
      const { readBursts } = await reporting();
      return read(() => readBursts(connection, query));
    },
    othersHaveWritten: () =>
      read(() => {
        const before = version;
        version = connection.pragma('data_version', { simple: true }) as number;
        return before !== undefined && version !== before;
      }),

    policies: () => read(() => reading(connection, () => readPolicies(connection))),
    unreadableRows: async () => {
      const { unreadableRows } = await checking();
      return read(() => reading(connection, () => unreadableRows(connection)));
    },
    standingPolicies: () => read(() => reading(connection, () => standingPolicies(connection))),
    changePolicy: (name, policy, actor) => write(() => changePolicy(connection, name, policy, actor, clock)),

    actors: async (query) => {
      const { readActors } = await naming();
      return read(() => readActors(connection, query));
    },
    actorNames: async (actors) => {
      const { readNames } = await naming();
      return read(() => reading(connection, () => readNames(connection, actors)));
    },
    actorsMeant: async (texts) => {
      const { readMeant } = await naming();
      return read(() => reading(connection, () => readMeant(connection, texts)));
    },
    changeActor: async (actor, change) => {
      const { changeActor } = await naming();
      return write(() => changeActor(connection, actor, change, clock));
    },
    importNames: async (list, importing) => {
      const { importNames } = await naming();
      return importNames(connection, list, importing, { clock, read, write });
    },

    captureHistory: async (type) => {
      const { readCaptureHistory } = await capturing();
      return read(() => reading(connection, () => readCaptureHistory(connection, type)));
    },
    rowEvidence: async (moment, id, live) => {
      const { rowEvidence } = await capturing();
      return read(() => reading(connection, () => rowEvidence(connection, moment, id, live)));
    },
    tableEvidence: async (moment, live, place, size) => {
      const { tableEvidence } = await capturing();
      return read(() => reading(connection, () => tableEvidence(connection, moment, { live, place, size })));
    },
    pruneReach: (type, id, span) => read(() => pruneReach(connection, type, id, span)),
    captures: async () => {
      const { readCaptures } = await capturing();
      return read(() => reading(connection, () => readCaptures(connection)));
    },
    undo: async (request) => {
      const { undoChanges } = await capturing();
      return changing(() => undoChanges(connection, request, settle));
    },
    addCaptures: async (tables, request, actor) => {
      const { addCaptures } = await capturing();
      return write(() => addCaptures(connection, tables, request, { actor, clock }));
    },
    refreshCaptures: async (tables, actor) => {
      const { namedOrAll, refreshCapture } = await capturing();
      return write(() =>
        namedOrAll(connection, tables).map((table) => refreshCapture(connection, table, { actor, clock })),
      );
    },
    removeCaptures: async (tables, actor) => {
      const { removeCapture } = await capturing();
      return write(() => tables.map((table) => removeCapture(connection, table, { actor, clock })));
    },
    checkCaptures: async (tables) => {
      const { checkCaptures } = await capturing();
      return slowly(() => checkCaptures(connection, tables));
    },
    mirrors: async () => {
      const { readMirrors } = await mirroring();
      return read(() => reading(connection, () => readMirrors(connection)));
    },
    resolveMirror: async (request) => {
      const { resolveMirror } = await mirroring();
      return read(() => reading(connection, () => resolveMirror(connection, request)));
    },
    compareMirror: async (request, after, limit) => {
      const { comparePage } = await mirroring();
      return read(() => reading(connection, () => comparePage(connection, request, after, limit)));
    },
    mirrorPrunes: async (entityType) => {
      const { mirrorPrunes } = await mirroring();
      return read(() => mirrorPrunes(connection, entityType));
    },
    addMirror: async (request, mayReplace, actor) => {
      const { addMirror } = await mirroring();
      let began = 0;
      const added = await write(() => {
        began = performance.now();
        return addMirror(connection, request, mayReplace, { actor, clock });
      });
      return { ...added, lockMs: Math.round(performance.now() - began) };
    },
    removeMirror: async (name, actor) => {
      const { removeMirror } = await mirroring();
      return changing(() => writing(connection, () => removeMirror(connection, name, settle, { actor, clock })));
    },
    leakedContext: () => read(() => leakedContext(connection)),

    plan: async (rules, reserved, planning) => {
      const { planPrune } = await pruning();
      return read(() => planPrune(connection, rules, reserved, planning?.recordedBefore ?? null));
    },
    forecast: async (plan) => {
      const { forecastPrune } = await pruning();
      return read(() => forecastPrune(connection, plan));
    },
    openPrune: (intent) => changing(() => openPrune(connection, intent, options)),
    renewPrune: (prune, archive) => changing(() => renewPrune(connection, prune, archive ?? null, clock)),
    deleteBatch: async (prune, plan, after, size) => {
      const { deleteBatch } = await pruning();
      return changing(() => deleteBatch(connection, prune, plan, { after, size }, clock));
    },
    closePrune: (prune, state) => changing(() => closePrune(connection, prune, state, clock)),
    lastPrune: () => read(() => lastAccount(connection)),
    prunedSoFar: () => read(() => prunedSoFar(connection)),
    cutOffPrunes: () => read(() => cutOffAccounts(connection, options)),
    giveBackSpace: (pages) => read(() => giveBackSpace(connection, pages)),
    upkeep: () => read(() => checkpointLog(connection)),

    checkpoint: (name) => read(() => readCheckpoint(connection, name)),
    beginCheckpoint: (name, question, filter, upTo) =>
      changing(() => beginCheckpoint(connection, name, question, filter, upTo)),
    missedByCheckpoints: () => read(() => readMissed(connection)),
    moveCheckpoint: (name, from, to) => changing(() => moveCheckpoint(connection, name, from, to, clock)),

    facts: (now) => read(() => readFacts(connection, path, futureFrom(now))),
    foreignTriggers: async () => {
      const { mirrorTriggerTexts } = await mirroring();
      return read(() => reading(connection, () => foreignTriggers(connection, mirrorTriggerTexts(connection))));
    },
    damage: async (interruptible) => {
      const { damageOf } = await import('./deep-check.js');
      return slowly(() => damageOf(connection, interruptible));
    },
    backup: (target) => slowly(() => backupTo(connection, path, target)),
    close: async () => {
      attempt(path, () => connection.close());
    },
  });
}

/** Runs SQL of others: a large table that they drop need not be written once more, as zeros, while they hold the lock. */
function leavingFreed<T>(connection: Connection, work: () => T): T {
  connection.pragma('secure_delete = OFF');
  try {
    return work();
  } finally {
    connection.pragma('secure_delete = ON');
  }
}

/** Opens the trail, with what tells that its name still stands for it. */
function openStanding(options: SqliteStoreOptions): { connection: Connection; expectStanding: () => void } {
  // Nobody but us knows the copy, and it has no name for long.
  if (options.copy !== undefined) return { connection: openTrail(options), expectStanding: () => undefined };
  const opened = standingFile(options.path);
  const connection = openTrail(options);
  const expect = opened(connection.pragma('journal_mode', { simple: true }) === 'wal');
  const lost = options.readonly ? 'what is recorded under this name now is not seen' : undefined;
  return { connection, expectStanding: () => expect(lost) };
}

/** Gives free pages back to the file system, in a database that is ours alone and was made for it. */
function giveBackSpace(connection: Connection, pages: number): number {
  if (connection.pragma('auto_vacuum', { simple: true }) !== 2 || !isOwn(connection)) return 0;
  const free = (): number => connection.pragma('freelist_count', { simple: true }) as number;
  const before = free();
  hurrying(connection, false, () => connection.pragma(`incremental_vacuum(${pages})`));
  return (before - free()) * (connection.pragma('page_size', { simple: true }) as number);
}
