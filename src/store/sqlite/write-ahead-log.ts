import type { Connection } from './connection.js';

/** Half of what `status` calls a large one. */
const LONG_LOG = 64 * 1024 * 1024;

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
  if (!durable) connection.pragma('synchronous = NORMAL');
  connection.pragma('wal_autocheckpoint = 0');
  try {
    return work();
  } finally {
    connection.pragma('wal_autocheckpoint = 1000');
    connection.pragma('synchronous = FULL');
  }
}

/** Lets the log flow back into the database without waiting for anybody, and says how long it has grown. */
export function checkpointLog(connection: Connection): 'short' | 'long' {
  const [{ log }] = connection.pragma('wal_checkpoint(PASSIVE)') as [{ log: number }];
  const bytes = log * (connection.pragma('page_size', { simple: true }) as number);
  return bytes < LONG_LOG ? 'short' : 'long';
}
