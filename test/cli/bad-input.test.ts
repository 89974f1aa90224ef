import { truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, json, ok } from '../support/cli.js';
import { run, temporaryDirectory } from '../support/program.js';

/** Everything that a failed command could have changed. */
async function everything(): Promise<unknown[]> {
  return [await ok(['export']), await json(['retention', 'list', '--format', 'json'])];
}

async function refused(
  words: readonly string[],
  options: Parameters<typeof cli>[1] = {},
): Promise<{ code: number; stderr: string }> {
  await given({ id: 'one', action: 'a', ts: '2020-01-01T00:00:00Z' });
  await ok(['retention', 'set', 'kept', '--max-age', '30y']);
  const before = await everything();
  const { code, stdout, stderr } = await cli(words, options);
  expect(stdout).toBe('');
  expect(await everything()).toEqual(before);
  return { code, stderr };
}

describe('a bad flag or argument is 2, and changes nothing', () => {
  test.each([
    { words: [], says: 'Usage: daybook' },
    { words: ['retention'], says: 'Usage: daybook retention' },
    { words: ['remove'], says: "daybook: unknown command 'remove'" },
    { words: ['retention', 'drop', 'x'], says: "daybook: unknown command 'drop'" },
    { words: ['record'], says: 'daybook: --action is missing' },
    {
      words: ['record', '--actor', 'ana', '--action', 'a'],
      says: "daybook: unknown option '--actor' (--as says who is acting)\ntry: daybook record --help\n",
    },
    { words: ['note', '--actor=ana', 'user:1', 'x'], says: "option '--actor=ana' (--as says" },
    // It records nothing.
    { words: ['state', 'users:1', '--actor', 'ana'], says: "unknown option '--actor'\n" },
    { words: ['record', '--action'], says: "'--action <action>' argument missing" },
    { words: ['record', '--action', ''], says: 'daybook: action "" must not be empty' },
    { words: ['record', '--action', 'a', 'stray'], says: 'too many arguments' },
    {
      words: ['record', '--action', 'a', '--severity', 'fatal'],
      says: 'severity "fatal" is not one of info, warning, error',
    },
    { words: ['record', '--action', 'a', '--severity', ''], says: 'severity "" is not one of' },
    { words: ['record', '--action', 'a', '--category', ''], says: 'category "" must not be empty' },
    { words: ['record', '--action', 'a', '--entity', 'user'], says: 'entity "user" is not type:id' },
    { words: ['record', '--action', 'a', '--entity', ':5'], says: 'entity ":5" is not type:id' },
    { words: ['record', '--action', 'a', '--scope', 'tenant'], says: 'scope "tenant" is not kind:id' },
    { words: ['record', '--action', 'a', '--id', '123'], says: 'id "123" must not be empty nor all digits' },
    { words: ['record', '--action', 'a', '--id', ''], says: 'id "" must not be empty' },
    {
      words: ['record', '--action', 'a', '--meta', 'novalue'],
      says: '--meta "novalue" is not key=text, nor key:=JSON',
    },
    { words: ['record', '--action', 'a', '--meta', '=x'], says: '--meta "=x" is not key=text' },
    { words: ['record', '--action', 'a', '--meta', 'a..b=x'], says: '--meta "a..b=x" is not key=text' },
    { words: ['note'], says: "missing required argument 'type:id'" },
    { words: ['note', 'machine', 'text'], says: 'entity "machine" is not type:id, such as user:42' },
    { words: ['show'], says: "missing required argument 'seq|id'" },
    { words: ['show', '1', '--around', '-1'], says: '--around' },
    { words: ['history', '-n', '1.5'], says: 'whole number' },
    { words: ['history', '-n', 'many'], says: 'many' },
    { words: ['history', '--format', 'xml'], says: 'Allowed choices are table, line, json, ndjson, csv' },
    {
      words: ['export', '--format', 'table'],
      says: 'Allowed choices are cef, csv, ecs, gelf, json, leef, ndjson, ocsf, otlp-json, parquet, rfc5424',
    },
    { words: ['export', '-o', 'trail.txt'], says: 'the name trail.txt does not say the format' },
    { words: ['export', '--checkpoint', ''], says: '--checkpoint must not be empty' },
    { words: ['prune', '--older-than', '1y', '--before', '2020', '--yes'], says: '--older-than and --before' },
    { words: ['prune', '--max-entries', '0', '--yes'], says: '--max-entries 0 would delete every entry' },
    { words: ['prune', '--max-entries', '-1', '--yes'], says: '--max-entries' },
    { words: ['prune', '--action', 'a', '--yes'], says: 'a filter needs --older-than, --before or --max-entries' },
    {
      words: ['prune', '--before', 'now', '--archive', 'a', '--archive-dir', 'b', '--yes'],
      says: 'cannot be used with',
    },
    { words: ['clear', '--older-than', '1y', '--yes'], says: "unknown option '--older-than'" },
    { words: ['retention', 'set', 'p'], says: 'policy p needs --max-age or --max-entries' },
    { words: ['retention', 'set', '', '--max-age', '1y'], says: 'the name of a policy must not be empty' },
    { words: ['retention', 'set', 'p', '--max-entries', '0'], says: '--max-entries 0 would delete every entry' },
    {
      words: ['retention', 'set', 'p', '--max-age', '1y', '--since', '2020'],
      says: '--since does not go into a policy',
    },
    {
      words: ['retention', 'set', 'p', '--max-age', '1y', '--until', '2020'],
      says: '--until does not go into a policy',
    },
    { words: ['retention', 'set', 'p', '--max-age', '1y', '--in', '2020'], says: '--in does not go into a policy' },
    { words: ['retention', 'remove'], says: "missing required argument 'name'" },
    { words: ['completion', 'powershell'], says: 'Allowed choices are bash, zsh, fish' },
    { words: ['backup'], says: "missing required argument 'file'" },
    { words: ['init', 'other.db'], says: 'too many arguments' },
  ])('$words', async ({ words, says }) => {
    const { code, stderr } = await refused(words, { input: 'text' });
    expect(code).toBe(2);
    expect(stderr).toContain(says);
  });

  test('a mistake in writing is met with the help of the command that it was made in', async () => {
    expect((await cli(['history', '--lmit', '5'])).stderr).toBe(
      "daybook: unknown option '--lmit' (Did you mean --limit?)\ntry: daybook history --help\n",
    );
    expect((await cli(['retention', 'set', '--nonsense'])).stderr).toMatch(/\ntry: daybook retention set --help\n$/);
    expect((await cli(['histroy'])).stderr).toBe(
      "daybook: unknown command 'histroy' (Did you mean history?)\ntry: daybook --help\n",
    );
  });
});

describe('bad data is 6: a bad value inside --metadata, @file, stdin', () => {
  const record = ['record', '--action', 'a'];

  test.each([
    { words: ['--metadata', '{'], says: '--metadata: not valid JSON' },
    { words: ['--metadata', ''], says: '--metadata: not valid JSON' },
    { words: ['--metadata', '[1]'], says: 'metadata an array is not a JSON object' },
    { words: ['--metadata', '"text"'], says: 'metadata "text" is not a JSON object' },
    { words: ['--metadata', '{"a":1,"a":2}'], says: '--metadata: key "a" stands twice' },
    { words: ['--metadata', '{"a":"\\u0000"}'], says: 'holds NUL' },
    { words: ['--metadata', '{"a":"\\ud800"}'], says: 'half of a surrogate pair' },
    { words: ['--metadata', `{"a":${'['.repeat(1001)}${']'.repeat(1001)}}`], says: 'nested deeper than 1000' },
    { words: ['--old', '{x}'], says: '--old: not valid JSON' },
    { words: ['--new', 'null'], says: 'new_values null is not a JSON object' },
    { words: ['--old', '5'], says: 'old_values 5 is not a JSON object' },
    { words: ['--meta', 'k:=bad'], says: '--meta k: not valid JSON' },
    { words: ['--meta', 'k:='], says: '--meta k: not valid JSON' },
    { words: ['--meta', 'k=1', '--meta', 'k=2'], says: '--meta "k=2": "k" has a value already' },
    { words: ['--meta', 'k=1', '--meta', 'k.a=2'], says: '--meta "k.a=2": "k" has a value already' },
    { words: ['--metadata', '[]', '--meta', 'k=1'], says: 'is not a JSON object' },
  ])('$words', async ({ words, says }) => {
    const { code, stderr } = await refused([...record, ...words]);
    expect(stderr).toContain(says);
    expect(code).toBe(6);
  });

  test('@file that is missing, a directory, not UTF-8, or not JSON', async () => {
    const latin = inTestDirectory('latin.json');
    writeFileSync(latin, Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]));
    const broken = inTestDirectory('broken.json');
    writeFileSync(broken, '{"a":');
    for (const [file, says] of [
      [inTestDirectory('none.json'), 'the file cannot be read (there is no such file)'],
      [inTestDirectory('.'), 'the file cannot be read (it is a directory)'],
      [latin, 'is not valid UTF-8'],
      [broken, 'not valid JSON'],
    ] as const) {
      for (const option of ['--metadata', '--old', '--new']) {
        const { code, stderr } = await cli([...record, option, `@${file}`]);
        expect(stderr).toContain(says);
        expect(stderr).toContain(option);
        expect(code).toBe(6);
      }
    }
    expect(await ok(['count'])).toBe('0\n');
  });

  test('a note that is not UTF-8', async () => {
    const { code, stderr } = await refused(['note', 'a:1'], { input: Buffer.from([0x61, 0xff]) });
    expect({ code, stderr }).toEqual({ code: 6, stderr: 'daybook: stdin is not valid UTF-8\n' });
  });

  test('a note with NUL', async () => {
    const { code, stderr } = await refused(['note', 'a:1'], { input: 'a\0b' });
    expect(stderr).toBe('daybook: message "a\\u0000b" holds NUL, which no text may\n');
    expect(code).toBe(6);
  });
});

describe('no such database, or not one: nothing is made and nothing is changed', () => {
  test('a hint says how to make one', async () => {
    const cwd = temporaryDirectory();
    expect(await run(['note', 'a:1', 'x'], { cwd })).toMatchObject({
      code: 4,
      stdout: '',
      stderr: 'daybook: no database at audit.db\ntry: daybook --db audit.db init\n',
    });
  });

  test('each has its own message', async () => {
    const db = inTestDirectory('folder/none.db');
    expect(await cli(['init'], { db })).toMatchObject({ code: 4, stderr: expect.stringContaining('does not exist') });
    expect(await cli(['count'], { db: inTestDirectory('.') })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('is a directory, not a database'),
    });
    const empty = inTestDirectory('empty.db');
    writeFileSync(empty, '');
    expect(await cli(['count'], { db: empty })).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('holds no daybook trail'),
    });
    const text = inTestDirectory('text.db');
    writeFileSync(text, 'x'.repeat(5000));
    for (const words of [['count'], ['init'], ['init', '--alongside'], ['prune', '--yes']]) {
      expect(await cli(words, { db: text })).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('is not a SQLite database'),
      });
    }
  });
});

test('no hint makes a filter go missing', async () => {
  const { stderr } = await cli(['retention', 'set', 'p', '--category', 'auth']);
  expect(stderr).toBe('daybook: policy p needs --max-age or --max-entries\n');
});

test('a line feed in a value cannot make a message of its own', async () => {
  const forged = 'x\ndaybook: all is well';
  for (const words of [
    ['show', forged],
    ['retention', 'remove', forged],
    [forged],
    ['history', `--${forged}`],
    ['history', '--format', forged],
    ['count', '--since', forged],
    ['count', '--severity', forged],
    ['export', '-o', `/nowhere/${forged}.csv`],
    ['record', '--action', 'a', '--metadata', `@${forged}`],
  ]) {
    const { code, stderr } = await cli(words);
    expect(code, words.join(' ')).not.toBe(0);
    expect(stderr.match(/^daybook: /gm), words.join(' ')).toHaveLength(1);
  }
  expect(await cli(['count'], { db: `/nowhere/${forged}` })).toMatchObject({
    stderr: expect.not.stringMatching(/^daybook: all/m),
  });
});

describe('what is too large is 6, without a stack trace, and changes nothing', () => {
  const TOO_LARGE = 64 * 1024 * 1024 + 1;

  test('a file in place of a value, also one that never ends', async () => {
    await given({ action: 'a' });
    const big = inTestDirectory('big.json');
    writeFileSync(big, '');
    truncateSync(big, TOO_LARGE);
    for (const place of [big, '/dev/zero']) {
      for (const words of [
        ['record', '--action', 'a', '--new', `@${place}`],
        ['record', '--action', 'a', '--metadata', `@${place}`],
        ['exec', '--file', place],
      ]) {
        const { code, stderr } = await cli(words);
        expect(code, stderr).toBe(6);
        expect(stderr).toMatch(/^daybook: .* is larger than 67108864 bytes\n$/);
      }
    }
    expect(await ok(['count'])).toBe('1\n');
  });

  test('a note', async () => {
    const { code, stderr } = await refused(['note', 'a:1', '-'], { input: Buffer.alloc(TOO_LARGE, 'x') });
    expect({ code, stderr }).toEqual({ code: 6, stderr: 'daybook: stdin is larger than 67108864 bytes\n' });
  });

  test('a document of many keys', async () => {
    const keys = Object.fromEntries(Array.from({ length: 200_001 }, (_, index) => [`k${index}`, 1]));
    await ok(['count']);
    const file = inTestDirectory('keys.json');
    writeFileSync(file, JSON.stringify(keys));
    const { code, stderr } = await refused(['record', '--action', 'a', '--new', `@${file}`]);
    expect({ code, stderr }).toEqual({
      code: 6,
      stderr: 'daybook: --new: a document of more than 200000 keys and items is too large\n',
    });
    const line = JSON.stringify({ action: 'a', metadata: keys });
    const stdin = await refused(['record', '--stdin'], { input: `${line}\n` });
    expect(stdin.code).toBe(6);
    expect(stdin.stderr).toContain('line 1: a document of more than 200000 keys and items is too large');
  });

  test('CSV of many columns, and of too many', async () => {
    await ok(['count']);
    const wide = (count: number): string => {
      const columns = Array.from({ length: count }, (_, index) => `c${index}`);
      return `ts,action,${columns.join(',')}\n2026-01-01T00:00:00Z,a${',1'.repeat(count)}\n`;
    };
    const imported = await json(['import', 'csv', '-', '--format', 'json'], { input: wide(100_000) });
    expect(imported).toMatchObject({ recorded: 1 });
    const { code, stderr } = await refused(['import', 'csv', '-'], { input: wide(200_001) });
    expect(code).toBe(6);
    expect(stderr).toContain('the header names 200003 columns, and 200000 are the most');
    const missing = await refused(['actors', 'import', '-'], { input: wide(100_000) });
    expect(missing.code).toBe(6);
    expect(missing.stderr.length).toBeLessThan(1000);
  });
});
