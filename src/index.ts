export { ENTRY_FIELDS, newEntry } from './core/entry.js';
export type { Actor, Entry, HistoryEntry, JsonText, NewEntry } from './core/entry.js';
export { DaybookError } from './core/errors.js';
export type { ErrorKind } from './core/errors.js';
export type { Filter } from './core/filter.js';
export { openSqliteStore } from './store/sqlite/sqlite-store.js';
export type { AuditStore } from './store/audit-store.js';
