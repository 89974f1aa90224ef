export { mirrorsOf } from './room.js';
