import type { CaptureSpan } from '../core/capture.js';
import { entityText } from '../core/entity.js';
import type { HistoryEntry } from '../core/entry.js';
import type { Filter } from '../core/filter.js';
import { matches } from '../core/match.js';
import type { ReachedState } from '../core/state.js';
import { parseTimestamp } from '../core/timestamp.js';
import type { AuditStore, Key } from '../store/audit-store.js';
import { historyOf, normalId, stateOf } from './state.js';
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

/** Each state of an entity, oldest first, page by page. Throws kind `missing` for a type that was never captured. */
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
  const filter: Filter = {
    ...asked,
    category: ['entity'],
    action: ['create', 'update', 'delete'],
    entity: [{ type, id }],
  };
  const upTo = await store.mark();
  let any = false;
  for (let after: Key | undefined, more = true; more; more = after !== undefined) {
    const page = await store.page({
      filter,
      order: 'oldest',
      limit: PAGE,
      upTo,
      ...(after === undefined ? {} : { after }),
    });
    const entries = page.entries.filter(
      (entry) => isCaptured(entry) && matches(asked, entry, entry.reverted_by !== null),
    );
    const states = entries.map((entry) => reached(entity, entry));
    const [first] = entries;
    if (!any && all && first !== undefined && first.old_values !== null) {
      states.unshift({ ...before, at: began(first.seq), exists: true, values: first.old_values });
    }
    any ||= states.length > 0;
    if (states.length > 0) yield states;
    after = page.next ?? undefined;
  }
  if (any || !all) return;
  const { exists, values, known_since: since } = await stateOf(store, { type, id }, { kind: 'now', at: request.now });
  if (exists === true) yield [{ ...before, at: since ?? request.now, exists, values }];
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
