import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  run,
  runOnTerminal,
  start,
  temporaryDirectory,
  type ProgramResult,
  type RunningProgram,
} from '../support/program.js';
import { longLedgrab } from '../support/sources.js';
import { column, countEntries, exported, expectSound } from './trail.js';

/** Takes a second at least, wherever it is. */
const ROWS = 40_000;

const IMPORTED = "SELECT count(*) FROM daybook_entries WHERE source = 'ledgrab'";

async function begin(): Promise<{ file: string; source: string; command: string[] }> {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'audit.db');
  expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
  const source = longLedgrab(directory, ROWS);
  return { file, source, command: ['--db', file, '--as', 'u-1', 'import', 'ledgrab', source] };
}

/** Shows where the rest of a line is cleared. */
function cleared(output: string): string {
  return output.replaceAll('\u001b[K', '<clear>');
}

/** Expects an import that was interrupted to have said so in the trail, and another one to complete it. */
async function expectToGoOn(file: string, command: readonly string[], told: string): Promise<void> {
  expectSound(file);
  const [recorded = 0] = column<number>(file, IMPORTED);
  expect(recorded).toBeGreaterThan(0);
  expect(recorded).toBeLessThan(ROWS);
  // What was recorded last tells of it, by the count that was told to the user, too.
  const entry = (await exported(file)).find(({ action }) => action === 'import');
  expect(entry).toMatchObject({
    seq: countEntries(file),
    severity: 'warning',
    actor: 'u-1',
    message: `imported ${recorded} entries from ledgrab, then stopped: interrupted`,
    metadata: { format: 'ledgrab', source: 'ledgrab', recorded, skipped: 0, rejected: 0, stopped: 'interrupted' },
  });
  expect(told).toContain(
    `daybook: interrupted (recorded ${recorded} entries, as entry ${recorded + 1} tells: run it again`,
  );

  const again = await run([...command, '--format', 'json']);
  expect(again).toMatchObject({ code: 0 });
  expect(JSON.parse(again.stdout)).toMatchObject({ read: ROWS, recorded: ROWS - recorded, skipped: recorded });
  expect(column(file, IMPORTED)).toEqual([ROWS]);
  expect(await run([...command, '--verify'])).toMatchObject({ code: 0 });
}

test('an import ends in order on an interrupt, and goes on where it was', async () => {
  const { file, command } = await begin();
  const running = start(command);
  while (column<number>(file, IMPORTED)[0] === 0) await sleep(5);
  running.child.kill('SIGINT');
  const { code, stdout, stderr } = await running.finished;
  expect([code, stdout]).toEqual([130, '']);
  await expectToGoOn(file, command, stderr);
}, 120_000);

test('on a terminal, an import shows how far it is in one line, and ends in order on ctrl-c', async () => {
  const { file, command } = await begin();
  const line = /\rimported [\d,]+ of 40,000 entries \(\d+%\), [\d,]+\/s, [\dmins ]+ left/;
  const { code, output } = await runOnTerminal(command, { answers: [{ when: line, type: '\u0003' }] });
  expect(code).toBe(130);
  // The line is gone before anything else is said.
  expect(cleared(output)).toMatch(/left<clear>(?:\^C)?\r<clear>daybook: interrupted /);
  await expectToGoOn(file, command, output);
}, 120_000);

test('the line of an import stays within a narrow terminal, and is not there where nobody looks or asks for it', async () => {
  const { file, command } = await begin();
  const { code, output } = await runOnTerminal(command, { columns: 30 });
  expect(code).toBe(0);
  const lines = cleared(output)
    .split('\r')
    .filter((part) => part.startsWith('imported'));
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) {
    expect(line).toMatch(/^imported [\d,]+ of 40,000/);
    expect(line.replace('<clear>', '').length).toBeLessThan(30);
  }
  expect(cleared(output)).toMatch(/\r<clear>read 40000, recorded 40000 entries\r\n$/);
  expect(column(file, IMPORTED)).toEqual([ROWS]);

  // Those that are there count as well: these have as much to tell.
  expect(await runOnTerminal([...command, '--quiet'])).toMatchObject({ code: 0, output: '' });
  expect(await run(command)).toMatchObject({
    code: 0,
    stderr: 'read 40000, recorded 0 entries, 40000 were there already\n',
  });
}, 120_000);

test('on a terminal, a rehearsal and a verification show how much they have read', async () => {
  const { command } = await begin();
  const line = /\rread [\d,]+ of 40,000 entries \(\d+%\), [\d,]+\/s, [\dmins ]+ left.*<clear>/;
  const rehearsed = await runOnTerminal([...command, '--dry-run']);
  expect(rehearsed.code).toBe(0);
  expect(cleared(rehearsed.output)).toMatch(line);
  expect(cleared(rehearsed.output)).toMatch(/\r<clear>40000 records, from /);
  const verified = await runOnTerminal([...command, '--verify']);
  expect(verified.code).toBe(3);
  expect(cleared(verified.output)).toMatch(/\r<clear>row \d+: al_\w+ has no entry/);
}, 120_000);

describe('a pipe in which nothing comes', () => {
  const MAPPED = ['--map', 'id=id', '--map', 'ts=ts', '--map', 'action=action'];
  const LINE = '{"id":"e-1","ts":"2026-03-05T14:07:01Z","action":"login"}\n';

  /** Interrupts the program once it waits. Who has only just begun hears nothing, and is killed: then it waits longer. */
  async function interrupted(begun: () => RunningProgram): Promise<ProgramResult> {
    for (let wait = 300; ; wait *= 3) {
      const running = begun();
      await sleep(wait);
      running.child.kill('SIGINT');
      const result = await running.finished;
      if (result.signal === null || wait > 10_000) return result;
    }
  }

  test.each([
    ['an import', []],
    ['a rehearsal', ['--dry-run']],
    ['a verification', ['--verify']],
  ])(
    'does not keep %s from hearing an interrupt',
    async (_name, mode) => {
      const file = path.join(temporaryDirectory(), 'audit.db');
      await run(['--db', file, 'init']);
      for (const sent of ['', LINE, LINE.slice(0, 20)]) {
        const result = await interrupted(() => {
          const running = start(['--db', file, 'import', 'ndjson', '-', ...MAPPED, ...mode]);
          running.child.stdin.write(sent);
          return running;
        });
        expect(result).toMatchObject({ code: 130, stdout: '', stderr: expect.stringMatching(/^daybook: interrupted/) });
        // Half a line is no entry.
        expect(column(file, 'SELECT count(*) FROM daybook_entries')).toEqual([0]);
      }
    },
    60_000,
  );

  test.each([
    ['a line', LINE],
    ['nobody who writes', null],
  ])(
    'also where it has a name, and %s',
    async (_what, sent) => {
      const directory = temporaryDirectory();
      const file = path.join(directory, 'audit.db');
      await run(['--db', file, 'init']);
      const pipe = path.join(directory, 'lines');
      execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', pipe]);
      // Open for both, it waits for nobody.
      const end = sent === null ? null : openSync(pipe, 'r+');
      if (end !== null) writeSync(end, LINE);
      expect(await interrupted(() => start(['--db', file, 'import', 'ndjson', pipe, ...MAPPED]))).toMatchObject({
        code: 130,
      });
      if (end !== null) closeSync(end);
    },
    60_000,
  );
});
