import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { daybook, helper, inTurns, median, run, start } from '../measure.mjs';

const ROUNDS = 3;

/** Half of a trail goes while another process records about 200 entries a second: one measurement, two bounds. */
const measured = new Map();

function pruning(files, size, busy = false) {
  const key = `${size} ${busy}`;
  if (!measured.has(key)) measured.set(key, busy ? besideLoad(() => measure(files, size)) : measure(files, size));
  return measured.get(key);
}

/** Runs `work` while as many programs as there are processors never rest. */
async function besideLoad(work) {
  const others = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    return await work();
  } finally {
    for (const other of others) other.kill();
  }
}

async function measure(files, size) {
  const trail = await files.trail(size);
  const before = middleOf(trail, size);
  const ours = async () => {
    const database = await files.copy(trail);
    const writer = start(helper('writer.mjs', database));
    // Both are at work before the clock runs.
    await sleep(1000);
    const words = ['--db', database, '--quiet', 'prune', '--before', before, '--yes', '--format', 'json'];
    const { ms, stdout } = await run(daybook(...words));
    const writes = await writer.stop();
    files.removeDatabase(database);
    return { ms, writes, ...JSON.parse(stdout) };
  };
  const theirs = async () => {
    const database = await files.copy(trail);
    const { stdout } = await run(helper('delete.mjs', database, before));
    files.removeDatabase(database);
    return JSON.parse(stdout);
  };
  /** What a write takes when nobody prunes: the machine has stalls of its own. */
  const alone = async () => {
    const database = await files.copy(trail);
    const writer = start(helper('writer.mjs', database));
    await sleep(10_000);
    const writes = await writer.stop();
    files.removeDatabase(database);
    return writes;
  };
  const [prunes, deletes, undisturbed] = await inTurns(ROUNDS, [ours, theirs, alone], { warmUp: false });
  for (const [position, prune] of prunes.entries()) {
    if (prune.deleted !== deletes[position].deleted) throw new Error('the prune and the DELETE took different entries');
  }
  return { prunes, deletes, undisturbed };
}

function middleOf(database, size) {
  const connection = new Database(database, { readonly: true });
  const ts = connection
    .prepare('SELECT ts FROM daybook_entries ORDER BY ts_ms, seq LIMIT 1 OFFSET ?')
    .pluck()
    .get(Math.floor(size / 2));
  connection.close();
  return ts;
}

export const pruneTime = {
  name: 'prune',
  what: '`prune` of half, beside a writer',
  against: 'one DELETE of the same rows',
  unit: 's',
  atMost: 4,
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const { prunes, deletes } = await pruning(files, size);
    return { ours: median(prunes.map(({ ms }) => ms)) / 1000, theirs: median(deletes.map(({ ms }) => ms)) / 1000 };
  },
};

function waiting(name, busy, where) {
  return {
    name,
    what: `longest wait of the writer beside that \`prune\`${where}`,
    against: 'its longest wait with nobody else',
    unit: 'ms',
    alsoAtMost: busy ? { ours: 50, words: 'under 50 ms' } : { ours: 100, words: 'under 100 ms' },
    sizes: 'largest',
    measure: async ({ files, size }) => {
      const { prunes, undisturbed } = await pruning(files, size, busy);
      const waits = (each) => `${Math.round(each.longest)} (99 %: ${Math.round(each.p99)})`;
      return {
        ours: Math.max(...prunes.map(({ writes }) => writes.longest)),
        theirs: Math.max(...undisturbed.map(({ longest }) => longest)),
        ...(busy && { note: prunes.map(({ writes }) => waits(writes)).join(', ') }),
      };
    },
  };
}

export const pruneWait = waiting('prune-wait', false, '');
/** The writer, too, waits for a processor then: its wait with nobody else is to be read beside it. */
export const pruneWaitBusy = waiting('prune-busy-wait', true, ', every processor busy');
