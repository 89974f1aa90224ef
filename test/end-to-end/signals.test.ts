import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM, run, start, temporaryDirectory } from '../support/program.js';
import { runOther, startOther } from './other-programs.js';
import { copyTrail, countEntries, makeTrail, otherFiles, sharedDirectory, until, value } from './trail.js';

const ENTRIES = 60_000;
/** So few are planned in no time. */
const FEW = 100;

const shared = sharedDirectory();
let template: string;
let small: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
  small = await makeTrail(shared, FEW);
}, 120_000);

const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

const isTemporary = (name: string): boolean => name.endsWith('.tmp');

describe.each(SIGNALS)('%s ends with %i', (signal, code) => {
  test.each([
    ['export', ['export', '-o', 'out.ndjson'], 'no export was written'],
    ['prune', ['prune', '--before', 'now', '--yes', '--archive', 'archive.ndjson'], 'nothing was deleted'],
    ['backup', ['backup', 'copy.db'], 'no copy was made'],
    ['report', ['report', 'case', 'machine:1', '--html', 'case.html'], 'no page was written'],
  ])('%s: its temporary file is gone', async (_name, words, told) => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    if (words[0] === 'report') {
      await runOther('sqlite3', [
        file,
        `INSERT INTO daybook_entries (action, entity_type, entity_id, message)
           SELECT 'x', 'machine', '1', 'one of many' FROM daybook_entries LIMIT 30000`,
      ]);
    }
    const running = start(['--db', file, ...words, '--quiet'], { cwd: directory });
    await until(() => readdirSync(directory).some(isTemporary), 'a temporary file');
    running.child.kill(signal);
    const ended = await running.finished;
    expect(ended).toMatchObject({ code, signal: null, stderr: `daybook: interrupted: ${told}\n` });
    expect(otherFiles(directory)).toEqual([]);
    const entries = await run(['--db', file, 'count']);
    expect(Number(entries.stdout)).toBeGreaterThanOrEqual(ENTRIES);
  });

  test('prune: what went is accounted for', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = start(['--db', file, 'prune', '--before', 'now', '--yes', '--quiet']);
    await until(() => countEntries(file) < ENTRIES, 'a batch that is deleted');
    running.child.kill(signal);
    // A shell passes on what it hears from its terminal, so that comes twice.
    if (signal === 'SIGHUP') running.child.kill(signal);
    const ended = await running.finished;
    expect(ended).toMatchObject({ code, signal: null });
    const told = /^daybook: interrupted: (\d+) of \d+ entries were deleted, and are accounted for\n$/.exec(
      ended.stderr,
    );
    expect(countEntries(file)).toBe(ENTRIES - Number(told?.[1]) + 1);
    expect(value(file, 'SELECT state FROM daybook_prunes')).toBe('cut_off');
    expect(value(file, 'SELECT deleted FROM daybook_prunes')).toBe(Number(told?.[1]));
  });

  test('record --stdin: what had arrived is recorded, and no file of rejects is left half written', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const running = start(['--db', file, 'record', '--stdin', '--ack', '--rejects', 'rejects.ndjson'], {
      cwd: directory,
    });
    running.child.stdin.write('{"action":"login"}\nnonsense\n');
    await running.waitForStderr(/line 2/);
    await running.waitForStdout(/"recorded": 1,/);
    running.child.kill(signal);
    expect(await running.finished).toMatchObject({ code, signal: null });
    expect(countEntries(file)).toBe(ENTRIES + 1);
    expect(readdirSync(directory).filter(isTemporary)).toEqual([]);
  });
});

/** Runs the program on a terminal, closes that once the trail has shrunk, and prints how the program ended. */
const ON_TERMINAL = `
import os, pty, sqlite3, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
file = sys.argv[4]
while sqlite3.connect(file).execute('SELECT count(*) FROM daybook_entries').fetchone()[0] >= ${ENTRIES}:
    time.sleep(0.01)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;

test('a terminal that is closed ends a prune in good order', async () => {
  const file = await copyTrail(template, temporaryDirectory());
  const words = [process.execPath, PROGRAM, '--db', file, 'prune', '--before', 'now', '--yes'];
  expect(await runOther('python3', ['-c', ON_TERMINAL, ...words])).toEqual({ code: 0, stdout: '-1\n', stderr: '' });
  const deleted = value(file, "SELECT deleted FROM daybook_prunes WHERE state = 'cut_off'");
  expect(countEntries(file)).toBe(ENTRIES - deleted + 1);
});

test('a signal ends an export whose pipe takes nothing more', async () => {
  const directory = temporaryDirectory();
  const file = await copyTrail(template, directory);
  expect(await runOther('mkfifo', [path.join(directory, 'pipe')])).toMatchObject({ code: 0 });
  const began = path.join(directory, 'began');
  // It opens the pipe, and never reads from it: what is written there is stuck, whatever the program means to do.
  const reader = runOther('sh', ['-c', `exec < pipe; : > began; until [ -e over ]; do sleep 0.01; done`], '', {
    cwd: directory,
  });
  const running = start(['--db', file, 'export', '-o', 'pipe', '--format', 'ndjson'], { cwd: directory });
  await until(() => existsSync(began), 'the pipe is open');
  await sleep(300);
  running.child.kill('SIGINT');
  expect(await running.finished).toMatchObject({ code: 130 });
  await runOther('touch', [path.join(directory, 'over')]);
  await reader;
});

/** Takes the write lock of a trail, once so many entries or fewer are left, and keeps it until it is killed. */
const LOCKING = `
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
while True:
    connection.execute('BEGIN IMMEDIATE')
    if connection.execute('SELECT count(*) FROM daybook_entries').fetchone()[0] <= int(sys.argv[2]):
        break
    connection.execute('ROLLBACK')
    time.sleep(0.01)
print('locked', flush=True)
time.sleep(60)`;

const LOCKING_READERS = `
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute('PRAGMA journal_mode = DELETE')
connection.execute('BEGIN EXCLUSIVE')
print('locked', flush=True)
time.sleep(60)`;

describe('where another program holds the lock', () => {
  test.each([
    ['record --stdin', ['record', '--stdin'], 'nothing was recorded'],
    ['record', ['record', '--action', 'login'], 'nothing was recorded'],
    ['revert', ['revert', '1', '--reason', 'a mistake'], 'nothing was recorded'],
    ['prune', ['prune', '--before', 'now', '--yes', '--quiet'], 'nothing was deleted'],
    ['retention set', ['retention', 'set', 'all', '--max-age', '90d'], 'nothing was changed'],
    ['actors import', ['actors', 'import', 'names.csv'], 'nothing was changed'],
    ['export --checkpoint', ['export', '--checkpoint', 'siem', '-o', 'out.csv'], 'the checkpoint is where it was'],
  ])('a signal ends the wait of %s', async (_name, words, told) => {
    const directory = temporaryDirectory();
    const file = await copyTrail(small, directory);
    writeFileSync(path.join(directory, 'names.csv'), 'id,name\nu-1,Ines\n');
    const locking = startOther('python3', ['-c', LOCKING, file, String(FEW)]);
    await until(() => locking.stdout() === 'locked\n', 'the lock');
    const running = start(['--db', file, '--busy-timeout', '60s', ...words], { cwd: directory });
    running.child.stdin.write('{"action":"login"}\n');
    await sleep(2500);
    running.child.kill('SIGTERM');
    const ended = await running.finished;
    expect(ended).toMatchObject({ code: 143, signal: null });
    expect(ended.stderr).toBe(`daybook: interrupted: ${file} is locked by another program; ${told}\n`);
    expect(locking.child.exitCode).toBe(null);
    expect(countEntries(file)).toBe(FEW);
    expect(otherFiles(directory)).toEqual(['names.csv']);
  });

  test.each([
    ['history', ['history']],
    ['status', ['status']],
    ['report', ['report', 'actors']],
    ['export', ['export', '-o', 'out.csv']],
  ])('a signal ends the wait of %s, which only reads', async (_name, words) => {
    const directory = temporaryDirectory();
    const file = await copyTrail(small, directory);
    // Without a log who writes keeps readers out.
    const locking = startOther('python3', ['-c', LOCKING_READERS, file]);
    await until(() => locking.stdout() === 'locked\n', 'the lock');
    const running = start(['--db', file, '--busy-timeout', '60s', ...words], { cwd: directory });
    await sleep(2500);
    running.child.kill('SIGTERM');
    expect(await running.finished).toMatchObject({
      code: 143,
      signal: null,
      stdout: '',
      stderr: `daybook: interrupted: ${file} is locked by another program\n`,
    });
    expect(otherFiles(directory)).toEqual([]);
  });

  test('a second signal ends at once what the first one cannot', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = start(['--db', file, '--busy-timeout', '60s', 'prune', '--before', 'now', '--yes', '--quiet']);
    const locking = startOther('python3', ['-c', LOCKING, file, String(ENTRIES - 1)]);
    await until(() => locking.stdout() === 'locked\n', 'the lock');
    await sleep(500);
    // It means to close its account, and waits for the lock to do that.
    running.child.kill('SIGTERM');
    await sleep(500);
    expect([running.child.exitCode, running.child.signalCode]).toEqual([null, null]);
    running.child.kill('SIGTERM');
    expect(await running.finished).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(locking.child.exitCode).toBe(null);
  });

  test('a lock that is given back in time is waited for', async () => {
    const file = await copyTrail(small, temporaryDirectory());
    const locking = startOther('python3', ['-c', LOCKING, file, String(FEW)]);
    await until(() => locking.stdout() === 'locked\n', 'the lock');
    const running = start(['--db', file, '--busy-timeout', '60s', 'record', '--action', 'login']);
    await sleep(1500);
    locking.child.kill('SIGKILL');
    expect(await running.finished).toMatchObject({ code: 0, stdout: `${FEW + 1}\n`, stderr: '' });
  });
});
