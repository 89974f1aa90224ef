import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { FIXTURES, until } from './trail.js';

export interface OtherResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface OtherProgram {
  readonly child: ChildProcessWithoutNullStreams;
  readonly stdout: () => string;
  readonly finished: Promise<OtherResult>;
}

interface OtherOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly patience?: number;
}

/** Starts a program that is not ours. Killed after the test. */
export function startOther(command: string, args: readonly string[], options: OtherOptions = {}): OtherProgram {
  const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: 'pipe' });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => {});
  const impatience = setTimeout(() => child.kill('SIGKILL'), options.patience ?? 60_000);
  onTestFinished(() => {
    clearTimeout(impatience);
    child.kill('SIGKILL');
  });
  const stdout = (): string => Buffer.concat(out).toString('utf8');
  const finished = new Promise<OtherResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(impatience);
      resolve({ code, stdout: stdout(), stderr: Buffer.concat(err).toString('utf8') });
    });
  });
  return { child, stdout, finished };
}

/** Runs a program that is not ours to its end. */
export async function runOther(
  command: string,
  args: readonly string[],
  input = '',
  options: OtherOptions = {},
): Promise<OtherResult> {
  const { child, finished } = startOther(command, args, options);
  child.stdin.end(input);
  return finished;
}

/** Runs a line of shell; its exit code is that of the last command in a pipe. */
export async function shell(line: string, options: OtherOptions = {}): Promise<OtherResult> {
  return runOther('sh', ['-c', line], '', options);
}

export function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

export interface PlainWriter {
  /** Ends it and gives what it did; waits are in milliseconds. */
  readonly stop: () => Promise<{ written: number; longest: number; median: number; failed: number }>;
}

/** Starts an application that records about 200 entries a second; their ids are `<prefix>-<number>`. */
export async function startPlainWriter(file: string, prefix: string): Promise<PlainWriter> {
  const script = path.join(FIXTURES, 'contention/plain-writer.cjs');
  const writer = startOther(process.execPath, [script, file, prefix]);
  await until(() => writer.stdout().includes('writing') || writer.child.exitCode !== null, 'the first plain insert');
  return {
    stop: async () => {
      writer.child.stdin.end();
      const { code, stdout, stderr } = await writer.finished;
      if (code !== 0) throw new Error(`the plain writer failed: ${stderr}`);
      return JSON.parse(stdout.split('\n').at(-2) ?? '') as Awaited<ReturnType<PlainWriter['stop']>>;
    },
  };
}
