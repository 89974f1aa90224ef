import { DaybookError } from '../core/errors.js';
import { shellWord } from '../core/shell.js';
import type { AuditStore, RecordRequest } from '../store/audit-store.js';

/** Records one entry. Throws kind `refused` where its id is there already with other content. */
export async function record(
  store: AuditStore,
  request: RecordRequest,
): Promise<{ readonly seq: number; readonly id: string; readonly skipped: boolean }> {
  const [outcome] = await store.record([request]);
  if (outcome === undefined) throw new DaybookError('failed', 'the store recorded nothing');
  const { seq, id } = outcome;
  if (outcome.outcome === 'conflict') {
    throw new DaybookError('refused', `id ${id} is recorded already, with another ${outcome.fields.join(', ')}`, {
      hint: `daybook show ${shellWord(id)}`,
      field: 'id',
      value: id,
    });
  }
  return { seq, id, skipped: outcome.outcome === 'skipped' };
}
