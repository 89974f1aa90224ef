export { asApplication } from './as-application.js';
export { captureFunctions, PINNED_AS_KEPT, PINNING, WRITTEN } from './capture-schema.js';
export { answer, connectionOf, counted, identifier, literal } from './connection.js';
export type { Connection, Statement } from './connection.js';
export { explained, isLost, isPassing } from './errors.js';
export type { Asked } from './errors.js';
export { BEGINNING, firstBeyond, inTrail, isMark, markOf } from './marks.js';
export type { Generation } from './marks.js';
export { momentText, timeText } from './moments.js';
export {
  ENTRY_RULES,
  GIVEN_COLUMNS,
  grantsOf,
  MIGRATIONS,
  MIGRATIONS_TABLE,
  objectsOf,
  SCHEMA_VERSION,
  TABLES,
} from './schema.js';
export type { SchemaObject } from './schema.js';
export { connect, currentSnapshot, expectTrail, newerSchema, openSession } from './session.js';
export type { PostgresOptions, Server, Session } from './session.js';
