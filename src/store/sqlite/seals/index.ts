export { sealsOf } from './room.js';
