import { setTimeout as sleep } from 'node:timers/promises';
import type { CaptureChange } from '../../../core/capture.js';
import type { Captures, Evidence, TablePlace } from '../../audit-store.js';
import { leakedContext } from '../context/index.js';
import type { Session } from '../engine/index.js';
import { overtakingTriggers } from '../tables/index.js';
import { pruneReach } from '../trail/index.js';
import { checkCaptures } from './check.js';
import { rowEvidence, tableEvidence } from './evidence.js';
import { importedChanges, importedHistory } from './imported-evidence.js';
import {
  addCaptures,
  namedOrAll,
  readCaptureHistory,
  readCaptures,
  refreshCapture,
  removeCapture,
} from './installed.js';
import { turnOfOthers } from './turns.js';

/** What records the changes of an application's rows. */
export function capturesOf({ connection, clock, read, readAtOnce, write, slowly }: Session): Captures {
  return {
    captures: () => readAtOnce(() => readCaptures(connection)),
    addCaptures: (tables, request, actor) =>
      write(() =>
        addCaptures(connection, tables, request, { actor, clock }).map((change) =>
          Object.assign(change, { overtaking: overtakingTriggers(connection, change.table) }),
        ),
      ),
    refreshCaptures: async (tables, actor) => {
      const changes: CaptureChange[] = [];
      for (const table of await read(() => namedOrAll(connection, tables))) {
        if (changes.at(-1)?.changed === true) await sleep(await read(() => turnOfOthers(connection)));
        changes.push(await write(() => refreshCapture(connection, table, { actor, clock })));
      }
      return changes;
    },
    removeCaptures: (tables, actor) =>
      write(() => tables.map((table) => removeCapture(connection, table, { actor, clock }))),
    checkCaptures: (tables) => slowly(() => checkCaptures(connection, tables)),
    leakedContext: () => read(() => leakedContext(connection)),
  };
}

/** What captured and imported entries say of rows at a moment. */
export function evidenceOf({ connection, read, readAtOnce }: Session): Evidence {
  return {
    captureHistory: (type) => readAtOnce(() => readCaptureHistory(connection, type)),
    rowEvidence: (moment, id, live) => readAtOnce(() => rowEvidence(connection, moment, id, live)),
    tableEvidence: (moment, live, place, size) =>
      readAtOnce(() => tableEvidence(connection, moment, { live, place: place as TablePlace<number> | null, size })),
    pruneReach: (type, id, span) => read(() => pruneReach(connection, type, id, span)),
    importedHistory: (type, id) => readAtOnce(() => importedHistory(connection, type, id)),
    importedChanges: (type, id, sources, after, size) =>
      read(() => importedChanges(connection, { type, id, sources, after, size })),
  };
}
