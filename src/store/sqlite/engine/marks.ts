import { DaybookError } from '../../../core/errors.js';
import { shown } from '../../../core/json.js';
import { keptMark } from '../../../core/mark.js';
import type { Mark } from '../../../core/mark.js';

/**
 * The mark of a trail whose last entry has this seq. One program writes at a time, so entries are seen in the order of
 * their seqs: those up to the last one were there, and those beyond came since.
 */
export function markOf(seq: number): Mark {
  return keptMark(String(seq));
}

/** The last seq that a mark speaks of. Throws kind `usage` for what is no mark of a SQLite trail. */
export function seqOf(mark: Mark): number {
  const seq = /^\d{1,16}$/.test(mark) ? Number(mark) : NaN;
  if (Number.isSafeInteger(seq)) return seq;
  throw new DaybookError('usage', `${shown(mark)} is no mark of this trail: in SQLite, a mark is a seq`);
}
