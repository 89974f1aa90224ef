import type { Connection } from './connection.js';

/**
 * Runs writes of a prune that hold the lock for no longer than they must: the log flows back afterwards and not within
 * the commit, and unless they are `durable`, nobody waits for the disk.
 *
 * A batch need not be on the disk before the next one begins. The log is read up to its last whole transaction, so a
 * power cut takes back the last batches, each with its account, and a next prune finishes. A durable commit behind them
 * syncs the whole log, and what flows back is synced before. A rollback journal that is synced less may leave a damaged
 * database: there nothing changes.
 */
export function hurrying<T>(connection: Connection, durable: boolean, work: () => T): T {
  if (connection.pragma('journal_mode', { simple: true }) !== 'wal') return work();
  // Neither can be changed within a transaction.
  const pages = connection.pragma('wal_autocheckpoint', { simple: true }) as number;
  if (!durable) connection.pragma('synchronous = NORMAL');
  connection.pragma('wal_autocheckpoint = 0');
  try {
    return work();
  } finally {
    connection.pragma(`wal_autocheckpoint = ${pages}`);
    connection.pragma('synchronous = FULL');
  }
}

/**
 * So many pages of the log flow back at once while batches are recorded: many of them change the same pages of the
 * indexes, and each page flows back once.
 */
const PAGES_WHILE_RECORDING = 8000;

/** Runs a write that is one of many, each of which waits for the disk. */
export function followed<T>(connection: Connection, work: () => T): T {
  const pages = connection.pragma('wal_autocheckpoint', { simple: true }) as number;
  connection.pragma(`wal_autocheckpoint = ${PAGES_WHILE_RECORDING}`);
  try {
    return work();
  } finally {
    connection.pragma(`wal_autocheckpoint = ${pages}`);
  }
}

/** Lets the log flow back into the database without waiting for anybody, and says to how many bytes it had grown. */
export function checkpointLog(connection: Connection): number {
  // Without a log it says -1.
  const [{ log }] = connection.pragma('wal_checkpoint(PASSIVE)') as [{ log: number }];
  return Math.max(log, 0) * (connection.pragma('page_size', { simple: true }) as number);
}
