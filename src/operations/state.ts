import { isLosslessNumber } from 'lossless-json';
import { losesChanges } from '../core/capture.js';
import type { CaptureHistory, CaptureSpan } from '../core/capture.js';
import { entityText } from '../core/entity.js';
import type { Entity } from '../core/entity.js';
import type { JsonText } from '../core/entry.js';
import { DaybookError } from '../core/errors.js';
import { expectWhole } from '../core/given.js';
import { documentIn, documentText, isJsonObject, parseMade } from '../core/json.js';
import type { JsonDocument } from '../core/json.js';
import { comparedText } from '../core/match.js';
import type { EntityState } from '../core/state.js';
import { normalizeTimestamp, parseTimestamp, readTimestamp } from '../core/timestamp.js';
import type { AuditStore, CapturedMoment, PruneReach, RowEvidence, TablePlace } from '../store/audit-store.js';
import { importedStateOf, importedStatesOf } from './imported-state.js';

/** A moment as it is asked for: by time, behind an entry, or now. Times are text with `Z` or an offset. */
export type Moment =
  | { readonly kind: 'time'; readonly at: string }
  | { readonly kind: 'entry'; readonly at: string; readonly seq: number }
  | { readonly kind: 'now'; readonly at: string };

/** Says something for people about the answer: why it is not known, or what is wrong with the capture. */
export type Tell = (text: string) => void;

/** A column and the text that it must have. */
export interface ColumnValue {
  readonly column: string;
  readonly value: string;
}

/** How many rows, or entries, are read at once. */
const PAGE = 256;

/** What the trail can know of a type at a moment. */
interface Knowledge {
  readonly history: CaptureHistory;
  readonly moment: Moment;
  readonly knownSince: string | null;
  /** How far prunes reached into the span. */
  readonly pruned: PruneReach | null;
  /** Whether prunes took what would be needed. */
  readonly gone: boolean;
  /** Whether the span has ended, so that the table tells nothing of it. */
  readonly ended: boolean;
  /** Whether the table itself tells of rows that did not change since. */
  readonly live: boolean;
}

/**
 * What one row was at a moment. Where it was not captured then, imported row changes tell. Throws kind `missing` for a
 * type of which no table was ever captured and no row changes were imported.
 *
 * @example await stateOf(store, { type: 'users', id: '42' }, { kind: 'time', at: '2026-03-05T12:00:00.000Z' });
 */
export async function stateOf(
  store: AuditStore,
  entity: Entity,
  asked: Moment,
  tell: Tell = () => undefined,
): Promise<EntityState> {
  const moment = asStored(asked);
  const history = await historyOf(store, entity.type);
  const id = normalId(entity.id, history);
  const name = entityText(entity.type, id);
  const told = { entity: name, at: moment.at };
  const nothing = { values: null, seq: null };
  const span = spanAt(history.spans, moment);
  if (span === undefined) {
    const imported = await store.importedHistory(entity.type, id);
    if (imported.sources.length > 0) {
      return importedStateOf(store, { type: entity.type, id }, moment, imported, tell);
    }
    tell(whyUnknown(history, moment));
    return { ...told, exists: null, ...nothing, known_since: nextSince(history.spans, moment) };
  }
  const live = isLive(history, span);
  const evidence = await store.rowEvidence(momentIn(entity.type, span, moment), id, live);
  // What prunes took is asked for last: whatever the evidence lacks by then is accounted for.
  const now = await knowledge(store, { type: entity.type, id }, span, moment);
  const known = { ...now, live: live && now.live };
  tellProblem(known, tell);
  if (known.gone) {
    tell(whyPruned(known));
    return { ...told, exists: null, ...nothing, known_since: known.knownSince };
  }
  const unclear = unclearKey(evidence, history);
  if (unclear !== null) {
    tell(`not known: ${name} has ${unclear}`);
    return { ...told, exists: null, ...nothing, known_since: known.knownSince };
  }
  const decided = decide(evidence, known);
  if (decided.exists === null) tell(whyUndecided(name, evidence, known));
  tellMistaken(evidence, history, tell);
  return { ...told, ...decided, known_since: known.knownSince };
}

/**
 * What every row of a type was at a moment, page by page, in no promised order: the rows that existed then, and the rows
 * that may have existed. If whole rows may be missing, one for the type alone comes first. `where` names columns and the
 * values that they must have, compared as text.
 */
export async function* statesOf(
  store: AuditStore,
  type: string,
  wanted: Moment,
  where: readonly ColumnValue[] = [],
  tell: Tell = () => undefined,
): AsyncGenerator<readonly EntityState[]> {
  const asked = asStored(wanted);
  const history = await historyOf(store, type);
  const span = spanAt(history.spans, asked);
  const told = { at: asked.at };
  const unknown = { entity: type, ...told, exists: null, values: null, seq: null };
  const picked = pickedBy(where);
  if (span === undefined) {
    const imported = await store.importedHistory(type, null);
    if (imported.sources.length > 0) {
      yield* pickedFrom(importedStatesOf(store, type, asked, imported, tell), picked);
      tellUnseen(type, picked, tell);
      return;
    }
    tell(whyUnknown(history, asked));
    yield [{ ...unknown, known_since: nextSince(history.spans, asked) }];
    return;
  }
  // Now is the end of the trail as it is when the walk begins, whatever comes while it goes on.
  const moment: Moment =
    asked.kind === 'now' ? { kind: 'entry', at: asked.at, seq: (await store.extent({})).lastSeq } : asked;
  const before = await knowledge(store, { type, id: null }, span, moment);
  tellProblem(before, tell);
  if (before.gone) {
    tell(whyPruned(before));
    yield [{ ...unknown, known_since: before.knownSince }];
    return;
  }
  if (!before.live) {
    tell(`rows of ${type} that did not change while it was captured then are not known`);
    yield [{ ...unknown, known_since: before.knownSince }];
  }
  const at = momentIn(type, span, moment);
  let mistaken = false;
  const unclearKeys = new Set<string>();
  for (let place: TablePlace | null = null, more = true; more; more = place !== null) {
    const page = await store.tableEvidence(at, before.live, place, PAGE);
    const states = page.rows.flatMap((evidence) => {
      const unclear = unclearKey(evidence, history);
      if (unclear !== null) {
        unclearKeys.add(unclear);
        return [
          { ...unknown, entity: entityText(type, evidence.id), known_since: before.knownSince } satisfies EntityState,
        ];
      }
      const decided = decide(evidence, before);
      if (decided.exists === false || !picked.holds(decided.values)) return [];
      // One of them is enough to say that there are some.
      if (!mistaken) tellMistaken(evidence, history, (text) => ((mistaken = true), tell(text)));
      return [{ entity: entityText(type, evidence.id), ...told, ...decided, known_since: before.knownSince }];
    });
    if (states.length > 0) yield states;
    place = page.next;
  }
  for (const unclear of unclearKeys) tell(`not known: rows of ${type} that have ${unclear}`);
  tellUnseen(type, picked, tell);
  const after = await knowledge(store, { type, id: null }, span, moment);
  if (after.gone || after.live !== before.live) {
    throw new DaybookError(
      'failed',
      `the capture of ${type} was changed or pruned while its rows were read: try again`,
    );
  }
}

/** Times are compared as text, and text order is time order only in the form that entries keep. */
function asStored(moment: Moment): Moment {
  if (moment.kind === 'entry') expectWhole('seq', moment.seq, 0);
  // Behind an entry, and now, the time is only told.
  if (moment.kind !== 'time' && Number.isNaN(readTimestamp(moment.at))) return moment;
  try {
    return { ...moment, at: normalizeTimestamp(moment.at) };
  } catch (error) {
    if (!(error instanceof DaybookError)) throw error;
    throw new DaybookError('usage', `at ${error.message}`, { field: 'at', value: moment.at });
  }
}

/** The rows that are picked, page by page. */
async function* pickedFrom(
  pages: AsyncIterable<readonly EntityState[]>,
  picked: Picked,
): AsyncGenerator<readonly EntityState[]> {
  for await (const page of pages) {
    const states = page.filter(({ values }) => picked.holds(values));
    if (states.length > 0) yield states;
  }
}

function tellUnseen(type: string, picked: Picked, tell: Tell): void {
  const strange = picked.unseen();
  if (strange.length > 0) tell(`no row of ${type} had a column ${strange.join(', ')}`);
}

/** What is known of a type by capture; without spans where only imports tell of it. */
export async function historyOf(store: AuditStore, type: string): Promise<CaptureHistory> {
  const history = await store.captureHistory(type);
  if (history !== undefined) return history;
  if ((await store.importedHistory(type, null)).sources.length > 0)
    return { table: type, capture: null, spans: [], texts: [] };
  const what = `no table is captured as ${JSON.stringify(type)}, nor ever was, and no row changes of it were imported`;
  throw new DaybookError('missing', what, { hint: 'daybook capture list' });
}

/** An id as entries have it: the JSON array of a composite key may have been written with spaces. */
export function normalId(id: string, { capture, spans }: CaptureHistory): string {
  const isComposite = capture === null ? spans.length === 0 && id.startsWith('[') : capture.primaryKey.length > 1;
  const key = isComposite ? documentIn(id) : undefined;
  return key === undefined ? id : documentText(key);
}

function momentIn(entityType: string, span: CaptureSpan, moment: Moment): CapturedMoment {
  const at =
    moment.kind === 'time'
      ? { ms: parseTimestamp(moment.at) }
      : { seq: moment.kind === 'entry' ? moment.seq : Number.MAX_SAFE_INTEGER };
  return { entityType, span, at };
}

/** The span that a moment lies in: undefined before the first, in a gap, and after the last where that has ended. */
export function spanAt(spans: readonly CaptureSpan[], moment: Moment): CaptureSpan | undefined {
  switch (moment.kind) {
    case 'now':
      return spans.find((span) => span.untilSeq === null);
    case 'entry':
      return spans.find(({ sinceSeq, untilSeq }) => sinceSeq <= moment.seq && moment.seq <= (untilSeq ?? Infinity));
    case 'time': {
      const latest = spans.findLast(({ sinceTs }) => sinceTs <= moment.at);
      return latest === undefined || moment.at > (latest.untilTs ?? moment.at) ? undefined : latest;
    }
  }
}

/** Since when the trail knows again, after a moment of which it does not. */
function nextSince(spans: readonly CaptureSpan[], moment: Moment): string | null {
  const isLater = (span: CaptureSpan): boolean =>
    moment.kind === 'time' ? span.sinceTs > moment.at : moment.kind === 'entry' && span.sinceSeq > moment.seq;
  return spans.find(isLater)?.sinceTs ?? null;
}

/** Whether the table, as it is now, goes on from the last entries of a span. */
function isLive({ capture }: CaptureHistory, span: CaptureSpan): boolean {
  return span.untilSeq === null && capture !== null && !losesChanges(capture.problem);
}

async function knowledge(
  store: AuditStore,
  { type, id }: { readonly type: string; readonly id: string | null },
  span: CaptureSpan,
  moment: Moment,
): Promise<Knowledge> {
  const history = await historyOf(store, type);
  const pruned = await store.pruneReach(type, id, span);
  const gone =
    pruned !== null &&
    (moment.kind === 'time' ? moment.at < pruned.ts : moment.kind === 'entry' && moment.seq < pruned.seq);
  return {
    history,
    moment,
    knownSince: pruned !== null && pruned.ts > span.sinceTs ? pruned.ts : span.sinceTs,
    pruned,
    gone,
    ended: span.untilSeq !== null,
    live: isLive(history, span),
  };
}

/** What the evidence says: the first later change holds what the row was; without one, the table or the last change does. */
function decide({ first, last, live }: RowEvidence, known: Knowledge): Pick<EntityState, 'exists' | 'values' | 'seq'> {
  const seq = last?.seq ?? null;
  const is = (values: JsonText | null): Pick<EntityState, 'exists' | 'values' | 'seq'> =>
    values === null ? { exists: false, values, seq } : { exists: true, values, seq };
  const unknown = { exists: null, values: null, seq };
  if (first !== null) return is(first.before);
  if (known.live) {
    if (known.moment.kind === 'now' || last === null) return is(live);
    // The table and the trail disagree: the row came or went without an entry, and nobody can say when.
    if ((live === null) !== (last.after === null)) return unknown;
    return is(live === null || last.after === null ? live : asOfThen(live, last.after, known.history));
  }
  // The span has ended, and the last change within it left the row as it was to its end.
  const isKnown = known.ended && last !== null && (known.pruned === null || known.pruned.seq < last.seq);
  return isKnown ? is(last.after) : unknown;
}

/** The key columns with their values as entries tell them; undefined where nothing does. */
function keyIn({ first, last, live }: RowEvidence, { capture }: CaptureHistory): JsonDocument[] | undefined {
  const row = [first?.before, first?.after, last?.after, last?.before, live].find((one) => typeof one === 'string');
  const values = row === undefined ? undefined : parseMade(row);
  if (capture === null || !isJsonObject(values)) return undefined;
  return capture.primaryKey.map((column) => values[column] ?? null);
}

/** What keeps an id from saying which row it is of, in words behind "that have"; null where nothing does. */
function unclearKey(evidence: RowEvidence, history: CaptureHistory): string | null {
  const key = keyIn(evidence, history);
  if (key === undefined) return null;
  if (key.includes(null)) return 'NULL in the key: nothing tells such rows apart';
  return key.some(isLongReal)
    ? 'a number of more than 15 digits as key: releases of SQLite differ in its last digits, so that its id may be another'
    : null;
}

function isLongReal(value: JsonDocument): boolean {
  if (isJsonObject(value)) return typeof value['$real'] === 'string' && !value['$real'].endsWith('inf');
  if (!isLosslessNumber(value) || !/[.e]/i.test(value.value)) return false;
  return (
    value.value
      .replace(/e.*$/i, '')
      .replace(/^-?0*\.?0*/, '')
      .replace('.', '').length > 15
  );
}

/** Says which entry holds what capture never writes: a text of a JSON function, recorded by a daybook before schema 6. */
function tellMistaken({ first, last }: RowEvidence, { table, texts }: CaptureHistory, tell: Tell): void {
  for (const change of [first, last]) {
    for (const row of [change?.before, change?.after]) {
      const columns = typeof row === 'string' ? strangeColumns(row, texts) : [];
      if (change === null || columns.length === 0) continue;
      tell(
        `entry ${change.seq} holds in ${columns.join(', ')} what no column of ${table} holds: a daybook before schema 6 recorded a text of a JSON function so (docs/capture.md), or the column had another type`,
      );
      return;
    }
  }
}

/** The columns of a row in which stands what capture does not write: a document, a list, a boolean, a number for a text. */
function strangeColumns(row: JsonText, texts: readonly string[]): string[] {
  const values = parseMade(row);
  if (!isJsonObject(values)) return [];
  return Object.entries(values).flatMap(([column, value]) => {
    if (value === null || typeof value === 'string') return [];
    if (isLosslessNumber(value)) return texts.includes(column) ? [column] : [];
    const isOwn =
      isJsonObject(value) &&
      Object.keys(value).length === 1 &&
      (typeof value['$blob'] === 'string' || typeof value['$real'] === 'string');
    return isOwn ? [] : [column];
  });
}

/** A row with the columns of its last change; what was ignored since then is only in the table. */
function asOfThen(live: JsonText, after: JsonText, { capture }: CaptureHistory): JsonText {
  if (columnsOf(live) === columnsOf(after)) return live;
  const now = parseMade(live);
  const then = parseMade(after);
  if (!isJsonObject(now) || !isJsonObject(then)) return after;
  for (const column of capture?.settings.ignore ?? []) {
    const value = now[column];
    if (value !== undefined && Object.hasOwn(then, column)) then[column] = value;
  }
  return documentText(then);
}

function columnsOf(row: JsonText): string {
  return JSON.stringify(Object.keys(JSON.parse(row) as object));
}

interface Picked {
  holds(values: JsonText | null): boolean;
  unseen(): readonly string[];
}

/**
 * Picks rows by the values of columns; a row that is not known is always picked. Afterwards it tells which columns none
 * of the rows had: columns come and go, but one that was never there is a slip of the pen.
 */
function pickedBy(where: readonly ColumnValue[]): Picked {
  const unseen = new Set(where.map(({ column }) => column));
  let any = false;
  const has = (row: JsonDocument, { column, value }: ColumnValue): boolean => {
    const found = isJsonObject(row) && Object.hasOwn(row, column) ? row[column] : undefined;
    if (found !== undefined) unseen.delete(column);
    return found !== undefined && found !== null && comparedText(found) === value;
  };
  return {
    holds(values) {
      if (where.length === 0 || values === null) return true;
      any = true;
      const row = parseMade(values);
      return where.filter((one) => has(row, one)).length === where.length;
    },
    unseen: () => (any ? [...unseen] : []),
  };
}

function tellProblem({ history: { table, capture } }: Knowledge, tell: Tell): void {
  if (capture === null || capture.problem === null) return;
  tell(
    losesChanges(capture.problem)
      ? `${table} ${capture.problem}: what changed since then may be missing (daybook capture refresh ${table})`
      : `${table} ${capture.problem}`,
  );
}

function whyUnknown({ table, spans }: CaptureHistory, moment: Moment): string {
  const isBefore = (span: CaptureSpan): boolean =>
    moment.kind === 'entry' ? span.sinceSeq <= moment.seq : span.sinceTs <= moment.at;
  const before = spans.findLast(isBefore);
  const next = nextSince(spans, moment);
  if (before === undefined) return `not known: ${table} is captured since ${next ?? '?'}`;
  const ended = `not known: the capture of ${table} ${before.ended === 'gap' ? 'broke off after' : 'ended at'} ${before.untilTs ?? '?'}`;
  return next === null ? ended : `${ended}, and went on at ${next}`;
}

function whyPruned({ history, knownSince }: Knowledge): string {
  return `not known: changes of ${history.table} were pruned up to ${knownSince ?? '?'}`;
}

function whyUndecided(entity: string, { last }: RowEvidence, known: Knowledge): string {
  if (known.live) return `not known: ${entity} was ${last?.after === null ? 'made' : 'deleted'} without an entry`;
  if (known.ended) return `not known: ${entity} did not change while it was captured then`;
  return `not known: ${entity} did not change since, as far as entries tell`;
}
