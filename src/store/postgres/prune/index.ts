export { prunesOf, retainsOf } from './room.js';
