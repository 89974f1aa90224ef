import type { AuditStore } from '../store/audit-store.js';
import { fileBeside } from './output-file.js';

/** Copies the database into a file that appears whole or not at all. Throws kind `refused` where it exists already. */
export async function backup(store: AuditStore, path: string, force: boolean): Promise<void> {
  await fileBeside(path, force, (place) => store.backup(place));
}
