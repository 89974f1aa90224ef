export { heldFilters, holdsOf } from './room.js';
