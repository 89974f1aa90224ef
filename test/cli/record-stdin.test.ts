import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cli, fromLines, given, inTestDirectory, json, ndjson, NOW, ok, toLines } from '../support/cli.js';
import { start, temporaryDirectory, run as runProgram } from '../support/program.js';

async function count(): Promise<number> {
  return Number(await ok(['count']));
}

const RECORD = ['record', '--stdin'];

describe('record --stdin: many, one JSON object a line', () => {
  test('keys as in the entry, the rest by default; empty lines are passed over', async () => {
    const input = `${toLines([{ action: 'a', actor: 'bob', metadata: { n: 1 } }])}\n\r\n{"action":"b"}`;
    expect(await cli(RECORD, { input })).toEqual({ code: 0, stdout: '', stderr: 'recorded 2 entries\n' });
    expect(await ndjson(['export'])).toMatchObject([
      { action: 'a', actor: 'bob', actor_type: 'user', metadata: { n: 1 }, ts: NOW, recorded_at: null },
      { action: 'b', actor: 'alice', actor_type: 'user', metadata: {}, severity: 'info', category: 'entity' },
    ]);
  });

  test('the default actor is who acts: --as and --as-type', async () => {
    await ok([...RECORD, '--as', 'importer', '--as-type', 'system'], { input: '{"action":"a"}\n' });
    expect(await ndjson(['export'])).toMatchObject([
      { actor: 'importer', actor_type: 'system', recorded_by: 'alice@desk' },
    ]);
  });

  test('a line of another actor keeps who ran the program, unless it says that itself', async () => {
    const input = toLines([
      { action: 'a', actor: 'bob' },
      { action: 'b', actor: 'alice' },
      { action: 'c', actor: 'bob', recorded_by: null },
      { action: 'd', actor: 'bob', recorded_by: 'cron@web-1' },
    ]);
    await ok([...RECORD, '--as', 'importer'], { input });
    const recorders = (await ndjson<{ recorded_by: string | null }>(['export'])).map((entry) => entry.recorded_by);
    expect(recorders).toEqual(['alice@desk', null, null, 'cron@web-1']);
  });

  test('--ack prints a line for each durable batch: the total so far and the line', async () => {
    const input = toLines(Array.from({ length: 450 }, (_, n) => ({ action: `a${n}` })));
    const acks = fromLines<{ recorded: number; line: number }>(await ok([...RECORD, '--ack'], { input }));
    expect(acks.length).toBeGreaterThan(1);
    expect(acks.at(-1)).toEqual({ recorded: 450, line: 450 });
    expect(acks).toEqual(acks.toSorted((a, b) => a.line - b.line));
  });

  test('batches are recorded as they arrive, each durable before the next', async () => {
    const cwd = temporaryDirectory();
    await runProgram(['init'], { cwd });
    const running = start([...RECORD, '--ack'], { cwd });
    running.child.stdin.write('{"action":"first"}\n');
    const seen = await running.waitForStdout(/\{"recorded": 1, "line": 1\}\n/);
    expect((await runProgram(['count'], { cwd })).stdout).toBe('1\n');
    running.child.stdin.write('{"action":"second"}\n');
    await running.waitForStdout(/\{"recorded": 2, "line": 2\}\n/, seen);
    expect((await runProgram(['count'], { cwd })).stdout).toBe('2\n');
    running.child.stdin.end();
    expect(await running.finished).toMatchObject({ code: 0, stderr: 'recorded 2 entries\n' });
  });

  test('an invalid line stops with exit 6, naming the line and what is wrong, after saying how many were recorded', async () => {
    const input = '{"action":"a"}\n{"action":"b"}\n{"action":\n{"action":"never"}\n';
    const { code, stdout, stderr } = await cli([...RECORD, '--ack'], { input });
    expect(code).toBe(6);
    expect(stderr).toMatch(/^daybook: line 3: .*JSON.*\(recorded before it: 2, skipped: 0\)\n$/);
    expect(stdout).toBe('{"recorded": 2, "line": 2}\n');
    expect(await count()).toBe(2);
  });

  test('--rejects puts invalid lines there and goes on', async () => {
    const file = inTestDirectory('rejects.ndjson');
    const bad = ['{"action":', '{"acton":"b"}', '[1]', '{"action":"c","severity":"fatal"}'];
    const input = `{"action":"a"}\n${bad.join('\n')}\n{"action":"z"}\n`;
    const { code, stderr, stdout } = await cli([...RECORD, '--rejects', file, '--format', 'json'], { input });
    expect(code).toBe(0);
    expect(stdout).toBe('{"recorded":2,"skipped":0,"rejected":4}\n');
    expect(readFileSync(file, 'utf8')).toBe(`${bad.join('\n')}\n`);
    expect(stderr.split('\n').slice(0, 4)).toEqual([
      expect.stringMatching(/^line 2: .*JSON/),
      expect.stringMatching(/^line 3: "acton" is not a field of an entry: the nearest is action/),
      expect.stringMatching(/^line 4: an array is not a JSON object/),
      expect.stringMatching(/^line 5: severity "fatal" is not one of info, warning, error/),
    ]);
    expect(await count()).toBe(2);
  });

  test('rejects can be mended and run again', async () => {
    const file = inTestDirectory('rejects.ndjson');
    await ok([...RECORD, '--rejects', file], { input: '{"action":"a"}\n{"acton":"b"}\n' });
    await ok(RECORD, { input: readFileSync(file, 'utf8').replace('acton', 'action') });
    expect(await count()).toBe(2);
  });

  test('--rejects makes no file where nothing is rejected, is compressed by name, and never overwrites', async () => {
    const file = inTestDirectory('rejects.gz');
    await ok([...RECORD, '--rejects', file], { input: '{"action":"a"}\n' });
    expect(existsSync(file)).toBe(false);
    await ok([...RECORD, '--rejects', file], { input: 'x\n' });
    expect(gunzipSync(readFileSync(file)).toString()).toBe('x\n');
    expect(await cli([...RECORD, '--rejects', file], { input: '{"action":"b"}\n' })).toMatchObject({ code: 7 });
    expect(await count()).toBe(1);
  });

  test('rejects keep the bytes of a line that is not UTF-8', async () => {
    const file = inTestDirectory('rejects');
    const bytes = Buffer.from([0x22, 0xff, 0xfe, 0x0d, 0x22]);
    await ok([...RECORD, '--rejects', file], { input: Buffer.concat([bytes, Buffer.from('\n')]) });
    expect(readFileSync(file)).toEqual(Buffer.concat([bytes, Buffer.from('\n')]));
  });

  test('a line whose id is already recorded with the same content is skipped and counted', async () => {
    const input = toLines([
      { id: 'a-1', action: 'a', metadata: { x: 1, y: [1.0] } },
      { id: 'a-2', action: 'b' },
    ]);
    await ok(RECORD, { input });
    expect(await json([...RECORD, '--format', 'json'], { input })).toEqual({ recorded: 0, skipped: 2, rejected: 0 });
    const reordered = '{"metadata":{"y":[1],"x":1},"action":"a","id":"a-1"}\n';
    expect(await json([...RECORD, '--format', 'json'], { input: reordered })).toMatchObject({ skipped: 1 });
  });

  test('resume: a run that stopped is completed by running its whole input again', async () => {
    const lines = Array.from({ length: 30 }, (_, n) => JSON.stringify({ id: `r-${n}`, action: 'a' }));
    const broken = [...lines.slice(0, 20), 'broken', ...lines.slice(20)].join('\n');
    expect(await cli(RECORD, { input: broken })).toMatchObject({ code: 6 });
    expect(await count()).toBe(20);
    expect(await json([...RECORD, '--format', 'json'], { input: lines.join('\n') })).toEqual({
      recorded: 10,
      skipped: 20,
      rejected: 0,
    });
    expect((await ndjson<{ id: string }>(['export'])).map(({ id }) => id)).toEqual(
      Array.from({ length: 30 }, (_, n) => `r-${n}`),
    );
  });

  test('with other content the line is invalid', async () => {
    await given({ id: 'a-1', action: 'a' });
    expect(await cli(RECORD, { input: toLines([{ id: 'a-1', action: 'b' }]) })).toEqual({
      code: 6,
      stdout: '',
      stderr: 'daybook: line 1: id a-1 is recorded already, with another action (recorded before it: 0, skipped: 0)\n',
    });
    const rejects = inTestDirectory('rejects');
    await ok([...RECORD, '--rejects', rejects], { input: toLines([{ id: 'a-1', action: 'b' }]) });
    expect(fromLines(readFileSync(rejects, 'utf8'))).toEqual([{ id: 'a-1', action: 'b' }]);
    expect(await count()).toBe(1);
  });

  test('the same id twice in one batch counts as recorded already', async () => {
    const line = { id: 'a-1', action: 'a' };
    expect(await json([...RECORD, '--format', 'json'], { input: toLines([line, line]) })).toMatchObject({
      recorded: 1,
      skipped: 1,
    });
  });

  test('seq and reverted_by are ignored and recorded_at is kept', async () => {
    await given({
      seq: 900,
      id: 'a-1',
      action: 'a',
      ts: '2020-01-01T00:00:00Z',
      recorded_at: '2020-01-02T00:00:00Z',
      reverted_by: 'nobody',
    });
    await given({ id: 'a-2', action: 'a', ts: '2020-01-01T00:00:00.5Z', recorded_at: null });
    await given({ id: 'a-3', action: 'a', ts: '2020-01-01T00:00:01Z' });
    expect(await ndjson(['history', '--oldest-first', '--format', 'ndjson'])).toMatchObject([
      { seq: 1, recorded_at: '2020-01-02T00:00:00.000Z', reverted_by: null },
      { seq: 2, ts: '2020-01-01T00:00:00.500Z', recorded_at: null },
      { seq: 3, recorded_at: NOW },
    ]);
  });

  test('an NDJSON export of one database recorded into another gives an equal export, but for seq', async () => {
    await given({ action: 'gone', id: 'gone', ts: '2019-01-01T00:00:00Z' });
    await ok(['record', '--action', 'a', '--metadata', '{"big":9007199254740993,"e":1.50,"nul":null}']);
    await ok(['record', '--action', 'b', '--old', '{"a":null}', '--new', '{"b":{"c":1}}', '--ts', '2026-01-01T00:00']);
    await ok(['note', 'x:1', 'hostile \u001b[31m \u202e =1+1 \ud83d\ude00', '--as', 'bob', '--as-type', 'moderator']);
    await ok(['revert', '2', '--reason', 'wrong']);
    await ok(['retention', 'set', 'all', '--max-age', '5y']);
    await ok(['prune', '--yes']);
    const exported = await ok(['export']);
    const other = inTestDirectory('other.db');
    await ok(['init'], { db: other });
    await ok(RECORD, { input: exported, db: other });
    const withoutSeq = (text: string): string => text.replaceAll(/"seq":\d+,/g, '');
    expect(withoutSeq(await ok(['export'], { db: other }))).toBe(withoutSeq(exported));
    expect(exported).not.toBe('');
    // And once more changes nothing, in either.
    const again = await json([...RECORD, '--format', 'json'], { input: exported, db: other });
    expect(again).toMatchObject({ recorded: 0, rejected: 0 });
    expect(await json([...RECORD, '--format', 'json'], { input: exported })).toMatchObject({ recorded: 0 });
  });

  test('history --format ndjson is taken as well: reverted_by is ignored', async () => {
    await given({ action: 'a', id: 'one' });
    await ok(['revert', 'one', '--reason', 'r']);
    const lines = await ok(['history', '--format', 'ndjson', '--oldest-first']);
    const other = inTestDirectory('other.db');
    await ok(['init'], { db: other });
    await ok(RECORD, { input: lines, db: other });
    expect(await ok(['history', '--format', 'ndjson', '--oldest-first'], { db: other })).toBe(lines);
  });

  test.each([
    { line: '{"action":"a","colour":"red"}', says: '"colour" is not a field of an entry' },
    { line: '{"colour":"red"}', says: '"colour" is not a field' },
    { line: '{}', says: 'action is missing' },
    { line: '{"action":""}', says: 'action "" must not be empty' },
    { line: '{"action":null}', says: 'action must not be null' },
    { line: '{"action":5}', says: 'action 5 is not a text' },
    { line: '{"action":"a","severity":"fatal"}', says: 'severity "fatal" is not one of info, warning, error' },
    { line: '{"action":"a","entity_type":"a:b"}', says: 'entity_type "a:b" must not hold a colon' },
    { line: '{"action":"a","id":"123"}', says: 'id "123" must not be empty nor all digits' },
    { line: '{"action":"a","scope":"tenant"}', says: 'scope "tenant" is not kind:id' },
    { line: '{"action":"a","ts":"2026-03-05T14:07"}', says: 'ts "2026-03-05T14:07" is not a full time with Z' },
    { line: '{"action":"a","ts":"yesterday"}', says: 'ts "yesterday" is not a full time' },
    { line: '{"action":"a","ts":"@1700000000"}', says: 'ts "@1700000000" is not a full time' },
    { line: '{"action":"a","ts":"2026-02-30T00:00:00Z"}', says: 'ts "2026-02-30T00:00:00Z" does not exist' },
    { line: '{"action":"a","ts":"0000-01-01T00:00:00Z"}', says: 'years 0001 to 9999' },
    { line: '{"action":"a","ts":null}', says: 'ts must not be null' },
    { line: '{"action":"a","metadata":"{}"}', says: 'metadata "{}" is not a JSON object' },
    { line: '{"action":"a","metadata":[]}', says: 'metadata an array is not a JSON object' },
    { line: '{"action":"a","old_values":1}', says: 'old_values 1 is not a JSON object' },
    { line: '{"action":"a","changed_fields":{"a":1}}', says: 'changed_fields an object is not a JSON array of texts' },
    { line: '{"action":"a","message":"\\u0000"}', says: 'message "\\u0000" holds NUL' },
    { line: '{"action":"a","message":"\\ud800"}', says: 'half of a surrogate pair' },
    { line: '{"action":"a","metadata":{"x":1,"x":2}}', says: '"x" stands twice' },
    { line: '{"action":"a","action":"b"}', says: '"action" stands twice' },
    { line: `{"action":"a","metadata":${'{"a":'.repeat(1001)}1${'}'.repeat(1001)}}`, says: 'nested deeper than 1000' },
    { line: '"action"', says: 'is not a JSON object' },
    { line: 'null', says: 'is not a JSON object' },
    { line: '{"action":"a"} {"action":"b"}', says: 'not valid JSON' },
    { line: "{'action':'a'}", says: 'not valid JSON' },
    { line: '{"action":"a",}', says: 'not valid JSON' },
    { line: '{"action":"a","metadata":{"n":NaN}}', says: 'not valid JSON' },
  ])('refuses $says', async ({ line, says }) => {
    const { code, stderr } = await cli(RECORD, { input: `${line}\n` });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/^daybook: line 1: /);
    expect(code).toBe(6);
    expect(await count()).toBe(0);
  });

  test('a line that is not UTF-8 is bad data', async () => {
    const input = Buffer.concat([Buffer.from('{"action":"a","message":"'), Buffer.from([0xff]), Buffer.from('"}\n')]);
    expect(await cli(RECORD, { input })).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('line 1: not valid UTF-8'),
    });
    expect(await count()).toBe(0);
  });

  test('JSON 1000 levels deep is valid, and a megabyte of it', async () => {
    const deep = `{"action":"a","metadata":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}}\n`;
    const large = toLines([{ action: 'b', metadata: { text: 'x'.repeat(1_000_000) } }]);
    await ok(RECORD, { input: deep + large });
    expect(await count()).toBe(2);
  });

  test('null and missing differ: a missing field gets its default, null is kept where it may stand', async () => {
    await given(
      { action: 'a', scope: null, old_values: null, new_values: {} },
      { action: 'b', old_values: { a: null } },
    );
    expect(await ndjson(['export'])).toMatchObject([
      { scope: null, old_values: null, new_values: {}, changed_fields: null },
      { old_values: { a: null }, new_values: null },
    ]);
  });

  test('the options of one entry do not go with --stdin, nor --ack and --rejects without it', async () => {
    for (const option of [
      ['--action', 'a'],
      ['--entity-name', 'n'],
      ['--redact', 'x'],
      ['--ts', 'now'],
    ]) {
      const { code, stderr } = await cli([...RECORD, ...option], { input: '{"action":"a"}\n' });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(option[0] ?? '') });
    }
    expect(await cli(['record', '--action', 'a', '--ack'])).toMatchObject({ code: 2 });
    expect(await cli(['record', '--action', 'a', '--rejects', 'x'])).toMatchObject({ code: 2 });
    expect(await count()).toBe(0);
  });

  test('an interrupt records what has arrived, and exits 130', async () => {
    const cwd = temporaryDirectory();
    await runProgram(['init'], { cwd });
    const running = start([...RECORD, '--ack'], { cwd });
    running.child.stdin.write('{"action":"first"}\n');
    await running.waitForStdout(/"line": 1/);
    running.child.kill('SIGINT');
    expect(await running.finished).toMatchObject({ code: 130, stderr: expect.stringContaining('interrupted') });
    expect((await runProgram(['count'], { cwd })).stdout).toBe('1\n');
  });
});
