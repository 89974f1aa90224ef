export { undoesOf } from './room.js';
