import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { EndingSignal } from '../../src/cli/exit-codes.js';
import { run } from '../../src/cli/run.js';
import { testStreams } from './test-streams.js';

/** What the clock of every test shows, unless the test says otherwise: a Thursday. */
export const NOW = '2026-03-05T14:07:09.123Z';

export interface CliOptions {
  /** Whether stdin, stdout and stderr are a terminal. */
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly input?: string | Uint8Array;
  /** Beyond a pager that is none; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A time in ISO form. */
  readonly now?: string;
  /** The database; the one of this test where it is not given. */
  readonly db?: string;
  readonly user?: string;
  readonly host?: string;
  /** Each output closes after so many writes. */
  readonly closesAfter?: number;
  /** Interrupts a command as soon as it listens, by this signal or by SIGINT. */
  readonly interrupt?: boolean | EndingSignal;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Scene {
  readonly directory: string;
  initialized: boolean;
}

let scene: Scene | undefined;

/** A file system in memory, where there is one: every command waits for the disk, and these tests run thousands. */
const MEMORY = '/dev/shm';

function currentScene(): Scene {
  if (scene === undefined) {
    const directory = mkdtempSync(path.join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'daybook-cli-'));
    scene = { directory, initialized: false };
    onTestFinished(() => {
      scene = undefined;
      rmSync(directory, { recursive: true, force: true });
    });
  }
  return scene;
}

/** A path in the directory of this test. */
export function inTestDirectory(name: string): string {
  return path.join(currentScene().directory, name);
}

/** The database of this test; it is made at its first use. */
export async function trail(): Promise<string> {
  const here = currentScene();
  const database = path.join(here.directory, 'audit.db');
  if (!here.initialized) {
    here.initialized = true;
    emptyTrail ??= await makeEmptyTrail();
    writeFileSync(database, emptyTrail, { mode: 0o600 });
  }
  return database;
}

/** The bytes of a database as `init` makes it: copying them is many times faster than making it again. */
let emptyTrail: Buffer | undefined;

async function makeEmptyTrail(): Promise<Buffer> {
  const database = inTestDirectory('template.db');
  const { code, stderr } = await invoke(['init'], {}, database);
  if (code !== 0) throw new Error(stderr);
  const bytes = readFileSync(database);
  rmSync(database);
  return bytes;
}

/** Runs a command in this process, with a world of its own: a fixed clock, a user, streams in memory. */
export async function cli(words: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return invoke(words, options, options.db ?? (await trail()));
}

/** Runs a command that must end well, and gives what it printed. */
export async function ok(words: readonly string[], options: CliOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await cli(words, options);
  if (code !== 0) throw new Error(`daybook ${words.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Runs a command that must end well and prints one JSON document. */
export async function json<T = Record<string, unknown>>(
  words: readonly string[],
  options: CliOptions = {},
): Promise<T> {
  return JSON.parse(await ok(words, options)) as T;
}

/** Runs a command that must end well and prints NDJSON. */
export async function ndjson<T = Record<string, unknown>>(
  words: readonly string[],
  options: CliOptions = {},
): Promise<T[]> {
  return fromLines<T>(await ok(words, options));
}

/** Reads NDJSON. */
export function fromLines<T = Record<string, unknown>>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

/** Values as NDJSON. */
export function toLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** Records entries as `record --stdin` takes them. */
export async function given(...entries: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
  await ok(['record', '--stdin', '--quiet'], { input: toLines(entries) });
}

async function invoke(words: readonly string[], options: CliOptions, database: string): Promise<CliResult> {
  const streams = testStreams(options);
  const env = { DAYBOOK_DB: database, DAYBOOK_PAGER: 'cat', TERM: 'xterm-256color', ...options.env };
  const code = await run(words, {
    streams,
    env,
    now: () => Date.parse(options.now ?? NOW),
    user: () => options.user ?? 'alice',
    isRoot: () => options.user === 'root',
    host: () => options.host ?? 'desk',
    presence: { host: options.host ?? 'desk', pid: process.pid, lives: () => true },
    onInterrupt: (interrupted) => {
      const { interrupt } = options;
      if (typeof interrupt === 'string') interrupted(interrupt);
      else if (interrupt === true) interrupted('SIGINT');
      return () => undefined;
    },
  });
  return { code, stdout: streams.stdout.text(), stderr: streams.stderr.text() };
}
