import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM, run, start, temporaryDirectory } from '../support/program.js';
import type { ProgramResult } from '../support/program.js';
import { makeTrail, sharedDirectory, tell, until, withDatabase } from './trail.js';

/** Somebody who may read what is left open to all, and write nothing. */
const AUDITOR = 65_534;

/** Why nobody else can run the program here; undefined where somebody can. */
function problem(): string | undefined {
  if (process.getuid?.() !== 0) return 'only the superuser can be somebody else';
  try {
    execFileSync(process.execPath, [PROGRAM, '--version'], {
      uid: AUDITOR,
      gid: AUDITOR,
      stdio: 'pipe',
    });
    return undefined;
  } catch {
    return 'another user cannot read the program';
  }
}

const impossible = problem();
if (impossible !== undefined) tell(`an auditor: skipped, ${impossible}`);

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, 300);
  const app = new Database(template);
  app.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, notes TEXT)');
  app.close();
  for (const words of [
    ['capture', 'add', 'users', '--ignore', 'notes'],
    ['exec', "INSERT INTO users (name) VALUES ('ines'); UPDATE users SET name = 'Ines'"],
    ['mirror', 'add', 'users.notes', '--entity-type', 'users', '--key', 'id'],
    ['actors', 'set', 'operator-1', '--name', 'Tomas'],
    ['retention', 'set', 'old', '--max-age', '10y'],
  ]) {
    execFileSync(process.execPath, [PROGRAM, '--db', template, ...words], { stdio: 'pipe' });
  }
}, 60_000);

/** Every command that only reads. */
const READING: readonly (readonly string[])[] = [
  ['history', '--format', 'ndjson', '-n', '400'],
  ['history', 'settlement:s-7'],
  ['history', 'users:1', '--states', '--format', 'ndjson'],
  ['history', '--actor', 'Tomas'],
  ['history', '--explain'],
  ['show', '17', '--around', '2'],
  ['count', '--severity', 'error'],
  ['values', 'actor'],
  ['export', '--format', 'csv'],
  ['state', 'users:1', '--at-entry', '303'],
  ['state', 'users', '--at-entry', '303', '--format', 'ndjson'],
  ['changes', 'users', '--field', 'name'],
  ['report', 'actors'],
  ['report', 'timeline', '--bucket', 'month'],
  ['report', 'case', 'users:1'],
  ['retention', 'list'],
  ['actors', 'list'],
  ['capture', 'list'],
  ['mirror', 'list'],
  ['mirror', 'check'],
  ['prune', '--older-than', '1y', '--dry-run', '--format', 'json'],
];

interface Place {
  readonly file: string;
  /** What stands in the folder. */
  readonly names: readonly string[];
}

/** A database in a folder of its own, which everybody may read. */
function place(prepare: (file: string) => void, folderMode = 0o755): Place {
  const directory = temporaryDirectory();
  const folder = path.join(directory, 'app');
  mkdirSync(folder);
  chmodSync(directory, 0o755);
  const file = path.join(folder, 'audit.db');
  copyFileSync(template, file);
  prepare(file);
  for (const name of readdirSync(folder)) chmodSync(path.join(folder, name), 0o644);
  chmodSync(folder, folderMode);
  return { file, names: readdirSync(folder).toSorted() };
}

/** Runs SQL in a program that then crashes: what it left stays as it is. */
function crashAfter(file: string, sql: string): void {
  const script = `import sqlite3, os, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.executescript(sys.argv[2])
os._exit(0)`;
  execFileSync('python3', ['-c', script, file, sql], { stdio: 'pipe' });
}

function withoutLog(file: string): void {
  withDatabase(file, (app) => app.pragma('journal_mode = DELETE'));
}

const RECORD =
  "INSERT INTO daybook_entries (action, ts, message) VALUES ('last', '2026-01-01T00:00:00.000Z', 'in the log')";
const FILL =
  'PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE filler AS WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 3000) SELECT v, hex(zeroblob(200)) FROM n';

const PLACES: Readonly<Record<string, () => Place>> = {
  'that nobody has open': () => place(() => undefined),
  'with a log and its index left over': () => place((file) => crashAfter(file, RECORD)),
  'with a log alone left over': () =>
    place((file) => {
      crashAfter(file, RECORD);
      rmSync(`${file}-shm`);
    }),
  'in a folder that everybody may write to': () => place(() => undefined, 0o777),
  'without a log': () => place(withoutLog),
  'whose program crashed within a transaction': () =>
    place((file) => {
      withoutLog(file);
      crashAfter(file, FILL);
    }),
};

/** Runs every command that reads, in one process of a user, since starting one for each takes long. */
function readEverything(
  file: string,
  { temporary, ...user }: { readonly temporary: string; readonly uid?: number; readonly gid?: number },
): { readonly codes: readonly (number | string)[]; readonly stdout: string; readonly stderr: string } {
  const program = path.resolve(PROGRAM, '../../dist/program/cli.js');
  const script = `const { main } = require(${JSON.stringify(program)});
    (async () => {
      for (const words of ${JSON.stringify(READING)}) {
        await main(['--db', ${JSON.stringify(file)}, ...words]);
        process.stdout.write('\\n' + words.join(' ') + ': ' + process.exitCode + '\\n');
      }
      process.exitCode = 0;
    })();`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], {
    ...user,
    cwd: path.dirname(file),
    env: { PATH: process.env['PATH'], HOME: temporary, TMPDIR: temporary, TZ: 'UTC' },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(status, stderr).toBe(0);
  const codes = READING.map((words) => {
    const line = `\n${words.join(' ')}: `;
    const at = stdout.indexOf(line);
    return at < 0 ? `${words.join(' ')} is missing` : Number(/^\d+/.exec(stdout.slice(at + line.length))?.[0]);
  });
  return { codes, stdout, stderr };
}

describe.skipIf(impossible !== undefined)('an auditor, who may only read, with a database', () => {
  let temporary: string;
  beforeAll(() => {
    temporary = mkdtempSync(path.join(tmpdir(), 'daybook-test-'));
    chmodSync(temporary, 0o777);
  });
  afterAll(() => rmSync(temporary, { recursive: true, force: true }));

  const asAuditor = (words: readonly string[], cwd: string): Promise<ProgramResult> =>
    run(words, { uid: AUDITOR, cwd, env: { TMPDIR: temporary } });

  test.each(Object.keys(PLACES))('%s reads what its owner reads, and leaves nothing', async (what) => {
    const { file, names } = (PLACES[what] as () => Place)();
    const before = names.map((name) => statSync(path.join(path.dirname(file), name)).mtimeMs);
    const read = readEverything(file, { uid: AUDITOR, gid: AUDITOR, temporary });
    expect(read.codes).toEqual(READING.map(() => 0));
    expect(readdirSync(path.dirname(file)).toSorted()).toEqual(names);
    expect(names.map((name) => statSync(path.join(path.dirname(file), name)).mtimeMs)).toEqual(before);
    expect(readdirSync(temporary)).toEqual([]);
    expect(read.stderr).not.toMatch(/daybook-copy|cannot be/);
    const told =
      read.stderr.match(/^the program that wrote to \S*audit\.db last ended within a transaction.*$/gm) ?? [];
    // A command that asks the directory for a name first reads twice.
    expect(told.length).toBeGreaterThanOrEqual(what.includes('crashed') ? READING.length : 0);
    if (!what.includes('crashed')) expect(told).toEqual([]);
    expect(read.stdout).toBe(readEverything(file, { temporary }).stdout);
  });

  test('copies it with backup, and is told what it is', async () => {
    const { file } = (PLACES['with a log alone left over'] as () => Place)();
    const cwd = temporaryDirectory();
    chmodSync(cwd, 0o777);
    expect(await asAuditor(['--db', file, 'backup', 'copy.db'], cwd)).toMatchObject({ code: 0 });
    const copy = await run(['--db', 'copy.db', 'history', '--search', 'in the log'], { cwd });
    expect(copy.stdout).toContain('in the log');
    const status = await asAuditor(['--db', file, 'status', '--format', 'json'], cwd);
    expect(JSON.parse(status.stdout)).toMatchObject({
      database: file,
      bytes: { file: statSync(file).size, wal: statSync(`${file}-wal`).size },
    });
  });

  test('records nothing, and makes no files that the application could not write to', async () => {
    for (const what of ['that nobody has open', 'in a folder that everybody may write to', 'without a log']) {
      const { file, names } = (PLACES[what] as () => Place)();
      const result = await asAuditor(['--db', file, 'note', 'machine:1', 'x'], path.dirname(file));
      expect(result, what).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `daybook: ${file} cannot be written (permission denied)\n`,
      });
      expect(readdirSync(path.dirname(file)).toSorted(), what).toEqual(names);
    }
  });

  test('is told why there is nothing to follow, and follows where a program has it open', async () => {
    const { file, names } = (PLACES['in a folder that everybody may write to'] as () => Place)();
    const cwd = path.dirname(file);
    const none = await asAuditor(['--db', file, 'history', '--follow'], cwd);
    expect(none).toMatchObject({ code: 4, stdout: '' });
    expect(none.stderr).toMatch(/cannot be followed: it may only be read here, and no program has it open/);
    expect(readdirSync(cwd).toSorted()).toEqual(names);
    const app = new Database(file);
    app.exec("INSERT INTO daybook_entries (action, message) VALUES ('last', 'in the log')");
    const following = start(['--db', file, 'history', '--follow', '-n', '1'], { uid: AUDITOR, cwd });
    await following.waitForStdout(/in the log/);
    app.exec("INSERT INTO daybook_entries (action, message) VALUES ('more', 'and more')");
    await following.waitForStdout(/and more/);
    following.child.kill('SIGINT');
    expect(await following.finished).toMatchObject({ code: 130 });
    app.close();
  });

  test('takes names and entries from a table beside which nothing can be written', async () => {
    const { file } = (PLACES['with a log alone left over'] as () => Place)();
    const cwd = temporaryDirectory();
    chmodSync(cwd, 0o777);
    expect(await asAuditor(['init'], cwd)).toMatchObject({ code: 0 });
    const names = ['actors', 'import', '--from', 'x.users(id, name)', '--attach', `x=${file}`];
    expect(await asAuditor(names, cwd)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 added') as string,
    });
    const imported = await asAuditor(['import', 'ledgrab', file, '--table', 'daybook_entries'], cwd);
    expect(imported).toMatchObject({ code: 0 });
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('whom a signal ends while the copy is made leaves none', async () => {
    const { file } = place((big) => {
      const app = new Database(big);
      app.exec(
        'CREATE TABLE filler AS WITH RECURSIVE n (v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n LIMIT 60000) SELECT hex(zeroblob(2000)) FROM n',
      );
      app.close();
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const copying = start(['--db', file, 'count'], {
        uid: AUDITOR,
        env: { TMPDIR: temporary },
        cwd: path.dirname(file),
      });
      await until(() => readdirSync(temporary).length > 0, 'a copy');
      copying.child.kill(signal);
      const { code, stdout } = await copying.finished;
      expect(code).not.toBe(0);
      expect(stdout).toBe('');
      expect(readdirSync(temporary)).toEqual([]);
    }
    const killed = start(['--db', file, 'count'], {
      uid: AUDITOR,
      env: { TMPDIR: temporary },
      cwd: path.dirname(file),
    });
    await until(() => readdirSync(temporary).length > 0, 'a copy');
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect(await asAuditor(['--db', file, 'count'], path.dirname(file))).toMatchObject({ code: 0 });
    expect(readdirSync(temporary)).toEqual([]);
  });
});

test('what is recorded into a file that is deleted is not acknowledged', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  const recording = start(['record', '--stdin', '--ack'], { cwd });
  recording.child.stdin.write('{"action":"one"}\n');
  await recording.waitForStdout(/"recorded": 1/);
  for (const name of readdirSync(cwd)) rmSync(path.join(cwd, name));
  recording.child.stdin.end('{"action":"two"}\n');
  expect(await recording.finished).toMatchObject({
    code: 1,
    stdout: '{"recorded": 1, "line": 1}\n',
    stderr:
      'daybook: audit.db was deleted or moved by another program while it was open: what this program recorded went into a file that has this name no more; recorded 1 entry, up to line 1\n',
  });
});

test('who follows a file is told when it is another one', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  expect(await run(['note', 'a:1', 'there'], { cwd })).toMatchObject({ code: 0 });
  const following = start(['history', '--follow'], { cwd });
  await following.waitForStdout(/there/);
  writeFileSync(path.join(cwd, 'other.db'), '');
  renameSync(path.join(cwd, 'other.db'), path.join(cwd, 'audit.db'));
  expect(await following.finished).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/audit\.db was replaced by another program .* is not seen\n$/) as string,
  });
});
