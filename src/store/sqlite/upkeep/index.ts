export { backupTo } from './backup.js';
export { foreignTriggers, futureFrom, isOwn, readFacts } from './facts.js';
export { initialize } from './initialize.js';
export { upkeepOf } from './room.js';
