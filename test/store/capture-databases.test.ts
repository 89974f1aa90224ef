import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import Database from 'better-sqlite3';
import initSqlJs from 'sql.js';
import { expect, test } from 'vitest';
import { captureRequest } from '../../src/library.js';
import { inOrder, Rebuild, takeMoment } from '../end-to-end/capture-rebuild.js';
import { drawnTables, stepDrawer } from '../end-to-end/capture-statements.js';
import { FIXTURES, seeded, tell } from '../end-to-end/trail.js';
import { ACTOR, sqliteTrail } from './trail.js';

// Databases of drawn tables, each written by two programs in turn, each with an SQLite of its own; after every step, the
// tables must be what their entries tell. DAYBOOK_PROOF_SECONDS says for how long, up to a thousand databases; a seed of
// fixtures/capture/seeds.json is one that failed once.

const SECONDS = Number(process.env['DAYBOOK_PROOF_SECONDS'] ?? 15);
const MOST = 1000;
const STEPS = 10;
const ONE = process.env['DAYBOOK_TEST_SEED'];

const wasmBinary = readFileSync(createRequire(import.meta.url).resolve('sql.js/dist/sql-wasm.wasm'));
const { Database: OldDatabase } = await initSqlJs({ wasmBinary });

type Program = (file: string, statements: readonly string[]) => string[];

const PROGRAMS: Readonly<Record<string, Program>> = {
  '3.38': (file, statements) => {
    const database = new OldDatabase(readFileSync(file));
    const errors = attempt(statements, (statement) => {
      database.run(statement);
    });
    attempt(['ROLLBACK'], (statement) => {
      database.run(statement);
    });
    writeFileSync(file, database.export());
    database.close();
    return errors;
  },
  '3.40': (file, statements) => {
    const input = ['PRAGMA synchronous = OFF', ...statements]
      .map((statement) => `${statement};\n.print "--"\n`)
      .join('');
    const output = execFileSync('sh', ['-c', 'sqlite3 "$0" 2>&1 || true', file], { input, encoding: 'utf8' });
    return output
      .split('\n')
      .filter((line) => /^(?:Runtime |Parse )?[Ee]rror\b.*?: /.test(line))
      .map((line) => line.trim());
  },
  bundled: (file, statements) => {
    const database = new Database(file);
    database.pragma('synchronous = OFF');
    const errors = attempt(statements, (statement) => {
      database.exec(statement);
    });
    database.close();
    return errors;
  },
};

function attempt(statements: readonly string[], run: (statement: string) => void): string[] {
  return statements.flatMap((statement) => {
    try {
      run(statement);
      return [];
    } catch (error) {
      return [`${(error as Error).message} in ${statement}`];
    }
  });
}

/** Rules of the tables, functions that do not take a value, and what comes of a transaction that such a rule has ended. */
const EXPLAINED =
  /constraint|JSON cannot hold BLOB|malformed JSON|datatype mismatch|cannot store|no transaction is active|no such savepoint|ON CONFLICT clause does not match|UPSERT a view/i;

test('the oldest of the programs is SQLite 3.38', () => {
  const database = new OldDatabase(new Uint8Array());
  database.run(`CREATE TABLE t (v CHECK (v GLOB '3.38.*'))`);
  expect(() => database.run('INSERT INTO t VALUES (sqlite_version())')).not.toThrow();
  database.close();
});

test(
  'whatever two programs write, the entries tell what the tables are',
  async () => {
    const kept = JSON.parse(readFileSync(path.join(FIXTURES, 'capture/seeds.json'), 'utf8')) as number[];
    const until = Date.now() + SECONDS * 1000;
    const seeds = ONE === undefined ? [...kept] : [Number(ONE)];
    let made = 0;
    let entries = 0;
    for (; made < seeds.length || (ONE === undefined && made < MOST && Date.now() < until); made += 1) {
      const seed = seeds[made] ?? Math.floor(Math.random() * 2 ** 31);
      try {
        entries += await proveOne(seed);
      } catch (error) {
        throw new Error(`DAYBOOK_TEST_SEED=${seed}, to be kept in fixtures/capture/seeds.json`, { cause: error });
      }
    }
    tell(`${made} databases, ${entries} entries`);
    expect(entries).toBeGreaterThan(made);
  },
  SECONDS * 1000 + 120_000,
);

async function proveOne(seed: number): Promise<number> {
  const random = seeded(seed);
  const { trail, store } = await sqliteTrail();
  const app = trail.plain();
  const schema = drawnSchema(random);
  app.exec(schema);
  const tables = drawnTables(app);
  await store.addCaptures(
    tables.map(({ name }) => name),
    captureRequest(),
    ACTOR,
  );
  await store.close();
  // SQLite within the process takes the file as it stands.
  expect(app.pragma('journal_mode = DELETE', { simple: true })).toBe('delete');
  const names = Object.keys(PROGRAMS);
  const programs = names.filter((_, at) => at !== Math.floor(random() * 3)).slice(0, 2);
  const draw = stepDrawer(tables, random, 'program');
  const rebuild = new Rebuild(app, tables);
  for (let step = 0; step < STEPS; step += 1) {
    const name = programs[step % programs.length] as string;
    const statements = draw();
    const errors = PROGRAMS[name]?.(trail.path, statements) ?? [];
    const told = `${schema}\nstep ${step} by ${name}:\n${statements.join(';\n')}`;
    expect(
      errors.filter((error) => error.includes('daybook:') || !EXPLAINED.test(error)),
      told,
    ).toEqual([]);
    const moment = takeMoment(app, tables);
    try {
      rebuild.to(moment.seq);
      expect(inOrder(rebuild.contents())).toEqual(inOrder(moment.contents));
    } catch (error) {
      throw new Error(told, { cause: error });
    }
  }
  app.close();
  return rebuild.entries;
}

/** Some tables of every kind that capture must know: keys, types, STRICT, computed columns, defaults, views. */
function drawnSchema(random: () => number): string {
  const one = (items: readonly string[]): string => items[Math.floor(random() * items.length)] as string;
  const chance = (probability: number): boolean => random() < probability;
  return ['alpha', 'beta'].map((table) => drawnTable(table, { one, chance })).join('\n');
}

function drawnTable(
  table: string,
  { one, chance }: { readonly one: (items: readonly string[]) => string; readonly chance: (share: number) => boolean },
): string {
  const strict = chance(0.3);
  const type = (): string =>
    one(
      strict
        ? ['TEXT', 'INTEGER', 'REAL', 'BLOB', 'ANY']
        : ['TEXT', 'VARCHAR(9)', 'INTEGER', 'REAL', 'NUMERIC', 'BLOB', ''],
    );
  const key = one([
    'id INTEGER PRIMARY KEY',
    'id TEXT NOT NULL PRIMARY KEY',
    'id INT NOT NULL PRIMARY KEY',
    'composite',
    'id TEXT COLLATE NOCASE NOT NULL PRIMARY KEY',
  ]);
  const columns = ['a', 'b', 'c d', 'e"f'].slice(0, 2 + (chance(0.5) ? 2 : 0)).map((name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    const rule = one(['', '', '', ' UNIQUE', ` DEFAULT (json_object('made', 1))`, ' COLLATE NOCASE']);
    const own = rule.includes('DEFAULT') || rule.includes('COLLATE') ? 'TEXT' : type();
    return `${quoted} ${own}${rule}`;
  });
  const computed = [
    ...(chance(0.3) ? [`v TEXT AS (json_array(t)) VIRTUAL`] : []),
    ...(chance(0.3) ? [`s TEXT AS (json_quote(t)) STORED`] : []),
    ...(chance(0.2) ? [`w TEXT AS (t || '!') VIRTUAL`] : []),
  ];
  const keys =
    key === 'composite'
      ? { first: ['k TEXT NOT NULL', `l ${strict ? 'ANY' : ''} NOT NULL`], last: ['PRIMARY KEY (l, k)'] }
      : { first: [key], last: [] };
  const options = [...(strict ? ['STRICT'] : []), ...(chance(0.3) ? ['WITHOUT ROWID'] : [])].join(', ');
  const written = [...keys.first, ...columns, 't TEXT'].map((column) => /^"(?:[^"]|"")*"|^\w+/.exec(column)?.[0] ?? '');
  const list = written.join(', ');
  return `CREATE TABLE ${table} (${[...keys.first, ...columns, 't TEXT', ...computed, ...keys.last].join(', ')}) ${options};
CREATE VIEW ${table}_shown AS SELECT ${list} FROM ${table};
CREATE TRIGGER ${table}_shown_insert INSTEAD OF INSERT ON ${table}_shown
BEGIN INSERT INTO ${table} (${list}) VALUES (${written.map((name) => `NEW.${name}`).join(', ')}); END;`;
}
