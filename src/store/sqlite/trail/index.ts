export type { Circumstances } from './accounts.js';
export {
  MAY_HAVE_TAKEN,
  accountOf,
  closeAccount,
  closePrune,
  cutOffAccounts,
  lastAccount,
  mendAccounts,
  openPrune,
  importedReach,
  pruneReach,
  prunedSoFar,
  renewPrune,
  settleCutOff,
  spoiledAccounts,
} from './accounts.js';
export { checkpointReaches } from './checkpoints.js';
export {
  conditionsOf,
  doomed,
  fallsByAge,
  filterCondition,
  horizon,
  jsonPaths,
  revertedBy,
  ruleMatches,
  windowOf,
} from './compile.js';
export { chooseDrive, indexedBy } from './drive.js';
export { furtherTriggers } from './entry-triggers.js';
export { columnOf, unfitDocument, unfitFields } from './fitness.js';
export type { ColumnOf } from './fitness.js';
export { readDoomed } from './doomed-rows.js';
export type { DoomedRow } from './doomed-rows.js';
export { lastSeq } from './extent.js';
export { findEntry } from './find-entries.js';
export { readRawLines } from './joined-pages.js';
export { keyAt, readPage } from './pages.js';
export { inserter, refuseTakenBack } from './recording.js';
export { recordSigned } from './signed-entries.js';
export { lastWithFewer, readTally, tallyOf } from './tally.js';
export { checkpointsOf, readsOf, recordsOf } from './room.js';
