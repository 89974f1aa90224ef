import { readFileSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { daybook, helper, inTurns, median, peakMemory, run } from '../measure.mjs';

const ROUNDS = 3;
const LIMIT = 150 * 1000 * 1000;

/** A copy of a trail with a key, which lies beside it. */
async function withKey(files, trail) {
  const file = await files.copy(trail);
  await run(daybook('--db', file, 'seal', 'init', '--force', '--seal-key', `${file}.seal`));
  return file;
}

const seal = (file) => daybook('--db', file, '--quiet', 'seal', '--seal-key', `${file}.seal`);
const verify = (file) => daybook('--db', file, '--quiet', 'verify', '--seal-key', `${file}.seal`);

/** Entries a second, ours and theirs, from runs whose whole process is timed. */
const rates = (size, ours, theirs) => ({ ours: (size * 1000) / median(ours), theirs: (size * 1000) / median(theirs) });

export const verifyTime = {
  name: 'seal-verify',
  what: '`verify` of a whole trail',
  against: 'one SHA-256 over the same lines',
  unit: 'entries/s',
  atLeast: 0.7,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const file = await withKey(files, await files.trail(size));
    await run(seal(file));
    const timed = (command) => async () => (await run(command)).ms;
    const [ours, theirs] = await inTurns(ROUNDS, [timed(verify(file)), timed(helper('read-lines.mjs', file, 'hash'))]);
    files.removeDatabase(file);
    return rates(size, ours, theirs);
  },
};

export const sealAll = {
  name: 'seal-first',
  what: '`seal` of a whole trail at first',
  against: 'reading the lines',
  unit: 'entries/s',
  atLeast: 0.55,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const trail = await files.trail(size);
    const first = async () => {
      const file = await withKey(files, trail);
      const { ms } = await run(seal(file));
      files.removeDatabase(file);
      return ms;
    };
    const [ours, theirs] = await inTurns(ROUNDS, [first, async () => (await run(helper('read-lines.mjs', trail))).ms]);
    return rates(size, ours, theirs);
  },
};

export const sealOne = {
  name: 'seal-one',
  what: '`seal` of one new entry',
  against: '`count` of none',
  unit: 'ms',
  atMost: 1.5,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const file = await withKey(files, await files.trail(size));
    await run(seal(file));
    const one = async () => {
      await run(daybook('--db', file, '--quiet', 'note', 'machine:1', 'one'));
      return (await run(seal(file))).ms;
    };
    const none = async () => (await run(daybook('--db', file, 'count', '--correlation', 'none'))).ms;
    const [ours, theirs] = await inTurns(11, [one, none]);
    files.removeDatabase(file);
    return { ours: median(ours), theirs: median(theirs) };
  },
};

/** The peak of a command at a size against a tenth of it. */
const memory = (name, what, prepare, command) => ({
  name,
  what,
  against: 'itself at a tenth of the entries',
  unit: 'MB',
  atMost: 1.15,
  alsoAtMost: { ours: LIMIT / 1e6, words: 'under 150 MB' },
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const peak = async (count) => {
      const file = await withKey(files, await files.trail(count));
      await prepare(file);
      const bytes = await peakMemory(command(file), files.folder);
      files.removeDatabase(file);
      return bytes / 1e6;
    };
    const [ours, theirs] = await inTurns(ROUNDS, [() => peak(size), () => peak(Math.round(size / 10))], {
      warmUp: false,
    });
    return { ours: median(ours), theirs: median(theirs) };
  },
});

export const sealMemory = memory('seal-memory', 'peak memory of a first `seal`', async () => {}, seal);
export const verifyMemory = memory('seal-memory-verify', 'peak memory of `verify`', (file) => run(seal(file)), verify);

/** Everything goes into an archive. */
async function archiveAll(file) {
  await run(seal(file));
  const words = ['prune', '--before', '2100', '--yes', '--archive', `${file}.ndjson`, '--seal-key', `${file}.seal`];
  await run(daybook('--db', file, '--quiet', ...words));
}

export const archivesMemory = memory(
  'seal-memory-archive',
  'peak memory of `verify --archive` of what was pruned',
  archiveAll,
  (file) => [...verify(file), '--archive', `${file}.ndjson`],
);

/** What seals take in the file. */
export const sealedSize = {
  name: 'size-sealed',
  what: 'bytes per entry, sealed',
  against: 'the database without seals',
  unit: 'bytes',
  atMost: 1.06,
  sizes: 'largest',
  measure: async ({ files, size: count }) => {
    const file = await withKey(files, await files.trail(count));
    const theirs = statSync(await files.trail(count)).size / count;
    await run(seal(file));
    const ours = statSync(file).size / count;
    files.removeDatabase(file);
    return { ours, theirs };
  },
};

/** Half of the trail goes, by age. */
async function pruneHalf(files, file, size, ...more) {
  const connection = new Database(file, { readonly: true });
  const middle = connection
    .prepare('SELECT ts FROM daybook_entries ORDER BY ts LIMIT 1 OFFSET ?')
    .pluck()
    .get(Math.floor(size / 2));
  connection.close();
  const { ms } = await run(daybook('--db', file, '--quiet', 'prune', '--before', middle, '--yes', ...more));
  files.removeDatabase(file);
  return ms / 1000;
}

export const sealedPrune = {
  name: 'seal-prune',
  what: '`prune` of half, sealed',
  against: 'unsealed',
  unit: 's',
  atMost: 1.3,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const trail = await files.trail(size);
    const sealed = async () => {
      const file = await withKey(files, trail);
      await run(seal(file));
      return pruneHalf(files, file, size, '--seal-key', `${file}.seal`);
    };
    const plain = async () => pruneHalf(files, await files.copy(trail), size);
    const [ours, theirs] = await inTurns(1, [sealed, plain], { warmUp: false });
    return { ours: median(ours), theirs: median(theirs) };
  },
};

export const heldPrune = {
  name: 'seal-holds',
  what: '`prune` of half under 10 holds that keep nothing of it',
  against: 'without holds',
  unit: 's',
  atMost: 2,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const trail = await files.trail(size);
    const held = async () => {
      const file = await files.copy(trail);
      for (let hold = 0; hold < 10; hold++) {
        await run(daybook('--db', file, 'hold', 'place', `h${hold}`, '--entity', `none:${hold}`, '--reason', 'bench'));
      }
      return pruneHalf(files, file, size);
    };
    const plain = async () => pruneHalf(files, await files.copy(trail), size);
    const [ours, theirs] = await inTurns(1, [held, plain], { warmUp: false });
    return { ours: median(ours), theirs: median(theirs) };
  },
};

export const sealedRecord = {
  name: 'seal-record',
  what: '`record --stdin` into a sealed trail',
  against: 'without seals',
  unit: 'entries/s',
  atLeast: 0.95,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const count = Math.min(size, 100_000);
    const input = await files.lines(count, false);
    const lines = readFileSync(input, 'utf8').split('\n').length - 1;
    const recorded = (make) => async () => {
      const file = await make();
      const { ms } = await run(daybook('--db', file, '--quiet', 'record', '--stdin'), { input });
      files.removeDatabase(file);
      return ms;
    };
    const sealed = async () => {
      const file = await withKey(files, await files.emptyTrail());
      await run(seal(file));
      return file;
    };
    const [ours, theirs] = await inTurns(ROUNDS, [recorded(sealed), recorded(() => files.emptyTrail())]);
    return rates(lines, ours, theirs);
  },
};
