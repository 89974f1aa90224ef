import type { Undoes } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { settleCutOff } from '../trail/index.js';
import { undoChanges } from './undo-changes.js';

/** What takes captured changes back out of the tables. */
export function undoesOf(session: Session): Undoes {
  const settle = async (): Promise<void> => {
    if (session.owns) await settleCutOff(session);
  };
  return { undo: (request) => undoChanges(session, request, settle) };
}
