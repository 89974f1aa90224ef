export { recordOfApplication } from './application-entries.js';
export { withContext } from './context-transaction.js';
export {
  SET_CONTEXT,
  clearContext,
  contextValues,
  holdContext,
  leakedContext,
  setContext,
  setContextSql,
  settleContext,
} from './held-context.js';
