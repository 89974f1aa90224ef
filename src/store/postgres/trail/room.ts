import type { Checkpoints, Reads, Records } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { settleCutOff } from './accounts.js';
import { copyEntries, mayCopy } from './copied-entries.js';
import { beginCheckpoint, moveCheckpoint, readCheckpoint, readMissed } from './checkpoints.js';
import { erasedBetween, findErased } from './erased.js';
import { currentMark, readExtent } from './extent.js';
import { readNextValues, readValues } from './field-values.js';
import { findEntry } from './find-entries.js';
import { readFields, readLines } from './joined-pages.js';
import { explainPage } from './page-statement.js';
import { readPage, readRows } from './pages.js';
import { areTakenToBeNew, compareEntries, recordEntries, recordRevert } from './recording.js';
import { recordSigned, takesBack } from './signed-entries.js';

const SETTLE_MS = 1000;

const RECORDED = { outcome: 'recorded' } as const;

/** What records entries. */
export function recordsOf(session: Session): Records {
  const { connection, generations, clock, read, write, owns } = session;
  /** What a killed prune left open becomes an entry first, where we may do that. */
  let settled = -Infinity;
  const settle = async (): Promise<void> => {
    if (owns) await settleCutOff(session);
    settled = performance.now();
  };
  return {
    record: (requests, { stopAtConflict = false, ofApplication = false } = {}) =>
      write(
        async () => {
          await settle();
          return ofApplication
            ? recordSigned(connection, generations, requests, clock)
            : recordEntries(connection, requests, stopAtConflict, clock);
        },
        { serializable: ofApplication && requests.some(takesBack) },
      ),
    recordOneOfMany: async (requests, { stopAtConflict = false, durable = false } = {}) => {
      // Of many that follow each other, one in a second looks.
      const settleNowAndThen = async (): Promise<void> => {
        if (performance.now() - settled > SETTLE_MS) await settle();
      };
      if (areTakenToBeNew(connection, requests) && mayCopy(connection)) {
        const copied = await write(
          async () => {
            await settleNowAndThen();
            return copyEntries(connection, requests, clock);
          },
          { durable },
        );
        if (copied) return requests.map(() => RECORDED);
      }
      return write(
        async () => {
          await settleNowAndThen();
          return recordEntries(connection, requests, stopAtConflict, clock);
        },
        { durable },
      );
    },
    compare: (requests) => read(() => compareEntries(connection, requests)),
    revert: (entry) =>
      write(
        async () => {
          await settle();
          return recordRevert(connection, generations, entry, clock);
        },
        { serializable: true },
      ),
  };
}

/** What reads the trail. */
export function readsOf({ connection, generations, read }: Session): Reads {
  return {
    page: (query) => read(() => readPage(connection, generations, query)),
    rows: (query, columns) => read(() => readRows(connection, generations, query, columns)),
    lines: (query, columns) => read(() => readLines(connection, generations, query, columns)),
    fields: (query, columns) => read(() => readFields(connection, generations, query, columns)),
    explain: (query) => read(() => explainPage(connection, generations, query)),
    find: (key) => read(() => findEntry(connection, generations, key)),
    extent: (filter, within) => read(() => readExtent(connection, generations, filter, within)),
    mark: () => read(() => currentMark(connection, generations)),
    values: (field, filter) => read(() => readValues(connection, generations, field, filter)),
    nextValues: (field, from, limit) => read(() => readNextValues(connection, field, from, limit)),
    findErased: (seq) => read(() => findErased(connection, seq)),
    erasedBetween: (first, last, limit) => read(() => erasedBetween(connection, first, last, limit)),
  };
}

/** What remembers how far an export has come. */
export function checkpointsOf({ connection, clock, read, write }: Session): Checkpoints {
  return {
    checkpoint: (name) => read(() => readCheckpoint(connection, name)),
    beginCheckpoint: (name, question, filter, upTo) =>
      write(() => beginCheckpoint(connection, name, question, filter, upTo)),
    missedByCheckpoints: () => read(() => readMissed(connection)),
    moveCheckpoint: (name, from, to) => write(() => moveCheckpoint(connection, name, from, to, clock)),
  };
}
