import path from 'node:path';
import { expect, test } from 'vitest';
import { run, start, temporaryDirectory } from '../support/program.js';
import { longLedgrab } from '../support/sources.js';
import { column, countEntries, expectSound } from '../end-to-end/trail.js';
import { ROUNDS, startRounds } from './rounds.js';

/** Enough for an import to be killed in the middle. */
const ROWS = 8000;

test('import killed: a second run completes it, and nothing is there twice', async () => {
  const source = longLedgrab(temporaryDirectory(), ROWS);
  const begin = async (): Promise<string> => {
    const file = path.join(temporaryDirectory(), 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    return file;
  };
  const calm = await begin();
  const before = performance.now();
  expect(await run(['--db', calm, 'import', 'ledgrab', source])).toMatchObject({ code: 0 });
  const rounds = startRounds('import', performance.now() - before);

  for (let round = 0; round < ROUNDS; round += 1) {
    const file = await begin();
    const { result, late } = await rounds.kill(start(['--db', file, 'import', 'ledgrab', source]));
    expectSound(file);
    const messages = column(file, "SELECT message FROM daybook_entries WHERE source = 'ledgrab' ORDER BY seq");
    // In order and without a gap.
    expect(messages).toEqual(Array.from({ length: messages.length }, (_, index) => `device ${index + 1}`));
    if (late) expect(result.code).toBe(0);

    const again = await run(['--db', file, 'import', 'ledgrab', source, '--format', 'json']);
    expect(again).toMatchObject({ code: 0 });
    expect(JSON.parse(again.stdout)).toMatchObject({
      read: ROWS,
      recorded: ROWS - messages.length,
      skipped: messages.length,
    });
    expect(column(file, "SELECT count(DISTINCT id) FROM daybook_entries WHERE source = 'ledgrab'")).toEqual([ROWS]);
    // And one for each import that came to its end with something to tell.
    expect(countEntries(file)).toBe(ROWS + 1);
    expect(await run(['--db', file, 'import', 'ledgrab', source, '--verify'])).toMatchObject({ code: 0 });
    expectSound(file);
  }
  rounds.tellHits();
}, 240_000);
