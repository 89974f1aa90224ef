import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { capturedChange } from '../support/captured.js';
import { cli, given, inTestDirectory, json, ndjson, ok, trail } from '../support/cli.js';
import { run as runProgram, start, temporaryDirectory } from '../support/program.js';

/** The seqs that a filter finds, newest first. */
async function found(...words: string[]): Promise<number[]> {
  const entries = await ndjson<{ seq: number }>(['history', '--format', 'ndjson', '--columns', 'seq', ...words]);
  return entries.map(({ seq }) => seq);
}

describe('filters', () => {
  async function zoo(): Promise<void> {
    await given(
      {
        action: 'login',
        category: 'auth',
        actor: 'ann, the first',
        ts: '2026-01-01T00:00:00Z',
      },
      {
        action: 'update',
        entity_type: 'user',
        entity_id: '42',
        scope: 'tenant:1',
        severity: 'error',
        changed_fields: ['smtp.host', 'name'],
        ts: '2026-01-02T00:00:00Z',
      },
      {
        action: 'update',
        entity_type: 'user',
        entity_id: '4:2',
        correlation_id: 'a,b',
        actor_type: 'bot',
        message: 'Disk at 100%',
        ts: '2026-01-03T00:00:00Z',
      },
      {
        action: 'delete',
        entity_type: 'machine',
        entity_id: '42',
        source: 'ledgrab',
        severity: 'warning',
        metadata: {
          request: { method: 'POST' },
          n: 5,
          'a.b': true,
          nul: null,
        },
        message: 'disk_at 100',
        ts: '2026-01-04T00:00:00Z',
      },
    );
    await ok(['revert', '4', '--reason', 'kept', '--as', 'bob'], { now: '2026-01-05T00:00:00Z' });
  }

  test.each([
    { words: ['--category', 'auth'], seqs: [1] },
    { words: ['--category', 'auth,entity'], seqs: [5, 4, 3, 2, 1] },
    { words: ['--action', 'login', '--action', 'delete'], seqs: [4, 1] },
    { words: ['--action', 'login,delete'], seqs: [4, 1] },
    { words: ['--severity', 'warning,error'], seqs: [4, 2] },
    { words: ['--actor', 'ann, the first'], seqs: [1] },
    { words: ['--actor', 'ann'], seqs: [] },
    { words: ['--actor-type', 'bot,user', '--action', 'update'], seqs: [3, 2] },
    { words: ['--scope', 'tenant:1'], seqs: [2] },
    { words: ['--entity', 'user'], seqs: [3, 2] },
    { words: ['--entity', 'user:42'], seqs: [2] },
    { words: ['--entity', 'user:4:2'], seqs: [3] },
    { words: ['--entity', ':42'], seqs: [5, 4, 2] },
    { words: ['--entity', 'user:42', '--entity', 'machine:42'], seqs: [5, 4, 2] },
    { words: ['machine:42'], seqs: [5, 4] },
    { words: ['user'], seqs: [3, 2] },
    { words: ['--correlation', 'a,b'], seqs: [3] },
    { words: ['--source', 'ledgrab'], seqs: [4] },
    { words: ['--not', 'action=update'], seqs: [5, 4, 1] },
    { words: ['--not', 'entity=user', '--not', 'severity=warning'], seqs: [5, 1] },
    { words: ['--not', 'scope=tenant:1'], seqs: [5, 4, 3, 1] },
    { words: ['--not', 'search=disk'], seqs: [5, 2, 1] },
    { words: ['--not', 'meta=n=5'], seqs: [5, 3, 2, 1] },
    { words: ['--not', 'actor-type=bot'], seqs: [5, 4, 2, 1] },
    { words: ['--search', 'DISK'], seqs: [4, 3] },
    { words: ['--search', '100%'], seqs: [3] },
    { words: ['--search', 'k_a'], seqs: [4] },
    { words: ['--search', "'; DROP TABLE x; --"], seqs: [] },
    { words: ['--changed', 'name'], seqs: [2] },
    { words: ['--changed', 'smtp'], seqs: [2] },
    { words: ['--changed', 'smt'], seqs: [] },
    { words: ['--meta', 'request.method=POST'], seqs: [4] },
    { words: ['--meta', 'n=5'], seqs: [4] },
    { words: ['--meta', 'n=5', '--meta', 'request.method=GET'], seqs: [] },
    { words: ['--reverted'], seqs: [4] },
    { words: ['--not-reverted'], seqs: [5, 3, 2, 1] },
    { words: ['--since', '2026-01-02', '--until', '2026-01-03'], seqs: [3, 2] },
    { words: ['--in', '2026-01-04'], seqs: [4] },
    { words: ['--action', 'update', '--severity', 'error', '--entity', 'user'], seqs: [2] },
  ])('$words finds $seqs, the same on history, count, values and export', async ({ words, seqs }) => {
    await zoo();
    expect(await found(...words)).toEqual(seqs);
    // Only history takes the entity as an argument.
    const filter = words[0]?.startsWith('--') === true ? words : ['--entity', ...words];
    expect(await ok(['count', ...filter])).toBe(`${seqs.length}\n`);
    expect(await ndjson(['export', '--columns', 'seq', ...filter])).toEqual(seqs.toReversed().map((seq) => ({ seq })));
    const { values } = await json<{ values: { count: number }[] }>([
      'values',
      'category',
      '--format',
      'json',
      ...filter,
    ]);
    expect(values.reduce((sum, { count }) => sum + count, 0)).toBe(seqs.length);
  });

  test.each([
    { words: ['--severity', 'fatal'], says: '--severity "fatal" is not one of info, warning, error' },
    { words: ['--category', 'a,,b'], says: '--category "a,,b" holds an empty item' },
    { words: ['--actor', ''], says: '--actor is empty' },
    { words: ['--scope', 'tenant'], says: '--scope "tenant" is not <kind>:<id>' },
    { words: ['--entity', 'user:'], says: '--entity "user:" has no id' },
    { words: ['--not', 'colour=red'], says: '--not "colour=red" names no filter' },
    { words: ['--not', 'action'], says: '--not "action" has no value' },
    { words: ['--meta', 'n'], says: '--meta "n" is not <path>=<value>' },
    { words: ['--reverted', '--not-reverted'], says: "'--reverted' cannot be used with option '--not-reverted'" },
    { words: ['--in', '2026', '--since', '2026'], says: '--in is --since and --until at once' },
    { words: ['--since', '2026-02', '--until', '2026-01'], says: 'is after --until' },
  ])('$words is wrong usage', async ({ words, says }) => {
    for (const command of ['history', 'count', 'export', 'prune']) {
      expect(await cli([command, ...words]), command).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
    }
  });
});

describe('history: newest first', () => {
  test('by time and then by seq, 50 at most unless -n says otherwise', async () => {
    await given(
      { action: 'a', ts: '2026-01-02T00:00:00Z' },
      { action: 'a', ts: '2026-01-01T00:00:00Z' },
      { action: 'a', ts: '2026-01-02T00:00:00Z' },
      ...Array.from({ length: 60 }, () => ({ action: 'b', ts: '2025-01-01T00:00:00Z' })),
    );
    const seqs = await found();
    expect(seqs.slice(0, 4)).toEqual([3, 1, 2, 63]);
    expect(seqs).toHaveLength(50);
    expect(await found('-n', '70')).toHaveLength(63);
    expect((await found('--oldest-first', '--limit', '63')).toReversed()).toEqual(await found('-n', '63'));
    expect(await ok(['log', '--format', 'ndjson'])).toBe(await ok(['history', '--format', 'ndjson']));
  });

  test('pages by cursor are one unlimited read, and what is recorded since does not slip in, even backdated', async () => {
    await given(...Array.from({ length: 23 }, (_, n) => ({ action: 'a', ts: `2026-01-01T00:00:0${n % 3}Z` })));
    for (const order of [[], ['--oldest-first']]) {
      const whole = await found('-n', '100', ...order);
      const seqs: number[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const words = [
          'history',
          '--format',
          'json',
          '-n',
          '5',
          ...order,
          ...(cursor === '' ? [] : ['--cursor', cursor]),
        ];
        const page: { entries: { seq: number }[]; next_cursor: string | null } = await json(words);
        seqs.push(...page.entries.map(({ seq }) => seq));
        cursor = page.next_cursor;
        await given({ action: 'a', ts: '2026-01-01T00:00:01Z' });
      }
      expect(seqs).toEqual(whole);
    }
  });

  test('next_cursor is null only on the last page', async () => {
    await given({ action: 'a' }, { action: 'a' });
    expect(await json(['history', '-n', '2', '--format', 'json'])).toMatchObject({ next_cursor: null });
    expect(await json(['history', '-n', '1', '--format', 'json'])).toMatchObject({ next_cursor: expect.any(String) });
  });

  test('a cursor belongs to its filter and order: another, or a damaged one, is wrong usage and not page 1', async () => {
    await given({ action: 'a' }, { action: 'a' }, { action: 'a' });
    const words = ['history', '-n', '1', '--format', 'json', '--since', '30d', '--action', 'a,b'];
    const { next_cursor: cursor } = await json<{ next_cursor: string }>(words);
    const turned = ['history', '-n', '1', '--action', 'b', '--action', 'a', '--since', '30d', '--cursor', cursor];
    expect((await cli(turned)).code).toBe(0);
    for (const [wrong, says] of [
      [['history', '--cursor', cursor], 'another filter'],
      [[...words, '--category', 'x', '--cursor', cursor], 'another filter'],
      [['history', '--action', 'a,b', '--since', '31d', '--cursor', cursor], 'another filter'],
      [[...words, '--tz', 'Asia/Tokyo', '--cursor', cursor], 'another filter'],
      [[...words, '--oldest-first', '--cursor', cursor], 'another order'],
      [[...words, '--cursor', cursor.slice(1)], 'damaged'],
      [[...words, '--cursor', `${cursor}x`], 'damaged'],
      [[...words, '--cursor', ''], 'damaged'],
    ] as const) {
      expect(await cli(wrong), says).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
    }
  });

  test('a cursor keeps the moment that a duration meant at the first page', async () => {
    await given({ action: 'a', ts: '2026-03-04T14:10:00Z' }, { action: 'a', ts: '2026-03-05T00:00:00Z' });
    const words = ['history', '-n', '1', '--since', '1d', '--format', 'json'];
    const { next_cursor: cursor } = await json<{ next_cursor: string }>(words);
    const later = await json([...words, '--cursor', cursor], { now: '2026-03-06T00:00:00Z' });
    expect(later).toMatchObject({ entries: [{ seq: 1 }], next_cursor: null });
  });

  test('--format: table on a terminal, line elsewhere', async () => {
    await given({ action: 'a', ts: '2026-01-01T00:00:00Z', entity_type: 'm', entity_id: '7', message: 'two\nlines' });
    const line = '2026-01-01T00:00:00.000Z info    #1 alice a m:7 two⏎lines\n';
    expect(await cli(['history'])).toEqual({ code: 0, stdout: line, stderr: '' });
    expect(await ok(['history', '--format', 'line'], { terminal: true })).toBe(line);
    const table = await ok(['history', '--color', 'never'], { terminal: true });
    expect(table).toMatch(/^ *seq +time/);
    expect(await ok(['history', '--format', 'table'])).toBe(table);
  });

  test('--columns takes the names of fields and nothing else', async () => {
    for (const columns of ['seq,colour', '', 'seq,,id', 'seq,seq']) {
      expect(await cli(['history', '--format', 'csv', '--columns', columns]), columns).toMatchObject({ code: 2 });
      expect(await cli(['export', '--columns', columns]), columns).toMatchObject({ code: 2 });
    }
    expect(await cli(['history', '--columns', 'seq'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/line format\ntry: daybook history --columns .* --format csv\n$/),
    });
    await given({ action: 'a' });
    expect(await ok(['history', '--columns', 'seq, action', '--format', 'csv'])).toBe('seq,action\n1,a\n');
  });

  test('--explain shows the SQL and its plan, and no entries', async () => {
    await given({ action: 'a', message: 'never shown' });
    const text = await ok(['history', '--explain', '--action', 'a', '--search', 'needle']);
    expect(text).toMatch(/SELECT[^]*parameters: \[[^]*needle[^]*daybook_entries_by_action/);
    expect(text).not.toContain('never shown');
  });

  test.each([
    ['--cursor', 'x'],
    ['--oldest-first'],
    ['--format', 'json'],
    ['--format', 'csv'],
    ['--until', 'now'],
    ['--in', '2026'],
  ])('--follow does not go with %s', async (...words) => {
    expect(await cli(['history', '--follow', ...words])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--follow'),
    });
  });

  test('--follow shows what is there, oldest at the top, and then what is recorded by others', async () => {
    const cwd = temporaryDirectory();
    await runProgram(['init'], { cwd });
    for (const text of ['one', 'two', 'three']) await runProgram(['note', 'a:1', text], { cwd });
    const running = start(['history', '--follow', '-n', '2', '--action', 'note'], { cwd });
    let seen = await running.waitForStdout(/two\n.*three\n/);
    await runProgram(['record', '--action', 'other', '--message', 'not this'], { cwd });
    await runProgram(['note', 'a:1', 'four', '--ts', '2020-01-01T00:00'], { cwd });
    seen = await running.waitForStdout(/four\n/, seen);
    running.child.kill('SIGINT');
    const { stdout, code } = await running.finished;
    expect(code).toBe(130);
    expect(stdout).not.toContain('one');
    expect(stdout).not.toContain('not this');
  });
});

describe('show: one entry in full', () => {
  test('names a redacted field among the changes', async () => {
    await ok(['record', '--action', 'update', '--old', '{"a":1,"k":"x"}', '--new', '{"a":2,"k":"y"}', '--redact', 'k']);
    expect(await ok(['show', '1'])).toContain('changes\n  ~ a: 1 → 2\n  ~ k: "[redacted]" → "[redacted]"\n');
  });

  test('by seq or id, with its diff and what reverts it', async () => {
    await given({
      id: 'al_1',
      action: 'update',
      old_values: { a: 1, gone: true },
      new_values: { a: 2, b: { c: null } },
    });
    await ok(['revert', 'al_1', '--reason', 'wrong']);
    const text = await ok(['show', '1']);
    expect(await ok(['show', 'al_1'])).toBe(text);
    expect(text).toMatch(/^ {2}~ a: 1 → 2$/m);
    expect(text).toMatch(/^ {2}- gone: true$/m);
    expect(text).toMatch(/^ {2}\+ b(?:\.c)?: /m);
    const { id } = await json(['show', '2', '--format', 'json']);
    expect(text).toMatch(new RegExp(`^reverted_by +${String(id)}$`, 'm'));
    expect(await ok(['show', '2'])).toMatch(/^reverts +al_1$/m);
  });

  test('--around N: N entries before and after', async () => {
    await given(...Array.from({ length: 7 }, (_, n) => ({ action: `act${n + 1}`, ts: `2026-01-0${n + 1}T00:00:00Z` })));
    const lines = (await ok(['show', '4', '--around', '2'])).match(/act\d/g);
    expect(lines).toEqual(['act2', 'act3', 'act4', 'act5', 'act6']);
    const around = await json<Record<string, { seq: number }[]>>(['show', '1', '--around', '2', '--format', 'json']);
    expect(around).toMatchObject({ before: [], entry: { seq: 1 }, after: [{ seq: 2 }, { seq: 3 }] });
  });

  test('no such entry is 4', async () => {
    for (const key of ['1', 'al_9', '0', '99999999999999999999', '-']) {
      expect(await cli(['show', key]), key).toMatchObject({
        code: 4,
        stdout: '',
        stderr: `daybook: no entry ${key}\n`,
      });
    }
  });
});

describe('values: the distinct values of a field, with counts, most frequent first', () => {
  test('of every field', async () => {
    await given({ action: 'a', entity_type: 'x' }, { action: 'b', entity_type: 'x' }, { action: 'b' });
    expect(await ok(['values', 'action'])).toBe('2\tb\n1\ta\n');
    expect(await ok(['values', 'entity_type'])).toBe('2\tx\n1\t\n');
    const { ENTRY_FIELDS } = await import('../../src/core/entry.js');
    for (const field of ENTRY_FIELDS) {
      const { values } = await json<{ values: { value: unknown; count: number }[] }>([
        'values',
        field,
        '--format',
        'json',
      ]);
      expect(
        values.reduce((sum, { count }) => sum + count, 0),
        field,
      ).toBe(3);
    }
  });

  test('of what is no field is wrong usage', async () => {
    expect(await cli(['values', 'colour'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"colour" is not a field'),
    });
    expect(await cli(['values'])).toMatchObject({ code: 2 });
  });
});

describe('reading commands write nothing to the database', () => {
  function stateOf(file: string): object {
    const { mtimeMs, size, ino } = statSync(file);
    // Opened and closed while nobody else has it open.
    return { mtimeMs, size, ino, hash: createHash('sha256').update(readFileSync(file)).digest('hex') };
  }

  const READING = [
    ['history'],
    ['history', '--explain'],
    ['history', '--format', 'json', '-n', '1'],
    ['show', '1', '--around', '1'],
    ['count', '--action', 'a'],
    ['values', 'action'],
    ['export'],
    ['export', '-o', '{file}.csv'],
    ['status'],
    ['status', '--check'],
    ['retention', 'list'],
    ['prune', '--dry-run', '--older-than', '1d'],
    ['clear', '--dry-run'],
    ['prune', '--dry-run'],
    ['backup', '{file}.db'],
    ['history', '--follow'],
    ['history', 'users:7', '--states'],
    ['state', 'users:7'],
    ['state', 'users', '--at', 'now'],
    ['changes', 'users:7', '--field', 'role'],
    ['report', 'actors'],
    ['report', 'timeline', '--format', 'csv'],
    ['report', 'bursts'],
    ['report', 'unattributed'],
    ['report', 'case', 'users:7', '--html', '{file}.html'],
    ['revert', '6', '--apply', '--reason', 'r', '--dry-run'],
    ['actors', 'list'],
    ['capture', 'list'],
    ['mirror', 'list'],
    ['mirror', 'check'],
    ['completion', 'bash'],
  ];

  test('its bytes and its time of change are the same afterwards', async () => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' }, { action: 'b' });
    await ok(['retention', 'set', 'p', '--max-age', '5y']);
    await ok([
      'exec',
      'CREATE TABLE users (id INTEGER PRIMARY KEY, role); CREATE TABLE shown (id INTEGER PRIMARY KEY, notes TEXT)',
    ]);
    await ok(['capture', 'add', 'users']);
    await ok(['exec', "INSERT INTO users VALUES (7, 'user')"]);
    await ok(['exec', "UPDATE users SET role = 'admin'"]);
    await ok(['mirror', 'add', 'shown.notes', '--entity-type', 'users', '--key', 'id']);
    const db = await trail();
    const before = stateOf(db);
    for (const words of READING) {
      const line = words.map((word) => word.replace('{file}', inTestDirectory('copy')));
      const { code, stderr } = await cli(line, { interrupt: words.includes('--follow') });
      expect([0, 3, 130], `${words.join(' ')}: ${stderr}`).toContain(code);
      expect(stateOf(db), words.join(' ')).toEqual(before);
    }
  });

  test('also with another program in the middle of a write', async () => {
    await given({ action: 'a' });
    const other = new Database(await trail());
    other.exec(`BEGIN IMMEDIATE; INSERT INTO daybook_entries (action, actor) VALUES ('uncommitted', 'x')`);
    for (const words of [['history'], ['count'], ['status'], ['export'], ['values', 'action']]) {
      const text = await ok([...words, '--busy-timeout', '0s']);
      expect(text, words[0]).not.toContain('uncommitted');
    }
    other.exec('ROLLBACK');
    other.close();
  });

  test('in a folder where nothing may be left behind, a file that others may not write stays as it is', async () => {
    await given({ action: 'a' });
    await ok(['backup', inTestDirectory('copy.db')]);
    const before = stateOf(inTestDirectory('copy.db'));
    await ok(['count'], { db: inTestDirectory('copy.db') });
    expect(stateOf(inTestDirectory('copy.db'))).toEqual(before);
    expect(readdirSync(inTestDirectory('.')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('output into a pipe that closes early', () => {
  async function many(): Promise<void> {
    await given(...Array.from({ length: 1200 }, (_, n) => ({ action: 'a', message: `m${n}` })));
  }

  test('history and other reading commands end quietly with 0', async () => {
    await many();
    for (const words of [
      ['history', '-n', '1200'],
      ['history', '-n', '1200', '--format', 'json'],
      ['history', '-n', '1200', '--format', 'csv'],
      ['log', '-n', '1200', '--format', 'ndjson'],
      ['show', '5', '--around', '3'],
    ]) {
      for (const closesAfter of [0, 1]) {
        expect(await cli(words, { closesAfter }), words.join(' ')).toMatchObject({ code: 0, stderr: '' });
      }
    }
    for (const words of [
      ['count'],
      ['values', 'message'],
      ['status'],
      ['completion', 'bash'],
      ['--help'],
      ['--version'],
      ['count', '--help'],
    ]) {
      expect(await cli(words, { closesAfter: 0 }), words.join(' ')).toEqual({ code: 0, stdout: '', stderr: '' });
    }
  });

  test('a check has its answer in its exit code, whoever reads the rest', async () => {
    await given({ action: 'a', ts: '2099-01-01T00:00:00Z' });
    expect(await cli(['status', '--check'], { closesAfter: 0 })).toMatchObject({ code: 3 });
    expect(await cli(['status'], { closesAfter: 0 })).toMatchObject({ code: 0 });
    await capturedChange(await trail());
    expect(await cli(['capture', 'check'], { closesAfter: 0 })).toMatchObject({ code: 0 });
  });

  test('export says so and exits 1', async () => {
    await many();
    for (const words of [
      ['export'],
      ['export', '--format', 'json'],
      ['export', '--format', 'csv'],
      ['export', '--gzip'],
    ]) {
      const { code, stderr } = await cli(words, { closesAfter: 1 });
      expect({ code, stderr }, words.join(' ')).toEqual({
        code: 1,
        stderr: 'daybook: the output was closed before everything was written\n',
      });
    }
    expect(await cli(['export'], { closesAfter: 0 })).toMatchObject({ code: 1 });
  });

  test('the same through real pipes', async () => {
    const cwd = temporaryDirectory();
    await runProgram(['init'], { cwd });
    const lines = Array.from({ length: 4000 }, (_, n) =>
      JSON.stringify({ action: 'a', message: `${n} ${'x'.repeat(200)}` }),
    );
    const { runWithStdin } = await import('../support/program.js');
    await runWithStdin(['record', '--stdin'], lines.join('\n'), { cwd });
    for (const [words, code] of [
      [['history', '-n', '4000'], 0],
      [['export'], 1],
    ] as const) {
      const running = start(words, { cwd });
      running.child.stdout.once('data', () => running.child.stdout.destroy());
      const result = await running.finished;
      expect(result.code, words[0]).toBe(code);
      expect(result.stderr.includes('closed before everything was written')).toBe(code === 1);
    }
  });

  test('a checkpoint does not move for an export that nobody read', async () => {
    await many();
    expect(await cli(['export', '--checkpoint', 'siem'], { closesAfter: 1 })).toMatchObject({ code: 1 });
    expect(await ndjson(['export', '--checkpoint', 'siem'])).toHaveLength(1200);
    expect(await ndjson(['export', '--checkpoint', 'siem'])).toHaveLength(0);
  });
});

describe('changed fields that another program recorded', () => {
  test('are read where they are no names', async () => {
    const database = new Database(await trail());
    database.exec(`INSERT INTO daybook_entries (action, entity_type, entity_id, old_values, new_values, changed_fields)
      VALUES ('update', 't', '7', '{"a":1,"1":2}', '{"a":2,"1":3}', '[1,null,{"a":1},"a"]')`);
    database.close();
    expect(await ok(['show', '1'])).toMatch(/^ {2}~ 1: 2 → 3\n {2}~ a: 1 → 2$/m);
    expect(await ok(['report', 'case', 't:7'])).toContain('~ a: 1 → 2');
    expect(await ndjson(['changes', '--field', 'a', '--format', 'ndjson'])).toMatchObject([{ old: 1, new: 2 }]);
    expect(await found('--changed', 'a')).toEqual([1]);
    expect(await found('--changed', 'b')).toEqual([]);
    expect(await json(['report', 'fields', '--format', 'json'])).toMatchObject({ total: 1 });
  });
});
