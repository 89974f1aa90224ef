// How the store prunes: a part that is loaded when it is needed.
export { deleteBatch } from './prune-batches.js';
export { forecastPrune, planPrune } from './prune-plan.js';
