import { writeFileSync } from 'node:fs';
import { daybook, inTurns, median, run } from '../measure.mjs';

const ROUNDS = 61;

/** An empty program, in a file as ours is. */
async function emptyProcess(files) {
  const file = await files.fresh('empty.cjs');
  writeFileSync(file, '');
  return [process.execPath, file];
}

async function againstEmpty(files, command) {
  const empty = await emptyProcess(files);
  const [ours, theirs] = await inTurns(
    ROUNDS,
    [command, empty].map((words) => async () => (await run(words)).ms),
  );
  return { ours: median(ours), theirs: median(theirs) };
}

export const help = {
  name: 'help',
  what: '`daybook --help`',
  against: 'an empty Node process',
  unit: 'ms',
  atMost: 1.3,
  measure: ({ files }) => againstEmpty(files, daybook('--help')),
};

export const history = {
  name: 'history',
  what: '`daybook history -n 50`, into a pipe',
  against: 'an empty Node process',
  unit: 'ms',
  atMost: 1.6,
  sizes: 'largest',
  measure: async ({ files, size }) =>
    againstEmpty(files, daybook('--db', await files.trail(size), 'history', '-n', '50')),
};
