import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, ok } from '../support/cli.js';

const DAYS = ['2026-01-05', '2026-01-02', '2026-02-01', '2026-01-20', '2026-02-15', '2026-02-02'];

/** A trail whose entries were not recorded in the order of their times, with reverts, documents and names. */
async function trail(): Promise<void> {
  const entries = DAYS.flatMap((day, index) =>
    ['create', 'update', 'delete'].map((action, hour) => ({
      action,
      ts: `${day}T0${hour}:00:00Z`,
      actor: `u${index % 3}`,
      entity_type: 'guild',
      entity_id: String(index),
      category: index % 2 === 0 ? 'entity' : 'auth',
      message: `message ${index}\n"${hour}"`,
      old_values: { n: index, big: 'x' },
      new_values: { n: index + 1, big: 'x' },
      metadata: { index },
    })),
  );
  await given(...entries);
  await ok(['actors', 'set', 'u1', '--name', 'Ana']);
  for (const seq of ['2', '9', '18']) await ok(['revert', seq, '--reason', 'wrong']);
}

/** Questions whose answers a prune changes; what daybook records of itself is left out. */
const QUESTIONS = [
  ['history', '--format', 'json'],
  ['history', '--format', 'csv', '--actor', 'u1'],
  ['history', '--oldest-first', '--format', 'ndjson', '--in', '2026-01'],
  ['history', '--reverted'],
  ['history', '--changed', 'n', '--search', 'MESSAGE 3'],
  ['history', '--format', 'cef', '-n', '4'],
  ['count'],
  ['count', '--not-reverted', '--category', 'auth'],
  ['values', 'action'],
  ['values', 'actor', '--format', 'json'],
  ['report', 'actors', '--format', 'json'],
  ['report', 'entities', '--by', 'action', '--format', 'csv'],
  ['report', 'timeline', '--format', 'csv', '--in', '2026-Q1'],
  ['report', 'bursts', '--window', '1d', '--more-than', '0', '--format', 'json'],
  ['report', 'unattributed', '--format', 'json'],
  ['export', '--format', 'ndjson'],
  ['export', '--format', 'csv', '--entity', 'guild:1'],
].map((words) => words.concat('--not', 'category=system'));

const answers = async (...more: readonly string[]): Promise<readonly string[]> => {
  const all: string[] = [];
  for (const words of QUESTIONS)
    all.push((await ok([...words, ...more])).replace(/"next_cursor": "[^"]*"/, '"next_cursor"'));
  return all;
};

const prune = (before: string): Promise<string> =>
  ok(['prune', '--before', before, '--yes', '--archive-dir', inTestDirectory('archive'), '--not', 'category=system']);

describe('--archives: what was pruned is asked together with what is there', () => {
  test('every answer is what it was before the prunes', async () => {
    await trail();
    mkdirSync(inTestDirectory('archive'));
    const before = await answers();
    await prune('2026-01-10');
    await prune('2026-02-02');
    expect(await answers()).not.toEqual(before);
    expect(await answers('--archives', inTestDirectory('archive'))).toEqual(before);
  });

  test('a case is what it was, and its command computes its checksum again', async () => {
    await trail();
    mkdirSync(inTestDirectory('archive'));
    type Case = Record<'sha256' | 'command', string> & { pruned: number; rows: unknown[] };
    const caseOf = async (...more: string[]): Promise<Case> =>
      JSON.parse(await ok(['report', 'case', 'guild:1', '--format', 'json', ...more])) as Case;
    const before = await caseOf();
    await prune('2026-01-20');
    expect((await cli(['report', 'case', 'guild:1'])).code).toBe(4);
    const found = await caseOf('--archives', inTestDirectory('archive'));
    const {
      mark: _mark,
      up_to: _upTo,
      command: _command,
      ...facts
    } = before as Case & Record<'mark' | 'up_to', unknown>;
    expect(found).toMatchObject(facts);
    await ok(['note', 'guild:1', 'later']);
    const [, words = ''] = /^daybook (.*) \| sha256sum$/.exec(found.command.replace('--db audit.db ', '')) ?? [];
    expect(words).toContain(' --archives archive ');
    const entries = await ok(words.replace(' archive ', ` ${inTestDirectory('archive')} `).split(' '));
    expect(createHash('sha256').update(entries).digest('hex')).toBe(before.sha256);
    expect(await ok(['report', 'case', 'guild:1', '--archives', inTestDirectory('archive')])).not.toContain(
      'pruned or erased',
    );
    // What no archive has is told.
    await ok(['prune', '--before', '2026-02-10', '--yes', '--entity', 'guild:2']);
    const { pruned } = await caseOf('--archives', inTestDirectory('archive'));
    expect(pruned).toBeGreaterThan(0);
    expect(pruned).toBeLessThan((await caseOf()).pruned);
  });

  test('each entry is there once, however often archives hold it, and beside the trail that still has it', async () => {
    await trail();
    const before = await answers();
    const [plain, packed] = [inTestDirectory('all.ndjson'), inTestDirectory('more.jsonl.gz')];
    await ok(['export', '-o', plain]);
    writeFileSync(packed, gzipSync(readFileSync(plain)));
    expect(await answers('--archives', plain, '--archives', packed)).toEqual(before);
  });

  test('pages of it are pages of one list', async () => {
    await trail();
    mkdirSync(inTestDirectory('archive'));
    const words = ['history', '--format', 'json', '--columns', 'seq', '--not', 'category=system'];
    const whole = JSON.parse(await ok(words)) as { entries: object[] };
    await prune('2026-02-02');
    const asked = [...words, '--archives', inTestDirectory('archive'), '-n', '5'];
    const found: object[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = JSON.parse(await ok(cursor === '' ? asked : [...asked, '--cursor', cursor])) as {
        entries: object[];
        next_cursor: string | null;
      };
      found.push(...page.entries);
      cursor = page.next_cursor;
      // What is recorded meanwhile does not slip in.
      await ok(['note', 'guild:1', 'later']);
    }
    expect(found).toEqual(whole.entries);
    const first = JSON.parse(await ok(asked)) as { next_cursor: string };
    expect(await cli([...words, '--cursor', first.next_cursor])).toMatchObject({ code: 2 });
  });

  test('the trail itself is not written to', async () => {
    await trail();
    await ok(['export', '-o', inTestDirectory('all.ndjson')]);
    const before = readFileSync(inTestDirectory('audit.db'));
    await ok(['count', '--archives', inTestDirectory('all.ndjson')]);
    expect(readFileSync(inTestDirectory('audit.db')).equals(before)).toBe(true);
  });
});

describe('--archives refuses', () => {
  const archive = (): string => inTestDirectory('all.ndjson');

  async function archived(change: (text: string) => string): Promise<void> {
    await trail();
    writeFileSync(archive(), change(await ok(['export'])));
  }

  test.each([
    [
      'an entry that was changed',
      (text: string) => text.replace('"actor":"u0"', '"actor":"mallory"'),
      /entry \d+ \(.*\) is another one/,
    ],
    [
      'an entry of another trail',
      (text: string) => text.replace(/"id":"[^"]*"/, '"id":"other"'),
      /entry \d+ \(other\) is not of this trail, which has \d+ \(/,
    ],
    [
      'an entry without a field',
      (text: string) => text.replace('"recorded_by":null,', ''),
      /line 19: .* has no recorded_by/,
    ],
    [
      'a seq that is none',
      (text: string) => text.replace(/"seq":1,/, '"seq":null,'),
      /line \d+: seq null is not a whole number/,
    ],
    [
      'a time that is none',
      (text: string) =>
        text.replace(/"id":"[^"]*","ts":"[^"]*"/, '"id":"n","ts":"yesterday"').replace('"seq":1,', '"seq":900,'),
      /entry \d+ \(n\) is none that a trail takes/,
    ],
    ['what is no JSON', (text: string) => `{"seq":\n${text}`, /all\.ndjson: line 1: this is not a JSON object/],
    [
      'a text where none is',
      (text: string) => text.replace('"actor":"u0"', '"actor":7'),
      /line \d+: actor 7 is not a text/,
    ],
  ])('%s, with 6', async (_, change, says) => {
    await archived(change);
    expect(await cli(['count', '--archives', archive()])).toMatchObject({
      code: 6,
      stdout: '',
      stderr: expect.stringMatching(says),
    });
  });

  test('a file that is cut off, or not compressed', async () => {
    await archived((text) => text);
    const packed = gzipSync(readFileSync(archive()));
    for (const bytes of [packed.subarray(0, -20), Buffer.from('plain')]) {
      writeFileSync(inTestDirectory('x.ndjson.gz'), bytes);
      expect(await cli(['count', '--archives', inTestDirectory('x.ndjson.gz')])).toMatchObject({
        code: 6,
        stdout: '',
        stderr: expect.stringContaining('x.ndjson.gz is damaged, or not compressed by gzip'),
      });
    }
    expect(gunzipSync(packed).length).toBeGreaterThan(0);
  });

  test('what is not there, and a folder without archives, with 4', async () => {
    await trail();
    mkdirSync(inTestDirectory('empty'));
    writeFileSync(inTestDirectory('empty/x.manifest.json'), '{}');
    for (const [name, says] of [
      ['nowhere', 'there is no'],
      ['empty', 'holds no archive'],
    ] as const) {
      expect(await cli(['count', '--archives', inTestDirectory(name)])).toMatchObject({
        code: 4,
        stdout: '',
        stderr: expect.stringContaining(says),
      });
    }
  });

  test.each([
    ['history', '--follow'],
    ['history', 'guild:1', '--states'],
    ['export', '--checkpoint', 'siem'],
  ])('%s %s: with what archives have no part in', async (...words) => {
    await archived((text) => text);
    expect(await cli([...words, '--archives', archive()])).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('--archives with --verify', () => {
  const key = (): string => inTestDirectory('audit.seal');
  const archive = (): string => inTestDirectory('old.ndjson');
  const count = (): ReturnType<typeof cli> => cli(['count', '--archives', archive(), '--verify']);

  async function sealedArchive(): Promise<void> {
    await given(
      ...Array.from({ length: 300 }, (_, n) => ({ action: 'a', ts: '2026-01-01T00:00:00Z', message: `number ${n}` })),
    );
    await ok(['seal', 'init', '--force', '--seal-key', key()]);
    await ok(['seal', '--seal-key', key()]);
    await ok(['prune', '--action', 'a', '--before', 'now', '--yes', '--archive', archive(), '--seal-key', key()]);
  }

  test('asks archives that are what was sealed, and no others', async () => {
    await sealedArchive();
    expect(await count()).toMatchObject({ code: 0, stdout: '302\n' });
    const before = readFileSync(archive(), 'utf8');
    writeFileSync(archive(), before.replace('"number 7"', '"number 8"'));
    expect(await ok(['count', '--archives', archive()])).toBe('302\n');
    expect(await count()).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/old\.ndjson is not what was sealed: altered-between \(\d\)\n$/) as string,
    });
    writeFileSync(archive(), before.replace(/^.*"number 7".*\n/m, ''));
    expect(await count()).toMatchObject({ code: 3, stderr: expect.stringContaining('incomplete (1)') as string });
    writeFileSync(archive(), before);
    expect((await count()).code).toBe(0);
    rmSync(`${archive()}.proof`);
    expect(await count()).toMatchObject({ code: 6, stderr: expect.stringContaining('old.ndjson.proof') as string });
  });

  test('asks none that another key has signed', async () => {
    await sealedArchive();
    const other = inTestDirectory('other.db');
    await ok(['init'], { db: other });
    await ok(['seal', 'init', '--force', '--seal-key', inTestDirectory('other.seal')], { db: other });
    expect(await cli(['count', '--archives', archive(), '--verify'], { db: other })).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('bad-signature (1)') as string,
    });
  });

  test('needs a trail that is sealed, and archives', async () => {
    await given({ action: 'a' });
    await ok(['export', '-o', archive()]);
    expect(await count()).toMatchObject({ code: 7 });
    expect(await cli(['count', '--verify'])).toMatchObject({ code: 2 });
  });
});
