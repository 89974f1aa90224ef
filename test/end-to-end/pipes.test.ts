import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { PROGRAM, run, start, temporaryDirectory } from '../support/program.js';
import { quote, shell } from './other-programs.js';
import { copyTrail, countEntries, expectSound, makeTrail, sharedDirectory, tell, value } from './trail.js';

const ENTRIES = 5000;
const DAYBOOK = `${quote(process.execPath)} ${quote(PROGRAM)}`;
const NODE = quote(process.execPath);

const shared = sharedDirectory();
let template: string;
beforeAll(async () => {
  template = await makeTrail(shared, ENTRIES);
});

async function pipe(file: string, line: string): Promise<Awaited<ReturnType<typeof shell>>> {
  const directory = path.dirname(file);
  return shell(line, { cwd: directory, env: { PATH: process.env['PATH'], HOME: directory, DAYBOOK_DB: file } });
}

/** Runs a pipe whose first command tells its exit code in a file. */
async function codeOfFirst(file: string, command: string, reader: string): Promise<{ code: number; stderr: string }> {
  const { stderr } = await pipe(file, `{ ${DAYBOOK} ${command}; echo $? > code; } | ${reader}`);
  return { code: Number(readFileSync(path.join(path.dirname(file), 'code'), 'utf8')), stderr };
}

describe('a pipe whose reader goes early', () => {
  test.each([
    'history -n 5000',
    'history -n 5000 --format ndjson',
    'history -n 5000 --format json',
    'history -n 5000 --format csv',
    'history -n 5000 --format table',
    'values message',
    'report entities -n 5000',
    'show 17',
  ])('%s | head -1 ends quietly with 0', async (command) => {
    const file = await copyTrail(template, temporaryDirectory());
    expect(await codeOfFirst(file, `${command} --quiet`, 'head -1')).toEqual({ code: 0, stderr: '' });
  });

  test.each(['export', 'export --format csv', 'export --format json', 'export --gzip', 'export --checkpoint siem'])(
    '%s | head -1 says so and exits 1',
    async (command) => {
      const file = await copyTrail(template, temporaryDirectory());
      expect(await codeOfFirst(file, command, 'head -c 100')).toEqual({
        code: 1,
        stderr: 'daybook: the output was closed before everything was written\n',
      });
      if (command.includes('siem')) expect(value(file, 'SELECT seq FROM daybook_checkpoints')).toBe(0);
    },
  );

  test('history --follow ends with 0 when its reader has gone and something comes', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = start(['--db', file, 'history', '--follow', '-n', '1']);
    await running.waitForStdout(/\n/);
    running.child.stdout.destroy();
    expect(await run(['--db', file, 'note', 'machine:1', 'anybody there?'])).toMatchObject({ code: 0 });
    expect(await running.finished).toMatchObject({ code: 0, stderr: '' });
  });

  test('record --stdin --ack without a reader of its acknowledgements fails, and records whole batches', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    writeFileSync(path.join(path.dirname(file), 'lines'), '{"action":"login"}\n'.repeat(5000));
    const ended = await codeOfFirst(file, 'record --stdin --ack --quiet < lines', 'true');
    expect(ended.code).toBe(1);
    const told = /^daybook: recorded (\d+) entries, up to line \1, but the output was closed/.exec(ended.stderr)?.[1];
    expect(Number(told)).toBe(countEntries(file) - ENTRIES);
    expectSound(file);
  });
});

describe('what is done stays done when its outcome cannot be told', () => {
  const CAPTURED = `CREATE TABLE machines (id INTEGER PRIMARY KEY, site TEXT); INSERT INTO machines VALUES (1, 'hall')`;

  /** A trail with a captured table, whose last entry, 3, is a change of it. */
  async function ready(): Promise<string> {
    const file = path.join(temporaryDirectory(), 'audit.db');
    for (const words of [
      ['init'],
      ['note', 'machine:1', 'first'],
      ['exec', CAPTURED],
      ['capture', 'add', 'machines'],
      ['exec', "UPDATE machines SET site = 'yard'"],
    ]) {
      expect(await run(['--db', file, ...words]), words.join(' ')).toMatchObject({ code: 0 });
    }
    return file;
  }

  const COMMANDS: [words: string, done: string, entries: number][] = [
    ['note machine:1 hello', 'entry 4 is recorded', 4],
    ['note machine:1 hello --format json', 'entry 4 is recorded', 4],
    ['record --action x', 'entry 4 is recorded', 4],
    ['revert 1 --reason mistaken', 'entry 4 is recorded', 4],
    ['revert 3 --apply --reason mistaken', 'undid 1 entry', 4],
    [`exec "UPDATE machines SET site = 'attic'"`, '1 statement, 1 row changed, 1 entry', 4],
    [`exec "UPDATE machines SET site = 'attic'" --format json`, '1 statement, 1 row changed, 1 entry', 4],
    ['clear --yes', 'deleted 3 entries', 1],
    ['prune --before now --yes --format json', 'deleted 3 entries', 1],
    [`record --stdin --format json < lines`, 'recorded 2 entries', 5],
  ];

  test.each(COMMANDS)('%s: with a reader that has gone it ends with 0', async (words, done, entries) => {
    const file = await ready();
    writeFileSync(path.join(path.dirname(file), 'lines'), '{"action":"login"}\n'.repeat(2));
    // It starts when its reader has gone.
    const waiting = `{ until [ -e gone ]; do sleep 0.01; done; ${DAYBOOK} ${words}; echo $? > code; }`;
    const { stderr } = await pipe(
      file,
      `${waiting} | { exec <&-; touch gone; until [ -e code ]; do sleep 0.01; done; }`,
    );
    expect({ code: readFileSync(path.join(path.dirname(file), 'code'), 'utf8'), stderr }).toEqual({
      code: '0\n',
      stderr: expect.stringMatching(new RegExp(`^${done}, but nobody reads the output\n$`, 'm')),
    });
    expect(countEntries(file)).toBe(entries);
  });

  test.each(COMMANDS)(
    '%s: with an output on a full disk it says what is done, and fails',
    async (words, done, entries) => {
      const file = await ready();
      writeFileSync(path.join(path.dirname(file), 'lines'), '{"action":"login"}\n'.repeat(2));
      expect(await pipe(file, `${DAYBOOK} ${words} > /dev/full`)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          new RegExp(`^daybook: ${done}, but cannot write to standard output: ENOSPC`, 'm'),
        ),
      });
      expect(countEntries(file)).toBe(entries);
    },
  );
});

describe('large pipes', () => {
  const READER = `const hash = require('node:crypto').createHash('sha256'); let bytes = 0;
    process.stdin.on('data', (chunk) => { hash.update(chunk); bytes += chunk.length; });
    process.stdin.on('end', () => console.log(bytes, hash.digest('hex')));`;

  test.each([
    'export',
    'export --format csv',
    'export --format json',
    'export --gzip',
    'history -n 5000 --format ndjson',
  ])('%s | node: every byte arrives', async (command) => {
    const file = await copyTrail(template, temporaryDirectory());
    const direct = await pipe(file, `${DAYBOOK} ${command} --quiet > direct`);
    expect(direct).toMatchObject({ code: 0, stderr: '' });
    const bytes = readFileSync(path.join(path.dirname(file), 'direct'));
    const read = await pipe(file, `${DAYBOOK} ${command} --quiet | ${NODE} -e ${quote(READER)}`);
    expect(read).toMatchObject({ code: 0, stderr: '' });
    const digest = createHash('sha256').update(bytes).digest('hex');
    expect(read.stdout).toBe(`${bytes.length} ${digest}\n`);
    expect(bytes.length).toBeGreaterThan(65_536);
  });

  test('a reader that is slow gets every byte as well', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const slow = `process.stdin.on('readable', () => {}); let bytes = 0;
      const look = setInterval(() => { const chunk = process.stdin.read(65536) ?? process.stdin.read(); if (chunk) bytes += chunk.length; }, 5);
      process.stdin.on('end', () => { clearInterval(look); console.log(bytes); });`;
    const read = await pipe(file, `${DAYBOOK} export | ${NODE} -e ${quote(slow)}`);
    const whole = await run(['--db', file, 'export']);
    expect(read).toMatchObject({ code: 0, stderr: '', stdout: `${whole.stdoutBytes.length}\n` });
  });

  test('record --stdin takes a hundred thousand lines from a pipe', async () => {
    const directory = temporaryDirectory();
    const file = path.join(directory, 'audit.db');
    expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
    const writer = `let n = 0; const more = () => { while (n < 100000) { n += 1;
      if (!process.stdout.write(JSON.stringify({ id: 'line-' + n, action: 'login', actor: 'user-' + n % 100, message: 'signed in' }) + '\\n')) { process.stdout.once('drain', more); return; } } }; more();`;
    const began = performance.now();
    const recorded = await pipe(file, `${NODE} -e ${quote(writer)} | ${DAYBOOK} record --stdin --format json`);
    const seconds = (performance.now() - began) / 1000;
    expect(recorded).toMatchObject({ code: 0, stdout: '{"recorded":100000,"skipped":0,"rejected":0}\n' });
    expect(countEntries(file)).toBe(100_000);
    expect(value(file, `SELECT count(DISTINCT id) FROM daybook_entries WHERE id = 'line-' || seq`)).toBe(100_000);
    tell(`pipes: 100000 lines in ${seconds.toFixed(1)} s, ${Math.round(100_000 / seconds)} a second`);
  }, 60_000);
});

describe('lines that come slowly', () => {
  test('are durable within a second of being written', async () => {
    const file = await copyTrail(template, temporaryDirectory());
    const running = start(['--db', file, 'record', '--stdin', '--ack']);
    const waits: number[] = [];
    let seen = 0;
    for (let line = 1; line <= 10; line += 1) {
      const began = performance.now();
      running.child.stdin.write(`{"id":"slow-${line}","action":"login"}\n`);
      seen = await running.waitForStdout(new RegExp(`"line": ${line}\\}\n`), seen);
      // The first one waits for the program to start.
      if (line > 1) waits.push(performance.now() - began);
      expect(value(file, 'SELECT count(*) FROM daybook_entries WHERE id = ?', `slow-${line}`)).toBe(1);
    }
    running.child.stdin.end();
    expect(await running.finished).toMatchObject({ code: 0 });
    const longest = Math.max(...waits);
    tell(`pipes: a slow line was durable after ${longest.toFixed(0)} ms at most`);
    expect(longest).toBeLessThan(1000);
  });
});
