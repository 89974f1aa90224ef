import { ENTRY_FIELDS, HISTORY_FIELDS } from '../core/entry.js';
import { checkFilter } from '../core/filter-shape.js';
import type { Filter } from '../core/filter.js';
import { LEAP_FIELDS } from '../core/leap-fields.js';
import { expectOneOf, expectSomeOf, expectWhole } from '../core/given.js';
import { GROUP_FIELDS } from '../core/report.js';
import type { AuditStore, Key, Order, PageQuery, PruneRule } from './audit-store.js';

/** Whether a filter is somewhere in this type. */
type HoldsFilter<Type> = Type extends (...given: never[]) => unknown
  ? false
  : Type extends readonly (infer Item)[]
    ? HoldsFilter<Item>
    : Type extends object
      ? [keyof Filter] extends [keyof Type]
        ? true
        : HoldsFilter<Type[keyof Type]>
      : false;

/** The filters in what a method is asked; null for what takes none, and for nothing else. */
type FiltersIn = {
  readonly [Member in keyof AuditStore]: AuditStore[Member] extends (...asked: infer Asked) => unknown
    ? true extends HoldsFilter<Asked>
      ? (...asked: Asked) => readonly Filter[]
      : null
    : null;
};

const ofQuery = ({ filter, doomedBy, sparedBy }: Parameters<AuditStore['page']>[0]): readonly Filter[] => [
  filter,
  ...(doomedBy === undefined ? [] : ofPlan(doomedBy)),
  ...(sparedBy === undefined ? [] : ofPlan(sparedBy)),
];
const ofPlan = ({ rules }: { readonly rules: readonly { readonly filter: Filter }[] }): readonly Filter[] =>
  rules.map(({ filter }) => filter);

const FILTERS: FiltersIn = {
  page: ofQuery,
  rows: ofQuery,
  lines: ofQuery,
  fields: ofQuery,
  explain: ofQuery,
  extent: (filter) => [filter],
  values: (_field, filter) => [filter],
  nextValues: null,
  groups: ({ filter, seen }) => (seen === undefined ? [filter] : [filter, seen]),
  groupNames: (_by, _keys, filter) => [filter],
  countBetween: (filter) => [filter],
  courses: ({ filter }) => [filter],
  hours: (filter) => [filter],
  bursts: ({ filter }) => [filter],
  changePolicy: (_name, policy) => (policy === null ? [] : [policy.filter]),
  undo: ({ entries }) => ('filter' in entries ? [entries.filter] : []),
  plan: (rules) => ofPlan({ rules }),
  forecast: ofPlan,
  deleteBatch: (_prune, plan) => ofPlan(plan),
  beginCheckpoint: (_name, _question, filter) => [filter],
  origin: null,
  unreadableRows: null,
  standingPolicies: null,
  foreignTriggers: null,
  damage: null,
  record: null,
  recordOneOfMany: null,
  compare: null,
  revert: null,
  execute: null,
  find: null,
  mark: null,
  othersHaveWritten: null,
  policies: null,
  actors: null,
  actorNames: null,
  actorsMeant: null,
  changeActor: null,
  importNames: null,
  captureHistory: null,
  rowEvidence: null,
  tableEvidence: null,
  pruneReach: null,
  importedHistory: null,
  importedChanges: null,
  captures: null,
  addCaptures: null,
  refreshCaptures: null,
  removeCaptures: null,
  checkCaptures: null,
  mirrors: null,
  resolveMirror: null,
  compareMirror: null,
  mirrorPrunes: null,
  addMirror: null,
  removeMirror: null,
  leakedContext: null,
  openPrune: null,
  renewPrune: null,
  closePrune: null,
  lastPrune: null,
  prunedSoFar: null,
  cutOffPrunes: null,
  findErased: null,
  erasedBetween: null,
  giveBackSpace: null,
  upkeep: null,
  checkpoint: null,
  missedByCheckpoints: null,
  moveCheckpoint: null,
  holds: null,
  placeHold: ({ filter }) => [filter],
  releaseHold: null,
  sealState: null,
  beginSeals: null,
  leaseSeals: null,
  releaseSeals: null,
  leavesToSeal: null,
  leavesIn: null,
  putTiles: null,
  putSeal: null,
  putHandover: null,
  resumeSeals: null,
  putAnchor: null,
  anchors: null,
  putRemoval: null,
  removals: null,
  seals: null,
  tile: null,
  tiles: null,
  tileOf: null,
  tilesAndLines: null,
  seqsThere: null,
  facts: null,
  backup: null,
  close: null,
};

const ORDERS: readonly Order[] = ['newest', 'oldest', 'recorded'];

function checkQuery({ order, limit, after }: PageQuery): void {
  expectOneOf('order', order, ORDERS);
  expectWhole('limit', limit, 1);
  checkKey(after);
}

function checkKey(after: Key | undefined): void {
  if (after === undefined) return;
  expectWhole('after.ms', after.ms, -Number.MAX_SAFE_INTEGER);
  expectWhole('after.seq', after.seq, 0);
}

function checkRules(rules: readonly Pick<PruneRule, 'before'>[]): void {
  for (const { before } of rules) if (before !== null) expectWhole('before', before, -Number.MAX_SAFE_INTEGER);
}

function checkColumnQuery(query: PageQuery, columns: readonly string[]): void {
  checkQuery(query);
  expectSomeOf('columns', columns, HISTORY_FIELDS);
}

/** What else is asked in names and numbers, which an engine may put into its statements as they are. */
const VALUES: { readonly [Member in keyof AuditStore]?: (...asked: Asked<AuditStore[Member]>) => void } = {
  page: checkQuery,
  rows: checkColumnQuery,
  lines: checkColumnQuery,
  fields: checkColumnQuery,
  explain: checkQuery,
  values: (field) => expectOneOf('field', field, ENTRY_FIELDS),
  nextValues: (field, _from, limit) => {
    expectOneOf('field', field, LEAP_FIELDS);
    expectWhole('limit', limit, 1);
  },
  groups: ({ by, limit }) => {
    expectSomeOf('by', by, GROUP_FIELDS);
    expectWhole('limit', limit, 1);
  },
  groupNames: (by) => expectOneOf('by', by, ['actor']),
  countBetween: (_filter, edges) => {
    for (const edge of edges) expectWhole('edges', edge, -Number.MAX_SAFE_INTEGER);
  },
  courses: ({ by, edges, limit }) => {
    expectOneOf('by', by, GROUP_FIELDS);
    for (const edge of edges) expectWhole('edges', edge, -Number.MAX_SAFE_INTEGER);
    expectWhole('limit', limit, 1);
  },
  hours: (_filter, clocks) => {
    for (const { since, offset } of clocks) {
      expectWhole('since', since, -Number.MAX_SAFE_INTEGER);
      expectWhole('offset', offset, -Number.MAX_SAFE_INTEGER);
    }
  },
  bursts: ({ window, moreThan, limit }) => {
    expectWhole('window', window, 1);
    expectWhole('moreThan', moreThan, 0);
    expectWhole('limit', limit, 1);
  },
  plan: (rules) => {
    checkRules(rules);
    for (const { keep } of rules) if (keep !== null) expectWhole('keep', keep, 0);
  },
  forecast: ({ rules }) => checkRules(rules),
  deleteBatch: (_prune, { rules }, after, size) => {
    checkRules(rules);
    checkKey(after);
    expectWhole('size', size, 1);
  },
};

type Asked<Method> = Method extends (...asked: infer Values) => unknown ? Values : never;

/**
 * The same store with a door that refuses what is no filter (`checkFilter`), and names and numbers that are none,
 * whatever engine is behind it: an application without types could ask for everything by a slip of the pen.
 */
export function withCheckedQuestions(store: AuditStore): AuditStore {
  const checked = Object.entries(store).map(([name, method]: [string, (...asked: never[]) => Promise<unknown>]) => {
    const filtersIn = FILTERS[name as keyof AuditStore] as ((...asked: never[]) => readonly Filter[]) | null;
    const checkValues = VALUES[name as keyof AuditStore] as ((...asked: never[]) => void) | undefined;
    if (filtersIn === null && checkValues === undefined) return [name, method];
    return [
      name,
      async (...asked: never[]): Promise<unknown> => {
        for (const filter of filtersIn?.(...asked) ?? []) checkFilter(filter);
        checkValues?.(...asked);
        return method(...asked);
      },
    ];
  });
  return Object.fromEntries(checked) as AuditStore;
}
