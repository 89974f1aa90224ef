import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM, run, start, temporaryDirectory } from '../support/program.js';
import type { RunningProgram } from '../support/program.js';
import { quote, shell } from './other-programs.js';
import { copyTrail, countEntries, expectSound, makeTrail, sharedDirectory, until } from './trail.js';

const ENTRIES = 5000;
const DAYBOOK = `${quote(process.execPath)} ${quote(PROGRAM)}`;
// Named apart: it is no package that is missing.
const MAKE_PIPE = 'mkfifo';

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

async function fresh(): Promise<{ file: string; directory: string }> {
  const directory = temporaryDirectory();
  return { file: await copyTrail(template, directory), directory };
}

async function inShell(file: string, line: string): Promise<Awaited<ReturnType<typeof shell>>> {
  const directory = path.dirname(file);
  return shell(line, { cwd: directory, env: { PATH: process.env['PATH'], HOME: directory, DAYBOOK_DB: file } });
}

describe('what the shell sends into the database itself', () => {
  test.each([
    'export >> audit.db',
    'history --quiet >> audit.db',
    'export >> audit.db-wal',
    'export 1<> audit.db',
    'export -o - >> hard.db',
    'report actors --html /proc/self/fd/1 --force >> audit.db',
  ])('%s is refused, and says so', async (words) => {
    const { file } = await fresh();
    expect(path.basename(file)).toBe('audit.db');
    execFileSync('ln', [file, path.join(path.dirname(file), 'hard.db')]);
    const before = readFileSync(file);
    const { code, stderr } = await inShell(file, `${DAYBOOK} ${words}`);
    expect({ code, stderr }).toEqual({
      code: 7,
      stderr: expect.stringMatching(/is the database .*|belongs to the database .*/),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test('errors and notes are none of its text', async () => {
    const { file } = await fresh();
    const before = readFileSync(file);
    expect(await inShell(file, `${DAYBOOK} export -o out.csv 2>> audit.db`)).toMatchObject({ code: 7, stdout: '' });
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(existsSync(path.join(path.dirname(file), 'out.csv'))).toBe(false);
  });
});

test.each(['/dev/stdout', '/dev/fd/1', '-'])('export -o %s still writes into a pipe', async (output) => {
  const { file } = await fresh();
  expect(await inShell(file, `${DAYBOOK} export --format ndjson -o ${output} | wc -l`)).toMatchObject({
    stdout: expect.stringMatching(new RegExp(`^\\s*${ENTRIES}\\n$`)),
  });
});

test('export -o >(…) and --manifest >(…) still write into what bash makes of them', async () => {
  const { file, directory } = await fresh();
  const line = `${DAYBOOK} export --format ndjson -o >(wc -l > lines) --manifest >(cat > manifest)`;
  expect(await inShell(file, `bash -c ${quote(line)}`)).toMatchObject({ code: 0 });
  const read = (name: string): string => readFileSync(path.join(directory, name), 'utf8');
  await until(
    () => existsSync(path.join(directory, 'lines')) && read('lines') !== '' && read('manifest') !== '',
    'both',
  );
  expect([Number(read('lines')), JSON.parse(read('manifest')).count]).toEqual([ENTRIES, ENTRIES]);
});

describe('a signal is heard while a pipe waits for its other end', () => {
  async function ended(running: RunningProgram): Promise<number | null> {
    const { code, signal } = await running.finished;
    return signal === null ? code : { SIGTERM: 143, SIGINT: 130 }[signal as 'SIGTERM' | 'SIGINT'];
  }

  /** Nothing tells that a program waits: by then it does. Killed before, it ends as well. */
  const LONG_MS = 1500;

  test.each([
    ['export --format ndjson -o pipe', 'SIGTERM'],
    ['export --format csv --gzip -o pipe', 'SIGINT'],
    ['export -o out.csv --manifest pipe', 'SIGTERM'],
    ['report actors --html pipe', 'SIGTERM'],
    ['record --stdin --rejects pipe', 'SIGTERM'],
    ['import csv source.csv --map action=a --rejects pipe', 'SIGINT'],
  ] as const)('%s, %s', async (words, signal) => {
    const { file, directory } = await fresh();
    execFileSync(MAKE_PIPE, [path.join(directory, 'pipe')]);
    writeFileSync(path.join(directory, 'source.csv'), 'a,b\nx,1\ny\n');
    const running = start(['--db', file, ...words.split(' ')], { cwd: directory });
    if (words.startsWith('record')) running.child.stdin.write('broken\n');
    if (words.includes('out.csv')) await until(() => existsSync(path.join(directory, 'out.csv')), 'the data');
    await sleep(LONG_MS);
    running.child.kill(signal);
    expect([130, 143]).toContain(await ended(running));
    expectSound(file);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('and while its reader does not read', async () => {
    const { file, directory } = await fresh();
    const pipe = path.join(directory, 'pipe');
    execFileSync(MAKE_PIPE, [pipe]);
    const reader = openSync(pipe, 'r+');
    const running = start(['--db', file, 'export', '--format', 'ndjson', '-o', pipe]);
    // Full by then.
    readSync(reader, Buffer.alloc(1));
    running.child.kill('SIGTERM');
    expect([130, 143]).toContain(await ended(running));
    closeSync(reader);
  });
});

describe('what SIGKILL left beside a target goes with the next output', () => {
  const unfinishedIn = (directory: string): string[] =>
    readdirSync(directory).filter((name) => /^\..*\.tmp/.test(name));

  /** A fast program may be through before it is killed: then another one is. */
  async function killedWhileWriting(
    words: readonly string[],
    input: string,
  ): Promise<Awaited<ReturnType<typeof fresh>>> {
    for (;;) {
      const { file, directory } = await fresh();
      const running = start(['--db', file, ...words], { cwd: directory });
      running.child.stdin.write(input);
      while (unfinishedIn(directory).length === 0 && running.child.exitCode === null) await sleep(0);
      running.child.kill('SIGKILL');
      await running.finished;
      if (unfinishedIn(directory).length > 0) return { file, directory };
    }
  }

  test.each([
    ['export -o out.ndjson', 'export -o out.ndjson', ''],
    ['export -o out.csv.gz', 'export -o out.csv.gz', ''],
    ['backup copy.db', 'backup copy.db', ''],
    ['clear --yes --archive-dir .', 'clear --yes --archive-dir .', ''],
    ['record --stdin --rejects bad', 'record --stdin --rejects bad', 'broken\n'],
    ['clear --yes --archive all.ndjson', 'export -o other.csv', ''],
  ])('%s, then %s', async (killed, next, input) => {
    const { file, directory } = await killedWhileWriting(killed.split(' '), input);
    const again = start(['--db', file, ...next.split(' ')], { cwd: directory });
    again.child.stdin.end(input);
    expect(await again.finished).toMatchObject({ code: 0 });
    expect(unfinishedIn(directory)).toEqual([]);
    expectSound(file);
  });

  test('what somebody is still writing stays', async () => {
    const { file, directory } = await fresh();
    const slow = start(['--db', file, 'record', '--stdin', '--rejects', 'bad'], { cwd: directory });
    slow.child.stdin.write('broken\n');
    const unfinished = (): string[] => readdirSync(directory).filter((name) => /^\.bad\..*\.tmp$/.test(name));
    await until(() => unfinished().length === 1, 'the file of rejects');
    expect(await run(['--db', file, 'export', '-o', 'bad'], { cwd: directory })).toMatchObject({ code: 2 });
    expect(await run(['--db', file, 'export', '--format', 'csv', '-o', 'bad'], { cwd: directory })).toMatchObject({
      code: 0,
    });
    expect(unfinished()).toHaveLength(1);
    slow.child.kill('SIGKILL');
    await slow.finished;
    expect(countEntries(file)).toBe(ENTRIES);
  });
});

describe('an output that cannot be written is told in one line', () => {
  test
    .skipIf(!existsSync('/dev/full'))
    .each([
      '--help',
      '--version',
      'export --help',
      'report actors --help',
      'completion bash',
      'history',
      'import --list',
    ])('daybook %s > /dev/full', async (words) => {
    const { file } = await fresh();
    expect(await inShell(file, `${DAYBOOK} ${words} > /dev/full`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^daybook: cannot write to standard output: ENOSPC[^\n]*\n$/),
    });
  });

  test.skipIf(!existsSync('/dev/full')).each([
    ['', 2],
    ['nonsense', 2],
    ['show 99999', 4],
  ])('daybook %s 2> /dev/full keeps its exit code', async (words, code) => {
    const { file } = await fresh();
    expect(await inShell(file, `${DAYBOOK} ${words} 2> /dev/full`)).toMatchObject({ code, stdout: '', stderr: '' });
  });
});
