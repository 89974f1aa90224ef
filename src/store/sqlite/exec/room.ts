import type { Executes } from '../../audit-store.js';
import { openTrail } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { executeSql } from './execute.js';

/** What runs SQL with a context. */
export function executesOf({ options, clock, change, settle, expectStanding }: Session): Executes {
  return {
    execute: (request) =>
      change(() => {
        expectStanding();
        // A connection of its own, whose settings, temporary tables and triggers end with it.
        const own = openTrail(options);
        try {
          return leavingFreed(own, () => executeSql(own, request, { clock, settle: () => settle(own) }));
        } finally {
          own.close();
        }
      }),
  };
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
