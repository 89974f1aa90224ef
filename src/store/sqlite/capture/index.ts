export {
  captureOf,
  findCapture,
  liftCapture,
  outdatedCaptures,
  readCaptures,
  refreshCapture,
  reinstallCaptures,
  tableOf,
  unreadableCapture,
  unreadableCaptures,
} from './installed.js';
export type { Change } from './installed.js';
export { readRecorded, sameSqlValue, valueLiteral } from './recorded-values.js';
export type { SqlValue } from './recorded-values.js';
export { mendSpans, unreadableSpans } from './spans.js';
export { identityOf, rowJson } from './triggers.js';
export { capturesOf, evidenceOf } from './room.js';
export { turnOfOthers } from './turns.js';
