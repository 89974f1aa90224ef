import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellWord } from '../../src/core/shell.js';
import { visible } from '../../src/terminal/sanitize.js';

/** What a shell takes these words for. */
function read(shell: string, words: readonly string[]): string[] {
  const text = execFileSync(shell, ['-c', `printf '%s\\0' ${words.join(' ')}`], { encoding: 'utf8' });
  return text.split('\0').slice(0, -1);
}

const hostile = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
    fc.integer({ min: 1, max: 0x17f }).map((code) => String.fromCodePoint(code)),
    fc.constantFrom(
      '\n',
      '\r',
      '\x1b',
      "'",
      '"',
      '\\',
      '%',
      '$',
      '`',
      '!',
      '-',
      '=',
      '1',
      '👩',
      '\u200d',
      '❤',
      '\ufe0f',
    ),
    fc.constantFrom('\u202e', '\u200b', '\u2028', '\u00ad', 'é'),
  ),
  { maxLength: 12 },
);

const text = hostile.map((parts) => parts.join('')).filter((one) => one.isWellFormed());

describe('a word of a shell', () => {
  test.each([
    ['plain', 'plain'],
    ['/var/lib/a.db', '/var/lib/a.db'],
    ['', "''"],
    ['=cmd', "'=cmd'"],
    ['Ines Moreau', "'Ines Moreau'"],
    ["o'hara", String.raw`'o'\''hara'`],
    ['日本 👩‍❤️‍👨', String.raw`"$(printf '日本 👩\342\200\215❤\357\270\217\342\200\215👨')"`],
    ['--actor=\x1b[31m$x', String.raw`"$(printf '\055-actor=\033[31m\044x')"`],
    ['two\nlines', String.raw`"$(printf 'two\012lines')"`],
    ['ends\n', String.raw`$'ends\012'`],
  ])('%j', (given, word) => {
    expect(shellWord(given)).toBe(word);
  });

  // Of what ends in a line feed, only newer shells than this can be told without writing it out.
  test.each([
    ['sh', text.filter((one) => !one.endsWith('\n'))],
    ['bash', text],
  ])(
    'is what was meant for %s, and no screen shows it otherwise',
    (shell, texts) => {
      fc.assert(
        fc.property(fc.array(texts, { minLength: 1, maxLength: 200 }), (given) => {
          const words = given.map(shellWord);
          for (const word of words) expect(visible(word, { newlines: 'mark' })).toBe(word);
          expect(read(shell, words)).toEqual(given);
        }),
        { numRuns: 30 },
      );
      // Each word is a process of its own for bash.
    },
    120_000,
  );
});
