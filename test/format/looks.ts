import * as fc from 'fast-check';
import { expect } from 'vitest';
import { rulerFor } from '../../src/terminal/width.js';

/** The widest line, as a terminal draws it. */
export async function widthOf(text: string): Promise<number> {
  const ruler = await rulerFor([text]);
  return Math.max(...text.split('\n').map((line) => ruler.width(line)));
}

/** Text as strangers write it: of any characters, or too long for any column. */
export const ANY_TEXT = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  fc.constant('x'.repeat(300)),
);

const HIDDEN = new RegExp(String.raw`[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e\u2066-\u2069\ufeff]`);

/** Nothing in a text that a terminal would obey, or that it would not show. */
export function expectVisible(text: string): void {
  expect(HIDDEN.exec(text)).toBeNull();
}
