export { connectionOf, isConnection } from './application-connection.js';
export {
  attempt,
  counted,
  damaged,
  expectTrail,
  isSqliteError,
  missingInTrigger,
  nameOf,
  newerSchema,
  openFile,
  openTrail,
  reading,
  runMigration,
  schemaVersion,
  writing,
} from './connection.js';
export type { Connection, ConnectionOptions } from './connection.js';
export { HELD, contextHolds, usedLately } from './context-life.js';
export { expectFileName } from './file-name.js';
export { expectOwnJournal } from './hot-journal.js';
export { kept } from './kept-statements.js';
export { onLent } from './lent-connection.js';
export { markOf, seqOf } from './marks.js';
export type { Reader } from './readable.js';
export {
  ENTRIES_TABLE,
  FIT,
  GUARD_TRIGGERS,
  INSERT_GUARD,
  MIGRATIONS,
  MIGRATIONS_TABLE,
  SCHEMA_VERSION,
  TABLES,
} from './schema.js';
export type { Migration } from './schema.js';
export { and, concat, join, list, or, sql, wrap } from '../../sql.js';
export type { Sql } from '../../sql.js';
export { standingFile } from './standing-file.js';
export { attemptTemporary, openTemporary } from './temporary.js';
export { checkpointLog, followed, hurrying } from './write-ahead-log.js';
export type { Session, SqliteOptions } from './session.js';
export { openLive, openReadable } from './readable.js';
