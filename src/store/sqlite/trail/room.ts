import type { BatchOutcome, Checkpoints, Reads, Records } from '../../audit-store.js';
import { followed, hurrying, markOf } from '../engine/index.js';
import type { Session } from '../engine/index.js';
import { beginCheckpoint, moveCheckpoint, readCheckpoint, readMissed } from './checkpoints.js';
import { erasedBetween, findErased } from './erased.js';
import { lastSeq, readExtent } from './extent.js';
import { readNextValues, readValues } from './field-values.js';
import { findEntry } from './find-entries.js';
import { readFields, readLines } from './joined-pages.js';
import { explainPage } from './page-statement.js';
import { readPage, readRows } from './pages.js';
import { recordSigned } from './signed-entries.js';
import { compareEntries, recordByOneStatement, recordEntries, recordRevert } from './recording.js';

/** What records entries. */
export function recordsOf({
  connection,
  clock,
  write,
  writeNow,
  changeNow,
  readAtOnce,
  needsSettling,
  wait,
}: Session): Records {
  return {
    record: (requests, { stopAtConflict = false, ofApplication = false } = {}) =>
      write(() =>
        ofApplication
          ? recordSigned(connection, requests, clock)
          : recordEntries(connection, requests, stopAtConflict, clock),
      ),
    recordOneOfMany: (requests, { stopAtConflict = false, durable = false } = {}) => {
      const recordThem = (): readonly BatchOutcome[] =>
        changeNow(() => (needsSettling() ? undefined : recordByOneStatement(connection, requests, clock))) ??
        writeNow(() => recordEntries(connection, requests, stopAtConflict, clock));
      return wait(async () => (durable ? followed(connection, recordThem) : hurrying(connection, false, recordThem)));
    },
    compare: (requests) => readAtOnce(() => compareEntries(connection, requests)),
    revert: (entry) => write(() => recordRevert(connection, entry, clock)),
  };
}

/** What reads the trail. */
export function readsOf({ connection, read, expectStanding }: Session): Reads {
  return {
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
    nextValues: (field, from, limit) => read(() => readNextValues(connection, field, from, limit)),
    findErased: (seq) => read(() => findErased(connection, seq)),
    erasedBetween: (first, last, limit) => read(() => erasedBetween(connection, first, last, limit)),
  };
}

/** What remembers how far an export has come. */
export function checkpointsOf({ connection, clock, read, change }: Session): Checkpoints {
  return {
    checkpoint: (name) => read(() => readCheckpoint(connection, name)),
    beginCheckpoint: (name, question, filter, upTo) =>
      change(() => beginCheckpoint(connection, name, question, filter, upTo)),
    missedByCheckpoints: () => read(() => readMissed(connection)),
    moveCheckpoint: (name, from, to) => change(() => moveCheckpoint(connection, name, from, to, clock)),
  };
}
