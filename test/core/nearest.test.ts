import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { didYouMean, editDistance, nearestWord } from '../../src/core/nearest.js';

describe('editDistance', () => {
  test.each([
    ['', '', 0],
    ['error', 'error', 0],
    ['eror', 'error', 1],
    ['marhc', 'march', 1],
    ['acter', 'actor', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ])('%j to %j is %i', (from, to, distance) => {
    expect(editDistance(from, to)).toBe(distance);
    expect(editDistance(to, from)).toBe(distance);
  });

  test('one slip is one, whichever it is', () => {
    const words = fc.string({ minLength: 2, maxLength: 12, unit: fc.constantFrom('a', 'b', 'c', 'd') });
    fc.assert(
      fc.property(words, fc.nat(), fc.constantFrom('drop', 'double', 'swap', 'other'), (word, place, slip) => {
        const at = place % (word.length - 1);
        const [before, letter, next, after] = [
          word.slice(0, at),
          word.charAt(at),
          word.charAt(at + 1),
          word.slice(at + 2),
        ];
        const typed = {
          drop: before + next + after,
          double: before + letter + letter + next + after,
          swap: before + next + letter + after,
          other: `${before}x${next}${after}`,
        }[slip];
        expect(editDistance(typed, word)).toBe(typed === word ? 0 : 1);
      }),
    );
  });
});

describe('nearestWord', () => {
  test('what is too far from all of them is none of them', () => {
    expect(nearestWord('xyz', ['info', 'warning', 'error'])).toBeUndefined();
    expect(nearestWord('', ['info'])).toBeUndefined();
    expect(nearestWord('anything', [])).toBeUndefined();
    expect(nearestWord('ERORR', ['info', 'error'])).toBe('error');
  });

  test('a word cut short is the one that begins so, where there is only one', () => {
    expect(nearestWord('warn', ['info', 'warning', 'error'])).toBe('warning');
    expect(nearestWord('WAR', ['info', 'warning'])).toBe('warning');
    expect(nearestWord('wa', ['info', 'warning'])).toBeUndefined();
    expect(nearestWord('last', ['last-week', 'last-month'])).toBeUndefined();
  });

  test('says so in words, or nothing', () => {
    expect(didYouMean('eror', ['error'])).toBe(' (did you mean error?)');
    expect(didYouMean('zzz', ['error'])).toBe('');
  });
});
