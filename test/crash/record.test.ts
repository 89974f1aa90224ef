import path from 'node:path';
import { expect, test } from 'vitest';
import { run, runWithStdin, start, temporaryDirectory } from '../support/program.js';
import { column, countEntries, expectSound } from '../end-to-end/trail.js';
import { ROUNDS, startRounds } from './rounds.js';

const LINES = 2500;

const input = Array.from({ length: LINES }, (_, index) =>
  JSON.stringify({
    id: `line-${index + 1}`,
    ts: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(),
    action: index % 3 === 0 ? 'partial_dispense' : 'door_opened',
    actor: `operator-${index % 5}`,
    entity_type: 'machine',
    entity_id: String(index % 40),
    message: `event ${index + 1} of the night shift`,
    metadata: index % 2 === 0 ? { till: index, note: 'näher am Fenster' } : {},
  }),
).map((line) => `${line}\n`);

interface Acknowledged {
  readonly recorded: number;
  readonly line: number;
}

/** The last whole line of acknowledgement. */
function lastAck(stdout: string): Acknowledged {
  const last = stdout
    .slice(0, stdout.lastIndexOf('\n') + 1)
    .split('\n')
    .at(-2);
  return last === undefined ? { recorded: 0, line: 0 } : (JSON.parse(last) as Acknowledged);
}

test('record --stdin --ack killed: what was acked is there, and a second run completes it', async () => {
  const calm = path.join(temporaryDirectory(), 'audit.db');
  expect(await run(['--db', calm, 'init'])).toMatchObject({ code: 0 });
  const measured = start(['--db', calm, 'record', '--stdin', '--ack']);
  measured.child.stdin.end(input.join(''));
  await measured.waitForStdout(/\n/);
  const first = performance.now();
  expect(await measured.finished).toMatchObject({ code: 0 });
  const rounds = startRounds('record --stdin', performance.now() - first);

  for (let round = 0; round < ROUNDS; round += 1) {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    const running = start(['--db', file, 'record', '--stdin', '--ack']);
    running.child.stdin.end(input.join(''));
    // Some are killed before the first batch is durable.
    if (round % 5 !== 4) await running.waitForStdout(/\n/);
    const { result } = await rounds.kill(running);

    const acked = lastAck(result.stdout);
    expectSound(file);
    const ids = column(file, 'SELECT id FROM daybook_entries ORDER BY seq');
    expect(ids.length).toBeGreaterThanOrEqual(acked.recorded);
    // In order and without a gap, so that every line up to the acknowledged one is among them.
    expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => `line-${index + 1}`));
    expect(acked.line).toBe(acked.recorded);

    const again = await runWithStdin(['--db', file, 'record', '--stdin', '--format', 'json'], input.join(''));
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toEqual({ recorded: LINES - ids.length, skipped: ids.length, rejected: 0 });
    expect(countEntries(file)).toBe(LINES);
    expect(new Set(column(file, 'SELECT id FROM daybook_entries')).size).toBe(LINES);
    expectSound(file);
  }
  rounds.tellHits();
}, 120_000);
