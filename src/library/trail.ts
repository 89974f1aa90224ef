import type { Bucket } from '../core/buckets.js';
import type { CaptureChange } from '../core/capture.js';
import { ENTRY_FIELDS } from '../core/entry.js';
import type { Entity } from '../core/entity.js';
import type { EntryField } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import type { FieldChange } from '../core/field-change.js';
import { expectOneOf, expectWhole, wrongValue } from '../core/given.js';
import { formatTimestamp } from '../core/timestamp.js';
import type { GroupField, GroupReportName, HourRow, TimelineField } from '../core/report.js';
import type { EntityState } from '../core/state.js';
import { burstReport } from '../operations/bursts.js';
import type { BurstReport } from '../operations/bursts.js';
import { changesOf } from '../operations/changes.js';
import { follow } from '../operations/follow.js';
import { history } from '../operations/history.js';
import type { HistoryRequest } from '../operations/history.js';
import type { PruneResult } from '../operations/prune.js';
import { hoursOfWeek } from '../operations/hours.js';
import { groupReport } from '../operations/report.js';
import type { GroupReport } from '../operations/report.js';
import { revertOf } from '../operations/revert.js';
import { stateOf, statesOf } from '../operations/state.js';
import type { ColumnValue, Moment } from '../operations/state.js';
import { status } from '../operations/status.js';
import type { Status } from '../operations/status.js';
import { timeline } from '../operations/timeline.js';
import type { Timeline } from '../operations/timeline.js';
import { unattributedReport } from '../operations/unattributed.js';
import type { UnattributedReport } from '../operations/unattributed.js';
import type { AuditStore, ValueCount } from '../store/audit-store.js';
import { becameOf, readRevert } from './attach.js';
import type { Recorded, RevertRequest } from './attach.js';
import { captureSettings, inOwnWords } from './capture.js';
import type { CaptureSettings } from './capture.js';
import { actorOf, readContext, within } from './context.js';
import type { Context } from './context.js';
import { documentAs, entryAs } from './documents.js';
import type { DocumentForm, DocumentOf, TrailEntry, ValueOf } from './documents.js';
import { requestsOf } from './entry-fields.js';
import type { Bound, EntryFields, Instant } from './entry-fields.js';
import { told, toldLater } from './errors.js';
import { exportTo } from './export.js';
import type { ExportRequest, ExportResult } from './export.js';
import { prune } from './prune.js';
import type { PruneRequest } from './prune.js';
import {
  durationOf,
  expectEntity,
  expectKeys,
  filterOf,
  keyOf,
  millisecondsOf,
  questionOf,
  zoneOf,
} from './question.js';
import type { EntryFilter } from './question.js';
import type { OutputStream } from './stream-target.js';

/** Which entries, in which order: newest first where no order is given. */
export interface EntriesRequest {
  readonly filter?: EntryFilter;
  readonly order?: 'newest' | 'oldest';
  /** Ends the walk early. */
  readonly signal?: AbortSignal;
}

export interface PageRequest {
  readonly filter?: EntryFilter;
  /** Newest first where it is not given. */
  readonly order?: 'newest' | 'oldest';
  /** At most so many entries; 50 where it is not given. */
  readonly limit?: number;
  /** The `nextCursor` of the page before: with the same filter and order, and of any limit. */
  readonly cursor?: string | null | undefined;
}

export interface Page<Form extends DocumentForm = 'values'> {
  readonly entries: readonly TrailEntry<Form>[];
  /** Where the next page begins; null on the last page. Letters, digits, `-` and `_`. */
  readonly nextCursor: string | null;
}

export interface FollowRequest {
  readonly filter?: EntryFilter;
  /** How many of the entries that are there already come first; none where it is not given. */
  readonly last?: number;
  /** Ends it; leaving the loop does, too. */
  readonly signal?: AbortSignal;
}

/** The reports, by their names: what each asks, and what it gives. */
export interface Reports {
  readonly actors: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly actions: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly entities: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly scopes: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly fields: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly severities: { readonly asks: GroupReportRequest; readonly gives: GroupReport };
  readonly timeline: { readonly asks: TimelineRequest; readonly gives: Timeline };
  readonly hours: { readonly asks: HoursRequest; readonly gives: Hours };
  readonly bursts: { readonly asks: BurstsRequest; readonly gives: BurstReport };
  readonly unattributed: { readonly asks: UnattributedRequest; readonly gives: UnattributedReport };
}

export interface GroupReportRequest {
  readonly filter?: EntryFilter;
  /** A second field to group by. */
  readonly by?: GroupField;
  /** At most so many rows; 20 where it is not given. */
  readonly limit?: number;
}

export interface TimelineRequest {
  readonly filter?: EntryFilter;
  readonly bucket: Bucket;
  /** Gives each bucket a row for each actor, severity or action. */
  readonly by?: TimelineField;
  /** The IANA zone in which days, weeks and months begin; UTC where it is not given. */
  readonly zone?: string;
}

export interface HoursRequest {
  readonly filter?: EntryFilter;
  /** The IANA zone of the weekdays and hours; UTC where it is not given. */
  readonly zone?: string;
}

export interface Hours {
  /** One for each hour of the week, from Monday at midnight on; none where no entry matches. */
  readonly rows: readonly HourRow[];
}

export interface BurstsRequest {
  readonly filter?: EntryFilter;
  /** How long the window is that slides over the entries of each actor, such as `1h`. */
  readonly window: string;
  /** Only what is more than so many entries in one window. */
  readonly moreThan: number;
  /** At most so many rows; 20 where it is not given. */
  readonly limit?: number;
}

export interface UnattributedRequest {
  readonly filter?: EntryFilter;
  /** At most so many rows; 20 where it is not given. */
  readonly limit?: number;
  /** The IANA zone in which days begin; UTC where it is not given. */
  readonly zone?: string;
}

/** A moment: by time, or behind an entry; now where neither is given. */
export interface MomentRequest {
  readonly at?: Instant;
  /** The seq of an entry: the moment right behind it. */
  readonly atEntry?: number;
}

export interface StatesRequest extends MomentRequest {
  /** Columns and the values that they must have, compared as text. */
  readonly where?: Readonly<Record<string, string>>;
}

/** What a row of a captured table was at a moment. */
export interface State<Form extends DocumentForm = 'values'> extends Omit<EntityState, 'values'> {
  readonly values: DocumentOf<Form> | null;
}

/** One change of one field. */
export interface Change<Form extends DocumentForm = 'values'> extends Omit<FieldChange, 'old' | 'new'> {
  readonly old: ValueOf<Form>;
  readonly new: ValueOf<Form>;
}

export interface StatusRequest {
  /** How long something may be due before that is a problem; `26h` where it is not given. */
  readonly grace?: string;
  /** Whether entries that nothing accounts for are a problem. */
  readonly strict?: boolean;
}

declare global {
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}

/**
 * An audit trail that is open. Its methods are asynchronous, and wait for a lock without holding up the event loop. Each
 * throws kind `usage` for a question that is none, naming field and value, `busy` where the database stays locked for longer
 * than the busy timeout, and `missing` where the database is damaged.
 */
export interface Trail<Form extends DocumentForm = 'values'> {
  /**
   * Records an entry, or several in one transaction, all or none. They are on the disk when the promise resolves.
   *
   * Throws kind `data` for an entry that is not valid, `refused` for an id that is there with other content, for one that
   * takes back what is taken back already, and for one without an actor where a captured table asks for one, and `missing`
   * where it takes back what is not there.
   *
   * @example const { seq } = await trail.record({ action: 'login', category: 'auth', actor: 'u-42', metadata: { ip: '10.0.0.7' } });
   */
  record(entry: EntryFields): Promise<Recorded>;
  record(entries: readonly EntryFields[]): Promise<Recorded[]>;
  /**
   * The entry of this seq (a number, or its digits) or id; null where there is none.
   *
   * @example const entry = await trail.find(1042);
   */
  find(key: number | string): Promise<TrailEntry<Form> | null>;
  /**
   * A page of history. A cursor knows its own question: it goes with the same filter and order, and never skips or repeats an
   * entry, whatever is recorded meanwhile.
   *
   * Throws kind `usage` for a cursor that is damaged or belongs to another question.
   *
   * @example
   * const { entries, nextCursor } = await trail.page({ filter: { actor: ['u-42'] }, limit: 20 });
   * const next = await trail.page({ filter: { actor: ['u-42'] }, limit: 20, cursor: nextCursor });
   */
  page(request?: PageRequest): Promise<Page<Form>>;
  /**
   * Every entry that matches, in the trail as it is when the walk begins. However many there are, few are in memory.
   *
   * @example for await (const entry of trail.entries({ filter: { category: ['auth'] }, order: 'oldest' })) console.log(entry.action);
   */
  entries(request?: EntriesRequest): AsyncIterable<TrailEntry<Form>>;
  /**
   * The last entries, oldest first, and then each one that is recorded, by whatever program, until the signal or the end of
   * the loop. It looks twenty times a second.
   *
   * @example
   * for await (const entry of trail.follow({ filter: { severity: ['error'] }, signal })) alert(entry.message);
   */
  follow(request?: FollowRequest): AsyncIterable<TrailEntry<Form>>;
  /**
   * How many entries match.
   *
   * @example const logins = await trail.count({ action: ['login'], since: new Date('2026-01-01') });
   */
  count(filter?: EntryFilter): Promise<number>;
  /**
   * The distinct values of a field, with how many entries have each, most frequent first.
   *
   * @example const actions = await trail.values('action');
   */
  values(field: EntryField, filter?: EntryFilter): Promise<readonly ValueCount[]>;
  /**
   * A report: entries counted by actor, action, entity, scope, changed field or severity, by time, by hour of the week, by bursts, or those that
   * nobody signed.
   *
   * @example const { rows } = await trail.report('actors', { filter: { category: ['auth'] }, limit: 10 });
   */
  report<Name extends keyof Reports>(name: Name, request: Reports[Name]['asks']): Promise<Reports[Name]['gives']>;
  /**
   * Takes an entry back, by its seq or its id, by a new entry about the same entity, and gives that. What it tells of is not
   * undone.
   *
   * Throws kind `missing` where there is no such entry, and `refused` where it is taken back already.
   *
   * @example await trail.revert(1042, { actor: 'u-7', reason: 'was somebody else' });
   */
  revert(key: number | string, request: RevertRequest): Promise<TrailEntry<Form>>;
  /**
   * Deletes entries by rules, or by the retention policies of the database, in short batches beside other writers, and leaves
   * an account of that as an entry. With `dryRun` it says what would go.
   *
   * Throws kind `refused` for an archive that is there already, `busy` while another prune is at work, and `interrupted` after
   * the signal.
   *
   * @example
   * const { deleted } = await trail.prune({
   *   rules: [{ olderThan: '90d' }],
   *   archive: 'old.ndjson.gz',
   *   reason: 'every night',
   *   actor: 'cron',
   *   actorType: 'system',
   * });
   */
  prune(request: PruneRequest): Promise<PruneResult>;
  /**
   * Hands entries over, oldest first, to a file that appears whole or not at all (mode 0600), or to a stream, which stays
   * open. With a checkpoint, only what is new since the last export of that name.
   *
   * Throws kind `refused` for a file that is there already, unless `force`, and for the trail itself; `failed` where entries
   * were pruned meanwhile or the output cannot be written; `interrupted` after the signal.
   *
   * @example const { count } = await trail.export('auth.csv.gz', { filter: { category: ['auth'] }, manifest: 'auth.json' });
   */
  export(output: string | OutputStream, request?: ExportRequest): Promise<ExportResult>;
  /**
   * What a row of a captured table was at a moment. `exists` is null where the trail cannot know.
   *
   * Throws kind `missing` for a type of which no table was ever captured.
   *
   * @example const { values } = await trail.state({ type: 'users', id: '42' }, { at: '2026-03-05T12:00:00Z' });
   */
  state(entity: Entity, moment?: MomentRequest): Promise<State<Form>>;
  /**
   * What every row of a captured table was at a moment. Where whole rows may be missing, a state for the type alone comes first.
   *
   * @example for await (const { entity, values } of trail.states('users', { at: new Date('2026-03-05') })) console.log(entity, values);
   */
  states(type: string, request?: StatesRequest): AsyncIterable<State<Form>>;
  /**
   * Every change of a field, oldest first: a name, or a dotted path into a document.
   *
   * @example for await (const { ts, old, new: now } of trail.changes('email', { entity: [{ type: 'users' }] })) console.log(ts, old, now);
   */
  changes(field: string, filter?: EntryFilter): AsyncIterable<Change<Form>>;
  /**
   * What the database holds, and what is wrong with it.
   *
   * @example const { problems } = await trail.status();
   */
  status(request?: StatusRequest): Promise<Status>;
  /**
   * Records the changes of the rows of these tables from now on, in the same transaction as the change, by whatever program.
   * Where they are captured so already, nothing changes.
   *
   * Throws kind `missing` without the table, `usage` for a column that none has, and `refused` for a table that cannot be
   * captured, and columns that look like secrets and are not named under `redact`, `ignore` or `keep`.
   *
   * @example await trail.capture(['users'], { redact: ['password_hash'], requireActor: true, actor: 'deploy', actorType: 'system' });
   */
  capture(tables: readonly string[], settings?: CaptureSettings): Promise<readonly CaptureChange[]>;
  /**
   * The same trail, with a context that holds for all that is done through it, as a logger's child. What is said later counts.
   *
   * @example const asked = trail.with({ actor: 'u-42', correlationId: request.id });
   */
  with(context: Context): Trail<Form>;
  /**
   * Closes it, and all that `with` made of it. A connection of your own stays open.
   *
   * @example await trail.close();
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Opened {
  readonly store: AuditStore;
  /** How the database is called in what `status` says. */
  readonly shown: string;
  readonly busyTimeout: number;
  /** Whether it was closed. */
  closed: boolean;
}

/** The trail of a store. */
export function trailOf<Form extends DocumentForm>(opened: Opened, form: Form, bound: Bound): Trail<Form> {
  const { store } = opened;
  const later = async <T>(work: () => Promise<T>): Promise<T> =>
    toldLater(async () => {
      if (opened.closed) throw new DaybookError('usage', 'the trail is closed');
      return work();
    });
  const bindTo = (context: Context): Context => within(bound.context, readContext(context));
  function record(entry: EntryFields): Promise<Recorded>;
  function record(entries: readonly EntryFields[]): Promise<Recorded[]>;
  async function record(given: EntryFields | readonly EntryFields[]): Promise<Recorded | Recorded[]> {
    return later(async () => {
      const requests = requestsOf(given, bound);
      if (requests.length === 0) return [];
      const recorded = (await store.record(requests, { ofApplication: true })).map(becameOf);
      return Array.isArray(given) ? recorded : (recorded[0] as Recorded);
    });
  }
  const find = async (key: number | string): Promise<TrailEntry<Form> | null> => {
    const found = await store.find(keyOf(key));
    return found === undefined ? null : entryAs(found, form);
  };
  return {
    record,
    find: (key) => later(() => find(key)),
    page: (request = {}) =>
      later(async () => {
        expectKeys('a page', request, ['filter', 'order', 'limit', 'cursor']);
        const { order = 'newest', limit = 50, cursor } = request;
        // The program may ask for all; a page of an application has an end.
        expectWhole('limit', limit, 1);
        if (cursor !== undefined && cursor !== null && typeof cursor !== 'string') {
          throw wrongValue('cursor', cursor, 'a text');
        }
        const entries: TrailEntry<Form>[] = [];
        const pieces = history(store, questionAs(request, order, limit, cursor ?? undefined), { as: 'entries' });
        for (;;) {
          const piece = await pieces.next();
          if (piece.done === true) return { entries, nextCursor: piece.value };
          if (piece.value.as === 'entries') entries.push(...piece.value.entries.map((entry) => entryAs(entry, form)));
        }
      }),
    entries: (request = {}) =>
      walk(later, async function* () {
        expectKeys('entries', request, ['filter', 'order', 'signal']);
        const { order = 'newest', signal } = request;
        refuseAborted(signal);
        const question = questionAs(request, order, Number.MAX_SAFE_INTEGER, undefined);
        for await (const piece of history(store, question, { as: 'entries' })) {
          for (const entry of piece.as === 'entries' ? piece.entries : []) {
            refuseAborted(signal);
            yield entryAs(entry, form);
          }
        }
      }),
    follow: (request = {}) =>
      walk(later, async function* () {
        expectKeys('follow', request, ['filter', 'last', 'signal']);
        const { last = 0, signal = new AbortController().signal } = request;
        expectWhole('last', last, 0);
        const question = { filter: filterOf(request.filter), limit: last, signal };
        for await (const piece of follow(store, question, { as: 'entries' })) {
          for (const entry of piece.as === 'entries' ? piece.entries : []) {
            if (signal.aborted) return;
            yield entryAs(entry, form);
          }
        }
      }),
    count: (filter) => later(async () => (await store.extent(filterOf(filter))).count),
    values: (field, filter) =>
      later(async () => {
        expectOneOf('field', field, ENTRY_FIELDS);
        return store.values(field, filterOf(filter));
      }),
    report: (name, request) => later(() => reportOf(store, name, request)),
    revert: (key, request) =>
      later(async () => {
        const { context, reason } = readRevert(request, bound.context);
        const actor = actorOf(context);
        const target = await store.find(keyOf(key));
        if (target === undefined) throw new DaybookError('missing', `no entry ${key}`, { field: 'key', value: key });
        const taking = { ...revertOf(target, actor, reason), correlation_id: context.correlationId ?? null };
        const { id } = await store.revert(taking);
        return (await find(id)) as TrailEntry<Form>;
      }),
    prune: (request) => later(() => prune(store, request, bound.context, opened.busyTimeout)),
    export: (output, request = {}) => later(() => exportTo(store, output, request)),
    state: (entity, moment = {}) =>
      later(async () => {
        expectEntity(entity);
        return stateAs(await stateOf(store, entity, momentOf(moment)), form);
      }),
    states: (type, request = {}) =>
      walk(later, async function* () {
        if (typeof type !== 'string' || type === '') throw wrongValue('type', type, 'a text that is not empty');
        expectKeys('states', request, ['at', 'atEntry', 'where']);
        const { where, ...moment } = request;
        for await (const states of statesOf(store, type, momentOf(moment), columnsOf(where))) {
          for (const state of states) yield stateAs(state, form);
        }
      }),
    changes: (field, filter) =>
      walk(later, async function* () {
        if (typeof field !== 'string' || field === '') throw wrongValue('field', field, 'a text that is not empty');
        for await (const changes of changesOf(store, field, filterOf(filter))) {
          for (const change of changes) yield changeAs(change, form);
        }
      }),
    status: (request = {}) =>
      later(async () => {
        expectKeys('status', request, ['grace', 'strict']);
        const { grace = '26h', strict = false } = request;
        const asked = { grace: durationOf('grace', grace), strict };
        return status(store, { database: opened.shown, now: Date.now(), zone: 'UTC', ...asked });
      }),
    capture: (tables, settings = {}) =>
      later(async () => {
        if (!Array.isArray(tables) || tables.length === 0 || !tables.every((table) => typeof table === 'string')) {
          throw wrongValue('tables', tables, 'a list of names');
        }
        const { request, context } = captureSettings(settings);
        const actor = actorOf(bindTo(context));
        return inOwnWords(() => store.addCaptures(tables, request, actor));
      }),
    with: (context) => told(() => trailOf(opened, form, { ...bound, context: bindTo(context) })),
    close: async () => close(opened),
    [Symbol.asyncDispose]: async () => close(opened),
  };
}

async function close(opened: Opened): Promise<void> {
  if (opened.closed) return;
  opened.closed = true;
  await opened.store.close();
}

/** A walk whose errors are told as those of all else; it asks for nothing before somebody does. */
async function* walk<T>(
  later: <Result>(work: () => Promise<Result>) => Promise<Result>,
  begin: () => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const steps = begin();
  try {
    for (;;) {
      const step = await later(() => steps.next());
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    await steps.return(undefined);
  }
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new DaybookError('interrupted', 'interrupted by its signal');
}

function questionAs(
  request: EntriesRequest | PageRequest,
  order: 'newest' | 'oldest',
  limit: number,
  cursor: string | undefined,
): HistoryRequest {
  const filter = filterOf(request.filter);
  return { filter, order, limit, question: questionOf(filter), cursor, ownWindow: true };
}

function momentOf(request: MomentRequest): Moment {
  expectKeys('a moment', request, ['at', 'atEntry']);
  const { at, atEntry } = request;
  const now = formatTimestamp(Date.now());
  if (at !== undefined && atEntry !== undefined) {
    throw new DaybookError('usage', 'a moment is at a time or behind an entry, and not both', {
      field: 'at',
      value: at,
    });
  }
  if (atEntry !== undefined) {
    expectWhole('atEntry', atEntry, 0);
    return { kind: 'entry', at: now, seq: atEntry };
  }
  return at === undefined ? { kind: 'now', at: now } : { kind: 'time', at: formatTimestamp(millisecondsOf('at', at)) };
}

function columnsOf(where: Readonly<Record<string, string>> = {}): ColumnValue[] {
  if (typeof where !== 'object' || where === null) throw wrongValue('where', where, 'an object of columns and texts');
  return Object.entries(where).map(([column, value]) => {
    if (typeof value !== 'string') throw wrongValue(`where.${column}`, value, 'a text');
    return { column, value };
  });
}

function stateAs<Form extends DocumentForm>(state: EntityState, form: Form): State<Form> {
  return { ...state, values: documentAs(state.values, form) as DocumentOf<Form> | null };
}

function changeAs<Form extends DocumentForm>(change: FieldChange, form: Form): Change<Form> {
  const value = (text: string): ValueOf<Form> => documentAs(text, form) as ValueOf<Form>;
  return { ...change, old: value(change.old), new: value(change.new) };
}

const FEW = 20;

/** What each report asks, all of it: other keys are refused. */
const REPORTS: {
  readonly [Name in keyof Reports]: {
    readonly keys: readonly (keyof Reports[Name]['asks'])[];
    readonly make: (store: AuditStore, asked: Reports[Name]['asks']) => Promise<Reports[Name]['gives']>;
  };
} = {
  actors: groups('actors'),
  actions: groups('actions'),
  entities: groups('entities'),
  scopes: groups('scopes'),
  fields: groups('fields'),
  severities: groups('severities'),
  timeline: {
    keys: ['filter', 'bucket', 'by', 'zone'],
    make: (store, { filter, bucket, by, zone = 'UTC' }) =>
      timeline(store, { filter: filterOf(filter), bucket, by, zone: zoneOf(zone), now: Date.now() }),
  },
  hours: {
    keys: ['filter', 'zone'],
    make: async (store, { filter, zone = 'UTC' }) => ({
      rows: await hoursOfWeek(store, { filter: filterOf(filter), zone: zoneOf(zone), now: Date.now() }),
    }),
  },
  bursts: {
    keys: ['filter', 'window', 'moreThan', 'limit'],
    make: (store, { filter, window, moreThan, limit = FEW }) =>
      burstReport(store, { filter: filterOf(filter), window: durationOf('window', window), moreThan, limit }),
  },
  unattributed: {
    keys: ['filter', 'limit', 'zone'],
    make: (store, { filter, limit = FEW, zone = 'UTC' }) =>
      unattributedReport(store, { filter: filterOf(filter), limit, zone: zoneOf(zone), now: Date.now() }),
  },
};

function groups(report: GroupReportName): (typeof REPORTS)['actors'] {
  return {
    keys: ['filter', 'by', 'limit'],
    make: (store, { filter, by, limit = FEW }) => groupReport(store, { report, filter: filterOf(filter), by, limit }),
  };
}

async function reportOf<Name extends keyof Reports>(
  store: AuditStore,
  name: Name,
  request: Reports[Name]['asks'],
): Promise<Reports[Name]['gives']> {
  expectOneOf('report', name, Object.keys(REPORTS));
  const { keys, make } = REPORTS[name];
  expectKeys(`report ${name}`, request, keys as readonly string[]);
  return make(store, request);
}
