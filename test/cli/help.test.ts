import Database from 'better-sqlite3';
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CommandTree } from '../../src/cli/command-tree.js';
import { describeCommand } from '../../src/cli/command-tree.js';
import { buildProgram } from '../../src/cli/main.js';
import { capturedChange } from '../support/captured.js';
import { cli, given, inTestDirectory, NOW, ok, trail } from '../support/cli.js';
import { run, temporaryDirectory } from '../support/program.js';
import { ledgrab, settlements } from '../support/sources.js';

interface Place {
  readonly path: readonly string[];
  readonly tree: CommandTree;
}

function places(tree: CommandTree, path: readonly string[] = []): Place[] {
  return [{ path, tree }, ...tree.subcommands.flatMap((command) => places(command, [...path, command.name]))];
}

const ALL = places(describeCommand(await buildProgram()));

/** The words of an example up to its first redirection, pipe or comment, as a shell would split them. */
function wordsOf(example: string): string[] {
  const words: string[] = [];
  for (const [token, single, double] of example.matchAll(/'([^']*)'|"([^"]*)"|[<>|#]|\|\||[^\s'"<>|#]+/g)) {
    if (/^[<>|#]/.test(token)) break;
    words.push(single ?? double ?? token);
  }
  return words.slice(1);
}

/** What runs in the tests of its own alone. */
const NEEDS_MORE = /^daybook (?:browse|hold release|proof|seal|verify)\b|--release-key/;

const EXAMPLES = ALL.flatMap(({ tree }) => tree.examples);

describe('help', () => {
  test.each(ALL.map(({ path }) => ({ path })))('of $path runs, on stdout, and names its options', async ({ path }) => {
    const place = ALL.find((other) => other.path === path);
    const { code, stdout, stderr } = await cli([...path, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.startsWith(`Usage: ${['daybook', ...path].join(' ')}`)).toBe(true);
    for (const { long } of place?.tree.options ?? []) expect(stdout).toContain(long);
    const listed = [...stdout.matchAll(/^ {2}([a-z-]+)(?:\|[a-z-]+)?(?: [^ ].*)? {2}/gm)].map(([, name]) => name);
    for (const { name } of place?.tree.subcommands ?? []) expect(listed).toContain(name);
    expect((await cli([...path, '-h'])).stdout).toBe(stdout);
  });

  test.each(ALL.map(({ path, tree }) => ({ path, examples: tree.examples })))(
    'of $path has two examples at least',
    ({ path, examples }) => {
      expect(examples.length).toBeGreaterThanOrEqual(2);
      for (const example of examples) {
        expect(example).toMatch(/^daybook /);
        expect(wordsOf(example)).toEqual(expect.arrayContaining([...path]));
      }
    },
  );

  test('every option and argument is described, and every command', () => {
    for (const { tree, path } of ALL) {
      expect(tree.description, path.join(' ')).not.toBe('');
      for (const option of tree.options) expect(option.description, `${path.join(' ')} ${option.flags}`).not.toBe('');
      for (const argument of tree.arguments) expect(argument.description, argument.name).not.toBe('');
    }
  });

  test('the help of the program tells the exit codes', async () => {
    const help = await ok(['--help']);
    expect(help).toContain('129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM');
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7]) expect(help).toMatch(new RegExp(`(^|\\s)${code} [a-z]`));
  });

  test('what is written by hand in a help fits 80 columns, but for the examples', async () => {
    for (const { path } of ALL) {
      const [, notes = ''] = (await ok([...path, '--help'], { terminal: true })).split(/^ {2}-h, --help.*$/m);
      const written = notes.split('\n').filter((line) => !line.startsWith('  daybook'));
      expect(Math.max(...written.map((line) => line.length)), path.join(' ')).toBeLessThanOrEqual(80);
    }
  });

  test('a bare daybook prints its help on stderr and is wrong usage', async () => {
    const { code, stdout, stderr } = await cli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(await ok(['--help']));
    expect(await cli(['retention'])).toMatchObject({ code: 2, stdout: '', stderr: await ok(['retention', '--help']) });
  });
});

describe('each example in the help runs', () => {
  test.each(EXAMPLES)('%s', async (example) => {
    // What they speak of: entries, files, an application's database.
    await given(
      ...Array.from({ length: 3 }, (_, n) => ({
        action: 'a',
        id: `e-${n}`,
        entity_type: 'settlement',
        entity_id: '42',
      })),
      { action: 'old', id: 'al_1a2b3c4d', ts: '2020-01-01T00:00:00Z' },
    );
    await ok(['retention', 'set', 'auth', '--max-age', '9y']);
    await ok(['retention', 'set', 'everything', '--max-age', '9y']);
    writeFileSync(inTestDirectory('after.json'), '{"level":6,"smtp":{"password":"x"}}');
    const folder = inTestDirectory('var');
    mkdirSync(folder);
    const change = example.includes('--apply') ? await capturedChange(await trail()) : 0;
    const sql = "UPDATE users SET role = 'user'";
    writeFileSync(`${folder}/0007_split_names.sql`, sql);
    if (/^daybook (?:exec|capture|state)/.test(example)) {
      await ok([
        'exec',
        'CREATE TABLE users (id INTEGER PRIMARY KEY, role, email, password_hash, totp_key, updated_at);' +
          'CREATE TABLE guild_configurations (guildid TEXT PRIMARY KEY, data);' +
          'CREATE TABLE guild_members (guild, member, PRIMARY KEY (guild, member));' +
          'CREATE TABLE moderations (id INTEGER PRIMARY KEY)',
      ]);
      const captured = /^daybook (?:capture (?:check|refresh|remove)|state)/.test(example);
      if (captured) {
        await ok(['capture', 'add', 'users', 'guild_members', 'moderations', '--redact', 'password_hash,totp_key']);
        await ok(['exec', 'INSERT INTO moderations VALUES (55)']);
      }
    }
    if (example.startsWith('daybook actors')) {
      await ok(['actors', 'set', 'u-42', '--name', 'x']);
      await ok(['actors', 'set', '7', '--name', 'x']);
      writeFileSync(`${folder}/people.csv`, 'id,name\n1,a\n');
      writeFileSync(`${folder}/staff.csv`, 'login,full_name\n1,a\n');
      const accounts = new Database(example.includes('--attach') ? `${folder}/database.sqlite3` : await trail());
      accounts.exec('CREATE TABLE accounts (id, username, email)');
      accounts.close();
    }
    if (example.startsWith('daybook mirror')) {
      await ok(['exec', 'CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT)']);
      const add = 'mirror add settlements.notes --entity-type settlement --key id'.split(' ');
      if (!example.includes('mirror add')) await ok(add);
    }
    if (example.startsWith('daybook import')) {
      renameSync(settlements(folder).extension, `${folder}/app.db`);
      copyFileSync(ledgrab(temporaryDirectory()), `${folder}/ledgrab.db`);
      writeFileSync(
        `${folder}/audit.ndjson`,
        '{"auditID":"a","stage":"s","user":{"name":"eve"},"action":"x","ts":"2026-01-01T00:00:00Z"}\n',
      );
      writeFileSync(`${folder}/events.csv`, 'created_at,action,user\n@,login,"{""name"":""eve""}"\n'.replace('@', NOW));
      if (example.includes('--verify')) await ok(['import', 'ledgrab', `${folder}/ledgrab.db`]);
    }
    const words = wordsOf(example).map((word) =>
      word
        .replace(/^1042$/, '1')
        .replace(/^1043$/, '2')
        .replace(/^2077$/, String(change))
        .replace('@after.json', `@${inTestDirectory('after.json')}`)
        .replace(/^\/var\/backups(?:\/daybook)?/, folder)
        .replace('=/var/lib/lnbits', `=${folder}`)
        .replace('$(date +%F)', '2026-03-05')
        .replace(/^(?=[\w-]+\.(?:csv|manifest\.json|ndjson(?:\.gz)?|db|sql|html)$)/, `${folder}/`),
    );
    if (NEEDS_MORE.test(example)) {
      // It needs a terminal, or a key and what was signed with it: here it is only no mistake to say so.
      const { code, stderr } = await cli(words);
      if (code === 2) expect(stderr).toMatch(/browse needs a terminal|neither HOME nor XDG_STATE_HOME is set/);
      return;
    }
    const { code, stderr } = await cli(words, {
      input: words.includes('--stdin') ? '{"action":"x"}\n' : words.includes('exec') ? sql : 'a memo\n',
      interrupt: words.includes('--follow'),
      ...(words.includes('--alongside') ? { env: {} } : {}),
    });
    // --follow ends by an interrupt; `init` finds no application's database and makes one.
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({
      code: words.includes('--follow') ? 130 : 0,
      stderr: '',
    });
  });
});

describe('completion', () => {
  test.each(['bash', 'zsh', 'fish'] as const)('%s: a script, of every command and option', async (shell) => {
    const script = await ok(['completion', shell]);
    for (const { path, tree } of ALL) {
      for (const name of path) expect(script).toContain(name);
      for (const { long } of tree.options) expect(script).toContain(long?.slice(2));
    }
  });

  test('needs no database and opens none', async () => {
    expect(await cli(['completion', 'bash'], { db: '/nowhere/none.db' })).toMatchObject({ code: 0, stderr: '' });
  });

  test('the built program prints the same', async () => {
    const { stdout } = await run(['completion', 'bash']);
    expect(stdout).toBe(await ok(['completion', 'bash']));
  });
});
