import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { run, runWithStdin, temporaryDirectory } from '../support/program.js';
import type { ProgramOptions } from '../support/program.js';
import { column, countEntries, exported, FIXTURES, parseLines, value, withDatabase } from './trail.js';

/** A machine whose clock shows this, and goes back by so many milliseconds at each look. */
function clock(at: string, step = 0): ProgramOptions {
  return {
    nodeOptions: ['--require', path.join(FIXTURES, 'clock/backwards.cjs')],
    env: { DAYBOOK_TEST_CLOCK: String(Date.parse(at)), DAYBOOK_TEST_STEP: String(step) },
  };
}

async function newTrail(): Promise<string> {
  const file = path.join(temporaryDirectory(), 'audit.db');
  expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
  return file;
}

describe('a clock that goes backwards', () => {
  test('between two recordings: seq goes on, history is in order of time, nothing is skipped', async () => {
    const file = await newTrail();
    const moments = ['2026-03-05T12:00:00.500Z', '2026-03-05T11:00:00.000Z', '2026-03-04T12:00:00.000Z'];
    for (const [index, moment] of moments.entries()) {
      const recorded = await run(['--db', file, 'record', '--action', 'login'], clock(moment));
      expect(recorded).toMatchObject({ code: 0, stdout: `${index + 1}\n` });
    }
    const seqs = async (...words: string[]): Promise<number[]> => {
      const result = await run(['--db', file, 'history', '--format', 'ndjson', ...words], clock('2026-03-04T12:00Z'));
      expect(result.code).toBe(0);
      return parseLines(result.stdout).map((entry) => entry.seq);
    };
    expect(await seqs()).toEqual([1, 2, 3]);
    expect(await seqs('--oldest-first')).toEqual([3, 2, 1]);
    expect((await exported(file)).map((entry) => entry.seq)).toEqual([3, 2, 1]);

    // By order of recording an export skips nothing, though the second part is older than the first.
    const directory = path.dirname(file);
    const words = ['--db', file, 'export', '--checkpoint', 'siem'];
    expect(await run([...words, '-o', 'one.ndjson'], { cwd: directory })).toMatchObject({ code: 0 });
    await run(['--db', file, 'note', 'machine:1', 'back again'], clock('2020-01-01T00:00:00Z'));
    const next = await run(words, { cwd: directory });
    expect(parseLines(next.stdout).map((entry) => entry.seq)).toEqual([4]);
  });

  test('within one run of record --stdin: every line is recorded once, with ids that differ', async () => {
    const file = await newTrail();
    const lines = '{"action":"login"}\n'.repeat(500);
    expect(
      await runWithStdin(['--db', file, 'record', '--stdin'], lines, clock('2026-03-05T12:00:00Z', 60_000)),
    ).toMatchObject({ code: 0 });
    expect(countEntries(file)).toBe(500);
    expect(new Set(column(file, 'SELECT id FROM daybook_entries')).size).toBe(500);
    const history = await run(['--db', file, 'history', '-n', '500', '--format', 'ndjson']);
    const times = parseLines(history.stdout).map((entry) => entry.ts);
    expect(times).toEqual(times.toSorted().toReversed());
    expect(new Set(parseLines(history.stdout).map((entry) => entry.seq)).size).toBe(500);
  });

  test('entries from the future are a problem that status tells of, and a prune leaves them', async () => {
    const file = await newTrail();
    await run(['--db', file, 'note', 'machine:1', 'from tomorrow'], clock('2027-03-06T12:00:00Z'));
    await run(['--db', file, 'note', 'machine:1', 'old'], clock('2026-01-01T00:00:00Z'));
    const now = clock('2027-03-05T12:00:00Z');
    const status = await run(['--db', file, 'status', '--check', '--format', 'json'], now);
    expect(status.code).toBe(3);
    expect((JSON.parse(status.stdout) as { problems: { code: string }[] }).problems.map(({ code }) => code)).toEqual([
      'future_entries',
    ]);
    const prune = await run(['--db', file, 'prune', '--older-than', '30d', '--yes', '--format', 'json'], now);
    expect(JSON.parse(prune.stdout)).toMatchObject({ deleted: 1, remaining: 2 });
  });

  test('during a prune: it ends, and tells what it took', async () => {
    const file = await newTrail();
    withDatabase(file, (database) =>
      database.exec(
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO daybook_entries (action, ts) SELECT 'login', strftime('%Y-%m-%dT%H:%M:%fZ', 1700000000 + i, 'unixepoch') FROM n`,
      ),
    );
    const prune = await run(
      ['--db', file, 'prune', '--before', '2024', '--yes', '--format', 'json'],
      clock('2026-03-05T12:00:00Z', 120_000),
    );
    expect(prune).toMatchObject({ code: 0 });
    expect(JSON.parse(prune.stdout)).toMatchObject({ deleted: 3000, remaining: 1 });
    expect(await run(['--db', file, 'status', '--check'])).toMatchObject({ code: 0 });
  });

  test('after a prune was cut off in the future: the next one takes over', async () => {
    const file = await newTrail();
    await run(['--db', file, 'note', 'machine:1', 'old'], clock('2020-01-01T00:00:00Z'));
    withDatabase(file, (database) =>
      database
        .prepare(
          `INSERT INTO daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid, deleted)
           VALUES ('prune', 'cron', 'system', '[]', 1, '2031-01-01T00:00:00.000Z', '2031-01-01T00:00:00.000Z', 'elsewhere', 1, 7)`,
        )
        .run(),
    );
    const now = clock('2026-03-05T12:00:00Z');
    expect(await run(['--db', file, 'status', '--check'], now)).toMatchObject({ code: 3 });
    const prune = await run(['--db', file, 'prune', '--before', '2021', '--yes', '--format', 'json'], now);
    expect(JSON.parse(prune.stdout)).toMatchObject({ deleted: 1 });
    expect(column(file, 'SELECT state FROM daybook_prunes ORDER BY prune')).toEqual(['cut_off', 'done']);
    expect(value(file, `SELECT count(*) FROM daybook_entries WHERE action = 'prune'`)).toBe(2);
  });
});
