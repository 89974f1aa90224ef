import type { Upkeep } from '../../audit-store.js';
import { checkpointLog, hurrying } from '../engine/index.js';
import type { Connection, Session } from '../engine/index.js';
import { holdTriggerTexts } from '../holds/index.js';
import { mirrorTriggerTexts } from '../mirrors/index.js';
import { backupTo } from './backup.js';
import { damageOf } from './deep-check.js';
import { foreignTriggers, futureFrom, isOwn, readFacts } from './facts.js';
import { unreadableRows } from './unreadable-rows.js';

/** What the engine tells of its database, and does for it; what is simple enough for every command stands at its door. */
export type FurtherUpkeep = Omit<Upkeep, 'origin' | 'close'>;

export function upkeepOf({ connection, options: { path }, read, readAtOnce, slowly }: Session): FurtherUpkeep {
  return {
    othersHaveWritten: () => read(() => othersHaveWritten(connection)),
    unreadableRows: () => readAtOnce(() => unreadableRows(connection)),
    giveBackSpace: (pages) => read(() => giveBackSpace(connection, pages)),
    upkeep: () => read(() => checkpointLog(connection)),
    facts: (now) => read(() => readFacts(connection, path, futureFrom(now))),
    foreignTriggers: () =>
      readAtOnce(() =>
        foreignTriggers(connection, new Set([...mirrorTriggerTexts(connection), ...holdTriggerTexts(connection)])),
      ),
    damage: (interruptible) => slowly(() => damageOf(connection, interruptible)),
    backup: (target) => slowly(() => backupTo(connection, path, target)),
  };
}

const versions = new WeakMap<Connection, number>();

/** SQLite's version of the data changes when another connection has committed. */
function othersHaveWritten(connection: Connection): boolean {
  const before = versions.get(connection);
  const version = connection.pragma('data_version', { simple: true }) as number;
  versions.set(connection, version);
  return before !== undefined && version !== before;
}

/** Gives free pages back to the file system, in a database that is ours alone and was made for it. */
function giveBackSpace(connection: Connection, pages: number): number {
  if (connection.pragma('auto_vacuum', { simple: true }) !== 2 || !isOwn(connection)) return 0;
  const free = (): number => connection.pragma('freelist_count', { simple: true }) as number;
  const before = free();
  hurrying(connection, false, () => connection.pragma(`incremental_vacuum(${pages})`));
  return (before - free()) * (connection.pragma('page_size', { simple: true }) as number);
}
