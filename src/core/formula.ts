import { HIDDEN } from './hidden.js';

// What a spreadsheet would take for a formula gets a quote mark in front, and so does what looks like one that got it
// already: then taking one mark off gives back what was there, whatever it was.

/** What begins a formula, in full width too. */
const SIGNS: ReadonlySet<string> = new Set('=+-@＝＋－＠');
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Text for a spreadsheet: where it would be taken for a formula, with a quote mark in front. */
export function disarmed(text: string): string {
  return isArmed(text) ? `'${text}` : text;
}

/** What `disarmed` made this text of. */
export function undisarmed(text: string): string {
  return text.startsWith("'") && isArmed(text) ? text.slice(1) : text;
}

/**
 * Whether a text is, behind any quote marks, a formula: a sign that begins one, also behind blanks, line feeds and what
 * nobody sees, and no number. A tab or a carriage return at the beginning is as good as a sign.
 */
function isArmed(text: string): boolean {
  let start = 0;
  while (text[start] === "'") start += 1;
  if (text[start] === '\t' || text[start] === '\r') return true;
  for (let at = start; at < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (SIGNS.has(character)) return !NUMBER.test(text.slice(start));
    if (!isBlank(character)) return false;
    at += character.length;
  }
  return false;
}

let blank: RegExp | undefined;

function isBlank(character: string): boolean {
  if (character < '\x7f') return character <= ' ';
  // Made at its first use: it takes milliseconds.
  blank ??= new RegExp(String.raw`^(?:\p{White_Space}|${HIDDEN})$`, 'u');
  return blank.test(character);
}
