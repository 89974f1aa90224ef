import { ENTRY_FIELDS } from '../core/entry.js';
import type { NewEntry } from '../core/entry.js';
import type { Source } from '../core/import.js';
import { documentText, isJsonObject, parseDocument } from '../core/json.js';
import type { AuditStore, CompareOutcome } from '../store/audit-store.js';
import { comparedSteps } from './import-comparison.js';
import { conflictOf, requestOf } from './import-entries.js';
import type { ImportOptions, PendingEntry, RehearsedEntries, Reject } from './import-entries.js';
import { noTotals } from './import-totals.js';
import type { Counts, ImportTotals } from './import-totals.js';

interface ValueCount {
  readonly value: string;
  readonly count: number;
}

/** What becomes of a field, or of a key of the metadata. */
export interface FieldSample {
  /** `actor`, `metadata.region`. */
  readonly field: string;
  /** How many entries have a value there. */
  readonly count: number;
  /** The first value; a document as JSON. */
  readonly first: string;
}

/** What a rehearsal says beyond the totals: what would be recorded, skipped and rejected. */
export interface Rehearsal extends ImportTotals {
  readonly first: string | null;
  readonly last: string | null;
  /** The most frequent first. */
  readonly actions: readonly ValueCount[];
  readonly actors: readonly ValueCount[];
  /** In the order of the fields of an entry. */
  readonly fields: readonly FieldSample[];
  /** The first entries, the first of those that did not match, and the first records that are broken. */
  readonly samples: readonly NewEntry[];
  readonly unmatchedSamples: readonly NewEntry[];
  readonly rejections: readonly Reject[];
}

/** A rehearsal while it goes on. */
interface Rehearsing {
  readonly totals: Counts;
  first: string | null;
  last: string | null;
  readonly actions: Map<string, number>;
  readonly actors: Map<string, number>;
  readonly fields: Map<string, { count: number; readonly first: string }>;
  readonly samples: NewEntry[];
  readonly unmatchedSamples: NewEntry[];
  readonly rejections: Reject[];
}

const SAMPLES = 10;

/**
 * Goes through an import and records nothing. What is broken does not end it. Throws kind `interrupted` where the signal
 * comes: counts of a part would say nothing.
 */
export async function rehearseImport(store: AuditStore, source: Source, asked: ImportOptions): Promise<Rehearsal> {
  const run: Rehearsing = {
    totals: noTotals(),
    first: null,
    last: null,
    actions: new Map(),
    actors: new Map(),
    fields: new Map(),
    samples: [],
    unmatchedSamples: [],
    rejections: [],
  };
  const reject = async (rejected: Reject): Promise<void> => {
    if (run.rejections.length < SAMPLES) run.rejections.push(rejected);
    await asked.reject?.(rejected);
  };
  const rehearsed = await asked.rehearsed?.();
  try {
    for await (const { step, outcomes } of comparedSteps(store, source, { ...asked, reject })) {
      run.totals.read += step.read;
      run.totals.rejected += step.rejected;
      for (const [index, entry] of step.entries.entries()) {
        const conflict = rehearseEntry(run, entry, outcomes[index] as CompareOutcome, rehearsed);
        if (conflict !== undefined) await reject(conflict);
      }
    }
  } finally {
    rehearsed?.close();
  }
  const { totals, actions, actors, fields, ...found } = run;
  return {
    ...totals,
    ...found,
    actions: byCount(actions),
    actors: byCount(actors),
    fields: Array.from(fields, ([field, { count, first }]) => ({ field, count, first })).toSorted(byPlace),
  };
}

/** Counts what would become of an entry; one that is not in the trail may stand in the source before. */
function rehearseEntry(
  run: Rehearsing,
  entry: PendingEntry,
  there: CompareOutcome,
  rehearsed: RehearsedEntries | undefined,
): Reject | undefined {
  const outcome = there.outcome === 'missing' ? (rehearsed?.compare(requestOf(entry)) ?? there) : there;
  if (outcome.outcome === 'conflict') {
    run.totals.rejected += 1;
    const where = there.outcome === 'missing' ? 'stands in the source before' : 'is recorded already';
    return conflictOf(entry, outcome.fields, where);
  }
  run.totals[outcome.outcome === 'missing' ? 'recorded' : 'skipped'] += 1;
  if (outcome.outcome === 'same' && outcome.forgotten !== undefined) run.totals.forgotten += 1;
  describeEntry(run, entry);
  return undefined;
}

function describeEntry(run: Rehearsing, { entry, unmatched }: PendingEntry): void {
  run.actions.set(entry.action, (run.actions.get(entry.action) ?? 0) + 1);
  run.actors.set(entry.actor, (run.actors.get(entry.actor) ?? 0) + 1);
  if (run.first === null || (entry.ts ?? '') < run.first) run.first = entry.ts;
  if (run.last === null || (entry.ts ?? '') > run.last) run.last = entry.ts;
  countFields(run.fields, entry);
  if (run.samples.length < SAMPLES) run.samples.push(entry);
  if (!unmatched) return;
  run.totals.unmatched += 1;
  if (run.unmatchedSamples.length < SAMPLES) run.unmatchedSamples.push(entry);
}

/** More keys than these in the metadata are no names of columns. */
const MOST_KEYS = 200;

function countFields(fields: Rehearsing['fields'], entry: NewEntry): void {
  const add = (field: string, value: string): void => {
    const known = fields.get(field);
    if (known !== undefined) known.count += 1;
    else if (fields.size < MOST_KEYS) fields.set(field, { count: 1, first: value });
  };
  for (const field of FIELDS) {
    const value = entry[field];
    if (value === null || value === '') continue;
    if (field !== 'metadata') add(field, value);
    else if (value !== '{}') {
      const document = parseDocument(value);
      if (!isJsonObject(document)) continue;
      for (const [key, member] of Object.entries(document)) {
        add(`metadata.${key}`, typeof member === 'string' ? member : documentText(member));
      }
    }
  }
}

const FIELDS = ENTRY_FIELDS.filter((field): field is keyof NewEntry => field !== 'seq' && field !== 'recorded_at');

function byPlace({ field: one }: FieldSample, { field: other }: FieldSample): number {
  const place = (field: string): number => FIELDS.indexOf(field.replace(/\..*$/s, '') as keyof NewEntry);
  return place(one) - place(other);
}

function byCount(counts: ReadonlyMap<string, number>): ValueCount[] {
  return [...counts].map(([value, count]) => ({ value, count })).toSorted((a, b) => b.count - a.count);
}
