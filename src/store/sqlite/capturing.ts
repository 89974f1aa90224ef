// What the store knows of captured tables: a part that is loaded when it is needed.
export { checkCaptures } from './capture-check.js';
export {
  addCaptures,
  captureOf,
  namedOrAll,
  readCaptureHistory,
  readCaptures,
  refreshCapture,
  removeCapture,
} from './captures.js';
export { executeSql } from './execute.js';
export { rowEvidence, tableEvidence } from './state.js';
export { undoChanges } from './undo.js';
