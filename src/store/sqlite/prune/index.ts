export { prunesOf, retainsOf } from './room.js';
export { giveEntries } from './policies.js';
