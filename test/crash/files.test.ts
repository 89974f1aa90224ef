import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'csv-parse/sync';
import { run, start, temporaryDirectory } from '../support/program.js';
import type { RunningProgram } from '../support/program.js';
import {
  column,
  copyTrail,
  countEntries,
  everything,
  expectSound,
  makeTrail,
  readLines,
  sharedDirectory,
  until,
  value,
  withDatabase,
} from '../end-to-end/trail.js';
import { ROUNDS, startRounds } from './rounds.js';

const ENTRIES = 8000;

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

/** Resolves once a file that belongs to this target is being written, or is in place. */
async function fileBegun(directory: string, name: string, running: RunningProgram): Promise<void> {
  const begun = async (): Promise<boolean> => (await readdir(directory)).some((file) => file.includes(name));
  let seen = false;
  const look = setInterval(() => void begun().then((there) => (seen ||= there)), 2);
  try {
    await until(() => seen || running.child.exitCode !== null, `a beginning of ${name}`);
  } finally {
    clearInterval(look);
  }
}

function numbersIn(file: string): number[] {
  if (!file.endsWith('.csv')) return readLines(file).map((entry) => entry.seq);
  const rows: { seq: string }[] = parse(readFileSync(file), { columns: true });
  return rows.map((row) => Number(row.seq));
}

function checkpointOf(file: string): number {
  return value<number | undefined>(file, 'SELECT seq FROM daybook_checkpoints') ?? 0;
}

describe('export -o killed at random', () => {
  test.each(['out.ndjson.gz', 'out.csv'])(
    '%s is whole or not there, and the checkpoint has not moved without it',
    async (name) => {
      const words = (file: string, directory: string): string[] => [
        '--db',
        file,
        'export',
        '--checkpoint',
        'siem',
        '-o',
        path.join(directory, name),
      ];
      const calm = temporaryDirectory();
      const measured = start(words(await copyTrail(template, calm), calm));
      await fileBegun(calm, name, measured);
      const began = performance.now();
      expect(await measured.finished).toMatchObject({ code: 0 });
      const rounds = startRounds(`export -o ${name}`, performance.now() - began);

      for (let round = 0; round < ROUNDS; round += 1) {
        const directory = temporaryDirectory();
        const file = await copyTrail(template, directory);
        const running = start(words(file, directory));
        await fileBegun(directory, name, running);
        await rounds.kill(running);

        expectSound(file);
        const target = path.join(directory, name);
        const whole = existsSync(target);
        if (whole) expect(numbersIn(target)).toEqual(Array.from({ length: ENTRIES }, (_, index) => index + 1));
        const moved = checkpointOf(file);
        expect([0, ENTRIES]).toContain(moved);
        if (moved > 0) expect(whole).toBe(true);

        // At least once, never a gap: the next export begins where the checkpoint stands.
        const next = path.join(directory, 'next.ndjson');
        expect(await run(['--db', file, 'export', '--checkpoint', 'siem', '-o', next])).toMatchObject({ code: 0 });
        expect(readLines(next).length).toBe(ENTRIES - moved);
      }
      rounds.tellHits();
    },
    120_000,
  );
});

test('backup killed at random: no file or a whole one, and the database is as it was', async () => {
  const calm = temporaryDirectory();
  const measured = start(['--db', await copyTrail(template, calm), 'backup', path.join(calm, 'copy.db')]);
  await fileBegun(calm, 'copy.db', measured);
  const began = performance.now();
  expect(await measured.finished).toMatchObject({ code: 0 });
  const rounds = startRounds('backup', performance.now() - began);

  for (let round = 0; round < ROUNDS; round += 1) {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const copy = path.join(directory, 'copy.db');
    const running = start(['--db', file, 'backup', copy]);
    await fileBegun(directory, 'copy.db', running);
    await rounds.kill(running);
    expectSound(file);
    expect(countEntries(file)).toBe(ENTRIES);
    if (existsSync(copy)) {
      expectSound(copy);
      expect(countEntries(copy)).toBe(ENTRIES);
    }
    const again = await run(['--db', file, 'backup', copy, '--force']);
    expect(again).toMatchObject({ code: 0 });
    expect(countEntries(copy)).toBe(ENTRIES);
  }
  rounds.tellHits();
}, 120_000);

describe('init killed at random', () => {
  test('a second run makes what the first one did not', async () => {
    const began = performance.now();
    expect(await run(['init'])).toMatchObject({ code: 0 });
    const rounds = startRounds('init', performance.now() - began);
    for (let round = 0; round < ROUNDS; round += 1) {
      const directory = temporaryDirectory();
      const running = start(['init'], { cwd: directory });
      await rounds.kill(running);
      expect(await run(['init'], { cwd: directory })).toMatchObject({ code: 0 });
      const file = path.join(directory, 'audit.db');
      expectSound(file);
      expect([value(file, 'PRAGMA auto_vacuum'), value(file, 'PRAGMA journal_mode')]).toEqual([2, 'wal']);
      expect(await run(['status', '--check'], { cwd: directory })).toMatchObject({ code: 0 });
      expect(await run(['count'], { cwd: directory })).toMatchObject({ code: 0, stdout: '0\n' });
    }
    rounds.tellHits();
  }, 60_000);

  test('killed between the settings of a new database and its journal mode', async () => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    withDatabase(file, (database) => database.pragma('auto_vacuum = INCREMENTAL'));
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    expect([value(file, 'PRAGMA auto_vacuum'), value(file, 'PRAGMA journal_mode')]).toEqual([2, 'wal']);
  });

  test('--alongside has added everything or nothing, and the application has what it had', async () => {
    const makeApplication = (file: string): void => {
      withDatabase(file, (database) =>
        database.exec(`CREATE TABLE settlements (id TEXT PRIMARY KEY, net INTEGER);
          INSERT INTO settlements VALUES ('s-1', 100), ('s-2', 250);`),
      );
    };
    const calm = path.join(temporaryDirectory(), 'app.db');
    makeApplication(calm);
    const began = performance.now();
    expect(await run(['--db', calm, 'init', '--alongside'])).toMatchObject({ code: 0 });
    const rounds = startRounds('init --alongside', performance.now() - began);
    const complete = objects(calm);

    for (let round = 0; round < ROUNDS; round += 1) {
      const file = path.join(temporaryDirectory(), 'app.db');
      makeApplication(file);
      await rounds.kill(start(['--db', file, 'init', '--alongside']));
      expectSound(file);
      expect([complete, []]).toContainEqual(objects(file));
      expect(column(file, `SELECT id || ' ' || net FROM settlements ORDER BY id`)).toEqual(['s-1 100', 's-2 250']);
      expect(value(file, 'PRAGMA journal_mode')).toBe('delete');
      expect(await run(['--db', file, 'init', '--alongside'])).toMatchObject({ code: 0 });
      expect(objects(file)).toEqual(complete);
      expect(everything(file)).toEqual([]);
    }
    rounds.tellHits();
  }, 60_000);
});

function objects(file: string): string[] {
  return column(file, `SELECT type || ' ' || name FROM sqlite_schema WHERE name LIKE 'daybook%' ORDER BY 1`);
}
