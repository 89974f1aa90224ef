export { missingFunctions } from './functions.js';
export {
  capturedColumns,
  changedTableFunctions,
  followTables,
  mendFunctions,
  outdatedCaptures,
  readCaptures,
  renewCapture,
} from './installed.js';
export type { Change } from './installed.js';
export { rowText, typeOf } from './row-text.js';
export type { RowText } from './row-text.js';
export { describe, findTable } from './tables.js';
export type { TableDescription } from './tables.js';
export { capturesOf, evidenceOf } from './room.js';
