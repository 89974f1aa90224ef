import type { DaybookError } from '../core/errors.js';
import type { Source } from '../core/import.js';
import type { AuditStore } from '../store/audit-store.js';
import { batchSizes } from './batches.js';
import { heard } from './heard.js';
import { conflictOf, pendingEntries, recordedEarlier, rejection, requestOf } from './import-entries.js';
import type { ImportOptions, PendingEntry } from './import-entries.js';
import { noTotals } from './import-totals.js';
import type { ImportTotals } from './import-totals.js';
import { LARGE_LOG } from './log-size.js';
import { otherWriters } from './other-writers.js';

/** A batch holds the write lock for about so long while nobody else writes. */
const BATCH_MS = 40;
/** And so long where others do. */
const SHORT_BATCH_MS = 25;
/**
 * The log flows back after so many entries at first, and later on when it has about so many bytes. Seldom is cheaper,
 * since many batches change the same pages. In a large trail a thousand entries change pages of some 12 MB.
 */
const FIRST_CHECKPOINT = 5000;
const LOG_BYTES = 0.75 * LARGE_LOG;

/**
 * Records what a source holds, in batches; yields the totals after each. A power cut may take back the last batches,
 * until `recordImport` has recorded the import itself. Stopped anywhere, running it again completes it: ids are the same
 * each time.
 * Throws kind `data` at the first record that is broken or in conflict, unless `reject` takes it; what was recorded
 * before it stays.
 */
export async function* importSource(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<ImportTotals, ImportTotals> {
  const totals = noTotals();
  let waiting: PendingEntry[] = [];
  const isFirst = !(await hasEntriesOf(store, options.source));
  const others = await otherWriters(store);
  const sizes = batchSizes(() => (others.areAtWork() ? SHORT_BATCH_MS : BATCH_MS));
  let sinceCheckpoint = 0;
  let checkpointEvery = FIRST_CHECKPOINT;
  let failure: unknown;
  let conflict: DaybookError | undefined;
  const recordSome = async (count: number): Promise<ImportTotals> => {
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    const known = isFirst ? new Set() : await recordedEarlier(store, taken, options);
    const batch = known.size === 0 ? taken : taken.filter((item) => !known.has(item));
    for (const item of taken) {
      if (!known.has(item)) continue;
      totals.skipped += 1;
      if (item.unmatched) totals.unmatched += 1;
    }
    if (batch.length === 0) return { ...totals };
    const requests = batch.map(requestOf);
    await others.pause();
    const outcomes = await sizes.timed(batch.length, () =>
      store.recordOneOfMany(requests, { stopAtConflict: options.reject === undefined }),
    );
    await others.look();
    await heard();
    for (const [index, outcome] of outcomes.entries()) {
      const entry = batch[index] as PendingEntry;
      if (outcome.outcome === 'conflict') {
        const reject = conflictOf(entry, outcome.fields);
        if (options.reject === undefined) conflict = rejection(reject);
        else await options.reject(reject);
        totals.rejected += options.reject === undefined ? 0 : 1;
      } else {
        totals[outcome.outcome] += 1;
        if (outcome.outcome === 'skipped' && outcome.forgotten !== undefined) totals.forgotten += 1;
        if (entry.unmatched) totals.unmatched += 1;
      }
    }
    sinceCheckpoint += batch.length;
    // Beside others it must be short, or one of their commits would have to see to all of it.
    if (others.areAtWork() || sinceCheckpoint >= checkpointEvery) {
      const bytes = await store.upkeep();
      checkpointEvery = Math.min(2 * checkpointEvery, (sinceCheckpoint * LOG_BYTES) / Math.max(bytes, 1));
      sinceCheckpoint = 0;
    }
    return { ...totals };
  };
  for await (const step of pendingEntries(source, options)) {
    totals.read += step.read;
    totals.rejected += step.rejected;
    waiting = [...waiting, ...step.entries];
    await heard();
    while (waiting.length >= sizes.next()) {
      yield await recordSome(sizes.next());
      if (conflict !== undefined) throw conflict;
      if (options.signal?.aborted === true) return totals;
    }
    yield { ...totals };
    if (options.signal?.aborted === true) return totals;
    failure = step.failure;
  }
  while (waiting.length > 0 && conflict === undefined) yield await recordSome(sizes.next());
  if (conflict !== undefined) throw conflict;
  if (failure !== undefined) throw failure;
  return totals;
}

/** Whether anything of a source is there: if not, no earlier version can have recorded its records. */
async function hasEntriesOf(store: AuditStore, source: string): Promise<boolean> {
  const upTo = await store.mark();
  const { entries } = await store.page({ filter: { source: [source] }, order: 'newest', limit: 1, upTo });
  return entries.length > 0;
}
