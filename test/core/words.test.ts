import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/core/shell.js';
import { splitWords } from '../../src/core/words.js';

test.each([
  ['', []],
  ['  --actor  bob ', ['--actor', 'bob']],
  [`--search 'a b' "c d"e \\ f`, ['--search', 'a b', 'c de', ' f']],
  [`'' "" x`, ['', '', 'x']],
  [`"a\\"b" 'a\\b'`, ['a"b', 'a\\b']],
  ['end\\', ['end\\']],
])('%s is split as a shell does', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test('refuses a quote that is not closed', () => {
  expect(() => splitWords(`--search "it's`)).toThrow('a " is not closed');
});

test('takes apart what was put together of printable words', () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom(...'ab \'"\\$=-:é漢') }));
  fc.assert(
    fc.property(words, (given) => {
      expect(splitWords(given.map(shellWord).join(' '))).toEqual(given);
    }),
  );
});
