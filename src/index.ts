/**
 * daybook for applications: `openTrail` for a trail, `attach` and `attachPostgres` for the connection that you have open. What is exported here is
 * what semantic versioning promises.
 *
 * @example
 * const trail = await openTrail('audit.db');
 * await trail.record({ action: 'login', actor: 'u-42' });
 * for await (const entry of trail.entries({ filter: { actor: ['u-42'] } })) console.log(entry.ts, entry.action);
 * await trail.close();
 */
export { initializeTrail, openTrail } from './library.js';
export { attach } from './library/attach.js';
export { attachPostgres } from './library/attach-postgres.js';
export { contextSql } from './library/context-sql.js';
export { isDaybookError } from './core/errors.js';

export type { DaybookError, ErrorDetails, ErrorKind } from './core/errors.js';
export type { DatabaseSize, Initialized } from './store/upkeep.js';
export type { InitializeOptions, TrailOptions } from './library.js';
export type { Attached, AttachOptions, Recorded, RevertRequest } from './library/attach.js';
export type { AttachedPostgres, AttachPostgresOptions } from './library/attach-postgres.js';
export type { PostgresClient, PostgresClientOf } from './store/postgres-client.js';
export type { OpenConnection, OpenStatement } from './store/open-connection.js';
export type { Context, Who } from './library/context.js';
export type { ContextSql, ContextSqlOptions, SqlText } from './library/context-sql.js';
export type {
  BurstsRequest,
  Change,
  EntriesRequest,
  FollowRequest,
  GroupReportRequest,
  Hours,
  HoursRequest,
  MomentRequest,
  Page,
  PageRequest,
  Reports,
  State,
  StatesRequest,
  StatusRequest,
  TimelineRequest,
  Trail,
  UnattributedRequest,
} from './library/trail.js';
export type { DocumentFields, EntryFields, Instant } from './library/entry-fields.js';
export type { DocumentForm, DocumentOf, JsonValue, LosslessValue, TrailEntry, ValueOf } from './library/documents.js';
export type { LosslessNumber } from 'lossless-json';
export type { Entity } from './core/entity.js';
export type { Entry, EntryField, JsonText } from './core/entry.js';
export type { EntryConditions, EntryFilter } from './library/question.js';
export type { Conditions, EntityPattern, ListField, MetadataMatch } from './core/filter.js';
export type { EntityState } from './core/state.js';
export type { FieldChange } from './core/field-change.js';
export type { ValueCount } from './store/reading.js';
export type { GroupReport } from './operations/report.js';
export type { Timeline } from './operations/timeline.js';
export type { BurstReport } from './operations/bursts.js';
export type { UnattributedReport } from './operations/unattributed.js';
export type { Bucket } from './core/buckets.js';
export type {
  BucketRow,
  BurstRow,
  GroupField,
  GroupRow,
  HourRow,
  TimelineField,
  UnattributedRow,
} from './core/report.js';
export type { PruneRequest, PruneRule } from './library/prune.js';
export type { PruneResult } from './operations/prune.js';
export type { Archive } from './operations/archive.js';
export type { RuleCount } from './core/prune-account.js';
export type { ExportRequest, ExportResult, FileFormat } from './library/export.js';
export type { OutputStream } from './library/stream-target.js';
export type { CaptureSettings } from './library/capture.js';
export type { CaptureChange } from './core/capture.js';
export type { StandingHold, Status } from './operations/status.js';
export type { Problem, ProblemCode } from './operations/problems.js';
