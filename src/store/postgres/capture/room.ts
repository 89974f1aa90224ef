import type { CaptureChange } from '../../../core/capture.js';
import type { Captures, Evidence } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { checkCaptures } from './check.js';
import { pruneReach, rowEvidence, tableEvidence } from './evidence.js';
import type { Place } from './evidence.js';
import { importedChanges, importedHistory } from './imported-evidence.js';
import {
  addCaptures,
  namedOrAll,
  readCaptureHistory,
  readCaptures,
  refreshCapture,
  removeCapture,
} from './installed.js';

/** What records the changes of an application's rows. */
export function capturesOf(session: Session): Captures {
  const {
    connection,
    clock,
    read,
    write,
    options: { schema },
  } = session;
  return {
    captures: () => read(() => readCaptures(connection)),
    addCaptures: (tables, request, actor) =>
      write(() => addCaptures(connection, tables, request, { actor, clock, schema })),
    refreshCaptures: async (tables, actor) => {
      const changes: CaptureChange[] = [];
      for (const table of await read(() => namedOrAll(connection, tables))) {
        changes.push(await write(() => refreshCapture(connection, table, { actor, clock, schema })));
      }
      return changes;
    },
    removeCaptures: (tables, actor) =>
      write(async () => {
        const changes: CaptureChange[] = [];
        for (const table of tables) changes.push(await removeCapture(connection, table, { actor, clock, schema }));
        return changes;
      }),
    checkCaptures: (tables) => checkCaptures(session, tables),
    // A context ends with its transaction there.
    leakedContext: async () => null,
  };
}

/** What captured and imported entries say of rows at a moment. */
export function evidenceOf({ connection, generations, read }: Session): Evidence {
  const seen = { connection, generations };
  return {
    captureHistory: (type) => read(() => readCaptureHistory(connection, type)),
    rowEvidence: (moment, id, live) => read(() => rowEvidence(seen, moment, id, live)),
    tableEvidence: (moment, live, place, size) =>
      read(() => tableEvidence(seen, moment, { live, place: place as Place | null, size })),
    pruneReach: (type, id, span) => read(() => pruneReach(connection, type, id, span)),
    importedHistory: (type, id) => read(() => importedHistory(connection, type, id)),
    importedChanges: (type, id, sources, after, size) =>
      read(() => importedChanges(connection, { type, id, sources, after, size })),
  };
}
