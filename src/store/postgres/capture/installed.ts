import { losesChanges, readCaptureSettings, shownSettings } from '../../../core/capture.js';
import type {
  Capture,
  CaptureAdded,
  CaptureChange,
  CaptureHistory,
  CaptureRequest,
  CaptureSettings,
  CaptureSpan,
} from '../../../core/capture.js';
import { newEntry } from '../../../core/entry.js';
import type { Actor } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { isTexts, keptJson } from '../../../core/kept-json.js';
import {
  changedSettings,
  expectDecided,
  fittedSettings,
  requestsFor,
  settledSettings,
} from '../../capture-settings.js';
import { sql } from '../../sql.js';
import { answer, identifier, timeText } from '../engine/index.js';
import type { Connection, SchemaObject } from '../engine/index.js';
import { insertOne } from '../trail/index.js';
import { missingFunctions } from './functions.js';
import { describe, describeTable, findTable } from './tables.js';
import type { TableDescription } from './tables.js';
import { dropUncalled, functionOf, install, lift, shapeOf, triggerProblem } from './triggers.js';

/** Who changes a capture, in which schema the trail is, and the clock of the entry that tells of it. */
export interface Change {
  readonly actor: Actor;
  readonly schema: string;
  readonly clock: () => number;
}

/** How a table is captured, and the table by which it is known. */
type Installed = Pick<Capture, 'table' | 'settings' | 'columns' | 'primaryKey'> & { readonly relation: number };

interface CaptureRow {
  readonly table_name: string;
  readonly relation: number;
  readonly settings: string;
  readonly columns: string;
  readonly primary_key: string;
}

// An oid is no number to the driver unless it is made one.
const INSTALLED =
  'SELECT table_name, relation::bigint AS relation, settings, columns, primary_key FROM daybook_captures';

function toInstalled(row: CaptureRow): Installed {
  const settings = readCaptureSettings(row.settings);
  const columns = keptJson(row.columns);
  const primaryKey = keptJson(row.primary_key);
  if (settings === undefined || !isTexts(columns) || !isTexts(primaryKey)) {
    throw new DaybookError('refused', `the capture of table ${row.table_name} cannot be read: somebody changed it`);
  }
  return { table: row.table_name, settings, columns, primaryKey, relation: row.relation };
}

async function allInstalled(connection: Connection): Promise<Installed[]> {
  return (await connection.all<CaptureRow>(sql(`${INSTALLED} ORDER BY table_name`))).map(toInstalled);
}

/** How the table of an entity type is captured, without a look at whether all is well. */
export async function readInstalled(connection: Connection, entityType: string): Promise<Installed | undefined> {
  const [row] = await connection.all<CaptureRow>(sql(`${INSTALLED} WHERE entity_type = ?`, entityType));
  return row && toInstalled(row);
}

/** Every capture, by its table's name, with what is wrong with it. */
export async function readCaptures(connection: Connection): Promise<Capture[]> {
  const shared = await sharedFunctions(connection);
  const captures: Capture[] = [];
  for (const installed of await allInstalled(connection)) {
    const { table, settings, columns, primaryKey } = installed;
    const spans = await spansOf(connection, settings.entityType);
    captures.push({
      table,
      settings,
      columns,
      primaryKey,
      spans,
      ...(await conditionOf(connection, installed, shared)),
    });
  }
  return captures;
}

/** The functions that all captures call. */
interface SharedFunctions {
  /** Quoted. */
  readonly schema: string;
  readonly missing: readonly SchemaObject[];
}

async function sharedFunctions(connection: Connection): Promise<SharedFunctions> {
  const schema = identifier(await ourSchema(connection));
  return { schema, missing: await missingFunctions(connection, schema) };
}

type Condition = Pick<Capture, 'problem' | 'outdated'>;

/** What differs from what should be there, and whether the table has the function of an earlier daybook. */
async function conditionOf(connection: Connection, installed: Installed, known?: SharedFunctions): Promise<Condition> {
  const { table, relation, columns, settings } = installed;
  const wrong = (problem: string | null, outdated = false): Condition => ({ problem, outdated });
  const described = await describe(connection, relation);
  if (described === undefined) return wrong('is no longer there');
  if (described.name !== table) return wrong(`is called ${described.name} now`);
  const names = described.columns.map(({ name }) => name);
  const come = names.filter((name) => !columns.includes(name)).map((name) => `+${name}`);
  const gone = columns.filter((name) => !names.includes(name)).map((name) => `-${name}`);
  if (come.length + gone.length > 0) {
    return wrong(`has other columns than when it was captured (${[...come, ...gone].join(', ')})`);
  }
  if (described.primaryKey.length === 0) {
    return wrong('has no primary key any more, so that its changes are refused');
  }
  const { schema, missing } = known ?? (await sharedFunctions(connection));
  const own = await functionOf(connection, schema, described, settings);
  const changed = [...missing.map(({ name }) => name), ...(own?.state === 'changed' ? [own.name] : [])];
  if (changed.length > 0) {
    return wrong(`is captured by functions that are gone or were changed (${changed.join(', ')})`);
  }
  const problem = await triggerProblem(connection, described, settings);
  const isStale = own?.state === 'whole' && own.shape !== (await shapeOf(connection, described));
  const stale = isStale ? 'has other types or another key than when it was captured' : null;
  return wrong(losesChanges(problem) ? problem : (stale ?? problem), own?.state === 'earlier');
}

async function problemOf(connection: Connection, installed: Installed): Promise<string | null> {
  return (await conditionOf(connection, installed)).problem;
}

/** The schema of the trail, as the open transaction finds it. */
async function ourSchema(connection: Connection): Promise<string> {
  const asked = sql(
    `SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = 'daybook_captures'::regclass`,
  );
  return (await answer<string>(connection, asked)) ?? '';
}

/**
 * Puts the functions of capture back where they are gone or were changed, and ends in a gap what was captured meanwhile. Runs
 * in the open transaction.
 */
export async function mendFunctions(connection: Connection, change: Change): Promise<void> {
  const shared = await sharedFunctions(connection);
  const captures: { readonly installed: Installed; readonly problem: string | null }[] = [];
  for (const installed of await allInstalled(connection)) {
    captures.push({ installed, ...(await conditionOf(connection, installed, shared)) });
  }
  for (const { sql: text } of shared.missing) await connection.run(sql(text));
  for (const { installed, problem } of captures) {
    // What else is wrong with a table is for who refreshes it.
    if (problem === null || !isOfFunctions(problem)) continue;
    await fit(connection, installed, { problem, change, before: installed.settings });
  }
}

/** The functions of captured tables that somebody changed. */
export async function changedTableFunctions(connection: Connection, schema: string): Promise<string[]> {
  const changed: string[] = [];
  for (const { table, relation, settings } of await allInstalled(connection)) {
    const described = await describe(connection, relation);
    if (described === undefined) continue;
    const own = await functionOf(connection, schema, { ...described, name: table }, settings);
    if (own?.state === 'changed') changed.push(own.name);
  }
  return changed;
}

/** The captures that are whole, and have the function of an earlier daybook. */
export async function outdatedCaptures(connection: Connection): Promise<string[]> {
  const captures = await readCaptures(connection);
  return captures.flatMap(({ table, outdated, problem }) => (outdated && !losesChanges(problem) ? [table] : []));
}

/** Whether a problem is that of the functions which triggers call. */
export function isOfFunctions(problem: string): boolean {
  return problem.startsWith('is captured by functions');
}

/**
 * Whether changes may have gone without an entry: a function of ours hands over what it was not made for to one that looks at
 * the columns as they are, and a table with another name keeps its triggers.
 */
function losesEntries(problem: string | null): boolean {
  return losesChanges(problem) && !/^(?:is called|has other (?:columns|types)|has no primary key)/.test(problem ?? '');
}

/** What the trail knows of an entity type, or undefined where no table was ever captured as it. */
export async function readCaptureHistory(
  connection: Connection,
  entityType: string,
): Promise<CaptureHistory | undefined> {
  const installed = await readInstalled(connection, entityType);
  const spans = await spansOf(connection, entityType);
  if (installed === undefined) {
    const table = await answer<string>(
      connection,
      sql('SELECT table_name FROM daybook_capture_spans WHERE entity_type = ? ORDER BY span DESC LIMIT 1', entityType),
    );
    return table === undefined ? undefined : { table, capture: null, texts: [], spans };
  }
  const described = await describe(connection, installed.relation);
  const texts = (described?.columns ?? []).filter(({ text }) => text).map(({ name }) => name);
  const { table, settings, columns, primaryKey } = installed;
  const condition = await conditionOf(connection, installed);
  return { table, capture: { table, settings, columns, primaryKey, ...condition }, texts, spans };
}

/** Captures tables, or changes how they are captured; all or none. Runs in the open transaction. */
export async function addCaptures(
  connection: Connection,
  tables: readonly string[],
  request: CaptureRequest,
  change: Change,
): Promise<CaptureAdded[]> {
  await mendFunctions(connection, change);
  const described: TableDescription[] = [];
  for (const table of tables) described.push(await describeTable(connection, table, change.schema));
  const requests = described.length === 1 ? [request] : requestsFor(described, request);
  const added: CaptureAdded[] = [];
  for (const [at, table] of described.entries()) {
    const done = await addCapture(connection, table, requests[at] ?? request, change);
    added.push({ ...done, overtaking: [] });
  }
  return added;
}

const SETTING_NAME = /^[A-Za-z_][\w$]*(?:\.[A-Za-z_][\w$]*)+$/;

function expectSettingNames({ actorSetting, actorTypeSetting, correlationSetting }: CaptureSettings): void {
  for (const name of [actorSetting, actorTypeSetting, correlationSetting]) {
    if (name === undefined || name === null || SETTING_NAME.test(name)) continue;
    throw new DaybookError(
      'usage',
      `setting ${JSON.stringify(name)} has two names with a point between, such as app.actor`,
    );
  }
}

/** An entry changes a mirrored column: as a change that is captured, that would be an entry again. */
async function expectMirroredIgnored(
  connection: Connection,
  table: TableDescription,
  settings: CaptureSettings,
): Promise<void> {
  const columns = await connection.rows<[string]>(
    sql('SELECT column_name FROM daybook_mirrors WHERE table_name = ? ORDER BY 1', table.name),
  );
  const mirrored = columns.flatMap(([column]) => (settings.ignore.includes(column) ? [] : [column]));
  if (mirrored.length === 0) return;
  throw new DaybookError(
    'refused',
    `${table.name} shows entries in ${mirrored.join(', ')}, so that each entry would make another one: put it under --ignore`,
    { hint: `… --ignore ${mirrored.join(',')}` },
  );
}

async function addCapture(
  connection: Connection,
  table: TableDescription,
  request: CaptureRequest,
  change: Change,
): Promise<CaptureChange> {
  const settings = settledSettings(table, request);
  expectSettingNames(settings);
  expectDecided(table, settings);
  await expectMirroredIgnored(connection, table, settings);
  const all = await allInstalled(connection);
  const known = all.find(({ relation }) => relation === table.oid) ?? all.find((one) => one.table === table.name);
  const rival = all.find((one) => one !== known && one.settings.entityType === settings.entityType);
  if (rival !== undefined) {
    throw new DaybookError('refused', `table ${rival.table} is captured as ${settings.entityType} already`, {
      hint: `… --entity-type ${settings.entityType}_2`,
    });
  }
  const { problem, outdated } =
    known === undefined ? { problem: null, outdated: false } : await conditionOf(connection, known);
  if (
    known !== undefined &&
    problem === null &&
    !outdated &&
    JSON.stringify(known.settings) === JSON.stringify(settings)
  ) {
    return unchanged(table.name);
  }
  // Whoever changes rows has finished then, and his entries are none of this capture; whoever comes finds its triggers.
  await install(connection, change.schema, table, settings);
  const seq = await record(connection, 'capture_add', table.name, {
    before: known?.settings ?? null,
    after: settings,
    change,
    words: known === undefined ? 'is captured from now on' : 'is captured in another way from now on',
  });
  await keep(connection, table, settings, known);
  if (known !== undefined && (losesEntries(problem) || known.settings.entityType !== settings.entityType)) {
    await endSpan(connection, known.settings.entityType, 'gap', null);
  }
  await beginSpan(connection, table.name, settings.entityType, seq);
  return { ...unchanged(table.name), changed: true, entry: seq };
}

async function keep(
  connection: Connection,
  table: TableDescription,
  settings: CaptureSettings,
  known: Installed | undefined,
): Promise<void> {
  if (known !== undefined) await connection.run(sql('DELETE FROM daybook_captures WHERE table_name = ?', known.table));
  await connection.run(
    sql(
      `INSERT INTO daybook_captures (table_name, relation, entity_type, settings, columns, primary_key)
       VALUES (?, ?, ?, ?, ?, ?)`,
      table.name,
      table.oid,
      settings.entityType,
      JSON.stringify(settings),
      JSON.stringify(table.columns.map(({ name }) => name)),
      JSON.stringify(table.primaryKey),
    ),
  );
}

/** Ends the capture of a table; where it is not captured, nothing changes. Throws kind `missing`. */
export async function removeCapture(connection: Connection, asked: string, change: Change): Promise<CaptureChange> {
  const installed = await named(connection, asked);
  if (installed === undefined) {
    const { schema, name } = await findTable(connection, asked, change.schema);
    return unchanged(schema === 'public' ? name : `${schema}.${name}`);
  }
  const { table, settings } = installed;
  const described = await describe(connection, installed.relation);
  await (described === undefined ? dropUncalled(connection) : lift(connection, described));
  const seq = await record(connection, 'capture_remove', table, {
    before: settings,
    after: null,
    change,
    words: 'is no longer captured',
  });
  await connection.run(sql('DELETE FROM daybook_captures WHERE table_name = ?', table));
  await endSpan(connection, settings.entityType, 'removed', seq);
  return { ...unchanged(table), changed: true, entry: seq };
}

/**
 * Fits the capture of a table to what the table is now; where it fits already, nothing changes. Where changes may have gone
 * unseen, that is a gap. Throws kind `missing`.
 */
export async function refreshCapture(connection: Connection, asked: string, change: Change): Promise<CaptureChange> {
  const installed = await named(connection, asked);
  if (installed === undefined) {
    throw new DaybookError('missing', `table ${asked} is not captured`, { hint: 'daybook capture list' });
  }
  const { problem, outdated } = await conditionOf(connection, installed);
  if (problem === null && !outdated) return unchanged(installed.table);
  await mendFunctions(connection, change);
  const left = await conditionOf(connection, installed);
  if (left.problem === null && !left.outdated) {
    const seq = await answer<number>(
      connection,
      sql(
        `SELECT max(e.seq) FROM daybook_entries AS e WHERE e.tx = pg_current_xact_id() AND e.action = 'capture_refresh' AND e.entity_id = ?`,
        installed.table,
      ),
    );
    return { ...unchanged(installed.table), changed: true, entry: seq ?? null };
  }
  return fit(connection, installed, { problem, change, before: installed.settings });
}

/** Gives a captured table a function of its own in place of that of an earlier daybook; what all call is as it should be. */
export async function renewCapture(connection: Connection, table: string, change: Change): Promise<void> {
  const installed = await named(connection, table);
  if (installed === undefined) return;
  const { problem, outdated } = await conditionOf(connection, installed);
  if (outdated) await fit(connection, installed, { problem, change, before: installed.settings });
}

/** What there is to say of a table whose changes are recorded, but not by a function of its own. */
const OUTDATED = 'has triggers of an earlier daybook';

async function fit(
  connection: Connection,
  installed: Installed,
  told: { readonly problem: string | null; readonly change: Change; readonly before: CaptureSettings },
): Promise<CaptureChange> {
  const { problem, change, before } = told;
  const described = await describe(connection, installed.relation);
  // A table that was made anew under its name is another one to PostgreSQL.
  const table = described ?? (await describeTable(connection, installed.table, change.schema));
  if (table.primaryKey.length === 0) {
    throw new DaybookError('refused', `${table.name} has no primary key, so that nothing tells its rows apart`);
  }
  const { settings, redacted } = fittedSettings(table, installed);
  await install(connection, change.schema, table, settings);
  const seq = await record(connection, 'capture_refresh', table.name, {
    before,
    after: settings,
    change,
    words: `${problem ?? OUTDATED}: its capture is as it should be again`,
  });
  await keep(connection, table, settings, installed);
  if (losesEntries(problem)) await endSpan(connection, settings.entityType, 'gap', null);
  await beginSpan(connection, table.name, settings.entityType, seq);
  return { table: table.name, changed: true, entry: seq, redacted, nesting: [] };
}

/** The captures that are named, by the names that entries have, else all. */
export async function namedOrAll(connection: Connection, tables: readonly string[]): Promise<readonly string[]> {
  return tables.length > 0 ? tables : (await allInstalled(connection)).map(({ table }) => table);
}

/** The capture that somebody means by a table's name. */
async function named(connection: Connection, asked: string): Promise<Installed | undefined> {
  const all = await allInstalled(connection);
  const names = [asked, asked.replace(/^public\./, '')];
  return (
    all.find(({ table }) => names.includes(table)) ??
    all.find(({ table }) => names.some((name) => name.toLowerCase() === table.toLowerCase()))
  );
}

function unchanged(table: string): CaptureChange {
  return { table, changed: false, entry: null, redacted: [], nesting: [] };
}

function record(
  connection: Connection,
  action: string,
  table: string,
  told: {
    readonly before: CaptureSettings | null;
    readonly after: CaptureSettings | null;
    readonly change: Change;
    readonly words: string;
  },
): Promise<number> {
  const { before, after, change, words } = told;
  const entry = newEntry({
    ...change.actor,
    category: 'system',
    action,
    entity_type: 'capture',
    entity_id: table,
    message: `table ${table} ${words}`,
    old_values: before && JSON.stringify(shownSettings(before)),
    new_values: after && JSON.stringify(shownSettings(after)),
    changed_fields: before && after && JSON.stringify(changedSettings(before, after)),
  });
  return insertOne(connection, entry, change.clock);
}

/** The spans of an entity type, earliest first, those of captures that were removed among them. */
async function spansOf(connection: Connection, entityType: string): Promise<CaptureSpan[]> {
  return connection.all<CaptureSpan>(
    sql(
      `SELECT since_seq AS "sinceSeq", since_ts AS "sinceTs", until_seq AS "untilSeq", until_ts AS "untilTs", ended
       FROM daybook_capture_spans WHERE entity_type = ? ORDER BY span`,
      entityType,
    ),
  );
}

/** A span begins with the entry that tells of it, unless one goes on. */
async function beginSpan(connection: Connection, table: string, entityType: string, seq: number): Promise<void> {
  await connection.run(
    sql(
      `INSERT INTO daybook_capture_spans (table_name, entity_type, since_seq, since_ts)
       SELECT ?, ?, seq, ${timeText('ts')} FROM daybook_entries WHERE seq = ?
         AND NOT EXISTS (SELECT FROM daybook_capture_spans WHERE entity_type = ? AND ended IS NULL)`,
      table,
      entityType,
      seq,
      entityType,
    ),
  );
}

/** A span that broke off is known to be whole up to its last entry; when it broke off, nobody can say. */
async function endSpan(
  connection: Connection,
  entityType: string,
  ended: 'removed' | 'gap',
  seq: number | null,
): Promise<void> {
  await connection.run(
    sql(
      `UPDATE daybook_capture_spans AS s SET ended = ?, (until_seq, until_ts) = (
         SELECT seq, ${timeText('ts')} FROM daybook_entries
         WHERE seq = coalesce(?::bigint, (SELECT e.seq FROM daybook_entries AS e WHERE e.entity_type = ? AND e.seq >= s.since_seq
           AND e.recorded_at IS NULL AND e.source IS NULL AND e.metadata ->> 'table' IS NOT NULL ORDER BY e.ts DESC, e.seq DESC LIMIT 1), s.since_seq))
       WHERE entity_type = ? AND ended IS NULL`,
      ended,
      seq,
      entityType,
      entityType,
    ),
  );
}

/** The columns of the captured tables by what they are to PostgreSQL, whatever they are called. */
export type CapturedColumns = ReadonlyMap<number, ReadonlyMap<number, string>>;

export async function capturedColumns(connection: Connection): Promise<CapturedColumns> {
  const rows = await connection.rows<[relation: number, place: number, name: string]>(
    sql(
      `SELECT c.relation::bigint, a.attnum, a.attname FROM daybook_captures AS c
       JOIN pg_attribute AS a ON a.attrelid = c.relation WHERE a.attnum > 0 AND NOT a.attisdropped`,
    ),
  );
  const columns = new Map<number, Map<number, string>>();
  for (const [relation, place, name] of rows) {
    const of = columns.get(relation) ?? new Map<number, string>();
    columns.set(relation, of.set(place, name));
  }
  return columns;
}

/**
 * Has captures follow what the open transaction made of their tables: other names, other columns. Nothing was missed
 * meanwhile. A column that has another name keeps its settings.
 */
export async function followTables(connection: Connection, before: CapturedColumns, change: Change): Promise<void> {
  const after = await capturedColumns(connection);
  for (const installed of await allInstalled(connection)) {
    const problem = await problemOf(connection, installed);
    if (problem === null || losesEntries(problem)) continue;
    const names = new Map<string, string>();
    for (const [place, was] of before.get(installed.relation) ?? []) {
      const now = after.get(installed.relation)?.get(place);
      if (now !== undefined && now !== was) names.set(was, now);
    }
    const renamed = (name: string): string => names.get(name) ?? name;
    const { settings } = installed;
    const followed: Installed = {
      ...installed,
      columns: installed.columns.map(renamed),
      settings: {
        ...settings,
        scope: settings.scope && { ...settings.scope, column: renamed(settings.scope.column) },
        actorColumn: settings.actorColumn && renamed(settings.actorColumn),
        nameColumn: settings.nameColumn && renamed(settings.nameColumn),
        ignore: settings.ignore.map(renamed).toSorted(),
        redact: settings.redact.map(renamed).toSorted(),
        keep: settings.keep.map(renamed).toSorted(),
        json: settings.json.map(renamed).toSorted(),
      },
    };
    await fit(connection, followed, { problem, change, before: settings });
  }
}
