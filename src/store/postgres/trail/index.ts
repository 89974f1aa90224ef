export {
  accountOf,
  closeAccount,
  cutOffAccounts,
  lastAccount,
  MAY_HAVE_TAKEN,
  openPrune,
  prunedSoFar,
  readTally,
  renewPrune,
  settleCutOff,
} from './accounts.js';
export { checkpointReaches } from './checkpoints.js';
export type { Judged } from './compile.js';
export { doomed, fallsByAge, filterCondition, horizon, revertedBy, ruleMatches } from './compile.js';
export { currentMark } from './extent.js';
export { findEntry, findRecorded } from './find-entries.js';
export { readRawLines } from './joined-pages.js';
export { keyAt } from './pages.js';
export { pageStatement } from './page-statement.js';
export { insertOne, refuseTakenBack } from './recording.js';
export { checkpointsOf, readsOf, recordsOf } from './room.js';
export { recordSigned, takesBack } from './signed-entries.js';
