export { foreignKeyFaults, newFaults } from './foreign-keys.js';
export { nestingTriggers } from './nesting-triggers.js';
export { overtakingTriggers } from './overtaking-triggers.js';
export { affinityOf, describeTable, findTable, literal, identifier } from './table-description.js';
export type { TableColumn, TableDescription } from './table-description.js';
export { readableTable, tablePages } from './table-rows.js';
export type { Cell } from './table-rows.js';
