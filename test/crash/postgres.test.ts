import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';
import { initialize } from '../../src/store/postgres/index.js';
import { ACTOR } from '../store/trail.js';
import { HAS_POSTGRES, urlOf } from '../store/postgres-trail.js';
import { run, runWithStdin, start, temporaryDirectory } from '../support/program.js';
import { asServer, makeCluster, psql, serverUser, startServer } from '../support/postgres-cluster.js';

// What a server of its own is killed under, durable as a server is.
const SETTINGS = ['listen_addresses=', 'shared_buffers=32MB', 'fsync=on'];
const LINES = Array.from(
  { length: 8000 },
  (_, index) => `{"id":"e-${index}","action":"a","message":"${'x'.repeat(50)}"}\n`,
);

describe.skipIf(!HAS_POSTGRES)('a PostgreSQL server that is killed', () => {
  let folder: string;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'daybook-crash-'));
    const { uid, gid } = serverUser();
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    makeCluster(folder, SETTINGS);
    url = urlOf(folder, 'postgres');
    const address = addressOf(url);
    await initialize({ address, schema: 'daybook', busyTimeout: 5000, clock: Date.now, actor: ACTOR });
  }, 60_000);
  afterAll(() => {
    stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  const stop = (): void => asServer('pg_ctl', ['-D', path.join(folder, 'data'), '-m', 'immediate', '-w', 'stop']);
  const restart = (): void => startServer(folder, SETTINGS);
  const count = async (...words: string[]): Promise<number> => {
    const { code, stdout, stderr } = await run(['--db', url, 'count', ...words]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return Number(stdout);
  };

  test('while many are recorded: what was acknowledged is there, and the same input brings the rest, once', async () => {
    const recording = start(['--db', url, 'record', '--stdin', '--ack']);
    recording.child.stdin.write(LINES.join(''));
    await recording.waitForStdout(/"recorded": \d{3,}/);
    stop();
    const { code, stdout, stderr } = await recording.finished;
    expect({ code, stderr }).toMatchObject({ code: expect.toSatisfy((ended) => ended === 5 || ended === 1) });
    expect(stderr).toMatch(/connection to .* was lost|takes no connections/);
    const acknowledged = Number(
      stdout
        .trim()
        .split('\n')
        .at(-1)
        ?.match(/"recorded": (\d+)/)?.[1],
    );
    restart();
    expect(acknowledged).toBeGreaterThan(0);
    expect(await count()).toBeGreaterThanOrEqual(acknowledged);
    const again = await runWithStdin(['--db', url, 'record', '--stdin', '--format', 'json'], LINES.join(''));
    expect(again).toMatchObject({ code: 0 });
    expect(await count()).toBe(LINES.length);
  }, 60_000);

  test('while an export runs: no file is there, and its checkpoint is where it was', async () => {
    const cwd = temporaryDirectory();
    const words = ['--db', url, 'export', '--checkpoint', 'siem', '-o', 'out.ndjson'];
    const exporting = start(words, { cwd });
    await sleep(400);
    stop();
    const { code } = await exporting.finished;
    restart();
    if (code === 0) return;
    expect(code).toSatisfy((ended) => ended === 5 || ended === 1);
    expect(existsSync(path.join(cwd, 'out.ndjson'))).toBe(false);
    expect(await run(words, { cwd })).toMatchObject({ code: 0 });
    expect(readFileSync(path.join(cwd, 'out.ndjson'), 'utf8').trim().split('\n')).toHaveLength(LINES.length);
  }, 60_000);

  test('while a prune runs: what it deleted is accounted for, by an entry', async () => {
    const before = await count('--action', 'a');
    const pruning = start(['--db', url, 'prune', '--before', 'now', '--action', 'a', '--yes']);
    for (;;) {
      const deleted = psql(
        folder,
        'postgres',
        `SELECT coalesce(max(deleted), 0) FROM daybook.daybook_prunes WHERE state = 'open'`,
      );
      if (Number(deleted) > 0 || pruning.child.exitCode !== null) break;
      await sleep(5);
    }
    stop();
    const { code } = await pruning.finished;
    restart();
    expect(code).not.toBe(0);
    const left = await count('--action', 'a');
    const told = (): number => Number(psql(folder, 'postgres', 'SELECT sum(deleted) FROM daybook.daybook_prunes'));
    expect(left + told()).toBe(before);
    expect(await run(['--db', url, 'note', 'machine:7', 'settles'])).toMatchObject({ code: 0 });
    const entry = psql(
      folder,
      'postgres',
      `SELECT message FROM daybook.daybook_entries WHERE action = 'prune' ORDER BY seq`,
    );
    expect(entry).toContain('then cut off');
    expect(await run(['--db', url, 'prune', '--before', 'now', '--action', 'a', '--yes'])).toMatchObject({ code: 0 });
    expect(await count('--action', 'a')).toBe(0);
    expect(told()).toBe(before);
  }, 60_000);

  test('a connection that is cut takes nothing with it that was said to be done', async () => {
    const recording = start(['--db', url, 'record', '--stdin', '--ack']);
    recording.child.stdin.write(LINES.slice(0, 6000).join('').replaceAll('"e-', '"f-'));
    await recording.waitForStdout(/"recorded": \d{3,}/);
    psql(
      folder,
      'postgres',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'daybook'`,
    );
    const { code, stdout, stderr } = await recording.finished;
    expect({ code, stderr }).toMatchObject({ code: expect.toSatisfy((ended) => ended === 5 || ended === 1) });
    expect(stderr).toMatch(/was lost/);
    const acknowledged = Number(
      stdout
        .trim()
        .split('\n')
        .at(-1)
        ?.match(/"recorded": (\d+)/)?.[1],
    );
    expect(await count('--action', 'a')).toBeGreaterThanOrEqual(acknowledged);
  }, 60_000);
});
