import type { Actor, JsonText, NewEntry } from '../core/entry.js';
import { newEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { BrokenRecord, ImportedEntry, Source, SourceRecord, SourceTime } from '../core/import.js';
import { formatTimestamp } from '../core/timestamp.js';
import { validateEntry } from '../core/validate.js';
import type { AuditStore, CompareOutcome, RecordRequest } from '../store/audit-store.js';
import { batchSizes } from './batches.js';

/** What does not become an entry: a record that is broken, or one whose id is recorded with other content. */
export interface Reject {
  readonly position: string;
  readonly reason: string;
  /** What was to become an entry, or the entry that it would have become; a text where it could not be read. */
  readonly content: JsonText;
}

export interface ImportTotals {
  /** Records of the source. */
  readonly read: number;
  readonly recorded: number;
  /** Entries that were there already, with the same content. */
  readonly skipped: number;
  /** Entries of which the format made out nothing but their text; they are recorded all the same. */
  readonly unmatched: number;
  readonly rejected: number;
}

export interface ImportOptions {
  /** The stable name of the source, as all its entries have it. */
  readonly source: string;
  readonly reader: (record: SourceRecord) => readonly ImportedEntry[];
  /** The columns that every row must have, where the source has rows. */
  readonly needs: readonly string[];
  /** The scope of entries that have none of their own, by their entity id. */
  readonly scopeOf?: (entityId: string) => string | null;
  /** Sorts the entries by time, where the source does not have them so. */
  readonly sorter?: () => EntrySorter;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Takes what is broken, where it is not to end the import. */
  readonly reject?: (reject: Reject) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** An entry ready for the store, with what is told of it. */
export interface PendingEntry {
  readonly request: RecordRequest;
  readonly position: string;
  readonly unmatched: boolean;
}

/** The store's `openSorter`. */
export interface EntrySorter {
  add(items: readonly TimedEntry[]): void;
  sorted(): Iterable<readonly PendingEntry[]>;
  close(): void;
}

const NOTHING: ImportTotals = { read: 0, recorded: 0, skipped: 0, unmatched: 0, rejected: 0 };

/**
 * Records what a source holds, in batches that are each durable before the next; yields the totals after each page and
 * batch. Killed anywhere, running it again completes it: ids are the same each time.
 * Throws kind `data` at the first record that is broken or in conflict, unless `reject` takes it; what was recorded
 * before it stays.
 */
export async function* importSource(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<ImportTotals, ImportTotals> {
  let totals = NOTHING;
  const sizes = batchSizes();
  for await (const step of pendingEntries(source, options)) {
    totals = { ...totals, read: totals.read + step.read, rejected: totals.rejected + step.rejected };
    for (let start = 0; start < step.entries.length;) {
      const batch = step.entries.slice(start, start + sizes.next());
      start += batch.length;
      const outcomes = await sizes.timed(batch.length, () => store.record(batch.map(({ request }) => request)));
      for (const [index, outcome] of outcomes.entries()) {
        const entry = batch[index] as PendingEntry;
        if (outcome.outcome === 'conflict') {
          await rejectConflict(entry, outcome.fields, options);
          totals = { ...totals, rejected: totals.rejected + 1 };
        } else {
          totals = { ...totals, [outcome.outcome]: totals[outcome.outcome] + 1 };
        }
        if (entry.unmatched) totals = { ...totals, unmatched: totals.unmatched + 1 };
      }
      yield totals;
      if (options.signal?.aborted === true) return totals;
    }
    yield totals;
    if (options.signal?.aborted === true) return totals;
  }
  return totals;
}

/** Two contents of one id: the one that is not recorded is handed out, and never skipped. */
async function rejectConflict(
  { position, request }: PendingEntry,
  fields: readonly string[],
  options: ImportOptions,
): Promise<void> {
  const reason = `id ${request.entry.id ?? ''} is recorded already, with another ${fields.join(', ')}`;
  await rejectOrThrow({ position, reason, content: JSON.stringify(request.entry) }, options);
}

async function rejectOrThrow(reject: Reject, options: ImportOptions): Promise<void> {
  if (options.reject !== undefined) return options.reject(reject);
  throw new DaybookError('data', `${reject.position}: ${reject.reason}`, { hint: '… --rejects rejects.ndjson' });
}

/** A page of what a source holds. */
interface Step {
  readonly read: number;
  readonly rejected: number;
  readonly entries: readonly PendingEntry[];
}

/** All entries of a source, ready for the store, in the order in which they are to be recorded. */
async function* pendingEntries(source: Source, options: ImportOptions): AsyncGenerator<Step> {
  const sorter = options.sorter?.();
  try {
    let checked = source.kind === 'ndjson';
    let held: readonly TimedEntry[] = [];
    for await (const page of source.records()) {
      if (!checked) checked = checkColumns(page, options.needs);
      const made: TimedEntry[] = [];
      let broken = 0;
      for (const record of page) {
        try {
          made.push(...entriesOf(record, options));
        } catch (error) {
          if (!(error instanceof DaybookError) || error.kind !== 'data') throw error;
          broken += 1;
          const content =
            'problem' in record ? JSON.stringify(record.text) : sourceObject(Object.entries(record.values));
          await rejectOrThrow({ position: record.position, reason: error.message, content }, options);
        }
      }
      sorter?.add(made);
      let entries: readonly PendingEntry[] = [];
      if (sorter === undefined) [entries, held] = inOrder([...held, ...made]);
      yield { read: page.length, rejected: broken, entries };
    }
    yield { read: 0, rejected: 0, entries: byFinerTime(held) };
    for (const entries of sorter?.sorted() ?? []) yield { read: 0, rejected: 0, entries };
  } finally {
    sorter?.close();
  }
}

/** An entry with its time in full: what is finer than a millisecond is only good for its place. */
interface TimedEntry {
  readonly time: SourceTime | null;
  readonly item: PendingEntry;
}

/**
 * Puts entries that come in the order in which they were recorded, and share a millisecond, by their finer time. The
 * last ones are held back: more of their millisecond may come.
 */
function inOrder(entries: readonly TimedEntry[]): [readonly PendingEntry[], readonly TimedEntry[]] {
  const ordered: PendingEntry[] = [];
  let start = 0;
  for (let end = 1; end < entries.length; end++) {
    if (entries[end]?.time?.ms === entries[start]?.time?.ms) continue;
    ordered.push(...byFinerTime(entries.slice(start, end)));
    start = end;
  }
  return [ordered, entries.slice(start)];
}

function byFinerTime(entries: readonly TimedEntry[]): PendingEntry[] {
  const finer = ({ time }: TimedEntry): string => time?.finer ?? '';
  return entries.toSorted((a, b) => (finer(a) < finer(b) ? -1 : finer(a) > finer(b) ? 1 : 0)).map(({ item }) => item);
}

/** Whether a row was there to be checked: all have the columns of the first. Throws kind `data`. */
function checkColumns(page: readonly (SourceRecord | BrokenRecord)[], needs: readonly string[]): boolean {
  const row = page.find((record) => 'values' in record);
  if (row === undefined) return false;
  const columns = Object.keys(row.values);
  const missing = needs.find((name) => !columns.includes(name));
  if (missing === undefined) return true;
  throw new DaybookError('data', `the source has no column ${missing}: it has ${columns.join(', ')}`);
}

function entriesOf(record: SourceRecord | BrokenRecord, options: ImportOptions): TimedEntry[] {
  if ('problem' in record) throw new DaybookError('data', record.problem);
  return options.reader(record).map((entry) => ({ time: entry.time, item: pending(entry, record.position, options) }));
}

function pending(imported: ImportedEntry, position: string, options: ImportOptions): PendingEntry {
  const { id, time, fields } = imported;
  const now = options.clock();
  const scope = fields.scope ?? (fields.entity_id == null ? null : (options.scopeOf?.(fields.entity_id) ?? null));
  const ts = formatTimestamp(time?.ms ?? now);
  const { entry, given } = validateEntry(
    { ...fields, scope, id, source: options.source, ts, recorded_at: formatTimestamp(now) },
    'data',
    { documents: 'text', now },
  );
  // When it was recorded is another time at each run, and so is a time that the source does not tell.
  const compared = given.filter((field) => field !== 'recorded_at' && (field !== 'ts' || time !== null));
  return { request: { entry, given: compared }, position, unmatched: imported.unmatched === true };
}

/** What a rehearsal says beyond the totals: what would be recorded, skipped and rejected. */
export interface Rehearsal extends ImportTotals {
  readonly first: string | null;
  readonly last: string | null;
  readonly actions: readonly { readonly action: string; readonly count: number }[];
  readonly actors: readonly { readonly actor: string; readonly count: number }[];
  /** The first entries, and the first of those that did not match. */
  readonly samples: readonly NewEntry[];
  readonly unmatchedSamples: readonly NewEntry[];
}

const SAMPLES = 10;

/** Goes through an import and records nothing. */
export async function rehearseImport(store: AuditStore, source: Source, options: ImportOptions): Promise<Rehearsal> {
  let totals = NOTHING;
  let first: string | null = null;
  let last: string | null = null;
  const actions = new Map<string, number>();
  const actors = new Map<string, number>();
  const samples: NewEntry[] = [];
  const unmatchedSamples: NewEntry[] = [];
  for await (const { step, outcomes } of comparedSteps(store, source, options)) {
    totals = { ...totals, read: totals.read + step.read, rejected: totals.rejected + step.rejected };
    for (const [index, pendingEntry] of step.entries.entries()) {
      const { entry } = pendingEntry.request;
      const { unmatched } = pendingEntry;
      const outcome = outcomes[index] as CompareOutcome;
      if (outcome.outcome === 'conflict') {
        await rejectConflict(pendingEntry, outcome.fields, options);
        totals = { ...totals, rejected: totals.rejected + 1 };
        continue;
      }
      const fresh = outcome.outcome === 'missing';
      totals = {
        ...totals,
        recorded: totals.recorded + (fresh ? 1 : 0),
        skipped: totals.skipped + (fresh ? 0 : 1),
        unmatched: totals.unmatched + (unmatched ? 1 : 0),
      };
      actions.set(entry.action, (actions.get(entry.action) ?? 0) + 1);
      actors.set(entry.actor, (actors.get(entry.actor) ?? 0) + 1);
      if (first === null || (entry.ts ?? '') < first) first = entry.ts;
      if (last === null || (entry.ts ?? '') > last) last = entry.ts;
      if (samples.length < SAMPLES) samples.push(entry);
      if (unmatched && unmatchedSamples.length < SAMPLES) unmatchedSamples.push(entry);
    }
  }
  const byCount = <K extends string>(key: K, counts: ReadonlyMap<string, number>) =>
    [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, count]) => ({ [key]: name, count }) as { [key in K]: string } & { count: number });
  return {
    ...totals,
    first,
    last,
    actions: byCount('action', actions),
    actors: byCount('actor', actors),
    samples,
    unmatchedSamples,
  };
}

/** A record of a source whose entry is not there, or not as the record says. */
export interface Difference {
  readonly position: string;
  readonly id: string;
  /** The fields that differ; null where there is no such entry. */
  readonly fields: readonly string[] | null;
}

/**
 * Compares every record of a source with its entry, field by field; yields what differs, and returns how many entries
 * there should be.
 */
export async function* verifyImport(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<Difference, { readonly read: number; readonly entries: number; readonly rejected: number }> {
  let [read, entries, broken] = [0, 0, 0];
  for await (const { step, outcomes } of comparedSteps(store, source, options)) {
    read += step.read;
    entries += step.entries.length;
    broken += step.rejected;
    for (const [index, { request, position }] of step.entries.entries()) {
      const outcome = outcomes[index] as CompareOutcome;
      if (outcome.outcome === 'same') continue;
      const fields = outcome.outcome === 'conflict' ? outcome.fields : null;
      yield { position, id: request.entry.id ?? '', fields };
    }
  }
  return { read, entries, rejected: broken };
}

async function* comparedSteps(
  store: AuditStore,
  source: Source,
  options: ImportOptions,
): AsyncGenerator<{ readonly step: Step; readonly outcomes: readonly CompareOutcome[] }> {
  for await (const step of pendingEntries(source, options)) {
    if (options.signal?.aborted === true) return;
    yield { step, outcomes: await store.compare(step.entries.map(({ request }) => request)) };
  }
}

/** Records that an import came to its end, with its counts; returns the seq, or null where nothing had to be told. */
export async function recordImport(
  store: AuditStore,
  totals: ImportTotals,
  what: { readonly format: string; readonly source: string; readonly actor: Actor },
): Promise<number | null> {
  if (totals.recorded === 0 && totals.rejected === 0) return null;
  const { format, source, actor } = what;
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'import',
    severity: totals.rejected > 0 ? 'warning' : 'info',
    message: `imported ${totals.recorded} entries from ${source}`,
    metadata: JSON.stringify({ format, source, ...totals }),
  });
  const [outcome] = await store.record([{ entry, given: [] }]);
  return outcome?.seq ?? null;
}
