import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { run, temporaryDirectory } from '../support/program.js';
import type { ProgramResult } from '../support/program.js';
import { runOther } from './other-programs.js';
import { copyTrail, makeTrail, otherFiles, randomness, sharedDirectory, timeOf } from './trail.js';

const ENTRIES = 3000;

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

const READING = [['count'], ['history', '-n', '5'], ['show', '17'], ['values', 'actor'], ['status'], ['export']];
const WRITING = [
  ['note', 'machine:1', 'a note'],
  ['record', '--action', 'login'],
  ['prune', '--before', timeOf(500), '--yes', '--archive', 'archive.ndjson'],
  ['retention', 'set', 'all', '--max-age', '90d'],
];
const FILES = [
  ['export', '-o', 'out.csv'],
  ['backup', 'copy.db'],
];

async function runIn(file: string, words: readonly string[]): Promise<ProgramResult> {
  const result = await run(['--db', file, ...words], { cwd: path.dirname(file) });
  // Whatever is wrong, it is told in a line or two and not in a stack trace.
  expect(result.stderr, words.join(' ')).not.toMatch(/unexpected|\n {4}at /);
  return result;
}

async function expectUnusable(file: string, message: string, commands: readonly (readonly string[])[]): Promise<void> {
  for (const words of commands) {
    const result = await runIn(file, words);
    expect(result, words.join(' ')).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr, words.join(' ')).toMatch(/^daybook: /);
    expect(result.stderr, words.join(' ')).toContain(message);
  }
}

describe('a file that is no database', () => {
  test('text: exit 4, and the file is as it was', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    const text = 'id,ts,action\n1,2026-01-01,login\n'.repeat(400);
    await writeFile(file, text);
    const commands = [...READING, ...WRITING, ...FILES, ['init'], ['init', '--alongside']];
    await expectUnusable(file, 'is not a SQLite database', commands);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(otherFiles(path.dirname(file))).toEqual([]);
  });

  test('a directory: exit 4', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    await mkdir(file);
    await expectUnusable(file, 'is a directory', [['history'], ['note', 'machine:1', 'x'], ['init']]);
    expect(statSync(file).isDirectory()).toBe(true);
  });

  test('a pipe: exit 4, and its mode is as it was', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect(await runOther('mkfifo', ['-m', '644', file])).toMatchObject({ code: 0 });
    await expectUnusable(file, 'is not a file', [['history'], ['note', 'machine:1', 'x'], ['init']]);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  test('nothing at all: exit 4, how to make one, and nothing made', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    const commands = [...READING, ...WRITING, ...FILES];
    await expectUnusable(file, `no database at ${file}\ntry: daybook --db ${file} init\n`, commands);
    expect(existsSync(file)).toBe(false);
  });

  test('a missing folder, and a file for a folder: exit 4', async () => {
    const directory = temporaryDirectory();
    await expectUnusable(path.join(directory, 'audit.db'), 'audit.db', [['--db', 'nowhere/audit.db', 'history']]);
    const missing = await run(['--db', 'nowhere/audit.db', 'init'], { cwd: directory });
    expect(missing).toMatchObject({ code: 4, stderr: 'daybook: the folder nowhere does not exist\n' });
    await writeFile(path.join(directory, 'file'), '');
    for (const words of [['history'], ['init'], ['note', 'machine:1', 'x']]) {
      const result = await run(['--db', 'file/audit.db', ...words], { cwd: directory });
      expect(result).toMatchObject({ code: 4, stdout: '' });
      expect(result.stderr).not.toContain('unexpected');
    }
  });

  test('an empty file holds no trail, and init makes one there', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    await writeFile(file, '', { mode: 0o644 });
    await expectUnusable(file, 'holds no daybook trail', [...READING, ...WRITING, ...FILES]);
    expect(await runIn(file, ['init'])).toMatchObject({ code: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await runIn(file, ['count'])).toMatchObject({ code: 0, stdout: '0\n' });
  });

  test('a newer schema than the program knows: exit 4, and nothing changed', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const newer = `INSERT INTO daybook_migrations VALUES (999, 'later', '2030-01-01T00:00:00.000Z');`;
    expect(await runOther('sqlite3', [file], newer)).toMatchObject({ code: 0 });
    await expectUnusable(file, 'use a newer daybook', [
      ...READING,
      ...WRITING,
      ...FILES,
      ['init'],
      ['init', '--alongside'],
    ]);
  });
});

describe('a damaged database', () => {
  test.each([
    ['half of it', 0.5],
    ['its first pages', 0.02],
  ])('cut to %s: exit 4', async (_name, share) => {
    const file = await copyTrail(template, temporaryDirectory());
    await truncate(file, Math.floor(statSync(file).size * share));
    await expectUnusable(file, 'is damaged', [...READING, ...WRITING, ...FILES, ['init']]);
    expect(otherFiles(path.dirname(file))).toEqual([]);
  });

  test.each([20, 100, 2000])('cut to %i bytes: exit 4', async (size) => {
    const file = await copyTrail(template, temporaryDirectory());
    await truncate(file, size);
    await expectUnusable(file, 'audit.db', [['history'], ['export'], ['record', '--action', 'login'], ['init']]);
    expect(statSync(file).size).toBe(size);
  });

  test('pages overwritten in the middle: what is damaged is told, and no file is left', async () => {
    const random = randomness('bad database: damaged pages');
    for (let round = 0; round < 4; round += 1) {
      const directory = temporaryDirectory();
      const file = await copyTrail(template, directory);
      const pages = statSync(file).size / 4096;
      const descriptor = openSync(file, 'r+');
      // From the table's pages on; the first ones hold the schema, which other tests spoil.
      for (let count = 0; count < 80; count += 1) {
        const page = 40 + Math.floor(random() * (pages - 40));
        const noise = Buffer.from(Array.from({ length: 4096 }, () => Math.floor(random() * 256)));
        writeSync(descriptor, noise, 0, 4096, page * 4096);
      }
      closeSync(descriptor);

      for (const words of [...READING, ...WRITING]) {
        const result = await runIn(file, words);
        expect([0, 4], words.join(' ')).toContain(result.code);
        if (result.code === 4) expect(result.stderr).toContain('audit.db is damaged');
      }
      const exported = await runIn(file, ['export', '-o', 'out.ndjson', '--checkpoint', 'siem']);
      expect(exported.code).toBe(4);
      const copied = await runIn(file, ['backup', 'copy.db']);
      expect(copied).toMatchObject({ code: 4, stderr: expect.stringContaining('audit.db is damaged') });
      expect(otherFiles(directory).filter((name) => name !== 'archive.ndjson')).toEqual([]);
    }
  }, 60_000);

  test('a page of the schema overwritten: exit 4', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Buffer.alloc(3996, 0x5a), 0, 3996, 100);
    closeSync(descriptor);
    await expectUnusable(file, 'audit.db', [...READING, ...WRITING, ...FILES, ['init']]);
    expect(otherFiles(path.dirname(file))).toEqual([]);
  });
});
