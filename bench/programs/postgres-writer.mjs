// An application that records in PostgreSQL while others work: about 200 entries a second, each its own transaction, until its
// stdin is closed. Prints how long its writes took.
//
//   node postgres-writer.mjs <url>
import pg from 'pg';

const PAUSE_MS = 5;

const client = new pg.Client({ connectionString: process.argv[2] });
await client.connect();
const waits = [];
let open = true;
process.stdin.resume().once('end', () => (open = false));
let next = performance.now();
while (open) {
  const began = performance.now();
  await client.query(
    `INSERT INTO daybook.daybook_entries (category, action, actor, actor_type, message) VALUES ('device', 'report', 'gateway', 'system', $1)`,
    [`report ${waits.length}`],
  );
  waits.push(performance.now() - began);
  // A late write is not made up for: an application waits for each of its own.
  next = Math.max(next + PAUSE_MS, performance.now());
  await new Promise((resolve) => setTimeout(resolve, next - performance.now()));
}
await client.end();
const sorted = waits.toSorted((a, b) => a - b);
const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
console.log(JSON.stringify({ count: waits.length, longest: at(1), p99: at(0.99), median: at(0.5) }));
