/** Measures and shapes text by the columns that it takes on a terminal. Texts must have been made visible before. */
export interface Ruler {
  width(text: string): number;
  /** Cuts text to a width and marks the cut with `…`, at its end or in its middle. */
  truncate(text: string, columns: number, cut?: 'end' | 'middle'): string;
  pad(text: string, columns: number, align?: 'left' | 'right'): string;
  /** Breaks one line of text at spaces, and words that are too long anywhere. All lines keep its indentation. */
  wrap(text: string, columns: number): string[];
}

/** ASCII, Latin letters and our own marks: one column each, whatever the terminal. */
const SIMPLE = /^[\x20-\x7e\u00c0-\u024f\u2026\u23ce\u2192]*$/;

/**
 * A ruler that can measure these texts, and parts of them. The tables for other scripts are loaded only when one of
 * the texts needs them.
 */
export async function rulerFor(texts: Iterable<string>): Promise<Ruler> {
  for (const text of texts) {
    if (!SIMPLE.test(text)) {
      const { default: stringWidth } = await import('string-width');
      // string-width builds its regular expressions anew each time; texts repeat their letters.
      const known = new Map<string, number>();
      const letterWidth = (letter: string): number => {
        const width = known.get(letter) ?? stringWidth(letter);
        known.set(letter, width);
        return width;
      };
      return rulerWith(widthOfGraphemes(stringWidth, letterWidth));
    }
  }
  return rulerWith(() => 1);
}

/**
 * As terminals count. string-width alone counts © and ✔ as two columns, and a cluster of Devanagari as one although
 * its letters stand side by side (measured against tmux and its wcwidth). Its expressions are compiled here, at the
 * first use: at start-up they would cost every run a millisecond.
 */
function widthOfGraphemes(
  emojiWidth: (text: string) => number,
  letterWidth: (letter: string) => number,
): (grapheme: string) => number {
  const emoji = /\p{Emoji_Presentation}|\ufe0f/u;
  // Characters that may be drawn as an emoji, but are not unless they say so: ©, ✔, ❤. The named six are wide anyway.
  const textStyle = /^(?![\u3030\u303d\u3297\u3299\u{1f202}\u{1f237}])\p{Emoji}$/u;
  // What joins the character before it: marks, and the later letters of a Korean syllable.
  const joined = /^[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}\u1160-\u11ff]$/u;
  return (grapheme) => {
    if (emoji.test(grapheme)) return emojiWidth(grapheme);
    let columns = 0;
    for (const character of grapheme) {
      if (joined.test(character)) continue;
      columns += textStyle.test(character) ? 1 : letterWidth(character);
    }
    return columns;
  };
}

let segmenter: Intl.Segmenter | undefined;
const SLICE = 256;

/** How many code units a text cut to so many columns has at most: an emoji of four parts has six a column. */
function mostUnits(columns: number): number {
  return 8 * columns + 16;
}

/**
 * What a reader takes for one character each. The segmenter is made at its first use, for it takes milliseconds to
 * load. It takes quadratic time (measured: 3.5 s for 100,000 letters), so it gets a slice at a time; the last
 * character of a slice may go on in the next one.
 */
function* graphemes(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  for (let start = 0; start < text.length;) {
    const slice = text.slice(start, start + SLICE).replace(/(?<=.)[\ud800-\udbff]$/s, '');
    const parts = Array.from(segmenter.segment(slice), ({ segment }) => segment);
    if (parts.length > 1 && start + slice.length < text.length) parts.pop();
    for (const part of parts) {
      start += part.length;
      yield part;
    }
  }
}

function rulerWith(measure: (grapheme: string) => number): Ruler {
  const width = (text: string): number => {
    if (SIMPLE.test(text)) return text.length;
    let columns = 0;
    for (const grapheme of graphemes(text)) columns += measure(grapheme);
    return columns;
  };

  const head = (text: string, columns: number): string => {
    if (SIMPLE.test(text)) return text.slice(0, columns);
    let end = 0;
    let left = columns;
    for (const grapheme of graphemes(text)) {
      left -= measure(grapheme);
      if (left < 0 || end + grapheme.length > mostUnits(columns)) break;
      end += grapheme.length;
    }
    return text.slice(0, end);
  };

  const tail = (text: string, columns: number): string => {
    if (SIMPLE.test(text)) return columns === 0 ? '' : text.slice(-columns);
    let start = text.length;
    let left = columns;
    for (const grapheme of [...graphemes(text)].toReversed()) {
      left -= measure(grapheme);
      if (left < 0 || text.length - start + grapheme.length > mostUnits(columns)) break;
      start -= grapheme.length;
    }
    return text.slice(start);
  };

  const truncate: Ruler['truncate'] = (text, columns, cut = 'end') => {
    if (head(text, columns).length === text.length) return text;
    if (columns < 1) return '';
    if (cut === 'end') return `${head(text, columns - 1)}…`;
    const before = head(text, Math.floor((columns - 1) / 3));
    return `${before}…${tail(text, columns - 1 - width(before))}`;
  };

  /** Cuts a word that is too long for a line. A grapheme wider than the line stands alone all the same. */
  const pieces = (word: string, columns: number): string[] => {
    if (SIMPLE.test(word)) return word.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''];
    const cut: string[] = [];
    let piece = '';
    let used = 0;
    for (const grapheme of graphemes(word)) {
      const wide = width(grapheme);
      if (used + wide > columns && piece !== '') {
        cut.push(piece);
        piece = '';
        used = 0;
      }
      piece += grapheme;
      used += wide;
    }
    cut.push(piece);
    return cut;
  };

  const wrap: Ruler['wrap'] = (text, columns) => {
    const lines: string[] = [];
    const spaces = /^ */.exec(text)?.[0] ?? '';
    // However deep the text is indented, half of the line is for words.
    const indentation = spaces.slice(0, Math.floor(columns / 2));
    let line = indentation;
    let used = line.length;
    let begun = false;
    for (const word of text.slice(spaces.length).split(' ')) {
      const wide = width(word);
      const gap = begun ? 1 : 0;
      if (used + gap + wide <= columns) {
        line += ' '.repeat(gap) + word;
        used += gap + wide;
      } else {
        if (begun) {
          lines.push(line);
        }
        const parts = pieces(word, columns - indentation.length).map((part) => indentation + part);
        line = parts.pop() ?? '';
        used = width(line);
        lines.push(...parts);
      }
      begun = true;
    }
    lines.push(line);
    return lines;
  };

  return {
    width,
    truncate,
    pad(text, columns, align = 'left') {
      const space = ' '.repeat(Math.max(0, columns - width(text)));
      return align === 'left' ? text + space : space + text;
    },
    wrap,
  };
}
