import type { CaptureSpan } from '../core/capture.js';
import { entityText } from '../core/entity.js';
import type { HistoryEntry } from '../core/entry.js';
import type { Filter } from '../core/filter.js';
import { matches } from '../core/match.js';
import type { ReachedState } from '../core/state.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, ImportedChange, ImportedHistory, Key } from '../store/audit-store.js';
import { rowFollower } from './imported-rows.js';
import type { ImportedTurn } from './imported-rows.js';
import { historyOf, normalId, spanAt, stateOf } from './state.js';
import type { Tell } from './state.js';

export interface StatesRequest {
  readonly type: string;
  readonly id: string;
  /** Which changes. */
  readonly filter: Filter;
  /** Whether the filter asks for all of them: then it begins with what the entity was before. */
  readonly all: boolean;
  readonly now: string;
}

const PAGE = 256;

/**
 * Each state of an entity, oldest first, page by page: what was captured, and what was imported of other times. Throws
 * kind `missing` for a type that was never captured, and of which no row changes were imported.
 */
export async function* statesThrough(
  store: AuditStore,
  request: StatesRequest,
  tell: Tell = () => undefined,
): AsyncGenerator<readonly ReachedState[]> {
  const { type, all } = request;
  const history = await historyOf(store, type);
  const { spans, table } = history;
  const id = normalId(request.id, history);
  for (const { untilTs, ended, resumed } of gapsIn(spans, request.filter)) {
    tell(
      `the capture of ${table} ${ended === 'gap' ? 'broke off after' : 'ended at'} ${untilTs ?? '?'}: what changed until ${resumed === undefined ? 'now' : 'it went on'} is missing`,
    );
  }
  const entity = entityText(type, id);
  const before = { entity, seq: null, action: null, actor: null, actor_name: null, correlation_id: null };
  const began = (seq: number): string => (spans.findLast(({ sinceSeq }) => sinceSeq < seq) ?? spans[0])?.sinceTs ?? '';
  // The question below is narrower in these three, so that what was asked of them is looked at behind it. Of the entity,
  // the id may be written in another way.
  const { entity: _entity, ...asked } = request.filter;
  const imported = await store.importedHistory(type, id);
  const follow = importedFollower(entity, imported, spans, tell);
  const filter: Filter = {
    // What imports left a row as rests on all of its changes.
    ...(imported.sources.length > 0 ? {} : asked),
    category: ['entity'],
    action: ['create', 'update', 'delete'],
    entity: [{ type, id }],
  };
  const isAsked = (one: HistoryEntry): boolean => matches(asked, one, one.reverted_by !== null);
  const upTo = await store.mark();
  let [any, anyCaptured] = [false, false];
  for (let after: Key | undefined, more = true; more; more = after !== undefined) {
    const page = await store.page({
      filter,
      order: 'oldest',
      limit: PAGE,
      upTo,
      ...(after === undefined ? {} : { after }),
    });
    const states: ReachedState[] = [];
    for (const entry of page.entries) {
      if (isCaptured(entry)) {
        if (!isAsked(entry)) continue;
        if (!anyCaptured && all && entry.old_values !== null) {
          states.push({ ...before, at: began(entry.seq), exists: true, values: entry.old_values });
        }
        anyCaptured = true;
        states.push(reached(entity, entry));
      } else {
        for (const { event, row } of follow(entry)) {
          const told = event.change === null ? await store.find({ seq: event.seq }) : entry;
          if (told !== undefined && isAsked(told)) states.push({ ...reached(entity, told), ...row });
        }
      }
    }
    any ||= states.length > 0;
    if (states.length > 0) yield states;
    after = page.next ?? undefined;
  }
  const left: ReachedState[] = [];
  for (const { event, row } of follow(undefined)) {
    const told = await store.find({ seq: event.seq });
    if (told !== undefined && isAsked(told)) left.push({ ...reached(entity, told), ...row });
  }
  if (left.length > 0) yield left;
  if (any || left.length > 0 || !all || spans.length === 0) return;
  const { exists, values, known_since: since } = await stateOf(store, { type, id }, { kind: 'now', at: request.now });
  if (exists === true) yield [{ ...before, at: since ?? request.now, exists, values }];
}

/**
 * Follows the imported changes of an entity, and tells where the source misses some. What was captured at the same time
 * is told by capture. Without an entry it gives what is left at the end.
 */
function importedFollower(
  entity: string,
  history: ImportedHistory,
  spans: readonly CaptureSpan[],
  tell: Tell,
): (entry: HistoryEntry | undefined) => readonly ImportedTurn[] {
  const sources = new Set(history.sources.map(({ source }) => source));
  const follower = rowFollower(history);
  let last: ImportedTurn | undefined;
  return (entry) => {
    const change = entry === undefined ? undefined : importedChangeOf(entry);
    if (change !== undefined && !sources.has(change.source)) return [];
    const turns = change === undefined ? follower.end() : follower.follow(change);
    return turns.filter((turn) => {
      const { event, row, joined } = turn;
      if (!joined && last !== undefined) {
        tell(`the source misses a change of ${entity} between ${last.event.ts} and ${event.ts}`);
      }
      // An emptied table is told of a row that was in it.
      const isChange = event.change !== null || last?.row.exists === true || last === undefined;
      last = turn;
      if (row.exists && row.values === null) tell(`entry ${event.seq} does not hold the values of ${entity}`);
      return isChange && spanAt(spans, { kind: 'time', at: event.ts }) === undefined;
    });
  };
}

/** An entry as an imported change; without a source it is none. */
function importedChangeOf({ seq, action, ts, source, entity_id: id, ...entry }: HistoryEntry): ImportedChange {
  return {
    seq,
    action: action as ImportedChange['action'],
    ts,
    source: source ?? '',
    id: id ?? '',
    before: entry.old_values,
    after: entry.new_values,
  };
}

/** The ends of spans whose gap reaches into the time that is asked about; `resumed` is the span that ended the gap. */
function gapsIn(
  spans: readonly CaptureSpan[],
  { since = -Infinity, until = Infinity }: Filter,
): (CaptureSpan & { readonly resumed: CaptureSpan | undefined })[] {
  return spans
    .map((span, at) => ({ ...span, resumed: spans[at + 1] }))
    .filter(
      ({ ended, untilTs, resumed }) =>
        ended !== null &&
        (untilTs === null || parseTimestamp(untilTs) <= until) &&
        (resumed === undefined || parseTimestamp(resumed.sinceTs) >= since),
    );
}

/** Not what an application recorded or imported about the same entity. */
function isCaptured({ metadata, recorded_at: recordedAt, source }: HistoryEntry): boolean {
  return (
    recordedAt === null &&
    source === null &&
    typeof (JSON.parse(metadata) as { readonly table?: unknown }).table === 'string'
  );
}

function reached(entity: string, entry: HistoryEntry): ReachedState {
  const { ts: at, seq, action, actor, actor_name, correlation_id, new_values: values } = entry;
  return { entity, at, exists: values !== null, values, seq, action, actor, actor_name, correlation_id };
}
