import type { EntryField, JsonText, NewEntry } from '../core/entry.js';
import { ENTRY_FIELDS, newEntryText } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { sourceObject } from '../core/import.js';
import type { BrokenRecord, ImportedEntry, ImportReader, Source, SourceRecord, SourceTime } from '../core/import.js';
import { exactTime, withExactTime } from '../core/exact-time.js';
import { formatTimestamp } from '../core/timestamp.js';
import { validateEntry } from '../core/validate.js';
import { listed } from '../core/json.js';
import type { AuditStore, CompareOutcome, RecordRequest } from '../store/audit-store.js';

/** What does not become an entry: a record that is broken, or one whose id is recorded with other content. */
export interface Reject {
  readonly position: string;
  readonly reason: string;
  /** What was to become an entry, or the entry that it would have become; a text where it could not be read. */
  readonly content: JsonText;
}

export interface ImportOptions {
  /** The stable name of the source, as all its entries have it. */
  readonly source: string;
  readonly reader: (record: SourceRecord) => readonly ImportedEntry[];
  /** As the reader has them. */
  readonly ended?: ImportReader['ended'];
  readonly isGiven?: ImportReader['isGiven'];
  /** The columns that every row must have, where the source has rows. */
  readonly needs: readonly string[];
  /** The scope of entries that have none of their own, by their entity id. */
  readonly scopeOf?: (entityId: string) => string | null;
  /** Fetches what lookups of the reader, and those of scopes, were asked for: as the source has it. */
  readonly fetch?: Source['fetch'];
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
  /** Told by a verification of each entry of which its source does not say all any more. */
  readonly onForgotten?: (forgotten: Forgotten) => Promise<void>;
}

/** What an entry has that its source does not say any more, such as `metadata.user_id`. */
export interface Forgotten {
  readonly position: string;
  readonly id: string;
  readonly values: readonly string[];
}

/** An entry ready for the store, with what is told of it. */
export interface PendingEntry {
  readonly entry: NewEntry;
  readonly comparedIn: keyof typeof COMPARED;
  readonly position: string;
  readonly unmatched: boolean;
  /** What earlier versions recorded of the same record. */
  readonly earlier?: readonly NewEntry[];
  readonly mayRepeat?: true;
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

/** Two contents of one id: the one that is not recorded is handed out, and never skipped. */
export function conflictOf(
  { position, entry }: PendingEntry,
  fields: readonly string[],
  where = 'is recorded already',
): Reject {
  const reason = `id ${entry.id ?? ''} ${where}, with another ${fields.join(', ')}`;
  return { position, reason, content: newEntryText(entry) };
}

export function rejection({ position, reason }: Reject): DaybookError {
  return new DaybookError('data', `${position}: ${reason}`, { hint: '… --rejects rejects.ndjson' });
}

/** A page of what a source holds. */
export interface Step {
  readonly read: number;
  readonly rejected: number;
  readonly entries: readonly PendingEntry[];
  /** Why this is the last one, where the source does not end here. */
  readonly failure?: unknown;
}

/** All entries of a source, ready for the store, in the order in which they are to be recorded. */
export async function* pendingEntries(source: Source, options: ImportOptions): AsyncGenerator<Step> {
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
    options.ended?.();
    yield { read: 0, rejected: 0, entries: byFinerTime(held) };
    const named = numbered();
    for (const entries of sorter?.sorted() ?? []) yield { read: 0, rejected: 0, entries: named(entries) };
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
  if (options.fetch !== undefined) await lookAhead(page, options, options.fetch);
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

/** The scope of an entry: its own, else that of its entity. */
function scopeFor({ scope, entity_id: id }: ImportedEntry['fields'], scopeOf: ImportOptions['scopeOf']): string | null {
  return scope ?? (typeof id === 'string' ? (scopeOf?.(id) ?? null) : null);
}

/** Makes what is to be looked up for a page known: making its entries once tells what that is. */
async function lookAhead(
  page: readonly (SourceRecord | BrokenRecord)[],
  { reader, scopeOf }: ImportOptions,
  fetch: () => Promise<boolean>,
): Promise<void> {
  do {
    for (const record of page) {
      if ('problem' in record) continue;
      try {
        for (const { fields } of reader(record)) scopeFor(fields, scopeOf);
      } catch (error) {
        // What is wrong with a record is told where it is made in earnest.
        if (!(error instanceof DaybookError)) throw error;
      }
    }
  } while (await fetch());
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
    for (const item of byFinerTime(entries.slice(start, end))) ordered.push(item);
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
  const { time, unmatched = false, mayRepeat } = imported;
  const times = { ts: time === null ? recordedAt : formatTimestamp(time.ms), recorded_at: recordedAt };
  const made = (id: string, fields: ImportedEntry['fields']): NewEntry => {
    const input = { source: options.source, ...fields, scope: scopeFor(fields, options.scopeOf), id };
    return validateEntry(input, 'data', { documents: 'text', now, times }).entry;
  };
  const isWhole = imported.fields.recorded_at !== undefined;
  const exact = time === null || isWhole ? undefined : exactTime(time);
  const inFull = (entry: NewEntry): NewEntry => {
    const metadata = exact === undefined ? undefined : withExactTime(entry.metadata, exact);
    return metadata === undefined ? entry : { ...entry, metadata };
  };
  const earlier = imported.earlier?.flatMap(({ id = imported.id, fields = imported.fields }) => {
    const was = made(id, fields);
    // An earlier version did not keep the time in full. This one does, and gives such an id while nobody names the source.
    return exact === undefined || id === imported.id ? [was] : [was, inFull(was)];
  });
  return {
    entry: inFull(made(imported.id, imported.fields)),
    comparedIn: time === null ? 'untimed' : isWhole ? 'whole' : 'timed',
    position,
    unmatched,
    ...(earlier && { earlier }),
    ...(mayRepeat && { mayRepeat }),
  };
}

/**
 * Gives the second record of one name, and each behind it, a name with its number. Records of one name have one time, so
 * that only those of one time are remembered.
 */
function numbered(): (items: readonly PendingEntry[]) => readonly PendingEntry[] {
  let time: string | null | undefined;
  const seen = new Map<string, number>();
  return (items) =>
    items.map((item) => {
      const { id, ts } = item.entry;
      if (item.mayRepeat === undefined || id === null) return item;
      if (ts !== time) seen.clear();
      time = ts;
      const count = (seen.get(id) ?? 0) + 1;
      seen.set(id, count);
      return count === 1 ? item : { ...item, entry: { ...item.entry, id: `${id}:${count}` } };
    });
}

/** Which of these are there below an id that an earlier version gave them. Below their own id, `requestOf` asks for them. */
export async function recordedEarlier(
  store: Pick<AuditStore, 'compare'>,
  items: readonly PendingEntry[],
  { isGiven }: ImportOptions,
): Promise<ReadonlySet<PendingEntry>> {
  const asked = items.flatMap((item) =>
    (item.earlier ?? [])
      .filter(({ id }) => id !== null && id !== item.entry.id && isGiven?.(id) !== true)
      .map((entry) => ({ item, request: { entry, given: COMPARED[item.comparedIn] } })),
  );
  if (asked.length === 0) return new Set();
  const outcomes = await store.compare(asked.map(({ request }) => request));
  return new Set(asked.filter((_, index) => outcomes[index]?.outcome === 'same').map(({ item }) => item));
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
export function requestOf({ entry, comparedIn, earlier = [] }: PendingEntry): RecordRequest {
  const ofThisId = earlier.filter(({ id }) => id === entry.id);
  return { entry, given: COMPARED[comparedIn], ofSource: { earlier: ofThisId } };
}

function fieldsWithout(...left: readonly EntryField[]): readonly (keyof NewEntry)[] {
  return ENTRY_FIELDS.filter((field): field is keyof NewEntry => !left.includes(field));
}
