import { stringify } from 'csv-stringify/sync';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvRows } from '../../src/importers/csv-rows.js';
import type { BrokenCsv, CsvRecord, CsvRules } from '../../src/importers/csv-rows.js';

type Row = CsvRecord | BrokenCsv;

/** The bytes in chunks of these sizes, over and over. */
async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let [start, turn] = [0, 0]; start < bytes.length; turn++) {
    const end = start + (sizes[turn % sizes.length] ?? bytes.length);
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function rowsOf(
  content: string | Uint8Array,
  rules: Partial<CsvRules> = {},
  sizes: readonly number[] = [],
): Promise<Row[]> {
  const rows: Row[] = [];
  const bytes = Buffer.from(content as string);
  for await (const page of csvRows(chunked(bytes, sizes), { bareQuotes: 'text', ...rules })) rows.push(...page);
  return rows;
}

/** The same however the bytes arrive. */
async function read(content: string | Uint8Array, rules: Partial<CsvRules> = {}): Promise<Row[]> {
  const rows = await rowsOf(content, rules);
  for (const size of [1, 2, 7]) expect(await rowsOf(content, { ...rules, piece: size }, [size])).toEqual(rows);
  return rows;
}

const cellsOf = async (content: string | Uint8Array) =>
  (await read(content)).map((row) => ('problem' in row ? `${row.line}: ${row.problem}: ${row.text}` : row.cells));

const OPEN = 'a quote is opened and never closed';
const BEHIND = 'text behind the quote that closes a field';

describe('cells', () => {
  test.each<[string, (string | null)[][]]>([
    ['', []],
    ['\n\r\n\n', []],
    ['a', [['a']]],
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a\r\n1\n2\r\n3', [['a'], ['1'], ['2'], ['3']]],
    [
      ',\n"",\n,""',
      [
        [null, null],
        ['', null],
        [null, ''],
      ],
    ],
    ['""', [['']]],
    ['"a,""b""\nc"\n"d"', [['a,"b"\nc'], ['d']]],
    ['"a\r\nb",c\r\n', [['a\r\nb', 'c']]],
    [' "a" ,b\n', [[' "a" ', 'b']]],
    ['a\0b,"\0"\n', [['a\0b', '\0']]],
    [
      'é,"日,本"\n\u{1f600},\ufffd\n',
      [
        ['é', '日,本'],
        ['\u{1f600}', '\ufffd'],
      ],
    ],
    ['\ufeffa\n\ufeffb\n', [['a'], ['\ufeffb']]],
    ['\ufeff"a",b\n', [['a', 'b']]],
    ['\ufeff', []],
    ['a\n1\r2\n"3\r4"\n5\r\r\n', [['a'], ['1\r2'], ['3\r4'], ['5\r']]],
    [
      'a,b\r1,"2\r3"\r4,\n\r',
      [
        ['a', 'b'],
        ['1', '2\r3'],
        ['4', '\n'],
      ],
    ],
    ['a\n1\r', [['a'], ['1']]],
    ['a\n"1"\r', [['a'], ['1']]],
  ])('%j', async (text, cells) => {
    expect(await cellsOf(text)).toEqual(cells);
  });

  test('a quote within a bare one is a character of it, or a mistake', async () => {
    const text = 'a"b,c\n"",d"\ne,f\n';
    expect(await cellsOf(text)).toEqual([
      ['a"b', 'c'],
      ['', 'd"'],
      ['e', 'f'],
    ]);
    const problem = 'a quote within a field that does not begin with one';
    expect(await read(text, { bareQuotes: 'broken' })).toEqual([
      { line: 1, problem, text: 'a"b,c' },
      { line: 2, problem, text: '"",d"' },
      { line: 3, text: 'e,f', cells: ['e', 'f'] },
    ]);
  });

  test('come with the line on which their record begins, and with its text', async () => {
    expect(await read('a\r\n\r\n"1\n\r\n2",é\n3')).toEqual([
      { line: 1, text: 'a', cells: ['a'] },
      { line: 3, text: '"1\n\r\n2",é', cells: ['1\n\r\n2', 'é'] },
      { line: 6, text: '3', cells: ['3'] },
    ]);
  });
});

describe('what is broken', () => {
  test.each<[what: string, text: string, rows: (string | (string | null)[])[]]>([
    ['a quote torn in the last record', 'a,b\n1,"x\n', [['a', 'b'], `2: ${OPEN}: 1,"x`]],
    ['in the first one', '"a,b\n1,2\n', [`1: ${OPEN}: "a,b`, ['1', '2']]],
    ['in one of several lines', 'a\n"x\ny\n\nz\n', [['a'], `2: ${OPEN}: "x`, ['y'], ['z']]],
    [
      'two torn ones, of which one closes the other',
      'a\n"x\n1\n"y\n2\n',
      [['a'], `2: ${BEHIND}: "x`, ['1'], `4: ${OPEN}: "y`, ['2']],
    ],
    [
      'two torn ones, both open to the end',
      'a\nb,"x\n1\nx",y,"z\n2',
      [['a'], `2: ${OPEN}: b,"x`, ['1'], `4: ${OPEN}: x",y,"z`, ['2']],
    ],
    [
      'two that come to the same end',
      'a\n"x\nx",y,"z\n"b\n1\n',
      [['a'], `2: ${BEHIND}: "x`, `3: ${BEHIND}: x",y,"z`, `4: ${OPEN}: "b`, ['1']],
    ],
    ['text behind a quote', 'a\r\n"x"y,z\r\n1\r\n', [['a'], `2: ${BEHIND}: "x"y,z`, ['1']]],
    ['text behind a quote on a later line', 'a\n"x\n1\ny"z\n2', [['a'], `2: ${BEHIND}: "x`, ['1'], ['y"z'], ['2']]],
    ['a carriage return behind a quote', 'a\n"x"\ry\n1', [['a'], `2: ${BEHIND}: "x"\ry`, ['1']]],
    ['a quote torn before CRLF', 'a,b\r\n1,"x\r\n2,y\r\n', [['a', 'b'], `2: ${OPEN}: 1,"x`, ['2', 'y']]],
    ['a quote torn before CR', 'a,b\r1,"x\r2,y\r', [['a', 'b'], `2: ${OPEN}: 1,"x`, ['2', 'y']]],
    ['a quote torn behind a byte order mark', '\ufeff"a\n1', [`1: ${OPEN}: "a`, ['1']]],
    ['a quote that is all there is', '"', [`1: ${OPEN}: "`]],
  ])('%s', async (_what, text, rows) => {
    expect(await cellsOf(text)).toEqual(rows);
  });

  test('what is no UTF-8 is, with all its lines, and its bytes are kept as Latin-1', async () => {
    const bytes = Buffer.from('a,b\nn\u00e4her,1\n"x\n\u00e9",2\n3,4\n\u00e9"', 'latin1');
    expect(await cellsOf(bytes)).toEqual([
      ['a', 'b'],
      '2: not valid UTF-8: n\u00e4her,1',
      '3: not valid UTF-8: "x\n\u00e9",2',
      ['3', '4'],
      '6: not valid UTF-8: \u00e9"',
    ]);
    expect(await cellsOf(Buffer.from('a\n"\u00e9\n1', 'latin1'))).toEqual([['a'], `2: ${OPEN}: "\u00e9`, ['1']]);
    expect(await cellsOf(Buffer.from([0x61, 0x0a, 0xc3]))).toEqual([['a'], '2: not valid UTF-8: \u00c3']);
  });

  test('a record of several lines may be so long and no longer; one line may be', async () => {
    const long = 'longer than 8 bytes, over several lines: is a quote never closed?';
    const rules = { longest: 8 };
    const text = ['"345\n78"', '"345\n789"', '"3456789"', '"', '"x', 'y', 'z,1', '"3\n5678', '12"'].join('\n');
    expect(await read(text, rules)).toEqual([
      { line: 1, text: '"345\n78"', cells: ['345\n78'] },
      { line: 3, text: '"345', problem: long },
      { line: 4, text: '789"', cells: ['789"'] },
      { line: 5, text: '"3456789"', cells: ['3456789'] },
      { line: 6, text: '"', problem: BEHIND },
      { line: 7, text: '"x', problem: long },
      { line: 8, text: 'y', cells: ['y'] },
      { line: 9, text: 'z,1', cells: ['z', '1'] },
      { line: 10, text: '"3', problem: long },
      { line: 11, text: '5678', cells: ['5678'] },
      { line: 12, text: '12"', cells: ['12"'] },
    ]);
  });

  test('a record that goes the way of one that was too long is read whole where it ends in time', async () => {
    const long = 'longer than 18 bytes, over several lines: is a quote never closed?';
    expect(await read('"aaaa\nx",y,"z\nb",d,"e\n"\n1', { longest: 18 })).toEqual([
      { line: 1, text: '"aaaa', problem: long },
      { line: 2, text: 'x",y,"z\nb",d,"e\n"', cells: ['x"', 'y', 'z\nb', 'd', 'e\n'] },
      { line: 5, text: '1', cells: ['1'] },
    ]);
  });

  test.each(['\n', 'x'])('is given up before much more than a record is held: %j', async (text) => {
    let arrived = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\n"b\n');
      for (; arrived < 100_000; arrived += 10) yield Buffer.alloc(10, text);
    }
    for await (const rows of csvRows(endless(), { bareQuotes: 'text', longest: 100, piece: 10 })) {
      if (rows.some((row) => 'problem' in row)) break;
    }
    expect(arrived).toBeLessThan(300);
  });

  test('every line of many, each of which opens a quote again, is read in time', async () => {
    const count = 300_000;
    const lines = 'x",y,"z\n'.repeat(count);
    const rows = await rowsOf(`a\n${lines}`);
    expect(rows).toHaveLength(count + 1);
    expect(rows.slice(1).every((row, index) => 'problem' in row && row.line === index + 2)).toBe(true);
  });

  test('a line beyond 64 MB ends it', async () => {
    const part = Buffer.alloc(1024 * 1024, 'x');
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\n');
      for (let count = 0; count < 200; count++) yield part;
    }
    const reading = async (): Promise<void> => {
      for await (const page of csvRows(endless(), { bareQuotes: 'text' })) expect(page).toHaveLength(1);
    };
    await expect(reading()).rejects.toMatchObject({
      kind: 'data',
      message: 'line 2 is longer than 67108864 bytes',
    });
  });
});

/** What stands at a place of a text by the letter of the rules, tried anew at each line. */
function plainly(text: string, longest: number): (CsvRecord | Omit<BrokenCsv, 'problem'>)[] {
  const record = /(?:"(?:[^"]|"")*"|(?!")[^,\n]*)(?:,(?:"(?:[^"]|"")*"|(?!")[^,\n]*))*(?:\r?\n|\r?$)/y;
  const field = /,(?:"((?:[^"]|"")*)"|([^",][^,]*|))/gy;
  const rows: (CsvRecord | Omit<BrokenCsv, 'problem'>)[] = [];
  let line = 1;
  for (let at = 0; at < text.length;) {
    record.lastIndex = at;
    const found = record.exec(text)?.[0];
    const whole = found?.replace(/\r?\n$|\r$/, '');
    const isTooLong = whole?.includes('\n') === true && Buffer.byteLength(whole) > longest;
    if (found === undefined || whole === undefined || isTooLong) {
      const first = /[^\n]*\n?/y.exec(text.slice(at))?.[0] ?? '';
      rows.push({ line, text: first.replace(/\n$/, '').replace(/\r$/, '') });
      line += 1;
      at += first.length;
      continue;
    }
    const cells = [...`,${whole}`.matchAll(field)].map(
      ([, quoted, bare]) => quoted?.replaceAll('""', '"') ?? (bare || null),
    );
    if (whole !== '') rows.push({ line, text: whole, cells });
    line += 1 + whole.split('\n').length - 1;
    at += found.length;
  }
  return rows;
}

const runs = { numRuns: 1000 };
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
const piece = fc.integer({ min: 1, max: 30 });

describe('any text', () => {
  const unit = fc.constantFrom('"', '"', ',', '\n', '\n', '\r\n', 'a', 'é', '\r', 'x",y,"z\n', '",\n"', '\n"');
  const text = fc.array(unit, { maxLength: 60 }).map((units) => units.join(''));

  test('is read as the rules have it, wherever it is torn and however it arrives', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 4, max: 40 }), piece, sizes, async (torn, longest, ...how) => {
        const content = `h\n${torn}`;
        const rows = await rowsOf(content, { longest, piece: how[0] }, how[1]);
        expect(rows).toEqual(await rowsOf(content, { longest }));
        expect(rows.map((row) => ('problem' in row ? { line: row.line, text: row.text } : row))).toEqual(
          plainly(content, longest),
        );
      }),
      runs,
    );
  });

  test('has each of its lines in one row, broken or not, under its number', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (torn) => {
        const lines = `h\n${torn}`.split('\n');
        let next = 1;
        for (const row of await rowsOf(lines.join('\n'))) {
          while (next < row.line) expect(lines[(next += 1) - 2]).toMatch(/^\r?$/);
          expect(next).toBe(row.line);
          const own = row.text.split('\n');
          expect(
            lines
              .slice(next - 1, next - 1 + own.length)
              .join('\n')
              .replace(/\r$/, ''),
          ).toBe(row.text);
          next += own.length;
        }
        expect(lines.slice(next - 1).join('')).toMatch(/^\r*$/);
      }),
      runs,
    );
  });
});

test('what csv-stringify writes is read back as it was, however it arrives', async () => {
  const unit = fc.constantFrom('"', ',', '\n', ' ', 'a', 'é', '日', '\u{1f600}', '\0', '\ufeff', '\r', '=');
  const cell = fc.oneof(
    fc.string({ unit, maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constant(null),
  );
  const table = fc
    .integer({ min: 2, max: 4 })
    .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 12 }));
  const options = fc.record({
    bom: fc.boolean(),
    quoted: fc.boolean(),
    quoted_string: fc.boolean(),
    record_delimiter: fc.constantFrom('\n', '\r\n'),
  });
  await fc.assert(
    fc.asyncProperty(table, options, piece, sizes, async (rows, written, ...how) => {
      // What it quotes only where it is told to, and what it does not tell apart.
      const content = stringify(rows, { ...written, quoted_match: /[\r\n]/ });
      const expected = written.quoted_string ? rows : rows.map((row) => row.map((one) => (one === '' ? null : one)));
      const found = await rowsOf(written.bom ? content : `h\n${content}`, { piece: how[0] }, how[1]);
      const cells = found.map((row) => ('problem' in row ? row.problem : row.cells));
      expect(written.bom ? cells : cells.slice(1)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});
