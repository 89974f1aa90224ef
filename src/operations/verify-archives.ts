import { DaybookError } from '../core/errors.js';
import { keyLine } from '../core/evidence/notes.js';
import { termsOf } from '../core/evidence/terms.js';
import type { AuditStore } from '../store/audit-store.js';
import { filesOf } from './gather.js';
import { checkArchive } from './verify-export.js';

/**
 * Checks archives of a sealed trail with the files of proofs beside them, each by a key of the trail. Throws kind `refused`
 * where nothing is sealed, and kind `findings` for an archive that is not what was sealed.
 */
export async function verifyArchives(
  store: AuditStore,
  archives: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { trails, handovers } = await store.sealState();
  const keys = new Set((termsOf(trails, handovers) ?? []).map(({ key }) => keyLine(key)));
  if (keys.size === 0) {
    throw new DaybookError('refused', 'this trail is not sealed, so nothing can verify its archives', {
      hint: 'daybook seal status',
    });
  }
  for (const file of archives.flatMap(filesOf)) {
    const { key, findings } = await checkArchive(file, `${file}.proof`, signal);
    const faults = findings.filter(({ severity }) => severity === 'fault');
    const found = faults.map(({ code, count }) => `${code} (${count})`);
    if (!keys.has(keyLine(key))) found.push('bad-signature (1)');
    if (found.length > 0) throw new DaybookError('findings', `${file} is not what was sealed: ${found.join(', ')}`);
  }
}
