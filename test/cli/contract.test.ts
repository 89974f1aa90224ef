import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { CommandTree } from '../../src/cli/command-tree.js';
import { describeCommand } from '../../src/cli/command-tree.js';
import { buildProgram } from '../../src/cli/main.js';
import { SCHEMA_VERSION } from '../../src/store/sqlite/engine/schema.js';
import { cli, fromLines, given, inTestDirectory, json, NOW, ok, toLines, trail } from '../support/cli.js';
import { run, start, temporaryDirectory } from '../support/program.js';

// What stands here is what scripts depend on. It may grow; nothing in it may change or go.

const FILTERS = [
  '--category',
  '--action',
  '--severity',
  '--actor',
  '--actor-type',
  '--scope',
  '--entity',
  '--correlation',
  '--source',
  '--not',
  '--since',
  '--until',
  '--in',
  '--search',
  '--changed',
  '--meta',
  '--reverted',
  '--not-reverted',
];
const DOOMING = ['--seal-key', '--dry-run', '--archive', '--archive-dir', '--reason', '--yes', '--format'];

const FORMS = ['--format', '--html', '--force', '--no-pager'];
const REPORT = [...FORMS, ...FILTERS, '--archives', '--verify'];

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  init: ['--alongside', '--grant'],
  note: ['--severity', '--scope', '--entity-name', '--meta', '--correlation', '--ts', '--format'],
  record: [
    '--action',
    '--category',
    '--severity',
    '--entity',
    '--entity-name',
    '--scope',
    '--message',
    '--meta',
    '--metadata',
    '--old',
    '--new',
    '--redact',
    '--correlation',
    '--ts',
    '--id',
    '--stdin',
    '--ack',
    '--rejects',
    '--format',
  ],
  history: [
    '--archives',
    '--verify',
    '--fold',
    '--octet-framing',
    '--limit',
    '--cursor',
    '--oldest-first',
    '--format',
    '--columns',
    ...FILTERS,
    '--follow',
    '--states',
    '--explain',
    '--no-pager',
  ],
  show: ['--around', '--format'],
  count: ['--format', ...FILTERS, '--archives', '--verify'],
  values: ['--format', ...FILTERS, '--archives', '--verify'],
  state: ['--where', '--at', '--at-entry', '--as-of', '--as-of-column', '--format', '--no-pager'],
  changes: ['--field', '--format', ...FILTERS, '--no-pager'],
  export: [
    '--archives',
    '--verify',
    '--bom',
    '--octet-framing',
    '--format',
    '--output',
    '--gzip',
    '--columns',
    '--force',
    '--no-header',
    '--exact',
    '--checkpoint',
    '--mark',
    '--manifest',
    '--proof',
    ...FILTERS,
  ],
  report: [],
  'report actors': ['--by', '--limit', ...REPORT],
  'report actions': ['--by', '--limit', ...REPORT],
  'report entities': ['--by', '--limit', ...REPORT],
  'report scopes': ['--by', '--limit', '--per-entity', ...REPORT],
  'report fields': ['--by', '--limit', ...REPORT],
  'report severities': ['--by', '--limit', ...REPORT],
  'report timeline': ['--bucket', '--by', ...REPORT],
  'report bursts': ['--window', '--more-than', '--limit', ...REPORT],
  'report unattributed': ['--limit', ...REPORT],
  'report case': [...FORMS, '--archives', '--verify'],
  revert: ['--reason', '--apply', '--force', '--dry-run', '--format', ...FILTERS],
  prune: ['--older-than', '--before', '--max-entries', ...FILTERS, ...DOOMING],
  clear: ['--except-held', ...DOOMING],
  retention: [],
  'retention set': ['--max-age', '--max-entries', '--yes', ...FILTERS],
  'retention list': ['--format'],
  'retention remove': [],
  status: ['--check', '--grace', '--deep', '--strict', '--format'],
  seal: ['--seal-key', '--accept-inserted', '--reason', '--format'],
  'seal init': ['--seal-key', '--origin', '--force', '--format'],
  'seal rotate': ['--seal-key', '--format'],
  'seal resume': ['--seal-key', '--after-restore', '--reason', '--origin', '--format'],
  'seal anchor': ['--request', '--add', '--witness-key', '--force', '--format'],
  'seal status': ['--seal-key', '--format'],
  'seal list': ['--format'],
  'seal key': ['--format'],
  proof: ['--consistency'],
  hold: [],
  'hold place': ['--reason', '--release-key', ...FILTERS.filter((name) => name !== '--since' && name !== '--in')],
  'hold list': ['--format'],
  'hold release': ['--reason', '--signature'],
  erase: ['--seal-key', '--reason', '--dry-run', '--yes', '--format', ...FILTERS],
  verify: [
    '--key',
    '--checkpoint',
    '--archive',
    '--witness-key',
    '--grace',
    '--strict',
    '--proof',
    '--seal-key',
    '--format',
  ],
  backup: ['--force'],
  actors: [],
  'actors set': ['--name', '--email'],
  'actors list': ['--name', '--format', '--exact', '--no-pager'],
  'actors import': ['--columns', '--scope', '--exact', '--from', '--attach', '--format'],
  'actors remove': [],
  exec: ['--file', '--reason', '--correlation', '--migration', '--foreign-keys', '--dry-run', '--format'],
  completion: ['--values', '--prefix'],
  capture: [],
  'capture add': [
    '--entity-type',
    '--scope',
    '--actor-column',
    '--actor-setting',
    '--actor-type-setting',
    '--correlation-setting',
    '--name-column',
    '--ignore',
    '--redact',
    '--keep',
    '--json',
    '--require-actor',
  ],
  'capture list': ['--format'],
  'capture check': ['--format'],
  'capture refresh': [],
  'capture remove': ['--all'],
  mirror: [],
  'mirror add': [
    '--entity-type',
    '--key',
    '--latest',
    '--template',
    '--separator',
    '--reverted',
    '--max-length',
    '--dry-run',
    '--yes',
    '--format',
  ],
  'mirror list': ['--format'],
  'mirror check': ['--format'],
  'mirror remove': [],
};
const GLOBALS = [
  '--version',
  '--db',
  '--schema',
  '--as',
  '--as-type',
  '--tz',
  '--busy-timeout',
  '--color',
  '--quiet',
  '--help',
];

const ENTRY_KEYS = [
  'seq',
  'id',
  'ts',
  'recorded_at',
  'category',
  'action',
  'severity',
  'actor',
  'actor_type',
  'actor_name',
  'recorded_by',
  'scope',
  'entity_type',
  'entity_id',
  'entity_name',
  'message',
  'metadata',
  'old_values',
  'new_values',
  'changed_fields',
  'correlation_id',
  'reverts',
  'source',
];
const HISTORY_KEYS = [...ENTRY_KEYS, 'reverted_by'];

function commandsOf(tree: CommandTree, path = ''): [string, CommandTree][] {
  return tree.subcommands.flatMap((command) => {
    const name = `${path}${command.name}`;
    return [[name, command] as [string, CommandTree], ...commandsOf(command, `${name} `)];
  });
}

function longNames(tree: CommandTree): string[] {
  return tree.options.flatMap(({ long }) => (long === null || long === '--help' ? [] : [long]));
}

describe('names', () => {
  test('commands and their options', async () => {
    const tree = describeCommand(await buildProgram());
    const found = Object.fromEntries(commandsOf(tree).map(([name, command]) => [name, longNames(command)]));
    expect(Object.keys(found)).toEqual(expect.arrayContaining(Object.keys(COMMANDS)));
    const sorted = (options: readonly string[] | undefined): readonly string[] => (options ?? []).toSorted();
    expect(Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, sorted(found[name])]))).toEqual(
      Object.fromEntries(Object.entries(COMMANDS).map(([name, options]) => [name, sorted(options)])),
    );
  });

  test('global options, short names and the alias', async () => {
    const tree = describeCommand(await buildProgram());
    expect(tree.options.map(({ long }) => long)).toEqual(GLOBALS);
    const shorts = [tree, ...commandsOf(tree).map(([, command]) => command)].flatMap((command) =>
      command.options.flatMap(({ short, long }) => (short === null ? [] : [`${short} ${long}`])),
    );
    expect([...new Set(shorts)].toSorted()).toEqual(
      ['-V --version', '-q --quiet', '-h --help', '-n --limit', '-f --follow', '-o --output'].toSorted(),
    );
    expect(commandsOf(tree).flatMap(([name, { aliases }]) => aliases.map((alias) => [alias, name]))).toEqual([
      ['log', 'history'],
      ['names', 'actors'],
    ]);
  });

  test('the values of options', async () => {
    const commands = new Map(commandsOf(describeCommand(await buildProgram())));
    const choices = (command: string, long: string): readonly string[] | undefined =>
      commands.get(command)?.options.find((option) => option.long === long)?.value?.choices;
    const collected = ['ocsf', 'cef', 'leef', 'rfc5424', 'gelf', 'ecs', 'otlp-json'];
    expect(choices('history', '--format')).toEqual(['table', 'line', 'json', 'ndjson', 'csv', ...collected]);
    expect(choices('export', '--format')).toEqual(['csv', 'json', 'ndjson', 'parquet', ...collected].toSorted());
    expect(choices('values', '--format')).toEqual(['json', 'csv']);
    for (const command of ['note', 'record', 'revert', 'show', 'count', 'prune', 'clear']) {
      expect(choices(command, '--format'), command).toEqual(['json']);
    }
    expect(choices('status', '--format')).toEqual(['json', 'nagios', 'prometheus']);
  });
});

describe('exit codes', () => {
  async function codeOf(words: readonly string[], options: Parameters<typeof cli>[1] = {}): Promise<number> {
    return (await cli(words, options)).code;
  }

  test('0 done, an empty result included', async () => {
    expect(await codeOf(['history'])).toBe(0);
    expect(await codeOf(['export'])).toBe(0);
    expect(await codeOf(['values', 'action', '--search', 'nothing'])).toBe(0);
    expect(await codeOf(['prune'])).toBe(0);
    expect(await codeOf(['retention', 'list'])).toBe(0);
  });

  test('1 failed', async () => {
    expect(await codeOf(['export', '-o', inTestDirectory('no/such/folder.csv')])).toBe(1);
    expect(await codeOf(['backup', inTestDirectory('no/such/folder.db')])).toBe(1);
  });

  test('2 wrong usage', async () => {
    expect(await codeOf([])).toBe(2);
    expect(await codeOf(['no-such-command'])).toBe(2);
    expect(await codeOf(['history', '--no-such-option'])).toBe(2);
    expect(await codeOf(['history', '--limit', '0'])).toBe(2);
    expect(await codeOf(['prune', '--category', 'auth'])).toBe(2);
  });

  test('3 a check found something', async () => {
    await given({ action: 'a', ts: '2027-01-01T00:00:00Z' });
    expect(await cli(['status', '--check'])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^daybook: 1 entr/),
    });
    expect(await codeOf(['status'])).toBe(0);
  });

  test('3 also where a prune took entries before a checkpoint exported them', async () => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' });
    await ok(['export', '--checkpoint', 'siem']);
    await given({ action: 'b', ts: '2020-01-02T00:00:00Z' });
    await ok(['prune', '--older-than', '1y', '--yes']);
    expect(await codeOf(['export', '--checkpoint', 'siem'])).toBe(3);
    expect(await codeOf(['export', '--checkpoint', 'siem'])).toBe(0);
  });

  test('4 no such database or entry, or not a database, or a schema newer than the program', async () => {
    expect(await codeOf(['count'], { db: inTestDirectory('none.db') })).toBe(4);
    expect(await codeOf(['show', '1'])).toBe(4);
    expect(await codeOf(['count'], { db: inTestDirectory('.') })).toBe(4);
    const text = inTestDirectory('text.db');
    writeFileSync(text, 'not a database, though long enough to hold the header of one. '.repeat(20));
    expect(await codeOf(['count'], { db: text })).toBe(4);
    const foreign = inTestDirectory('foreign.db');
    new Database(foreign).exec('CREATE TABLE t (x)').close();
    expect(await codeOf(['count'], { db: foreign })).toBe(4);
    const newer = new Database(await trail());
    newer.exec(`INSERT INTO daybook_migrations (version, name, applied_at) VALUES (99, 'later', '${NOW}')`);
    newer.close();
    expect(await cli(['count'])).toMatchObject({ code: 4, stderr: expect.stringContaining('schema 99') });
    expect(await codeOf(['init'])).toBe(4);
  });

  test('5 busy, try again', async () => {
    const other = new Database(await trail());
    other.exec('BEGIN IMMEDIATE');
    try {
      for (const words of [
        ['record', '--action', 'a'],
        ['note', 'a:1', 'text'],
        ['retention', 'set', 'x', '--max-age', '1y'],
        ['export', '--checkpoint', 'siem'],
      ]) {
        expect(await cli([...words, '--busy-timeout', '0s']), words.join(' ')).toMatchObject({
          code: 5,
          stdout: '',
          stderr: expect.stringMatching(/is locked by another program; [a-z ]+\ntry: /),
        });
      }
      // Readers need no lock.
      expect(await ok(['count', '--busy-timeout', '0s'])).toBe('0\n');
    } finally {
      other.close();
    }
    expect(await ok(['count'])).toBe('0\n');
  });

  test('6 bad input data', async () => {
    expect(await codeOf(['record', '--action', 'a', '--metadata', '{'])).toBe(6);
    expect(await codeOf(['record', '--stdin'], { input: '{"action":1}\n' })).toBe(6);
  });

  test('7 refused: not confirmed, file exists, conflict, another application’s database without --alongside', async () => {
    await given({ action: 'a', id: 'one', ts: '2020-01-01T00:00:00Z' });
    expect(await codeOf(['prune', '--older-than', '1y'])).toBe(7);
    expect(await codeOf(['prune', '--older-than', '1y'], { terminal: true, input: 'n\n' })).toBe(7);
    expect(await codeOf(['clear'])).toBe(7);
    const file = inTestDirectory('there.ndjson');
    writeFileSync(file, 'precious');
    expect(await codeOf(['export', '-o', file])).toBe(7);
    expect(await codeOf(['backup', file])).toBe(7);
    expect(await codeOf(['prune', '--older-than', '1y', '--yes', '--archive', file])).toBe(7);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(await codeOf(['record', '--action', 'b', '--id', 'one'])).toBe(7);
    const foreign = inTestDirectory('foreign.db');
    new Database(foreign).exec('CREATE TABLE t (x)').close();
    expect(await codeOf(['init'], { db: foreign })).toBe(7);
    expect(await codeOf(['init', '--alongside'], { db: foreign })).toBe(0);
    expect(await ok(['count'])).toBe('1\n');
  });

  test('129, 130, 143 ended by SIGHUP, SIGINT, SIGTERM', async () => {
    const entries = Array.from({ length: 700 }, (_, n) => ({ action: 'a', id: `i-${n}`, ts: '2020-01-01T00:00:00Z' }));
    await given(...entries);
    const file = inTestDirectory('out.ndjson');
    expect(await codeOf(['export', '-o', file], { interrupt: true })).toBe(130);
    expect(await codeOf(['export', '-o', file], { interrupt: 'SIGHUP' })).toBe(129);
    expect(await codeOf(['export', '-o', file], { interrupt: 'SIGTERM' })).toBe(143);
    expect(() => readFileSync(file)).toThrow('ENOENT');
    expect(await codeOf(['history', '--follow', '--limit', '2'], { interrupt: true })).toBe(130);
    expect(await codeOf(['record', '--stdin'], { interrupt: true, input: '{"action":"b"}\n' })).toBe(130);
    expect(await cli(['prune', '--older-than', '1y', '--yes', '--quiet'], { interrupt: true })).toMatchObject({
      code: 130,
      stdout: '',
      stderr: expect.stringMatching(/^daybook: interrupted: \d+ of 700 entries were deleted, and are accounted for\n$/),
    });
  });

  test('130 by a real SIGINT to the built program', async () => {
    const cwd = temporaryDirectory();
    await run(['init'], { cwd });
    await run(['note', 'a:1', 'first'], { cwd });
    const running = start(['history', '--follow'], { cwd });
    await running.waitForStdout(/first\n/);
    running.child.kill('SIGINT');
    expect(await running.finished).toMatchObject({ code: 130, stderr: '' });
  });

  test('the built program ends with the same codes', async () => {
    const cwd = temporaryDirectory();
    expect(await run(['count'], { cwd })).toMatchObject({ code: 4, stdout: '' });
    expect(await run(['count', '--bad'], { cwd })).toMatchObject({ code: 2, stdout: '' });
    expect(await run(['init'], { cwd })).toMatchObject({ code: 0, stdout: '' });
    expect(await run(['record', '--action', 'a', '--metadata', '['], { cwd })).toMatchObject({ code: 6, stdout: '' });
    expect(await run(['show', '1'], { cwd })).toMatchObject({ code: 4, stdout: '' });
  });
});

describe('shapes', () => {
  const FULL = {
    id: 'full',
    category: 'device',
    action: 'update',
    severity: 'warning',
    actor: '5',
    actor_type: 'system',
    actor_name: 'Eve',
    recorded_by: 'root@host',
    scope: 'tenant:1',
    entity_type: 'machine',
    entity_id: '7',
    entity_name: 'N',
    message: 'said "hello",\nthen left',
    metadata: { a: [1, { b: null }] },
    old_values: { x: 1 },
    new_values: { x: 2 },
    changed_fields: ['x'],
    correlation_id: 'c-1',
    source: 'ledgrab',
  };

  /** An entry with everything, and one with nothing. */
  async function someEntries(): Promise<void> {
    await given(
      { ...FULL, ts: '2026-01-01T10:00:00.5Z', recorded_at: '2026-01-02T00:00:00Z' },
      { id: 'bare', action: 'login', ts: '2026-01-01T11:00:00Z', recorded_at: null },
    );
  }

  test('an entry in JSON has every field of the record, in order', async () => {
    await someEntries();
    const [full, bare] = fromLines(await ok(['export']));
    expect(Object.keys(full ?? {})).toEqual(ENTRY_KEYS);
    expect(Object.keys(bare ?? {})).toEqual(ENTRY_KEYS);
    expect(full).toEqual({
      ...FULL,
      seq: 1,
      ts: '2026-01-01T10:00:00.500Z',
      recorded_at: '2026-01-02T00:00:00.000Z',
      reverts: null,
    });
  });

  test('history and show add reverted_by; note, record and revert print the entry without it', async () => {
    await someEntries();
    const { entries } = await json<{ entries: object[] }>(['history', '--format', 'json']);
    expect(entries.map((entry) => Object.keys(entry))).toEqual([HISTORY_KEYS, HISTORY_KEYS]);
    expect(Object.keys(await json(['show', 'full', '--format', 'json']))).toEqual(HISTORY_KEYS);
    expect(Object.keys(fromLines(await ok(['history', '--format', 'ndjson', '-n', '1']))[0] ?? {})).toEqual(
      HISTORY_KEYS,
    );
    for (const words of [
      ['note', 'a:1', 'x'],
      ['record', '--action', 'a'],
      ['revert', 'full', '--reason', 'r'],
    ]) {
      expect(Object.keys(await json([...words, '--format', 'json'])), words[0]).toEqual(ENTRY_KEYS);
    }
    expect(await json(['show', 'full', '--format', 'json'])).toMatchObject({
      reverted_by: (await json(['show', '5', '--format', 'json']))['id'],
    });
  });

  test('--columns keeps the named fields, in that order', async () => {
    await someEntries();
    const columns = ['--columns', 'message,seq,metadata'];
    const rows = [{ message: '', seq: 2, metadata: {} }, expect.objectContaining({ seq: 1 })];
    expect(await json(['history', ...columns, '--format', 'json'])).toEqual({ entries: rows, next_cursor: null });
    const printed = fromLines(await ok(['export', ...columns]));
    expect(printed.map((entry) => Object.keys(entry))).toEqual([
      ['message', 'seq', 'metadata'],
      ['message', 'seq', 'metadata'],
    ]);
    expect(await ok(['export', ...columns, '--format', 'csv'])).toMatch(/^message,seq,metadata\n/);
    expect(await ok(['history', '--columns', 'reverted_by,seq', '--format', 'csv'])).toBe('reverted_by,seq\n,2\n,1\n');
  });

  test('history --format json: {"entries": [...], "next_cursor": "..." | null}', async () => {
    await someEntries();
    expect(await ok(['history', '--search', 'nothing', '--format', 'json'])).toBe(
      '{"entries": [], "next_cursor": null}\n',
    );
    const first = await json<{ next_cursor: string }>(['history', '--format', 'json', '-n', '1']);
    expect(Object.keys(first)).toEqual(['entries', 'next_cursor']);
    expect(first.next_cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    const second = ['history', '--format', 'json', '-n', '1', '--cursor', first.next_cursor];
    expect(await json(second)).toMatchObject({ entries: [{ seq: 1 }], next_cursor: null });
  });

  test('--format ndjson: one entry a line, nothing else; export --format json: one array', async () => {
    await someEntries();
    expect(await ok(['history', '--format', 'ndjson', '--columns', 'seq'])).toBe('{"seq":2}\n{"seq":1}\n');
    expect(await ok(['export', '--columns', 'seq'])).toBe('{"seq":1}\n{"seq":2}\n');
    expect(JSON.parse(await ok(['export', '--format', 'json', '--columns', 'seq']))).toEqual([{ seq: 1 }, { seq: 2 }]);
    expect(JSON.parse(await ok(['export', '--format', 'json', '--search', 'nothing']))).toEqual([]);
    expect(await ok(['export', '--search', 'nothing'])).toBe('');
  });

  test('CSV: a header line, LF, RFC 4180 quotes, JSON text, null as an empty cell, empty text as ""', async () => {
    await someEntries();
    const csv = [
      `${ENTRY_KEYS.join(',')}\n`,
      '1,full,2026-01-01T10:00:00.500Z,2026-01-02T00:00:00.000Z,device,update,warning,5,system,Eve,root@host,',
      'tenant:1,machine,7,N,"said ""hello"",\nthen left","{""a"":[1,{""b"":null}]}","{""x"":1}","{""x"":2}",',
      '"[""x""]",c-1,,ledgrab\n',
      '2,bare,2026-01-01T11:00:00.000Z,,entity,login,info,alice,user,,,,,,,"",{},,,,,,\n',
    ].join('');
    expect(await ok(['export', '--format', 'csv'])).toBe(csv);
    expect(await ok(['export', '--format', 'csv', '--no-header'])).toBe(csv.slice(csv.indexOf('\n') + 1));
    expect(await ok(['history', '--format', 'csv', '--search', 'nothing'])).toBe(`${HISTORY_KEYS.join(',')}\n`);
  });

  test('CSV: CR and LF are quoted, and kept', async () => {
    await given({ action: 'a', message: 'one\r\ntwo' }, { action: 'a', message: 'cr\ronly' });
    const expected = 'message\n"one\r\ntwo"\n"cr\ronly"\n';
    expect(await ok(['export', '--format', 'csv', '--columns', 'message'])).toBe(expected);
  });

  test('CSV: unless --exact, what a spreadsheet takes for a formula gets a quote mark in front', async () => {
    const messages = [
      '=1+1',
      '+cmd',
      '-x',
      '@SUM(A1)',
      '\ttab',
      '\rcr',
      '-5',
      '+5.25',
      '-1e3',
      "'=1",
      ' =1',
      'a=b',
      '-',
      '+1 2',
    ];
    await given(...messages.map((message) => ({ action: 'a', message })));
    const cells = (text: string): string[] => text.split('\n').slice(1, -1);
    const words = ['export', '--format', 'csv', '--columns', 'message'];
    expect(cells(await ok(words))).toEqual([
      "'=1+1",
      "'+cmd",
      "'-x",
      "'@SUM(A1)",
      '"\'	tab"',
      '"\'\rcr"',
      '-5',
      '+5.25',
      '-1e3',
      "''=1",
      "' =1",
      'a=b',
      "'-",
      "'+1 2",
    ]);
    const exact = cells(await ok([...words, '--exact']));
    expect(exact).toEqual(messages.map((message) => (message === '\rcr' ? '"\rcr"' : message)));
    expect(await ok(['history', '--format', 'csv', '--columns', 'message', '-n', '1'])).toBe("message\n'+1 2\n");
  });

  test('note, record, revert print the seq', async () => {
    expect(await ok(['note', 'a:1', 'x'])).toBe('1\n');
    expect(await ok(['record', '--action', 'a'])).toBe('2\n');
    expect(await ok(['revert', '1', '--reason', 'r'])).toBe('3\n');
  });

  test('record --stdin: totals and acks', async () => {
    const input = toLines([{ action: 'a' }, { action: 'b' }]);
    const totals = await ok(['record', '--stdin', '--ack', '--format', 'json'], { input });
    expect(totals).toBe('{"recorded": 2, "line": 2}\n{"recorded":2,"skipped":0,"rejected":0}\n');
  });

  test('count and values', async () => {
    await someEntries();
    expect(await ok(['count'])).toBe('2\n');
    expect(await ok(['count', '--format', 'json'])).toBe('{"count": 2}\n');
    await given({ action: 'login' });
    expect(await ok(['values', 'action', '--format', 'json'])).toBe(
      '{"field":"action","values":[{"value":"login","count":2},{"value":"update","count":1}]}\n',
    );
    expect(await ok(['values', 'scope', '--format', 'json'])).toBe(
      '{"field":"scope","values":[{"value":null,"count":2},{"value":"tenant:1","count":1}]}\n',
    );
    expect(await ok(['values', 'action'])).toBe('2\tlogin\n1\tupdate\n');
  });

  test('show with --around', async () => {
    await someEntries();
    const found = await json(['show', 'bare', '--around', '1', '--format', 'json']);
    expect(Object.keys(found)).toEqual(['before', 'entry', 'after']);
    expect(found).toMatchObject({ before: [{ seq: 1 }], entry: { seq: 2 }, after: [] });
  });

  test('prune --format json', async () => {
    await someEntries();
    const keys = [
      'dry_run',
      'deleted',
      'by_age',
      'by_count',
      'remaining',
      'oldest_remaining',
      'policies',
      'archive',
      'longest_lock_ms',
      'freed_bytes',
      'entry',
      'held',
    ];
    const words = ['prune', '--before', '2026-01-01T10:30', '--format', 'json'];
    const rehearsal = await json([...words, '--dry-run']);
    expect(Object.keys(rehearsal)).toEqual(keys);
    expect(rehearsal).toEqual({
      dry_run: true,
      deleted: 1,
      by_age: 1,
      by_count: 0,
      remaining: 2,
      longest_lock_ms: 0,
      freed_bytes: 0,
      oldest_remaining: '2026-01-01T11:00:00.000Z',
      policies: [],
      archive: null,
      entry: null,
      held: 0,
    });
    const archive = inTestDirectory('gone.ndjson');
    const done = await json([...words, '--yes', '--archive', archive]);
    expect(Object.keys(done)).toEqual(keys);
    expect(Object.keys(done['archive'] as object)).toEqual(['path', 'count', 'sha256']);
    expect(done).toMatchObject({
      dry_run: false,
      deleted: 1,
      by_age: 1,
      by_count: 0,
      remaining: 2,
      policies: [],
      entry: 3,
      oldest_remaining: '2026-01-01T11:00:00.000Z',
      archive: {
        path: archive,
        count: 1,
        sha256: sha256(readFileSync(archive)),
      },
      longest_lock_ms: expect.any(Number),
      freed_bytes: expect.any(Number),
    });
    await ok(['retention', 'set', 'old', '--max-age', '30d']);
    expect(await json(['prune', '--yes', '--format', 'json'])).toMatchObject({
      policies: [{ name: 'old', deleted: 1 }],
    });
  });

  test('status --format json', async () => {
    await someEntries();
    await ok(['retention', 'set', 'old', '--max-age', '30d']);
    const before = await json(['status', '--format', 'json']);
    expect(Object.keys(before)).toEqual([
      'database',
      'schema_version',
      'entries',
      'oldest',
      'newest',
      'bytes',
      'unaccounted',
      'policies',
      'last_prune',
      'outdated_captures',
      'holds',
      'problems',
    ]);
    expect(before).toEqual({
      database: await trail(),
      schema_version: SCHEMA_VERSION,
      entries: 3,
      oldest: '2026-01-01T10:00:00.500Z',
      newest: NOW,
      bytes: {
        file: expect.any(Number),
        wal: expect.any(Number),
        free: expect.any(Number),
        disk_free: expect.any(Number),
      },
      unaccounted: { count: 0, since: null },
      policies: [{ name: 'old', due: 2 }],
      last_prune: null,
      outdated_captures: [],
      holds: [],
      problems: [{ code: 'overdue', message: expect.any(String) }],
    });
    expect(Object.keys(before['bytes'] as object)).toEqual(['file', 'wal', 'free', 'disk_free']);
    await ok(['prune', '--yes']);
    const after = await json(['status', '--format', 'json']);
    expect(after).toMatchObject({ last_prune: { at: NOW, deleted: 2, entry: 4 }, problems: [] });
    expect(Object.keys(after['last_prune'] as object)).toEqual(['at', 'deleted', 'entry']);
  });

  test('retention list --format json', async () => {
    await ok(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '2y', '--max-entries', '10']);
    const found = await json<{ policies: object[] }>(['retention', 'list', '--format', 'json']);
    expect(found).toEqual({
      policies: [
        { name: 'auth', max_age: '2y', max_entries: 10, filter: { category: ['auth'] }, entry: 1, problem: null },
      ],
    });
    const keys = ['name', 'max_age', 'max_entries', 'filter', 'entry', 'problem'];
    expect(Object.keys(found.policies[0] ?? {})).toEqual(keys);
  });

  test.each(['out.csv', 'out.json', 'out.ndjson', 'out.ndjson.gz'])('a manifest, of %s', async (name) => {
    await someEntries();
    const file = inTestDirectory(name);
    const manifest = inTestDirectory('manifest.json');
    await ok(['export', '-o', file, '--manifest', manifest, '--severity', 'warning', '--columns', 'id,message']);
    const facts = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
    expect(Object.keys(facts)).toEqual([
      'format',
      'columns',
      'count',
      'first_seq',
      'last_seq',
      'filter',
      'sha256',
      'bytes',
      'created_at',
      'complete',
      'tool',
      'holds',
    ]);
    const bytes = readFileSync(file);
    expect(facts).toEqual({
      format: name.split('.')[1],
      columns: ['id', 'message'],
      count: 1,
      first_seq: 1,
      last_seq: 1,
      filter: { severity: ['warning'] },
      sha256: sha256(bytes),
      bytes: bytes.length,
      created_at: NOW,
      complete: true,
      tool: expect.stringMatching(/^daybook \d+\.\d+\.\d+/),
      holds: [],
    });
  });

  test('a manifest of stdout, and of nothing', async () => {
    const manifest = inTestDirectory('manifest.json');
    const stdout = await ok(['export', '--manifest', manifest, '--format', 'json']);
    expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({
      count: 0,
      first_seq: null,
      last_seq: null,
      filter: {},
      bytes: stdout.length,
      sha256: sha256(Buffer.from(stdout)),
    });
  });

  test('no machine format holds a carriage return of ours', async () => {
    await someEntries();
    for (const format of ['json', 'ndjson', 'csv', 'line', 'table']) {
      expect(await ok(['history', '--format', format])).not.toContain('\r');
    }
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
