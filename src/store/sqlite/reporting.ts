// What reports ask of the store: a part that is loaded when it is needed.
export { readBursts } from './bursts.js';
export { countBetween, readGroups } from './groups.js';
