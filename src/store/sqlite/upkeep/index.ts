export { backupTo } from './backup.js';
export { foreignTriggers, futureFrom, isOwn, readFacts } from './facts.js';
export { initialize, initializeOn } from './initialize.js';
export { upkeepOf } from './room.js';
