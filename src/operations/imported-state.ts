import { entityText } from '../core/entity.js';
import type { Entity } from '../core/entity.js';
import { DaybookError } from '../core/errors.js';
import type { EntityState } from '../core/state.js';
import type { AuditStore, ImportedHistory } from '../store/audit-store.js';
import { importedChangesOf, rowFollower } from './imported-rows.js';
import type { ImportedEvent, ImportedTurn } from './imported-rows.js';
import type { Moment, Tell } from './state.js';

/** What imported row changes say of one row at a moment. */
export async function importedStateOf(
  store: AuditStore,
  entity: Entity,
  moment: Moment,
  history: ImportedHistory,
  tell: Tell,
): Promise<EntityState> {
  const row = rowAt(moment, history);
  for await (const page of importedChangesOf(store, entity.type, entity.id, history)) {
    page.forEach(row.follow);
  }
  await expectUnpruned(store, entity, history);
  const name = entityText(entity.type, entity.id);
  const { state, why } = row.end(name);
  tellSources(history, moment, tell);
  if (why !== null) tell(why);
  return state;
}

/** The same of every row of a type, page by page: the rows that existed then, and those that may have. */
export async function* importedStatesOf(
  store: AuditStore,
  type: string,
  moment: Moment,
  history: ImportedHistory,
  tell: Tell,
): AsyncGenerator<readonly EntityState[]> {
  tellSources(history, moment, tell);
  const isKept = ({ ts }: { readonly ts: string }): boolean => history.prunedUpTo === null || ts > history.prunedUpTo;
  if (!history.truncations.some((event) => isKept(event) && isUpTo(event, moment))) {
    tell(`rows of ${type} that did not change before then are not known`);
    yield [{ entity: type, at: moment.at, exists: null, values: null, seq: null, known_since: null }];
  }
  let current: { readonly id: string; readonly row: ReturnType<typeof rowAt> } | undefined;
  const ended = (): EntityState[] => {
    if (current === undefined) return [];
    const { state } = current.row.end(entityText(type, current.id));
    return state.exists === false ? [] : [state];
  };
  for await (const page of importedChangesOf(store, type, null, history)) {
    const states: EntityState[] = [];
    for (const change of page) {
      if (current?.id !== change.id) {
        states.push(...ended());
        current = { id: change.id, row: rowAt(moment, history) };
      }
      current.row.follow(change);
    }
    if (states.length > 0) yield states;
  }
  const last = ended();
  if (last.length > 0) yield last;
  await expectUnpruned(store, { type, id: null }, history);
}

/** Finds what a row was at a moment while its changes go by. */
function rowAt(
  moment: Moment,
  history: ImportedHistory,
): {
  follow(change: Parameters<ReturnType<typeof rowFollower>['follow']>[0]): void;
  end(entity: string): { readonly state: EntityState; readonly why: string | null };
} {
  const follower = rowFollower(history);
  let last: ImportedTurn | undefined;
  let next: ImportedTurn | undefined;
  const take = (turn: ImportedTurn): void => {
    if (isUpTo(turn.event, moment)) last = turn;
    else next ??= turn;
  };
  return {
    follow: (change) => follower.follow(change).forEach(take),
    end(entity) {
      follower.end().forEach(take);
      const told = { entity, at: moment.at };
      const unknown = { ...told, exists: null, values: null, seq: last?.event.seq ?? null };
      if (last === undefined) {
        const { prunedUpTo } = history;
        const begins =
          next === undefined
            ? `no change of ${entity} was imported`
            : `imported changes of ${entity} begin at ${next.event.ts}`;
        const pruned = prunedUpTo === null ? '' : `, and some were pruned up to ${prunedUpTo}`;
        return {
          state: { ...unknown, known_since: next?.event.ts ?? null },
          why: `not known: ${begins}${pruned}`,
        };
      }
      const { row, event, since } = last;
      if (next?.joined === false && !isAt(event, moment)) {
        return {
          state: { ...unknown, known_since: next.event.ts },
          why: `not known: the source misses a change of ${entity} between ${event.ts} and ${next.event.ts} (entries ${event.seq} and ${next.event.seq})`,
        };
      }
      if (row.exists && row.values === null) {
        return {
          state: { ...unknown, known_since: since },
          why: `not known: entry ${event.seq} does not hold the values of ${entity}`,
        };
      }
      return { state: { ...told, ...row, seq: event.seq, known_since: since }, why: null };
    },
  };
}

function isUpTo({ ts, seq }: Pick<ImportedEvent, 'ts' | 'seq'>, moment: Moment): boolean {
  switch (moment.kind) {
    case 'now':
      return true;
    case 'time':
      return ts <= moment.at;
    case 'entry':
      return ts < moment.at || (ts === moment.at && seq <= moment.seq);
  }
}

/** Whether a moment is that of an event itself, so that nothing can have come between. */
function isAt({ ts, seq }: ImportedEvent, moment: Moment): boolean {
  return ts === moment.at && (moment.kind !== 'entry' || seq === moment.seq);
}

function tellSources({ sources }: ImportedHistory, moment: Moment, tell: Tell): void {
  for (const { source, telling, lastTs, incomplete } of sources) {
    if (moment.kind === 'now' || moment.at > lastTs)
      tell(`as far as ${source} is imported: its last entry is of ${lastTs}`);
    if (telling !== 'rows') tell(`${source} tells of columns only when they change: others are left out`);
    if (incomplete) tell(`the last import of ${source} left records out: what they changed is not in this`);
  }
}

/** Throws kind `failed` where a prune took what was being read. */
async function expectUnpruned(
  store: AuditStore,
  { type, id }: { readonly type: string; readonly id: string | null },
  { prunedUpTo }: ImportedHistory,
): Promise<void> {
  const now = await store.importedHistory(type, id);
  if (now.prunedUpTo === prunedUpTo) return;
  throw new DaybookError('failed', `imported changes of ${type} were pruned while they were read: try again`);
}
