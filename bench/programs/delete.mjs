// Deletes what a prune would delete, in one statement, with the guard lifted as a prune lifts it.
//
//   node delete.mjs <database> <before>
import Database from 'better-sqlite3';

const [file, before] = process.argv.slice(2);
const connection = new Database(file);
connection.pragma('synchronous = FULL');
connection
  .prepare(
    `INSERT INTO daybook_prunes (command, actor, actor_type, criteria, up_to, started_at, heartbeat, host, pid)
     VALUES ('prune', 'bench', 'user', '[]', 0, '', '', 'bench', 0)`,
  )
  .run();
const remove = connection.prepare('DELETE FROM daybook_entries WHERE ts_ms < ?');
const began = performance.now();
connection.exec('BEGIN IMMEDIATE; UPDATE daybook_prunes SET deleting = 1');
const { changes } = remove.run(Date.parse(before));
connection.exec(`UPDATE daybook_prunes SET deleting = 0, state = 'done'; COMMIT`);
const ms = performance.now() - began;
connection.close();
console.log(JSON.stringify({ ms, deleted: changes }));
