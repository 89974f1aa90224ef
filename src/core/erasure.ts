import { createHash } from 'node:crypto';
import { newEntry } from './entry.js';
import type { Entry, HistoryEntry } from './entry.js';
import { eachGiven, forLists } from './filter.js';
import type { Beside, Conditions, Filter, Table } from './filter.js';
import { parseTimestamp } from './timestamp.js';

/** What stays of an entry that was erased. */
export type Skeleton = Pick<Entry, (typeof SKELETON_FIELDS)[number]>;

export const SKELETON_FIELDS = ['seq', 'ts', 'category', 'action', 'severity', 'entity_type'] as const;

/** A skeleton, and the account of the erasure that left it. */
export interface KeptSkeleton extends Skeleton {
  readonly prune: number | null;
}

export interface ErasedEntry extends Skeleton {
  /** The seq of the entry that tells of the erasure; null as long as none does. */
  readonly erased_by: number | null;
}

/** What is signed of a skeleton: SHA-256 over its fields as a JSON array. */
export function skeletonHash(skeleton: Skeleton): Buffer {
  const fields = SKELETON_FIELDS.map((field) => skeleton[field]);
  return createHash('sha256').update(JSON.stringify(fields)).digest();
}

/**
 * By these entries daybook accounts for itself: verify and status ask them what holds bind and what was removed. They say
 * who is answerable for the trail, and no erasure takes them.
 */
export const ACCOUNTS_OF_ITSELF: Filter = {
  category: ['system'],
  action: [
    'prune',
    'clear',
    'erase',
    'hold_place',
    'hold_release',
    'retention_set',
    'retention_remove',
    'seal_init',
    'seal_rotate',
    'seal_resume',
    'seal_accept',
  ],
};

/**
 * Whether what is left of an entry may be shown among those that match a filter: what is gone of it meets no condition,
 * and is excluded by none.
 */
export function mayShow(filter: Filter, skeleton: Skeleton): boolean {
  return [...eachGiven(MEETS, filter, skeleton), ...eachGiven(MEETS_BESIDE, filter, skeleton)].every(Boolean);
}

const MEETS: Table<Conditions, [skeleton: Skeleton], boolean> = {
  ...forLists(() => () => false),
  category: (values, { category }) => values.includes(category),
  action: (values, { action }) => values.includes(action),
  severity: (values, { severity }) => values.includes(severity),
  entity: (patterns, { entity_type: type }) => patterns.some((one) => one.id === undefined && one.type === type),
  search: () => false,
  changed: () => false,
  meta: () => false,
};

const MEETS_BESIDE: Table<Beside, [skeleton: Skeleton], boolean> = {
  not: (not, skeleton) => !eachGiven(MEETS, not, skeleton).some(Boolean),
  since: (since, { ts }) => parseTimestamp(ts) >= since,
  until: (until, { ts }) => parseTimestamp(ts) <= until,
  reverted: (reverted) => !reverted,
};

/** Whether anything can be shown so: a filter may ask for what is gone of every erased entry. */
export function mayShowAny(filter: Filter): boolean {
  return !ALL_GONE.some((name) => filter[name] !== undefined);
}

const ALL_GONE = ['actor', 'actor_type', 'scope', 'correlation_id', 'source', 'search', 'changed', 'meta'] as const;

/** What is left of an entry, and of so many next to it, in their place: for lists that people read. */
export function placeholder({ erased_by: by, ...skeleton }: ErasedEntry, more: number): HistoryEntry {
  const others = more === 0 ? '' : `, and ${more} more here`;
  const told = by === null ? '' : `: entry ${by} tells why`;
  const fields = { ...skeleton, actor: '(erased)', message: `erased${others}${told}` };
  return { ...newEntry(fields), ...skeleton, id: '', reverted_by: null };
}
