import type { EntryField } from './entry.js';

/** Fields with an index of their own, whose values can be looked up without counting. */
export const LEAP_FIELDS = [
  'action',
  'actor',
  'category',
  'scope',
  'entity_type',
] as const satisfies readonly EntryField[];

export type LeapField = (typeof LEAP_FIELDS)[number];
