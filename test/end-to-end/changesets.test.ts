import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { capturedTrail } from '../store/captured.js';
import type { Captured } from '../store/captured.js';

// SQLite's sessions come with Node itself from version 22.12 on: this one, or the one that is called by its name. Two
// SQLite libraries in one process ignore each other's locks, so another process has them.
const probe = `const { DatabaseSync } = require('node:sqlite'); if (!DatabaseSync.prototype.applyChangeset) process.exit(1)`;
function hasSessions(node: string): boolean {
  try {
    execFileSync(node, ['-e', probe], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const node = [process.execPath, 'node'].find(hasSessions);

const documented = /### Changesets under a context[^]*?```js\n([^]*?)```/.exec(
  readFileSync(path.resolve(import.meta.dirname, '../../docs/capture.md'), 'utf8'),
)?.[1];

const SCHEMA = `CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, a REFERENCES p (id) ON DELETE CASCADE);
  INSERT INTO p VALUES (1), (2); INSERT INTO t VALUES (1, 1), (2, 2);`;

/** Runs a script with a changeset that these statements make, and gives what it says. */
function applies({ file }: Captured, statements: string, script: string | undefined): string {
  const program = `
    const { DatabaseSync } = require('node:sqlite');
    const other = new DatabaseSync(':memory:');
    other.exec(${JSON.stringify(SCHEMA)});
    const session = other.createSession();
    other.exec(${JSON.stringify(statements)});
    const changeset = session.changeset();
    const database = new DatabaseSync(${JSON.stringify(file)});
    try { ${script} ; console.log('applied'); } catch (error) { console.log(error.message); }`;
  return execFileSync(node ?? '', ['--no-warnings', '-e', program], { encoding: 'utf8' }).trim();
}

function entries({ app }: Captured): unknown[] {
  return app
    .prepare(`SELECT action, actor, entity_id FROM daybook_entries WHERE category = 'entity' ORDER BY seq`)
    .raw()
    .all();
}

async function scene(): Promise<Captured> {
  const trail = await capturedTrail(SCHEMA);
  await trail.capture(['t', 'p']);
  return trail;
}

describe.skipIf(node === undefined)('a changeset under a context', () => {
  const CHANGES =
    'UPDATE t SET a = 2 WHERE id = 1; INSERT INTO t VALUES (3, 1); PRAGMA foreign_keys = ON; DELETE FROM p WHERE id = 2';

  test('fails as a whole where foreign keys are on', async () => {
    const trail = await scene();
    const script = `database.exec("PRAGMA foreign_keys = ON; BEGIN; INSERT INTO daybook_context (actor) VALUES ('sync')");
      try { database.applyChangeset(changeset); } finally { database.exec('DELETE FROM daybook_context; COMMIT'); }`;
    expect(applies(trail, 'INSERT INTO t VALUES (3, 1)', script)).toMatch(/constraint failed/);
    expect(entries(trail)).toEqual([]);
  });

  test('is applied as the documentation says, with the rows that a cascade took', async () => {
    const trail = await scene();
    expect(applies(trail, CHANGES, documented)).toBe('applied');
    expect(entries(trail)).toHaveLength(4);
    expect(new Set(entries(trail).map((entry) => (entry as unknown[])[1]))).toEqual(new Set(['sync']));
    expect(trail.app.prepare('SELECT * FROM t').raw().all()).toEqual([[3, 1]]);
    expect(trail.app.prepare('SELECT count(*) FROM daybook_context').pluck().get()).toBe(0);
  });

  test('is taken back, as the documentation says, where a row would refer to nothing, or rows are in conflict', async () => {
    const trail = await scene();
    expect(applies(trail, 'PRAGMA foreign_keys = OFF; INSERT INTO t VALUES (3, 7)', documented)).toBe(
      'a row refers to nothing',
    );
    trail.app.exec('UPDATE t SET a = 2 WHERE id = 1');
    expect(applies(trail, 'UPDATE t SET a = 2 WHERE id = 1', documented)).toBe('the changeset is in conflict');
    expect(entries(trail)).toEqual([['update', 'unknown', '1']]);
  });
});
