import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialize } from '../../src/store/sqlite/upkeep/initialize.js';
import { namesInTable } from '../../src/store/sqlite/names/index.js';
import { openSourceDatabase } from '../../src/store/sqlite/sources/source.js';
import { openSqlite } from '../../src/store/sqlite/index.js';
import { run, temporaryDirectory } from '../support/program.js';
import { ACTOR, NOW } from './trail.js';

const presence = { host: 'desk', pid: process.pid, lives: () => true };
const reader = { presence, interruptible: <T>(work: (signal: AbortSignal) => Promise<T>) => work(AbortSignal.any([])) };

/** Every way in which a name reaches the driver. */
const DOORS: Readonly<Record<string, (name: string) => unknown>> = {
  initialize: (name) => initialize({ path: name, alongside: true, busyTimeout: 0, clock: () => NOW, actor: ACTOR }),
  write: (name) => openSqlite({ path: name, readonly: false, busyTimeout: 0, clock: () => NOW, presence }),
  read: (name) => openSqlite({ path: name, readonly: true, busyTimeout: 0, clock: () => NOW, presence }),
  source: (name) => openSourceDatabase({ path: name, table: 't', busyTimeout: 0 }),
  names: (name) =>
    namesInTable({ path: name, busyTimeout: 0 }, { table: 't', id: 'a', name: 'a', email: null }, reader).next(),
};

const BLANKS = ' \t\n\v\f\r\u00a0\u1680\u2000\u2028\u2029\u202f\u205f\u3000\ufeff';

const MISREAD = [
  '',
  ':memory:',
  'file:x',
  'file:x?mode=ro',
  'file:///x',
  'caf\ufffd.db',
  '\ud800.db',
  'x\0y',
  ...[...BLANKS].flatMap((blank) => [`${blank}x.db`, `x.db${blank}`, `${blank}`]),
];

test.each(Object.keys(DOORS))('%s refuses a name that would be read as another file, and makes none', async (door) => {
  const before = readdirSync('.');
  for (const name of MISREAD) {
    const opening = async (): Promise<unknown> => DOORS[door]?.(name);
    await expect(opening(), JSON.stringify(name)).rejects.toMatchObject({ kind: 'usage' });
  }
  expect(readdirSync('.')).toEqual(before);
});

test.each(Object.keys(DOORS))('%s refuses what belongs to a database, whether it is there or not', async (door) => {
  const directory = temporaryDirectory();
  const database = path.join(directory, 'app.db');
  writeFileSync(database, '');
  writeFileSync(`${database}-wal`, '');
  for (const name of ['-wal', '-shm', '-journal'].map((companion) => `${database}${companion}`)) {
    const opening = async (): Promise<unknown> => DOORS[door]?.(name);
    await expect(opening(), name).rejects.toMatchObject({ kind: 'usage' });
  }
  expect(readdirSync(directory)).toEqual(['app.db', 'app.db-wal']);
});

test('a blank in front goes behind ./, as the message says', () => {
  const opened = (name: string): unknown => DOORS['initialize']?.(name);
  expect(() => opened(' x.db')).toThrow('(./ x.db is the file)');
  expect(() => opened('x.db ')).toThrow(/names another file$/);
});

test('any other name is that of the file', () => {
  const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const odd = fc.constantFrom(' x', 'x ', ':memory:', 'file:x', '?', 'x?mode=memory', '%20', '#', '-', '.x', "'", '"');
  fc.assert(
    fc.property(fc.oneof(part, odd), (name) => {
      if (name.includes('/') || name.includes('\0') || name === '.' || name === '..') return;
      const directory = temporaryDirectory();
      const file = path.join(directory, name);
      try {
        DOORS['initialize']?.(file);
      } catch (error) {
        // Refused, and nothing was made under any name.
        expect(error).toMatchObject({ kind: 'usage' });
        expect(file === file.trim() && !file.includes('\ufffd'), JSON.stringify(name)).toBe(false);
        expect(readdirSync(directory)).toEqual([]);
        return;
      }
      expect(readdirSync(directory)).toEqual([name]);
    }),
    { numRuns: 60 },
  );
});

test('a backup goes into the folder that is named, blanks and all', async () => {
  const cwd = temporaryDirectory();
  for (const folder of [' d', 'd']) mkdirSync(path.join(cwd, folder));
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  expect(await run(['backup', ' d/copy.db'], { cwd })).toMatchObject({ code: 0 });
  expect(readdirSync(path.join(cwd, ' d'))).toEqual(['copy.db']);
  expect(readdirSync(path.join(cwd, 'd'))).toEqual([]);
});
