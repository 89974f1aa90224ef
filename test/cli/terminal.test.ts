import { writeFileSync } from 'node:fs';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, ok } from '../support/cli.js';
import { run, runOnTerminal, temporaryDirectory, withoutEscapes } from '../support/program.js';

const ESCAPE = '\u001b';
const terminal = { terminal: true };
const plain = ['--color', 'never'];

/** One of everything that a stranger may write to take over a screen, a line or a spreadsheet. */
const HOSTILE = [
  '=cmd()',
  '\u001b[2J',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u009d',
  '\u0090',
  '\b\b',
  '\r',
  '\u007f',
  '\u0001',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\u2028',
  '\u2029',
  '\u00ad',
  '\u061c',
  '\u{e0041}',
  '\ufe0f',
  '\t',
  '\ndaybook: forged',
  '\n#99 forged',
  'end',
].join('x');

const FORBIDDEN = new RegExp(
  String.raw`[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]`,
  'u',
);

/** What of a text must not reach a terminal, with what stands around it; nothing where all is well. */
function danger(text: string): string {
  const found = FORBIDDEN.exec(text);
  if (found !== null) {
    const around = text.slice(Math.max(0, found.index - 60), found.index + 20);
    return `U+${found[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(around)}`;
  }
  return /^(?:daybook: forged|#99 forged).*$/m.exec(text)?.[0] ?? '';
}

/** The widest line of a text. */
function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => stringWidth(line)));
}

const ENTRY = {
  id: 'e-1',
  action: 'update',
  severity: 'error',
  ts: '2026-03-01T10:00:00Z',
  actor: 'ann',
  scope: 'site:1',
  entity_type: 'machine',
  entity_id: '7',
  entity_name: 'North',
  message: 'first line\nsecond line',
  old_values: { level: 5 },
  new_values: { level: 6 },
  metadata: { ip: '10.0.0.7' },
};

function withoutFreeDisk(text: string): string {
  return text.replace(/"disk_free":\d+/, '"disk_free":0');
}

describe('a table on a terminal, lines elsewhere', () => {
  test('history', async () => {
    await given(ENTRY, { action: 'b', ts: '2026-03-02T11:12:13.5Z', severity: 'warning' });
    await ok(['revert', 'e-1', '--reason', 'r'], { now: '2026-03-03T00:00:00Z' });
    expect(await ok(['history'])).toBe(
      [
        '2026-03-03T00:00:00.000Z info    #3 alice revert machine:7 r',
        '2026-03-02T11:12:13.500Z warning #2 alice b -',
        '2026-03-01T10:00:00.000Z error   #1 ann update machine:7 [reverted] first line⏎second line\n',
      ].join('\n'),
    );
    const table = await ok(['history', ...plain], terminal);
    expect(table.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim())).toEqual([
      'seq time actor action entity message',
      'Tue 2026-03-03 UTC',
      '3 00:00:00 alice revert machine:7 r',
      'Mon 2026-03-02 UTC',
      '2 11:12:13.500 ! alice b -',
      'Sun 2026-03-01 UTC',
      '1 10:00:00 !! ann update machine:7 [reverted] first line⏎second line',
      '',
    ]);
    expect(await ok(['history'], terminal)).toContain(`${ESCAPE}[`);
    expect(withoutEscapes(await ok(['history'], terminal))).toBe(table);
  });

  test('values', async () => {
    await given({ action: 'b' }, { action: 'a' }, { action: 'b', scope: 'k:v' });
    expect(await ok(['values', 'action'])).toBe('2\tb\n1\ta\n');
    expect(await ok(['values', 'action', ...plain], terminal)).toBe('count  action\n    2  b\n    1  a\n');
    expect(await ok(['values', 'scope', ...plain], terminal)).toBe('count  scope\n    2  -\n    1  k:v\n');
  });

  test('retention list', async () => {
    await ok(['retention', 'set', 'auth', '--category', 'auth', '--max-age', '2y']);
    expect(await ok(['retention', 'list'])).toBe('auth\tat most 2y old\tcategory auth\n');
    expect(await ok(['retention', 'list', ...plain], terminal)).toMatch(
      /^name +keeps +of\nauth +at most 2y old +category auth\n$/,
    );
  });

  test('show, count and status say the same on both', async () => {
    await given(ENTRY);
    for (const words of [['show', '1'], ['show', '1', '--around', '1'], ['count'], ['status']]) {
      expect(await ok([...words, ...plain], terminal)).toBe(await ok(words));
    }
    expect(await ok(['show', '1'], terminal)).toContain(`${ESCAPE}[`);
  });

  test('machine formats are the same on both', async () => {
    await given(ENTRY);
    for (const words of [
      ['history', '--format', 'json'],
      ['history', '--format', 'ndjson'],
      ['history', '--format', 'csv'],
      ['export'],
      ['export', '--format', 'csv'],
      ['export', '--format', 'json'],
      ['show', '1', '--format', 'json'],
      ['values', 'action', '--format', 'json'],
      ['status', '--format', 'json'],
      ['count', '--format', 'json'],
    ]) {
      // What others write to the disk meanwhile is no matter.
      const [shown, piped] = [await ok(words, terminal), await ok(words)].map(withoutFreeDisk);
      expect(shown, words.join(' ')).toBe(piped);
    }
  });

  test('an empty result is said on a terminal only', async () => {
    expect(await cli(['history'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await cli(['history'], terminal)).toEqual({ code: 0, stdout: '', stderr: 'no entries\n' });
  });

  test('help fits the terminal', async () => {
    for (const columns of [80, 200]) {
      for (const words of [['--help'], ['history', '--help'], ['prune', '--help']]) {
        const options = (await ok(words, { terminal: true, columns })).split('\nExamples:')[0] ?? '';
        for (const line of options.split('\n').filter((text) => text.startsWith('  -'))) {
          expect(line.length).toBeLessThanOrEqual(columns);
        }
      }
    }
  });
});

describe('colour, pager, progress and prompts appear only on a terminal', () => {
  test('no command prints an escape into a pipe', async () => {
    await given({ ...ENTRY, ts: '2020-01-01T00:00:00Z' }, ENTRY_WITH_REVERT);
    for (const words of EVERY_COMMAND) {
      const { stdout, stderr } = await cli(
        words.map((word) => word.replace('{file}', inTestDirectory('file'))),
        {
          input: 'text',
        },
      );
      // values and retention list put tabs between their columns.
      expect(danger(stdout.replaceAll('\t', ' ')), `stdout of ${words.join(' ')}`).toBe('');
      expect(danger(stderr), `stderr of ${words.join(' ')}`).toBe('');
    }
  });

  test('a pipe is never asked; a terminal is', async () => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' }, { action: 'b' });
    const words = ['prune', '--older-than', '1y'];
    expect(await cli(words, { input: 'y\n' })).toMatchObject({ code: 7, stderr: expect.not.stringContaining('[y/N]') });
    for (const answer of ['n\n', '\n', 'no\n', 'yess\n', '']) {
      expect(await cli(words, { ...terminal, input: answer }), answer).toMatchObject({
        code: 7,
        stdout: '',
        stderr: expect.stringMatching(/Delete 1 entry\? \[y\/N\] [^]*daybook: not confirmed: nothing was deleted\n$/),
      });
    }
    expect(await ok(['count'])).toBe('2\n');
    for (const answer of ['y\n', 'YES\n']) {
      await given({ action: 'a', ts: '2020-01-01T00:00:00Z' });
      expect(await cli(words, { ...terminal, input: answer }), answer).toMatchObject({ code: 0 });
    }
    expect(await cli(['clear'], { ...terminal, input: 'y\n' })).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Delete \d+ entries\? \[y\/N\]/),
    });
    // With --yes nobody is asked, there either.
    expect(await cli(['clear', '--yes'], terminal)).toMatchObject({ stderr: expect.not.stringContaining('[y/N]') });
  });

  test('on a real terminal: asked, answered, and ended by Ctrl-C', async () => {
    const cwd = temporaryDirectory();
    await run(['init'], { cwd });
    await run(['record', '--action', 'a', '--ts', '2020-01-01T00:00'], { cwd });
    const asked = { when: /\[y\/N\] /, type: 'n\n' };
    const words = ['prune', '--older-than', '1y'];
    expect(await runOnTerminal(words, { cwd, answers: [asked] })).toMatchObject({
      code: 7,
      output: expect.stringContaining('not confirmed'),
    });
    expect((await runOnTerminal(words, { cwd, answers: [{ ...asked, type: '\u0003' }] })).code).toBe(130);
    expect((await run(['count'], { cwd })).stdout).toBe('1\n');
    expect((await runOnTerminal(words, { cwd, answers: [{ ...asked, type: 'y\n' }] })).code).toBe(0);
    expect((await run(['count', '--action', 'a'], { cwd })).stdout).toBe('0\n');
  });

  test('the plan is said before the question', async () => {
    await given({ action: 'a', ts: '2020-01-01T00:00:00Z' });
    const { stderr } = await cli(['prune', '--older-than', '1y'], { ...terminal, input: 'y\n' });
    expect(stderr).toMatch(/^will delete 1 entry[^]*Delete 1 entry\?/);
  });

  test('long output goes through the pager on a terminal, and not elsewhere nor with --no-pager', async () => {
    const cwd = temporaryDirectory();
    await run(['init'], { cwd });
    const { runWithStdin } = await import('../support/program.js');
    const lines = Array.from({ length: 60 }, (_, n) => JSON.stringify({ action: 'a', message: `m${n}` })).join('\n');
    await runWithStdin(['record', '--stdin'], lines, { cwd });
    const env = { DAYBOOK_PAGER: 'sed s/^/paged:/' };
    const words = ['history', '--color', 'never'];
    expect((await runOnTerminal(words, { cwd, env })).output).toMatch(/paged:/);
    expect((await runOnTerminal([...words, '--no-pager'], { cwd, env })).output).not.toMatch(/paged:/);
    expect((await runOnTerminal([...words, '-n', '3'], { cwd, env })).output).not.toMatch(/paged:/);
    expect((await runOnTerminal(words, { cwd, env: { DAYBOOK_PAGER: '' } })).output).not.toMatch(/paged:/);
    expect((await run(words, { cwd, env })).stdout).not.toMatch(/paged:/);
    const missing = await runOnTerminal(words, { cwd, env: { DAYBOOK_PAGER: 'no-such-pager' } });
    expect(missing).toMatchObject({ code: 0, output: expect.stringContaining('m59') });
  });

  test('a pager that is closed early is a quiet end', async () => {
    const cwd = temporaryDirectory();
    await run(['init'], { cwd });
    const { runWithStdin } = await import('../support/program.js');
    const lines = Array.from({ length: 2000 }, (_, n) =>
      JSON.stringify({ action: 'a', message: `m${n} ${'x'.repeat(90)}` }),
    );
    await runWithStdin(['record', '--stdin'], lines.join('\n'), { cwd });
    const { code, output } = await runOnTerminal(['history', '-n', '2000'], {
      cwd,
      env: { DAYBOOK_PAGER: 'head -n 2' },
    });
    expect(code).toBe(0);
    expect(output).not.toMatch(/daybook:|Error/);
  });
});

const ENTRY_WITH_REVERT = { id: 'e-2', action: 'b', reverts: 'e-1', severity: 'warning' };

/** One line for every command, with something to say. */
const EVERY_COMMAND = [
  ['init'],
  ['note', 'a:1', 'text'],
  ['note', 'a:1'],
  ['record', '--action', 'a', '--format', 'json'],
  ['record', '--stdin', '--ack', '--format', 'json', '--rejects', '{file}.rejects'],
  ['history'],
  ['history', '--format', 'table'],
  ['show', '1', '--around', '2'],
  ['count'],
  ['values', 'action'],
  ['export', '--columns', 'seq,action'],
  ['export', '-o', '{file}.csv'],
  ['revert', '2', '--reason', 'r'],
  ['retention', 'set', 'p', '--max-age', '1y'],
  ['retention', 'list'],
  ['status'],
  ['backup', '{file}.db'],
  ['prune', '--dry-run'],
  ['prune', '--older-than', '1y', '--archive', '{file}.ndjson'],
  ['prune', '--older-than', '1y', '--archive', '{file}.ndjson', '--yes'],
  ['retention', 'remove', 'p'],
  ['clear', '--yes'],
  ['completion', 'bash', '--help'],
  ['--help'],
  ['nonsense'],
];

describe('40, 80 and 200 columns', () => {
  const SAMPLES = [
    ENTRY,
    {
      action: 'grossänderung',
      actor: '海外出張中の担当者さん',
      entity_type: 'guild',
      entity_id: '123456789012345678901234567890',
      message: '👩‍👩‍👧 家族 🇩🇪 e\u0301 ﷽ नमस्ते',
    },
    {
      action: 'a'.repeat(90),
      actor: 'b'.repeat(90),
      entity_type: 'c',
      entity_id: 'd'.repeat(300),
      message: 'e '.repeat(2000),
    },
    { action: 'h', message: HOSTILE, actor: HOSTILE, entity_type: 't', entity_id: HOSTILE },
  ];

  test.each([40, 80, 119, 120, 200])('tables fit %i columns', async (columns) => {
    await given(...SAMPLES);
    const options = { terminal: true, columns };
    expect(widest(await ok(['history', ...plain], options))).toBeLessThanOrEqual(columns);
    expect(
      widest(await ok(['history', ...plain, '--tz', 'America/Argentina/Buenos_Aires'], options)),
    ).toBeLessThanOrEqual(columns);
    expect(widest(await ok(['values', 'actor', ...plain], options))).toBeLessThanOrEqual(columns);
    expect(widest(await ok(['values', 'message', ...plain], options))).toBeLessThanOrEqual(columns);
    await ok([
      'retention',
      'set',
      'p'.repeat(50),
      '--not',
      `message=x`.replace('message', 'search'),
      '--max-age',
      '1y',
    ]);
    expect(widest(await ok(['retention', 'list', ...plain], options))).toBeLessThanOrEqual(columns);
  });

  test.each([40, 80, 200])('show fits %i columns', async (columns) => {
    await given(...SAMPLES);
    for (const seq of ['1', '2', '3', '4']) {
      expect(widest(await ok(['show', seq, ...plain], { terminal: true, columns }))).toBeLessThanOrEqual(columns);
    }
  });

  test('--columns shows just these fields', async () => {
    await given(ENTRY);
    const table = await ok(['history', '--columns', 'seq,ts,message', ...plain], { terminal: true, columns: 80 });
    expect(table.split('\n')[0]?.split(/ +/)).toEqual(['seq', 'ts', 'message']);
    expect(table).toContain('2026-03-01T10:00:00.000Z');
  });
});

describe('what enters is hostile: it reaches a terminal only with what it hides made visible', () => {
  async function hostileTrail(): Promise<void> {
    await given(
      {
        id: `h-${HOSTILE}`,
        action: HOSTILE,
        category: HOSTILE,
        actor: HOSTILE,
        actor_type: HOSTILE,
        actor_name: HOSTILE,
        recorded_by: HOSTILE,
        scope: `k:${HOSTILE}`,
        entity_type: HOSTILE.replaceAll(':', ''),
        entity_id: HOSTILE,
        entity_name: HOSTILE,
        message: HOSTILE,
        metadata: { [HOSTILE]: [HOSTILE, { a: HOSTILE }] },
        old_values: {
          [HOSTILE]: HOSTILE,
          b: 1,
        },
        new_values: { [HOSTILE]: `${HOSTILE}2` },
        source: HOSTILE,
        changed_fields: [HOSTILE],
        correlation_id: HOSTILE,
        ts: '2020-01-01T00:00:00Z',
        severity: 'error',
      },
      { action: 'later', ts: '2026-03-01T00:00:00Z' },
    );
    await ok(['export', '--checkpoint', HOSTILE, '-o', inTestDirectory('checkpoint.ndjson')]);
    await given({ action: HOSTILE, ts: '2020-01-02T00:00:00Z' });
    await ok(['retention', 'set', HOSTILE, '--max-age', '1y', '--search', HOSTILE, '--actor', HOSTILE]);
    writeFileSync(inTestDirectory('notes.ndjson'), `${JSON.stringify({ id: HOSTILE, text: HOSTILE })}\n`);
  }

  /** Stands for a file in which a note is hostile. */
  const NOTES = 'NOTES';
  const OF_NOTES = ['--key', 'id', '--column', 'text', '--entity-type', 'machine', '--pattern', 'memo'];
  const PLACES = [
    ['history'],
    ['history', '--format', 'line'],
    ['history', '--format', 'table', '--columns', 'id,action,message,metadata,changed_fields,source'],
    ['history', '--format', 'json'],
    ['history', '--format', 'ndjson'],
    ['history', '--format', 'csv'],
    ['history', '--explain', '--actor', HOSTILE, '--search', HOSTILE],
    ['show', '1', '--around', '2'],
    ['show', '1', '--format', 'json'],
    ['show', '2', '--around', '2', '--format', 'json'],
    ['values', 'actor'],
    ['values', 'message', '--format', 'json'],
    ['values', 'metadata'],
    ['export'],
    ['export', '--format', 'json'],
    ['export', '--format', 'csv', '--exact'],
    ['report', 'actors'],
    ['report', 'actors', '--by', 'action', '--format', 'json'],
    ['report', 'fields', '--format', 'csv'],
    ['report', 'bursts', '--more-than', '1'],
    ['report', 'unattributed'],
    ['report', 'case', `${HOSTILE.replaceAll(':', '')}:${HOSTILE}`],
    ['report', 'case', `${HOSTILE.replaceAll(':', '')}:${HOSTILE}`, '--format', 'json'],
    ['changes', '--field', HOSTILE],
    ['changes', '--field', HOSTILE, '--format', 'ndjson'],
    ['state', `t:${HOSTILE}`],
    ['actors', 'set', HOSTILE, '--name', HOSTILE],
    ['actors', 'list'],
    ['actors', 'list', '--format', 'json'],
    ['import', 'notes', NOTES, ...OF_NOTES, '--dry-run'],
    ['import', 'notes', NOTES, ...OF_NOTES, '--dry-run', '--format', 'json'],
    ['import', 'notes', NOTES, ...OF_NOTES, '--verify'],
    ['import', HOSTILE, NOTES],
    ['mirror', 'add', `${HOSTILE}.${HOSTILE}`, '--entity-type', 'a', '--key', 'id'],
    ['capture', 'add', HOSTILE],
    ['exec', HOSTILE],
    ['retention', 'list'],
    ['retention', 'list', '--format', 'json'],
    ['retention', 'set', HOSTILE, '--max-age', '2y'],
    ['status'],
    ['status', '--format', 'json'],
    ['status', '--check'],
    ['prune', '--dry-run', '--before', 'now'],
    ['prune', '--dry-run', '--format', 'json'],
    ['record', '--action', HOSTILE, '--format', 'json'],
    ['note', `a:${HOSTILE}`, HOSTILE, '--format', 'json'],
    ['revert', '1', '--reason', HOSTILE, '--format', 'json'],
    // Errors.
    ['show', HOSTILE],
    ['revert', HOSTILE, '--reason', 'r'],
    ['record', '--action', 'a', '--entity', HOSTILE],
    ['record', '--action', 'a', '--severity', HOSTILE],
    ['record', '--action', 'a', '--metadata', HOSTILE],
    ['record', '--action', 'a', '--metadata', `@${HOSTILE}`],
    ['record', '--action', 'a', '--meta', HOSTILE],
    ['record', '--action', 'a', '--ts', HOSTILE],
    ['record', '--action', 'a', '--id', `h-${HOSTILE}`],
    ['count', '--since', HOSTILE],
    ['count', '--not', HOSTILE],
    ['count', '--tz', HOSTILE],
    ['count', '--busy-timeout', HOSTILE],
    ['count', '--color', HOSTILE],
    ['values', HOSTILE],
    ['history', '--columns', HOSTILE, '--format', 'csv'],
    ['history', `--${HOSTILE}`],
    [HOSTILE],
    ['retention', 'remove', `${HOSTILE}2`],
    ['export', '-o', HOSTILE],
    ['export', '-o', `/nowhere/${HOSTILE}.csv`],
    ['export', '--checkpoint', HOSTILE, '--action', 'x'],
    ['backup', `/nowhere/${HOSTILE}`],
    ['count', '--db', `/nowhere/${HOSTILE}`],
    ['init', '--db', `/nowhere/${HOSTILE}`],
    ['prune', '--before', 'now', '--yes', '--archive', `/nowhere/${HOSTILE}`],
    // What empties the trail comes last.
    ['prune', '--before', '2026-02', '--yes', '--reason', HOSTILE],
    ['history', '-n', '1'],
    ['status'],
    ['export', '--checkpoint', HOSTILE],
    ['retention', 'remove', HOSTILE],
    ['clear', '--yes', '--reason', HOSTILE],
    ['history'],
  ];

  function withFile(word: string): string {
    return word === NOTES ? inTestDirectory('notes.ndjson') : word;
  }

  test.each([40, 80, 200])('in every place that prints, at %i columns', async (columns) => {
    await hostileTrail();
    for (const words of PLACES) {
      const { stdout, stderr } = await cli(words.map(withFile), { terminal: true, columns, env: { NO_COLOR: '1' } });
      const what = words.map((word) => word.replace(HOSTILE, 'HOSTILE')).join(' ');
      // In CSV a line feed inside quotes is a part of the value.
      expect(danger(words.includes('csv') ? stdout.replaceAll('\n', ' ') : stdout), `stdout of ${what}`).toBe('');
      expect(danger(stderr), `stderr of ${what}`).toBe('');
      expect(stderr, what).not.toContain('unexpected');
    }
  });

  test('what is for people is as safe off a terminal: it ends up on one', async () => {
    await hostileTrail();
    for (const words of PLACES) {
      if (words.includes('export') || words.includes('json') || words.includes('ndjson') || words.includes('csv'))
        continue;
      const { stdout, stderr } = await cli(words.map(withFile));
      // values and retention list put tabs between their columns.
      expect(danger(stdout.replaceAll('\t', ' ')), `stdout of ${words.join(' ')}`).toBe('');
      expect(danger(stderr), `stderr of ${words.join(' ')}`).toBe('');
    }
  });

  test('made visible, not dropped', async () => {
    await given({ action: 'a', message: 'a\u001b[31mb\u202ec\u200bd\re' });
    const seen = String.raw`a\x1b[31mb\u202ec\u200bd\re`;
    expect(await ok(['history'])).toContain(seen);
    expect(await ok(['history', ...plain], terminal)).toContain(seen);
    expect(await ok(['show', '1'])).toContain(seen);
    expect(await ok(['values', 'message'])).toContain(seen);
  });

  test('JSON on a terminal is the same JSON; off a terminal it is byte for byte', async () => {
    await hostileTrail();
    for (const words of [
      ['history', '--format', 'json'],
      ['show', '1', '--format', 'json'],
      ['values', 'message', '--format', 'json'],
      ['retention', 'list', '--format', 'json'],
      ['status', '--format', 'json'],
      ['export', '--format', 'json'],
    ]) {
      const [shown = '', piped = ''] = [await ok(words, terminal), await ok(words)].map(withoutFreeDisk);
      expect(JSON.parse(shown), words.join(' ')).toEqual(JSON.parse(piped));
    }
    expect(await ok(['history', '--format', 'json'])).toContain('\u202e');
  });

  test('lines of record --stdin: what is wrong with them is told safely', async () => {
    const line = (value: object): string => `${JSON.stringify(value)}\n`;
    for (const input of [
      line({ action: 'a', [HOSTILE]: 1 }),
      line({ action: 'a', severity: HOSTILE }),
      line({ action: 'a', ts: HOSTILE }),
      `${HOSTILE}\n`,
      `{"action": ${HOSTILE}\n`,
    ]) {
      const { code, stderr } = await cli(['record', '--stdin'], { input, terminal: true });
      expect(code).toBe(6);
      expect(danger(stderr), input).toBe('');
      const rejects = inTestDirectory(`rejects-${Math.abs(hashOf(input))}`);
      const taken = await cli(['record', '--stdin', '--rejects', rejects], { input, terminal: true });
      expect(taken.code).toBe(0);
      expect(danger(taken.stderr), input).toBe('');
    }
  });

  test('a megabyte of metadata and of message', async () => {
    await given({
      action: 'a',
      message: `${HOSTILE}${'x'.repeat(1_000_000)}`,
      metadata: { long: 'y'.repeat(1_000_000), [HOSTILE]: HOSTILE },
    });
    for (const columns of [40, 80, 200]) {
      const table = await ok(['history', ...plain], { terminal: true, columns });
      expect(widest(table)).toBeLessThanOrEqual(columns);
      expect(table.length).toBeLessThan(5000);
      expect(danger(table), 'table').toBe('');
    }
    const wide = await ok(['history', '--columns', 'metadata,message', ...plain], { terminal: true, columns: 80 });
    expect(widest(wide)).toBeLessThanOrEqual(80);
    expect(danger(await ok(['show', '1', ...plain], terminal)), 'show').toBe('');
    expect(danger(await ok(['history'])), 'line').toBe('');
    expect(danger(await ok(['export'], terminal)), 'export').toBe('');
    expect(widest(await ok(['values', 'metadata', ...plain], { terminal: true, columns: 80 }))).toBeLessThanOrEqual(80);
    const { stderr } = await cli(['record', '--action', 'a', '--severity', 'z'.repeat(100_000)]);
    expect(stderr.length).toBeLessThan(500);
  });
});

function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) | 0;
  return hash;
}
