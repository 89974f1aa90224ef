export { openSourceTable } from './source.js';
