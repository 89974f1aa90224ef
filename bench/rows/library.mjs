import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { daybook, inTurns, median, run } from '../measure.mjs';

const ROUNDS = 15;
const ENTRIES = 5000;
const TRANSACTIONS = 2000;

const library = () =>
  import(pathToFileURL(path.join(path.dirname(fileURLToPath(import.meta.url)), '../../dist/index.js')).href);

/** A trail that an application has open. The disk is left out: it would be most of both times. */
async function connection(files) {
  const file = await files.fresh('library.db');
  await run(daybook('--db', file, 'init'));
  const database = new Database(file);
  database.pragma('synchronous = OFF');
  return { file, database };
}

/** Microseconds for each of so many, in what `work` does once. */
async function timed(files, count, prepare) {
  const { file, database } = await connection(files);
  const work = await prepare(database);
  const began = performance.now();
  work();
  const elapsed = performance.now() - began;
  database.close();
  files.removeDatabase(file);
  return (elapsed * 1000) / count;
}

/** `record` of an attached connection in one transaction, against a prepared INSERT of the same values. */
export const libraryRecord = {
  name: 'library-record',
  what: 'an entry in an own transaction, by `attach().record`',
  against: 'a prepared INSERT of the same values',
  unit: 'µs',
  atMost: 2.5,
  measure: async ({ files }) => {
    const { attach } = await library();
    const ours = () =>
      timed(files, ENTRIES, (database) => {
        const trail = attach(database);
        return database.transaction(() => {
          for (let at = 0; at < ENTRIES; at++) {
            trail.record({
              action: 'update',
              actor: 'u-42',
              entity_type: 'settlement',
              entity_id: String(at),
              message: 'the machine gave out 90 of 100',
              metadata: { shift: 'night' },
            });
          }
        });
      });
    const theirs = () =>
      timed(files, ENTRIES, (database) => {
        const insert = database.prepare(
          `INSERT INTO daybook_entries (action, actor, actor_type, entity_type, entity_id, message, metadata)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        );
        return database.transaction(() => {
          for (let at = 0; at < ENTRIES; at++) {
            const metadata = JSON.stringify({ shift: 'night' });
            const message = 'the machine gave out 90 of 100';
            insert.run('update', 'u-42', 'user', 'settlement', String(at), message, metadata);
          }
        });
      });
    const [our, their] = await inTurns(ROUNDS, [ours, theirs]);
    return { ours: median(our), theirs: median(their) };
  },
};

/** A transaction with a context and nothing in it, against the same statements by hand. */
export const libraryTransaction = {
  name: 'library-transaction',
  what: 'an empty transaction with a context, by `attach().transaction`',
  against: 'its statements by hand, prepared',
  unit: 'µs',
  atMost: 1.5,
  measure: async ({ files }) => {
    const { attach } = await library();
    const ours = () =>
      timed(files, TRANSACTIONS, (database) => {
        const trail = attach(database);
        return () => {
          for (let at = 0; at < TRANSACTIONS; at++) {
            trail.transaction({ actor: 'u-42', correlationId: 'request-9' }, () => undefined);
          }
        };
      });
    const theirs = () =>
      timed(files, TRANSACTIONS, (database) => {
        const [begin, clear, commit] = ['BEGIN IMMEDIATE', 'DELETE FROM daybook_context', 'COMMIT'].map((sql) =>
          database.prepare(sql),
        );
        const set = database.prepare(
          'INSERT OR REPLACE INTO daybook_context (actor, actor_type, correlation_id, reason) VALUES (?, ?, ?, ?)',
        );
        return () => {
          for (let at = 0; at < TRANSACTIONS; at++) {
            begin.run();
            set.run('u-42', 'user', 'request-9', null);
            clear.run();
            commit.run();
          }
        };
      });
    const [our, their] = await inTurns(ROUNDS, [ours, theirs]);
    return { ours: median(our), theirs: median(their) };
  },
};
