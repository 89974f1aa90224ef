// Reads all entries of a trail as the lines that are sealed, in pages, and hashes them at once where it is asked to: what
// sealing and verifying are measured against. Prints how long it took, in milliseconds.
//
//   node read-lines.mjs DATABASE [hash]
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';
import { COLUMNS } from '../entries.mjs';

const [database, hashes] = process.argv.slice(2);
const PAGE = 1024;
const DOCUMENTS = new Set(['metadata', 'old_values', 'new_values', 'changed_fields']);
const TIMES = new Set(['ts', 'recorded_at']);

const members = COLUMNS.map((name) =>
  DOCUMENTS.has(name)
    ? `',"${name}":', coalesce(e.${name}, 'null')`
    : TIMES.has(name)
      ? `',"${name}":', coalesce('"' || e.${name} || '"', 'null')`
      : `',"${name}":', json_quote(e.${name})`,
);
const connection = new Database(database, { readonly: true });
const page = connection
  .prepare(
    `SELECT CAST(group_concat(line, '') AS BLOB), max(seq) FROM (
       SELECT concat('{"seq":', e.seq, ${members.join(', ')}, '}' || char(10)) AS line, e.seq AS seq
       FROM daybook_entries AS e WHERE e.seq > ? ORDER BY e.seq LIMIT ${PAGE})`,
  )
  .raw();
const hash = createHash('sha256');
const began = performance.now();
let bytes = 0;
for (let after = 0; after !== null;) {
  const [lines, last] = page.get(after);
  if (lines !== null) {
    bytes += lines.length;
    if (hashes === 'hash') hash.update(lines);
  }
  after = last;
}
connection.close();
process.stdout.write(`${JSON.stringify({ ms: performance.now() - began, bytes, sha256: hash.digest('hex') })}\n`);
