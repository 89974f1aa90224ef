export { executesOf } from './room.js';
