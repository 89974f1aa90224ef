import Database from 'better-sqlite3';
import { daybook, median, run } from '../measure.mjs';
import { openStore } from '../store.mjs';

const ROUNDS = 201;
const CHANGES_PER_ROW = 20;
const LONGEST_MS = 5;

/** A table whose rows were changed so often that the trail holds this many changes. */
async function changedOften(files, changes) {
  const file = await files.fresh('changed.db');
  const connection = new Database(file);
  connection.pragma('journal_mode = WAL');
  connection.exec('CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, balance REAL)');
  await run(daybook('--db', file, 'init', '--alongside'));
  await run(daybook('--db', file, 'capture', 'add', 'customers'));
  const rows = changes / CHANGES_PER_ROW;
  const insert = connection.prepare('INSERT INTO customers (name, balance) VALUES (?, 0)');
  const update = connection.prepare('UPDATE customers SET balance = balance + 1');
  connection.transaction(() => {
    for (let row = 1; row <= rows; row++) insert.run(`customer ${row}`);
  })();
  for (let change = 1; change < CHANGES_PER_ROW; change++) update.run();
  connection.close();
  return { file, rows };
}

/** What a row was half-way, and for comparison one entry by its seq. */
export const rowState = {
  name: 'state',
  what: 'what a row was at a moment, in the store, among captured changes',
  against: 'one entry by its seq',
  unit: 'ms',
  alsoAtMost: { ours: LONGEST_MS, words: `under ${LONGEST_MS} ms` },
  sizes: 'largest',
  measure: async ({ files, size }) => {
    const { file, rows } = await changedOften(files, size);
    const store = await openStore(file);
    const took = { state: [], entry: [] };
    const timed = async (which, work, round) => {
      const began = performance.now();
      const found = await work();
      if (found === undefined || found === null) throw new Error(`${which} found nothing`);
      if (round >= 0) took[which].push(performance.now() - began);
    };
    try {
      for (let round = -5; round < ROUNDS; round++) {
        const id = String(1 + (((round + 5) * 7919) % rows));
        const seq = 1 + Math.round(size / 2) + round;
        await timed(
          'state',
          async () => {
            const { spans } = await store.captureHistory('customers');
            const moment = { entityType: 'customers', span: spans[0], at: { seq } };
            return (await store.rowEvidence(moment, id, true)).last;
          },
          round,
        );
        await timed('entry', () => store.find({ seq }), round);
      }
      return { ours: median(took.state), theirs: median(took.entry) };
    } finally {
      await store.close();
      files.removeDatabase(file);
    }
  },
};
