import Database from 'better-sqlite3';
import { newEntry } from '../../../core/entry.js';
import { DaybookError } from '../../../core/errors.js';
import { mirrorName, mirrorSettingsJson, readMirrorSettings } from '../../../core/mirror.js';
import type {
  AddedMirror,
  Mirror,
  MirrorChange,
  MirrorCounts,
  MirrorPrune,
  MirroredRow,
  MirrorRequest,
  MirrorSettings,
} from '../../../core/mirror.js';
import { readRuleCounts } from '../../../core/prune-account.js';
import { mayHaveTakenType, tookOldestFirst } from '../../../core/prune-reach.js';
import { shellWord } from '../../../core/shell.js';
import type { KeyValue, MirroredPage } from '../../audit-store.js';
import type { Change } from '../capture/index.js';
import type { Connection } from '../engine/index.js';
import {
  isRecorded,
  keyAsIndexed,
  keyText,
  mirrorTrigger,
  mirrorTriggerName,
  mirrorUpdates,
  rendering,
  standing,
} from './rendering.js';
import type { MirroredColumn } from './rendering.js';
import { describeMirrored } from './column.js';
import { lastSeq, inserter, MAY_HAVE_TAKEN } from '../trail/index.js';
import { identifier } from '../tables/index.js';

type MirrorPlace = Pick<MirrorRequest, 'table' | 'column'>;

interface MirrorRow {
  table: string;
  column: string;
  entity_type: string;
  settings: string;
}

/** The mirrors as they are kept, those of one table or all. */
function mirrorRows(connection: Connection, table: string | null = null): MirrorRow[] {
  return connection
    .prepare<{ table: string | null }, MirrorRow>(
      `SELECT table_name AS "table", column_name AS "column", entity_type, settings FROM daybook_mirrors
       WHERE @table IS NULL OR table_name = @table ORDER BY table_name, column_name`,
    )
    .all({ table });
}

/** Every mirror that can be read, by its name, with what is wrong with it. */
export function readMirrors(connection: Connection): Mirror[] {
  return mirrorRows(connection).flatMap(({ table, column, settings: json }) => {
    const settings = readMirrorSettings(json);
    if (settings === undefined) return [];
    const mirror = { table, column, settings };
    const mirrored = described(connection, mirror);
    return [{ ...mirror, problem: problemOf(connection, mirror, mirrored), isThere: mirrored !== undefined }];
  });
}

/** The names of the mirrors that cannot be read. */
export function unreadableMirrors(connection: Connection): string[] {
  return mirrorRows(connection).flatMap((row) => (readMirrorSettings(row.settings) ? [] : [mirrorName(row)]));
}

/** What there is to say of a mirror that cannot be read, with the way out. */
export function unreadableMirror(name: string): string {
  return `mirror ${name} cannot be read: daybook mirror add sets it anew, daybook mirror remove ${shellWord(name)} ends it`;
}

/**
 * The texts of the triggers that mirrors should have. Where the column of one is gone, its text cannot be known: what
 * stands under its name counts as it is, and the mirror is broken.
 */
export function mirrorTriggerTexts(connection: Connection): Set<string> {
  const texts = readMirrors(connection).map((mirror) => {
    const mirrored = described(connection, mirror);
    return mirrored === undefined ? triggerOf(connection, mirror) : mirrorTrigger(mirrored);
  });
  return new Set(texts.filter((text) => text !== undefined));
}

/** What differs from what should be there, or null. */
function problemOf(connection: Connection, mirror: MirrorRequest, mirrored: MirroredColumn | undefined): string | null {
  const there = triggerOf(connection, mirror);
  if (mirrored === undefined) {
    const gone = 'is no longer a column that can show entries: its table was dropped, renamed or changed';
    return there === undefined
      ? `${gone}; nothing is shown`
      : `${gone}; recording may fail until the mirror is removed`;
  }
  if (there === undefined) return 'lacks its trigger, so entries are not shown';
  return there === mirrorTrigger(mirrored) ? null : 'has a trigger that was changed';
}

function triggerOf(connection: Connection, mirror: MirrorPlace): string | undefined {
  return connection
    .prepare<[string], string>(`SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ? COLLATE NOCASE`)
    .pluck()
    .get(mirrorTriggerName(mirror));
}

function described(connection: Connection, mirror: MirrorRequest): MirroredColumn | undefined {
  try {
    return describeMirrored(connection, mirror);
  } catch (error) {
    if (error instanceof DaybookError) return undefined;
    throw error;
  }
}

/** A mirror as it would be, with names as the table writes them. Throws as describeMirrored does. */
export function resolveMirror(connection: Connection, request: MirrorRequest): MirrorRequest {
  const { table, column, settings } = describeMirrored(connection, request);
  return { table, column, settings };
}

/** The prunes that may have taken entries of a type. */
export function mirrorPrunes(connection: Connection, entityType: string): MirrorPrune[] {
  return connection
    .prepare<[string], { criteria: string; rules: string; entry: number | null }>(
      `SELECT criteria, rules, entry FROM daybook_prunes AS p WHERE deleted > 0 AND ${MAY_HAVE_TAKEN}`,
    )
    .all(entityType)
    .filter(({ criteria, rules }) => mayHaveTakenType(criteria, readRuleCounts(rules) ?? [], entityType))
    .map(({ criteria, entry }) => ({ oldestFirst: tookOldestFirst(criteria), told: entry }));
}

/** A page of many long texts ends before its limit. */
const MOST_CHARACTERS = 4_000_000;

interface ComparedRow {
  key: KeyValue;
  id: string;
  held: string | null;
  expected: string | null;
  recorded: bigint;
}

/** Compares so many rows behind a key with their entries. Throws as describeMirrored does. */
export function comparePage(
  connection: Connection,
  request: MirrorRequest,
  after: KeyValue,
  limit: number,
): MirroredPage {
  const mirrored = describeMirrored(connection, request);
  const { rows, compared, next } = compareRows(connection, mirrored, after, limit);
  const statement = connection.prepare<{ id: string }, { newest: number | null; full: number }>(
    standing(mirrored.settings),
  );
  return {
    rows: rows.map(({ id, held, expected }): MirroredRow => {
      const { newest = null, full } = statement.get({ id }) ?? {};
      return { id, held, expected, newest, full: full === 1 };
    }),
    compared,
    next,
  };
}

/** A row whose column does not hold what its entries say, if there are any. */
interface DifferentRow extends Omit<ComparedRow, 'recorded'> {
  recorded: boolean;
}

interface ComparedRows {
  readonly rows: readonly DifferentRow[];
  readonly compared: number;
  readonly next: KeyValue;
}

function compareRows(connection: Connection, mirrored: MirroredColumn, after: KeyValue, limit: number): ComparedRows {
  const key = keyAsIndexed(mirrored);
  const column = `${identifier(mirrored.table)}.${identifier(mirrored.column)}`;
  const statement = connection
    .prepare<KeyValue[], ComparedRow>(
      `SELECT ${key} AS key, ${keyText(mirrored)} AS id, CAST(${column} AS TEXT) AS held,
         ${rendering(mirrored, keyText(mirrored))} AS expected, ${isRecorded(mirrored)} AS recorded
       FROM ${identifier(mirrored.table)} WHERE ${after === null ? `${key} IS NOT NULL` : `${key} > ?`}
       ORDER BY ${key} LIMIT ${limit}`,
    )
    .safeIntegers();
  const rows: DifferentRow[] = [];
  let last: KeyValue = null;
  let compared = 0;
  let characters = 0;
  for (const row of statement.iterate(...(after === null ? [] : [after]))) {
    last = row.key;
    compared += 1;
    characters += (row.held?.length ?? 0) + (row.expected?.length ?? 0);
    const recorded = row.recorded === 1n;
    const expected = recorded ? row.expected : null;
    // Empty is empty, whether the column refuses NULL or not.
    if ((row.held ?? '') !== (expected ?? '')) {
      rows.push({ key: row.key, id: row.id, held: row.held, expected, recorded });
    }
    if (characters > MOST_CHARACTERS) return { rows, compared, next: last };
  }
  return { rows, compared, next: compared === limit ? last : null };
}

/**
 * Adds a mirror, or changes it: shows the entries of every row that has any, and from then on each new one. As it is
 * already, nothing changes. Runs in the open transaction.
 *
 * Throws as describeMirrored does, and kind `refused` where more rows than `mayReplace` hold another text.
 */
export function addMirror(
  connection: Connection,
  request: MirrorRequest,
  mayReplace: number,
  change: Change,
): Omit<AddedMirror, 'lockMs'> {
  const mirrored = describeMirrored(connection, request);
  const { table, column, settings } = mirrored;
  const known = readMirrors(connection).find(
    (one) => mirrorName(one).toLowerCase() === mirrorName(mirrored).toLowerCase(),
  );
  dropTrigger(connection, mirrored);
  const counts = rendered(connection, mirrored);
  if (counts.replaced > mayReplace) {
    throw new DaybookError(
      'refused',
      `${counts.replaced} rows of ${mirrorName(mirrored)} hold another text, more than when you were asked: nothing was changed`,
      { hint: '… --dry-run' },
    );
  }
  const same =
    known !== undefined &&
    known.problem === null &&
    JSON.stringify(known.settings) === JSON.stringify(settings) &&
    counts.filled + counts.replaced === 0;
  connection.exec(mirrorTrigger(mirrored));
  if (same) return { table, column, changed: false, entry: null, ...counts };
  connection
    .prepare(
      `INSERT INTO daybook_mirrors (table_name, column_name, entity_type, settings) VALUES (?, ?, ?, ?)
       ON CONFLICT (table_name, column_name) DO UPDATE SET table_name = excluded.table_name,
         column_name = excluded.column_name, entity_type = excluded.entity_type, settings = excluded.settings`,
    )
    .run(table, column, settings.entityType, JSON.stringify(settings));
  const entry = record(
    connection,
    'mirror_add',
    mirrored,
    settings.entityType,
    known?.settings ?? null,
    settings,
    counts,
    change,
  );
  return { table, column, changed: true, entry, ...counts };
}

/** Throws kind `refused` where a rule of the application's forbids a text: it would forbid recording, too. */
function rendered(connection: Connection, mirrored: MirroredColumn): MirrorCounts {
  try {
    return renderAll(connection, mirrored);
  } catch (error) {
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_CONSTRAINT')) throw error;
    throw new DaybookError(
      'refused',
      `${mirrorName(mirrored)} cannot show what its entries say (${error.message}): nothing was changed`,
      { cause: error },
    );
  }
}

const PAGE = 1000;

/** Shows the entries of every row that has any and does not show them yet. */
function renderAll(connection: Connection, mirrored: MirroredColumn): MirrorCounts {
  const update = connection.prepare<[KeyValue]>(
    `UPDATE ${identifier(mirrored.table)} SET ${identifier(mirrored.column)} = ${rendering(mirrored, keyText(mirrored))} WHERE ${keyAsIndexed(mirrored)} = ?`,
  );
  let counts: MirrorCounts = { same: 0, filled: 0, replaced: 0, kept: 0 };
  let after: KeyValue = null;
  do {
    const page = compareRows(connection, mirrored, after, PAGE);
    counts = addCounts(counts, page);
    for (const { key, recorded } of page.rows) if (recorded) update.run(key);
    after = page.next;
  } while (after !== null);
  return counts;
}

/** Counts what a page found. */
function addCounts(counts: MirrorCounts, { rows, compared }: ComparedRows): MirrorCounts {
  const filled = rows.filter((row) => row.recorded && (row.held ?? '') === '').length;
  const kept = rows.filter((row) => !row.recorded).length;
  return {
    same: counts.same + compared - rows.length,
    filled: counts.filled + filled,
    replaced: counts.replaced + rows.length - filled - kept,
    kept: counts.kept + kept,
  };
}

/**
 * Removes a mirror; the column keeps what it shows. Where there is none, nothing changes. `settle` runs as soon as the
 * trigger is gone, which may have kept entries from being recorded. Runs in the open transaction. Throws kind `missing`
 * where there is neither such a mirror nor such a column.
 */
export function removeMirror(
  connection: Connection,
  asked: { readonly table: string; readonly column: string },
  settle: () => void,
  change: Change,
): MirrorChange {
  const name = mirrorName(asked);
  const known = mirrorRows(connection).find((one) => mirrorName(one).toLowerCase() === name.toLowerCase());
  if (known === undefined) {
    const there = connection.prepare('SELECT 1 FROM pragma_table_xinfo(?) WHERE name = ? COLLATE NOCASE');
    if (there.get(asked.table, asked.column) === undefined) {
      throw new DaybookError('missing', `no mirror and no column ${name}`, { hint: 'daybook mirror list' });
    }
    return { ...asked, changed: false, entry: null };
  }
  dropTrigger(connection, known);
  settle();
  connection
    .prepare('DELETE FROM daybook_mirrors WHERE table_name = ? AND column_name = ?')
    .run(known.table, known.column);
  const settings = readMirrorSettings(known.settings) ?? null;
  const entry = record(connection, 'mirror_remove', known, known.entity_type, settings, null, null, change);
  return { table: known.table, column: known.column, changed: true, entry };
}

function dropTrigger(connection: Connection, mirror: MirrorPlace): void {
  connection.exec(`DROP TRIGGER IF EXISTS ${identifier(mirrorTriggerName(mirror))}`);
}

/** A mirror whose trigger was taken off, and the last entry by then. */
export interface LiftedMirror {
  readonly mirror: MirrorRequest;
  readonly upTo: number;
}

/** Drops the triggers of the mirrors of a table, for a change of the table itself. */
export function liftMirrors(connection: Connection, table: string): LiftedMirror[] {
  const of = mirrorRows(connection, table);
  return of.flatMap((row) => {
    const settings = readMirrorSettings(row.settings);
    // Nobody could put it back.
    if (settings === undefined) throw new DaybookError('refused', unreadableMirror(mirrorName(row)));
    const mirror = { table: row.table, column: row.column, settings };
    if (triggerOf(connection, mirror) === undefined) return [];
    dropTrigger(connection, mirror);
    return [{ mirror, upTo: lastSeq(connection) }];
  });
}

/** Makes the triggers again where the column is there, and shows what was recorded meanwhile; gives what stays off. */
export function reinstallMirrors(connection: Connection, lifted: readonly LiftedMirror[]): LiftedMirror[] {
  return lifted.filter(({ mirror, upTo }) => {
    const mirrored = described(connection, mirror);
    if (mirrored === undefined) return true;
    const updates = mirrorUpdates(mirrored, (column) => `(SELECT ${column} FROM daybook_entries WHERE seq = @seq)`).map(
      (update) => connection.prepare<{ seq: number }>(update),
    );
    const missed = connection
      .prepare<[number, string], number>(
        'SELECT seq FROM daybook_entries WHERE seq > ? AND (entity_type = ? OR reverts IS NOT NULL) ORDER BY seq',
      )
      .pluck();
    for (const seq of missed.all(upTo, mirror.settings.entityType)) for (const update of updates) update.run({ seq });
    connection.exec(mirrorTrigger(mirrored));
    return false;
  });
}

function record(
  connection: Connection,
  action: 'mirror_add' | 'mirror_remove',
  mirror: MirrorPlace,
  entityType: string,
  before: MirrorSettings | null,
  after: MirrorSettings | null,
  counts: MirrorCounts | null,
  { actor, clock }: Change,
): number {
  const name = mirrorName(mirror);
  const [old, now] = [before, after].map((settings) => settings && mirrorSettingsJson(settings));
  return inserter(
    connection,
    clock,
  )(
    newEntry({
      ...actor,
      category: 'system',
      action,
      entity_type: 'mirror',
      entity_id: name,
      message:
        after === null
          ? `${name} no longer shows the entries of ${entityType}`
          : `${name} shows the entries of ${entityType}`,
      metadata: counts === null ? '{}' : JSON.stringify(counts),
      old_values: old ? JSON.stringify(old) : null,
      new_values: now ? JSON.stringify(now) : null,
      changed_fields: old && now ? JSON.stringify(Object.keys(now).filter((key) => old[key] !== now[key])) : null,
    }),
  ).seq;
}
