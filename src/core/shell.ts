import { HIDDEN } from './hidden.js';

/**
 * A text as one word of a shell, quoted where it has to be, that can be shown and pasted: what no screen shows as it is
 * stands there as `printf` writes it.
 */
export function shellWord(text: string): string {
  // zsh takes a word that begins with = for the path of a command.
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text)) return text;
  if (/^[\x20-\x7e]*$/.test(text) || !new RegExp(HIDDEN, 'u').test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  const printed = text.replace(new RegExp(`^-|[^\\w@+=:,./ \\x80-\\u{10ffff}[-]|${HIDDEN}`, 'gu'), octal);
  // A substitution loses line feeds at its end. What keeps them, not every shell knows.
  return text.endsWith('\n') ? `$'${printed}'` : `"$(printf '${printed}')"`;
}

function octal(character: string): string {
  return Array.from(Buffer.from(character), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
