/** A line of text that is being typed, and how many of its characters stand before the cursor. */
export interface Line {
  readonly text: string;
  readonly at: number;
}

/** What changes a line beside letters: the keys of a shell's own line. */
export type LineKey = 'left' | 'right' | 'home' | 'end' | 'backspace' | 'eraseBefore' | 'eraseAfter' | 'eraseWord';

export function lineOf(text: string): Line {
  return { text, at: charactersOf(text).length };
}

/** A line with a text put in where the cursor is. */
export function typed(line: Line, text: string): Line {
  const [before, after] = partsOf(line);
  return { text: before + text + after, at: charactersOf(before + text).length };
}

/** A line after a key. */
export function edited(line: Line, key: LineKey): Line {
  const [before, after] = partsOf(line);
  const cut = (kept: string): Line => ({ text: kept + after, at: charactersOf(kept).length });
  switch (key) {
    case 'left':
      return { ...line, at: Math.max(0, line.at - 1) };
    case 'right':
      return { ...line, at: Math.min(charactersOf(line.text).length, line.at + 1) };
    case 'home':
      return { ...line, at: 0 };
    case 'end':
      return lineOf(line.text);
    case 'backspace':
      return cut(charactersOf(before).slice(0, -1).join(''));
    case 'eraseBefore':
      return cut('');
    case 'eraseAfter':
      return lineOf(before);
    case 'eraseWord':
      return cut(before.replace(/\S*\s*$/, ''));
  }
}

/** What stands before the cursor, and what begins under it. */
export function partsOf({ text, at }: Line): readonly [string, string] {
  const characters = charactersOf(text);
  return [characters.slice(0, at).join(''), characters.slice(at).join('')];
}

let segmenter: Intl.Segmenter | undefined;

/** What a reader takes for one character each. */
function charactersOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}
