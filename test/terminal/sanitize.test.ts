import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visible, visibleJson } from '../../src/terminal/sanitize.js';

const anyText = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
    fc.constantFrom(
      '\n',
      '\r',
      '\t',
      '\x1b',
      '\u200d',
      '\ufe0f',
      '\u20e3',
      '1',
      '👩',
      '❤',
      '🏽',
      '\u202e',
      '\ud800',
      '\udc00',
    ),
  ),
});

// Written out here as ranges, and not as the properties that the code goes by.
const FORBIDDEN = new RegExp(
  [
    String.raw`[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f]`,
    String.raw`[\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb]`,
    String.raw`[\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]`,
    String.raw`[\ud800-\udfff]`,
  ].join('|'),
  'u',
);

describe('visible', () => {
  test.each([
    ['plain ASCII', 'plain ASCII'],
    ['\x1b[31mred\x07', String.raw`\x1b[31mred\x07`],
    ['\0\x7f\x9b', String.raw`\x00\x7f\x9b`],
    ['a\u202eb\u2066c\u061cd\u200ee', String.raw`a\u202eb\u2066c\u061cd\u200ee`],
    ['\u200b\u200c\u200d\u2060\ufeff\u00ad\u3164', String.raw`\u200b\u200c\u200d\u2060\ufeff\xad\u3164`],
    ['\u2028\u2029', String.raw`\u2028\u2029`],
    ['\u{e0041}\u{e0100}', String.raw`\u{e0041}\u{e0100}`],
    ['a\ud800b\udc00', String.raw`a\ud800b\udc00`],
    ['a\tb\rc', String.raw`a\tb\rc`],
    ['Müller, नमस्ते, 日本', 'Müller, नमस्ते, 日本'],
  ])('%j', (text, shown) => {
    expect(visible(text, { newlines: 'mark' })).toBe(shown);
  });

  test('a newline is marked or kept', () => {
    expect(visible('a\r\nb', { newlines: 'mark' })).toBe(String.raw`a\r⏎b`);
    expect(visible('a\r\nb', { newlines: 'keep' })).toBe('a\\r\nb');
  });

  test.each(['👨‍👩‍👧', '👩‍❤️‍💋‍👨', '🏳️‍🌈', '1️⃣', '❤️', '👍🏽', '👩🏽‍🚀', '☎︎'])('%s stays whole', (emoji) => {
    expect(visible(emoji, { newlines: 'mark' })).toBe(emoji);
  });

  test('joiners and selectors outside of emoji show', () => {
    expect(visible('a\u200db', { newlines: 'mark' })).toBe(String.raw`a\u200db`);
    expect(visible('❤\u200d', { newlines: 'mark' })).toBe(String.raw`❤\u200d`);
    expect(visible('❤\ufe0f\ufe0f', { newlines: 'mark' })).toBe('❤\ufe0f\\ufe0f');
    expect(visible('1\ufe0f', { newlines: 'mark' })).toBe(String.raw`1\ufe0f`);
  });

  test('a chain that is too long for an emoji shows its joiners', () => {
    expect(visible('👩\u200d'.repeat(4) + '👩', { newlines: 'mark' })).toBe(`${'👩\u200d'.repeat(3)}👩\\u200d👩`);
  });

  test('of all characters alone, just those that hide something are escaped', () => {
    const hides = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const character = String.fromCodePoint(code);
      const escaped = visible(character, { newlines: 'mark' }) !== character;
      if (escaped !== hides.test(character)) wrong.push(code.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  test('nothing hidden is left, and twice is once', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('mark' as const, 'keep' as const), (text, newlines) => {
        const shown = visible(text, { newlines });
        expect(shown).not.toMatch(FORBIDDEN);
        expect(shown.includes('\n')).toBe(newlines === 'keep' && text.includes('\n'));
        expect(visible(shown, { newlines })).toBe(shown);
      }),
      { numRuns: 2000 },
    );
  });

  test('every code point that is forbidden is escaped, and every letter stays', () => {
    const wrong: string[] = [];
    const isText = /^(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{N}\p{P}\p{S}\p{Mn}\p{Mc}]$/u;
    const isEscape = /^\\(?:t|r|x[\da-f]{2}|u[\da-f]{4}|u\{[\da-f]{5}\})$/;
    for (let code = 0; code <= 0x10ffff; code += 1) {
      const text = String.fromCodePoint(code);
      const shown = visible(text, { newlines: 'mark' });
      if (FORBIDDEN.test(text) ? !isEscape.test(shown) : isText.test(text) && shown !== text) {
        wrong.push(code.toString(16));
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('visibleJson', () => {
  test('escapes as JSON does', () => {
    expect(visibleJson('{"a":"\u202e\u009b\x7f\u{e0041}👨‍👩‍👧"}')).toBe(
      String.raw`{"a":"\u202e\u009b\u007f\udb40\udc41👨‍👩‍👧"}`,
    );
  });

  test('line feeds and tabs between tokens stay, carriage returns cannot hide what stands before them', () => {
    expect(visibleJson('{\r\n\t"a": 1}\n')).toBe('{ \n\t"a": 1}\n');
  });

  test('it stays the same JSON, and nothing hidden is left', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.oneof(anyText, fc.double({ noNaN: true }))), (document) => {
        const shown = visibleJson(JSON.stringify(document, null, 1));
        expect(shown.replaceAll('\n', '')).not.toMatch(FORBIDDEN);
        expect(JSON.parse(shown)).toEqual(JSON.parse(JSON.stringify(document)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('marks on one letter', () => {
  const marks = (count: number): string => '\u0301'.repeat(count);

  test('a few stand as they are, and more are shown as what they are', () => {
    expect(visible(`a${marks(8)}b`, { newlines: 'mark' })).toBe(`a${marks(8)}b`);
    expect(visible(`a${marks(10)}b`, { newlines: 'mark' })).toBe(String.raw`a${marks(8)}\u0301\u0301b`);
    expect(visible(`\u{1d165}`.repeat(9), { newlines: 'mark' })).toBe(`${'\u{1d165}'.repeat(8)}\\u{1d165}`);
    expect(visibleJson(`"a${marks(9)}"`)).toBe(String.raw`"a${marks(8)}\u0301"`);
    expect(JSON.parse(visibleJson(`"a${marks(50)}"`))).toBe(`a${marks(50)}`);
  });

  test('of every kind are seen', () => {
    for (let code = 0x300; code < 0x110000; code++) {
      const mark = String.fromCodePoint(code);
      if (!/\p{M}/u.test(mark)) continue;
      const shown = visible(`a${mark.repeat(9)}`, { newlines: 'mark' });
      expect(shown.endsWith(mark), code.toString(16)).toBe(false);
    }
  });
});
