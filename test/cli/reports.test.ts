import Database from 'better-sqlite3';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, test, vi } from 'vitest';
import { coursesOf } from '../../src/operations/report.js';
import { cli, given, inTestDirectory, json, NOW, ok, trail } from '../support/cli.js';

vi.mock('../../src/operations/report.js', { spy: true });

interface Report {
  readonly rows: readonly Record<string, unknown>[];
  readonly [field: string]: unknown;
}

/** A few months of a few machines. */
async function shop(): Promise<void> {
  await given(
    {
      action: 'partial_dispense',
      actor: 'u-1',
      actor_name: 'Ana',
      scope: 'machine:12',
      severity: 'warning',
      entity_type: 'settlement',
      entity_id: '42',
      ts: '2026-03-01T10:00:00Z',
      id: 'e-1',
    },
    {
      action: 'partial_dispense',
      actor: 'u-1',
      scope: 'machine:12',
      severity: 'warning',
      entity_type: 'settlement',
      entity_id: '43',
      ts: '2026-03-01T10:30:00Z',
      id: 'e-2',
    },
    {
      action: 'update',
      actor: 'u-2',
      scope: 'machine:7',
      entity_type: 'settlement',
      entity_id: '42',
      entity_name: 'March',
      changed_fields: ['gross', 'fee'],
      ts: '2026-03-03T09:00:00Z',
      id: 'e-3',
    },
    { action: 'update', actor: 'u-2', changed_fields: ['gross'], ts: '2026-03-04T09:00:00Z', id: 'e-4' },
  );
  await ok(['revert', 'e-2', '--reason', 'a mistake', '--as', 'u-2'], { now: '2026-03-04T10:00:00Z' });
}

const REPORTS = [
  'actors',
  'actions',
  'entities',
  'scopes',
  'fields',
  'severities',
  'timeline',
  'hours',
  'bursts',
  'unattributed',
];

describe('reports in JSON', () => {
  test('by a key have the shape of the contract', async () => {
    await shop();
    const report = await json<Report>(['report', 'actors', '--format', 'json']);
    expect(Object.keys(report)).toEqual(['report', 'filter', 'total', 'more', 'rows']);
    expect(report).toMatchObject({ report: 'actors', filter: {}, total: 5, more: false });
    expect(report.rows).toEqual([
      {
        key: 'u-2',
        name: null,
        count: 3,
        first: '2026-03-03T09:00:00.000Z',
        last: '2026-03-04T10:00:00.000Z',
        reverted: 0,
        share: 0.6,
      },
      {
        key: 'u-1',
        name: 'Ana',
        count: 2,
        first: '2026-03-01T10:00:00.000Z',
        last: '2026-03-01T10:30:00.000Z',
        reverted: 1,
        share: 0.4,
      },
    ]);
  });

  test.each([
    [
      'actions',
      [
        ['partial_dispense', 2],
        ['update', 2],
        ['revert', 1],
      ],
    ],
    [
      'entities',
      [
        ['settlement:42', 2],
        ['settlement:43', 2],
      ],
    ],
    [
      'scopes',
      [
        ['machine:12', 3],
        ['machine:7', 1],
      ],
    ],
    [
      'fields',
      [
        ['gross', 2],
        ['fee', 1],
      ],
    ],
    [
      'severities',
      [
        ['info', 3],
        ['warning', 2],
      ],
    ],
  ])('count by %s', async (name, expected) => {
    await shop();
    const { rows } = await json<Report>(['report', name, '--format', 'json']);
    expect(rows.map(({ key, count }) => [key, count])).toEqual(expected);
  });

  test('group by a second field, and take every filter', async () => {
    await shop();
    const by = await json<Report>(['report', 'actors', '--by', 'action', '--in', '2026-03', '--format', 'json']);
    expect(by['by']).toBe('action');
    expect(by['filter']).toEqual({ since: '2026-03-01T00:00:00.000Z', until: '2026-03-31T23:59:59.999Z' });
    expect(by.rows.map((row) => [row['key'], row['by'], row['count']])).toEqual([
      ['u-1', 'partial_dispense', 2],
      ['u-2', 'update', 2],
      ['u-2', 'revert', 1],
    ]);
    const words = ['--action', 'partial_dispense', '--not-reverted', '--entity', 'settlement', '--format', 'json'];
    expect((await json<Report>(['report', 'scopes', ...words])).rows).toMatchObject([{ key: 'machine:12', count: 1 }]);
  });

  test('name actors, as a second field too: as the trail called them last, else as the directory has them', async () => {
    await shop();
    await ok(['actors', 'set', 'u-1', '--name', 'Ana Keller']);
    await ok(['actors', 'set', 'u-2', '--name', 'Tomás']);
    const march = ['--in', '2026-03', '--category', 'entity', '--not', 'action=revert'];
    const named = [
      ['u-1', 'Ana'],
      ['u-2', 'Tomás'],
    ];
    const actors = ['report', 'actors', ...march];
    const { rows } = await json<Report>([...actors, '--format', 'json']);
    expect(rows.map(({ key, name }) => [key, name])).toEqual(named);
    const bursts = ['report', 'bursts', '--window', '1w', '--more-than', '1', ...march];
    const found = (await json<Report>([...bursts, '--format', 'json'])).rows;
    expect(found.map(({ actor, name }) => [actor, name])).toEqual(named);
    const fields = ['report', 'fields', '--by', 'actor', ...march];
    const second = (await json<Report>([...fields, '--format', 'json'])).rows;
    expect(second.map(({ key, name, by, by_name }) => [key, name, by, by_name])).toEqual([
      ['gross', null, 'u-2', 'Tomás'],
      ['fee', null, 'u-2', 'Tomás'],
    ]);
    expect(parse(await ok([...fields, '--format', 'csv']))[1]).toEqual(expect.arrayContaining(['u-2', 'Tomás']));
    for (const words of [actors, bursts, fields]) {
      for (const text of [
        await ok(words),
        await ok([...words, '--html', '-']),
        await ok([...words, '--color', 'never'], { terminal: true, columns: 80 }),
      ]) {
        expect(text).toContain('Tomás');
        expect(text.includes('Ana')).toBe(words !== fields);
        expect(text).not.toContain('Ana Keller');
      }
    }
    const entities = await json<Report>(['report', 'actions', '--by', 'entity', '--format', 'json', ...march]);
    expect(entities.rows).toContainEqual(expect.objectContaining({ by: 'settlement:42', by_name: 'March' }));
    expect(Object.keys(entities.rows[0] ?? {})).toContain('by_name');
    const plain = await json<Report>(['report', 'actors', '--by', 'action', '--format', 'json', ...march]);
    expect(Object.keys(plain.rows[0] ?? {})).not.toContain('by_name');
  });

  test('stop at the limit and say so', async () => {
    await shop();
    const report = await json<Report>(['report', 'actions', '-n', '2', '--format', 'json']);
    expect(report).toMatchObject({ total: 5, more: true });
    expect(report.rows).toHaveLength(2);
    expect(await cli(['report', 'actions', '-n', '2'])).toMatchObject({
      stdout:
        'partial_dispense\t2\t40.0%\t1\t2026-03-01 10:00:00\t2026-03-01 10:30:00\nupdate\t2\t40.0%\t0\t2026-03-03 09:00:00\t2026-03-04 09:00:00\n',
      stderr: 'there are more: --limit shows them\n',
    });
  });

  test('of a timeline show empty days, in the zone, with UTC starts', async () => {
    await shop();
    const report = await json<Report>(['report', 'timeline', '--tz', 'Asia/Tokyo', '--format', 'json']);
    expect(report).toEqual({
      report: 'timeline',
      filter: {},
      bucket: 'day',
      zone: 'Asia/Tokyo',
      filled: true,
      rows: [
        { start: '2026-02-28T15:00:00.000Z', count: 2 },
        { start: '2026-03-01T15:00:00.000Z', count: 0 },
        { start: '2026-03-02T15:00:00.000Z', count: 1 },
        { start: '2026-03-03T15:00:00.000Z', count: 2 },
      ],
    });
    // Until now, where only a start is given.
    const { rows } = await json<Report>(['report', 'timeline', '--since', '2026-03-04', '--format', 'json']);
    expect(rows).toEqual([
      { start: '2026-03-04T00:00:00.000Z', count: 2 },
      { start: '2026-03-05T00:00:00.000Z', count: 0 },
    ]);
  });

  test('of a timeline by a field hold each value of a bucket, and a bucket of nothing', async () => {
    await shop();
    const report = await json<Report>(['report', 'timeline', '--by', 'actor', '--format', 'json', '--in', '2026-03']);
    expect(Object.keys(report)).toEqual(['report', 'filter', 'bucket', 'zone', 'filled', 'by', 'rows']);
    expect(report.rows.slice(0, 4)).toEqual([
      { start: '2026-03-01T00:00:00.000Z', count: 2, by: 'u-1', by_name: 'Ana' },
      { start: '2026-03-02T00:00:00.000Z', count: 0, by: null, by_name: null },
      { start: '2026-03-03T00:00:00.000Z', count: 1, by: 'u-2', by_name: null },
      { start: '2026-03-04T00:00:00.000Z', count: 2, by: 'u-2', by_name: null },
    ]);
    const { rows } = await json<Report>([
      'report',
      'timeline',
      '--by',
      'action',
      '--bucket',
      'month',
      '--format',
      'json',
    ]);
    expect(rows).toEqual([
      { start: '2026-03-01T00:00:00.000Z', count: 2, by: 'partial_dispense' },
      { start: '2026-03-01T00:00:00.000Z', count: 2, by: 'update' },
      { start: '2026-03-01T00:00:00.000Z', count: 1, by: 'revert' },
    ]);
  });

  test('of hours go by the clocks of the zone, over a change of them', async () => {
    // In Berlin clocks went on from 02:00 to 03:00 at 2026-03-29T01:00Z, a Sunday.
    await given(
      ...['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-03-22T23:30:00Z', '2025-07-06T22:00:00Z'].map((ts) => ({
        action: 'x',
        ts,
      })),
    );
    const hours = async (...words: string[]): Promise<unknown> => {
      const report = await json<Report>(['report', 'hours', '--format', 'json', ...words]);
      expect(Object.keys(report)).toEqual(['report', 'filter', 'zone', 'rows']);
      expect(report.rows).toHaveLength(168);
      expect(report.rows[0]).toMatchObject({ weekday: 1, hour: 0 });
      return report.rows.filter(({ count }) => count !== 0);
    };
    expect(await hours('--tz', 'Europe/Berlin')).toEqual([
      { weekday: 1, hour: 0, count: 2 },
      { weekday: 7, hour: 1, count: 1 },
      { weekday: 7, hour: 3, count: 1 },
    ]);
    expect(await hours()).toEqual([
      { weekday: 7, hour: 0, count: 1 },
      { weekday: 7, hour: 1, count: 1 },
      { weekday: 7, hour: 22, count: 1 },
      { weekday: 7, hour: 23, count: 1 },
    ]);
  });

  test('of bursts hold a command that shows just those entries', async () => {
    await given(
      ...Array.from({ length: 20 }, (_, n) => ({
        action: 'x',
        actor: '--as',
        ts: new Date(Date.parse(NOW) + n * 300_000).toISOString(),
      })),
    );
    const report = await json<Report>(['report', 'bursts', '--format', 'json']);
    expect(report).toMatchObject({ report: 'bursts', window: '1h', more_than: 10, more: false });
    expect(report.rows).toMatchObject([
      { actor: '--as', count: 12, window: '1h', first: NOW, first_seq: 1, last_seq: 12 },
    ]);
    const [row] = report.rows;
    const command = String(row?.['command'])
      .replace(/^daybook --db \S+ /, '')
      .split(' ');
    expect(await ok([...command, '--format', 'ndjson', '--columns', 'seq', '--oldest-first'])).toBe(
      Array.from({ length: 12 }, (_, n) => `{"seq":${n + 1}}\n`).join(''),
    );
    expect((await json<Report>(['report', 'bursts', '--more-than', '12', '--format', 'json'])).rows).toEqual([]);
    expect((await json<Report>(['report', 'bursts', '--window', '1d', '--format', 'json'])).rows).toMatchObject([
      { count: 20 },
    ]);
  });

  test('of what nobody signed tell where it comes from, and its days', async () => {
    await shop();
    const app = new Database(await trail());
    app.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)');
    await ok(['capture', 'add', 'users', '--quiet']);
    app.exec("INSERT INTO users VALUES (1, 'ann'), (2, 'bob')");
    app.close();
    const report = await json<Report>(['report', 'unattributed', '--format', 'json']);
    expect(Object.keys(report)).toEqual(['report', 'filter', 'total', 'more', 'rows', 'days']);
    expect(report.rows).toMatchObject([
      { table: 'users', entity_type: 'users', source: null, action: 'create', count: 2 },
    ]);
    expect(report['days']).toMatchObject([{ count: 2 }]);
  });
});

describe('reports in CSV', () => {
  test.each([
    ['actors', 'key,name,count,first,last,reverted,share'],
    ['actors --by action', 'key,name,count,first,last,reverted,share,by'],
    ['timeline', 'start,count'],
    ['timeline --by actor', 'start,count,by,by_name'],
    ['timeline --by severity', 'start,count,by'],
    ['hours', 'weekday,hour,count'],
    ['bursts --more-than 1', 'actor,count,first,last,window,name,first_seq,last_seq,command'],
    ['unattributed', 'table,entity_type,source,action,count,first,last,seq'],
  ])('%s has the columns of the contract', async (words, header) => {
    await shop();
    const text = await ok(['report', ...words.split(' '), '--format', 'csv']);
    expect(text.split('\n')[0]).toBe(header);
  });

  test('are quoted, and disarmed', async () => {
    await given({ action: '=1+1' }, { action: 'a,"b"\nc' });
    const text = await ok(['report', 'actions', '--format', 'csv']);
    const rows = parse(text, { columns: true }) as { key: string; name: string; count: string }[];
    expect(rows.map(({ key, name, count }) => [key, name, count])).toEqual([
      ["'=1+1", '', '1'],
      ['a,"b"\nc', '', '1'],
    ]);
  });
});

describe('a report', () => {
  test.each(REPORTS)('%s of an empty trail is empty, in every form', async (name) => {
    expect(await json(['report', name, '--format', 'json'])).toMatchObject({ report: name, rows: [] });
    expect((await ok(['report', name, '--format', 'csv'])).split('\n')).toHaveLength(2);
    expect(await cli(['report', name])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await ok(['report', name], { terminal: true })).toContain('nothing');
  });

  test.each(REPORTS)('%s writes nothing, and ends quietly where its reader goes', async (name) => {
    await shop();
    const before = await ok(['export']);
    for (const words of [
      ['report', name],
      ['report', name, '--format', 'json'],
      ['report', name, '--format', 'csv'],
    ]) {
      expect(await cli(words, { closesAfter: 0 }), words.join(' ')).toMatchObject({ code: 0, stdout: '' });
    }
    expect(await ok(['export'])).toBe(before);
  });

  test.each(REPORTS)('%s makes hostile text visible on a screen', async (name) => {
    const hostile = 'a\u001b]0;x\u0007\u202eb';
    await given(
      ...Array.from({ length: 12 }, (_, n) => ({
        action: hostile,
        actor: n < 11 ? hostile : 'unknown',
        actor_name: hostile,
        scope: `k:${hostile}`,
        entity_type: 't',
        entity_id: hostile,
        source: hostile,
        changed_fields: [hostile],
      })),
    );
    for (const format of [[], ['--format', 'json'], ['--format', 'csv']]) {
      const text = await ok(['report', name, ...format], { terminal: true, env: { NO_COLOR: '1' }, columns: 200 });
      expect(text).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
    }
  });

  test('refuses what it cannot mean', async () => {
    for (const [words, message] of [
      [['report'], ''],
      [['report', 'nothing'], 'unknown command'],
      [['report', 'actors', '--by', 'actor'], "'actor' is invalid"],
      [['report', 'actors', '-n', '0'], '1 or more'],
      [['report', 'timeline', '--bucket', 'minute'], "'minute' is invalid"],
      [['report', 'timeline', '--by', 'scope'], "'scope' is invalid"],
      [['report', 'hours', '--by', 'actor'], "unknown option '--by'"],
      [['report', 'bursts', '--window', '90'], '--window: duration "90" has no unit'],
      [['report', 'bursts', '--window', '1mo'], '--window: duration "1mo" has no fixed length'],
      [['report', 'bursts', '--window', '0s'], 'holds nothing'],
      [['report', 'unattributed', '--actor', 'anna'], 'without other actors'],
      [['report', 'actors', '--in', '2026-02-30'], '--in'],
    ] as const) {
      const { code, stdout, stderr } = await cli(words);
      expect({ code, stdout }, words.join(' ')).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(message);
    }
  });

  test('has colour only where there is some', async () => {
    await shop();
    const plain = await ok(['report', 'actors'], { terminal: true, env: { NO_COLOR: '1' } });
    expect(plain).toContain('█');
    expect(plain).not.toContain('\u001b');
    expect(await ok(['report', 'actors'], { terminal: true })).toContain('\u001b[');
    // A table off a terminal is one for eighty columns.
    expect(await ok(['report', 'actors', '--format', 'table'])).toBe(plain);
  });
});

describe('report case', () => {
  const CASE = ['report', 'case', 'settlement:42'];

  test('names people as they were called then, else as the directory has it, but not to programs', async () => {
    await given(
      { id: 'a', action: 'x', actor: 'u-1', entity_type: 'settlement', entity_id: '42', correlation_id: 'c' },
      { action: 'y', actor: 'u-3', actor_name: 'I. Moreau', entity_type: 'settlement', entity_id: '42' },
      { action: 'z', actor: 'u-4', correlation_id: 'c' },
    );
    await ok(['revert', 'a', '--reason', 'wrong', '--as', 'u-2']);
    for (const [id, name] of ['Ana', 'Tomás', 'Ines', 'Li'].entries()) {
      await ok(['actors', 'set', `u-${id + 1}`, '--name', name]);
    }
    const text = await ok(CASE);
    expect(text).toMatch(/^#1 .* {2}Ana \(u-1\) {2}x$/m);
    expect(text).toMatch(/taken back by #4, Tomás \(u-2\), .*: wrong/);
    expect(text).toMatch(/^#2 .* {2}I\. Moreau \(u-3\) {2}y$/m);
    expect(text).toMatch(/^ {2}#3 .* Li \(u-4\) z/m);
    expect(text).not.toContain('Ines');
    const page = await ok([...CASE, '--html', '-']);
    for (const name of ['Ana', 'Tomás', 'I. Moreau', 'Li']) expect(page).toContain(`<bdi>${name} (u-`);
    expect(page).not.toContain('Ines');
    for (const format of ['json', 'csv']) {
      const report = await ok([...CASE, '--format', format]);
      const rows = format === 'json' ? report.slice(report.indexOf('"rows"')) : report;
      expect(rows.includes('I. Moreau')).toBe(true);
      for (const name of ['"Ana"', 'Tomás', '"Li"']) expect(rows, format).not.toContain(name);
    }
  });

  test('has the shape of its documentation, with every digit', async () => {
    await shop();
    await ok([
      'record',
      '--action',
      'update',
      '--entity',
      'settlement:42',
      '--old',
      '{"n":12345678901234567890}',
      '--new',
      '{"n":12345678901234567891.0}',
    ]);
    const text = await ok([...CASE, '--format', 'json']);
    expect(text).toContain('"changes":[{"field":"n","old":12345678901234567890,"new":12345678901234567891.0}]');
    const report = JSON.parse(text) as Report;
    expect(Object.keys(report)).toEqual([
      'report',
      'filter',
      'entity',
      'up_to',
      'mark',
      'count',
      'first',
      'last',
      'notes',
      'reverted',
      'names',
      'actors',
      'pruned',
      'sha256',
      'command',
      'rows',
      'related',
      'more_related',
    ]);
    expect(report).toMatchObject({
      report: 'case',
      entity: 'settlement:42',
      count: 3,
      up_to: 6,
      mark: '6',
      related: [],
    });
    const [history] = [
      await json<{ entries: object[] }>(['history', 'settlement:42', '--oldest-first', '--format', 'json']),
    ];
    expect(report.rows.map(({ changes: _changes, taken_back_by: _by, ...entry }) => entry)).toEqual(history.entries);
  });

  test('names who took an entry back', async () => {
    await shop();
    const report = await json<Report>(['report', 'case', 'settlement:43', '--format', 'json']);
    expect(report.rows).toMatchObject([
      { id: 'e-2', taken_back_by: { actor: 'u-2', message: 'a mistake', reverts: 'e-2' } },
      { action: 'revert', taken_back_by: null },
    ]);
    const text = await ok(['report', 'case', 'settlement:43']);
    expect(text).toContain('taken back by #5, u-2, 2026-03-04T10:00:00.000Z: a mistake');
    expect(text).toContain('#2 Sun 2026-03-01 10:30:00.000 UTC  u-1  partial_dispense  warning');
  });

  test('has a checksum that its command computes, with what was recorded since left out', async () => {
    await shop();
    const { sha256, command } = await json<Report>([...CASE, '--format', 'json']);
    await ok(['note', 'settlement:42', 'dated back', '--ts', '2020-01-01T00:00Z']);
    const [exporting = '', ...rest] = String(command).split(' | ');
    expect(exporting).toContain('--mark 5');
    expect(rest).toEqual(['sha256sum']);
    const lines = await ok(exporting.replace(/^daybook --db \S+ /, '').split(' '));
    const { status, stdout } = spawnSync('sh', ['-c', rest.join(' | ')], { input: lines, encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${String(sha256)}  -\n` });
  });

  test('as CSV has a row for each field that changed', async () => {
    await given(
      {
        action: 'update',
        entity_type: 'settlement',
        entity_id: '42',
        old_values: { a: 1, b: 2 },
        new_values: { a: 2, b: '=x' },
      },
      { action: 'note', entity_type: 'settlement', entity_id: '42' },
    );
    const rows = parse(await ok([...CASE, '--format', 'csv']), { columns: true }) as Record<string, string>[];
    expect(rows.map(({ seq, field, old, new: now }) => [seq, field, old, now])).toEqual([
      ['1', 'a', '1', '2'],
      ['1', 'b', '2', '"=x"'],
      ['2', '', '', ''],
    ]);
  });

  test('makes hostile text visible, in every form', async () => {
    const hostile = 'a\u001b]0;x\u0007\u202eb';
    const entry = {
      action: hostile,
      actor: hostile,
      entity_type: 'settlement',
      entity_id: '42',
      entity_name: hostile,
      message: `${hostile}\nnext`,
      correlation_id: hostile,
      metadata: { [hostile]: hostile },
      old_values: { [hostile]: 1 },
      new_values: { [hostile]: hostile },
    };
    await given(entry, { ...entry, entity_id: '43' });
    for (const format of [[], ['--format', 'json'], ['--format', 'csv'], ['--html', '-']]) {
      const text = await ok([...CASE, ...format], { terminal: true, env: { NO_COLOR: '1' } });
      expect(text, format.join(' ')).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
    }
    expect(JSON.parse(await ok([...CASE, '--format', 'json'], { terminal: true }))).toMatchObject({
      rows: [{ action: hostile }],
    });
  });

  test('ends quietly where its reader goes, and is refused for what is no entity', async () => {
    await shop();
    expect(await cli(CASE, { closesAfter: 1 })).toMatchObject({ code: 0, stderr: '' });
    expect(await cli(['report', 'case', 'settlement'])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['report', 'case', 'settlement:404'])).toMatchObject({
      code: 4,
      stdout: '',
      stderr: 'daybook: no entry is about settlement:404\n',
    });
    const page = inTestDirectory('case.html');
    expect(await cli(['report', 'case', 'settlement:404', '--html', page])).toMatchObject({ code: 4 });
    expect(existsSync(page)).toBe(false);
  });
});

test.each<[number, boolean, readonly string[], boolean]>([
  [71, true, [], false],
  [72, true, [], true],
  [72, false, [], false],
  [80, false, ['--format', 'table'], true],
  [200, true, ['--format', 'json'], false],
  [40, true, ['--html', 'report.html'], true],
  [200, true, ['--by', 'action'], false],
])('at %i columns (terminal: %s) %j, what rows did over time is read: %s', async (columns, terminal, words, isRead) => {
  await given({ action: 'a' });
  vi.mocked(coursesOf).mockClear();
  const placed = words.map((word) => (word.endsWith('.html') ? inTestDirectory(word) : word));
  await ok(['report', 'actors', ...placed], { terminal, columns });
  expect(vi.mocked(coursesOf).mock.calls.length > 0).toBe(isRead);
});
