import { losesChanges, readCaptureSettings, shownSettings } from '../../../core/capture.js';
import type { Capture, CaptureChange, CaptureHistory, CaptureRequest, CaptureSettings } from '../../../core/capture.js';
import { newEntry } from '../../../core/entry.js';
import type { Actor } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { isTexts, keptJson } from '../../../core/kept-json.js';
import { shellWord } from '../../../core/shell.js';
import {
  changedSettings,
  expectDecided,
  fittedSettings,
  requestsFor,
  settledSettings,
} from '../../capture-settings.js';
import { earlierTriggers } from './earlier-triggers.js';
import { spansOf } from './spans.js';
import { captureTriggerNames, captureTriggers } from './triggers.js';
import type { Trigger } from './triggers.js';
import type { Connection } from '../engine/index.js';
import { nestingTriggers, describeTable, findTable, identifier } from '../tables/index.js';
import { inserter } from '../trail/index.js';
import type { TableDescription } from '../tables/index.js';

/** Who changes a capture, and the clock of the entry that tells of it. */
export interface Change {
  readonly actor: Actor;
  readonly clock: () => number;
}

interface CaptureRow {
  table_name: string;
  entity_type: string;
  settings: string;
  columns: string;
  primary_key: string;
}

/** How a table is captured, or undefined where the row cannot be read. */
function toInstalled(row: CaptureRow): Installed | undefined {
  const settings = readCaptureSettings(row.settings);
  const columns = keptJson(row.columns);
  const primaryKey = keptJson(row.primary_key);
  if (settings === undefined || !isTexts(columns) || !isTexts(primaryKey)) return undefined;
  return { table: row.table_name, settings, columns, primaryKey };
}

const INSTALLED = 'SELECT table_name, entity_type, settings, columns, primary_key FROM daybook_captures';

/** How the table of an entity type is captured, without a look at whether all is well. */
export function readInstalled(connection: Connection, entityType: string): Installed | undefined {
  const row = connection.prepare<[string], CaptureRow>(`${INSTALLED} WHERE entity_type = ?`).get(entityType);
  return row && toInstalled(row);
}

/** The same by the table's name, as it is kept. */
function rowOn(connection: Connection, table: string): CaptureRow | undefined {
  return connection.prepare<[string], CaptureRow>(`${INSTALLED} WHERE table_name = ?`).get(table);
}

/** The captured tables whose capture cannot be read. */
export function unreadableCaptures(connection: Connection): string[] {
  return captureRows(connection).flatMap((row) => (toInstalled(row) === undefined ? [row.table_name] : []));
}

function captureRows(connection: Connection): CaptureRow[] {
  return connection.prepare<[], CaptureRow>(`${INSTALLED} ORDER BY table_name`).all();
}

/** What the trail knows of an entity type, or undefined where no table was ever captured as it. */
export function readCaptureHistory(connection: Connection, entityType: string): CaptureHistory | undefined {
  const installed = readInstalled(connection, entityType);
  const table =
    installed?.table ??
    connection
      .prepare<[string], string>(
        'SELECT table_name FROM daybook_capture_spans WHERE entity_type = ? ORDER BY span DESC LIMIT 1',
      )
      .pluck()
      .get(entityType);
  if (table === undefined) return undefined;
  const capture = installed === undefined ? null : Object.assign(installed, conditionOf(connection, installed));
  const columns = tableOf(connection, table)?.columns ?? [];
  const texts = columns.filter(({ holds }) => holds === 'text' || holds === 'text or bytes').map(({ name }) => name);
  return { table, capture, texts, spans: spansOf(connection, entityType) };
}

/** Every capture that can be read, by its table's name, with what is wrong with it. */
export function readCaptures(connection: Connection): Capture[] {
  return captureRows(connection).flatMap((row) => {
    const installed = toInstalled(row);
    return installed === undefined ? [] : [examined(connection, installed)];
  });
}

function examined(connection: Connection, capture: Installed): Capture {
  const spans = spansOf(connection, capture.settings.entityType);
  return { ...capture, spans, ...conditionOf(connection, capture) };
}

/** The capture of a table by its name, with what is wrong with it, or undefined. Throws kind `refused` where it cannot be read. */
export function findCapture(connection: Connection, table: string): Capture | undefined {
  const row = rowOn(connection, table);
  if (row === undefined) return undefined;
  const capture = toInstalled(row);
  if (capture === undefined) throw new DaybookError('refused', unreadableCapture(row.table_name));
  return examined(connection, capture);
}

/** What there is to say of a capture that cannot be read, with the way out. */
export function unreadableCapture(table: string): string {
  return `the capture of table ${table} cannot be read: daybook capture add sets it anew, daybook capture remove ${shellWord(table)} ends it`;
}

type Installed = Pick<Capture, 'table' | 'settings' | 'columns' | 'primaryKey'>;

type Condition = Pick<Capture, 'problem' | 'outdated'>;

/** What differs from what should be there, and whether the triggers are those of an earlier daybook. */
function conditionOf(connection: Connection, capture: Installed): Condition {
  const wrong = (problem: string | null, outdated = false): Condition => ({ problem, outdated });
  const table = tableOf(connection, capture.table);
  if (table === undefined) return wrong('is no longer there, or cannot be captured any more');
  const columns = table.columns.map((column) => column.name);
  const come = columns.filter((name) => !capture.columns.includes(name));
  const gone = capture.columns.filter((name) => !columns.includes(name));
  if (come.length + gone.length > 0) {
    return wrong(
      `has other columns than when it was captured (${[...come.map((name) => `+${name}`), ...gone.map((name) => `-${name}`)].join(', ')})`,
    );
  }
  const there = triggersOf(connection, capture.table);
  const missing = (triggersFor: typeof captureTriggers, nests: boolean): number =>
    triggersFor(table, capture.settings, nests).filter(({ name, sql }) => there.get(name) !== sql).length;
  const lacks = missing(captureTriggers, false);
  // Those that reckon with writes within a write do no harm where there are none any more.
  const nests = lacks > 0 && missing(captureTriggers, true) === 0;
  const outdated = lacks > 0 && !nests && [false, true].some((nested) => missing(earlierTriggers, nested) === 0);
  if (lacks > 0 && !nests && !outdated) {
    return wrong(
      `lacks ${lacks} of its ${captureTriggers(table, capture.settings, false).length} capture triggers, or they were changed`,
    );
  }
  const unforeseen = lacks === 0 || (outdated && missing(earlierTriggers, true) > 0);
  const nesting = nestingTriggers(connection, table.name).flatMap(({ name, later }) => (later ? [] : [name]));
  if (unforeseen && nesting.length > 0) {
    return wrong(
      `has triggers that were made after capture and may write into it within a REPLACE (${nesting.join(', ')})`,
      outdated,
    );
  }
  const later = laterTriggers(connection, table.name);
  return wrong(
    later.length > 0 ? `has triggers that were made after capture and run before it (${later.join(', ')})` : null,
    outdated,
  );
}

/** What there is to say of triggers that work, but are not those of today. */
const OUTDATED = 'has triggers of an earlier daybook';

/** A table as it is, or undefined where it is gone or cannot be captured. */
export function tableOf(connection: Connection, name: string): TableDescription | undefined {
  try {
    return describeTable(connection, name);
  } catch (error) {
    if (error instanceof DaybookError && (error.kind === 'missing' || error.kind === 'refused')) return undefined;
    throw error;
  }
}

function triggersOf(connection: Connection, table: string): Map<string, string> {
  const rows = connection
    .prepare<[string], Trigger>(
      `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE`,
    )
    .all(table);
  return new Map(rows.map(({ name, sql }) => [name, sql]));
}

/** Of the triggers on a table, SQLite runs the one that was made last first: a change by it would come before its cause. */
function laterTriggers(connection: Connection, table: string): string[] {
  return connection
    .prepare<[string, string], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND name NOT GLOB 'daybook_capture_*'
         AND rowid > (SELECT min(rowid) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND name GLOB 'daybook_capture_*')`,
    )
    .pluck()
    .all(table, table);
}

/** The tables that are named, else all that are captured in a way that can be read. */
export function namedOrAll(connection: Connection, tables: readonly string[]): readonly string[] {
  if (tables.length > 0) return tables;
  return captureRows(connection).flatMap((row) => (toInstalled(row) === undefined ? [] : [row.table_name]));
}

/** addCapture for several tables: a column counts for those that have it, and one of them must. */
export function addCaptures(
  connection: Connection,
  tables: readonly string[],
  request: CaptureRequest,
  change: Change,
): CaptureChange[] {
  if (tables.length === 1) return tables.map((table) => addCapture(connection, table, request, change));
  const described = tables.map((table) => describeTable(connection, table));
  return requestsFor(described, request).map((one, at) =>
    addCapture(connection, described[at]?.name ?? '', one, change),
  );
}

/**
 * Captures a table, or changes how it is captured; as it is already, nothing changes. Runs in the open transaction.
 * Throws kind `missing` without the table, kind `usage` for a column that it does not have, and kind `refused` for a
 * table that cannot be captured, a type that another table has, and columns that look like secrets.
 */
function addCapture(connection: Connection, asked: string, request: CaptureRequest, change: Change): CaptureChange {
  const table = describeTable(connection, asked);
  const settings = settledSettings(table, request);
  const named = settings.actorSetting ?? settings.actorTypeSetting ?? settings.correlationSetting;
  if (typeof named === 'string') {
    throw new DaybookError('usage', `setting ${named} is of PostgreSQL: in SQLite, a context says who acts`);
  }
  expectDecided(table, settings);
  checkMirrored(connection, table, settings);
  const row = rowOn(connection, table.name);
  const known = row && toInstalled(row);
  const rival = connection
    .prepare<[string], string>('SELECT table_name FROM daybook_captures WHERE entity_type = ?')
    .pluck()
    .get(settings.entityType);
  if (rival !== undefined && rival !== (row?.table_name ?? table.name)) {
    throw new DaybookError('refused', `table ${rival} is captured as ${settings.entityType} already`, {
      hint: `… --entity-type ${settings.entityType}_2`,
    });
  }
  const { problem, outdated } =
    known === undefined ? { problem: null, outdated: false } : conditionOf(connection, known);
  if (
    known !== undefined &&
    problem === null &&
    !outdated &&
    JSON.stringify(known.settings) === JSON.stringify(settings)
  ) {
    return unchanged(table.name);
  }
  const seq = record(
    connection,
    'capture_add',
    table.name,
    known?.settings ?? null,
    settings,
    change,
    row === undefined ? 'is captured from now on' : 'is captured in another way from now on',
  );
  const nesting = install(connection, table, settings);
  // Of what could not be read, nobody can say whether it caught everything.
  const gap = known === undefined || losesChanges(problem) || known.settings.entityType !== settings.entityType;
  if (row !== undefined && gap) endSpan(connection, row.entity_type, 'gap', null);
  beginSpan(connection, table.name, settings.entityType, seq);
  return { table: table.name, changed: true, entry: seq, redacted: [], nesting };
}

/**
 * Ends the capture of a table; where it is not captured, nothing changes. Runs in the open transaction. Throws kind
 * `missing` where there is neither such a capture nor such a table.
 */
export function removeCapture(connection: Connection, asked: string, change: Change): CaptureChange {
  const row = rowOn(connection, asked);
  if (row === undefined) return unchanged(findTable(connection, asked).name);
  const { table_name: table, entity_type: entityType } = row;
  const settings = toInstalled(row)?.settings ?? null;
  const seq = record(connection, 'capture_remove', table, settings, null, change, 'is no longer captured');
  liftCapture(connection, table);
  connection.prepare('DELETE FROM daybook_captures WHERE table_name = ?').run(table);
  endSpan(connection, entityType, 'removed', seq);
  return { table, changed: true, entry: seq, redacted: [], nesting: [] };
}

/**
 * Fits the capture of a table to what the table is now; where it fits already, nothing changes. What was changed
 * meanwhile is a gap. Runs in the open transaction. `why` says what is wrong, where that is more than can be seen.
 */
export function refreshCapture(connection: Connection, asked: string, change: Change, why?: string): CaptureChange {
  const capture = captureOf(connection, asked);
  const { table, settings } = capture;
  if (capture.problem === null && !capture.outdated) return unchanged(table);
  const description = describeTable(connection, table);
  const fitted = fittedSettings(description, capture);
  const gap = losesChanges(capture.problem);
  const seq = record(
    connection,
    'capture_refresh',
    table,
    settings,
    fitted.settings,
    change,
    `${why ?? capture.problem ?? OUTDATED}: its capture is as it should be again`,
  );
  const nesting = install(connection, description, fitted.settings);
  if (gap) {
    endSpan(connection, settings.entityType, 'gap', null);
    beginSpan(connection, table, settings.entityType, seq);
  }
  return { table, changed: true, entry: seq, redacted: fitted.redacted, nesting };
}

/** The tables whose capture is whole, but has the triggers of an earlier daybook. */
export function outdatedCaptures(connection: Connection): string[] {
  return readCaptures(connection).flatMap(({ table, outdated, problem }) =>
    outdated && !losesChanges(problem) ? [table] : [],
  );
}

/** Drops the triggers of a captured table, for a change of the table itself, and gives its name; undefined for another. */
export function liftCapture(connection: Connection, table: string): string | undefined {
  const name = connection
    .prepare<[string], string>('SELECT table_name FROM daybook_captures WHERE table_name = ?')
    .pluck()
    .get(table);
  for (const trigger of name === undefined ? [] : captureTriggerNames(name)) {
    connection.exec(`DROP TRIGGER IF EXISTS ${identifier(trigger)}`);
  }
  return name;
}

/**
 * Makes the triggers again on those of these captured tables that are there and lack them, or have other columns: within
 * the transaction that changed the table, so that nothing was missed. Other columns are an entry.
 */
export function reinstallCaptures(
  connection: Connection,
  tables: readonly string[],
  clock: () => number,
  actor: Actor,
): void {
  for (const name of tables) {
    const capture = captureOf(connection, name);
    const table = capture.problem === null ? undefined : tableOf(connection, capture.table);
    if (table === undefined) continue;
    const { settings } = fittedSettings(table, capture);
    const same = JSON.stringify(table.columns.map((column) => column.name)) === JSON.stringify(capture.columns);
    if (!same) {
      record(
        connection,
        'capture_refresh',
        table.name,
        capture.settings,
        settings,
        { actor, clock },
        `${capture.problem}: its capture fits them`,
      );
    }
    install(connection, table, settings);
  }
}

/** The capture of a table by its name. Throws kind `missing`. */
export function captureOf(connection: Connection, asked: string): Capture {
  const capture = findCapture(connection, asked);
  if (capture === undefined) {
    throw new DaybookError('missing', `table ${asked} is not captured`, { hint: 'daybook capture list' });
  }
  return capture;
}

/** An entry changes a mirrored column: as a change that is captured, that would be an entry again. */
function checkMirrored(connection: Connection, table: TableDescription, settings: CaptureSettings): void {
  const mirrored = connection
    .prepare<[string], string>('SELECT column_name FROM daybook_mirrors WHERE table_name = ?')
    .pluck()
    .all(table.name)
    .filter((column) => !settings.ignore.includes(column));
  if (mirrored.length === 0) return;
  throw new DaybookError(
    'refused',
    `${table.name} shows entries in ${mirrored.join(', ')}, so that each entry would make another one: put it under --ignore`,
    { hint: `… --ignore ${mirrored.join(',')}` },
  );
}

function unchanged(table: string): CaptureChange {
  return { table, changed: false, entry: null, redacted: [], nesting: [] };
}

/** Makes the triggers, and gives the names of those of the application that may write into the table within a write. */
function install(connection: Connection, table: TableDescription, settings: CaptureSettings): string[] {
  for (const name of captureTriggerNames(table.name)) connection.exec(`DROP TRIGGER IF EXISTS ${identifier(name)}`);
  const nesting = nestingTriggers(connection, table.name).map(({ name }) => name);
  for (const { sql } of captureTriggers(table, settings, nesting.length > 0)) connection.exec(sql);
  connection
    .prepare(
      `INSERT INTO daybook_captures (table_name, entity_type, settings, columns, primary_key) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (table_name) DO UPDATE SET entity_type = excluded.entity_type, settings = excluded.settings,
         columns = excluded.columns, primary_key = excluded.primary_key`,
    )
    .run(
      table.name,
      settings.entityType,
      JSON.stringify(settings),
      JSON.stringify(table.columns.map((column) => column.name)),
      JSON.stringify(table.primaryKey),
    );
  return nesting;
}

function record(
  connection: Connection,
  action: string,
  table: string,
  before: CaptureSettings | null,
  after: CaptureSettings | null,
  { actor, clock }: Change,
  words: string,
): number {
  return inserter(
    connection,
    clock,
  )(
    newEntry({
      ...actor,
      category: 'system',
      action,
      entity_type: 'capture',
      entity_id: table,
      message: `table ${table} ${words}`,
      old_values: before && JSON.stringify(shownSettings(before)),
      new_values: after && JSON.stringify(shownSettings(after)),
      changed_fields: before && after && JSON.stringify(changedSettings(before, after)),
    }),
  ).seq;
}

/** A span begins with the entry that tells of it, unless one goes on. */
function beginSpan(connection: Connection, table: string, entityType: string, seq: number): void {
  connection
    .prepare(
      `INSERT INTO daybook_capture_spans (table_name, entity_type, since_seq, since_ts)
       SELECT ?, ?, seq, ts FROM daybook_entries WHERE seq = ?
         AND NOT EXISTS (SELECT 1 FROM daybook_capture_spans WHERE entity_type = ? AND ended IS NULL)`,
    )
    .run(table, entityType, seq, entityType);
}

/** A span that broke off is known to be whole up to its last entry; when it broke off, nobody can say. */
function endSpan(connection: Connection, entityType: string, ended: 'removed' | 'gap', seq: number | null): void {
  connection
    .prepare(
      `UPDATE daybook_capture_spans SET ended = ?, (until_seq, until_ts) = (
         SELECT seq, ts FROM daybook_entries
         WHERE seq = coalesce(?, (SELECT seq FROM daybook_entries WHERE entity_type = ? AND seq >= since_seq AND recorded_at IS NULL AND source IS NULL AND metadata ->> '$.table' = table_name ORDER BY ts_ms DESC, seq DESC LIMIT 1), since_seq))
       WHERE entity_type = ? AND ended IS NULL`,
    )
    .run(ended, seq, entityType, entityType);
}
