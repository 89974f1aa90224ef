import { rmSync } from 'node:fs';
import { daybook, median, peakMemory } from '../measure.mjs';

const ROUNDS = 3;
const LIMIT = 150 * 1000 * 1000;

/** Below so many entries a program is still growing into the memory that it will keep: nothing is asked of it. */
const GROWN = 1_000_000;

/** The peak of a command for so many entries against its own for a tenth of them. */
function memoryOf(name, what, command) {
  return {
    name: `memory-${name}`,
    what: `peak memory of ${what}`,
    against: 'itself at a tenth of the entries',
    unit: 'MB',
    atMost: 1.15,
    alsoAtMost: { ours: LIMIT / 1e6, words: 'under 150 MB' },
    sizes: 'largest',
    measure: async ({ files, size }) => {
      const peaks = { ours: [], theirs: [] };
      for (let round = 0; round < ROUNDS; round++) {
        peaks.theirs.push(await command(files, Math.round(size / 10)));
        peaks.ours.push(await command(files, size));
      }
      const result = { ours: median(peaks.ours) / 1e6, theirs: median(peaks.theirs) / 1e6 };
      return size < GROWN ? { ...result, unjudged: `too few entries to tell` } : result;
    },
  };
}

function exportMemory(format) {
  return async (files, size) => {
    const output = await files.fresh(`export.${format}`);
    const words = ['--db', await files.trail(size), '--quiet', 'export', '--format', format, '--output', output];
    const peak = await peakMemory(daybook(...words), files.folder);
    rmSync(output);
    return peak;
  };
}

async function recordMemory(files, size) {
  const input = await files.lines(size, true);
  const database = await files.emptyTrail();
  const peak = await peakMemory(daybook('--db', database, '--quiet', 'record', '--stdin'), files.folder, { input });
  files.removeDatabase(database);
  return peak;
}

async function importPeak(files, size) {
  const source = await files.activityLog(size);
  const database = await files.emptyTrail();
  const peak = await peakMemory(daybook('--db', database, '--quiet', 'import', 'ledgrab', source), files.folder);
  files.removeDatabase(database);
  return peak;
}

export const ndjsonMemory = memoryOf('ndjson', '`export --format ndjson`', exportMemory('ndjson'));
export const csvMemory = memoryOf('csv', '`export --format csv`', exportMemory('csv'));
export const recordingMemory = memoryOf('record', '`record --stdin`', recordMemory);
export const importMemory = memoryOf('import', '`import ledgrab`', importPeak);
