import { HIDDEN } from '../core/hidden.js';

/**
 * Emoji hold joiners and variation selectors by right. Four are joined at most, as in the longest emoji there are: a
 * longer chain is no emoji, and some terminals would draw it as wide as it is long.
 */
const EMOJI_PART = String.raw`\p{Extended_Pictographic}(?:[\ufe0e\ufe0f]|\p{Emoji_Modifier})?`;
const EMOJI = String.raw`${EMOJI_PART}(?:\u200d${EMOJI_PART}){0,3}|[0-9#*]\ufe0f\u20e3`;

/** Most of what people write, emoji of one part included: nothing here hides, and finding out is cheap. */
const PLAIN =
  /^[\x20-\x7e\n\u00a0-\u00ac\u00ae-\u034e\u0370-\u05ff\u0900-\u115e\u1e00-\u200a\u2010-\u2027\u2030-\u205f\u2070-\u3163\u3165-\ud7ff\u{1f000}-\u{1faff}\u{20000}-\u{3ffff}]*$/u;

/** So many marks stand on one letter in some script; more are a pile that hides what is above and below it. */
const MARKS = 8;

interface Patterns {
  readonly emojiOrHidden: RegExp;
  readonly hidden: RegExp;
  readonly pile: RegExp;
}

let made: Patterns | undefined;

/** Made at their first use: patterns over all of Unicode take milliseconds to compile, and most text is plain. */
function patterns(): Patterns {
  made ??= {
    emojiOrHidden: new RegExp(`(?:${EMOJI})|${HIDDEN}`, 'gu'),
    hidden: new RegExp(`^${HIDDEN}$`, 'u'),
    pile: new RegExp(String.raw`\p{M}{${MARKS + 1},}`, 'gu'),
  };
  return made;
}

/** Most of what people write, without a single mark: finding piles in it would take longer. */
const WITHOUT_MARKS =
  /^[\n\x20-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u205f\u3000-\u3029\u3030-\u3098\u309b-\ua66e\uac00-\ud7ff]*$/;

/**
 * Makes text safe for a terminal. Nothing is dropped: each hidden character, and each mark beyond a few on one letter,
 * becomes an escape such as `\x1b` or `\u202e`. A newline becomes `⏎` (`mark`) or stays (`keep`).
 */
export function visible(text: string, options: { readonly newlines: 'mark' | 'keep' }): string {
  const newline = options.newlines === 'mark' ? '⏎' : '\n';
  const flat = WITHOUT_MARKS.test(text) ? text : text.replace(patterns().pile, (found) => withoutPile(found, escaped));
  if (PLAIN.test(flat)) return newline === '\n' ? flat : flat.replaceAll('\n', newline);
  const { emojiOrHidden, hidden } = patterns();
  return flat.replace(emojiOrHidden, (found) => {
    if (found === '\n') return newline;
    return hidden.test(found) ? escaped(found) : found;
  });
}

/** The first marks of a pile, and the others as escapes. */
function withoutPile(pile: string, escape: (character: string) => string): string {
  return Array.from(pile, (mark, index) => (index < MARKS ? mark : escape(mark))).join('');
}

function escaped(character: string): string {
  if (character === '\t') return String.raw`\t`;
  if (character === '\r') return String.raw`\r`;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return String.raw`\x${hex(code, 2)}`;
  if (code < 0x10000) return String.raw`\u${hex(code, 4)}`;
  return String.raw`\u{${hex(code, 5)}}`;
}

/**
 * Makes JSON text safe for a terminal, and leaves it the same JSON: hidden characters become `\uXXXX`. Line feeds and
 * tabs stay, for in valid JSON they stand only between tokens; so do carriage returns, which become spaces.
 */
export function visibleJson(json: string): string {
  const { emojiOrHidden, hidden, pile } = patterns();
  return json
    .replace(pile, (found) => withoutPile(found, jsonEscaped))
    .replace(emojiOrHidden, (found) => {
      if (found === '\n' || found === '\t') return found;
      if (found === '\r') return ' ';
      return hidden.test(found) ? jsonEscaped(found) : found;
    });
}

function jsonEscaped(characters: string): string {
  let text = '';
  for (let index = 0; index < characters.length; index += 1) {
    text += String.raw`\u${hex(characters.charCodeAt(index), 4)}`;
  }
  return text;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}
