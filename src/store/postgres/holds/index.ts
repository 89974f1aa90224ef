export { heldFilters, holdsOf, renewHolds } from './room.js';
