export { capturedColumns, followTables } from './installed.js';
export { capturesOf } from './room.js';
