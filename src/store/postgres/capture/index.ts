export { capturedColumns, followTables } from './installed.js';
export { capturesOf, evidenceOf } from './room.js';
