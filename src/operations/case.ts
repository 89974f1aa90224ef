import { createHash } from 'node:crypto';
import { fittingBucket } from '../core/buckets.js';
import type { Bucket } from '../core/buckets.js';
import type { Case, CaseEntry, CaseRelated, CaseSummary } from '../core/case.js';
import { ENTRY_FIELDS } from '../core/entry.js';
import { entryDifferences } from '../core/entry-differences.js';
import { DaybookError } from '../core/errors.js';
import type { EntityPattern, Filter } from '../core/filter.js';
import { filterWords } from '../core/filter-words.js';
import type { Mark } from '../core/mark.js';
import type { BucketRow } from '../core/report.js';
import { shellWord } from '../core/shell.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Extent, Key, PageQuery } from '../store/audit-store.js';
import { exportPages } from './export.js';
import { withNames } from './names.js';
import { timeline } from './timeline.js';

const PAGE = 200;
/** So many names and actors are listed: they are a summary, and the history has all. */
const MOST_LISTED = 1000;
/** So many units of work are looked at, and of each so many other entries are told. */
const MOST_RELATED = 200;
const MOST_PER_RELATED = 20;

/** Where the trail is, as a command names it. */
interface CasePlace {
  readonly database?: string | undefined;
  readonly schema?: string | undefined;
}

/** The archives that a case was made with, as its command names them, and the trail without them. */
interface CaseArchives {
  readonly names: readonly string[];
  readonly trail: AuditStore;
}

/**
 * Everything about one entity, for a dispute: its history oldest first, what was taken back and by whom, who and what it
 * was called, what else happened in the same units of work, and a checksum that anybody can compute again. `database` and
 * `schema` are named in the command where they are given. Throws kind `missing` where no entry is about it; reading ends with kind
 * `failed` where entries fall to a prune meanwhile.
 *
 * @example const { summary, history } = await caseOf(store, { type: 'settlement', id: '42' });
 */
export async function caseOf(
  store: AuditStore,
  entity: EntityPattern & { readonly id: string },
  options: CasePlace & { readonly archives?: CaseArchives | undefined } = {},
): Promise<Case> {
  const filter: Filter = { entity: [entity] };
  const name = `${entity.type ?? ''}:${entity.id}`;
  const extent = await store.extent(filter);
  if (extent.count === 0) throw new DaybookError('missing', `no entry is about ${name}`);
  const { sha256 } = await checksumOf(store, filter, extent);
  const { actors, ...facts } = await factsOf(store, filter, extent);
  const { groups } = await store.groups({ filter, by: ['actor'], limit: MOST_LISTED });
  const called = new Map(groups.map(({ keys, names }) => [keys[0], names[0]]));
  const units = await store.groups({ filter, by: ['correlation_id'], limit: MOST_RELATED });
  return {
    summary: {
      entity: name,
      mark: extent.upTo,
      lastSeq: extent.lastSeq,
      count: extent.count,
      ...facts,
      actors: actors.map(([actor, count]) => ({ actor, name: called.get(actor) ?? null, count })),
      pruned: await goneFrom(store, options.archives?.trail),
      sha256,
      command: checksumCommand(filter, extent.upTo, options),
    },
    history: historyOf(store, filter, extent),
    related: relatedTo(
      store,
      entity,
      units.groups.map(({ keys }) => keys[0] ?? ''),
      extent.upTo,
    ),
    moreRelated: units.more,
  };
}

/** How many entries of a case there were over time, in buckets that are seen at one look. */
export async function caseTimeline(
  store: AuditStore,
  filter: Filter,
  { summary }: Case,
  { zone, now }: { readonly zone: string; readonly now: number },
): Promise<{ readonly bucket: Bucket; readonly course: readonly BucketRow[] }> {
  const [since, until] = [parseTimestamp(summary.first), parseTimestamp(summary.last)];
  const bucket = fittingBucket(since, until);
  const asked = { filter: { ...filter, since, until }, bucket, zone, now, upTo: summary.mark };
  return { bucket, course: (await timeline(store, asked)).rows };
}

/** A case for people: where an entry does not say what its actor was called then, as the directory has it now. */
export function caseWithNames(store: AuditStore, found: Case): Case {
  const named = async ({ entry, takenBackBy, changes }: CaseEntry): Promise<CaseEntry> => {
    const [shown = entry, by = null] = await withNames(store, takenBackBy === null ? [entry] : [entry, takenBackBy]);
    return { entry: shown, takenBackBy: by, changes };
  };
  return {
    ...found,
    history: mapped(found.history, (entries) => Promise.all(entries.map(named))),
    related: mapped(found.related, async (unit) => ({ ...unit, entries: await withNames(store, unit.entries) })),
  };
}

async function* mapped<From, To>(items: AsyncIterable<From>, change: (item: From) => Promise<To>): AsyncGenerator<To> {
  for await (const item of items) yield change(item);
}

/** Hashes the entries as an export writes them. */
async function checksumOf(store: AuditStore, filter: Filter, extent: Extent): Promise<{ readonly sha256: string }> {
  const hash = createHash('sha256');
  for await (const { lines } of exportPages(store, { filter, columns: ENTRY_FIELDS, shape: 'lines' }, extent)) {
    hash.update(lines ?? '');
  }
  return { sha256: hash.digest('hex') };
}

/** How many entries the trail has lost and archives have not given back. */
async function goneFrom(store: AuditStore, trail: AuditStore | undefined): Promise<number> {
  if (trail === undefined) return store.prunedSoFar();
  const [{ count: all }, { count: there }] = [await store.extent({}), await trail.extent({})];
  return Math.max(0, (await trail.prunedSoFar()) - (all - there));
}

/** The mark leaves out what was recorded since, whatever its time. */
function checksumCommand(
  filter: Filter,
  mark: Mark,
  { database, schema, archives }: CasePlace & { readonly archives?: CaseArchives | undefined },
): string {
  const words = [
    ...(database === undefined ? [] : ['--db', database]),
    ...(schema === undefined ? [] : ['--schema', schema]),
    'export',
    ...filterWords(filter),
    ...(archives?.names ?? []).flatMap((name) => ['--archives', name]),
  ];
  const exporting = ['daybook', ...words, '--mark', mark, '--format', 'ndjson'].map(shellWord).join(' ');
  return `${exporting} | sha256sum`;
}

/** What the entries of a case say together, in one walk. */
async function factsOf(
  store: AuditStore,
  filter: Filter,
  { upTo }: Extent,
): Promise<
  Pick<CaseSummary, 'first' | 'last' | 'notes' | 'reverted' | 'names'> & { readonly actors: [string, number][] }
> {
  const columns = ['ts', 'actor', 'action', 'entity_name', 'reverted_by'] as const;
  const names = new Map<string, { readonly first: string; last: string }>();
  const actors = new Map<string, number>();
  let [first, last] = ['', ''];
  let [notes, reverted] = [0, 0];
  let after: Key | undefined;
  do {
    const query: PageQuery = { filter, order: 'oldest', limit: PAGE, upTo, ...(after && { after }) };
    const { rows, next } = await store.rows(query, columns);
    for (const [ts, actor, action, name, by] of rows as readonly (readonly [
      string,
      string,
      string,
      string?,
      string?,
    ])[]) {
      first ||= ts;
      last = ts;
      if (action === 'note') notes += 1;
      if (typeof by === 'string') reverted += 1;
      if (actors.has(actor) || actors.size < MOST_LISTED) actors.set(actor, (actors.get(actor) ?? 0) + 1);
      if (typeof name !== 'string') continue;
      const known = names.get(name);
      if (known !== undefined) known.last = ts;
      else if (names.size < MOST_LISTED) names.set(name, { first: ts, last: ts });
    }
    after = next ?? undefined;
  } while (after !== undefined);
  return {
    first,
    last,
    notes,
    reverted,
    names: Array.from(names, ([name, times]) => ({ name, first: times.first, last: times.last })),
    actors: [...actors].toSorted(([a, most], [b, more]) => more - most || (a < b ? -1 : 1)),
  };
}

async function* historyOf(store: AuditStore, filter: Filter, { upTo, count }: Extent): AsyncGenerator<CaseEntry[]> {
  let left = count;
  let after: Key | undefined;
  do {
    const page = await store.page({ filter, order: 'oldest', limit: PAGE, upTo, ...(after && { after }) });
    left -= page.entries.length;
    const entries: CaseEntry[] = [];
    for (const entry of page.entries) {
      const { reverted_by: by } = entry;
      const takenBackBy = by === null ? undefined : await store.find({ id: by });
      entries.push({ entry, changes: entryDifferences(entry), takenBackBy: takenBackBy ?? null });
    }
    if (entries.length > 0) yield entries;
    after = page.next ?? undefined;
  } while (after !== undefined);
  if (left !== 0) throw new DaybookError('failed', `${left} of ${count} entries were pruned while the case was read`);
}

async function* relatedTo(
  store: AuditStore,
  entity: EntityPattern,
  correlationIds: readonly string[],
  upTo: Mark,
): AsyncGenerator<CaseRelated> {
  for (const id of correlationIds) {
    const filter: Filter = { correlation_id: [id], not: { entity: [entity] } };
    const { entries } = await store.page({ filter, order: 'oldest', limit: MOST_PER_RELATED, upTo });
    if (entries.length === 0) continue;
    const count = entries.length < MOST_PER_RELATED ? entries.length : (await store.extent(filter)).count;
    yield { correlation_id: id, count, entries };
  }
}
