// An application that records while others work: about 200 entries a second through a connection of its own, until its
// stdin is closed. Prints how long its writes took.
//
//   node writer.mjs <database>
import Database from 'better-sqlite3';

const PAUSE_MS = 5;

const connection = new Database(process.argv[2], { timeout: 60_000 });
const insert = connection.prepare(
  `INSERT INTO daybook_entries (category, action, actor, actor_type, message) VALUES ('device', 'report', 'gateway', 'system', ?)`,
);
const waits = [];
let next = performance.now();

function write() {
  const began = performance.now();
  insert.run(`report ${waits.length}`);
  waits.push(performance.now() - began);
  // A late write is not made up for: an application waits for each of its own.
  next = Math.max(next + PAUSE_MS, performance.now());
  timer = setTimeout(write, next - performance.now());
}

let timer = setTimeout(write, 0);

process.stdin.resume().once('end', () => {
  clearTimeout(timer);
  connection.close();
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  console.log(JSON.stringify({ count: waits.length, longest: at(1), p99: at(0.99), median: at(0.5) }));
});
