export { heldFilters, holdsOf, holdTriggerTexts } from './room.js';
