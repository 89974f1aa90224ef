import { DaybookError } from './errors.js';
import { shown } from './json.js';

/**
 * Splits a line into words as a shell does: at blanks, with '…', "…" and \ to keep what would end or split a word. There
 * are no variables and no patterns.
 *
 * @throws DaybookError 'usage' for a quote that is not closed
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  const letters = [...line];
  for (let index = 0; index < letters.length; index += 1) {
    const letter = letters[index] ?? '';
    if (letter === '\\' && quote !== "'") {
      index += 1;
      word = (word ?? '') + (letters[index] ?? '\\');
    } else if (letter === quote) quote = undefined;
    else if (quote === undefined && (letter === "'" || letter === '"')) {
      quote = letter;
      word ??= '';
    } else if (quote === undefined && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + letter;
  }
  if (quote !== undefined) throw new DaybookError('usage', `a ${quote} is not closed in ${shown(line)}`);
  return word === undefined ? words : [...words, word];
}
