import { DaybookError } from '../core/errors.js';
import type { Source } from '../core/import.js';
import type { AuditStore, CompareOutcome } from '../store/audit-store.js';
import { heard } from './heard.js';
import { pendingEntries, recordedEarlier, requestOf } from './import-entries.js';
import type { ImportOptions, PendingEntry, Step } from './import-entries.js';

/** A record of a source whose entry is not there, or not as the record says. */
export interface Difference {
  readonly position: string;
  readonly id: string;
  /** The fields that differ; null where there is no such entry. */
  readonly fields: readonly string[] | null;
}

interface Verified {
  readonly read: number;
  readonly entries: number;
  readonly rejected: number;
  /** The entries of which their source does not say all any more. */
  readonly forgotten: number;
}

/**
 * Compares every record of a source with its entry, field by field; yields what differs, and returns how many entries
 * there should be. Throws kind `interrupted` where the signal comes.
 */
export async function* verifyImport(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<Difference, Verified> {
  let [read, entries, broken, forgotten] = [0, 0, 0, 0];
  for await (const { step, outcomes } of comparedSteps(store, source, options)) {
    read += step.read;
    entries += step.entries.length;
    broken += step.rejected;
    for (const [index, { entry, position }] of step.entries.entries()) {
      const outcome = outcomes[index] as CompareOutcome;
      if (outcome.outcome === 'same') {
        const { forgotten: values } = outcome;
        if (values === undefined) continue;
        forgotten += 1;
        await options.onForgotten?.({ position, id: entry.id ?? '', values });
        continue;
      }
      const fields = outcome.outcome === 'conflict' ? outcome.fields : null;
      yield { position, id: entry.id ?? '', fields };
    }
  }
  return { read, entries, rejected: broken, forgotten };
}

export async function* comparedSteps(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<{ readonly step: Step; readonly outcomes: readonly CompareOutcome[] }> {
  let read = 0;
  for await (const step of pendingEntries(source, options)) {
    read += step.read;
    await options.onRead?.(read);
    await heard();
    if (options.signal?.aborted === true) {
      throw new DaybookError('interrupted', 'interrupted: not every record was read');
    }
    yield { step, outcomes: await comparedWith(store, step.entries, options) };
    if (step.failure !== undefined) throw step.failure;
  }
}

/** How entries compare with what is there: what an earlier version recorded of the same record is the same. */
async function comparedWith(
  store: AuditStore,
  entries: readonly PendingEntry[],
  options: ImportOptions,
): Promise<CompareOutcome[]> {
  const outcomes = await store.compare(entries.map(requestOf));
  const others = entries.filter((_, index) => outcomes[index]?.outcome !== 'same');
  const known = await recordedEarlier(store, others, options);
  return entries.map((entry, index) => (known.has(entry) ? { outcome: 'same' } : (outcomes[index] as CompareOutcome)));
}
