import { readFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { run, temporaryDirectory } from '../support/program.js';
import { startWriter, WRITERS } from './capture-writers.js';
import type { Writer, WriterName } from './capture-writers.js';
import { inOrder, Rebuild, takeMoment } from './capture-rebuild.js';
import type { Moment } from './capture-rebuild.js';
import { drawnTables, stepDrawer } from './capture-statements.js';
import type { DrawnTable, Step } from './capture-statements.js';
import { expectSound, FIXTURES, randomness, tell } from './trail.js';

interface Subject {
  readonly file: string;
  /** A connection that only looks. */
  readonly database: Database.Database;
  readonly tables: readonly DrawnTable[];
}

/** A database with all tables of a fixture under capture, which the built program has put them under. */
async function capturedDatabase(schema: string): Promise<Subject> {
  const file = path.join(temporaryDirectory(), 'app.db');
  const database = new Database(file, { timeout: 10_000 });
  onTestFinished(() => void database.close());
  database.exec(readFileSync(path.join(FIXTURES, 'capture', schema), 'utf8'));
  const tables = drawnTables(database);
  expect(await run(['--db', file, 'init', '--alongside'])).toMatchObject({ code: 0 });
  const added = await run(['--db', file, 'capture', 'add', ...tables.map((table) => table.name)]);
  expect(added).toMatchObject({ code: 0 });
  database.pragma('journal_mode = WAL');
  return { file, database, tables };
}

/** Runs drawn steps until asked to stop, and gives the errors that no rule of a table explains. */
async function drive(writer: Writer, draw: () => Step, goesOn: () => boolean): Promise<string[]> {
  const strange: string[] = [];
  while (goesOn()) {
    const step = draw();
    for (const error of await writer.run(step)) {
      if (!isExplained(error)) strange.push(`${error} in ${step.join('; ')}`);
    }
  }
  return strange;
}

/** Rules of the tables, and what comes of a transaction that such a rule has ended. */
function isExplained(error: string): boolean {
  return (
    !error.includes('daybook') &&
    /constraint|JSON cannot hold BLOB|malformed JSON|datatype mismatch|cannot store|no transaction is active|no such savepoint|ON CONFLICT clause does not match/i.test(
      error,
    )
  );
}

function expectRebuilt(rebuild: Rebuild, { seq, contents }: Moment): void {
  rebuild.to(seq);
  expect(inOrder(rebuild.contents())).toEqual(inOrder(contents));
}

describe('one program alone: the trail gives the tables after every step', () => {
  test.each(WRITERS)('%s', async (name) => {
    const { file, database, tables } = await capturedDatabase('kinds.sql');
    const random = randomness(`capture by ${name}`);
    const writer = startWriter(name, file);
    const draw = stepDrawer(tables, random, name);
    const rebuild = new Rebuild(database, tables);
    const done: Step[] = [];
    for (let step = 0; step < 90; step += 1) {
      const drawn = draw();
      done.push(drawn);
      const errors = await writer.run(drawn);
      const told = `after step ${step}:\n${done
        .slice(-3)
        .map((one) => one.join(';\n'))
        .join(';\n\n')}`;
      expect(
        errors.filter((error) => !isExplained(error)),
        told,
      ).toEqual([]);
      const moment = takeMoment(database, tables);
      try {
        expectRebuilt(rebuild, moment);
      } catch (error) {
        throw new Error(told, { cause: error });
      }
    }
    await writer.stop();
    expect(rebuild.entries).toBeGreaterThan(50);
  });
});

const SCHEMAS: readonly (readonly [string, string | null, readonly WriterName[]])[] = [
  ['kinds.sql', null, ['better-sqlite3', 'python']],
  ['chinook.sql', 'chinook-rows.sql', ['better-sqlite3', 'the sqlite3 shell']],
];

describe('two programs at once: the trail gives the tables as they were', () => {
  test.each(SCHEMAS)('%s', async (schema, rows, names) => {
    const { file, database, tables } = await capturedDatabase(schema);
    const random = randomness(`capture of ${schema}`);
    if (rows !== null) database.exec(readFileSync(path.join(FIXTURES, 'capture', rows), 'utf8'));
    const moments: Moment[] = [takeMoment(database, tables)];
    const writers = names.map((name) => startWriter(name, file));
    const wrote = database
      .prepare<[], number>(
        `SELECT count(DISTINCT actor) FROM daybook_entries WHERE actor_type <> 'unknown' AND category = 'entity'`,
      )
      .pluck();
    // On a busy machine one of them may come to nothing for a while.
    const goesOn = (): boolean => moments.length <= 20 || (wrote.get() ?? 0) < names.length;
    const look = (): boolean => {
      // With the other program somewhere in the middle of what it does.
      if (random() < 0.1) moments.push(takeMoment(database, tables));
      return goesOn();
    };
    const strange = await Promise.all(
      writers.map((writer, index) => drive(writer, stepDrawer(tables, random, names[index] ?? ''), look)),
    );
    for (const writer of writers) await writer.stop();
    moments.push(takeMoment(database, tables));

    expect(strange.flat()).toEqual([]);
    const rebuild = new Rebuild(database, tables);
    for (const moment of moments) expectRebuilt(rebuild, moment);
    tell(`${schema}: ${rebuild.entries} entries, ${moments.length} moments`);
    expect(rebuild.entries).toBeGreaterThan(100);
    const actors = database
      .prepare(`SELECT DISTINCT actor FROM daybook_entries WHERE category = 'entity' ORDER BY 1`)
      .pluck()
      .all();
    expect(actors).toEqual([...names, 'unknown'].toSorted());
    const mixed = database
      .prepare(
        `SELECT count(*) FROM daybook_entries WHERE category = 'entity' AND correlation_id NOT GLOB actor || ' *'`,
      )
      .pluck()
      .get();
    expect(mixed).toBe(0);
    expectSound(file);
  });
});
