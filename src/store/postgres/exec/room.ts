import type { Executes } from '../../audit-store.js';
import type { Session } from '../engine/index.js';
import { executeSql } from './execute.js';

/** What runs SQL with a context. */
export function executesOf(session: Session): Executes {
  return { execute: (request) => executeSql(session, request) };
}
