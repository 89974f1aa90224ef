/** When a context was last used that holds until it is cleared: a day that no clock shows. */
export const HELD = '1e9';

/** So long after its last use, a context that nobody cleared holds no more. In days, as `used` is. */
const LIFE = '5.0 / 86400';

/** SQL: whether a context was used lately, by the column that says when. */
export function usedLately(used: string): string {
  return `abs(julianday('now') - ${used}) < ${LIFE}`;
}

/** SQL: whether a context holds: it was used lately, or holds until it is cleared. To be put in brackets within more. */
export function contextHolds(used: string): string {
  return `${usedLately(used)} OR ${used} = ${HELD}`;
}
