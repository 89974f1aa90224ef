export { destroySalts } from './removals.js';
export { sealsOf } from './room.js';
