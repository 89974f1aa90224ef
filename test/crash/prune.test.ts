import { existsSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test, beforeAll } from 'vitest';
import { run, start, temporaryDirectory } from '../support/program.js';
import type { RunningProgram } from '../support/program.js';
import {
  column,
  copyTrail,
  countEntries,
  expectSound,
  makeTrail,
  readLines,
  sharedDirectory,
  timeOf,
  until,
  value,
  withDatabase,
} from '../end-to-end/trail.js';
import { ROUNDS, startRounds } from './rounds.js';

const ENTRIES = 12_000;
const DOOMED = 10_000;
const PRUNE = ['prune', '--before', timeOf(DOOMED + 1), '--yes', '--reason', 'more than the law asks'];

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

interface Account {
  readonly state: 'open' | 'done' | 'cut_off';
  readonly deleted: number;
  readonly entry: number | null;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
}

function lastAccount(file: string): Account | undefined {
  return withDatabase(file, (database) =>
    database
      .prepare<[], Account>(
        'SELECT state, deleted, entry, first_seq, last_seq FROM daybook_prunes ORDER BY prune DESC LIMIT 1',
      )
      .get(),
  );
}

/** Resolves once the prune has its lease. */
async function atWork(file: string, running: RunningProgram): Promise<void> {
  await withWatch(file, (look) => until(() => look() || running.child.exitCode !== null, 'an open prune'));
}

async function withWatch(file: string, wait: (look: () => boolean) => Promise<void>): Promise<void> {
  const watch = new Database(file, { readonly: true });
  try {
    const accounts = watch.prepare<[], number>('SELECT count(*) FROM daybook_prunes').pluck();
    await wait(() => (accounts.get() ?? 0) > 0);
  } finally {
    watch.close();
  }
}

/** How long a prune is at work when nobody kills it. */
async function spanOf(words: readonly string[]): Promise<number> {
  const file = await copyTrail(template, temporaryDirectory());
  const running = start(['--db', file, ...words]);
  await atWork(file, running);
  const began = performance.now();
  expect(await running.finished).toMatchObject({ code: 0 });
  return performance.now() - began;
}

/** What holds after a prune was killed, whenever that was. Gives the entries that went. */
async function expectAccountedFor(file: string): Promise<number> {
  expectSound(file);
  const account = lastAccount(file);
  expect(account).toBeDefined();
  if (account === undefined) return 0;
  const made = column<number>(file, `SELECT seq FROM daybook_entries WHERE id LIKE 'made-%' ORDER BY seq`);
  const gone = ENTRIES - made.length;
  // Whole batches: each has changed the trail and its account together, oldest first.
  expect(account.deleted).toBe(gone);
  expect(made).toEqual(Array.from({ length: ENTRIES - gone }, (_, index) => gone + index + 1));
  expect([account.first_seq, account.last_seq]).toEqual(gone === 0 ? [null, null] : [1, gone]);
  if (account.state !== 'open') return gone;

  const before = await run(['--db', file, 'status', '--check', '--format', 'json']);
  expect(before.code).toBe(3);
  const { problems } = JSON.parse(before.stdout) as { problems: { code: string; message: string }[] };
  expect(problems.map((problem) => problem.code)).toEqual(['prune_cut_off']);
  expect(problems[0]?.message).toContain(`cut off after ${gone} entries`);
  // Looking writes nothing.
  expect(lastAccount(file)).toEqual(account);

  expect(await run(['--db', file, 'note', 'machine:1', 'the night was short'])).toMatchObject({ code: 0 });
  const settled = lastAccount(file);
  expect(settled?.state).toBe('cut_off');
  if (gone > 0) {
    const shown = await run(['--db', file, 'show', String(settled?.entry), '--format', 'json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      action: 'prune',
      category: 'system',
      severity: 'warning',
      metadata: { state: 'cut_off', deleted: gone, first_seq: 1, last_seq: gone, reason: 'more than the law asks' },
    });
  }
  const entries = column(file, `SELECT action FROM daybook_entries WHERE id NOT LIKE 'made-%' ORDER BY seq`);
  // What is settled comes before what settled it.
  expect(entries).toEqual(gone > 0 ? ['prune', 'note'] : ['note']);
  expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
  return gone;
}

/** A next run takes what is left of what was due, and no more. */
async function expectNextRunFinishes(file: string, gone: number, words: readonly string[]): Promise<void> {
  const next = await run(['--db', file, ...words, '--format', 'json']);
  expect(next).toMatchObject({ code: 0 });
  expect(JSON.parse(next.stdout)).toMatchObject({ deleted: DOOMED - gone });
  expect(column<number>(file, `SELECT seq FROM daybook_entries WHERE id LIKE 'made-%' ORDER BY seq`)).toEqual(
    Array.from({ length: ENTRIES - DOOMED }, (_, index) => DOOMED + index + 1),
  );
  const told = value(
    file,
    `SELECT sum(metadata ->> 'deleted') FROM daybook_entries WHERE action = 'prune' AND category = 'system'`,
  );
  expect(told).toBe(DOOMED);
  expect(countEntries(file)).toBe(
    ENTRIES - DOOMED + value(file, `SELECT count(*) FROM daybook_entries WHERE id NOT LIKE 'made-%'`),
  );
  expectSound(file);
}

describe('prune killed at random', () => {
  test('whole batches, an account of what went, and a next run that finishes', async () => {
    const rounds = startRounds('prune', await spanOf(PRUNE));
    for (let round = 0; round < ROUNDS; round += 1) {
      const file = await copyTrail(template, temporaryDirectory());
      const running = start(['--db', file, ...PRUNE]);
      await atWork(file, running);
      await rounds.kill(running);
      const gone = await expectAccountedFor(file);
      expect(gone).toBeLessThanOrEqual(DOOMED);
      await expectNextRunFinishes(file, gone, PRUNE);
    }
    rounds.tellHits();
  }, 120_000);

  test.each(['archive.ndjson', 'archive.ndjson.gz'])(
    '%s is whole or not there, and holds all that went',
    async (name) => {
      const archive = (directory: string, prefix: string): string[] => [
        '--archive',
        path.join(directory, `${prefix}-${name}`),
      ];
      const rounds = startRounds(
        `prune --archive ${name}`,
        await spanOf([...PRUNE, ...archive(temporaryDirectory(), 'calm')]),
      );
      for (let round = 0; round < ROUNDS / 2; round += 1) {
        const directory = temporaryDirectory();
        const file = await copyTrail(template, directory);
        const running = start(['--db', file, ...PRUNE, ...archive(directory, 'first')]);
        await atWork(file, running);
        await rounds.kill(running);
        const gone = await expectAccountedFor(file);
        const first = path.join(directory, `first-${name}`);
        if (existsSync(first)) {
          const seqs = readLines(first).map((entry) => entry.seq);
          expect(seqs).toEqual(Array.from({ length: DOOMED }, (_, index) => index + 1));
        } else {
          expect(gone).toBe(0);
        }
        await expectNextRunFinishes(file, gone, [...PRUNE, ...archive(directory, 'second')]);
        const second = path.join(directory, `second-${name}`);
        expect(existsSync(second) ? readLines(second).length : 0).toBe(DOOMED - gone);
      }
      rounds.tellHits();
    },
    120_000,
  );
});
