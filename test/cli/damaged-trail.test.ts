import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import type { EntryField } from '../../src/core/entry.js';
import { ENTRIES_TABLE, MIGRATIONS, MIGRATIONS_TABLE, TABLES } from '../../src/store/sqlite/engine/schema.js';
import { cli, given, inTestDirectory, json, ok, trail } from '../support/cli.js';

test('the definition that is compared is the one that the migrations make', () => {
  const model = new Database(':memory:');
  model.unsafeMode().exec(MIGRATIONS_TABLE + MIGRATIONS.map(({ sql }) => sql).join('\n'));
  const sql = model.prepare(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_entries'`).pluck().get();
  expect(ENTRIES_TABLE).toBe(sql);
  const tables = model.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'daybook_*'`).pluck();
  expect([...TABLES].toSorted()).toEqual((tables.all() as string[]).toSorted());
  model.close();
});

/** A trail of five entries whose table has lost all of its rules. */
async function withoutRules(): Promise<Database.Database> {
  await given(
    ...Array.from({ length: 5 }, (_, index) => ({
      action: 'update',
      entity_type: 'user',
      entity_id: '7',
      message: `number ${index + 1}`,
      metadata: { n: index },
      old_values: { a: 1 },
      new_values: { a: 2 },
      ts: '2026-01-01T00:00:00.000Z',
    })),
  );
  const plain = new Database(await trail());
  plain.unsafeMode();
  plain.exec('DROP TRIGGER daybook_entries_append_only_update');
  plain.pragma('writable_schema = ON');
  const columns = ENTRY_FIELDS.map((field) => (field === 'seq' ? 'seq INTEGER PRIMARY KEY AUTOINCREMENT' : field));
  const generated = (/ts_ms INTEGER .*VIRTUAL/.exec(ENTRIES_TABLE)?.[0] ?? '').replace(' NOT NULL', '');
  plain
    .prepare(`UPDATE sqlite_schema SET sql = ? WHERE name = 'daybook_entries'`)
    .run(`CREATE TABLE daybook_entries (${[...columns, generated].join(', ')}, UNIQUE (id))`);
  plain.pragma('writable_schema = RESET');
  return plain;
}

/** What somebody may put in the place of a field so that JSON says what no entry says, or none at all. */
const FORGED: Readonly<Partial<Record<EntryField, readonly unknown[]>>> = {
  metadata: [
    '{"a":1},"severity":"FORGED","x":{}',
    '{"a":1',
    '[1]',
    '"text"',
    '',
    null,
    7,
    Buffer.from('{"a":1}'),
    '{}\n{}',
  ],
  old_values: ['{"a":1},"actor":"FORGED"', '[]', Buffer.from('{}'), 1.5],
  new_values: ['{"a":1},"actor":"FORGED"', 'null', '{a:1}'],
  changed_fields: ['["a"],"actor":"FORGED"', '{}', 'a'],
  ts: ['2026-01-01T00:00:00.000Z","actor":"FORGED', '2026-01-01', '2026-02-30T00:00:00.000Z', null],
  recorded_at: ['2026-01-01T00:00:00.000Z","actor":"FORGED', 'now'],
  action: [null, Buffer.from('a')],
  message: [Buffer.from('m'), 7],
  actor: [null],
  scope: [Buffer.from('a:b')],
};

/** Every way in which an entry goes out. */
const WAYS_OUT: readonly (readonly string[])[] = [
  ['export', '--format', 'ndjson'],
  ['export', '--format', 'json'],
  ['export', '--format', 'csv'],
  ['history', '--format', 'json'],
  ['history', '--format', 'ndjson'],
  ['history', '--format', 'csv'],
  ['show', '3', '--format', 'json'],
];

describe('a table without its rules', () => {
  const cases = Object.entries(FORGED).flatMap(([field, values]) =>
    values.map((value) => [field, JSON.stringify(String(value)), value] as const),
  );
  test.each(cases)('lets no %s pass that is %s', async (field, _shown, value) => {
    const plain = await withoutRules();
    for (const words of WAYS_OUT) expect((await cli(words)).code, words.join(' ')).toBe(0);
    plain.prepare(`UPDATE daybook_entries SET ${field} = ? WHERE seq = 3`).run(value);
    for (const words of WAYS_OUT) {
      const { code, stdout, stderr } = await cli(words);
      expect({ code, stdout: stdout.includes('FORGED'), words }).toEqual({ code: 4, stdout: false, words });
      expect(stderr).toMatch(new RegExp(`entry 3 is damaged: its ${field} is not what an entry can have there`));
    }
    plain.close();
  });

  test('is read as ever where nothing was changed but that, and reads what is whole beside what is not', async () => {
    const plain = await withoutRules();
    plain.exec(`UPDATE daybook_entries SET metadata = '{"a":1},"severity":"FORGED"' WHERE seq = 3`);
    expect((await cli(['history', '--since', '@0', '--columns', 'seq,message', '--format', 'csv'])).code).toBe(0);
    expect(await json(['show', '4', '--format', 'json'])).toMatchObject({ seq: 4, metadata: { n: 3 } });
    plain.close();
  });

  test('names the entry also where a document is met before it goes out', async () => {
    const plain = await withoutRules();
    plain.exec(`UPDATE daybook_entries SET metadata = '{bad', changed_fields = '[bad' WHERE seq = 3`);
    for (const words of [
      ['count', '--meta', 'n=1'],
      ['history', '--changed', 'a'],
      ['report', 'fields'],
      ['changes', 'user:7', '--field', 'a'],
    ]) {
      expect(await cli(words), words.join(' ')).toMatchObject({
        code: 4,
        stderr: expect.stringMatching(/entry 3 is damaged: its (?:metadata|changed_fields) is not/),
      });
    }
    plain.close();
  });

  test('lets nothing into an archive, and prunes nothing then', async () => {
    const plain = await withoutRules();
    plain.exec(`UPDATE daybook_entries SET metadata = '{"a":1},"severity":"FORGED"' WHERE seq = 3`);
    const archive = inTestDirectory('archive.ndjson');
    expect(await cli(['prune', '--before', 'now', '--yes', '--archive', archive])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('entry 3 is damaged'),
    });
    expect(await ok(['count'])).toBe('5\n');
    plain.close();
  });

  test('has its captured rows told as they were recorded, or not at all', async () => {
    const plain = new Database(await trail());
    plain.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, a)');
    await ok(['capture', 'add', 'users']);
    plain.exec('INSERT INTO users VALUES (7, 1); UPDATE users SET a = 2; UPDATE users SET a = 3');
    plain.close();
    const rewritten = await withoutRules();
    rewritten.exec(`UPDATE daybook_entries SET new_values = '{"a":1},"x":"FORGED"' WHERE seq = 3`);
    for (const words of [
      ['state', 'users:7', '--at-entry', '3', '--format', 'json'],
      ['state', 'users', '--at-entry', '3', '--format', 'ndjson'],
    ]) {
      const { code, stdout, stderr } = await cli(words);
      expect({ code, stdout }, stderr).toEqual({ code: 4, stdout: '' });
      expect(stderr).toContain('entry 3 is damaged: its new_values');
    }
    rewritten.close();
  });
});

describe('a table of ours that is none', () => {
  const ENDLESS = 'WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)';

  test.each(TABLES)('%s as an endless view is no trail, and hangs nobody', async (table) => {
    await given({ action: 'a' });
    const plain = new Database(await trail());
    plain.pragma('legacy_alter_table = ON');
    const columns = plain.prepare<[string], string>('SELECT name FROM pragma_table_info(?)').pluck().all(table);
    plain.exec(`ALTER TABLE ${table} RENAME TO aside;
      CREATE VIEW ${table.toUpperCase()} AS ${ENDLESS} SELECT ${columns.map((name) => `x AS ${name}`).join(', ')} FROM n`);
    plain.close();
    for (const words of [
      ['status'],
      ['count'],
      ['history'],
      ['record', '--action', 'a'],
      ['init'],
      ['prune', '--yes'],
    ]) {
      const { code, stderr } = await cli(words);
      expect({ code, words }).toEqual({ code: 4, words });
      expect(stderr).toMatch(new RegExp(`holds no daybook trail: its ${table.toUpperCase()} is not a table`));
    }
  });

  test('a virtual table is none either; a trigger may have any name', async () => {
    await given({ action: 'a' });
    const plain = new Database(await trail());
    plain.exec(`CREATE TABLE theirs (a); CREATE TRIGGER daybook_entries AFTER INSERT ON theirs BEGIN SELECT 1; END`);
    expect(await ok(['count'])).toBe('1\n');
    expect((await json<{ problems: { code: string }[] }>(['status', '--format', 'json'])).problems).toEqual([]);
    plain.exec('DROP TABLE daybook_checkpoints; CREATE VIRTUAL TABLE daybook_checkpoints USING fts5 (name)');
    plain.close();
    expect(await cli(['count'])).toMatchObject({ code: 4, stderr: expect.stringContaining('daybook_checkpoints') });
  });
});

test('documents that came in while the guard was away let nothing pass after init put it back', async () => {
  await given({ action: 'update', metadata: {} });
  const plain = new Database(await trail());
  plain.exec('DROP TRIGGER daybook_entries_append_only_insert');
  expect((await cli(['export', '--format', 'ndjson'])).code).toBe(0);
  plain.exec(`INSERT INTO daybook_entries (action, metadata) VALUES ('x', '{"a":1},"severity":"FORGED","x":{}')`);
  expect((await cli(['export', '--format', 'ndjson'])).code).toBe(4);
  expect((await cli(['init'])).code).toBe(0);
  const { code, stdout, stderr } = await cli(['export', '--format', 'ndjson']);
  expect([code, stdout.includes('FORGED'), stderr]).toEqual([4, false, expect.stringContaining('entry 2 is damaged')]);
  expect(() => plain.exec(`INSERT INTO daybook_entries (action, metadata) VALUES ('x', '{')`)).toThrow(/^daybook: /);
  plain.close();
});
