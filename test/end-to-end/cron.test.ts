import { readdirSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { gunzipSync } from 'node:zlib';
import { PROGRAM, run, temporaryDirectory } from '../support/program.js';
import { quote, shell } from './other-programs.js';
import type { OtherResult } from './other-programs.js';
import { copyTrail, countEntries, makeTrail, parseLines, sharedDirectory, value, withDatabase } from './trail.js';

const ENTRIES = 2000;

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

/** Runs the program with nothing at all in its environment, as `redirections` have it. */
async function bare(words: string, redirections = '<&-'): Promise<OtherResult> {
  return shell(`env -i ${quote(process.execPath)} ${quote(PROGRAM)} ${words} ${redirections}`, { cwd: '/' });
}

describe('an empty environment, with stdin closed', () => {
  test('the night of a trail: init, policy, record, prune with archive, status, export, backup', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const db = `--db ${quote(file)}`;
    const steps: [string, RegExp][] = [
      [`${db} init --quiet`, /^$/],
      [`${db} retention set all --max-age 1d --quiet`, /^$/],
      [`${db} --as cron record --action night --message begun`, /^2002\n$/],
      [`${db} --as cron prune --yes --quiet --archive-dir ${quote(directory)}`, /^deleted 2000 entries, 3 remain/],
      [`${db} status --check`, /entries +3\n/],
      [`${db} history --limit 1 --quiet`, /prune/],
      [`${db} export -o ${quote(path.join(directory, 'rest.csv'))} --quiet`, /^$/],
      [`${db} backup ${quote(path.join(directory, 'copy.db'))} --quiet`, /^$/],
    ];
    for (const [words, stdout] of steps) {
      const result = await bare(words);
      expect(result, words).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout, words).toMatch(stdout);
    }
    const archive = readdirSync(directory).find((name) => name.endsWith('.ndjson.gz')) ?? '';
    expect(parseLines(gunzipSync(readFileSync(path.join(directory, archive))).toString()).length).toBe(ENTRIES);
    expect(
      value<string>(file, `SELECT actor || ' ' || recorded_by FROM daybook_entries WHERE action = 'prune'`),
    ).toMatch(new RegExp(`^cron ${userInfo().username}@`));
  });

  test('nobody answers: a prune without --yes is refused with 7 and does not wait', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const result = await bare(`--db ${quote(file)} prune --before 2025`);
    expect(result).toMatchObject({ code: 7, stdout: '' });
    expect(result.stderr).toMatch(/nobody is there to be asked: nothing was deleted .*\ntry: daybook .*--dry-run/);
    expect(countEntries(file)).toBe(ENTRIES);
  });

  test('a note without a text does not wait for one, and opens no editor', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const result = await bare(`--db ${quote(file)} note machine:1`);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(/^daybook: /);
    expect(result.stderr).not.toMatch(/unexpected/);
    expect(countEntries(file)).toBe(ENTRIES);
  });

  test('record --stdin with no stdin records nothing', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const result = await bare(`--db ${quote(file)} record --stdin --format json`);
    expect(result).toMatchObject({ code: 0, stdout: '{"recorded":0,"skipped":0,"rejected":0}\n' });
  });

  test('the database of the current folder is not there: exit 4', async () => {
    expect(await bare('status --check')).toMatchObject({
      code: 4,
      stdout: '',
      stderr: 'daybook: no database at audit.db\ntry: daybook --db audit.db init\n',
    });
  });
});

describe('with stdout and stderr closed as well', () => {
  test.each(['>&-', '2>&-', '>&- 2>&-', '<&- >&- 2>&-'])('a prune with %s does its work', async (redirections) => {
    const file = await copyTrail(template, temporaryDirectory());
    await bare(`--db ${quote(file)} prune --before 2099 --yes`, redirections);
    expect(countEntries(file)).toBe(1);
    expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
    // Nothing that was meant for a screen has gone into the database, whose descriptor could have taken its place.
    withDatabase(file, (database) => expect(database.pragma('integrity_check', { simple: true })).toBe('ok'));
  });
});
