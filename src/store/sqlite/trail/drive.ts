import { eachGiven, forLists } from '../../../core/filter.js';
import type { EntityPattern, Filter, ListField, Table } from '../../../core/filter.js';
import { windowOf } from './compile.js';
import type { Window } from './compile.js';
import { counted, and, concat, join, sql } from '../engine/index.js';
import type { Connection, Sql } from '../engine/index.js';

/**
 * The index that a page is read from, and the equalities that cut it into ordered runs. Several runs (a list of values)
 * are merged, never sorted.
 */
export interface Drive {
  /** Null where a handful of entries is looked up and sorted, which is cheaper than any walk. */
  readonly index: string | null;
  /** One condition for each run; TRUE for the whole index. */
  readonly runs: readonly Sql[];
}

const BY_TIME: Drive = { index: 'daybook_entries_by_time', runs: [sql('TRUE')] };

const LIST_INDEXES: Readonly<Record<ListField, string>> = {
  category: 'daybook_entries_by_category',
  action: 'daybook_entries_by_action',
  severity: 'daybook_entries_by_severity',
  actor: 'daybook_entries_by_actor',
  actor_type: 'daybook_entries_by_actor_type',
  scope: 'daybook_entries_by_scope',
  correlation_id: 'daybook_entries_by_correlation',
  source: 'daybook_entries_by_source',
};

/** More runs than this would cost more to merge than the filter saves. */
const MOST_RUNS = 32;
/** Candidates are weighed by looking at no more index entries than this. */
const WEIGHED = 1000;

/**
 * Chooses the index with the least to read: each candidate is weighed by counting, up to a bound, what lies in its runs.
 * The choice is ours and not the planner's, which knows no statistics here, or those that an application left.
 */
export function chooseDrive(connection: Connection, filter: Filter): Drive {
  const candidates = candidatesOf(connection, filter);
  if (candidates.length <= 1) return candidates[0] ?? BY_TIME;
  const weighed = candidates.map((drive) => ({ drive, weight: weigh(connection, drive, filter) }));
  return weighed.reduce((best, next) => (next.weight < best.weight ? next : best)).drive;
}

function candidatesOf(connection: Connection, filter: Filter): Drive[] {
  return eachGiven(DRIVES, filter, connection)
    .flat()
    .filter((drive) => drive.runs.length <= MOST_RUNS);
}

/** Which conditions have an index: those without are looked at entry by entry. */
const DRIVES: Table<Omit<Filter, keyof Window>, [connection: Connection], Drive[]> = {
  ...forLists((field) => (values: readonly string[]) => [
    { index: LIST_INDEXES[field], runs: [...new Set(values)].map((value) => sql(`e.${field} = ?`, value)) },
  ]),
  entity: entityDrives,
  search: () => [],
  changed: () => [],
  meta: () => [],
  not: () => [],
  reverted: (reverted, connection) => (reverted ? revertedDrives(connection) : []),
};

function entityDrives(patterns: readonly EntityPattern[], connection: Connection): Drive[] {
  if (patterns.every((pattern) => pattern.id === undefined)) {
    const types = [...new Set(patterns.map((pattern) => pattern.type))];
    return [
      { index: 'daybook_entries_by_entity_type', runs: types.map((type) => sql('e.entity_type = ?', type ?? '')) },
    ];
  }
  const runs = new Map<string, Sql>();
  for (const { type: asked, id } of patterns) {
    // A type alone and an id alone are in no one index together: they are left to the index by time.
    if (id === undefined) return [];
    for (const type of asked === undefined ? typesOf(connection, id) : [asked]) {
      runs.set(
        JSON.stringify([type, id]),
        type === null
          ? sql('e.entity_id = ? AND e.entity_type IS NULL', id)
          : sql('e.entity_id = ? AND e.entity_type = ?', id, type),
      );
    }
  }
  return [
    {
      index: 'daybook_entries_by_entity',
      runs: runs.size === 0 ? [sql('e.entity_id = ? AND FALSE', '')] : [...runs.values()],
    },
  ];
}

/** The types that an id occurs with, by leaping through the index: its cost is in types, not in entries. */
function typesOf(connection: Connection, id: string): (string | null)[] {
  const next = connection
    .prepare<[string, string], string | null>(
      `SELECT min(entity_type) FROM daybook_entries INDEXED BY daybook_entries_by_entity WHERE entity_id = ? AND entity_type > ?`,
    )
    .pluck();
  const types: (string | null)[] = [];
  for (
    let type = next.get(id, '') ?? null;
    type !== null && types.length <= MOST_RUNS;
    type = next.get(id, type) ?? null
  ) {
    types.push(type);
  }
  const untyped = connection
    .prepare(
      `SELECT 1 FROM daybook_entries INDEXED BY daybook_entries_by_entity WHERE entity_id = ? AND entity_type IS NULL LIMIT 1`,
    )
    .get(id);
  return untyped === undefined ? types : [null, ...types];
}

/** Entries that were taken back are few, as a rule: then they are found from what took them back. */
function revertedDrives(connection: Connection): Drive[] {
  const reverts = 'daybook_entries AS r INDEXED BY daybook_entries_by_reverts';
  const some = sql(`SELECT count(*) FROM (SELECT 1 FROM ${reverts} WHERE r.reverts IS NOT NULL LIMIT ${WEIGHED})`);
  if (counted(connection, some) === WEIGHED) return [];
  const targets = `SELECT t.seq FROM ${reverts} JOIN daybook_entries AS t ON t.id = r.reverts WHERE r.reverts IS NOT NULL`;
  return [{ index: null, runs: [sql(`e.seq IN (${targets})`)] }];
}

/** How an index is named in FROM. */
export function indexedBy(drive: Drive): string {
  return drive.index === null ? 'NOT INDEXED' : `INDEXED BY ${drive.index}`;
}

function weigh(connection: Connection, drive: Drive, filter: Filter): number {
  const counts = drive.runs.map((run) =>
    concat(
      `(SELECT count(*) FROM (SELECT 1 FROM daybook_entries AS e ${indexedBy(drive)} WHERE `,
      and([run, ...windowOf(filter)]),
      ` LIMIT ${WEIGHED}))`,
    ),
  );
  return counted(connection, concat('SELECT ', join(counts, ' + ')));
}
