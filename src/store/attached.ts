// What works on the connection that an application has open itself: within its transaction, and so at once.
export { withContext } from './sqlite/context/index.js';
export { expectTrail } from './sqlite/engine/index.js';
export type { Connection } from './sqlite/engine/index.js';
export { inserter } from './sqlite/trail/index.js';
