import type { EntryField } from './entry.js';

/** What entries can be grouped by: a field, `type:id`, each of the changed fields, or the table of a captured change. */
export const GROUP_FIELDS = [
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'scope',
  'entity',
  'entity_type',
  'correlation_id',
  'source',
  'field',
  'table',
] as const satisfies readonly (EntryField | 'entity' | 'field' | 'table')[];

export type GroupField = (typeof GROUP_FIELDS)[number];

/** Whether what is grouped by has names. */
export function isNamed(field: GroupField): boolean {
  return field === 'actor' || field === 'entity' || field === 'scope';
}

/** The reports that count entries by a key, with what they group by. */
export const GROUP_REPORTS = {
  actors: 'actor',
  actions: 'action',
  entities: 'entity',
  scopes: 'scope',
  fields: 'field',
  severities: 'severity',
} as const satisfies Readonly<Record<string, GroupField>>;

export type GroupReportName = keyof typeof GROUP_REPORTS;

/** A row of a report that counts entries by a key, in the shape of the contract; times are UTC text. */
export interface GroupRow {
  readonly key: string;
  readonly name: string | null;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** How many of them are taken back. */
  readonly reverted: number;
  /** Its part of all entries that match, from 0 to 1. */
  readonly share: number;
  /** With a second grouping, its value; of an actor or an entity, also its name. */
  readonly by?: string | null;
  readonly by_name?: string | null;
  /** How many entities the scope had in that time, and the count for each of them; null where it had none. */
  readonly entities?: number;
  readonly per_entity?: number | null;
}

/** What a timeline can be told apart by: fields that every entry has. */
export const TIMELINE_FIELDS = ['actor', 'severity', 'action'] as const satisfies readonly GroupField[];

export type TimelineField = (typeof TIMELINE_FIELDS)[number];

export interface BucketRow {
  /** Of the bucket, UTC. */
  readonly start: string;
  readonly count: number;
  /** Of a timeline by a field, its value, and the name of an actor; null where the bucket has no entry. */
  readonly by?: string | null;
  readonly by_name?: string | null;
}

export interface HourRow {
  /** 1 is Monday, 7 Sunday. */
  readonly weekday: number;
  /** 0 to 23. */
  readonly hour: number;
  readonly count: number;
}

/** The fullest window of an actor. */
export interface BurstRow {
  readonly actor: string;
  /** How many entries lie in it. */
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** How long the window is, as it was asked. */
  readonly window: string;
  readonly name: string | null;
  readonly first_seq: number;
  readonly last_seq: number;
  /** What shows these entries. */
  readonly command: string;
}

/** Entries of nobody that are alike. */
export interface UnattributedRow {
  /** The table, where capture recorded them. */
  readonly table: string | null;
  readonly entity_type: string | null;
  readonly source: string | null;
  readonly action: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** The last one recorded, for `daybook show`. */
  readonly seq: number;
}
