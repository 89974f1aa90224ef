import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { daybook, inTurns, median, run } from '../measure.mjs';

const ROUNDS = 11;
const PRESSES = 7;
const MOST_MORE_MS = 400;
const LONGEST_MS = 50;
const TERMINAL = fileURLToPath(new URL('../programs/terminal.py', import.meta.url));

/** Keys in pairs, so that each finds something to change. */
const KEYS = {
  'Up, Down': ['k', '\x1b[B'],
  'Page Up, Page Down': ['\x1b[5~', '\x1b[6~'],
  'g, G': ['g', 'G'],
  'g, Left': ['g', '\x1b[D'],
  Enter: ['\r', '\r'],
  'a, Backspace': ['a', '\x7f'],
  '?': ['?', 'j'],
};

/** The hints at the foot are what is drawn last; that the trail is counted comes later. */
const DRAWN = 'move';
const counted = (size) => ` of ${size}`;

async function browse(database, seen, keys) {
  const { stdout } = await run([
    'python3',
    TERMINAL,
    seen,
    JSON.stringify(keys),
    ...daybook('--db', path.resolve(database), 'browse'),
  ]);
  return JSON.parse(stdout);
}

export const browseScreen = {
  name: 'browse first screen',
  what: 'the first screen of `browse`, less the time of `history -n 50`',
  against: '`history -n 50`, into a pipe',
  unit: 'ms',
  alsoAtMost: { ours: MOST_MORE_MS, words: `under ${MOST_MORE_MS} ms` },
  sizes: 'largest',
  needs: 'python3',
  measure: async ({ files, size }) => {
    const database = await files.trail(size);
    const [screens, lists] = await inTurns(ROUNDS, [
      async () => (await browse(database, DRAWN, [])).first,
      async () => (await run(daybook('--db', database, 'history', '-n', '50'))).ms,
    ]);
    return { ours: median(screens) - median(lists), theirs: median(lists) };
  },
};

export const browseKeys = {
  name: 'browse keys',
  what: 'the answer to a key in `browse`, the slowest kind',
  against: 'the answer to Up and Down',
  unit: 'ms',
  alsoAtMost: { ours: LONGEST_MS, words: `under ${LONGEST_MS} ms` },
  sizes: 'largest',
  needs: 'python3',
  measure: async ({ files, size }) => {
    const database = await files.trail(size);
    const kinds = Object.entries(KEYS);
    const pressed = kinds.flatMap(([, pair]) => Array.from({ length: PRESSES }, () => pair).flat());
    // One more at the beginning, from which Up can go back.
    const { answers } = await browse(database, counted(size), ['j', ...pressed]);
    const medians = kinds.map(([name], index) => {
      const from = 1 + index * 2 * PRESSES;
      return { name, ms: median(answers.slice(from, from + 2 * PRESSES)) };
    });
    const slowest = medians.reduce((most, one) => (one.ms > most.ms ? one : most));
    return { ours: slowest.ms, theirs: medians[0].ms, note: slowest.name };
  },
};
