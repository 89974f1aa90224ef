import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'csv-parse/sync';
import { run, runOnTerminal, runWithStdin, temporaryDirectory } from '../support/program.js';
import { countEntries, exported, expectSound, FIXTURES, parseLines } from './trail.js';
import type { ExportedEntry } from './trail.js';

const HOSTILE = readFileSync(path.join(FIXTURES, 'hostile/entries.ndjson'), 'utf8');

async function newTrail(): Promise<string> {
  const file = path.join(temporaryDirectory(), 'audit.db');
  expect(await run(['--db', file, 'init'])).toMatchObject({ code: 0 });
  return file;
}

async function hostileTrail(): Promise<string> {
  const file = await newTrail();
  expect(await runWithStdin(['--db', file, 'record', '--stdin'], HOSTILE)).toMatchObject({ code: 0 });
  return file;
}

/** A pager is another program, with a manner of its own. */
const NO_PAGER = { DAYBOOK_PAGER: '' };

/** What no terminal may receive: controls but line ends, separators, bidi controls, zero-width characters, tags. */
const FORBIDDEN =
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\u{e0000}-\u{e007f}]/u;

describe('hostile text', () => {
  test.each([
    ['a table', ['history', '--no-pager']],
    ['a narrow table', ['history', '--no-pager', '--columns', 'actor,action,entity_id,entity_name,message,metadata']],
    ['lines', ['history', '--no-pager', '--format', 'line']],
    ['json', ['history', '--no-pager', '--format', 'json']],
    ['ndjson', ['history', '--no-pager', '--format', 'ndjson']],
    ['csv', ['history', '--no-pager', '--format', 'csv']],
    ['an export', ['export']],
    ['an export as csv', ['export', '--format', 'csv', '--exact']],
    ['values', ['values', 'message']],
    ['values of actor', ['values', 'actor', '--format', 'json']],
    ['the terms of a prune', ['prune', '--before', 'now', '--dry-run']],
  ])('reaches a terminal only with all that is hidden made visible: %s', async (_name, words) => {
    const file = await hostileTrail();
    for (const columns of [80, 200]) {
      const { code, output } = await runOnTerminal(['--db', file, '--color', 'never', ...words], {
        columns,
        env: NO_PAGER,
      });
      expect(code).toBe(0);
      // Lines end with CR LF on a terminal; a CR anywhere else moves the cursor.
      const text = output.replaceAll('\r\n', '\n');
      expect(text).not.toContain('\r');
      expect(FORBIDDEN.exec(text)?.[0]).toBe(undefined);
    }
  });

  test('reaches a terminal in show, in errors and in reverts the same way', async () => {
    const file = await hostileTrail();
    const ids = parseLines(HOSTILE).map((entry) => entry.id);
    const commands = [
      ...ids.map((id) => ['show', id]),
      ['show', '\u001b]0;owned\u0007'],
      ['history', '--cursor', '\u001b[2J'],
      ['history', '--tz', '\u202eUTC'],
      ['show', 'documents', '--format', 'json'],
    ];
    for (const words of commands) {
      const { output } = await runOnTerminal(['--db', file, '--color', 'never', ...words], { env: NO_PAGER });
      const text = output.replaceAll('\r\n', '\n');
      expect(text, words.join(' ')).not.toContain('\r');
      expect(FORBIDDEN.exec(text)?.[0], words.join(' ')).toBe(undefined);
    }
  });

  test('comes out of json, ndjson and an export as it went in', async () => {
    const file = await hostileTrail();
    const given = parseLines(HOSTILE);
    const same = (entries: readonly ExportedEntry[]): void => {
      expect(entries.length).toBe(given.length);
      for (const [index, entry] of given.entries()) expect(entries[index]).toMatchObject(entry);
    };
    same(await exported(file));
    const history = await run(['--db', file, 'history', '--oldest-first', '--format', 'json']);
    same((JSON.parse(history.stdout) as { entries: ExportedEntry[] }).entries);
    same(parseLines((await run(['--db', file, 'history', '--oldest-first', '--format', 'ndjson'])).stdout));

    // On a terminal it is escaped, and still the same JSON.
    const { output } = await runOnTerminal([
      '--db',
      file,
      'history',
      '--oldest-first',
      '--format',
      'ndjson',
      '--no-pager',
    ]);
    same(parseLines(output.replaceAll('\r\n', '\n').replaceAll(/^more: .*\n/gm, '')));

    // A script reads one entry a line, whatever the message.
    const lines = await run(['--db', file, 'history', '--format', 'line']);
    expect(lines.stdout.split('\n').length - 1).toBe(given.length);
  });

  test('reaches a spreadsheet only with formulas disarmed, and all of it with --exact', async () => {
    const file = await hostileTrail();
    const rowsOf = async (...words: string[]): Promise<Record<string, string>[]> => {
      const result = await run(['--db', file, ...words, '--format', 'csv']);
      expect(result.code).toBe(0);
      return parse(result.stdout, { columns: true });
    };
    for (const rows of [await rowsOf('export'), await rowsOf('history', '--oldest-first')]) {
      expect(rows.length).toBe(parseLines(HOSTILE).length);
      for (const row of rows) {
        for (const [field, cell] of Object.entries(row)) {
          if (/^-?\d+(?:\.\d+)?$/.test(cell)) continue;
          expect(cell, `${row['id']}: ${field}`).not.toMatch(/^[=+\-@\t\r]/);
        }
      }
      expect(rows.find((row) => row['id'] === 'formula-return')?.['actor']).toBe('-17.5');
    }
    const exact = await rowsOf('export', '--exact');
    for (const [index, entry] of parseLines(HOSTILE).entries()) {
      expect(exact[index]?.['message']).toBe(entry.message);
      expect(exact[index]?.['actor']).toBe(entry.actor);
    }
  });
});

describe('large and deep documents', () => {
  test('a metadata of a megabyte goes in and comes out, each way', async () => {
    const file = await newTrail();
    const metadata = { text: 'ä"\\'.repeat(250_000), numbers: Array.from({ length: 20_000 }, (_, index) => index) };
    const text = JSON.stringify(metadata);
    expect(Buffer.byteLength(text)).toBeGreaterThan(1_000_000);
    const directory = path.dirname(file);
    await writeFile(path.join(directory, 'large.json'), text);
    expect(
      await run(['--db', file, 'record', '--action', 'upload', '--metadata', '@large.json'], { cwd: directory }),
    ).toMatchObject({ code: 0, stdout: '1\n' });
    const line = `{"action":"upload","metadata":${text}}\n`;
    // So many that the parser is compiled anew in between: once each quote in them cost a look at all the rest.
    expect(await runWithStdin(['--db', file, 'record', '--stdin'], line.repeat(7))).toMatchObject({ code: 0 });
    const entries = await exported(file);
    expect(entries.length).toBe(8);
    for (const entry of entries) expect(entry.metadata).toEqual(metadata);
    const csv = await run(['--db', file, 'export', '--format', 'csv', '--columns', 'metadata']);
    const rows: Record<string, string>[] = parse(csv.stdout, { columns: true });
    expect(rows.length).toBe(8);
    for (const row of rows) expect(JSON.parse(row['metadata'] ?? '')).toEqual(metadata);
    const { code, output } = await runOnTerminal(['--db', file, 'history', '--no-pager']);
    expect(code).toBe(0);
    expect(output.length).toBeLessThan(10_000);
  });

  test('a depth of 1000 is the last that is taken', async () => {
    const file = await newTrail();
    // The object itself is one level.
    const deep = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    const directory = path.dirname(file);
    await writeFile(path.join(directory, 'deep.json'), deep(1000));
    await writeFile(path.join(directory, 'deeper.json'), deep(1001));
    const record = async (name: string): Promise<{ code: number | null; stderr: string }> =>
      run(['--db', file, 'record', '--action', 'x', '--metadata', name], { cwd: directory });
    expect(await record('@deep.json')).toMatchObject({ code: 0 });
    expect(await record('@deeper.json')).toMatchObject({ code: 6 });
    const line = (levels: number): string => `{"action":"x","metadata":${deep(levels)}}\n`;
    expect(await runWithStdin(['--db', file, 'record', '--stdin'], line(1000))).toMatchObject({ code: 0 });
    const refused = await runWithStdin(['--db', file, 'record', '--stdin'], line(1000) + line(1001) + line(1));
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toMatch(/^daybook: line 2: .*1000/);
    // Far deeper is refused as well, and not a stack that overflows.
    const abyss = await runWithStdin(['--db', file, 'record', '--stdin'], line(400_000));
    expect(abyss).toMatchObject({ code: 6 });
    expect(abyss.stderr).not.toMatch(/unexpected|call stack/);
    expect(countEntries(file)).toBe(3);
    for (const words of [['export'], ['history', '--format', 'json'], ['show', '1']]) {
      expect(await run(['--db', file, ...words]), words.join(' ')).toMatchObject({ code: 0 });
    }
  });
});

describe('invalid UTF-8', () => {
  const bad = (text: string): Buffer => Buffer.concat([Buffer.from(text), Buffer.from([0xc3, 0x28, 0xff])]);

  test('on a line of record --stdin: exit 6 with the line, and what came before is recorded', async () => {
    const file = await newTrail();
    const good = '{"action":"login"}\n';
    const input = Buffer.concat([
      Buffer.from(good.repeat(3)),
      bad('{"action":"log'),
      Buffer.from('"}\n'),
      Buffer.from(good),
    ]);
    const result = await runWithStdin(['--db', file, 'record', '--stdin'], input);
    expect(result).toMatchObject({ code: 6, stdout: '' });
    expect(result.stderr).toBe('daybook: line 4: not valid UTF-8 (recorded before it: 3, skipped: 0)\n');
    expect(countEntries(file)).toBe(3);

    const rejects = path.join(path.dirname(file), 'rejects');
    const going = await runWithStdin(
      ['--db', file, 'record', '--stdin', '--rejects', rejects, '--format', 'json'],
      input,
    );
    expect(going).toMatchObject({ code: 0, stdout: '{"recorded":4,"skipped":0,"rejected":1}\n' });
    // Byte for byte, to be mended.
    expect(readFileSync(rejects)).toEqual(Buffer.concat([bad('{"action":"log'), Buffer.from('"}\n')]));
    expectSound(file);
  });

  test('in the text of a note: exit 6, and nothing recorded', async () => {
    const file = await newTrail();
    const result = await runWithStdin(['--db', file, 'note', 'machine:1', '-'], bad('a note'));
    expect(result).toMatchObject({ code: 6, stdout: '' });
    expect(countEntries(file)).toBe(0);
  });

  test('stored by another program: comes out as valid text', async () => {
    const file = await newTrail();
    const { runOther } = await import('./other-programs.js');
    const sql = `INSERT INTO daybook_entries (action, message) VALUES ('login', CAST(x'61c328ff62' AS TEXT));\n`;
    expect(await runOther('sqlite3', [file], sql)).toMatchObject({ code: 0, stderr: '' });
    for (const words of [['export'], ['export', '--format', 'csv'], ['history', '--format', 'json'], ['history']]) {
      const result = await run(['--db', file, ...words]);
      expect(result, words.join(' ')).toMatchObject({ code: 0 });
      expect(() => new TextDecoder('utf-8', { fatal: true }).decode(result.stdoutBytes)).not.toThrow();
      expect(result.stdout, words.join(' ')).toMatch(/a\ufffd\(\ufffdb/);
    }
  });
});
