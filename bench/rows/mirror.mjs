import Database from 'better-sqlite3';
import { daybook, inTurns, median, run } from '../measure.mjs';

const ROUNDS = 5;
const ENTRIES = 10_000;
const SETTLEMENTS = 1000;

const ADD = 'mirror add settlements.notes --entity-type settlement --key id --max-length 2000'.split(' ');

/** Milliseconds for entries in one transaction, ten of each settlement, beside the application's table. */
async function recorded(files, mirrored) {
  const file = await files.fresh(`mirror-${mirrored}.db`);
  let connection = new Database(file);
  connection.pragma('journal_mode = WAL');
  connection.exec(`CREATE TABLE settlements (id INTEGER PRIMARY KEY, state TEXT, gross INTEGER, notes TEXT);
    WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${SETTLEMENTS})
    INSERT INTO settlements SELECT id, 'processed', id * 100, NULL FROM n`);
  connection.close();
  await run(daybook('--db', file, 'init', '--alongside'));
  if (mirrored) await run(daybook('--db', file, ...ADD));
  connection = new Database(file);
  const insert = connection.prepare(
    `INSERT INTO daybook_entries (action, actor, entity_type, entity_id, message) VALUES ('note', ?, 'settlement', ?, ?)`,
  );
  const began = performance.now();
  connection.transaction(() => {
    for (let at = 0; at < ENTRIES; at++) {
      insert.run(`operator-${at % 7}`, String(1 + ((at * 7) % SETTLEMENTS)), `cassette ${at} empty after 80 of 120`);
    }
  })();
  const elapsed = performance.now() - began;
  connection.close();
  files.removeDatabase(file);
  return elapsed;
}

export const mirror = {
  name: 'mirror',
  what: `${ENTRIES.toLocaleString('en-US')} mirrored entries in one transaction, ten of each row`,
  against: 'the same without a mirror',
  unit: 'ms',
  atMost: 2,
  measure: async ({ files }) => {
    const [ours, theirs] = await inTurns(
      ROUNDS,
      [true, false].map((mirrored) => () => recorded(files, mirrored)),
    );
    return { ours: median(ours), theirs: median(theirs) };
  },
};
