import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, given, inTestDirectory, json, ndjson, ok } from '../support/cli.js';

async function three(): Promise<void> {
  await given(
    { action: 'a', ts: '2026-01-02T00:00:00Z' },
    { action: 'b', ts: '2026-01-01T00:00:00Z' },
    { action: 'a', ts: '2026-01-03T00:00:00Z' },
  );
}

describe('export', () => {
  test('oldest first; the same entries as history with the same filter', async () => {
    await three();
    expect(await ndjson(['export', '--columns', 'seq'])).toEqual([{ seq: 2 }, { seq: 1 }, { seq: 3 }]);
    expect(await ok(['export', '--action', 'a', '--columns', 'id'])).toBe(
      await ok(['history', '--oldest-first', '--action', 'a', '--columns', 'id', '--format', 'ndjson']),
    );
  });

  test('compressed bytes are not for a terminal', async () => {
    await three();
    expect(await cli(['export', '--gzip'], { terminal: true })).toMatchObject({
      code: 7,
      stdout: '',
      stderr: expect.stringMatching(/try: daybook export --gzip -o entries\.gz\n$/),
    });
  });

  test.each(['--no-header', '--exact', '--bom'])('%s is about CSV', async (option) => {
    await three();
    expect(await cli(['export', option])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['export', option, '--format', 'csv'])).toMatchObject({ code: 0 });
  });

  test('the forms of collectors take no columns, and --octet-framing is about syslog', async () => {
    await three();
    for (const format of ['ocsf', 'cef', 'leef', 'rfc5424', 'gelf', 'ecs', 'otlp-json']) {
      for (const command of ['export', 'history']) {
        expect(await cli([command, '--format', format, '--columns', 'seq'])).toMatchObject({ code: 2, stdout: '' });
      }
      expect(await ok(['export', '--format', format])).toBe(
        await ok(['history', '--oldest-first', '--format', format]),
      );
    }
    expect(await cli(['export', '--format', 'cef', '--octet-framing'])).toMatchObject({ code: 2, stdout: '' });
    expect(await ok(['export', '--format', 'rfc5424', '--octet-framing'])).toMatch(/^\d+ <110>1 /);
  });

  test('Parquet is for files: with a manifest, not on a terminal, and not in history', async () => {
    await three();
    const [file, manifest] = [inTestDirectory('x.parquet'), inTestDirectory('m.json')];
    await ok(['export', '--format', 'parquet', '--columns', 'seq,ts', '-o', file, '--manifest', manifest]);
    expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({
      format: 'parquet',
      columns: ['seq', 'ts'],
      count: 3,
    });
    expect(readFileSync(file).subarray(-4).toString()).toBe('PAR1');
    expect(await cli(['export', '--format', 'parquet'], { terminal: true })).toMatchObject({ code: 7, stdout: '' });
    expect(await cli(['history', '--format', 'parquet'])).toMatchObject({ code: 2, stdout: '' });
  });

  test('--bom puts the mark of UTF-8 in front, also without a header', async () => {
    await three();
    expect(await ok(['export', '--format', 'csv', '--bom', '--columns', 'seq'])).toBe('\ufeffseq\n2\n1\n3\n');
    expect(await ok(['export', '--format', 'csv', '--bom', '--no-header', '--columns', 'seq'])).toBe('\ufeff2\n1\n3\n');
  });

  test('a manifest tells the times of its filter as times', async () => {
    await three();
    const manifest = inTestDirectory('m.json');
    await ok(['export', '--in', '2026-01-02', '--manifest', manifest]);
    expect(JSON.parse(readFileSync(manifest, 'utf8')).filter).toEqual({
      since: '2026-01-02T00:00:00.000Z',
      until: '2026-01-02T23:59:59.999Z',
    });
  });

  test.each([
    ['x.csv', /^seq,id,/],
    ['x.json', /^\[\n\{"seq":2,/],
    ['x.ndjson', /^\{"seq":2,/],
    ['x.jsonl', /^\{"seq":2,/],
    ['x.csv.gz', /^seq,id,/],
    ['x.ndjson.gz', /^\{"seq":2,/],
    ['x.cef', /^CEF:0\|/],
    ['x.leef.gz', /^LEEF:2\.0\|/],
    ['x.rfc5424', /^<110>1 /],
    ['x.ocsf', /^\{"activity_id":/],
    ['x.ecs', /^\{"@timestamp":/],
    ['x.gelf', /^\{"version":"1\.1",/],
    ['x.otlp', /^\{"resourceLogs":/],
    ['x.parquet', /^PAR1/],
  ])('the format and the compression come from the name of the file: %s', async (name, begins) => {
    await three();
    const file = inTestDirectory(name);
    expect(await cli(['export', '-o', file])).toEqual({
      code: 0,
      stdout: '',
      stderr: `exported 3 entries to ${file}\n`,
    });
    const bytes = readFileSync(file);
    expect((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()).toMatch(begins);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('--format beats the name; --gzip compresses stdout and any name', async () => {
    await three();
    const file = inTestDirectory('x.csv');
    await ok(['export', '-o', file, '--format', 'ndjson', '--gzip']);
    expect(fromLines(gunzipSync(readFileSync(file)).toString())).toHaveLength(3);
    await ok(['export', '-o', inTestDirectory('any'), '--format', 'csv']);
    expect(readFileSync(inTestDirectory('any'), 'utf8')).toMatch(/^seq,/);
    expect(await ok(['export', '-o', '-'])).toBe(await ok(['export']));
  });

  test('files appear whole or not at all, never over an existing one without --force', async () => {
    await three();
    const file = inTestDirectory('x.ndjson');
    writeFileSync(file, 'precious');
    expect(await cli(['export', '-o', file])).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/^daybook: .*x\.ndjson exists already \(--force replaces it\)\n$/),
    });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    await ok(['export', '-o', file, '--force']);
    expect(fromLines(readFileSync(file, 'utf8'))).toHaveLength(3);
    expect(await cli(['export', '-o', inTestDirectory('y.csv'), '--manifest', file])).toMatchObject({ code: 7 });
    expect(existsSync(inTestDirectory('y.csv'))).toBe(false);
    expect(await cli(['export', '-o', inTestDirectory('z.ndjson')], { interrupt: true })).toMatchObject({ code: 130 });
    expect(readdirSync(inTestDirectory('.')).filter((name) => !name.startsWith('audit.db'))).toEqual(['x.ndjson']);
  });

  test('a link to nowhere, and a folder, are not overwritten', async () => {
    await three();
    symlinkSync(inTestDirectory('target'), inTestDirectory('link.csv'));
    expect((await cli(['export', '-o', inTestDirectory('link.csv')])).code).not.toBe(0);
    expect(await cli(['export', '--format', 'csv', '-o', inTestDirectory('.')])).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('is a directory'),
    });
  });

  test('a folder that may not be written is a failure with its name', async () => {
    await three();
    if (process.getuid?.() === 0) return;
    chmodSync(inTestDirectory('.'), 0o500);
    expect(await cli(['export', '-o', inTestDirectory('x.csv')])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('permission'),
    });
    chmodSync(inTestDirectory('.'), 0o700);
  });
});

describe('export --checkpoint: what was recorded since the last completed export of that name', () => {
  test('by order of recording', async () => {
    await three();
    const words = ['export', '--checkpoint', 'siem', '--columns', 'seq'];
    expect(await ndjson(words)).toEqual([{ seq: 1 }, { seq: 2 }, { seq: 3 }]);
    expect(await ndjson(words)).toEqual([]);
    await given({ action: 'late', ts: '1999-01-01T00:00:00Z' });
    expect(await ndjson(words)).toEqual([{ seq: 4 }]);
    expect(await ndjson(['export', '--checkpoint', 'other', '--columns', 'seq'])).toHaveLength(4);
  });

  test('a name belongs to its filter: another filter is 2', async () => {
    await three();
    await ok(['export', '--checkpoint', 'siem', '--action', 'a,b']);
    expect(await cli(['export', '--checkpoint', 'siem'])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['export', '--checkpoint', 'siem', '--action', 'a'])).toMatchObject({ code: 2, stdout: '' });
    expect(await cli(['export', '--checkpoint', 'siem', '--action', 'b', '--action', 'a'])).toMatchObject({ code: 0 });
  });

  test('entries that a prune took before they were exported are counted, said, and exit 3', async () => {
    await three();
    await ok(['export', '--checkpoint', 'siem', '--columns', 'seq']);
    await three();
    await ok(['prune', '--before', '2026-01-02', '--yes', '-q']);
    const { code, stdout, stderr } = await cli(['export', '--checkpoint', 'siem', '--columns', 'seq']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/1 entr.* pruned before checkpoint siem had exported/);
    expect(fromLines(stdout)).toEqual([{ seq: 4 }, { seq: 6 }, { seq: 7 }]);
    expect(await cli(['export', '--checkpoint', 'siem'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('a checkpoint moves only when the file is in place', async () => {
    await three();
    const file = inTestDirectory('x.ndjson');
    writeFileSync(file, 'precious');
    expect(await cli(['export', '--checkpoint', 'siem', '-o', file])).toMatchObject({ code: 7 });
    expect(await cli(['export', '--checkpoint', 'siem', '-o', inTestDirectory('none/x.ndjson')])).toMatchObject({
      code: 1,
    });
    expect(await cli(['export', '--checkpoint', 'siem'], { interrupt: true })).toMatchObject({ code: 130 });
    expect(await ndjson(['export', '--checkpoint', 'siem'])).toHaveLength(3);
  });

  test('it is the one reading command that writes: into the settings, not into the trail', async () => {
    await three();
    await ok(['export', '--checkpoint', 'siem']);
    expect(await ok(['count'])).toBe('3\n');
    const status = await json<{ problems: unknown[] }>(['status', '--format', 'json']);
    expect(status.problems).toEqual([]);
  });
});
