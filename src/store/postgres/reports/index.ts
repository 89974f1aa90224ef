export { reportsOf } from './room.js';
