import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SCHEMA_VERSION } from '../../src/store/sqlite/engine/schema.js';
import { cli, fromLines, given, inTestDirectory, json, ndjson, NOW, ok, trail } from '../support/cli.js';

interface Pruned {
  deleted: number;
  by_age: number;
  by_count: number;
  remaining: number;
  entry: number | null;
  policies: { name: string; deleted: number }[];
}

async function prune(...words: string[]): Promise<Pruned> {
  return json<Pruned>(['prune', '--format', 'json', '--yes', ...words]);
}

async function seqs(): Promise<number[]> {
  return (await ndjson<{ seq: number }>(['export', '--columns', 'seq'])).map(({ seq }) => seq);
}

/** Entries 1 to n, one a day, the last one yesterday. */
async function daily(count: number, fields: object = {}): Promise<void> {
  const day = (back: number): string => new Date(Date.parse(NOW) - back * 86_400_000).toISOString();
  await given(
    ...Array.from({ length: count }, (_, n) => ({ action: 'a', id: `d-${n + 1}`, ts: day(count - n), ...fields })),
  );
}

describe('prune', () => {
  test('takes the rows that match the filter and are older than the age or beyond the newest N that match', async () => {
    await daily(10);
    // 8, 9 and 10 are younger than four days; of the ten and the prune's own entry five stay.
    expect(await prune('--older-than', '4d', '--max-entries', '5')).toMatchObject({
      deleted: 6,
      by_age: 6,
      by_count: 0,
      remaining: 5,
      entry: 11,
    });
    expect(await seqs()).toEqual([7, 8, 9, 10, 11]);
  });

  test('a row due both ways counts in by_age', async () => {
    await daily(10);
    expect(await prune('--before', '2026-02-27', '--max-entries', '4')).toMatchObject({
      deleted: 7,
      by_age: 4,
      by_count: 3,
    });
  });

  test('only what matches the filter', async () => {
    await given(
      { action: 'a', category: 'auth', ts: '2020-01-01T00:00:00Z' },
      { action: 'a', category: 'auth', ts: '2020-01-01T00:00:00Z' },
      { action: 'a', category: 'device', ts: '2020-01-01T00:00:00Z' },
    );
    expect(await prune('--category', 'auth', '--max-entries', '1')).toMatchObject({ deleted: 1, remaining: 3 });
    expect(await prune('--not', 'category=auth', '--older-than', '1y')).toMatchObject({ deleted: 1 });
    expect(await ok(['count', '--category', 'auth'])).toBe('1\n');
  });

  test('a filter without a limit is wrong usage: delete all that match is --before now', async () => {
    await daily(3);
    expect(await cli(['prune', '--action', 'a', '--yes'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--before now'),
    });
    expect(await prune('--action', 'a', '--before', 'now')).toMatchObject({ deleted: 3, remaining: 1 });
  });

  test('its own entry counts among the N: a nightly --max-entries with nothing new deletes and records nothing', async () => {
    await daily(10);
    expect(await prune('--max-entries', '5')).toMatchObject({ deleted: 6, by_count: 6, remaining: 5, entry: 11 });
    expect(await prune('--max-entries', '5')).toMatchObject({ deleted: 0, remaining: 5, entry: null });
    await daily(1, { id: 'new' });
    expect(await prune('--max-entries', '5')).toMatchObject({ deleted: 2, remaining: 5 });
  });

  test('--max-entries with a filter that the prune’s own entry does not match', async () => {
    await daily(10);
    expect(await prune('--action', 'a', '--max-entries', '5')).toMatchObject({ deleted: 5, remaining: 6 });
    expect(await prune('--action', 'a', '--max-entries', '5')).toMatchObject({ deleted: 0, entry: null });
  });

  test('leaves an entry of category system and action prune that says who removed what and why', async () => {
    await daily(3);
    await prune('--before', 'now', '--reason', 'the quarter is closed', '--as', 'cron', '--as-type', 'system');
    expect(await json(['show', '4', '--format', 'json'])).toMatchObject({
      category: 'system',
      action: 'prune',
      actor: 'cron',
      actor_type: 'system',
      recorded_by: 'alice@desk',
      message: expect.stringMatching(/^pruned 3 entries, dated .*: the quarter is closed$/),
      metadata: { deleted: 3, by_age: 3, by_count: 0, first_seq: 1, last_seq: 3, reason: 'the quarter is closed' },
    });
  });

  test('--dry-run: deleted is what would go, and nothing goes', async () => {
    await daily(5);
    const words = ['--older-than', '3d'];
    const rehearsal = await json<Pruned>(['prune', '--dry-run', '--format', 'json', ...words]);
    expect(await seqs()).toHaveLength(5);
    const done = await prune(...words);
    expect(rehearsal).toMatchObject({
      dry_run: true,
      deleted: done.deleted,
      remaining: done.remaining,
      by_age: done.by_age,
    });
    expect(await cli(['prune', '--dry-run', '--older-than', '1d'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^would delete \d+ entr/),
      stderr: expect.stringMatching(/^would delete .*\n {2}dated /),
    });
  });

  test('--dry-run makes no archive', async () => {
    await daily(2);
    const file = inTestDirectory('a.ndjson');
    await ok(['prune', '--before', 'now', '--dry-run', '--archive', file]);
    expect(existsSync(file)).toBe(false);
  });

  test('--archive writes the doomed entries first: NDJSON, gzip by name, mode 0600, recordable again', async () => {
    await daily(4);
    const before = await ok(['export', '--until', '2d']);
    for (const name of ['a.ndjson', 'b.ndjson.gz']) {
      const file = inTestDirectory(name);
      const { archive } = await json<{ archive: { sha256: string; count: number } }>([
        'prune',
        '--format',
        'json',
        '--yes',
        '--older-than',
        '2d',
        '--archive',
        file,
      ]);
      const bytes = readFileSync(file);
      const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
      expect(archive).toEqual({ path: file, count: 2, sha256: createHash('sha256').update(bytes).digest('hex') });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(fromLines(text).map(({ id }) => id)).toEqual(
        fromLines(before)
          .slice(0, 2)
          .map(({ id }) => id),
      );
      expect(await ok(['record', '--stdin', '--quiet'], { input: text })).toBe('');
    }
    expect(await ok(['count', '--action', 'a'])).toBe('4\n');
  });

  test('--archive-dir names it by time and seq', async () => {
    await daily(3);
    const folder = inTestDirectory('archives');
    mkdirSync(folder);
    await prune('--older-than', '2d', '--archive-dir', folder);
    expect(readdirSync(folder)).toEqual(['daybook-2026-03-05T140709Z-seq-1-1.ndjson.gz']);
    await prune('--older-than', '2y', '--archive-dir', folder);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test('an archive that cannot be written deletes nothing', async () => {
    await daily(3);
    const words = ['prune', '--before', 'now', '--yes'];
    expect(await cli([...words, '--archive', inTestDirectory('no/such/a.ndjson')])).toMatchObject({ code: 1 });
    expect(await cli([...words, '--archive-dir', inTestDirectory('nowhere')])).toMatchObject({ code: 1 });
    expect(await ok(['count', '--action', 'a'])).toBe('3\n');
  });

  test('without a terminal it needs --yes, and says so', async () => {
    await daily(2);
    expect(await cli(['prune', '--before', 'now'])).toMatchObject({
      code: 7,
      stdout: '',
      stderr: expect.stringMatching(
        /nobody is there to be asked: nothing was deleted \(--yes deletes them\)\ntry: daybook prune .*--dry-run\n$/,
      ),
    });
    expect(await seqs()).toHaveLength(2);
    // Nothing is due, so nobody need be asked.
    expect(await cli(['prune', '--older-than', '9y'])).toMatchObject({ code: 0 });
  });

  test('says beforehand what would go: counts by action and month, first and last, what a checkpoint has not seen', async () => {
    await given(
      { action: 'login', ts: '2026-01-05T00:00:00Z' },
      { action: 'login', ts: '2026-02-05T00:00:00Z' },
      { action: 'logout', ts: '2026-02-06T00:00:00Z' },
    );
    await ok(['export', '--checkpoint', 'siem', '--action', 'logout']);
    await given({ action: 'logout', ts: '2026-02-07T00:00:00Z' });
    const { stderr } = await cli(['prune', '--before', '2026-03', '--dry-run']);
    expect(stderr).toBe(
      [
        'would delete 4 entries: 4 by age, 0 by count',
        '  dated 2026-01-05T00:00:00.000Z to 2026-02-07T00:00:00.000Z',
        '  actions: login 2, logout 2',
        '  months: 2026-01 1, 2026-02 3',
        '  checkpoint siem has not exported 1 of them\n',
      ].join('\n'),
    );
  });

  test('with no options at all: every retention policy; without policies nothing is due', async () => {
    await daily(5);
    expect(await prune()).toMatchObject({ deleted: 0, policies: [], entry: null });
    expect(await cli(['prune', '--dry-run', '--format', 'json'])).toMatchObject({ code: 0 });
    expect(await cli(['prune'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('there are no retention policies'),
    });
    await ok(['retention', 'set', 'three', '--max-age', '3d']);
    expect(await prune()).toMatchObject({ deleted: 2, policies: [{ name: 'three', deleted: 2 }] });
  });

  test('a revert stays as long as what it takes back stays', async () => {
    await given(
      { id: 'kept', action: 'a', category: 'auth', ts: '2026-03-01T00:00:00Z' },
      { id: 'gone', action: 'a', ts: '2020-01-01T00:00:00Z' },
    );
    await ok(['revert', 'kept', '--reason', 'r']);
    await ok(['revert', 'gone', '--reason', 'r']);
    expect(await prune('--action', 'revert', '--before', '2027')).toMatchObject({ deleted: 0 });
    expect(await prune('--not', 'category=auth', '--before', '2027')).toMatchObject({ deleted: 2 });
    expect(await json(['show', 'kept', '--format', 'json'])).toMatchObject({ reverted_by: expect.any(String) });
  });

  test('entries fall only by prune and clear: the database refuses every other program', async () => {
    await daily(1);
    const database = new Database(await trail());
    for (const sql of ['DELETE FROM daybook_entries', "UPDATE daybook_entries SET message = 'x'"]) {
      expect(() => database.exec(sql)).toThrow(/append-only|never|refuse|only/i);
    }
    database.close();
    expect(await seqs()).toEqual([1]);
  });
});

describe('clear', () => {
  test('deletes every entry, then records that it did', async () => {
    await given(
      { action: 'a', ts: '0001-01-01T00:00:00Z' },
      { action: 'b', ts: '9999-12-31T23:59:59.999Z' },
      { action: 'c' },
    );
    await ok(['revert', '3', '--reason', 'r']);
    const archive = inTestDirectory('all.ndjson');
    const done = await json(['clear', '--yes', '--reason', 'moved', '--archive', archive, '--format', 'json']);
    expect(done).toMatchObject({
      dry_run: false,
      deleted: 4,
      remaining: 1,
      oldest_remaining: NOW,
      entry: 5,
      archive: { count: 4 },
    });
    expect(await ndjson(['export'])).toMatchObject([
      {
        seq: 5,
        category: 'system',
        action: 'clear',
        message: expect.stringMatching(/^cleared 4 entries.*: moved$/),
        metadata: { deleted: 4 },
      },
    ]);
    expect(fromLines(readFileSync(archive, 'utf8'))).toHaveLength(4);
  });

  test('asks without --yes; --dry-run shows and deletes nothing', async () => {
    await daily(2);
    expect(await cli(['clear'])).toMatchObject({ code: 7, stdout: '' });
    expect(await json(['clear', '--dry-run', '--format', 'json'])).toMatchObject({
      dry_run: true,
      deleted: 2,
      remaining: 1,
      entry: null,
    });
    expect(await seqs()).toHaveLength(2);
  });

  test('policies stay, and the entries that set them; seq is never reused', async () => {
    await daily(2);
    await ok(['retention', 'set', 'p', '--max-age', '1y']);
    await ok(['clear', '--yes']);
    expect(await json(['retention', 'list', '--format', 'json'])).toMatchObject({ policies: [{ name: 'p' }] });
    expect(await seqs()).toEqual([3, 4]);
    expect(await ok(['note', 'a:1', 'x'])).toBe('5\n');
  });
});

describe('retention: policies kept in the database', () => {
  test('set, list, remove; each is recorded with old and new values', async () => {
    expect(await cli(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '2y'])).toMatchObject({
      code: 0,
      stdout: '',
    });
    await ok(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '3y', '--max-entries', '100']);
    await ok(['retention', 'remove', 'auth']);
    const fields = 'category,action,entity_type,entity_id,old_values,new_values,changed_fields';
    const two = { name: 'auth', max_age: '2y', max_entries: null, filter: { category: ['auth'] } };
    const three = { ...two, max_age: '3y', max_entries: 100 };
    const common = { category: 'system', entity_type: 'retention', entity_id: 'auth' };
    expect(await ndjson(['export', '--columns', fields])).toEqual([
      { ...common, action: 'retention_set', old_values: null, new_values: two, changed_fields: null },
      {
        ...common,
        action: 'retention_set',
        old_values: two,
        new_values: three,
        changed_fields: ['max_age', 'max_entries'],
      },
      { ...common, action: 'retention_remove', old_values: three, new_values: null, changed_fields: null },
    ]);
    expect(await json(['retention', 'list', '--format', 'json'])).toEqual({ policies: [] });
  });

  test('setting a policy as it is changes and records nothing', async () => {
    await ok(['retention', 'set', 'p', '--max-age', '1y']);
    expect(await cli(['retention', 'set', 'p', '--max-age', '1y'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('already'),
    });
    expect(await ok(['count'])).toBe('1\n');
  });

  test('removing what is not there is 4', async () => {
    expect(await cli(['retention', 'remove', 'p'])).toMatchObject({
      code: 4,
      stderr: 'daybook: no retention policy named "p"\ntry: daybook retention list\n',
    });
    expect(await ok(['count'])).toBe('0\n');
  });

  test('an entry falls only when every policy that matches it lets it fall', async () => {
    await given(
      { action: 'a', category: 'auth', ts: '2025-06-01T00:00:00Z' },
      { action: 'a', category: 'auth', ts: '2023-06-01T00:00:00Z' },
      { action: 'a', category: 'device', ts: '2025-06-01T00:00:00Z' },
      { action: 'a', category: 'device', ts: '2026-03-01T00:00:00Z' },
    );
    await ok(['retention', 'set', 'everything', '--max-age', '90d']);
    await ok(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '2y']);
    expect(await json(['status', '--format', 'json'])).toMatchObject({
      policies: [
        { name: 'auth', due: 1 },
        { name: 'everything', due: 2 },
      ],
    });
    expect(await prune()).toMatchObject({
      deleted: 2,
      policies: [
        { name: 'auth', deleted: 1 },
        { name: 'everything', deleted: 2 },
      ],
    });
    expect(await seqs()).toEqual([1, 4, 5, 6, 7]);
  });

  test('what no policy matches stays', async () => {
    await daily(3);
    await ok(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '1d']);
    expect(await prune()).toMatchObject({ deleted: 0 });
  });

  test('a floor of one hour unless --yes', async () => {
    expect(await cli(['retention', 'set', 'p', '--max-age', '30min'])).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('less than an hour'),
    });
    expect(await cli(['retention', 'set', 'p', '--max-age', '30min', '--yes'])).toMatchObject({ code: 0 });
    expect(await cli(['retention', 'set', 'q', '--max-age', '60min'])).toMatchObject({ code: 0 });
  });

  test('list off a terminal: name, limits and filter, separated by tabs', async () => {
    await ok([
      'retention',
      'set',
      'auth',
      '--category',
      'auth',
      '--not',
      'actor=cron',
      '--max-age',
      '2y',
      '--max-entries',
      '9',
    ]);
    await ok(['retention', 'set', 'all', '--max-age', '90d']);
    expect(await ok(['retention', 'list'])).toBe(
      'all\tat most 90d old\tevery entry\nauth\tat most 2y old, at most 9 entries\tcategory auth, not actor cron\n',
    );
  });
});

describe('status', () => {
  test('says what the database holds, its size, version, policies with what is due, last prune', async () => {
    await daily(5);
    await ok(['retention', 'set', 'three', '--max-age', '3d']);
    const text = await ok(['status']);
    expect(text).toMatch(new RegExp(`^database +/.*audit\\.db \\(schema ${SCHEMA_VERSION}\\)$`, 'm'));
    expect(text).toMatch(/^entries +6$/m);
    expect(text).toMatch(/^dated +2026-02-28T14:07:09\.123Z to 2026-03-05T14:07:09\.123Z$/m);
    expect(text).toMatch(/^size +\d+(\.\d)? [KM]iB, log .*, free .*$/m);
    expect(text).toMatch(/^policy three +2 due$/m);
    expect(text).toMatch(/^last prune +none$/m);
    await prune();
    expect(await ok(['status'])).toMatch(/^last prune +2026-03-05T14:07:09\.123Z, 2 deleted, entry 7$/m);
  });

  test('--check: 0 where all is well, 3 where something has been due for longer than the grace', async () => {
    await given({ action: 'a', ts: '2026-03-01T00:00:00Z', recorded_at: null });
    await ok(['retention', 'set', 'p', '--max-age', '2d'], { now: '2026-03-01T00:00:00Z' });
    expect(await cli(['status', '--check'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('have been due'),
    });
    expect(await cli(['status', '--check', '--grace', '30d'])).toMatchObject({ code: 0, stderr: '' });
    // 26 hours by default.
    expect(await cli(['status', '--check'], { now: '2026-03-04T01:59:00Z' })).toMatchObject({ code: 0 });
    expect(await cli(['status', '--check'], { now: '2026-03-04T02:01:00Z' })).toMatchObject({ code: 3 });
    await prune();
    expect(await cli(['status', '--check'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('--check: a guard trigger that is missing, entries dated in the future, a prune that was cut off', async () => {
    await given(
      { action: 'a', ts: '2026-04-01T00:00:00Z' },
      ...Array.from({ length: 300 }, () => ({ action: 'b', ts: '2020-01-01T00:00:00Z' })),
    );
    const database = new Database(await trail());
    const name = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
      .pluck()
      .get() as string;
    database.exec(`DROP TRIGGER ${name}`);
    database.close();
    const { code, stdout } = await cli(['status', '--check', '--format', 'json']);
    expect(code).toBe(3);
    const { problems } = JSON.parse(stdout) as { problems: { code: string }[] };
    expect(problems.map((problem) => problem.code)).toEqual(['schema_object_missing', 'future_entries']);
    expect(await cli(['init'])).toMatchObject({ code: 0, stderr: expect.stringContaining(name) });
    expect((await json<{ problems: object[] }>(['status', '--format', 'json'])).problems).toHaveLength(1);
    // That is an upgrade of sorts, and recorded.
    expect(await ok(['count', '--action', 'init', '--category', 'system'])).toBe('1\n');
  });
});

describe('init: creates or upgrades the database', () => {
  test('the first entry of a database is not its init: a new database is empty', async () => {
    expect(await ok(['count'])).toBe('0\n');
    expect(statSync(await trail()).mode & 0o777).toBe(0o600);
    const database = new Database(await trail());
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('auto_vacuum', { simple: true })).toBe(2);
    database.close();
  });

  test('a second run changes nothing', async () => {
    await given({ action: 'a' });
    const before = readFileSync(await trail());
    expect(await cli(['init'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('is up to date'),
    });
    expect(readFileSync(await trail()).equals(before)).toBe(true);
  });

  test('in a database that holds another application’s tables it asks for --alongside, and touches nothing else', async () => {
    const db = inTestDirectory('app.db');
    const app = new Database(db);
    app.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users (name) VALUES (1)');
    app.close();
    const before = readFileSync(db);
    expect(await cli(['init'], { db })).toMatchObject({
      code: 7,
      stderr: `daybook: ${db} holds the tables of another application\ntry: daybook --db ${db} init --alongside\n`,
    });
    expect(readFileSync(db).equals(before)).toBe(true);
    expect(await cli(['init', '--alongside'], { db })).toMatchObject({ code: 0, stderr: `added the trail to ${db}\n` });
    expect(await ok(['note', 'user:1', 'hello'], { db })).toBe('1\n');
    const after = new Database(db);
    expect(after.pragma('journal_mode', { simple: true })).toBe('delete');
    expect(after.prepare('SELECT * FROM users').all()).toEqual([{ id: 1, name: '1' }]);
    const names = after
      .prepare("SELECT name FROM sqlite_schema WHERE name NOT GLOB 'daybook_*' AND name NOT GLOB 'sqlite_*'")
      .pluck()
      .all();
    expect(names).toEqual(['users']);
    after.close();
    // The trail is there now: no need to say it again.
    expect(await cli(['init'], { db })).toMatchObject({ code: 0 });
  });
});

describe('backup', () => {
  test('a consistent copy of the whole database, beside its writers', async () => {
    await daily(20);
    await ok(['retention', 'set', 'p', '--max-age', '1y']);
    const writer = new Database(await trail());
    writer.exec(`BEGIN IMMEDIATE; INSERT INTO daybook_entries (action, actor) VALUES ('uncommitted', 'x')`);
    const copy = inTestDirectory('copy.db');
    expect(await cli(['backup', copy])).toEqual({
      code: 0,
      stdout: '',
      stderr: `copied ${await trail()} to ${copy}\n`,
    });
    writer.exec('ROLLBACK');
    writer.close();
    expect(await ok(['export'], { db: copy })).toBe(await ok(['export']));
    expect(await ok(['retention', 'list'], { db: copy })).toBe(await ok(['retention', 'list']));
    expect(statSync(copy).mode & 0o777).toBe(0o600);
    expect(await ok(['note', 'a:1', 'x'], { db: copy })).toBe('22\n');
  });

  test('never over an existing file without --force, nor over itself', async () => {
    const copy = inTestDirectory('copy.db');
    writeFileSync(copy, 'precious');
    expect(await cli(['backup', copy])).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/exists already \(--force replaces it\)\n$/),
    });
    expect(readFileSync(copy, 'utf8')).toBe('precious');
    expect(await cli(['backup', copy, '--force'])).toMatchObject({ code: 0 });
    expect(await cli(['backup', await trail()])).toMatchObject({ code: 7 });
  });
});
