import { closeSync, fsyncSync, openSync } from 'node:fs';
import type { Connection } from './connection.js';

/**
 * Copies the whole database into a file that nothing else has open. All pages go in one step: a copy in several would
 * begin anew whenever another program writes, and never end beside a busy one.
 */
export async function backupTo(connection: Connection, target: string): Promise<void> {
  await connection.backup(target, { progress: () => 0x7fffffff });
  const file = openSync(target, 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
