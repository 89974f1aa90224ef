import Database from 'better-sqlite3';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { describeCommand } from '../../src/cli/command-tree.js';
import { completionScript } from '../../src/cli/completion.js';
import type { Shell } from '../../src/cli/completion.js';
import { cli, given, ok, trail } from '../support/cli.js';
import { temporaryDirectory } from '../support/program.js';
import { fakeProgram } from './fake-program.js';

const tree = describeCommand(fakeProgram());

/** A directory with the script in it, an `audit.db` and a folder. */
function scene(shell: Shell): { directory: string; script: string } {
  const directory = temporaryDirectory();
  const script = path.join(directory, `script.${shell}`);
  writeFileSync(script, completionScript(shell, tree));
  mkdirSync(path.join(directory, 'place'));
  writeFileSync(path.join(directory, 'place', 'audit 1.db'), '');
  return { directory, script };
}

async function ask(shell: string, args: readonly string[], cwd: string): Promise<string[]> {
  const env = { PATH: process.env['PATH'], HOME: cwd, TERM: 'dumb', LC_ALL: 'C' };
  const { stdout, stderr } = await promisify(execFile)(shell, args, { cwd, env });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

/** Words as bash splits them, the last one being completed. */
async function bash(...words: string[]): Promise<string[]> {
  const { directory, script } = scene('bash');
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _daybook
    printf '%s\n' "\${COMPREPLY[@]}"`;
  return ask('bash', ['--norc', '-c', program, 'bash', script, 'daybook', ...words], directory);
}

async function fish(line: string): Promise<string[]> {
  const { directory, script } = scene('fish');
  const program = 'source $argv[1]; complete --do-complete $argv[2]';
  const offers = await ask('fish', ['--no-config', '-c', program, script, line], path.join(directory, 'place'));
  // A description follows behind a tab.
  return offers.map((offer) => offer.split('\t')[0] ?? '');
}

/** Instead of the program: shows what it was given, and ends the shell. */
const STAND_IN = `daybook() { printf '<%s> ' "$@"; exit; }\n`;

/** What the screen shows when these keys are typed into a shell of one's own. */
async function typeInto(shell: string, keys: string, cwd: string): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: cwd, TERM: 'dumb', SHELL: '/bin/sh' };
  const running = promisify(execFile)('script', ['-qec', shell, '/dev/null'], { cwd, env, timeout: 20_000 });
  running.child.stdin?.write(keys);
  const { stdout } = await running;
  return stdout;
}

function isMissing(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).error !== undefined;
}

describe('bash completion', () => {
  test.each([
    { line: [''], offers: ['history', 'retention', 'backup', 'completion'] },
    { line: ['re'], offers: ['retention'] },
    { line: ['retention', ''], offers: ['list', 'set'] },
    { line: ['log', '--f'], offers: ['--format'] },
    { line: ['history', '--format', ''], offers: ['table', 'line', 'json', 'ndjson', 'csv'] },
    { line: ['history', '--format', '=', 'js'], offers: ['json'] },
    { line: ['history', '--format', '='], offers: ['table', 'line', 'json', 'ndjson', 'csv'] },
    { line: ['history', '--format', '=', 'csv', '--li'], offers: ['--limit'] },
    { line: ['history', 'machine', ':', '17', '--co'], offers: ['--color'] },
    { line: ['--db', 'retention', 'ba'], offers: ['backup'] },
    { line: ['--db', '-q', 'ba'], offers: ['backup'] },
    { line: ['retention', 'set', '--color', ''], offers: ['auto', 'always', 'never'] },
    { line: ['retention', 'set', '--max-age', ''], offers: [] },
    { line: ['retention', 'set', 'list', '--max'], offers: ['--max-age'] },
    { line: ['completion', ''], offers: ['bash', 'zsh', 'fish'] },
    { line: ['completion', 'zsh', ''], offers: [] },
    { line: ['history', '--', '--f'], offers: [] },
    { line: ['history', '--version', '--secret', '--hel'], offers: ['--help'] },
  ])('offers $offers for $line', async ({ line, offers }) => {
    expect(await bash(...line)).toEqual(offers);
  });

  test('offers options of a command and of all above it', async () => {
    expect(await bash('history', '-')).toEqual([
      '-n',
      '--limit',
      '--format',
      '--category',
      '--actor',
      '--scope',
      '-h',
      '--help',
      '--db',
      '--color',
      '--as',
      '-q',
      '--quiet',
    ]);
  });

  test.each([
    { keys: 'daybook --db place/au\t\r', reached: '<--db> <place/audit 1.db>' },
    { keys: 'daybook backup place/au\t\r', reached: '<backup> <place/audit 1.db>' },
    { keys: 'daybook ret\tl\t\r', reached: '<retention> <list>' },
    { keys: 'daybook retention set pla\t\r', reached: '<retention> <set> <pla>' },
  ])('completes the names of files where a file is meant: $keys', async ({ keys, reached }) => {
    const { directory, script } = scene('bash');
    const start = path.join(directory, 'start');
    writeFileSync(start, `source '${script}'\n${STAND_IN}`);
    expect(await typeInto(`bash --noprofile --rcfile '${start}' -i`, keys, directory)).toContain(reached);
  });
});

describe.skipIf(isMissing('zsh'))('zsh completion (needs zsh)', () => {
  test('is a script that zsh reads', async () => {
    const { directory, script } = scene('zsh');
    expect(await ask('zsh', ['-f', '-n', script], directory)).toEqual([]);
  });

  test.each([
    { keys: 'daybook ret\tl\t\r', reached: '<retention> <list>' },
    { keys: 'daybook log --fo\tjs\t\r', reached: '<log> <--format=json>' },
    { keys: 'daybook history --format=nd\t\r', reached: '<history> <--format=ndjson>' },
    { keys: 'daybook --db place/au\t\r', reached: '<--db> <place/audit 1.db>' },
    { keys: 'daybook --db x -q comp\tz\t\r', reached: '<--db> <x> <-q> <completion> <zsh>' },
    { keys: 'daybook backup pl\tau\t\r', reached: '<backup> <place/audit 1.db>' },
    { keys: 'daybook retention set x --col\tne\t\r', reached: '<retention> <set> <x> <--color=never>' },
  ])('completes $keys', async ({ keys, reached }) => {
    const { directory, script } = scene('zsh');
    const start = `autoload -Uz compinit; compinit -D -u\nsource '${script}'\n${STAND_IN}`;
    writeFileSync(path.join(directory, '.zshrc'), start);
    expect(await typeInto('zsh -i', keys, directory)).toContain(reached);
  });
});

describe.skipIf(isMissing('fish'))('fish completion (needs fish)', () => {
  test.each([
    { line: 'daybook re', offers: ['retention'] },
    { line: 'daybook retention ', offers: ['list', 'set'] },
    { line: 'daybook log --f', offers: ['--format'] },
    { line: 'daybook history --format ', offers: ['csv', 'json', 'line', 'ndjson', 'table'] },
    { line: 'daybook history --format=js', offers: ['--format=json'] },
    { line: 'daybook --db retention ba', offers: ['backup'] },
    { line: 'daybook --db au', offers: ['audit 1.db'] },
    { line: 'daybook backup au', offers: ['audit 1.db'] },
    { line: 'daybook retention set --color ', offers: ['always', 'auto', 'never'] },
    { line: 'daybook retention set --max-age ', offers: [] },
    { line: 'daybook completion ', offers: ['bash', 'fish', 'zsh'] },
    { line: 'daybook history --sec', offers: [] },
  ])('offers $offers for $line', async ({ line, offers }) => {
    expect((await fish(line)).toSorted()).toEqual(offers);
  });
});

/** Values that do something, or stand for something else, where a shell reads them as its own. */
const HOSTILE = [
  'u-1',
  'u $(touch ran)',
  'u`touch ran`',
  "u'; touch ran; '",
  'u*',
  'u\\back "q"',
  'u;touch ran',
  'u&|<>',
  'ü 田中',
  '-u',
];

/** A folder with a program that has these values, and writes down what it was asked. */
function trailOf(values: readonly string[]): { bin: string; asked: () => string } {
  const bin = temporaryDirectory();
  const texts = path.join(bin, 'values');
  writeFileSync(texts, values.map((value) => `${value}\n`).join(''));
  const log = path.join(bin, 'asked');
  writeFileSync(path.join(bin, 'daybook'), `#!/bin/sh\nprintf '<%s>' "$@" >> '${log}'\ncat '${texts}'\n`, {
    mode: 0o755,
  });
  return { bin, asked: () => readFileSync(log, 'utf8') };
}

async function typed(shell: Shell, bin: string, line: string): Promise<string> {
  const { directory, script } = scene(shell);
  const PATH = `export PATH='${bin}':"$PATH"\n`;
  const start = path.join(directory, '.zshrc');
  writeFileSync(
    start,
    `${shell === 'zsh' ? 'autoload -Uz compinit; compinit -D -u\n' : ''}${PATH}source '${script}'\n${STAND_IN}`,
  );
  const screen = await typeInto(
    shell === 'zsh' ? 'zsh -i' : `bash --noprofile --rcfile '${start}' -i`,
    line,
    directory,
  );
  expect(existsSync(path.join(directory, 'ran')), screen).toBe(false);
  return screen;
}

describe('values of the trail', () => {
  test('are quoted as bash reads them, and nothing in them is run', async () => {
    for (const value of HOSTILE) {
      const { bin, asked } = trailOf([value]);
      expect(await typed('bash', bin, 'daybook --db x.db history --actor \t\r')).toContain(`<--actor> <${value}> `);
      expect(asked()).toContain('<--db=x.db><completion><--values><actor><--prefix><>');
    }
  }, 60_000);

  test.each([
    { keys: 'daybook history --scope mach\t\r', reached: '<--scope> <machine:7> ' },
    { keys: 'daybook history --scope machine:\t\r', reached: '<--scope> <machine:7> ' },
    { keys: 'daybook history --scope=machine:\t\r', reached: '<--scope=machine:7> ' },
    { keys: 'daybook history mach\t7 --fo\tjs\t\r', reached: '<history> <machine:7> <--format> <json>' },
  ])('hold colons in bash: $keys', async ({ keys, reached }) => {
    const { bin } = trailOf([keys.includes('--scope') ? 'machine:7' : 'machine']);
    expect(await typed('bash', bin, keys)).toContain(reached);
  });

  test('of several are listed, and no file is offered where there is none', async () => {
    const { bin } = trailOf([]);
    expect(await typed('bash', bin, 'daybook history --actor pla\t\r')).toContain('<--actor> <pla> ');
  });

  test.skipIf(isMissing('zsh'))(
    'are quoted as zsh reads them',
    async () => {
      for (const value of ["u'; touch ran $(touch ran); '", 'u* `touch ran`\\"']) {
        const { bin, asked } = trailOf([value]);
        expect(await typed('zsh', bin, 'daybook --db x.db history --actor=\t\r')).toContain(`<--actor=${value}> `);
        expect(asked()).toContain('<--db=x.db><completion><--values><actor><--prefix><>');
      }
    },
    60_000,
  );

  test.skipIf(isMissing('fish'))('are quoted as fish reads them', async () => {
    const { bin, asked } = trailOf(HOSTILE);
    const { directory, script } = scene('fish');
    const program = `set -x PATH '${bin}' $PATH; source $argv[1]; complete --do-complete $argv[2]`;
    for (const [line, prefix] of [
      ['daybook --db x.db history --actor ', ''],
      ['daybook --db=x.db history --actor=u', '--actor='],
    ]) {
      const offers = await ask('fish', ['--no-config', '-c', program, script, line ?? ''], directory);
      expect(offers.map((offer) => offer.split('\t')[0])).toEqual(
        expect.arrayContaining(
          HOSTILE.filter((value) => prefix === '' || value.startsWith('u')).map((value) => prefix + value),
        ),
      );
    }
    expect(asked()).toContain('<--db=x.db><completion><--values><actor><--prefix><u>');
    expect(existsSync(path.join(directory, 'ran'))).toBe(false);
  });
});

test('the program tells values of the trail, each in a line, and waits for no lock', async () => {
  await given(
    ...['u-2', 'u-1', 'x', 'u-two\nlines', 'u-\u202egpj', 'u-\u001b[2J'].map((actor) => ({
      action: 'a',
      actor,
      scope: `s:${actor}`,
    })),
  );
  const actors = ['completion', '--values', 'actor'];
  expect(await ok([...actors, '--prefix', 'u-'])).toBe('u-1\nu-2\n');
  expect(await ok([...actors, '--prefix', 'y'])).toBe('');
  expect(await ok(['completion', '--values', 'entity_type'])).toBe('');
  expect(await ok(['completion', '--values', 'scope', '--prefix', 's:x'])).toBe('s:x\n');
  for (const words of [
    ['completion'],
    ['completion', 'bash', '--values', 'actor'],
    ['completion', '--values', 'message'],
  ]) {
    expect(await cli(words)).toMatchObject({ code: 2, stdout: '' });
  }
  const other = new Database(await trail());
  other.pragma('journal_mode = DELETE');
  other.exec('BEGIN EXCLUSIVE');
  expect(await cli([...actors, '--busy-timeout', '1h'])).toMatchObject({ code: 5, stdout: '' });
  other.close();
});

test.each(['bash', 'zsh', 'fish'] as const)('says nothing of what is hidden, in %s', (shell) => {
  expect(completionScript(shell, tree)).not.toMatch(/hush|secret/);
});
