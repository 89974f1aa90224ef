import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { run, runWithStdin, start, temporaryDirectory } from '../support/program.js';
import type { ProgramResult } from '../support/program.js';
import { startPlainWriter } from './other-programs.js';
import {
  column,
  copyTrail,
  countEntries,
  everything,
  expectSound,
  exported,
  makeTrail,
  parseLines,
  readLines,
  sharedDirectory,
  tell,
  timeOf,
  until,
  value,
  withDatabase,
} from './trail.js';

const ENTRIES = 20_000;
const DOOMED = 15_000;
const PRUNE = ['prune', '--before', timeOf(DOOMED + 1), '--yes', '--format', 'json'];

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

interface Harvest {
  readonly ids: Set<string>;
  /** How many entries the exports said that a prune took before they saw them. */
  missed: number;
  readonly ended: number[];
}

/** Exports what is new into a file, and checks that it is complete or says that it is not. */
async function harvest(file: string, target: string, into: Harvest): Promise<void> {
  const result = await run(['--db', file, 'export', '--checkpoint', 'siem', '-o', target]);
  into.ended.push(result.code ?? -1);
  if (result.code === 1) {
    expect(result.stderr).toMatch(/pruned while this export ran: it is not complete/);
    expect(existsSync(target)).toBe(false);
    return;
  }
  expect([0, 3]).toContain(result.code);
  if (result.code === 3) into.missed += Number(/(\d+) entr(?:y was|ies were) pruned before/.exec(result.stderr)?.[1]);
  const told = Number(/exported (\d+) entr/.exec(result.stderr)?.[1]);
  const entries = readLines(target);
  expect(entries.length).toBe(told);
  for (const entry of entries) {
    // By order of recording, each once.
    expect(into.ids.has(entry.id)).toBe(false);
    into.ids.add(entry.id);
  }
}

/** Writes lines into a `record --stdin` as an application would: a few, then a pause. */
async function recordSlowly(
  file: string,
  prefix: string,
  end: Promise<unknown>,
): Promise<{ lines: number; result: ProgramResult }> {
  const running = start(['--db', file, 'record', '--stdin', '--ack']);
  let over = false;
  void end.then(() => (over = true));
  let lines = 0;
  while (!over || lines < 100) {
    for (let index = 0; index < 20; index += 1) {
      lines += 1;
      running.child.stdin.write(
        `${JSON.stringify({ id: `${prefix}-${lines}`, action: 'login', category: 'auth', actor: 'ana' })}\n`,
      );
    }
    await sleep(20);
  }
  running.child.stdin.end();
  return { lines, result: await running.finished };
}

describe('a writer, a prune, exports, record --stdin and history --follow at once', () => {
  test('no entry is lost, and exports are complete or say so', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const follower = start(['--db', file, 'history', '--follow', '--limit', '1', '--format', 'ndjson']);
    await follower.waitForStdout(/\n/);
    const writer = await startPlainWriter(file, 'app');
    const gathered: Harvest = { ids: new Set(), missed: 0, ended: [] };
    let exports = 0;
    const exportOnce = (): Promise<void> =>
      harvest(file, path.join(directory, `export-${(exports += 1)}.ndjson`), gathered);

    const pruned = (async () => {
      await sleep(300);
      return run(['--db', file, ...PRUNE]);
    })();
    const recorded = recordSlowly(file, 'line', pruned);
    let working = true;
    const exporting = (async () => {
      while (working) await exportOnce();
    })();
    const prune = await pruned;
    const record = await recorded;
    working = false;
    await exporting;
    const plain = await writer.stop();
    await exportOnce();

    expect(prune).toMatchObject({ code: 0 });
    const { deleted, longest_lock_ms: longestLock } = JSON.parse(prune.stdout) as {
      deleted: number;
      longest_lock_ms: number;
    };
    expect(deleted).toBe(DOOMED);
    expect(record.result).toMatchObject({ code: 0 });
    expect(plain.failed).toBe(0);
    expectSound(file);

    // Nobody's entries are lost, and nobody else's went with the prune.
    const ids = column(file, 'SELECT id FROM daybook_entries ORDER BY seq');
    const wanted = [
      ...Array.from({ length: ENTRIES - DOOMED }, (_, index) => `made-${DOOMED + index + 1}`),
      ...Array.from({ length: plain.written }, (_, index) => `app-${index + 1}`),
      ...Array.from({ length: record.lines }, (_, index) => `line-${index + 1}`),
    ];
    expect(ids.filter((id) => /^(?:made|app|line)-/.test(id)).toSorted()).toEqual(wanted.toSorted());
    // The prune's own entry is all that came besides.
    expect(ids.length).toBe(wanted.length + 1);

    // What is in the database was exported, and of what went each was exported or told of.
    expect(ids.filter((id) => !gathered.ids.has(id))).toEqual([]);
    const unseen = Array.from({ length: DOOMED }, (_, index) => `made-${index + 1}`).filter(
      (id) => !gathered.ids.has(id),
    );
    expect(gathered.missed).toBe(unseen.length);

    // The follower has shown whatever was recorded from then on, in the order of recording, each once.
    const last = ids.at(-1) ?? '';
    await follower.waitForStdout(new RegExp(`"id":"${last}"`));
    follower.child.kill('SIGINT');
    const shown = await follower.finished;
    expect(shown).toMatchObject({ code: 130, stderr: '' });
    const followed = parseLines(shown.stdout).map((entry) => entry.id);
    expect(followed.slice(1)).toEqual(ids.filter((id) => !id.startsWith('made-')));

    tell(
      `contention: ${plain.written} plain, ${record.lines} lines, ${exports} exports ended ${gathered.ended.join(' ')}, ${gathered.missed} missed and told`,
    );
    tell(
      `contention: the plain writer waited ${plain.longest.toFixed(1)} ms at most, ${plain.median.toFixed(1)} ms in the middle; longest lock of the prune ${longestLock} ms`,
    );
  }, 60_000);

  test('a plain writer hardly waits for a prune', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const writer = await startPlainWriter(file, 'app');
    const prune = await run(['--db', file, ...PRUNE]);
    const plain = await writer.stop();
    expect(prune).toMatchObject({ code: 0 });
    expect(plain.failed).toBe(0);
    expect(countEntries(file)).toBe(ENTRIES - DOOMED + plain.written + 1);
    tell(
      `contention: beside a prune of ${DOOMED}, ${plain.written} plain inserts waited ${plain.longest.toFixed(1)} ms at most, ${plain.median.toFixed(1)} ms in the middle`,
    );
    // A machine that does other things as well is no ruler: this is far from what one long transaction would cost.
    expect(plain.longest).toBeLessThan(1500);
  }, 60_000);

  test.each([0, 150, 300])(
    'an export begun %i ms after a prune is complete, or fails and leaves nothing',
    async (delay) => {
      const directory = temporaryDirectory();
      const file = await copyTrail(template, directory);
      const target = path.join(directory, 'all.csv');
      const pruned = run(['--db', file, ...PRUNE]);
      await sleep(delay);
      const result = await run(['--db', file, 'export', '-o', target, '--columns', 'seq,message']);
      expect(await pruned).toMatchObject({ code: 0 });
      if (result.code === 1) {
        expect(result.stderr).toMatch(/^daybook: \d+ of \d+ entr.* pruned while this export ran/);
        expect(existsSync(target)).toBe(false);
      } else {
        expect(result).toMatchObject({ code: 0 });
        const lines = readFileSync(target, 'utf8').split('\n').length - 2;
        expect(result.stderr).toMatch(new RegExp(`^exported ${lines} entr`));
      }
    },
  );

  test('a checkpoint that a prune overtakes tells of every entry that it never saw', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    // A checkpoint that has seen a quarter of the trail.
    await harvest(file, path.join(directory, 'before.ndjson'), { ids: new Set(), missed: 0, ended: [] });
    withDatabase(file, (database) => database.exec('UPDATE daybook_checkpoints SET seq = 5000'));
    const gathered: Harvest = { ids: new Set(), missed: 0, ended: [] };
    const pruned = run(['--db', file, ...PRUNE]);
    // Oldest first: from here on it takes what the checkpoint has not seen.
    const gone = `SELECT coalesce(max(deleted), 0) FROM daybook_prunes`;
    await until(() => value(file, gone) > 5000, 'a prune that is under way');
    for (let number = 1; number <= 3; number += 1) {
      await harvest(file, path.join(directory, `export-${number}.ndjson`), gathered);
    }
    expect(await pruned).toMatchObject({ code: 0 });
    await harvest(file, path.join(directory, 'after.ndjson'), gathered);
    const ids = column(file, 'SELECT id FROM daybook_entries ORDER BY seq');
    expect(ids.filter((id) => !gathered.ids.has(id))).toEqual([]);
    const wanted = Array.from({ length: ENTRIES - 5000 }, (_, index) => `made-${5001 + index}`);
    expect(wanted.filter((id) => !gathered.ids.has(id)).length).toBe(gathered.missed);
    expect(gathered.ended).toContain(3);
    expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
    tell(`contention: exports ended ${gathered.ended.join(' ')}, ${gathered.missed} missed and told`);
  });
});

describe('two prunes at once', () => {
  test('the second waits or exits 5, and together they take what is due and no more', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const both = await Promise.all([run(['--db', file, ...PRUNE]), run(['--db', file, ...PRUNE])]);
    const codes = both.map(({ code }) => code);
    expect(codes).toContain(0);
    expect(codes.filter((code) => code !== 0 && code !== 5)).toEqual([]);
    const deleted = both
      .filter(({ code }) => code === 0)
      .reduce((sum, { stdout }) => sum + (JSON.parse(stdout) as { deleted: number }).deleted, 0);
    expect(deleted).toBe(DOOMED);
    expect(column(file, `SELECT seq FROM daybook_entries WHERE id LIKE 'made-%' ORDER BY seq LIMIT 1`)).toEqual([
      DOOMED + 1,
    ]);
    expect(column(file, `SELECT metadata ->> 'deleted' FROM daybook_entries WHERE action = 'prune'`)).toEqual([DOOMED]);
    expectSound(file);
  }, 60_000);

  test('with archives: one holds all, and the other is not there', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const archives = ['one.ndjson', 'two.ndjson'].map((name) => path.join(directory, name));
    const both = await Promise.all(archives.map((archive) => run(['--db', file, ...PRUNE, '--archive', archive])));
    expect(both.map(({ code }) => code)).toContain(0);
    for (const { code, stderr } of both) {
      expect([0, 5]).toContain(code);
      if (code === 5) expect(stderr).toMatch(/another prune/);
    }
    const there = archives.filter((archive) => existsSync(archive));
    expect(there.map((archive) => readLines(archive).length)).toEqual([DOOMED]);
  }, 60_000);

  test('a second one exits 5 while the first is at work, and has changed nothing', async () => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    withDatabase(file, (database) => {
      const now = new Date().toISOString();
      database
        .prepare(
          `INSERT INTO daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid)
           VALUES ('prune', 'cron', 'system', '[]', 20000, ?, ?, ?, ?)`,
        )
        .run(now, now, hostname(), process.pid);
    });
    const archive = path.join(directory, 'archive.ndjson');
    const second = await run(['--db', file, '--busy-timeout', '1s', ...PRUNE, '--archive', archive]);
    expect(second).toMatchObject({ code: 5, stdout: '' });
    expect(second.stderr).toContain(`another prune is at work: process ${process.pid}`);
    expect(countEntries(file)).toBe(ENTRIES);
    expect(existsSync(archive)).toBe(false);
    // A prune that lives is no problem.
    expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
  }, 60_000);
});

describe('a foreign program that holds the write lock', () => {
  const entry = '{"action":"login","actor":"ana"}\n';
  const writing: readonly (readonly [string, readonly string[], string])[] = [
    ['note', ['note', 'machine:1', 'a note'], ''],
    ['record', ['record', '--action', 'login'], ''],
    ['record --stdin', ['record', '--stdin'], entry],
    ['revert', ['revert', '17', '--reason', 'wrong machine'], ''],
    ['retention set', ['retention', 'set', 'all', '--max-age', '90d'], ''],
    ['prune', PRUNE, ''],
    ['clear', ['clear', '--yes'], ''],
    ['export --checkpoint', ['export', '--checkpoint', 'siem', '-o', 'siem.ndjson'], ''],
    ['init', ['init'], ''],
  ];

  test.each(writing)('%s exits 5 after --busy-timeout and has changed nothing', async (_name, words, stdin) => {
    const directory = temporaryDirectory();
    const file = await copyTrail(template, directory);
    const holder = new Database(file);
    try {
      holder.exec('BEGIN IMMEDIATE');
      const began = performance.now();
      const result = await runWithStdin(['--db', file, '--busy-timeout', '1s', ...words], stdin, { cwd: directory });
      expect(result).toMatchObject({ code: 5, stdout: '' });
      expect(result.stderr).toContain(`${file} is locked by another program`);
      expect(performance.now() - began).toBeGreaterThan(900);
      holder.exec('ROLLBACK');
    } finally {
      holder.close();
    }
    expect(existsSync(path.join(directory, 'siem.ndjson'))).toBe(false);
    expect(countEntries(file)).toBe(ENTRIES);
    expect(value(file, 'SELECT count(*) FROM daybook_prunes')).toBe(0);
    expect(value(file, 'SELECT count(*) FROM daybook_retention')).toBe(0);
    expect(value(file, 'SELECT count(*) FROM daybook_checkpoints')).toBe(0);
  });

  test('init leaves a file alone that another program was quicker to fill', async () => {
    // Who comes first is a matter of luck.
    for (let attempt = 0, met = false; attempt < 10 && !met; attempt += 1) {
      const file = path.join(temporaryDirectory(), 'audit.db');
      const running = start(['--db', file, '--busy-timeout', '1s', 'init']);
      // Without a pause: the program has to be met between two of its steps.
      const deadline = performance.now() + 5000;
      while (!existsSync(file) && performance.now() < deadline);
      const other = new Database(file);
      try {
        other.exec('BEGIN EXCLUSIVE; CREATE TABLE users (name TEXT); INSERT INTO users VALUES (1)');
        met = (await running.finished).code === 5;
        other.exec('COMMIT');
      } finally {
        other.close();
      }
      expect(column(file, 'SELECT name FROM users')).toEqual(['1']);
    }
  });

  test('readers go on, and a writer that waits long enough is served', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const holder = new Database(file);
    try {
      holder.exec('BEGIN IMMEDIATE');
      expect(await run(['--db', file, 'count'])).toMatchObject({ code: 0, stdout: `${ENTRIES}\n` });
      expect(await run(['--db', file, 'history', '-n', '1'])).toMatchObject({ code: 0 });
      expect((await exported(file)).length).toBe(ENTRIES);
      const waiting = run(['--db', file, '--busy-timeout', '20s', 'note', 'machine:1', 'I can wait']);
      await sleep(1000);
      expect(everything(file).length).toBe(ENTRIES);
      holder.exec('COMMIT');
      expect(await waiting).toMatchObject({ code: 0, stdout: `${ENTRIES + 1}\n` });
    } finally {
      holder.close();
    }
  });

  test('an exclusive lock on a database in rollback journal mode keeps readers out as well: exit 5', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    withDatabase(file, (database) => database.pragma('journal_mode = DELETE'));
    const holder = new Database(file);
    try {
      holder.exec('BEGIN EXCLUSIVE');
      for (const words of [['count'], ['history'], ['export'], ['status'], ['note', 'machine:1', 'x'], PRUNE]) {
        const result = await run(['--db', file, '--busy-timeout', '1s', ...words]);
        expect(result).toMatchObject({ code: 5, stdout: '' });
      }
    } finally {
      holder.close();
    }
    expect(countEntries(file)).toBe(ENTRIES);
  });
});
