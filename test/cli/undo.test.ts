import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { captureTable } from '../support/captured.js';
import { cli, fromLines, inTestDirectory, json, ok, trail } from '../support/cli.js';

// Named apart: it is no package that is missing.
const SHELL = 'sqlite3';

/** The trail of this test with captured users, Ann and Bea, whose changes begin at entry 2. */
async function users(): Promise<Database.Database> {
  const file = await trail();
  const app = new Database(file);
  onTestFinished(() => {
    app.close();
  });
  app.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT)');
  await captureTable(file, 'users');
  app.exec("INSERT INTO users VALUES (1, 'Ann', 'ann@x'), (2, 'Bea', 'bea@x')");
  return app;
}

function all(app: Database.Database): unknown[] {
  return app.prepare('SELECT * FROM users ORDER BY id').raw().all();
}

const BOTH = [
  [1, 'Ann', 'ann@x'],
  [2, 'Bea', 'bea@x'],
];

describe('revert --apply', () => {
  test('undoes a change, prints the seq of the new entry and says what was undone', async () => {
    const app = await users();
    app.exec("UPDATE users SET email = 'wrong', name = 'A' WHERE id = 1");
    expect(await cli(['revert', '4', '--apply', '--reason', 'a slip', '--as', 'carol'])).toEqual({
      code: 0,
      stdout: '5\n',
      stderr: 'entry 4, users:1: name, email are as before\n',
    });
    expect(all(app)).toEqual(BOTH);
    const undone = await json(['show', '4', '--format', 'json']);
    expect(await json(['show', '5', '--format', 'json'])).toMatchObject({
      action: 'update',
      actor: 'carol',
      recorded_by: 'alice@desk',
      reverts: undone['id'],
      metadata: { table: 'users', reason: 'a slip' },
    });
    expect(await ok(['revert', '5', '--apply', '--reason', 'no slip', '--quiet'])).toBe('6\n');
    expect(all(app)[0]).toEqual([1, 'A', 'wrong']);
  });

  test('takes an id; --format json prints the entry, of several one a line', async () => {
    const app = await users();
    app.exec('UPDATE users SET id = 3 WHERE id = 1');
    const { id } = await json(['show', '5', '--format', 'json']);
    const printed = await ok(['revert', String(id), '--apply', '--reason', 'r', '--format', 'json']);
    expect(fromLines(printed)).toMatchObject([
      { seq: 6, action: 'delete', entity_id: '3', reverts: id },
      { seq: 7, action: 'create', entity_id: '1' },
    ]);
    expect(all(app)).toEqual(BOTH);
  });

  test('without --apply the row stays as it is', async () => {
    const app = await users();
    app.exec("UPDATE users SET email = 'wrong'");
    expect(await ok(['revert', '4', '--reason', 'r'])).toBe('6\n');
    expect(all(app)).not.toEqual(BOTH);
    expect(await cli(['revert', '4', '--apply', '--reason', 'r'])).toEqual({
      code: 7,
      stdout: '',
      stderr: 'daybook: entry 4 is taken back already, by entry 6\ntry: daybook show 6\n',
    });
  });

  test('conflicts are listed even for --quiet, with 7, and nothing is done unless forced', async () => {
    const app = await users();
    app.exec(
      "UPDATE users SET email = 'wrong', name = 'A' WHERE id = 1; UPDATE users SET email = 'since' WHERE id = 1",
    );
    expect(await cli(['revert', '4', '--apply', '--reason', 'r', '--quiet'])).toEqual({
      code: 7,
      stdout: '',
      stderr:
        'entry 4, users:1: email was changed since, by entry 5\n' +
        'daybook: 1 conflict: nothing was undone\n' +
        'try: daybook revert 4 --apply --reason r --quiet --force --dry-run\n',
    });
    expect(all(app)[0]).toEqual([1, 'A', 'since']);
    expect(await cli(['revert', '4', '--apply', '--reason', 'r', '--force'])).toEqual({
      code: 0,
      stdout: '6\n',
      stderr:
        'overruled: entry 4, users:1: email was changed since, by entry 5\n' +
        'entry 4, users:1: name, email are as before\n',
    });
    expect(all(app)).toEqual(BOTH);
  });

  test('each kind of conflict and result has its words', async () => {
    const app = await users();
    app.exec("UPDATE users SET name = 'B' WHERE id = 2; DELETE FROM users WHERE id = 2");
    const told = async (...words: string[]): Promise<string> =>
      (await cli(['revert', ...words, '--apply', '--reason', 'r'])).stderr;
    expect(await told('4')).toContain('entry 4, users:2: there is no such row any more\n');
    expect(await told('5', '--dry-run')).toBe('entry 5, users:2: the row would be there again\n');
    expect(await told('5')).toBe('entry 5, users:2: the row is there again\n');
    expect(await told('2')).toBe('entry 2, users:1: the row is deleted\n');
    app.exec(
      "INSERT INTO users VALUES (1, 'other', NULL); UPDATE users SET name = 'Bea' WHERE id = 2; DELETE FROM users WHERE id = 1",
    );
    app.exec("INSERT INTO users VALUES (1, 'third', NULL)");
    expect(await told('10')).toContain('entry 10, users:1: a row with this key is there again\n');
    expect(await cli(['revert', '4', '--apply', '--reason', 'r'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'entry 4, users:2: all is as before already, so nothing was undone\n',
    });
  });

  test('what cannot be undone is refused', async () => {
    const app = await users();
    await ok(['note', 'users:1', 'hello']);
    expect(await cli(['revert', '4', '--apply', '--reason', 'r'])).toMatchObject({
      code: 7,
      stderr: 'daybook: entry 4 is no change that capture recorded here, and --apply undoes only these\n',
    });
    expect(await cli(['revert', '99', '--apply', '--reason', 'r'])).toMatchObject({ code: 4 });
    app.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, who REFERENCES users); INSERT INTO orders VALUES (1, 1)');
    expect(await cli(['revert', '2', '--apply', '--reason', 'r'])).toMatchObject({
      code: 7,
      stderr: 'daybook: the database forbids undoing entry 2 (FOREIGN KEY constraint failed): nothing was undone\n',
    });
    app.exec('DROP TABLE orders; DROP TABLE users');
    expect(await cli(['revert', '2', '--apply', '--reason', 'r'])).toMatchObject({ code: 7 });
    expect(await ok(['count'])).toBe('4\n');
  });
});

describe('revert --apply of a set', () => {
  async function migrated(): Promise<Database.Database> {
    const app = await users();
    app.exec(`BEGIN; INSERT INTO daybook_context (actor, actor_type, correlation_id) VALUES ('0042', 'migration', '0042');
      INSERT INTO users VALUES (3, 'Cleo', NULL); UPDATE users SET name = upper(name); DELETE FROM users WHERE id <> 1;
      DELETE FROM daybook_context; COMMIT`);
    return app;
  }

  test('goes backwards and can be undone as a whole by the correlation id that it gives', async () => {
    const app = await migrated();
    const { code, stdout, stderr } = await cli([
      'revert',
      '--apply',
      '--correlation',
      '0042',
      '--reason',
      'bad migration',
    ]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '10\n11\n12\n13\n14\n15\n' });
    expect(stderr.split('\n')[0]).toBe('entry 9, users:3: the row is there again');
    expect(all(app)).toEqual(BOTH);
    const { correlation_id } = await json(['show', '10', '--format', 'json']);
    expect(correlation_id).toMatch(/^undo:[0-9a-f-]{36}$/);
    await ok(['revert', '--apply', '--correlation', String(correlation_id), '--reason', 'it was fine']);
    expect(all(app)).toEqual([[1, 'ANN', 'ann@x']]);
  });

  test('--dry-run prints a script for the sqlite3 shell and changes nothing', async () => {
    const app = await migrated();
    const before = app.serialize();
    const script = await ok(['revert', '--apply', '--actor', '0042', '--reason', "it's bad", '--dry-run']);
    expect(app.serialize().equals(before)).toBe(true);
    expect(script).toMatch(
      /^\.bail on\nPRAGMA foreign_keys = ON;\nBEGIN IMMEDIATE;\nINSERT OR REPLACE INTO daybook_context/,
    );
    expect(script).toContain(`UPDATE "users" SET "name" = 'Ann' WHERE "id" IS 1;\n`);
    const copy = inTestDirectory('copy.db');
    writeFileSync(copy, before);
    execFileSync(SHELL, [copy], { input: script });
    const other = new Database(copy, { readonly: true });
    expect(all(other)).toEqual(BOTH);
    other.close();
    expect(all(app)).toEqual([[1, 'ANN', 'ann@x']]);
    await ok(['count', '--db', copy]).then((count) => expect(count).toBe('15\n'));
  });

  test('on a terminal, the script shows what would hide', async () => {
    const app = await users();
    app.prepare('UPDATE users SET name = ? WHERE id = 1').run('\u001b[2J\u202e');
    app.exec("UPDATE users SET name = 'x' WHERE id = 1");
    const words = ['revert', '5', '--apply', '--reason', '\u001b[31m', '--dry-run'];
    const script = await ok(words, { terminal: true });
    // oxlint-disable-next-line no-control-regex
    expect(script).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(script).toContain(`"name" = (char(27) || '[2J' || char(8238))`);
  });

  test('what capture did not record is left out, and told; many are not all told', async () => {
    const app = await users();
    await ok(['note', 'users:1', 'hello', '--correlation', 'C']);
    app.exec("BEGIN; INSERT INTO daybook_context (actor, correlation_id) VALUES ('app', 'C')");
    for (let id = 10; id < 40; id += 1) app.prepare('INSERT INTO users VALUES (?, NULL, NULL)').run(id);
    app.exec('DELETE FROM daybook_context; COMMIT');
    const { stdout, stderr } = await cli(['revert', '--apply', '--correlation', 'C', '--reason', 'r']);
    expect(fromLines(stdout).length).toBe(30);
    expect(stderr).toContain('… and 10 more: undid 30 entries in all\nleft out 1 entry that capture did not record\n');
    expect(await cli(['revert', '--apply', '--correlation', 'none', '--reason', 'r'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no captured change matches: nothing was undone\n',
    });
  });

  test.each([
    { words: ['--apply'], says: 'needs an entry, or a filter' },
    { words: ['4', '--apply', '--correlation', 'x'], says: 'not both' },
    { words: ['4', '--correlation', 'x'], says: 'filters go with --apply' },
    { words: ['4', '--force'], says: '--force goes with --apply' },
    { words: ['4', '--dry-run'], says: '--dry-run goes with --apply' },
    { words: [], says: "missing required argument 'seq|id'" },
    { words: ['--apply', '--in', 'soon'], says: 'soon' },
  ])('$words is wrong usage', async ({ words, says }) => {
    const { code, stderr } = await cli(['revert', ...words, '--reason', 'r']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
  });
});
