import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, given, json, ok, trail } from '../support/cli.js';

const CHANGED = `UPDATE daybook_retention SET max_age = '1d' WHERE name = 'everything'`;
const SPOILED = `INSERT INTO daybook_retention VALUES ('it''s', '{bad', '1d', NULL)`;
const GONE = `DELETE FROM daybook_retention WHERE name = 'sign-ins'`;

/** A trail with two policies, of which the other program runs this SQL, and an entry that is due. */
async function tampered(sql: string): Promise<void> {
  await ok(['retention', 'set', 'everything', '--max-age', '90d']);
  await ok(['retention', 'set', 'sign-ins', '--category', 'auth', '--max-age', '2y']);
  await given({ action: 'a', ts: '2025-06-01T00:00:00Z' }, { action: 'b', ts: '2026-03-01T00:00:00Z' });
  const database = new Database(await trail());
  database.exec(sql);
  database.close();
}

describe.each([
  [
    'changed',
    CHANGED,
    /^daybook: policy everything was changed, and not by daybook: entry 1, which set it, says otherwise/,
  ],
  ['spoiled', SPOILED, /^daybook: policy it's cannot be read: its filter is not one/],
  ['gone', GONE, /^daybook: policy sign-ins was removed, and not by daybook: entry 2 set it/],
])('a policy that is %s', (words, sql, message) => {
  test.each([
    [['prune', '--yes']],
    [['prune', '--yes', '--quiet']],
    [['prune']],
    [['prune', '--yes', '--format', 'json']],
  ])('refuses %j where nobody is asked, and nothing goes', async (command) => {
    await tampered(sql);
    const result = await cli(command);
    expect(result).toMatchObject({ code: 7, stdout: '' });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/\ntry: daybook .*retention list\n$/);
    expect(await ok(['count'])).toBe('4\n');
  });

  test('refuses --yes on a terminal too, and --quiet, which would not be told', async () => {
    await tampered(sql);
    expect(await cli(['prune', '--yes'], { terminal: true })).toMatchObject({ code: 7 });
    expect(await cli(['prune', '--quiet'], { terminal: true, input: 'y\n' })).toMatchObject({ code: 7 });
    expect(await ok(['count'])).toBe('4\n');
  });

  test('hinders no prune that goes by its own options', async () => {
    await tampered(sql);
    expect(await ok(['prune', '--older-than', '90d', '--yes'])).toMatch(/^deleted 1 entry/);
  });

  test('is a problem of status, and stands in the list', async () => {
    await tampered(sql);
    expect(await cli(['status', '--check'])).toMatchObject({ code: 3 });
    const { problems } = await json<{ problems: { code: string }[] }>(['status', '--format', 'json']);
    expect(problems.map(({ code }) => code)).toEqual([words === 'spoiled' ? 'unreadable_row' : 'policy_changed']);
    const { policies } = await json<{ policies: { name: string; problem: string | null }[] }>([
      'retention',
      'list',
      '--format',
      'json',
    ]);
    expect(policies.map(({ name }) => name)).toEqual(expect.arrayContaining(['everything', 'sign-ins']));
    expect(policies.filter(({ problem }) => problem !== null).length).toBe(1);
    for (const terminal of [false, true]) {
      const listed = await cli(['retention', 'list'], { terminal });
      expect(listed.code).toBe(0);
      expect(`daybook: ${listed.stderr}`).toMatch(message);
    }
  });
});

test.each([
  ['changed', CHANGED, 'everything'],
  ['gone', GONE, 'sign-ins'],
])('somebody who is asked is told first of a policy that is %s', async (_words, sql, name) => {
  await tampered(sql);
  const result = await cli(['prune'], { terminal: true, input: 'y\n' });
  expect(result.code).toBe(0);
  expect(result.stderr.indexOf(`policy ${name} was`)).toBeGreaterThanOrEqual(0);
  expect(result.stderr.indexOf(`policy ${name} was`)).toBeLessThan(result.stderr.indexOf('will delete'));
  expect(await cli(['prune', '--dry-run'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(`policy ${name} was`) as string,
  });
});

test('nothing goes, asked or not, while a policy cannot be read: it may spare anything', async () => {
  await tampered(SPOILED);
  for (const command of [['prune'], ['prune', '--dry-run']]) {
    expect(await cli(command, { terminal: true, input: 'y\n' })).toMatchObject({ code: 7 });
  }
  expect(await json(['retention', 'list', '--format', 'json'])).toMatchObject({
    policies: [
      { name: 'everything' },
      { name: "it's", max_age: null, max_entries: null, filter: null, entry: null },
      {},
    ],
  });
  await ok(['retention', 'remove', "it's"]);
  expect(await ok(['prune', '--yes'])).toMatch(/^deleted 1 entry/);
});

test('capture list and mirror list name what cannot be read, and remove --all ends it', async () => {
  const database = new Database(await trail());
  database.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, notes TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY)');
  await ok(['mirror', 'add', 'users.notes', '--entity-type', 'user', '--key', 'id']);
  await ok(['capture', 'add', 'users', 'other', '--ignore', 'notes']);
  database.exec(
    `UPDATE daybook_captures SET settings = '{bad' WHERE table_name = 'users'; UPDATE daybook_mirrors SET settings = '{bad'`,
  );
  expect(await cli(['capture', 'list'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^other; since/) as string,
    stderr: expect.stringContaining('the capture of table users cannot be read') as string,
  });
  expect(await cli(['capture', 'check'])).toMatchObject({ code: 3 });
  expect(await cli(['mirror', 'list'])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('mirror users.notes cannot be read') as string,
  });
  expect(await cli(['mirror', 'check'])).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('cannot be read') as string,
  });
  await ok(['mirror', 'remove', 'users.notes']);
  await ok(['capture', 'remove', '--all']);
  expect(await cli(['status', '--check'])).toMatchObject({ code: 0 });
  database.close();
});
