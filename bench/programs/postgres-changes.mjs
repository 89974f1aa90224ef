// Updates each row of a table in a transaction of its own, and prints how long that took.
//
//   node postgres-changes.mjs <url> <count>
import pg from 'pg';

const client = new pg.Client({ connectionString: process.argv[2] });
await client.connect();
const began = performance.now();
for (let id = 1; id <= Number(process.argv[3]); id++) {
  await client.query('UPDATE accounts SET balance = balance + 1 WHERE id = $1', [id]);
}
console.log(JSON.stringify({ ms: performance.now() - began }));
await client.end();
