/** What may neither stand in a line of a script nor be seen by a terminal; a line feed may. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** A text as SQL that PostgreSQL reads back exactly, whatever it takes a backslash for. */
export function textLiteral(text: string): string {
  const plain = text.replaceAll("'", "''");
  let isPlain = true;
  const pieces = Array.from(plain, (character) => {
    if (character === '\n' || (character !== '\\' && !HIDDEN.test(character))) return character;
    isPlain = false;
    if (character === '\\') return '\\\\';
    return String.raw`\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`;
  });
  return isPlain ? `'${plain}'` : `E'${pieces.join('')}'`;
}
