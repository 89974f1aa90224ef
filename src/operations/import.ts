import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor, EntryField, JsonText, NewEntry } from '../core/entry.js';
import { ENTRY_FIELDS, newEntry, newEntryText } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { BrokenRecord, ImportedEntry, Source, SourceRecord, SourceTime } from '../core/import.js';
import { formatTimestamp } from '../core/timestamp.js';
import { validateEntry } from '../core/validate.js';
import { listed } from '../core/json.js';
import type { AuditStore, CompareOutcome, RecordRequest } from '../store/audit-store.js';
import { batchSizes } from './batches.js';
import { heard } from './heard.js';
import { LARGE_LOG } from './log-size.js';

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
  /** Remembers what a rehearsal would record, where a source may hold an id more than once. */
  readonly rehearsed?: () => Promise<RehearsedEntries>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Takes what is broken, where it is not to end the import. */
  readonly reject?: (reject: Reject) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Told by a rehearsal and a verification, page by page, how many records they have read. */
  readonly onRead?: (read: number) => Promise<void>;
}

/** An entry ready for the store, with what is told of it. */
export interface PendingEntry {
  readonly entry: NewEntry;
  readonly comparedIn: keyof typeof COMPARED;
  readonly position: string;
  readonly unmatched: boolean;
}

/** The store's `openSorter`. */
export interface EntrySorter {
  add(items: readonly TimedEntry[]): void;
  sorted(): Iterable<readonly PendingEntry[]>;
  close(): void;
}

/** The store's `openRehearsed`. */
export interface RehearsedEntries {
  compare(request: RecordRequest): CompareOutcome;
  close(): void;
}

type Counts = { -readonly [Name in keyof ImportTotals]: number };

function nothing(): Counts {
  return { read: 0, recorded: 0, skipped: 0, unmatched: 0, rejected: 0 };
}

/** A batch holds the write lock for about so long while nobody else writes. */
const BATCH_MS = 40;
/** And so long where others do. */
const SHORT_BATCH_MS = 25;
/**
 * They then have as long: who has waited for less than 53 ms in SQLite's busy handler sleeps for 20 at most, and so wakes
 * in the pause.
 */
const PAUSE_MS = 25;
/** Who has committed within so long is taken to go on. */
const AT_WORK_MS = 2000;

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
  const totals = nothing();
  let waiting: PendingEntry[] = [];
  const others = await otherWriters(store);
  const sizes = batchSizes(() => (others.areAtWork() ? SHORT_BATCH_MS : BATCH_MS));
  let sinceCheckpoint = 0;
  let checkpointEvery = FIRST_CHECKPOINT;
  let failure: unknown;
  let conflict: DaybookError | undefined;
  const recordSome = async (count: number): Promise<ImportTotals> => {
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
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

interface OtherWriters {
  areAtWork(): boolean;
  /** To be called behind each batch. */
  look(): Promise<void>;
  /** To be called before the next one. */
  pause(): Promise<void>;
}

/** Leaves the lock to others between batches, as long as there are any: an import alone need not wait for nobody. */
async function otherWriters(store: AuditStore): Promise<OtherWriters> {
  await store.othersHaveWritten();
  let atWork = -Infinity;
  let released = -Infinity;
  const areAtWork = (): boolean => performance.now() - atWork < AT_WORK_MS;
  return {
    areAtWork,
    look: async () => {
      released = performance.now();
      if (await store.othersHaveWritten()) atWork = released;
    },
    pause: async () => {
      const rest = PAUSE_MS - (performance.now() - released);
      if (areAtWork() && rest > 0) await sleep(rest);
    },
  };
}

/** Two contents of one id: the one that is not recorded is handed out, and never skipped. */
function conflictOf(
  { position, entry }: PendingEntry,
  fields: readonly string[],
  where = 'is recorded already',
): Reject {
  const reason = `id ${entry.id ?? ''} ${where}, with another ${fields.join(', ')}`;
  return { position, reason, content: newEntryText(entry) };
}

function rejection({ position, reason }: Reject): DaybookError {
  return new DaybookError('data', `${position}: ${reason}`, { hint: '… --rejects rejects.ndjson' });
}

/** A page of what a source holds. */
interface Step {
  readonly read: number;
  readonly rejected: number;
  readonly entries: readonly PendingEntry[];
  /** Why this is the last one, where the source does not end here. */
  readonly failure?: unknown;
}

/** All entries of a source, ready for the store, in the order in which they are to be recorded. */
async function* pendingEntries(source: Source, options: ImportOptions): AsyncGenerator<Step> {
  const sorter = options.sorter?.();
  try {
    let held: readonly TimedEntry[] = [];
    for await (const { read, rejected, made, failure } of madeEntries(source, options)) {
      // A part of what is to be sorted is of no use.
      if (sorter !== undefined && failure !== undefined) throw failure;
      sorter?.add(made);
      let entries: readonly PendingEntry[] = [];
      if (sorter === undefined) [entries, held] = inOrder(held.length === 0 ? made : [...held, ...made]);
      if (failure === undefined) yield { read, rejected, entries };
      else yield { read, rejected, entries: [...entries, ...byFinerTime(held)], failure };
      if (failure !== undefined) return;
    }
    yield { read: 0, rejected: 0, entries: byFinerTime(held) };
    for (const entries of sorter?.sorted() ?? []) yield { read: 0, rejected: 0, entries };
  } finally {
    sorter?.close();
  }
}

interface MadeEntries extends Omit<Step, 'entries'> {
  readonly made: readonly TimedEntry[];
}

/** What the records of a source say, page by page; a failure is told behind all that came before it. */
async function* madeEntries(source: Source, options: ImportOptions): AsyncGenerator<MadeEntries> {
  let checked = source.kind === 'ndjson';
  let failed: MadeEntries | undefined;
  try {
    for await (const page of source.records()) {
      if (!checked) checked = checkColumns(page, options.needs);
      const step = await madeOf(page, options);
      if (step.failure !== undefined) failed = step;
      if (failed !== undefined) break;
      yield step;
    }
  } catch (failure) {
    failed = { read: 0, rejected: 0, made: [], failure };
  }
  if (failed !== undefined) yield failed;
}

async function madeOf(page: readonly (SourceRecord | BrokenRecord)[], options: ImportOptions): Promise<MadeEntries> {
  const made: TimedEntry[] = [];
  const now = options.clock();
  const recordedAt = formatTimestamp(now);
  let [read, rejected] = [0, 0];
  for (const record of page) {
    read += 1;
    try {
      if ('problem' in record) throw new DaybookError('data', record.problem);
      for (const entry of options.reader(record)) {
        made.push({ time: entry.time, item: pending(entry, record.position, { now, recordedAt }, options) });
      }
    } catch (error) {
      if (!(error instanceof DaybookError) || error.kind !== 'data') return { read, rejected, made, failure: error };
      const content = 'problem' in record ? JSON.stringify(record.text) : sourceObject(Object.entries(record.values));
      const reject = { position: record.position, reason: error.message, content };
      if (options.reject === undefined) return { read, rejected, made, failure: rejection(reject) };
      await options.reject(reject);
      rejected += 1;
    }
  }
  return { read, rejected, made };
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
  throw new DaybookError('data', `the source has no column ${missing}: it has ${listed(columns)}`);
}

function pending(
  imported: ImportedEntry,
  position: string,
  { now, recordedAt }: { readonly now: number; readonly recordedAt: string },
  options: ImportOptions,
): PendingEntry {
  const { id, time, fields, unmatched = false } = imported;
  const { entity_id: entityId = null } = fields;
  const scope = fields.scope ?? (entityId === null ? null : (options.scopeOf?.(entityId) ?? null));
  const times = { ts: time === null ? recordedAt : formatTimestamp(time.ms), recorded_at: recordedAt };
  const input = { source: options.source, ...fields, scope, id };
  const { entry } = validateEntry(input, 'data', { documents: 'text', now, times });
  const comparedIn = time === null ? 'untimed' : fields.recorded_at === undefined ? 'timed' : 'whole';
  return { entry, comparedIn, position, unmatched };
}

/**
 * What an entry is compared in: all of it, since what a record leaves out may have stood there before. When it was
 * recorded is another time at each run, unless the record says so, and so is a time that the source does not tell.
 */
const COMPARED = {
  whole: fieldsWithout('seq'),
  timed: fieldsWithout('seq', 'recorded_at'),
  untimed: fieldsWithout('seq', 'recorded_at', 'ts'),
};

/** By name until here: entries on their way through a sorter should not carry the fields of all of them. */
function requestOf({ entry, comparedIn }: PendingEntry): RecordRequest {
  return { entry, given: COMPARED[comparedIn] };
}

function fieldsWithout(...left: readonly EntryField[]): readonly (keyof NewEntry)[] {
  return ENTRY_FIELDS.filter((field): field is keyof NewEntry => !left.includes(field));
}

interface ValueCount {
  readonly value: string;
  readonly count: number;
}

/** What a rehearsal says beyond the totals: what would be recorded, skipped and rejected. */
export interface Rehearsal extends ImportTotals {
  readonly first: string | null;
  readonly last: string | null;
  /** The most frequent first. */
  readonly actions: readonly ValueCount[];
  readonly actors: readonly ValueCount[];
  /** The first entries, the first of those that did not match, and the first records that are broken. */
  readonly samples: readonly NewEntry[];
  readonly unmatchedSamples: readonly NewEntry[];
  readonly rejections: readonly Reject[];
}

const SAMPLES = 10;

/**
 * Goes through an import and records nothing. What is broken does not end it. Throws kind `interrupted` where the signal
 * comes: counts of a part would say nothing.
 */
export async function rehearseImport(store: AuditStore, source: Source, asked: ImportOptions): Promise<Rehearsal> {
  const rejections: Reject[] = [];
  const options: ImportOptions = {
    ...asked,
    reject: async (reject) => {
      if (rejections.length < SAMPLES) rejections.push(reject);
      await asked.reject?.(reject);
    },
  };
  const totals = nothing();
  let first: string | null = null;
  let last: string | null = null;
  const actions = new Map<string, number>();
  const actors = new Map<string, number>();
  const samples: NewEntry[] = [];
  const unmatchedSamples: NewEntry[] = [];
  const rehearsed = await asked.rehearsed?.();
  try {
    for await (const { step, outcomes } of comparedSteps(store, source, options)) {
      totals.read += step.read;
      totals.rejected += step.rejected;
      for (const [index, pendingEntry] of step.entries.entries()) {
        const { entry, unmatched } = pendingEntry;
        const there = outcomes[index] as CompareOutcome;
        const outcome = there.outcome === 'missing' ? (rehearsed?.compare(requestOf(pendingEntry)) ?? there) : there;
        if (outcome.outcome === 'conflict') {
          const where = there.outcome === 'missing' ? 'stands in the source before' : 'is recorded already';
          await options.reject?.(conflictOf(pendingEntry, outcome.fields, where));
          totals.rejected += 1;
          continue;
        }
        totals[outcome.outcome === 'missing' ? 'recorded' : 'skipped'] += 1;
        if (unmatched) totals.unmatched += 1;
        actions.set(entry.action, (actions.get(entry.action) ?? 0) + 1);
        actors.set(entry.actor, (actors.get(entry.actor) ?? 0) + 1);
        if (first === null || (entry.ts ?? '') < first) first = entry.ts;
        if (last === null || (entry.ts ?? '') > last) last = entry.ts;
        if (samples.length < SAMPLES) samples.push(entry);
        if (unmatched && unmatchedSamples.length < SAMPLES) unmatchedSamples.push(entry);
      }
    }
  } finally {
    rehearsed?.close();
  }
  return {
    ...totals,
    first,
    last,
    actions: byCount(actions),
    actors: byCount(actors),
    samples,
    unmatchedSamples,
    rejections,
  };
}

function byCount(counts: ReadonlyMap<string, number>): ValueCount[] {
  return [...counts].map(([value, count]) => ({ value, count })).toSorted((a, b) => b.count - a.count);
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
 * there should be. Throws kind `interrupted` where the signal comes.
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
    for (const [index, { entry, position }] of step.entries.entries()) {
      const outcome = outcomes[index] as CompareOutcome;
      if (outcome.outcome === 'same') continue;
      const fields = outcome.outcome === 'conflict' ? outcome.fields : null;
      yield { position, id: entry.id ?? '', fields };
    }
  }
  return { read, entries, rejected: broken };
}

async function* comparedSteps(
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
    yield { step, outcomes: await store.compare(step.entries.map(requestOf)) };
    if (step.failure !== undefined) throw step.failure;
  }
}

/**
 * Records that an import came to its end, or why it stopped before, with its counts, and makes durable what it recorded.
 * Returns the seq, or null where there was nothing to tell.
 */
export async function recordImport(
  store: AuditStore,
  totals: ImportTotals,
  what: { readonly format: string; readonly source: string; readonly actor: Actor; readonly stopped?: string },
): Promise<number | null> {
  const { format, source, actor, stopped } = what;
  const nothingNew = totals.recorded === 0 && totals.rejected === 0;
  if (nothingNew && (totals.skipped === 0 || !(await hasUntold(store, source)))) return null;
  const entry = newEntry({
    ...actor,
    category: 'system',
    action: 'import',
    severity: totals.rejected > 0 || stopped !== undefined ? 'warning' : 'info',
    message: `imported ${totals.recorded} entries from ${source}${stopped === undefined ? '' : `, then stopped: ${stopped}`}`,
    metadata: JSON.stringify({ format, source, ...totals, ...(stopped !== undefined && { stopped }) }),
  });
  const [outcome] = await store.record([{ entry, given: [] }]);
  return outcome?.seq ?? null;
}

/** Whether entries of a source are there that no import's entry follows: one was killed before it could tell of them. */
async function hasUntold(store: AuditStore, source: string): Promise<boolean> {
  const upTo = await store.mark();
  const told = { category: ['system'], action: ['import'], meta: [{ path: 'source', value: source }] };
  const { entries } = await store.page({ filter: told, order: 'newest', limit: 1, upTo });
  const seq = entries[0]?.seq ?? 0;
  const behind = { filter: { source: [source] }, order: 'recorded', limit: 1, upTo, after: { ms: 0, seq } } as const;
  return (await store.page(behind)).entries.length > 0;
}
