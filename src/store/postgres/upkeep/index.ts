export { initialize } from './initialize.js';
export { upkeepOf } from './room.js';
