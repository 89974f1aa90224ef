import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { inject, onTestFinished } from 'vitest';

/** The program's door, as it is installed. */
export const PROGRAM = path.resolve(import.meta.dirname, '../../bin/daybook.js');

/** Longer than any command of a test needs; a program that hangs must not take the whole run with it. */
const PATIENCE_MS = 25_000;

export interface ProgramOptions {
  /** Where the program runs, which is its HOME as well. A new empty directory where it is not given. */
  readonly cwd?: string;
  /** Beyond PATH, HOME and TZ, which are all that the program gets; `undefined` takes one of those away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Who runs it, where that is another user than who runs the tests. */
  readonly uid?: number;
  /** Options for Node itself. */
  readonly nodeOptions?: readonly string[];
}

export interface ProgramResult {
  /** null where a signal ended the program. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as it came: for compressed output and for text that is not UTF-8. */
  readonly stdoutBytes: Buffer;
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams;
  /**
   * Resolves once stdout has matched behind `from`, to the place behind the match; rejects where the program ends
   * before.
   */
  waitForStdout(pattern: RegExp, from?: number): Promise<number>;
  waitForStderr(pattern: RegExp, from?: number): Promise<number>;
  readonly finished: Promise<ProgramResult>;
}

export interface TerminalOptions extends ProgramOptions {
  /** 80 where it is not given. */
  readonly columns?: number;
  /** 24 where it is not given. */
  readonly rows?: number;
  /** What to type, each once its pattern has appeared behind the place where the one before it matched. */
  readonly answers?: readonly { readonly when: RegExp; readonly type: string }[];
}

export interface TerminalResult {
  readonly code: number | null;
  /** What the screen received, stdout and stderr together; lines end with CR LF, as terminals have it. */
  readonly output: string;
}

/** A new empty directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'daybook-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}

/** Runs the built program to its end, with nothing on its stdin, as cron would. */
export async function run(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  return runWithStdin(args, '', options);
}

/** Runs the built program to its end with this on its stdin. */
export async function runWithStdin(
  args: readonly string[],
  stdin: string | Uint8Array,
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const { child, finished } = start(args, options);
  child.stdin.end(stdin);
  return finished;
}

/** Starts the built program with an open stdin, for signals, `--follow` and pipes that break. Killed after the test. */
export function start(args: readonly string[], options: ProgramOptions = {}): RunningProgram {
  assertBuilt();
  const { cwd, env } = surroundings(options);
  return watch(
    spawn(process.execPath, [...(options.nodeOptions ?? []), PROGRAM, ...args], {
      cwd,
      env,
      stdio: 'pipe',
      ...(options.uid !== undefined && { uid: options.uid, gid: options.uid }),
    }),
  );
}

/** Runs the built program to its end on a terminal of its own. */
export async function runOnTerminal(args: readonly string[], options: TerminalOptions = {}): Promise<TerminalResult> {
  assertBuilt();
  const { cwd, env } = surroundings({ ...options, env: { TERM: 'xterm-256color', SHELL: '/bin/sh', ...options.env } });
  const program = [process.execPath, ...(options.nodeOptions ?? []), PROGRAM, ...args].map(quote).join(' ');
  // A new pseudo terminal has no size of its own.
  const command = `stty columns ${options.columns ?? 80} rows ${options.rows ?? 24}; exec ${program}`;
  const running = watch(spawn('script', ['-qec', command, '/dev/null'], { cwd, env, stdio: 'pipe' }));
  // Its stdin stays open until the program has ended: at its end `script` would type an end of file.
  let seen = 0;
  for (const { when, type } of options.answers ?? []) {
    seen = await running.waitForStdout(when, seen);
    running.child.stdin.write(type);
  }
  const { code, stdout } = await running.finished;
  return { code, output: stdout };
}

/** What a program prints for people, without the sequences that colour it and move the cursor. */
export function withoutEscapes(output: string): string {
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  return output.replaceAll(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_])/g, '');
}

function assertBuilt(): void {
  const failure = inject('buildFailure');
  if (failure !== '') throw new Error(`the program could not be built:\n${failure}`);
}

function surroundings(options: ProgramOptions): { cwd: string; env: Record<string, string> } {
  const cwd = options.cwd ?? temporaryDirectory();
  const env: Record<string, string> = {};
  const wanted = { PATH: process.env['PATH'], HOME: cwd, TZ: 'UTC', ...options.env };
  for (const [name, value] of Object.entries(wanted)) {
    if (value !== undefined) env[name] = value;
  }
  return { cwd, env };
}

function watch(child: ChildProcessWithoutNullStreams): RunningProgram {
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  // A program may end without reading what it is given.
  child.stdin.on('error', () => {});
  const impatience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  onTestFinished(() => {
    clearTimeout(impatience);
    child.kill('SIGKILL');
  });
  const finished = new Promise<ProgramResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(impatience);
      const stdoutBytes = out.bytes();
      resolve({
        code,
        signal,
        stdout: stdoutBytes.toString('utf8'),
        stderr: err.bytes().toString('utf8'),
        stdoutBytes,
      });
    });
  });
  return {
    child,
    finished,
    waitForStdout: out.waitFor,
    waitForStderr: err.waitFor,
  };
}

interface Collector {
  readonly bytes: () => Buffer;
  readonly waitFor: (pattern: RegExp, from?: number) => Promise<number>;
}

function collect(stream: Readable): Collector {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const bytes = (): Buffer => Buffer.concat(chunks);

  const waitFor = async (pattern: RegExp, from = 0): Promise<number> =>
    new Promise((resolve, reject) => {
      function look(): void {
        const match = pattern.exec(bytes().toString('utf8').slice(from));
        if (match === null) return;
        stopWatching();
        resolve(from + match.index + match[0].length);
      }
      function giveUp(): void {
        stopWatching();
        reject(new Error(`the program ended before it printed ${String(pattern)}:\n${bytes().toString('utf8')}`));
      }
      function stopWatching(): void {
        stream.off('data', look);
        stream.off('close', giveUp);
      }
      stream.on('data', look);
      stream.on('close', giveUp);
      look();
      if (stream.closed) giveUp();
    });

  return { bytes, waitFor };
}

/** As one word of a shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
