import * as fc from 'fast-check';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { describe, expect, test } from 'vitest';
import { ENTRY_FIELDS } from '../../src/core/entry.js';
import { csvEncoder } from '../../src/format/csv.js';
import type { Cell } from '../../src/core/cell.js';

const text = fc.string({
  unit: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...'",;\r\n\t=+-@\'1.e a\u00a0\u200b\u3000\ufeff＝－カ') },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
  ),
  maxLength: 8,
});
const cell: fc.Arbitrary<Cell> = fc.oneof(text, fc.maxSafeInteger(), fc.constant(null), fc.constant(''));
const rows = fc
  .integer({ min: 1, max: 5 })
  .chain((columns) => fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 6 }));

const BLANK = /^[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]*/u;

/** The rule of the contract, in other words than the code's. */
function disarmed(value: Cell): Cell {
  if (typeof value !== 'string') return value;
  const bare = value.replace(/^'+/, '');
  const isFormula = /^[\t\r]/.test(bare) || /^[-=+@\uff0b\uff0d\uff1d\uff20]/.test(bare.replace(BLANK, ''));
  return !isFormula || /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(bare) ? value : `'${value}`;
}

/** A page of fields as a store has it: none of these texts may hold a mark. */
function marked(table: readonly (readonly Cell[])[]): Uint8Array {
  const cells = table.flat().map((value) => (value === null ? '' : value === '' ? '\x1e' : String(value)));
  return Buffer.from(cells.map((value) => `${value}\x1f`).join(''));
}

async function encodeFields(table: readonly (readonly Cell[])[], exact = false): Promise<string> {
  const columns = Array.from({ length: table[0]?.length ?? 1 }, () => 'message' as const);
  return Buffer.from((await csvEncoder(columns, { exact })).fields(marked(table))).toString();
}

const isMarkable = (value: Cell): boolean =>
  typeof value !== 'string' ||
  (value.isWellFormed() && value !== '\x1e' && !value.includes('\x1f') && !value.includes('\0'));

/** What csv-stringify makes of every field itself. */
const plain = (table: readonly (readonly Cell[])[], exact = false): string =>
  stringify(table as Cell[][], { quoted_match: exact ? /^$/ : /[;\t]|^$/ });

async function encode(table: readonly (readonly Cell[])[], exact = false): Promise<string> {
  return (await csvEncoder(['id'], { exact })).rows(table);
}

describe('csvEncoder', () => {
  test('the header is the names of the fields', async () => {
    const { header } = await csvEncoder([...ENTRY_FIELDS, 'reverted_by'], { exact: false });
    expect(header()).toBe(`${[...ENTRY_FIELDS].join(',')},reverted_by\n`);
  });

  test.each<[Cell[], string]>([
    [[1, null, '', 'x'], '1,,"",x\n'],
    [['a,b', 'a"b', 'a\nb', 'a\rb', ' a '], '"a,b","a""b","a\nb","a\rb", a \n'],
    [['{"a":1}', '["b"]'], '"{""a"":1}","[""b""]"\n'],
    [['=1+1', '+x', '-', '@a', '\ta', '\ra'], `'=1+1,'+x,'-,'@a,"'\ta","'\ra"\n`],
    [['=a,b'], `"'=a,b"\n`],
    [['-12.50', '+3', '-1e5', '-.5', -7], '-12.50,+3,-1e5,-.5,-7\n'],
    [['-1-1', '+1 ', '-0x1', '-1e', '--1'], `'-1-1,'+1 ,'-0x1,'-1e,'--1\n`],
    [["'=a", "''=a", "'a", "'-5", 'a=b'], `''=a,'''=a,'a,'-5,a=b\n`],
    [
      [' =a', '\n=a', '\x7f@', '\u00a0=a', '\u200b\u200b+x', '\ufeff-x'],
      `' =a,"'\n=a",'\x7f@,'\u00a0=a,'\u200b\u200b+x,'\ufeff-x\n`,
    ],
    [
      ['＝1', '＋1', '－1', '＠a', '\u3000＝1', ' -5', '\u200ba', ' a'],
      `'＝1,'＋1,'－1,'＠a,'\u3000＝1,' -5,\u200ba, a\n`,
    ],
    [['a;=1', 'a\t=1'], `"a;=1","a\t=1"\n`],
    [['a\0b', 'c,\0d', '=\0'], `a\0b,"c,\0d",'=\0\n`],
    [['a\0,', null, ''], '"a\0,",,""\n'],
    [[null], '\n'],
  ])('%j', async (row, line) => {
    expect(await encode([row])).toBe(line);
    if (row.every(isMarkable)) expect(await encodeFields([row, row])).toBe(line + line);
  });

  test('exact leaves formulas as they are', async () => {
    expect(await encode([['=1', '\r', '-x', '', ' ＝a', "'=a", 'a;b\tc']], true)).toBe(
      `=1,"\r",-x,"", ＝a,'=a,a;b\tc\n`,
    );
  });

  test('no character before a sign hides it, and fields are as rows', async () => {
    const before: string[] = [];
    for (let code = 1; code < 0x110000; code++) {
      const character = String.fromCodePoint(code);
      if (/[\p{White_Space}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u.test(character)) before.push(character);
    }
    const texts = [...before, '', '＝', '＋', '－', '＠'].map((character) => `${character}=x`).filter(isMarkable);
    expect(texts.length).toBeGreaterThan(4000);
    const table = texts.map((one) => [one]);
    const back = parse(await encode(table), { record_delimiter: '\n' });
    expect(back).toEqual(texts.map((one) => [`'${one}`]));
    expect(await encodeFields(table)).toBe(await encode(table));
  });

  test('no rows are no text', async () => {
    expect(await encode([])).toBe('');
    expect(await encodeFields([])).toBe('');
  });

  test('the rows that came in stay as they are', async () => {
    const row = Object.freeze(['=a', 'b,c']);
    await encode([row]);
    expect(row).toEqual(['=a', 'b,c']);
  });

  test('every byte is as csv-stringify has it', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), async (table, exact) => {
        const expected = exact ? table : table.map((row) => row.map(disarmed));
        expect(await encode(table, exact)).toBe(plain(expected, exact));
      }),
      { numRuns: 3000 },
    );
  });

  test('fields come out as rows do, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), async (table, exact) => {
        const page = table.map((row) => row.map((value) => (isMarkable(value) ? value : '\x1eé修🎉')));
        expect(await encodeFields(page, exact)).toBe(await encode(page, exact));
      }),
      { numRuns: 3000 },
    );
  });

  test('fields may begin anywhere in their memory', async () => {
    const memory = Buffer.from('abc\x1fd"\x1f\x1f');
    const { fields } = await csvEncoder(['id', 'source'], { exact: false });
    expect(Buffer.from(fields(memory.subarray(4))).toString()).toBe('"d""",\n');
  });

  test('a parser reads back what was written, null and empty text apart', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (table) => {
        // A line feed alone is how csv-parse skips a row of one null.
        fc.pre(table.every((row) => row.length > 1));
        const back = parse(await encode(table, true), {
          record_delimiter: '\n',
          cast: (value, context) => (value === '' && !context.quoting ? null : value),
        });
        expect(back).toEqual(table.map((row) => row.map((value) => (value === null ? null : String(value)))));
      }),
      { numRuns: 1000 },
    );
  });
});
