import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import { run, runWithStdin, start, temporaryDirectory } from '../support/program.js';
import type { RunningProgram } from '../support/program.js';
import { runOther } from './other-programs.js';
import { copyTrail, makeTrail, median, parseLines, sharedDirectory, tell, timeOf } from './trail.js';

const ENTRIES = 4000;

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

async function follower(file: string, ...words: string[]): Promise<RunningProgram> {
  const running = start(['--db', file, 'history', '--follow', '-n', '2', '--format', 'ndjson', ...words]);
  await running.waitForStdout(/\n/);
  return running;
}

async function interrupt(running: RunningProgram): Promise<string[]> {
  running.child.kill('SIGINT');
  const result = await running.finished;
  expect(result).toMatchObject({ code: 130, stderr: '' });
  return parseLines(result.stdout).map((entry) => entry.id);
}

/** The processor time that a process has taken, in seconds. */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticksPerSecond = 100;
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

describe('history --follow', () => {
  test('shows an entry of another process soon after its commit', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = await follower(file);
    const arrived = new Map<string, number>();
    running.child.stdout.on('data', (chunk: Buffer) => {
      for (const [, id] of chunk.toString('utf8').matchAll(/"id":"(timed-\d+)"/g)) {
        if (id !== undefined) arrived.set(id, performance.now());
      }
    });
    const writer = new Database(file);
    const waits: number[] = [];
    try {
      const insert = writer.prepare('INSERT INTO daybook_entries (id, action) VALUES (?, ?)');
      for (let number = 1; number <= 40; number += 1) {
        insert.run(`timed-${number}`, 'login');
        const committed = performance.now();
        await running.waitForStdout(new RegExp(`"timed-${number}"`));
        waits.push((arrived.get(`timed-${number}`) ?? NaN) - committed);
        await sleep(7 * (number % 11));
      }
    } finally {
      writer.close();
    }
    const ids = await interrupt(running);
    expect(ids).toEqual([
      `made-${ENTRIES - 1}`,
      `made-${ENTRIES}`,
      ...Array.from({ length: 40 }, (_, index) => `timed-${index + 1}`),
    ]);
    tell(
      `follow: shown ${median(waits).toFixed(0)} ms after the commit in the middle, ${Math.max(...waits).toFixed(0)} ms at most`,
    );
    expect(median(waits)).toBeLessThan(200);
  }, 60_000);

  test('costs nothing to speak of while nothing happens', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = await follower(file);
    const pid = running.child.pid ?? 0;
    const during = async (seconds: number): Promise<number> => {
      const before = processorTime(pid);
      await sleep(seconds * 1000);
      return (processorTime(pid) - before) / seconds;
    };
    // What it costs to start may take a while on a busy machine; who polls without a rest never comes to an idle second.
    for (let seconds = 0; seconds < 15 && (await during(1)) > 0.05;) seconds += 1;
    const share = await during(3);
    tell(`follow: ${(share * 100).toFixed(1)}% of a core while idle`);
    expect(share).toBeLessThan(0.05);
    await interrupt(running);
  }, 30_000);

  test('goes on across a prune, a clear and backdated entries, and shows each entry once', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = await follower(file);
    const record = async (id: string, ...words: string[]): Promise<void> =>
      void expect(await run(['--db', file, 'record', '--action', 'login', '--id', id, ...words])).toMatchObject({
        code: 0,
      });
    await record('before');
    const prune = await run(['--db', file, 'prune', '--before', timeOf(3990), '--yes']);
    expect(prune).toMatchObject({ code: 0 });
    await record('between', '--ts', '1999-12-31T23:59Z');
    expect(await run(['--db', file, 'clear', '--yes'])).toMatchObject({ code: 0 });
    await record('after');
    await running.waitForStdout(/"id":"after"/);
    const ids = await interrupt(running);
    expect(ids.filter((id) => /^(?:before|between|after)$/.test(id))).toEqual(['before', 'between', 'after']);
    expect(new Set(ids).size).toBe(ids.length);
    // The prune and the clear have told of themselves.
    expect(ids.length).toBe(2 + 3 + 2);
  });

  test('shows many at once, in the order of recording, and only what matches', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = start([
      '--db',
      file,
      'history',
      '-f',
      '-n',
      '1',
      '--format',
      'ndjson',
      '--action',
      'login,door_opened',
    ]);
    await running.waitForStdout(/\n/);
    const lines = Array.from(
      { length: 3000 },
      (_, index) => `{"id":"many-${index + 1}","action":"${index % 3 === 0 ? 'logout' : 'login'}"}\n`,
    );
    lines.push('{"id":"last","action":"login"}\n');
    expect(await runWithStdin(['--db', file, 'record', '--stdin'], lines.join(''))).toMatchObject({ code: 0 });
    await running.waitForStdout(/"id":"last"/);
    const ids = await interrupt(running);
    expect(ids.slice(1)).toEqual([
      ...Array.from({ length: 3000 }, (_, index) => index).flatMap((index) =>
        index % 3 === 0 ? [] : [`many-${index + 1}`],
      ),
      'last',
    ]);
  });

  test('sees what the sqlite3 shell records, also in rollback journal mode', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    expect(await runOther('sqlite3', [file, 'PRAGMA journal_mode = DELETE'])).toMatchObject({ code: 0 });
    const running = await follower(file);
    const sql = `INSERT INTO daybook_entries (id, action) VALUES ('from-shell', 'login')`;
    expect(await runOther('sqlite3', [file, sql])).toMatchObject({ code: 0, stderr: '' });
    await running.waitForStdout(/"id":"from-shell"/);
    await interrupt(running);
  });

  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends it with %i, also before anything has come', async (signal, code) => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    const running = start(['--db', file, 'history', '--follow', '--format', 'ndjson']);
    await run(['--db', file, 'note', 'machine:1', 'there']);
    await running.waitForStdout(/there/);
    running.child.kill(signal);
    expect(await running.finished).toMatchObject({ code, signal: null, stderr: '' });
  });
});
