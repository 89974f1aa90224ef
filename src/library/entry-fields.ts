import type { NewEntry } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { fromValue, parseMade, shown } from '../core/json.js';
import { withReason } from '../core/metadata.js';
import { collapse, redact } from '../core/redact.js';
import { formatTimestamp, isInRange } from '../core/timestamp.js';
import { validateEntry } from '../core/validate.js';
import type { RecordRequest } from '../store/audit-store.js';
import type { Context } from './context.js';

/** A moment: a Date, or a full time as text with `Z` or an offset, such as `2026-03-05T14:07:09.123+01:00`. */
export type Instant = Date | string;

/** A document of an entry: a plain object of JSON values, bigint included; what has a `toJSON`, such as a Date, is that. */
export type DocumentFields = object;

/** An entry to record, by the names that it has in JSON, in CSV and in the table. Only the action must be given. */
export interface EntryFields {
  /** What was done: `login`, `update`, `partial_dispense`, … */
  readonly action: string;
  /** Its id where it has one already: recorded again with the same content, it is skipped. Else it gets a UUIDv7. */
  readonly id?: string | undefined;
  /** When it happened, where that was not now. */
  readonly ts?: Instant | undefined;
  /** When it was recorded, where `ts` is given; else now. */
  readonly recorded_at?: Instant | null | undefined;
  /** `entity` where it is not given. */
  readonly category?: string | undefined;
  /** `info` where it is not given. */
  readonly severity?: 'info' | 'warning' | 'error' | undefined;
  /** Who did it, by id. Where it is not given, it comes from the context, and is `unknown` without one. */
  readonly actor?: string | undefined;
  /** `user` where only the actor is given. */
  readonly actor_type?: string | undefined;
  /** What the actor was called then; else the directory of names says it. */
  readonly actor_name?: string | null | undefined;
  readonly recorded_by?: string | null | undefined;
  /** `kind:id`: the tenant, guild or machine that it happened in. */
  readonly scope?: string | null | undefined;
  readonly entity_type?: string | null | undefined;
  /** Always text: a number beyond 2^53 would lose digits. */
  readonly entity_id?: string | null | undefined;
  readonly entity_name?: string | null | undefined;
  /** For people. */
  readonly message?: string | undefined;
  /** For programs. */
  readonly metadata?: DocumentFields | undefined;
  readonly old_values?: DocumentFields | null | undefined;
  readonly new_values?: DocumentFields | null | undefined;
  /** Where it is not given, and old and new values are, it is found out. */
  readonly changed_fields?: readonly string[] | null | undefined;
  readonly correlation_id?: string | null | undefined;
  /** The id of the entry that this one takes back: it must be there, and not be taken back already. */
  readonly reverts?: string | null | undefined;
  readonly source?: string | null | undefined;
}

/** What holds for the entries of a trail, or of a part of a program. */
export interface Bound {
  readonly context: Context;
  /** Dotted paths of values that must not be kept. */
  readonly redact: readonly string[];
}

/** The valid entries of one, or of several. Throws as `requestOf` does. */
export function requestsOf(given: EntryFields | readonly EntryFields[], bound: Bound): RecordRequest[] {
  // Array.from: map() would pass over the holes of a list.
  const several = Array.from<EntryFields>(Array.isArray(given) ? given : [given]);
  return several.map((fields) => requestOf(fields, bound, Date.now()));
}

/** A valid entry of the fields of an application. Throws kind `data`, naming field and value. */
export function requestOf(fields: EntryFields, { context, redact: paths }: Bound, now: number): RecordRequest {
  if (typeof fields !== 'object' || fields === null) {
    throw new DaybookError('data', `${shown(fields)} is no entry: an entry is an object`, {
      field: 'entry',
      value: fields,
    });
  }
  const given: Record<string, unknown> = {
    ...fields,
    ...signed(fields, context),
    ts: asText('ts', fields.ts),
    recorded_at: asText('recorded_at', fields.recorded_at),
  };
  const isSigned = given['actor'] !== undefined;
  const request = validateEntry(given, 'data', {
    documents: 'values',
    now,
    ...(isSigned && { defaults: { actor_type: 'user' } }),
  });
  const reasoned = withReasonOf(request, context);
  return paths.length === 0 ? reasoned : redacted(reasoned, paths);
}

function withReasonOf({ entry, given }: RecordRequest, { reason }: Context): RecordRequest {
  if (typeof reason !== 'string') return { entry, given };
  return { entry: { ...entry, metadata: withReason(entry.metadata, reason) }, given };
}

/** What the context says of who and why, and the fields do not. */
function signed(fields: EntryFields, context: Context): Partial<EntryFields> {
  const { actor, actorType, recordedBy, correlationId } = context;
  const who = fields.actor === undefined && actor !== undefined ? { actor, actor_type: actorType } : {};
  const by = fields.actor === undefined && fields.recorded_by === undefined ? { recorded_by: recordedBy } : {};
  return {
    ...who,
    ...by,
    ...(fields.correlation_id === undefined && { correlation_id: correlationId }),
  };
}

function asText(field: string, value: Instant | null | undefined): string | null | undefined {
  if (!(value instanceof Date)) return value;
  const ms = value.getTime();
  if (isInRange(ms)) return formatTimestamp(ms);
  throw new DaybookError('data', `${field} is a date that is none, or not in the years 0001 to 9999`, { field, value });
}

/** What is redacted was compared first: the field is still named as changed. */
function redacted({ entry, given }: RecordRequest, paths: readonly string[]): RecordRequest {
  const hide = <Text extends string | null>(text: Text): Text =>
    (text === null ? null : redact(text, paths).text) as Text;
  const { changed_fields: changed } = entry;
  const hidden: NewEntry = {
    ...entry,
    metadata: hide(entry.metadata),
    old_values: hide(entry.old_values),
    new_values: hide(entry.new_values),
    changed_fields: changed === null ? null : fromValue(collapse(parseMade(changed) as string[], paths)),
  };
  return { entry: hidden, given };
}
