import Database from 'better-sqlite3';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, inTestDirectory, json, ndjson, ok, trail } from '../support/cli.js';
import { temporaryDirectory } from '../support/program.js';

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
}

async function listed(...words: readonly string[]): Promise<Listed[]> {
  return (await json<{ actors: Listed[] }>(['actors', 'list', '--format', 'json', ...words])).actors;
}

async function lastEntry(): Promise<Record<string, unknown>> {
  const { entries } = await json<{ entries: Record<string, unknown>[] }>(['history', '-n', '1', '--format', 'json']);
  return entries[0] ?? {};
}

function file(name: string, text: string | Uint8Array): string {
  const path = inTestDirectory(name);
  writeFileSync(path, text);
  return path;
}

describe('actors set and remove', () => {
  test('name an actor, and record what was and what is', async () => {
    expect(await cli(['actors', 'set', 'u-42', '--name', 'Ines Moreau', '--as', 'ops'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'actor u-42 is Ines Moreau\n',
    });
    expect(await lastEntry()).toMatchObject({
      category: 'system',
      action: 'actors_set',
      actor: 'ops',
      entity_type: 'actor',
      entity_id: 'u-42',
      entity_name: 'Ines Moreau',
      old_values: null,
      new_values: { id: 'u-42', name: 'Ines Moreau', email: null },
      changed_fields: null,
    });
    await ok(['actors', 'set', 'u-42', '--name', 'Ines Arriaga', '--email', 'ines@example.org']);
    expect(await lastEntry()).toMatchObject({
      old_values: { id: 'u-42', name: 'Ines Moreau', email: null },
      new_values: { id: 'u-42', name: 'Ines Arriaga', email: 'ines@example.org' },
      changed_fields: ['name', 'email'],
    });
    await ok(['actors', 'remove', 'u-42']);
    expect(await lastEntry()).toMatchObject({
      action: 'actors_remove',
      old_values: { id: 'u-42', name: 'Ines Arriaga', email: 'ines@example.org' },
      new_values: null,
    });
    expect(await listed()).toEqual([]);
  });

  test('change and record nothing where all is like that already', async () => {
    await ok(['actors', 'set', 'u-42', '--name', 'Ines', '--email', 'i@example.org']);
    for (const words of [
      ['--name', 'Ines'],
      ['--name', 'Ines', '--email', 'i@example.org'],
    ]) {
      const { stderr } = await cli(['actors', 'set', 'u-42', ...words]);
      expect(stderr).toBe('actor u-42 is Ines already\n');
    }
    expect(await ok(['count'])).toBe('1\n');
    await ok(['actors', 'set', 'u-42', '--name', 'Ines', '--email', '']);
    expect(await listed()).toEqual([{ id: 'u-42', name: 'Ines', email: null }]);
  });

  test('refuse an empty id or name, half a character, and an actor that is not there', async () => {
    expect(await cli(['actors', 'set', '', '--name', 'x'])).toMatchObject({ code: 2 });
    expect(await cli(['actors', 'set', 'x', '--name', ''])).toMatchObject({
      code: 2,
      stderr: 'daybook: the name is empty\n',
    });
    expect(await cli(['actors', 'set', 'x', '--name', '\ud800'])).toMatchObject({ code: 2 });
    expect(await cli(['actors', 'set', 'x'])).toMatchObject({ code: 2 });
    expect(await cli(['actors', 'remove', 'x'])).toMatchObject({
      code: 4,
      stderr: 'daybook: no actor "x" in the directory\ntry: daybook actors list\n',
    });
    expect(await ok(['count'])).toBe('0\n');
  });
});

describe('actors list', () => {
  test('has tabs, a table on a terminal, JSON, NDJSON and CSV', async () => {
    await ok(['actors', 'set', 'u-42', '--name', 'Ines, M.', '--email', 'i@example.org']);
    await ok(['actors', 'set', '7', '--name', '=Tomás']);
    expect(await ok(['actors', 'list'])).toBe('7\t=Tomás\t\nu-42\tInes, M.\ti@example.org\n');
    expect(await ok(['actors', 'list', '--color', 'never'], { terminal: true })).toBe(
      'id    name      email\n7     =Tomás\nu-42  Ines, M.  i@example.org\n',
    );
    expect(await ok(['actors', 'list', '--format', 'table'])).toContain('Ines, M.');
    expect(await listed()).toEqual([
      { id: '7', name: '=Tomás', email: null },
      { id: 'u-42', name: 'Ines, M.', email: 'i@example.org' },
    ]);
    expect(await ndjson(['actors', 'list', '--format', 'ndjson'])).toEqual(await listed());
    expect(await ok(['actors', 'list', '--format', 'csv'])).toBe(
      `id,name,email\n7,'=Tomás,\nu-42,"Ines, M.",i@example.org\n`,
    );
    expect(await ok(['actors', 'list', '--format', 'csv', '--exact'])).toContain('\n7,=Tomás,\n');
    expect(await cli(['actors', 'list', '--exact'])).toMatchObject({ code: 2 });
  });

  test('finds by exact name, and says on stderr where there is nobody', async () => {
    expect(await cli(['actors', 'list'])).toMatchObject({ code: 0, stdout: '', stderr: 'there are no names\n' });
    await ok(['actors', 'set', '1', '--name', 'Anna']);
    await ok(['actors', 'set', '2', '--name', 'Anna B.']);
    expect(await listed('--name', 'Anna')).toEqual([{ id: '1', name: 'Anna', email: null }]);
    expect(await cli(['actors', 'list', '--name', 'anna'])).toMatchObject({
      code: 0,
      stderr: 'nobody in the directory is called anna\n',
    });
    expect(await ok(['actors', 'list', '--name', 'anna', '--format', 'csv'])).toBe('id,name,email\n');
  });

  test('makes hidden characters visible', async () => {
    await ok(['actors', 'set', 'x', '--name', 'a\u001b[2J\nb\u202e']);
    for (const format of [[], ['--format', 'table'], ['--format', 'json'], ['--format', 'csv']]) {
      const out = await ok(['actors', 'list', '--color', 'never', ...format], { terminal: true });
      for (const hidden of ['\u001b', '\u202e']) expect(out, format.join(' ')).not.toContain(hidden);
    }
    expect(await ok(['actors', 'list'])).not.toContain('\u001b');
  });

  test('is whole beyond one page', async () => {
    const lines = Array.from({ length: 1234 }, (_, n) => `u-${n},name ${n}\n`).join('');
    await ok(['actors', 'import', file('p.csv', `id,name\n${lines}`)]);
    expect(await listed()).toHaveLength(1234);
  });
});

describe('actors import of CSV', () => {
  test('takes the columns in any order, quoted line breaks, CRLF and a byte order mark, and is told once', async () => {
    const path = file(
      'people.csv',
      '\ufeffname,shift,id,email\r\n"Ines\n""M."", Moreau",night,u-42,i@x\r\n\r\nTomás,,7,\r\n,,8,',
    );
    expect(await cli(['actors', 'import', path])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'names: 2 added, 0 changed, 0 as they were, 1 without a name left out\n',
    });
    expect(await listed()).toEqual([
      { id: '7', name: 'Tomás', email: null },
      { id: 'u-42', name: 'Ines\n"M.", Moreau', email: 'i@x' },
    ]);
    expect(await lastEntry()).toMatchObject({
      category: 'system',
      action: 'actors_import',
      actor: 'alice',
      message: 'names from people.csv: 2 added, 0 changed',
      metadata: { from: 'people.csv', read: 3, added: 2, changed: 0, unchanged: 0, unnamed: 1 },
    });
    expect(await json(['actors', 'import', path, '--format', 'json'])).toEqual({
      read: 3,
      added: 0,
      changed: 0,
      unchanged: 2,
      unnamed: 1,
      entry: null,
    });
    expect(await ok(['count'])).toBe('1\n');
  });

  test('have no file to be from where a shell passes what a command writes', async () => {
    await trail();
    const descriptor = openSync(file('people.csv', 'id,name\n7,Tomás\n'), 'r');
    try {
      await ok(['actors', 'import', `/dev/fd/${descriptor}`]);
    } finally {
      closeSync(descriptor);
    }
    expect(await lastEntry()).toMatchObject({ message: 'names from stdin: 1 added, 0 changed' });
  });

  test('takes other columns with --columns, and stdin', async () => {
    const input = 'login;full name\n'.replace(';', ',') + 'ines,Ines Moreau\n';
    await ok(['actors', 'import', '-', '--columns', 'id=login,name=full name'], { input });
    expect(await listed()).toEqual([{ id: 'ines', name: 'Ines Moreau', email: null }]);
    expect(await lastEntry()).toMatchObject({ metadata: { from: 'stdin' } });
  });

  test('what actors list writes comes back as it was', async () => {
    await ok(['actors', 'set', 'u"42', '--name', '=a,\n"b"', '--email', 'x@y']);
    await ok(['actors', 'set', "'=7", '--name', ' ＝b']);
    for (const exact of [[], ['--exact']]) {
      const input = await ok(['actors', 'list', '--format', 'csv', ...exact]);
      const words = ['actors', 'import', '-', ...exact, '--format', 'json'];
      expect(await json(words, { input })).toMatchObject({ unchanged: 2 });
    }
    // Another list may mean what it says.
    const input = "login,full name,email\n7,'=b,\n";
    await ok(['actors', 'import', '-', '--columns', 'id=login,name=full name'], { input });
    expect(await listed()).toContainEqual({ id: '7', name: "'=b", email: null });
    const table = ['actors', 'import', '--exact', '--from', 'accounts(id, name)'];
    expect(await cli(table)).toMatchObject({ code: 2, stderr: expect.stringContaining('--exact is about CSV') });
  });

  test.each([
    ['', 'there is no header line, such as id,name,email'],
    ['id,full\n1,a\n', 'line 1: no column "name" for the name: id, full'],
    ['id,name,name\n1,a,b\n', 'line 1: there are two columns "name"'],
    ['id,name\n1,a\n2\n', 'line 3: 1 fields, and the header has 2'],
    ['id,name\n1,a\n2,b,c\n', 'line 3: 3 fields, and the header has 2'],
    ['id,name\n1,"a\nb"\n\n2,"c\n3,d\n', 'line 5: a quote is opened and never closed'],
    ['id,name\n1,a\n2,b"c\n', 'line 3: a quote within a field that does not begin with one'],
    ['id,name\n1,a\n2,"b"c\n', 'line 3: text behind the quote that closes a field'],
    ['id,name\n1,a\n,b\n', 'line 3: the id is empty'],
    ['id,name\n1,a\n1,b\n', 'line 3: id "1" is named otherwise in line 2'],
    [Buffer.from('id,name\n1,a\n2,\xff\n', 'latin1'), 'line 3: not valid UTF-8'],
    ['"id,name\n1,a\n', 'line 1: a quote is opened and never closed'],
  ])('a broken line ends it with 6, named, and nothing is changed: %j', async (text, message) => {
    const { code, stdout, stderr } = await cli(['actors', 'import', file('bad.csv', text)]);
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
    expect(stderr.split('\n')[0]).toBe(`daybook: ${message}`);
    expect(await listed()).toEqual([]);
    expect(await ok(['count'])).toBe('0\n');
  });

  test('a quote that is never closed is told long before the end of a large file', async () => {
    const path = file('torn.csv', `id,name\n1,"a\n${'2,b\n'.repeat(400_000)}`);
    expect(await cli(['actors', 'import', path])).toMatchObject({
      code: 6,
      stderr: 'daybook: line 2: longer than 1048576 bytes, over several lines: is a quote never closed?\n',
    });
  });

  test('a folder is 6', async () => {
    expect(await cli(['actors', 'import', temporaryDirectory()])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('the file cannot be read (it is a directory)') as string,
    });
  });

  test('a file that is not there is 6, and what is said wrongly is 2', async () => {
    const code = async (...words: string[]): Promise<number> => (await cli(['actors', 'import', ...words])).code;
    expect(await code('/none.csv')).toBe(6);
    expect(await code()).toBe(2);
    expect(await code('p.csv', '--from', 'a(b, c)')).toBe(2);
    expect(await code('p.csv', '--columns', 'login=id')).toBe(2);
    expect(await code('p.csv', '--columns', 'id=a,id=b')).toBe(2);
    expect(await code('p.csv', '--attach', 'core=x.db')).toBe(2);
  });
});

describe('actors import from a table', () => {
  async function accounts(path: string, sql = "INSERT INTO accounts VALUES ('a1', 'ines', 'i@x'), ('a2', NULL, NULL)") {
    const connection = new Database(path);
    connection.exec(`CREATE TABLE accounts (id TEXT PRIMARY KEY, username TEXT, "e mail" TEXT); ${sql}`);
    connection.close();
  }

  test('of the same database, or of one that is attached', async () => {
    await accounts(await trail());
    const core = inTestDirectory('core.sqlite3');
    await accounts(core, "INSERT INTO accounts VALUES ('b1', 'tomas', NULL)");
    expect(await json(['actors', 'import', '--from', 'accounts(id, username)', '--format', 'json'])).toEqual({
      read: 2,
      added: 1,
      changed: 0,
      unchanged: 0,
      unnamed: 1,
      entry: 1,
    });
    const from = ['--from', ' core."accounts" ( id,username , "e mail")', '--attach', `core=${core}`];
    await ok(['actors', 'import', ...from]);
    expect(await lastEntry()).toMatchObject({
      action: 'actors_import',
      metadata: { from: 'core."accounts" ( id,username , "e mail")', read: 1 },
    });
    await ok(['actors', 'import', '--from', 'main.accounts(id, username, "e mail")']);
    expect(await listed()).toEqual([
      { id: 'a1', name: 'ines', email: 'i@x' },
      { id: 'b1', name: 'tomas', email: null },
    ]);
  });

  test('attached, it is only read', async () => {
    const core = inTestDirectory('core.sqlite3');
    await accounts(core);
    const holder = new Database(core);
    holder.pragma('journal_mode = WAL');
    holder.exec('BEGIN IMMEDIATE');
    const words = ['actors', 'import', '--from', 'core.accounts(id, username)', '--attach', `core=${core}`];
    expect(await cli(words)).toMatchObject({ code: 0 });
    holder.exec('COMMIT');
    expect(holder.prepare('SELECT name FROM sqlite_schema').pluck().all()).not.toContain('daybook_entries');
    holder.close();
  });

  test.each([
    [['--from', 'accounts'], 2, 'is not <table>(<id>, <name>[, <email>])'],
    [['--from', 'accounts(id)'], 2, 'is not <table>'],
    [['--from', 'accounts(id, username) WHERE 1'], 2, 'is not <table>'],
    [['--from', 'core.accounts(id, username)'], 2, 'no database is attached as "core"'],
    [['--from', 'accounts(id, username)', '--attach', 'core=x.db'], 2, '--attach core: --from does not read'],
    [['--from', 'accounts(id, username)', '--attach', 'core'], 2, '--attach core is not'],
    [['--from', 'accounts(id, username)', '--columns', 'id=a'], 2, '--columns is about CSV'],
    [['--from', 'accounts(id, login)'], 2, 'no column "login"'],
    [['--from', 'people(id, login)'], 4, 'no table "people"'],
    [['--from', 'core.accounts(id, username)', '--attach', 'core=/none.db'], 4, 'no database at /none.db'],
  ])('%j is refused with %i', async (words, code, message) => {
    await accounts(await trail());
    const result = await cli(['actors', 'import', ...words]);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
    expect(await ok(['count'])).toBe('0\n');
  });
});
