import { readFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';

/** What the `import` commands are proved with: fixtures as files that an importer can open. */

const fixtures = path.resolve(import.meta.dirname, '../../fixtures');

/** Where a fixture is that needs no making, such as `proconnect/audit_logs.csv`. */
export function fixture(name: string): string {
  return path.join(fixtures, name);
}

/**
 * Makes LedGrab's database: `activity_log` with a thousand entries.
 * @param folder where the file goes; a file that is there already makes it throw, as for all of these
 * @returns the path of the file
 */
export function ledgrab(folder: string): string {
  return databaseOf(folder, 'ledgrab.db', sqlOf('ledgrab/activity-log.sql'));
}

/** Makes a log like LedGrab's with so many rows, a second apart: `device 1`, `device 2`, ... */
export function longLedgrab(folder: string, rows: number): string {
  return databaseOf(
    folder,
    'long-ledgrab.db',
    `CREATE TABLE activity_log (seq INTEGER PRIMARY KEY, id TEXT, ts TEXT, category TEXT, action TEXT,
       severity TEXT, actor TEXT, entity_type TEXT, entity_id TEXT, entity_name TEXT, message TEXT, metadata TEXT);
     WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT ${rows})
     INSERT INTO activity_log
     SELECT value, printf('al_%08x', (value * 2654435761) & 0xffffffff),
       strftime('%Y-%m-%dT%H:%M:%S+00:00', 1772000000 + value, 'unixepoch'),
       'device', 'connected', 'info', 'system', 'device', 'dv_' || value % 40, NULL, 'device ' || value, '{}' FROM n`,
  );
}

export interface SettlementSources {
  /** The extension's file: `dca_settlements`, `dca_settlement_audit`. */
  readonly extension: string;
  /** The core database: `accounts`. */
  readonly core: string;
}

export interface SettlementOptions {
  /**
   * The type that the columns of times are declared with. Under `TIMESTAMP`, which is how the application declares
   * them, SQLite turns digits into numbers; under `TEXT` every time is digits as text; without a type each row keeps
   * the form in which it was written, which is all three.
   */
  readonly timeType?: 'TIMESTAMP' | 'TEXT' | '';
}

/** Makes an LNbits extension's database and the core database beside it, named as LNbits names them. */
export function settlements(folder: string, { timeType = 'TIMESTAMP' }: SettlementOptions = {}): SettlementSources {
  const extension = sqlOf('settlements/extension.sql').replaceAll('created_at TIMESTAMP', `created_at ${timeType}`);
  return {
    extension: databaseOf(folder, 'ext_satmachineadmin.sqlite3', extension),
    core: databaseOf(folder, 'database.sqlite3', sqlOf('settlements/core.sql')),
  };
}

/** Makes django-auditlog's tables as Django keeps them on SQLite: `auditlog_logentry` and the two that it refers to. */
export function djangoAuditlog(folder: string): string {
  return databaseOf(folder, 'django.sqlite3', sqlOf('relatives/django-auditlog/auditlog.sql'));
}

/** Makes two tables that sqlite-history-json follows, `items` and `memberships`, with their histories. */
export function historyJson(folder: string): string {
  return databaseOf(folder, 'history.db', sqlOf('relatives/sqlite-history-json/history.sql'));
}

/** Makes the table `audit` of LNbits' core. */
export function lnbitsAudit(folder: string): string {
  return databaseOf(folder, 'lnbits.db', sqlOf('requests/lnbits-audit.sql'));
}

/** Makes DataDrop's `guild_configurations` with times in epoch milliseconds. */
export function guildConfigurations(folder: string): string {
  return databaseOf(folder, 'datadrop.db', sqlOf('datadrop/guild_configurations.sql'));
}

/** Makes `incidents` whose `work_notes` are journals: entries newest first, separated by an empty line. */
export function journal(folder: string): string {
  return databaseOf(folder, 'journal.db', sqlOf('journal/incidents.sql'));
}

/** Makes an `activity_log` without constraints, most of whose rows are wrong in one way each. */
export function brokenLedgrab(folder: string): string {
  return databaseOf(folder, 'broken-ledgrab.db', sqlOf('broken/activity-log.sql'));
}

/** Makes a `dca_settlement_audit`, most of whose rows are wrong in one way each. */
export function brokenSettlementAudit(folder: string): string {
  return databaseOf(folder, 'broken-settlements.db', sqlOf('broken/settlement-audit.sql'));
}

/** Makes LedGrab's database and cuts its file off in the middle of a page: SQLite refuses it at the first statement. */
export function truncatedLedgrab(folder: string): string {
  const file = databaseOf(folder, 'truncated.db', sqlOf('ledgrab/activity-log.sql'));
  truncateSync(file, middleOf(file));
  return file;
}

/**
 * Makes LedGrab's database and fills the second half of its file with zeros: it has its length, opens, and fails only
 * after some of its entries have been read.
 */
export function damagedLedgrab(folder: string): string {
  const file = databaseOf(folder, 'damaged.db', sqlOf('ledgrab/activity-log.sql'));
  const { size } = statSync(file);
  truncateSync(file, middleOf(file));
  truncateSync(file, size);
  return file;
}

/** Not on the edge of a page. */
function middleOf(file: string): number {
  return Math.floor(statSync(file).size / 2) + 100;
}

/** What holds of the entries of `ledgrab`. */
export interface LedgrabFacts {
  readonly entries: number;
  readonly first_seq: number;
  readonly last_seq: number;
  /** Earliest and latest time, cut to the millisecond. */
  readonly first: string;
  readonly last: string;
  readonly by_category: Readonly<Record<string, number>>;
  readonly by_severity: Readonly<Record<string, number>>;
  readonly without_microseconds: number;
  readonly on_the_time_of_the_entry_before: number;
  readonly before_the_entry_before: number;
  /** Entries whose metadata holds an integer that a double would round. */
  readonly beyond_a_double: number;
  readonly without_entity: number;
  /** Entries that share a millisecond, in the order of their microseconds and then their seq. */
  readonly within_one_millisecond: { readonly ts: string; readonly seqs_by_microsecond: readonly number[] };
}

export interface Adjustment {
  readonly id: string;
  readonly type: string;
  readonly author: string;
  readonly ts: string;
  readonly notes: string | null;
  readonly payload: Readonly<Record<string, unknown>> | null;
}

/** Answers to the questions of the settlements' owners, and what stands in the notes. */
export interface SettlementFacts {
  readonly settlements: number;
  readonly settlements_with_notes: number;
  readonly audit_rows: number;
  readonly audit_rows_by_type: Readonly<Record<string, number>>;
  /** Ids of audit rows, oldest first, as in all lists of ids here. */
  readonly partial_dispenses_in_march_2026: readonly string[];
  readonly partial_dispenses_in_march_2025: readonly string[];
  readonly off_ln_refunds_in_2026_q1: readonly string[];
  /** Counts by key, the greatest first; the first is greater than the second. */
  readonly adjustments_by_operator: Readonly<Record<string, number>>;
  readonly partial_dispenses_by_machine: Readonly<Record<string, number>>;
  readonly partial_dispenses_by_machine_in_march_2026: Readonly<Record<string, number>>;
  readonly adjustments_of_one_settlement: {
    readonly settlement_id: string;
    readonly machine_id: string;
    readonly adjustments: readonly Adjustment[];
  };
  readonly names: {
    /** Two accounts of one username. */
    readonly ambiguous: { readonly username: string; readonly ids: readonly string[] };
    readonly without_username: string;
    readonly without_account: string;
  };
  readonly notes: {
    readonly memos: Readonly<Record<string, number>>;
    readonly memos_in_old_words: number;
    readonly memos_in_new_words: number;
    readonly operators_notes: number;
    readonly operators_notes_of_several_lines: number;
    /** Lines that have no time or are of no known form, by settlement, newest first. */
    readonly strays: Readonly<Record<string, readonly string[]>>;
  };
}

/** One thing that a moderation's comment tells. */
export interface CommentPiece {
  readonly moderation: number;
  readonly kind: 'event' | 'second writer' | 'unmatched';
  /** Epoch milliseconds; null where the comment gives none. */
  readonly at: number | null;
  /** The day, which is all that the second writer gives. */
  readonly date?: string;
  readonly email: string | null;
  /** What stands behind the separator, with the line breaks of its reason. */
  readonly message: string;
}

/** Answers to the questions of ProConnect's owners; ids are those of `audit_logs`. */
export interface ProconnectFacts {
  readonly entries: number;
  /** Keys such as `users UPDATE`. */
  readonly by_table_and_action: Readonly<Record<string, number>>;
  readonly of_user_1: readonly number[];
  readonly by_migration: Readonly<Record<string, readonly number[]>>;
  readonly without_actor_email: readonly number[];
  readonly default_of_actor_type_with_its_quotes: readonly number[];
  readonly in_one_transaction: readonly number[];
  readonly more_than_10_within_an_hour: readonly {
    readonly actor_email: string;
    readonly count: number;
    readonly first: string;
    readonly last: string;
  }[];
  readonly email_of_user_3: Readonly<Record<string, string>>;
  readonly user_4: { readonly exists_until: string };
  readonly membership_of_user_2_in_organization_1: { readonly gone_from: string; readonly until: string };
  readonly moderations: number;
  /** Of all comments, by moderation and then in the order of the text. */
  readonly pieces: readonly CommentPiece[];
}

interface Facts {
  readonly ledgrab: LedgrabFacts;
  readonly settlements: SettlementFacts;
  readonly proconnect: ProconnectFacts;
}

/** What the makers of a fixture know of it, worked out from what they told and not from the tables. */
export function factsOf<Theme extends keyof Facts>(theme: Theme): Facts[Theme] {
  return JSON.parse(readFileSync(fixture(`${theme}/expected.json`), 'utf8')) as Facts[Theme];
}

function sqlOf(name: string): string {
  return readFileSync(fixture(name), 'utf8');
}

function databaseOf(folder: string, name: string, sql: string): string {
  const file = path.join(folder, name);
  const database = new Database(file);
  try {
    database.transaction(() => database.exec(sql))();
  } finally {
    database.close();
  }
  return file;
}
