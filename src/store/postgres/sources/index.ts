export { namesInTable } from './names-in-table.js';
export { openSourceTable } from './source.js';
