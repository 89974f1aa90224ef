export { withContext } from './context-transaction.js';
export {
  SET_CONTEXT,
  clearContext,
  contextValues,
  holdContext,
  leakedContext,
  setContext,
  settleContext,
} from './held-context.js';
