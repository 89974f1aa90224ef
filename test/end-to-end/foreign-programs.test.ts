import { copyFileSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'csv-parse/sync';
import { run, temporaryDirectory } from '../support/program.js';
import { runOther } from './other-programs.js';
import { codeBlocks } from './pages.js';
import { column, DOCS, everything, expectSound, exported, FIXTURES, parseLines, value, withDatabase } from './trail.js';

const foreign = (name: string): string => path.join(FIXTURES, 'foreign', name);

/** How other programs run SQL, one statement after the other; gives the error of each, or null. */
const PROGRAMS: readonly (readonly [
  string,
  (file: string, statements: readonly string[]) => Promise<(string | null)[]>,
])[] = [
  ['the sqlite3 shell', inShell],
  ['python', inPython],
];

async function inShell(file: string, statements: readonly string[]): Promise<(string | null)[]> {
  // Two dots in the output stand between the statements: the shell goes on after an error.
  const script = statements.map((statement) => `${statement};\n.shell echo .. >&2\n`).join('');
  const { stderr } = await runOther('sqlite3', [file], script);
  const errors = stderr.split('..\n').slice(0, -1);
  expect(errors.length).toBe(statements.length);
  return errors.map((error) => (error === '' ? null : error));
}

async function inPython(file: string, statements: readonly string[]): Promise<(string | null)[]> {
  const ran = await runOther('python3', [foreign('run-sql.py'), file], JSON.stringify(statements));
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(ran.stdout) as (string | null)[];
}

async function newTrail(directory: string, name = 'audit.db'): Promise<string> {
  const file = path.join(directory, name);
  expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
  return file;
}

async function newApplication(directory: string): Promise<string> {
  const file = path.join(directory, 'app.db');
  expect(await runOther('sqlite3', ['-bail', file], readFileSync(foreign('application.sql'), 'utf8'))).toMatchObject({
    code: 0,
  });
  return file;
}

describe('docs/plain-sql.md', () => {
  test('records from the shell as it shows', async () => {
    const directory = temporaryDirectory();
    const file = await newTrail(directory);
    const blocks = codeBlocks('plain-sql.md', 'sh');
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      const ran = await runOther('sh', ['-e', '-c', block], '', { cwd: directory });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
    }
    const [entry] = await exported(file);
    expect(entry).toMatchObject({ action: 'door_opened', actor: 'ana', metadata: { shift: 'night' } });
    expect(entry?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('records from Python, in the transaction of the application, as it shows', async () => {
    const directory = temporaryDirectory();
    const file = await newApplication(directory);
    expect(await run(['--db', file, 'init', '--alongside'])).toMatchObject({ code: 0 });
    const blocks = codeBlocks('plain-sql.md', 'python');
    expect(blocks.length).toBeGreaterThan(0);
    const script = path.join(directory, 'page.py');
    await writeFile(
      script,
      `${blocks.join('\n')}\nprint(timestamp(datetime(2026, 3, 5, 14, 7, tzinfo=timezone.utc)))\n`,
    );
    expect(await runOther('python3', [script], '', { cwd: directory })).toMatchObject({
      code: 0,
      stderr: '',
      stdout: '2026-03-05T14:07:00.000Z\n',
    });
    expect(value(file, `SELECT net FROM settlements WHERE id = 's-1'`)).toBe(90);
    expect(await exported(file)).toMatchObject([
      {
        action: 'partial_dispense',
        old_values: { net: 100 },
        new_values: { net: 90 },
        changed_fields: ['net'],
        correlation_id: 'ticket-4711',
      },
    ]);
  });

  test.each(PROGRAMS)('its SQL runs in %s, and its reading finds what was recorded', async (name, execute) => {
    const file = await newTrail(temporaryDirectory());
    const blocks = codeBlocks('plain-sql.md', 'sql');
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      // What is a transaction of its own goes through in one piece.
      if (block.startsWith('BEGIN')) {
        expect(await runOther('sqlite3', ['-bail', file], block)).toMatchObject({ code: 0, stderr: '' });
        continue;
      }
      const statements = block
        .split(/;\s*$/m)
        .map((statement) => statement.trim())
        .filter((statement) => statement !== '');
      expect(await execute(file, statements), `${name}: ${block}`).toEqual(statements.map(() => null));
    }
    expect(await exported(file)).toMatchObject([
      { action: 'note', ts: '2026-01-31T09:00:00.000Z', message: 'written down later' },
      { action: 'door_opened', actor: 'ana', correlation_id: 'ticket-4711', metadata: { reason: 'refill' } },
    ]);
  });
});

describe('docs/alongside.md', () => {
  test('its way out takes the trail, captures and mirrors out, and brings the trail and its names back', async () => {
    const directory = temporaryDirectory();
    const [file, untouched] = [await newApplication(directory), path.join(directory, 'untouched.db')];
    const shell = async (database: string, sql: string): Promise<string> => {
      const ran = await runOther('sqlite3', ['-bail', database], sql);
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      return ran.stdout;
    };
    const odd = 'an "odd" one';
    await shell(file, `CREATE TABLE "${odd.replaceAll('"', '""')}" (a TEXT, b TEXT, PRIMARY KEY (a, b))`);
    copyFileSync(file, untouched);

    const daybook = async (...words: string[]): Promise<void> =>
      void expect(await run(['--db', file, ...words])).toMatchObject({ code: 0 });
    await daybook('init', '--alongside');
    await daybook('capture', 'add', 'settlements', '--ignore', 'settled_at');
    await daybook('capture', 'add', 'users', odd);
    await daybook('mirror', 'add', 'settlements.settled_at', '--entity-type', 'payout', '--key', 'id');
    await daybook('actors', 'set', 'u-1', '--name', 'Ines "the" Moreau, Böhm', '--email', '=i@example.org');
    await daybook('note', 'payout:s-2', 'paid out');
    // What the column shows by then is the application's.
    const shown = await shell(file, `SELECT settled_at FROM settlements WHERE id = 's-2'`);
    expect(shown).toMatch(/: paid out\n$/);
    await shell(untouched, `UPDATE settlements SET settled_at = '${shown.trimEnd()}' WHERE id = 's-2'`);
    for (const database of [file, untouched]) {
      await shell(
        database,
        `UPDATE settlements SET net = 90 WHERE id = 's-1'; INSERT OR REPLACE INTO users VALUES (2, 'li');
         DELETE FROM settlements WHERE id = 's-3'; INSERT INTO "${odd.replaceAll('"', '""')}" VALUES ('a', 'b')`,
      );
    }
    // Worth nothing to anybody, and in the way of nothing.
    await shell(file, `INSERT INTO daybook_context (actor) VALUES ('left behind')`);
    const entries = await exported(file);
    expect(entries.length).toBe(10);
    const blocks = codeBlocks('alongside.md', 'sh').filter((block) => /drop-daybook|trail\.ndjson/.test(block));
    expect(blocks.length).toBe(3);
    const bin = path.join(directory, 'daybook');
    await writeFile(bin, `#!/bin/sh\nexec '${process.execPath}' '${path.resolve(DOCS, '../bin/daybook.js')}' "$@"\n`, {
      mode: 0o755,
    });
    const env = { PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory };
    for (const block of blocks) {
      expect(await runOther('sh', ['-e', '-c', block], '', { cwd: directory, env })).toMatchObject({ code: 0 });
    }
    expect(column(file, `SELECT name FROM sqlite_schema WHERE sql LIKE '%daybook%' OR name LIKE '%daybook%'`)).toEqual(
      [],
    );
    const whole = async (database: string): Promise<string> =>
      (await shell(database, '.dump\nPRAGMA user_version;')).replaceAll(/^.*sqlite_sequence.*\n/gm, '');
    expect(await whole(file)).toBe(await whole(untouched));
    expect(column(file, 'SELECT name FROM sqlite_sequence')).toEqual([]);
    expectSound(file);
    const back = path.join(directory, 'trail.db');
    const [names, ...others] = (await exported(back)).slice(entries.length);
    expect([names?.action, others]).toEqual(['actors_import', []]);
    expect((await exported(back)).slice(0, -1)).toEqual(entries);
    expect(withDatabase(back, (database) => database.prepare('SELECT * FROM daybook_actors').raw().all())).toEqual([
      ['u-1', 'Ines "the" Moreau, Böhm', '=i@example.org'],
    ]);
  });
});

interface Tampering {
  readonly what: string;
  readonly sql: string;
}

const TAMPERING = JSON.parse(readFileSync(foreign('tampering.json'), 'utf8')) as Tampering[];

describe.each(PROGRAMS)('%s can only add entries', (_name, execute) => {
  test.each(['ON', 'OFF'])('cannot change or delete one by accident, recursive_triggers %s', async (recursive) => {
    const file = await newTrail(temporaryDirectory());
    const inserts = ['first', 'second', 'third'].map(
      (id) => `INSERT INTO daybook_entries (id, action, message) VALUES ('${id}', 'door_opened', 'as it was')`,
    );
    expect(await execute(file, inserts)).toEqual([null, null, null]);
    const before = everything(file);
    expect(before.length).toBe(3);
    const errors = await execute(file, [
      `PRAGMA recursive_triggers = ${recursive}`,
      ...TAMPERING.map(({ sql }) => sql),
    ]);
    for (const [index, { what }] of TAMPERING.entries()) expect(errors[index + 1], what).toContain('daybook: ');
    expect(everything(file)).toEqual(before);
    // Neither is the next seq any further than it should be.
    expect(await run(['--db', file, 'note', 'machine:1', 'still recording'])).toMatchObject({ code: 0, stdout: '4\n' });
    expectSound(file);
  });

  test('records what passes history and export', async () => {
    const file = await newTrail(temporaryDirectory());
    const recorded = await execute(file, [
      `INSERT INTO daybook_entries (action) VALUES ('bare')`,
      `INSERT INTO daybook_entries (action, actor, actor_type, entity_type, entity_id, scope, message, metadata, old_values, new_values, changed_fields)
       VALUES ('partial_dispense', 'ana', 'user', 'settlement', '90071992547409931', 'machine:17', 'gave out "90", not 100' || char(10) || '=2+2',
         '{"amount":90071992547409931234,"ratio":1.10}', '{"net":100}', '{"net":90}', '["net"]')`,
      `INSERT INTO daybook_entries (action, ts, recorded_at) VALUES ('backdated', '1999-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z')`,
      `INSERT INTO daybook_entries (action, ts, recorded_at, metadata) VALUES ('pretty', '1999-12-31T23:59:59.999Z', '2026-01-01T00:00:00.000Z', '{' || char(10) || '  "lines": 3' || char(13) || char(10) || '}')`,
    ]);
    expect(recorded).toEqual([null, null, null, null]);
    const history = await run(['--db', file, 'history', '--format', 'ndjson']);
    expect(history.code).toBe(0);
    expect(
      history.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { seq: number }).seq),
    ).toEqual([2, 1, 4, 3]);
    expect(history.stdout).toContain('{"amount":90071992547409931234,"ratio":1.10}');
    const csv = await run(['--db', file, 'export', '--format', 'csv', '--exact']);
    const rows: Record<string, string>[] = parse(csv.stdout, { columns: true });
    expect(rows.map((row) => row['action'])).toEqual(['backdated', 'pretty', 'bare', 'partial_dispense']);
    expect(rows[3]?.['message']).toBe('gave out "90", not 100\n=2+2');
    expect(rows[3]?.['entity_id']).toBe('90071992547409931');

    // And passes into another trail, and comes out the same.
    const copy = await newTrail(temporaryDirectory());
    const out = await run(['--db', file, 'export']);
    const again = await runOther(
      process.execPath,
      [path.resolve(DOCS, '../bin/daybook.js'), '--db', copy, 'record', '--stdin', '--quiet'],
      out.stdout,
    );
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const back = await run(['--db', copy, 'export']);
    expect(back.stdout).toContain('{"amount":90071992547409931234,"ratio":1.10}');
    // Sequence numbers are given anew.
    const contents = (text: string): unknown[] => parseLines(text.replaceAll(/"seq":\d+/g, '"seq":0'));
    expect(contents(back.stdout)).toEqual(contents(out.stdout));
  });
});

test('beside an application in rollback journal mode nothing changes the journal mode', async () => {
  const directory = temporaryDirectory();
  const file = await newApplication(directory);
  const header = (): number[] => [...readFileSync(file).subarray(18, 20)];
  const application = (): unknown[] =>
    withDatabase(file, (database) => [
      database.pragma('user_version'),
      database.pragma('auto_vacuum'),
      database.pragma('page_size'),
      database.prepare('SELECT * FROM settlements').all(),
      database.prepare('SELECT * FROM users').all(),
    ]);
  const before = application();
  expect(header()).toEqual([1, 1]);
  expect(await run(['--db', file, 'init'])).toMatchObject({ code: 7 });
  const commands = [
    ['init', '--alongside'],
    ['init', '--alongside'],
    ['init'],
    ['note', 'settlement:s-1', 'looked at it'],
    ['record', '--action', 'login', '--ts', '2020-01-01T00:00Z'],
    ['revert', '1', '--reason', 'was another one'],
    ['history'],
    ['show', '1'],
    ['count'],
    ['values', 'action'],
    ['retention', 'set', 'all', '--max-age', '2y'],
    ['retention', 'list'],
    ['export', '--checkpoint', 'siem', '-o', 'out.ndjson'],
    ['prune', '--yes', '--archive', 'archive.ndjson'],
    ['status', '--check'],
    ['backup', 'copy.db'],
    ['clear', '--yes'],
  ];
  for (const words of commands) {
    const result = await run(['--db', file, ...words], { cwd: directory });
    expect(result, words.join(' ')).toMatchObject({ code: 0 });
    expect(header(), words.join(' ')).toEqual([1, 1]);
    expect(value(file, 'PRAGMA journal_mode'), words.join(' ')).toBe('delete');
  }
  expect(application()).toEqual(before);
  expectSound(file);
});
