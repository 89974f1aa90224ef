import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BrokenRecord, Source, SourceRecord } from '../../src/core/import.js';
import { jsonRecords } from '../../src/importers/json-records.js';
import { openTextSource, shapeOfFile } from '../../src/importers/text-source.js';
import { temporaryDirectory } from '../support/program.js';
import { fixture } from '../support/sources.js';

function file(content: string | Uint8Array, name = 'source'): string {
  const place = path.join(temporaryDirectory(), name);
  writeFileSync(place, content);
  return place;
}

type Options = Parameters<typeof openTextSource>[2];

async function all(source: Source): Promise<(SourceRecord | BrokenRecord)[]> {
  const records: (SourceRecord | BrokenRecord)[] = [];
  for await (const page of source.records()) records.push(...page);
  return records;
}

const csv = async (content: string | Uint8Array, options?: Options) =>
  all(await openTextSource(file(content), ['csv'], options));
const ndjson = async (content: string | Uint8Array, options?: Options) =>
  all(await openTextSource(file(content), ['ndjson'], options));

describe('what a file is', () => {
  test.each([
    ['{"a":1}\n', 'source', 'ndjson'],
    ['\ufeff {"a":1}\n', 'source', 'ndjson'],
    ['[{"a":1}]', 'source', 'ndjson'],
    ['a,b\n', 'source', 'csv'],
    ['', 'source', 'csv'],
    ['a,b\n', 'source.ndjson', 'ndjson'],
    ['a,b\n', 'source.json', 'ndjson'],
    ['a,b\n', 'source.CSV', 'csv'],
    [gzipSync('{"a":1}\n'), 'source', 'ndjson'],
    [gzipSync('{a}\n'), 'source.csv.gz', 'csv'],
  ])('%j in %s is %s, where a format reads both', async (content, name, kind) => {
    expect((await openTextSource(file(content, name), ['csv', 'ndjson'])).kind).toBe(kind);
  });

  test('a format that reads one kind alone reads that, whatever it is called', async () => {
    expect((await openTextSource(file('a,b\n', 'source.ndjson'), ['csv'])).kind).toBe('csv');
    expect((await openTextSource(file('{"a":1}\n', 'source.csv'), ['ndjson'])).kind).toBe('ndjson');
    expect((await openTextSource(file('', 'source.log'), ['ndjson'])).kind).toBe('ndjson');
    // As CSV, one line of JSON would be a header, and nothing to import.
    for (const text of ['{"a":1}\n', ' [{"a":1}]']) {
      await expect(openTextSource(file(text), ['csv'])).rejects.toMatchObject({ kind: 'usage' });
    }
  });

  test('a database and what is compressed are known by their first bytes', () => {
    expect(shapeOfFile(file('SQLite format 3\0 and more'))).toBe('sqlite');
    expect(shapeOfFile(file(gzipSync('a'), 'source.csv'))).toBe('gzip');
    expect(shapeOfFile(file('', 'source.gz'))).toBe('text');
  });

  test('to look at a database drops no lock that this process has on it', () => {
    const place = path.join(temporaryDirectory(), 'app.db');
    const application = new Database(place);
    try {
      application.pragma('journal_mode = WAL');
      application.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
      linkSync(place, `${place}-other-name`);
      for (const name of [place, place, `${place}-other-name`]) {
        expect(shapeOfFile(name)).toBe('sqlite');
        // Who closes a database last deletes its log.
        expect(execFileSync('sqlite3', [place, 'SELECT count(*) FROM t'], { encoding: 'utf8' })).toBe('1\n');
        expect(existsSync(`${place}-wal`), name).toBe(true);
      }
    } finally {
      application.close();
    }
  });

  test('a folder, and what is not there, cannot be read', () => {
    expect(() => shapeOfFile(temporaryDirectory())).toThrow(expect.objectContaining({ kind: 'data' }));
    expect(() => shapeOfFile('/nowhere/at/all')).toThrow(
      '/nowhere/at/all: the file cannot be read (there is no such file)',
    );
  });

  test('a stream is told by its first bytes, and none of them is lost', async () => {
    const chunks = ['{"a"', ':1}\n'].map((text) => Buffer.from(text));
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield* chunks;
    }
    const source = await openTextSource('-', ['csv', 'ndjson'], {}, stream());
    expect(source.kind).toBe('ndjson');
    expect(await all(source)).toMatchObject([{ position: 'line 1' }]);
  });
});

describe('CSV', () => {
  test('null is an empty cell, empty text is quoted; rows know the line on which they begin', async () => {
    expect(await csv('a,b\r\n1,\r\n"","x\ny"\r\n2,3')).toEqual([
      { position: 'line 2', values: { a: '1', b: null } },
      { position: 'line 3', values: { a: '', b: 'x\ny' } },
      { position: 'line 5', values: { a: '2', b: '3' } },
    ]);
  });

  test('a byte order mark is no part of the first name', async () => {
    expect(await csv('\ufeffa\n1\n')).toEqual([{ position: 'line 2', values: { a: '1' } }]);
  });

  test('a header alone has no rows, and neither has nothing', async () => {
    expect(await csv('a,b\n')).toEqual([]);
    expect(await csv('')).toEqual([]);
    expect(await csv('', { header: 'a,b' })).toEqual([]);
  });

  test('a name that stands twice is refused', async () => {
    await expect(csv('a,b,a\n1,2,3\n')).rejects.toThrow('the header names "a" twice');
  });

  test('rows with too few and too many cells are broken, one by one, and keep their text', async () => {
    expect(await csv('a,b\n1\n1,2\n1,2,3\n')).toEqual([
      { position: 'line 2', problem: '1 fields where the header has 2', text: '1' },
      { position: 'line 3', values: { a: '1', b: '2' } },
      { position: 'line 4', problem: '3 fields where the header has 2', text: '1,2,3' },
    ]);
  });

  test('a column may be called as nothing should', async () => {
    const [record] = await csv('__proto__,constructor\nx,y\n');
    expect(Object.entries((record as SourceRecord).values)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('a row torn within a quoted cell is broken, and told by the line on which it begins', async () => {
    const records = await all(await openTextSource(fixture('broken/torn.csv'), ['csv']));
    expect(records.map((record) => ('problem' in record ? record : record.position))).toEqual([
      'line 2',
      'line 3',
      {
        position: 'line 4',
        problem: 'a quote is opened and never closed',
        text: '3,users,1,INSERT,,"{""id"":3,""email"":""torn@',
      },
    ]);
  });

  test.each([
    ['"a,b\n1,2\n', 'line 1, the header: a quote is opened and never closed'],
    ['\n"a"b,c\n1,2\n', 'line 2, the header: text behind the quote that closes a field'],
    [Buffer.from('\u00e4,b\n1,2\n', 'latin1'), 'line 1, the header: not valid UTF-8'],
  ])('without its header nothing of it can be read: %j', async (content, message) => {
    await expect(csv(content)).rejects.toMatchObject({ kind: 'data', message });
  });

  test('a quote within a bare cell is a character of it', async () => {
    const records = await all(await openTextSource(fixture('broken/crooked.csv'), ['csv']));
    expect(records.map((record) => ('problem' in record ? record.problem : record.values['changed_fields']))).toEqual([
      null,
      '11 fields where the header has 12',
      '13 fields where the header has 12',
      null,
      '{a"b}',
      null,
    ]);
  });

  test('a row that is not UTF-8 is broken, and the others are read', async () => {
    expect(await csv(Buffer.from('a\nn\u00e4her\nb\n', 'latin1'))).toEqual([
      { position: 'line 2', problem: 'not valid UTF-8', text: 'n\u00e4her' },
      { position: 'line 3', values: { a: 'b' } },
    ]);
  });

  test('many rows come in pages, each row once', async () => {
    const count = 2345;
    const records = await csv(`n\n${Array.from({ length: count }, (_, n) => `${n}\n`).join('')}`);
    expect(records.map((record) => Number((record as SourceRecord).values['n']))).toEqual(
      Array.from({ length: count }, (_, n) => n),
    );
  });

  test('a cell may be very large', async () => {
    const large = 'x'.repeat(3_000_000);
    const [record] = await csv(`a\n"${large}"\n`);
    expect((record as SourceRecord).values['a']).toHaveLength(large.length);
  });
});

describe('CSV of another shape', () => {
  test('has another character between cells, and no header', async () => {
    expect(await csv('a;b\n"1;2";3,4\n', { delimiter: ';' })).toEqual([
      { position: 'line 2', values: { a: '1;2', b: '3,4' } },
    ]);
    expect(await csv('1\t2\n', { delimiter: 'tab', header: 'a,b' })).toEqual([
      { position: 'line 1', values: { a: '1', b: '2' } },
    ]);
  });

  test.each(['', ';;', '\u00e9', '"', '\n', '\0'])('%j is nothing to stand between cells', async (delimiter) => {
    await expect(csv('a\n1\n', { delimiter })).rejects.toMatchObject({ kind: 'usage' });
  });

  test('rows with nothing in any cell are passed over, however many cells they have', async () => {
    expect(await csv('a,b\n,\n1,2\n,,,\n\n"",\n')).toEqual([
      { position: 'line 3', values: { a: '1', b: '2' } },
      { position: 'line 6', values: { a: '', b: null } },
    ]);
  });
});

describe('JSON documents', () => {
  const records = (source: readonly (SourceRecord | BrokenRecord)[]) =>
    source.map((record) => ('problem' in record ? record.problem : record.values));

  test('hold records in an array, or where keys lead, through arrays on the way', async () => {
    expect(records(await ndjson('[\n{"a":1},\n{"a":[{}]}\n]\n'))).toMatchObject([{}, { a: [{}] }]);
    expect(records(await ndjson('{"x":[{"a":0}],"Records":[{"a":"]}"},{"b":"\\""}]}', { records: 'Records' }))).toEqual(
      [{ a: ']}' }, { b: '"' }],
    );
    const nested = '{"r":[{"s":[{"l":[{"n":"1"}]},{"l":[]}]},{"s":[{"l":[{"n":"2"}]}]}]}\n';
    expect(records(await ndjson(nested + nested, { records: 'r.s.l' }))).toEqual(
      ['1', '2', '1', '2'].map((n) => ({ n })),
    );
    expect(records(await ndjson('{"a":{"b":{"c":"x"}}}', { records: 'a.b' }))).toEqual([{ c: 'x' }]);
  });

  test('a member that is no object is broken, one by one', async () => {
    expect(records(await ndjson('[{"a":"b"},1,"x",{"a":"c"}]'))).toEqual([
      { a: 'b' },
      '1 is not a JSON object',
      '"x" is not a JSON object',
      { a: 'c' },
    ]);
  });

  test.each(['[{"a":1}', '[{"a":1},]', '[{"a":1} {"a":2}]', '[{"a":1}}', '[{"a":"', '{"Records":[{}]', '[{}]]'])(
    'what is no JSON around them is told: %j',
    async (text) => {
      await expect(ndjson(text, text.startsWith('{') ? { records: 'Records' } : {})).rejects.toMatchObject({
        kind: 'data',
      });
    },
  );

  test('keys that lead nowhere are told', async () => {
    await expect(ndjson('{"Records":[{}]}', { records: 'Recrods' })).rejects.toMatchObject({
      kind: 'usage',
      message: '--records "Recrods" leads nowhere: there are Records',
    });
  });

  test('are read the same in whatever pieces they come', async () => {
    const members = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true }));
    await fc.assert(
      fc.asyncProperty(members, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (list, size, pretty) => {
        const bytes = Buffer.from(JSON.stringify({ other: list, found: { here: list } }, null, pretty ? 2 : 0));
        async function* pieces(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        const texts: string[] = [];
        for await (const some of jsonRecords(pieces(), ['found', 'here'])) texts.push(...some.map(String));
        expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(list)));
      }),
      { numRuns: 60 },
    );
  });

  test('gzip is read, also in pieces, and a torn one is told', async () => {
    const packed = gzipSync('{"a":"b"}\n');
    expect(records(await ndjson(Buffer.concat([packed, packed])))).toEqual([{ a: 'b' }, { a: 'b' }]);
    await expect(ndjson(packed.subarray(0, packed.length - 6))).rejects.toMatchObject({ kind: 'data' });
    expect(await csv(gzipSync('a\n1\n'))).toEqual([{ position: 'line 2', values: { a: '1' } }]);
  });
});

describe('JSON lines', () => {
  test('are objects; empty lines are passed over, and numbers keep their digits', async () => {
    const [first, second] = (await ndjson('{"a":9007199254740993}\n\n{"b":null}')) as SourceRecord[];
    expect(String(first?.values['a'])).toBe('9007199254740993');
    expect(second).toEqual({ position: 'line 3', values: { b: null } });
  });

  test('what is no object is broken, with its reason and its text', async () => {
    expect(await ndjson('[1]\n{"torn\n{"a":1,"a":2}\n')).toEqual([
      { position: 'line 1', problem: 'an array is not a JSON object', text: '[1]' },
      { position: 'line 2', problem: expect.stringContaining('not valid JSON') as string, text: '{"torn' },
      { position: 'line 3', problem: expect.stringContaining('twice') as string, text: '{"a":1,"a":2}' },
    ]);
  });

  test('a line in Latin-1 is broken, and the others are read', async () => {
    const records = await all(await openTextSource(fixture('broken/latin1.ndjson'), ['ndjson']));
    expect(records.map((record) => ('problem' in record ? record.problem : 'good'))).toEqual([
      'good',
      'not valid UTF-8',
      'good',
    ]);
  });
});
