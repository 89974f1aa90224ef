import Database from 'better-sqlite3';
import { captureRequest } from '../../src/library.js';
import { openSqlite } from '../../src/store/sqlite/index.js';

/** Captures a table of a database, with nothing asked. */
export async function captureTable(file: string, table: string): Promise<void> {
  const store = openSqlite({
    path: file,
    readonly: false,
    busyTimeout: 1000,
    clock: Date.now,
    presence: { host: 'desk', pid: process.pid, lives: () => true },
  });
  const actor = { actor: 'alice', actor_type: 'user', recorded_by: null };
  await store.addCaptures([table], captureRequest(), actor);
  await store.close();
}

/** Makes a captured table in a database, and a change of it; gives the seq of its entry. */
export async function capturedChange(file: string): Promise<number> {
  const app = new Database(file);
  try {
    app.exec('CREATE TABLE prices (item TEXT PRIMARY KEY, price REAL)');
    await captureTable(file, 'prices');
    app.exec("INSERT INTO prices VALUES ('tea', 1.5)");
    return app.prepare<[], number>('SELECT max(seq) FROM daybook_entries').pluck().get() ?? 0;
  } finally {
    app.close();
  }
}
