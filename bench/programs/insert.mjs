// What recording costs SQLite alone: one prepared INSERT, in batches of given sizes, with nothing around it, and nothing
// that refuses an INSERT which would replace an entry.
//
//   node insert.mjs <database> <batch sizes as JSON> with|without
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { INSERT } from '../databases.mjs';
import { entries, freshIds, valuesOf } from '../entries.mjs';

const [file, sizesFile, ids] = process.argv.slice(2);
const sizes = JSON.parse(readFileSync(sizesFile, 'utf8'));
const source = entries(sizes.reduce((sum, size) => sum + size, 0));
const connection = new Database(file);
// As daybook opens it.
connection.pragma('synchronous = FULL');
connection.exec('DROP TRIGGER daybook_entries_append_only_insert');
const insert = connection.prepare(INSERT);
const freshId = freshIds();
let ms = 0;
for (const size of sizes) {
  // Every value is ready before the clock runs.
  const now = new Date().toISOString();
  const batch = Array.from({ length: size }, () => {
    const entry = source.next().value;
    return valuesOf(entry, ids === 'with' ? entry.id : freshId(), now);
  });
  const began = performance.now();
  connection.exec('BEGIN IMMEDIATE');
  for (const values of batch) insert.run(values);
  connection.exec('COMMIT');
  ms += performance.now() - began;
}
connection.close();
console.log(JSON.stringify({ ms }));
