import Database from 'better-sqlite3';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, json, ok, trail } from '../support/cli.js';
import { run, temporaryDirectory } from '../support/program.js';

const ESCAPE = '\u001b[';

async function recordedWith(
  words: readonly string[],
  options: Parameters<typeof cli>[1] = {},
): Promise<Record<string, unknown>> {
  return json(['record', '--action', 'a', '--format', 'json', ...words], options);
}

describe('global options are accepted before and after the command', () => {
  test.each([
    [['--db', '{db}', 'count']],
    [['count', '--db', '{db}']],
    [['--db={db}', 'count']],
    [['-q', '--db', '{db}', 'count', '--quiet']],
    [
      [
        '--tz',
        'Europe/Berlin',
        '--color=never',
        '--busy-timeout',
        '1s',
        '--as',
        'x',
        '--as-type',
        'y',
        'count',
        '--db',
        '{db}',
      ],
    ],
    [
      [
        'count',
        '--tz',
        'Europe/Berlin',
        '--color',
        'never',
        '--busy-timeout=1s',
        '--as',
        'x',
        '--as-type',
        'y',
        '--db',
        '{db}',
      ],
    ],
    [['log', '--db', '{db}']],
    [['--db', '{db}', 'log', '--format', 'line']],
    [['retention', 'list', '--db', '{db}']],
    [['retention', '--db', '{db}', 'list']],
    [['--db', '{db}', 'retention', 'list']],
    [['history', 'a:1', '--db', '{db}', '--limit', '3']],
  ])('%j', async (words) => {
    const db = await trail();
    const { code, stderr } = await cli(
      words.map((word) => word.replace('{db}', db)),
      { db: inTestDirectory('another.db') },
    );
    expect({ code, stderr: stderr.replace('there are no retention policies\n', '') }).toEqual({ code: 0, stderr: '' });
  });

  test.each([
    [['--version']],
    [['-V']],
    [['count', '--version']],
    [['retention', 'list', '-V']],
    [['--db', 'x', 'note', '-V']],
  ])('%j prints the version', async (words) => {
    expect(await cli(words)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/),
      stderr: '',
    });
  });

  test.each([[['--help']], [['-h']], [['count', '--help']], [['retention', 'list', '-h']], [['-q', 'note', '-h']]])(
    '%j prints help on stdout',
    async (words) => {
      expect(await cli(words)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: daybook/), stderr: '' });
    },
  );

  test('the one after the command holds', async () => {
    expect(await recordedWith(['--as', 'second'], {})).toMatchObject({ actor: 'second' });
    expect(
      await json(['--as', 'first', 'record', '--action', 'a', '--as', 'second', '--format', 'json']),
    ).toMatchObject({
      actor: 'second',
    });
  });

  test('a value of a global option that is the name of a command is a value', async () => {
    expect(await json(['--as', 'history', 'record', '--action', 'a', '--format', 'json'])).toMatchObject({
      actor: 'history',
    });
  });
});

describe('the environment', () => {
  test('each variable stands in for its flag', async () => {
    const env = { DAYBOOK_ACTOR: 'robot', DAYBOOK_ACTOR_TYPE: 'system', DAYBOOK_TZ: 'Europe/Berlin' };
    expect(await recordedWith(['--ts', '2026-03-01T10:00'], { env })).toMatchObject({
      actor: 'robot',
      actor_type: 'system',
      ts: '2026-03-01T09:00:00.000Z',
    });
    const db = inTestDirectory('named.db');
    await ok(['init'], { db });
    expect(await ok(['count'], { env: { DAYBOOK_DB: db } })).toBe('0\n');
    expect(await cli(['count'], { env: { DAYBOOK_BUSY_TIMEOUT: '90' } })).toMatchObject({ code: 2 });
  });

  test('a flag beats it', async () => {
    const env = {
      DAYBOOK_ACTOR: 'robot',
      DAYBOOK_ACTOR_TYPE: 'system',
      DAYBOOK_TZ: 'Europe/Berlin',
      DAYBOOK_BUSY_TIMEOUT: '90',
    };
    const words = ['--as', 'bob', '--as-type', 'moderator', '--tz', 'UTC', '--busy-timeout', '1s'];
    expect(await recordedWith([...words, '--ts', '2026-03-01T10:00'], { env })).toMatchObject({
      actor: 'bob',
      actor_type: 'moderator',
      ts: '2026-03-01T10:00:00.000Z',
    });
    expect(await ok(['count', '--db', await trail()], { env: { DAYBOOK_DB: '/nowhere' } })).toBe('1\n');
  });

  test('empty is unset', async () => {
    const env = {
      DAYBOOK_ACTOR: '',
      DAYBOOK_ACTOR_TYPE: '',
      DAYBOOK_TZ: '',
      DAYBOOK_BUSY_TIMEOUT: '',
      SUDO_USER: '',
      NO_COLOR: '',
      FORCE_COLOR: '',
    };
    expect(await recordedWith([], { env })).toMatchObject({ actor: 'alice', actor_type: 'user', recorded_by: null });
    const cwd = temporaryDirectory();
    expect(await run(['count'], { cwd, env: { DAYBOOK_DB: '' } })).toMatchObject({
      code: 4,
      stderr: 'daybook: no database at audit.db\ntry: daybook --db audit.db init\n',
    });
  });

  test('an empty flag is not: it is wrong usage', async () => {
    for (const flag of ['--db', '--as', '--as-type', '--tz', '--busy-timeout']) {
      expect(await cli(['count', flag, '']), flag).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${flag} must not be empty`),
      });
    }
  });

  test('every DAYBOOK_ variable that the source reads stands in the help', async () => {
    const source = path.resolve(import.meta.dirname, '../../src');
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const names = files.flatMap(
      (name) => readFileSync(path.join(source, name), 'utf8').match(/\bDAYBOOK_[A-Z_]+/g) ?? [],
    );
    // The build puts this one in.
    const variables = [...new Set(names)].filter((name) => name !== 'DAYBOOK_VERSION');
    expect(variables.toSorted()).toEqual([
      'DAYBOOK_ACTOR',
      'DAYBOOK_ACTOR_TYPE',
      'DAYBOOK_BUSY_TIMEOUT',
      'DAYBOOK_DB',
      'DAYBOOK_PAGER',
      'DAYBOOK_SCHEMA',
      'DAYBOOK_SEAL_KEY',
      'DAYBOOK_TZ',
    ]);
    const help = (await ok(['--help'])) + (await ok(['history', '--help'])) + (await ok(['seal', '--help']));
    for (const name of [...variables, 'NO_COLOR', 'FORCE_COLOR', 'SUDO_USER']) expect(help).toContain(name);
  });
});

describe('--db', () => {
  test('is audit.db by default; only init creates one', async () => {
    const cwd = temporaryDirectory();
    for (const words of [['count'], ['record', '--action', 'a'], ['prune', '--yes'], ['status'], ['history']]) {
      expect(await run(words, { cwd }), words[0]).toMatchObject({ code: 4 });
    }
    expect(readdirSync(cwd)).toEqual([]);
    await run(['init'], { cwd });
    expect(readdirSync(cwd)).toContain('audit.db');
    expect(statSync(path.join(cwd, 'audit.db')).mode & 0o777).toBe(0o600);
  });
});

describe('--as, --as-type: who is acting', () => {
  test('by default the OS user, of type user', async () => {
    expect(await recordedWith([])).toMatchObject({ actor: 'alice', actor_type: 'user', recorded_by: null });
  });

  // Who runs it, each way to name somebody, and whom the entry names: recorded_by is told of all but the OS user.
  const USERS = ['alice', 'root'] as const;
  const NAMES = [undefined, '', 'alice', 'root', 'carol'] as const;
  const flags = NAMES.filter((name) => name !== '');
  const ways = USERS.flatMap((user) =>
    flags.flatMap((flag) => NAMES.flatMap((variable) => NAMES.map((sudo) => ({ user, flag, variable, sudo })))),
  );

  test.each(USERS)('by %s, however somebody is named', async (user) => {
    for (const way of ways.filter((each) => each.user === user)) {
      const { flag, variable, sudo } = way;
      const env = { DAYBOOK_ACTOR: variable, SUDO_USER: sudo };
      const entry = await recordedWith(flag === undefined ? [] : ['--as', flag], { user, env });
      const actor = [flag, variable, user === 'root' ? sudo : undefined].find((name) => (name ?? '') !== '') ?? user;
      const recordedBy = actor === user ? null : `${user}@desk`;
      expect(entry, JSON.stringify(way)).toMatchObject({ actor, recorded_by: recordedBy });
    }
  });

  test('holds for every command that records', async () => {
    const as = ['--as', 'bob', '--as-type', 'bot'];
    await ok(['note', 'a:1', 'x', ...as]);
    await ok(['revert', '1', '--reason', 'r', ...as]);
    await ok(['record', '--action', 'a', '--ts', '2020-01-01T00:00', ...as]);
    await ok(['retention', 'set', 'p', '--max-age', '1y', ...as]);
    await ok(['prune', '--yes', ...as]);
    await ok(['retention', 'remove', 'p', ...as]);
    const { entries } = await json<{ entries: Record<string, unknown>[] }>([
      'history',
      '--oldest-first',
      '--format',
      'json',
      '--columns',
      'action,actor,actor_type,recorded_by',
    ]);
    expect(entries).toEqual(
      ['note', 'revert', 'retention_set', 'prune', 'retention_remove'].map((action) => ({
        action,
        actor: 'bob',
        actor_type: 'bot',
        recorded_by: 'alice@desk',
      })),
    );
    await ok(['clear', '--yes', ...as]);
    expect(await json(['show', '7', '--format', 'json'])).toMatchObject({
      action: 'clear',
      category: 'system',
      actor: 'bob',
      actor_type: 'bot',
      recorded_by: 'alice@desk',
    });
  });

  test('--actor is always the filter: whose entries', async () => {
    await ok(['note', 'a:1', 'x', '--as', 'bob']);
    expect(await ok(['count', '--actor', 'bob', '--as', 'carol'])).toBe('1\n');
    expect(await ok(['count', '--actor', 'alice'])).toBe('0\n');
  });
});

describe('--tz', () => {
  test('how times without an offset are read', async () => {
    const berlin = await recordedWith(['--ts', '2026-07-01T12:00', '--tz', 'Europe/Berlin']);
    expect(berlin).toMatchObject({ ts: '2026-07-01T10:00:00.000Z' });
    expect(await ok(['count', '--in', '2026-07-01', '--tz', 'Asia/Tokyo'])).toBe('1\n');
    expect(await ok(['count', '--until', '2026-07-01T12:00', '--tz', 'Europe/Berlin'])).toBe('1\n');
    expect(await ok(['count', '--until', '2026-07-01T12:00', '--tz', 'Asia/Tokyo'])).toBe('0\n');
  });

  test('a time with an offset is read the same in every zone', async () => {
    const read = await recordedWith(['--ts', '2026-07-01T12:00+02:00', '--tz', 'Asia/Tokyo']);
    expect(read).toMatchObject({ ts: '2026-07-01T10:00:00.000Z' });
  });

  test('shown in tables and in the detail; machine formats always print UTC', async () => {
    await given({ action: 'a', ts: '2026-07-01T22:30:00Z' });
    const table = await ok(['history', '--tz', 'Europe/Berlin', '--color', 'never'], { terminal: true });
    expect(table).toContain('Thu 2026-07-02  Europe/Berlin +02:00');
    expect(table).toContain('00:30:00');
    expect(await ok(['show', '1', '--tz', 'Europe/Berlin'])).toContain(
      'Thu 2026-07-02 00:30:00.000 Europe/Berlin +02:00',
    );
    for (const format of ['json', 'ndjson', 'csv']) {
      expect(await ok(['history', '--tz', 'Europe/Berlin', '--format', format])).toContain('2026-07-01T22:30:00.000Z');
      expect(await ok(['export', '--tz', 'Europe/Berlin', '--format', format])).toContain('2026-07-01T22:30:00.000Z');
    }
    expect(await ok(['show', '1', '--tz', 'Europe/Berlin', '--format', 'json'])).toContain('2026-07-01T22:30:00.000Z');
  });

  test('local is the zone of the machine', async () => {
    const cwd = temporaryDirectory();
    const env = { TZ: 'Asia/Tokyo' };
    await run(['init'], { cwd, env });
    await run(['record', '--action', 'a', '--ts', '2026-01-01T09:00', '--tz', 'local'], { cwd, env });
    expect((await run(['export', '--columns', 'ts'], { cwd, env })).stdout).toBe('{"ts":"2026-01-01T00:00:00.000Z"}\n');
  });

  test('an unknown zone is wrong usage', async () => {
    for (const zone of ['Mars/Olympus', '+02:00', 'berlin']) {
      expect(await cli(['count', '--tz', zone]), zone).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`"${zone}"`),
      });
    }
  });
});

describe('--busy-timeout', () => {
  test('is how long to wait for a lock', async () => {
    const other = new Database(await trail());
    other.exec('BEGIN IMMEDIATE');
    try {
      const began = performance.now();
      expect(await cli(['record', '--action', 'a', '--busy-timeout', '1s'])).toMatchObject({ code: 5 });
      expect(performance.now() - began).toBeGreaterThan(900);
    } finally {
      other.close();
    }
  });

  test.each(['90', '5m', '-1s', '1.5s', '1mo', '99999999999999w', 'soon'])(
    '%s is no time to wait',
    async (duration) => {
      expect(await cli(['count', `--busy-timeout=${duration}`])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^daybook: --busy-timeout: duration "/),
      });
    },
  );
});

describe('--color, NO_COLOR, FORCE_COLOR', () => {
  const terminal = { terminal: true };

  async function isColoured(words: readonly string[], options: Parameters<typeof cli>[1]): Promise<boolean> {
    await given({ action: 'a', severity: 'error' });
    return (await ok(['history', '--format', 'table', ...words], options)).includes(ESCAPE);
  }

  test.each([
    { what: 'a terminal', words: [], options: terminal, coloured: true },
    { what: 'a pipe', words: [], options: {}, coloured: false },
    { what: 'never on a terminal', words: ['--color', 'never'], options: terminal, coloured: false },
    { what: 'always into a pipe', words: ['--color', 'always'], options: {}, coloured: true },
    { what: 'auto into a pipe', words: ['--color', 'auto'], options: {}, coloured: false },
    { what: 'NO_COLOR', words: [], options: { ...terminal, env: { NO_COLOR: '1' } }, coloured: false },
    { what: 'an empty NO_COLOR', words: [], options: { ...terminal, env: { NO_COLOR: '' } }, coloured: true },
    { what: 'FORCE_COLOR into a pipe', words: [], options: { env: { FORCE_COLOR: '1' } }, coloured: true },
    { what: 'FORCE_COLOR=0', words: [], options: { ...terminal, env: { FORCE_COLOR: '0' } }, coloured: false },
    {
      what: 'NO_COLOR before FORCE_COLOR',
      words: [],
      options: { ...terminal, env: { NO_COLOR: '1', FORCE_COLOR: '1' } },
      coloured: false,
    },
    {
      what: 'the flag before NO_COLOR',
      words: ['--color', 'always'],
      options: { env: { NO_COLOR: '1' } },
      coloured: true,
    },
    {
      what: 'the flag before FORCE_COLOR',
      words: ['--color', 'never'],
      options: { env: { FORCE_COLOR: '1' } },
      coloured: false,
    },
    { what: 'a dumb terminal', words: [], options: { ...terminal, env: { TERM: 'dumb' } }, coloured: false },
  ])('$what: $coloured', async ({ words, options, coloured }) => {
    expect(await isColoured(words, options)).toBe(coloured);
  });

  test('a machine format is never coloured', async () => {
    await given({ action: 'a', severity: 'error' });
    for (const format of ['json', 'ndjson', 'csv']) {
      expect(await ok(['history', '--format', format, '--color', 'always'], terminal)).not.toContain(ESCAPE);
    }
  });

  test('any other word is wrong usage', async () => {
    expect(await cli(['count', '--color', 'sometimes'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--color.*sometimes.*auto, always, never/),
    });
  });
});

describe('-q, --quiet: no notes on stderr; errors still', () => {
  test.each([
    [['init', '--db', '{new}']],
    [['record', '--stdin']],
    [['history', '--limit', '1']],
    [['history', '--search', 'nothing']],
    [['prune']],
    [['prune', '--older-than', '1y', '--yes']],
    [['prune', '--older-than', '1y', '--dry-run']],
    [['clear', '--yes']],
    [['retention', 'set', 'p', '--max-age', '1y']],
    [['retention', 'list']],
    [['export', '-o', '{new}.csv']],
    [['backup', '{new}']],
  ])('%j says nothing', async (words) => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' }, { action: 'b' });
    const [command, ...rest] = words.map((word) => word.replace('{new}', inTestDirectory('new')));
    for (const flag of ['-q', '--quiet']) {
      const { code, stderr } = await cli([
        flag,
        command ?? '',
        ...rest,
        ...(command === 'backup' || command === 'export' ? ['--force'] : []),
      ]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });

  test('errors and their hints are said all the same', async () => {
    expect(await cli(['-q', 'show', '1'])).toMatchObject({ code: 4, stderr: 'daybook: no entry 1\n' });
    expect((await cli(['-q', 'count', '--nonsense'])).stderr).toMatch(/^daybook: .*\ntry: /);
    await given({ action: 'a', ts: '2027-01-01T00:00:00Z' });
    expect(await cli(['-q', 'status', '--check'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('future'),
    });
  });
});

test('data goes to stdout, everything else to stderr', async () => {
  expect(await cli(['init', '--db', inTestDirectory('x.db')])).toMatchObject({
    stdout: '',
    stderr: expect.stringMatching(/^created /),
  });
  await given({ action: 'a', ts: '2020-01-01T00:00:00Z' }, { action: 'b' });
  expect(await cli(['history', '-n', '1', '--format', 'ndjson', '--columns', 'seq'])).toMatchObject({
    stdout: '{"seq":2}\n',
    stderr: expect.stringContaining('--cursor'),
  });
  expect(await cli(['retention', 'set', 'p', '--max-age', '1y'])).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('policy p'),
  });
  expect(await cli(['prune', '--yes', '--format', 'json'])).toMatchObject({
    stdout: expect.stringMatching(/^\{"dry_run":false.*\}\n$/),
    stderr: expect.stringContaining('will delete 1 entry'),
  });
  expect(await cli(['export', '--columns', 'seq'])).toMatchObject({ stderr: '' });
});
