import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { DaybookError } from '../../../core/errors.js';
import type { Interruptible } from '../../audit-store.js';
import type { Connection } from '../engine/index.js';
import { unfitFields } from '../trail/index.js';
import { TABLES } from '../engine/index.js';

/** More of what is wrong would say nothing new. */
const MOST = 100;
/** About ten milliseconds of copying. */
const STEP_PAGES = 2000;

/**
 * What SQLite finds wrong with the pages of a database, with its indexes beside their tables, and with the entries by their
 * own rules. That takes long, and would keep the log from flowing back: it is done on a copy that nobody else can read. It
 * has no name any more while it is looked through, so that nothing stays where this process is ended meanwhile.
 */
export async function damageOf(connection: Connection, interruptible: Interruptible): Promise<string[]> {
  const copy = await interruptible((signal) => privateCopy(connection, signal));
  try {
    return [...new Set([...structure(copy), ...brokenRules(copy)])];
  } finally {
    copy.close();
  }
}

/** Throws kind `failed` where there is no room for a copy, and kind `interrupted`. */
async function privateCopy(connection: Connection, signal: AbortSignal): Promise<Connection> {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(path.join(tmpdir(), 'daybook-check-'));
    const file = path.join(folder, 'copy.db');
    closeSync(openSync(file, 'wx', 0o600));
    await copyInSteps(connection, file, signal);
    const copy = new Database(file, { fileMustExist: true });
    // Without the index of a write-ahead log in a file beside it; asking for anything opens all files that it needs.
    copy.pragma('locking_mode = EXCLUSIVE');
    answers(() => copy.pragma('schema_version'));
    return copy;
  } catch (error) {
    if (!isOfTheCopy(error)) throw error;
    throw new DaybookError(
      'failed',
      `the copy to be checked cannot be made (${error.message}): TMPDIR can name a folder with more room`,
      { cause: error },
    );
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Between the steps a signal is heard. One read stays open: else a copy would begin anew whenever somebody writes. */
async function copyInSteps(connection: Connection, file: string, signal: AbortSignal): Promise<void> {
  connection.exec('BEGIN');
  try {
    connection.pragma('schema_version');
    await connection.backup(file, {
      progress: () => {
        if (signal.aborted) throw new DaybookError('interrupted', 'interrupted: nothing was checked');
        return STEP_PAGES;
      },
    });
  } finally {
    connection.exec('ROLLBACK');
  }
}

function isOfTheCopy(error: unknown): error is Error {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return /^(?:SQLITE_(?:FULL|IOERR|CANTOPEN)|E[A-Z]+$)/.test(String(error.code));
}

function structure(copy: Connection): string[] {
  // Rows that break an application's rules are rows, and its rules may call functions that are not here.
  copy.pragma('ignore_check_constraints = ON');
  const whole = answers(() => found(copy, `integrity_check(${MOST})`));
  if (whole !== undefined) return whole;
  // An index of an application's may need a function or a collation that is not here: then only ours are compared.
  const checks = [`quick_check(${MOST})`, ...TABLES.map((table) => `integrity_check(${table})`)];
  return checks.flatMap((check) => answers(() => found(copy, check)) ?? []);
}

/** What the entries, and all else of ours, hold against the rules of their tables: somebody had them switched off. */
function brokenRules(copy: Connection): string[] {
  copy.pragma('ignore_check_constraints = OFF');
  const broken = TABLES.flatMap((table) => answers(() => found(copy, `quick_check(${table})`)) ?? []);
  // A table that lost its rules cannot tell of them, and of documents a trigger has them.
  const unfit = answers(() => unfitFields(copy, MOST)) ?? [];
  return [...broken, ...unfit.map((one) => (typeof one === 'string' ? one : `entry ${one[0]}: its ${one[1]}`))];
}

function found(copy: Connection, check: string): string[] {
  const lines = (copy.pragma(check) as Record<string, string>[]).flatMap((row) => Object.values(row));
  return lines.filter((line) => line !== 'ok');
}

/** What a check says, also where it meets a page that stops it; undefined where it cannot be run. */
function answers<T>(check: () => T): T | string[] | undefined {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    if (/^SQLITE_(?:CORRUPT|NOTADB)/.test(error.code)) return [error.message];
    if (error.code === 'SQLITE_ERROR') return undefined;
    throw error;
  }
}
