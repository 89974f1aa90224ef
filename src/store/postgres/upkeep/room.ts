import { DaybookError } from '../../../core/errors.js';
import { shellWord } from '../../../core/shell.js';
import type { Upkeep } from '../../audit-store.js';
import { identifier } from '../engine/index.js';
import type { Session } from '../engine/index.js';
import { foreignTriggers, futureFrom, readFacts } from './facts.js';

/** What the engine tells of its database, and does for it. */
export function upkeepOf({ connection, asked, options: { schema }, read }: Session): Omit<Upkeep, 'origin' | 'close'> {
  const name = identifier(schema);
  return {
    // Nobody waits for whoever records or deletes rows: there is no one lock to leave to others.
    othersHaveWritten: async () => false,
    unreadableRows: async () => [],
    // Space is used again when the server has vacuumed, and is not given back.
    giveBackSpace: async () => 0,
    upkeep: async () => 0,
    facts: (now) => read(() => readFacts(connection, name, futureFrom(now))),
    foreignTriggers: () => read(() => foreignTriggers(connection, name)),
    damage: async () => {
      throw new DaybookError('usage', 'the pages of a PostgreSQL server are for its own programs to check', {
        hint: `pg_amcheck --schema ${shellWord(schema)} ${shellWord(asked.database)}`,
      });
    },
    backup: async () => {
      throw new DaybookError('usage', 'a database of PostgreSQL is copied by its own pg_dump', {
        hint: `pg_dump --schema ${shellWord(schema)} ${shellWord(asked.shown)} > audit.sql`,
      });
    },
  };
}
