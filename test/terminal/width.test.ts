import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { visible } from '../../src/terminal/sanitize.js';
import { rulerFor, type Ruler } from '../../src/terminal/width.js';

let ruler: Ruler;
beforeAll(async () => {
  ruler = await rulerFor(['日本']);
});

// The widths that tmux 3.3 (wcwidth) drew; 👍🏽 and ❤️ as terminals of today draw them.
const WIDTHS: [string, number][] = [
  ['', 0],
  ['abc', 3],
  ['Müller', 6],
  ['…⏎→', 3],
  ['日本語', 6],
  ['한국어', 6],
  ['\u1112\u1161\u11ab', 2],
  ['नमस्ते', 4],
  ['हिन्दी', 5],
  ['தமிழ்', 4],
  ['ไทยที่', 4],
  ['e\u0301', 1],
  ['👨‍👩‍👧', 2],
  ['👍🏽', 2],
  ['🇩🇪', 2],
  ['❤️', 2],
  ['❤', 1],
  ['©✔▶', 3],
  ['1️⃣', 2],
  ['ｱ', 1],
];

const text = fc
  .array(fc.constantFrom(...WIDTHS.map(([sample]) => sample), ' ', 'word', '\u0301', 'x'.repeat(30)), { maxLength: 12 })
  .map((parts) => visible(parts.join(''), { newlines: 'mark' }));

describe('rulerFor', () => {
  test.each(WIDTHS)('%s takes %d columns', (sample, columns) => {
    expect(ruler.width(sample)).toBe(columns);
  });

  test('a ruler for simple texts measures as the full one', async () => {
    const simple = await rulerFor(['plain', 'Müller…']);
    expect(simple.width('Müller…⏎')).toBe(ruler.width('Müller…⏎'));
    expect(simple.truncate('Müller', 4)).toBe('Mül…');
  });
});

describe('truncate', () => {
  test.each<[string, number, string]>([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['abcdef', 1, '…'],
    ['abcdef', 0, ''],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['a👨‍👩‍👧b', 3, 'a…'],
    ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['नमस्ते', 3, 'नम…'],
  ])('%s to %d', (long, columns, short) => {
    expect(ruler.truncate(long, columns)).toBe(short);
  });

  test('in the middle, the end is what stays', () => {
    expect(ruler.truncate('file:lib/deep/name.c', 12, 'middle')).toBe('fil…p/name.c');
    expect(ruler.truncate('日本語日本語', 7, 'middle')).toBe('日…本語');
    expect(ruler.truncate('abc', 1, 'middle')).toBe('…');
  });

  test('never too wide, never half a grapheme, never shorter than it must be', () => {
    const segmenter = new Intl.Segmenter('en');
    const boundaries = (sample: string): number[] => [...segmenter.segment(sample)].map(({ index }) => index);
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (long, columns) => {
        fc.pre(ruler.width(long) > columns);
        const short = ruler.truncate(long, columns);
        expect(ruler.width(short)).toBeLessThanOrEqual(columns);
        expect(short.endsWith('…')).toBe(true);
        const kept = short.length - 1;
        expect(long.startsWith(short.slice(0, kept))).toBe(true);
        expect(boundaries(long)).toContain(kept);
        // The next grapheme would not have fitted.
        const next = boundaries(long).find((boundary) => boundary > kept) ?? long.length;
        expect(ruler.width(long.slice(0, next))).toBeGreaterThan(columns - 1);
      }),
      { numRuns: 1000 },
    );
  });

  test('what fits stays', () => {
    fc.assert(
      fc.property(text, fc.nat(40), fc.constantFrom('end' as const, 'middle' as const), (short, more, cut) => {
        expect(ruler.truncate(short, ruler.width(short) + more, cut)).toBe(short);
      }),
    );
  });

  test('in the middle, both ends are parts of the text', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (long, columns) => {
        fc.pre(ruler.width(long) > columns);
        const short = ruler.truncate(long, columns, 'middle');
        expect(ruler.width(short)).toBeLessThanOrEqual(columns);
        const places = [...short.matchAll(/…/g)].map(({ index }) => index);
        const isCut = (place: number): boolean =>
          long.startsWith(short.slice(0, place)) && long.endsWith(short.slice(place + 1));
        expect(places.some(isCut)).toBe(true);
      }),
    );
  });

  test('graphemes that lie across the slices of a long text stay whole', () => {
    const family = '👨‍👩‍👧';
    const long = `日${family.repeat(300)}`;
    expect(ruler.width(long)).toBe(602);
    expect(ruler.truncate(long, 400)).toBe(`日${family.repeat(198)}…`);
  });
});

describe('pad', () => {
  test('fills up to the width and cuts nothing', () => {
    expect(ruler.pad('日', 4)).toBe('日  ');
    expect(ruler.pad('日', 4, 'right')).toBe('  日');
    expect(ruler.pad('abcdef', 4)).toBe('abcdef');
  });
});

describe('wrap', () => {
  test.each<[string, number, string[]]>([
    ['', 10, ['']],
    ['one two three', 9, ['one two', 'three']],
    ['abcdefghij', 4, ['abcd', 'efgh', 'ij']],
    ['a abcdefghij b', 4, ['a', 'abcd', 'efgh', 'ij b']],
    ['日本語日本語', 5, ['日本', '語日', '本語']],
    ['  - one two three', 9, ['  - one', '  two', '  three']],
    ['                x y', 8, ['    x y']],
    ['日本', 1, ['日', '本']],
  ])('%j at %d', (long, columns, lines) => {
    expect(ruler.wrap(long, columns)).toEqual(lines);
  });

  test('never too wide, and no letter is lost', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 40 }), (long, columns) => {
        const lines = ruler.wrap(long, columns);
        for (const line of lines) expect(ruler.width(line)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replaceAll(' ', '')).toBe(long.replaceAll(' ', ''));
      }),
    );
  });

  test('text without spaces takes a time that grows with its length alone', () => {
    const start = performance.now();
    expect(ruler.wrap('x'.repeat(1_000_000), 80)).toHaveLength(12_500);
    expect(ruler.wrap('日'.repeat(200_000), 80)).toHaveLength(5000);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

test('what takes no columns makes no cell longer than a few code points a column', async () => {
  for (const hidden of ['\u0301', '\u1161', '\u20dd']) {
    const piled = `a${hidden.repeat(200_000)}`;
    const measured = await rulerFor([piled]);
    for (const cut of ['end', 'middle'] as const) {
      expect(measured.truncate(piled, 20, cut).length).toBeLessThan(400);
      expect(measured.truncate(`${piled}${'b'.repeat(200)}${piled}`, 20, cut).length).toBeLessThan(600);
    }
  }
  const families = '👩🏽‍🤝‍👨🏿'.repeat(10);
  expect((await rulerFor([families])).truncate(families, 20)).toBe(families);
});
