import { statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { DaybookError } from '../core/errors.js';
import type { AuditStore } from '../store/audit-store.js';
import { realPath } from './file-identity.js';
import { fileBeside } from './output-file.js';
import { outputPlaces } from './output-place.js';

/**
 * Copies the database into a file that appears whole or not at all. Throws kind `refused` where it exists already unless
 * `force`, and always for what belongs to the trail, is no regular file, or has a log of another database beside it. Throws
 * kind `interrupted` where the signal came before the copy was whole.
 */
export async function backup(store: AuditStore, path: string, force: boolean, signal?: AbortSignal): Promise<void> {
  const { file } = outputPlaces(store.origin, { file: path }, { regular: true });
  refuseLog(path);
  await fileBeside(file, force, async (place) => {
    await store.backup(place);
    refuseLog(path);
    // What came meanwhile is heard only now.
    await turn();
    if (signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted: no copy was made');
  });
}

/** SQLite would take it for the copy's own, and put its pages into the copy. */
function refuseLog(path: string): void {
  for (const log of ['-wal', '-journal'].map((ending) => realPath(path) + ending)) {
    if ((sizeOf(log) ?? 0) === 0) continue;
    throw new DaybookError(
      'refused',
      `${log} is the log of a database that is open, or was when its program died: it would be read into the copy`,
    );
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch {
    // It cannot be seen: what is written beside it says why.
    return undefined;
  }
}
