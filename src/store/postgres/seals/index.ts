export { destroySalts } from './removals.js';
export { sealsOf } from './room.js';
export { lockTiles } from './tiles.js';
