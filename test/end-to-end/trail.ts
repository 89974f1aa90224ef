import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterAll, expect } from 'vitest';
import { PROGRAM, run } from '../support/program.js';
import type { ProgramOptions } from '../support/program.js';

export const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures');
export const DOCS = path.resolve(import.meta.dirname, '../../docs');

/** Tells a measured number, or the seed of a random test, in the output of the run. */
export function tell(text: string): void {
  process.stderr.write(`        ${text}\n`);
}

/** A new empty directory that is gone after the tests of the file. */
export function sharedDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'daybook-test-'));
  // What was installed there are many files.
  afterAll(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }), 60_000);
  return directory;
}

/**
 * Makes a database of so many entries, ten minutes apart from 2024 on, once for all tests of a file. An entry's seq is
 * its number, and its id `made-<number>`.
 */
export async function makeTrail(directory: string, entries: number): Promise<string> {
  const file = path.join(directory, `trail-${entries}.db`);
  await promisify(execFile)(process.execPath, [PROGRAM, '--db', file, 'init']);
  const database = new Database(file);
  database
    .prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
       INSERT INTO daybook_entries (id, ts, category, action, severity, actor, actor_type, scope, entity_type, entity_id, message, metadata, correlation_id)
       SELECT 'made-' || n, strftime('%Y-%m-%dT%H:%M:%fZ', 1704067200 + 600 * n, 'unixepoch'), 'device',
         CASE n % 3 WHEN 0 THEN 'partial_dispense' WHEN 1 THEN 'door_opened' ELSE 'balance_settle' END,
         CASE WHEN n % 50 = 0 THEN 'error' ELSE 'info' END, 'operator-' || (n % 7), 'user', 'machine:' || (n % 40),
         'settlement', 's-' || (n % 500), 'the machine gave out ' || n || ' of ' || (n + 10), json_object('shift', n % 2, 'till', n),
         'batch-' || (n / 20)
       FROM numbers`,
    )
    .run(entries);
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  return file;
}

/** The time of an entry that `makeTrail` made. */
export function timeOf(number: number): string {
  return new Date((1_704_067_200 + 600 * number) * 1000).toISOString();
}

/** A copy of a database that nobody has open, in a directory of its own. */
export async function copyTrail(template: string, directory: string, name = 'audit.db'): Promise<string> {
  const file = path.join(directory, name);
  await copyFile(template, file);
  return file;
}

/** Runs `work` on a database that is opened as any other program would, and closed again. */
export function withDatabase<T>(file: string, work: (database: Database.Database) => T): T {
  const database = new Database(file, { timeout: 5000 });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** The first column of all rows. */
export function column<T = string>(file: string, sql: string, ...parameters: unknown[]): T[] {
  return withDatabase(file, (database) =>
    database
      .prepare<unknown[], T>(sql)
      .pluck()
      .all(...parameters),
  );
}

/** The first column of the first row. */
export function value<T = number>(file: string, sql: string, ...parameters: unknown[]): T {
  return withDatabase(
    file,
    (database) =>
      database
        .prepare<unknown[], T>(sql)
        .pluck()
        .get(...parameters) as T,
  );
}

export function countEntries(file: string): number {
  return value(file, 'SELECT count(*) FROM daybook_entries');
}

/** Expects SQLite to find nothing wrong with a database. */
export function expectSound(file: string): void {
  expect(value<string>(file, 'PRAGMA quick_check')).toBe('ok');
}

/** Every entry, to compare before and after. */
export function everything(file: string): unknown[] {
  return withDatabase(file, (database) => database.prepare('SELECT * FROM daybook_entries ORDER BY seq').all());
}

export interface ExportedEntry {
  readonly seq: number;
  readonly id: string;
  readonly ts: string;
  readonly recorded_at: string | null;
  readonly action: string;
  readonly severity: string;
  readonly actor: string;
  readonly actor_type: string;
  readonly message: string;
  readonly entity_type: string | null;
  readonly entity_id: string | null;
  readonly entity_name: string | null;
  readonly correlation_id: string | null;
  readonly metadata: Record<string, unknown>;
  readonly old_values: Record<string, unknown> | null;
  readonly new_values: Record<string, unknown> | null;
}

/** The entries in a file of lines, which must be whole. */
export function readLines(file: string): ExportedEntry[] {
  const bytes = readFileSync(file);
  return parseLines((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
}

export function parseLines(text: string): ExportedEntry[] {
  if (text === '') return [];
  expect(text.at(-1)).toBe('\n');
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as ExportedEntry);
}

/** Exports with the program and gives the entries. */
export async function exported(file: string, options: ProgramOptions = {}): Promise<ExportedEntry[]> {
  const result = await run(['--db', file, 'export'], options);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return parseLines(result.stdout);
}

/** Names of files in a directory, but for a database and its companions. */
export function otherFiles(directory: string, database = 'audit.db'): string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith(database))
    .toSorted();
}

/** Waits until something holds, looking every few milliseconds. */
export async function until(holds: () => boolean, what: string, patience = 20_000): Promise<void> {
  const deadline = performance.now() + patience;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(2);
  }
}

/** Numbers from 0 to 1 that depend on the seed alone. The seed is told, and DAYBOOK_TEST_SEED repeats a run. */
export function randomness(name: string): () => number {
  const seed = Number(process.env['DAYBOOK_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  tell(`${name}: DAYBOOK_TEST_SEED=${seed}`);
  return seeded(seed);
}

/** Numbers that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}
