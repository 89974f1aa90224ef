import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { PROGRAM, run, runWithStdin, temporaryDirectory } from '../support/program.js';
import { quote, shell } from './other-programs.js';
import {
  column,
  copyTrail,
  countEntries,
  everything,
  expectSound,
  makeTrail,
  otherFiles,
  sharedDirectory,
  tell,
  timeOf,
} from './trail.js';

const ENTRIES = 3000;

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

/** Runs a program of the system, which must end with 0. */
function system(command: string, ...words: string[]): void {
  execFileSync(command, words, { stdio: 'pipe' });
}

/** Why no file system can be mounted here; undefined where one can. */
function mountProblem(): string | undefined {
  const place = mkdtempSync(path.join(tmpdir(), 'daybook-mount-'));
  try {
    system('mount', '-t', 'tmpfs', '-o', 'size=64k', 'daybook-test', place);
    system('umount', place);
    return undefined;
  } catch (error) {
    return String((error as { stderr?: Buffer }).stderr ?? error).trim();
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const unmountable = mountProblem();
if (unmountable !== undefined) tell(`full disk and read-only folder: skipped, mounting does not work: ${unmountable}`);

/** A directory on a file system of its own, of this size. Gone after the test. */
function smallDisk(kibibytes: number): string {
  const place = path.join(temporaryDirectory(), 'disk');
  mkdirSync(place);
  system('mount', '-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'daybook-test', place);
  onTestFinished(() => system('umount', '--lazy', place));
  return place;
}

function remountReadOnly(place: string): void {
  system('mount', '-o', 'remount,ro', place);
}

const lines = (count: number): string =>
  Array.from(
    { length: count },
    (_, index) => `${JSON.stringify({ id: `line-${index + 1}`, action: 'login', message: 'x'.repeat(300) })}\n`,
  ).join('');

/** Expects what was acknowledged to be there, in order, and nothing of a line that was not. */
function expectAcknowledged(file: string, stdout: string): void {
  const acked = stdout.trimEnd().split('\n').at(-1) ?? '';
  const { recorded } = acked === '' ? { recorded: 0 } : (JSON.parse(acked) as { recorded: number });
  expectSound(file);
  const ids = column(file, `SELECT id FROM daybook_entries WHERE id LIKE 'line-%' ORDER BY seq`);
  expect(ids).toEqual(Array.from({ length: recorded }, (_, index) => `line-${index + 1}`));
}

describe.skipIf(unmountable !== undefined)('a full disk', () => {
  test.each([
    ['an import that sorts', []],
    ['a rehearsal', ['--dry-run']],
  ])('for temporary files ends %s before anything is recorded', async (_name, mode) => {
    const directory = temporaryDirectory();
    const file = path.join(directory, 'audit.db');
    const source = path.join(directory, 'lines.ndjson');
    writeFileSync(source, lines(20_000).replaceAll('"action"', '"ts":"2026-03-05T14:07:01Z","action"'));
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    const maps = ['id=id', 'ts=ts', 'action=action', 'message=message'].flatMap((one) => ['--map', one]);
    const command = ['--db', file, 'import', 'ndjson', source, ...maps, ...mode];
    expect(await run(command, { env: { TMPDIR: smallDisk(512) } })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^daybook: a temporary file cannot be written .*full.*TMPDIR/) as string,
    });
    expect(column(file, 'SELECT count(*) FROM daybook_entries')).toEqual([0]);
    expect(await run(command)).toMatchObject({ code: 0 });
  });

  test('record --stdin fails, and what it acknowledged is there', async () => {
    const disk = smallDisk(2048);
    const file = path.join(disk, 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    const result = await runWithStdin(['--db', file, 'record', '--stdin', '--ack'], lines(20_000));
    expect(result.code).toBe(1);
    const recorded = countEntries(file);
    expect(result.stderr).toMatch(
      new RegExp(`^daybook: .*full.*; recorded ${recorded} entries, up to line ${recorded}\n$`),
    );
    expect(result.stdout).not.toBe('');
    expectAcknowledged(file, result.stdout);
    // Reading goes on, and one more entry fails as well, or fits.
    expect(await run(['--db', file, 'history', '-n', '1'])).toMatchObject({ code: 0 });
    const one = await run(['--db', file, 'note', 'machine:1', 'x'.repeat(5000)]);
    expect([0, 1]).toContain(one.code);
    expectSound(file);
  });

  test('export, backup and archive fail, leave no file, and nothing was deleted', async () => {
    const disk = smallDisk(256);
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const before = everything(file);
    const target = (name: string): string => path.join(disk, name);
    const commands = [
      ['export', '-o', target('out.ndjson')],
      ['export', '-o', target('out.csv'), '--checkpoint', 'siem'],
      ['backup', target('copy.db')],
      ['prune', '--before', timeOf(2000), '--yes', '--archive', target('archive.ndjson')],
    ];
    for (const words of commands) {
      const result = await run(['--db', file, ...words]);
      expect(result, words.join(' ')).toMatchObject({ code: 1, stdout: '' });
      expect(result.stderr, words.join(' ')).toMatch(/^daybook: .*full/m);
      // It is not the database that has no room.
      expect(result.stderr, words.join(' ')).not.toContain(file);
      if (words[0] === 'prune') expect(result.stderr).toMatch(/; nothing was deleted\n$/);
      expect(otherFiles(disk), words.join(' ')).toEqual([]);
    }
    expect(everything(file)).toEqual(before);
    expect(column(file, 'SELECT seq FROM daybook_checkpoints')).toEqual([0]);
    expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
  });

  test('a manifest that does not fit: the checkpoint stays', async () => {
    const disk = smallDisk(64);
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    writeFileSync(path.join(disk, 'filler'), Buffer.alloc(64 * 1024));
    const words = ['export', '--checkpoint', 'siem', '-o', 'out.ndjson', '--manifest', path.join(disk, 'm.json')];
    const result = await run(['--db', file, ...words], { cwd: directory });
    expect(result).toMatchObject({ code: 1 });
    expect(otherFiles(disk)).toEqual(['filler']);
    expect(column(file, 'SELECT seq FROM daybook_checkpoints')).toEqual([0]);
  });

  test('a prune that has no room for its own account deletes nothing, and runs once there is room', async () => {
    const disk = smallDisk(8192);
    const file = path.join(disk, 'audit.db');
    copyFileSync(template, file);
    writeFileSync(path.join(disk, 'filler'), Buffer.alloc(0));
    system('sh', '-c', `cat /dev/zero > ${quote(path.join(disk, 'filler'))} 2>/dev/null || true`);
    const full = await run(['--db', file, 'prune', '--before', timeOf(2000), '--yes']);
    expect(full).toMatchObject({ code: 1, stdout: '' });
    expect(full.stderr).toMatch(/; nothing was deleted\n$/);
    rmSync(path.join(disk, 'filler'));
    expectSound(file);
    expect(countEntries(file)).toBe(ENTRIES);
    const again = await run(['--db', file, 'prune', '--before', timeOf(2001), '--yes', '--format', 'json']);
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({ deleted: 2000, remaining: 1001 });
  });

  test('is told by status before it is full, and not where there is room', async () => {
    const low = path.join(smallDisk(3072), 'audit.db');
    expect(await run(['--db', low, 'init'])).toMatchObject({ code: 0 });
    expect(await run(['--db', low, 'status', '--check'])).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^problem disk_low /m) as string,
    });
    expect(await run(['--db', low, 'status', '--check', '--format', 'nagios'])).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^DAYBOOK WARNING - disk_low \| .*disk_free=[1-9]\d*B/) as string,
    });
  });

  test('for the copy of a deep look leaves nothing there, and says which folder it is', async () => {
    const disk = smallDisk(512);
    const file = await copyTrail(template, temporaryDirectory());
    const words = ['--db', file, 'status', '--check', '--deep'];
    expect(await run(words, { env: { TMPDIR: disk } })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^daybook: the copy to be checked cannot be made .*full.*TMPDIR/) as string,
    });
    expect(readdirSync(disk)).toEqual([]);
    expect(await run([...words, '--format', 'nagios'], { env: { TMPDIR: disk } })).toMatchObject({ code: 3 });
    expect(await run(words, { env: { TMPDIR: smallDisk(16384) } })).toMatchObject({ code: 0 });
  });

  test('init leaves nothing behind', async () => {
    const disk = smallDisk(64);
    writeFileSync(path.join(disk, 'filler'), Buffer.alloc(64 * 1024 - 4096));
    const result = await run(['--db', path.join(disk, 'audit.db'), 'init']);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(readdirSync(disk)).toEqual(['filler']);
  });
});

describe('a limit on the size of files', () => {
  const daybook = `${quote(process.execPath)} ${quote(PROGRAM)}`;

  test('record --stdin fails, and what it acknowledged is there', async () => {
    const directory = temporaryDirectory();
    const file = path.join(directory, 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    writeFileSync(path.join(directory, 'lines'), lines(10_000));
    // 2 MiB or 1 MiB: shells count in different blocks.
    const limited = await shell(`ulimit -f 2048; exec ${daybook} record --stdin --ack < lines`, {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: directory },
    });
    expect(limited.code).toBe(1);
    expect(limited.stderr).toMatch(/^daybook: /m);
    expect(limited.stderr).not.toMatch(/unexpected/);
    expect(limited.stdout).not.toBe('');
    expectAcknowledged(file, limited.stdout);
  });

  test('export and backup fail and leave no file', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    for (const words of ['export -o out.ndjson', 'backup copy.db', `prune --before 2025 --yes --archive a.ndjson`]) {
      const limited = await shell(`ulimit -f 256; exec ${daybook} ${words}`, {
        cwd: directory,
        env: { PATH: process.env['PATH'], HOME: directory },
      });
      expect(limited.code, words).toBe(1);
      expect(limited.stderr, words).toMatch(/^daybook: /m);
      expect(limited.stderr, words).not.toMatch(/unexpected/);
      expect(otherFiles(directory), words).toEqual([]);
    }
    expect(countEntries(file)).toBe(ENTRIES);
  });
});

describe.skipIf(unmountable !== undefined)('a read-only folder', () => {
  test.each(['wal', 'delete'])('with a database in journal mode %s', async (mode) => {
    const disk = smallDisk(8192);
    const file = path.join(disk, 'audit.db');
    copyFileSync(template, file);
    system('sqlite3', file, `PRAGMA journal_mode = ${mode}`);
    remountReadOnly(disk);
    const temporary = temporaryDirectory();
    const reading = await Promise.all(
      [['count'], ['history', '-n', '1'], ['status'], ['backup', path.join(temporaryDirectory(), 'copy.db')]].map(
        (words) => run(['--db', file, ...words], { env: { TMPDIR: temporary } }),
      ),
    );
    for (const result of reading) expect(result).toMatchObject({ code: 0 });
    expect(readdirSync(temporary)).toEqual([]);
    if (mode === 'wal') {
      const small = await run(['--db', file, 'count'], { env: { TMPDIR: smallDisk(64) } });
      expect(small).toMatchObject({ code: 1, stdout: '' });
      expect(small.stderr).toMatch(/can only be read from a private copy here.*bytes.*free.*TMPDIR/);
    }
    for (const words of [
      ['note', 'machine:1', 'x'],
      ['prune', '--before', '2025', '--yes'],
    ]) {
      const result = await run(['--db', file, ...words]);
      expect([1, 4], words.join(' ')).toContain(result.code);
      expect(result.stderr, words.join(' ')).toMatch(/^daybook: .*(?:cannot be opened|cannot be written)/m);
      expect(result.stderr).not.toMatch(/unexpected/);
    }
    const made = await run(['--db', path.join(disk, 'new.db'), 'init']);
    expect(made).toMatchObject({ code: 1, stdout: '' });
    expect(made.stderr).toMatch(/^daybook: .*new\.db cannot be created/);
  });

  test('export into it fails with what is wrong', async () => {
    const disk = smallDisk(64);
    remountReadOnly(disk);
    const file = await copyTrail(template, temporaryDirectory());
    const result = await run(['--db', file, 'export', '-o', path.join(disk, 'out.csv')]);
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^daybook: .*out\.csv could not be written: .*read-only/);
  });
});
