import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';

const PROGRAM = path.resolve(import.meta.dirname, '../../bin/daybook.js');

function daybook(file, ...words) {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '--db', file, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** What seals take in the file. */
export const sealedSize = {
  name: 'size-sealed',
  what: 'bytes per entry, sealed',
  against: 'the database without seals',
  unit: 'bytes',
  atMost: 1.06,
  sizes: 'largest',
  measure: async ({ files, size: count }) => {
    const file = await files.copy(await files.trail(count));
    const theirs = statSync(file).size / count;
    daybook(file, 'seal', 'init', '--force', '--seal-key', `${file}.seal`);
    daybook(file, 'seal', '--seal-key', `${file}.seal`);
    const ours = statSync(file).size / count;
    files.removeDatabase(file);
    return { ours, theirs };
  },
};
