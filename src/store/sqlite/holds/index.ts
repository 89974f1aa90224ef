export { heldFilters, holdsOf, holdTriggerTexts, renewHolds } from './room.js';
