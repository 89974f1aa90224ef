import type { Undoes } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { undoChanges } from './undo-changes.js';

/** What takes captured changes back out of the tables. */
export function undoesOf({ connection, change, settle }: Session): Undoes {
  return { undo: (request) => change(() => undoChanges(connection, request, settle)) };
}
