/**
 * daybook for TypeScript applications: the same store and the same operations as the program.
 *
 * @example
 * const store = await openTrail('audit.db');
 * await record(store, entryOf({ action: 'login', actor: 'u-42', actor_type: 'user' }));
 * for await (const page of history(store, request, { as: 'entries' })) console.log(page);
 * await store.close();
 */
export type {
  Capture,
  CaptureAdded,
  CaptureChange,
  CaptureRequest,
  CaptureSettings,
  CaptureSpan,
  CheckedCase,
} from './core/capture.js';
export { ENTRY_FIELDS, HISTORY_FIELDS } from './core/entry.js';
export type { Actor, Entry, EntryField, HistoryEntry, HistoryField, JsonText, NewEntry } from './core/entry.js';
export { DaybookError, isDaybookError } from './core/errors.js';
export type { ErrorKind } from './core/errors.js';
export type { Bucket } from './core/buckets.js';
export type { Case, CaseActor, CaseEntry, CaseName, CaseRelated, CaseSummary } from './core/case.js';
export { parseDuration } from './core/duration.js';
export type { Duration } from './core/duration.js';
export type { Conditions, EntityPattern, Filter, MetadataMatch } from './core/filter.js';
export { filterQuestion } from './core/filter-question.js';
export { parseFilter } from './core/filter-text.js';
export type { FilterInput } from './core/filter-text.js';
export type { ListedActor, NamedActor } from './core/directory.js';
export type { FieldChange } from './core/field-change.js';
export type { StandingPolicy } from './core/policy.js';
export type { PruneAccount } from './core/prune-account.js';
export type {
  BrokenRecord,
  ImportedEntry,
  ImportFormat,
  ImportSettings,
  Source,
  SourceRecord,
  SourceTime,
  SourceValue,
} from './core/import.js';
export type { EntityState } from './core/state.js';
export type { BucketRow, BurstRow, GroupField, GroupReportName, GroupRow, UnattributedRow } from './core/report.js';
export type { UndoConflict, UndoneChange, UndoOutcome } from './core/undo.js';
export type { AuditStore, Policy, PruneRule, RecordOutcome, RecordRequest } from './store/audit-store.js';

export { backup } from './operations/backup.js';
export { burstReport } from './operations/bursts.js';
export type { BurstReport } from './operations/bursts.js';
export { caseOf } from './operations/case.js';
export { changesOf } from './operations/changes.js';
export { exportPages, beginExport } from './operations/export.js';
export { exportInto } from './operations/export-into.js';
export type {
  ExportedInto,
  ExportFormatter,
  ExportOutput,
  ExportTarget,
  ExportWish,
  ManifestWish,
} from './operations/export-into.js';
export { follow } from './operations/follow.js';
export { importSource } from './operations/import.js';
export { recordImport } from './operations/import-account.js';
export { verifyImport } from './operations/import-comparison.js';
export type { Difference } from './operations/import-comparison.js';
export type { ImportOptions, Reject } from './operations/import-entries.js';
export { rehearseImport } from './operations/import-rehearsal.js';
export type { Rehearsal } from './operations/import-rehearsal.js';
export type { ImportTotals } from './operations/import-totals.js';
export { history } from './operations/history.js';
export type { HistoryRequest } from './operations/history.js';
export { addPreparedMirror, prepareMirror } from './operations/mirror.js';
export type { MirrorPlan, PreparedMirror } from './operations/mirror.js';
export { actorIds, importNames, removeActor, setActor, withNames } from './operations/names.js';
export type { ActorChange, ActorNaming } from './operations/names.js';
export { executePrune, policyRules, preparePrune, rehearsePrune } from './operations/prune.js';
export type { PruneRequest, PruneResult } from './operations/prune.js';
export type { Content, Reading } from './operations/reading.js';
export { record } from './operations/record.js';
export { groupReport } from './operations/report.js';
export type { GroupReport } from './operations/report.js';
export { removePolicy, setPolicy } from './operations/retention.js';
export { findEntry, revert } from './operations/revert.js';
export { stateOf, statesOf } from './operations/state.js';
export type { Moment } from './operations/state.js';
export { status } from './operations/status.js';
export type { Status } from './operations/status.js';
export { timeline } from './operations/timeline.js';
export type { Timeline } from './operations/timeline.js';
export { unattributedReport } from './operations/unattributed.js';
export type { UnattributedReport } from './operations/unattributed.js';
export { undo } from './operations/undo.js';
export type { UndoOptions } from './operations/undo.js';

export { attach, captureRequest, entryOf, initializeTrail, openImport, openTrail, recordIn } from './library.js';
export type {
  Attached,
  EntryFields,
  ImportRequest,
  OpenConnection,
  TrailOptions,
  TransactionContext,
} from './library.js';
export type { OpenedImport } from './operations/open-import.js';
